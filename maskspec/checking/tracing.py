"""Where does the mask go in a model, and does padding leak?

``trace(model, batch)`` runs the batch through the model, watches each layer call, then runs it
again with other values in the padded steps. It changes neither the model nor its weights.
"""

import sys
from typing import Any, List, Optional

import numpy as np

from maskspec.catalogue import cells
from maskspec.catalogue.home import home
from maskspec.catalogue.words import count
from maskspec.checking import trace_losses as losses
from maskspec.checking import trace_measuring as measuring
from maskspec.checking import trace_steps as judging
from maskspec.checking.trace_explaining import Explainer
from maskspec.checking.trace_measuring import Entry, Runner
from maskspec.checking.trace_results import (
    LEAKS,
    LOSES,
    CannotTrace,
    Finding,
    Output,
    Trace,
    is_lost,
    plain,
)
from maskspec.checking.trace_state import kept
from maskspec.checking.trace_steps import LOST, Step
from maskspec.checking.trace_watching import MODEL, OWN, Array, Call, base_classes, leaves, mapped
from maskspec.running import adapter
from maskspec.running.discovery import Installed, NotUsable, discover

__all__ = ["CannotTrace", "Trace", "trace"]
NO_PADDING = "the batch has no padding: every step that a mask speaks of is valid"


def trace(model: Any, batch: Any, targets: Any = None, *, build: bool = False) -> Trace:
    """Where the mask goes in ``model`` when it is given ``batch``, and whether padding leaks.

    ``batch`` is what the model is called with: an array or tensor, or a list, tuple or dict of
    them. With ``targets``, what the loss and the metrics of a compiled model make of padding is
    measured on them, else on targets that are made up. A model that is not built yet is refused,
    because building would change it, unless ``build``. Raise ``CannotTrace`` if the model cannot
    be traced.
    """
    keras = keras_of(model)
    given = mapped(lambda one: _tensor(keras, one), _as_arrays(batch))
    if not leaves(given):
        what = f"the batch holds no array: it is of the type {type(batch).__name__}"
        how = "; give one batch of it, such as next(iter(…))" if hasattr(batch, "__iter__") else ""
        raise CannotTrace(f"{what}{how}")
    targets = None if targets is None else _as_arrays(targets)
    rows = {len(one) for one in leaves(targets) if one.shape} - {len(leaves(given)[0])}
    if rows and leaves(given)[0].shape:
        raise CannotTrace(
            f"the targets have {count(min(rows), 'row')}, and the batch has {len(leaves(given)[0])}"
        )
    if not getattr(model, "built", True):
        if not build:
            raise CannotTrace(
                f"{model.name} is not built, and to build it would change it: call it once on a "
                "batch, or pass build=True"
            )
        _called(model, given)
    with kept(keras, model) as state:
        return _traced(Runner(keras, model, given, state), targets)


def keras_of(model: Any) -> Any:
    """The implementation that ``model`` is of; raise ``CannotTrace`` if there is none."""
    try:
        layer = next(c for c in base_classes(model) if c.__name__ == "Layer")
    except ValueError as error:
        raise CannotTrace(str(error)) from None
    installed = _installed(layer.__module__)
    return adapter.load(installed)


def _installed(module: str) -> Installed:
    """The installed implementation whose base class of layers stands in ``module``."""
    root = module.partition(".")[0]
    if root == "keras":
        version = str(getattr(sys.modules["keras"], "__version__", "2"))
        root = "keras" if version.startswith("3") else "tf.keras"
    name = {"tensorflow": "tf.keras"}.get(root, root)
    try:
        here = {one.implementation: one for one in discover(cells.load(home()))}
    except NotUsable as error:
        raise CannotTrace(str(error)) from None
    if name not in here:
        raise CannotTrace(f"a model of {name} cannot be traced here; there is {', '.join(here)}")
    return here[name]


def _as_arrays(batch: Any) -> Any:
    """``batch``, in which a plain list of numbers is an array, and 64-bit floats are as in fit."""
    if isinstance(batch, dict):
        return {key: _as_arrays(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)) and leaves(batch):
        return type(batch)(_as_arrays(one) for one in batch)
    if isinstance(batch, (list, tuple)):
        batch = _array(batch)
    if isinstance(batch, np.ndarray) and batch.dtype == np.float64:
        return batch.astype("float32")
    return batch


def _array(rows: Any) -> Array:
    """Nested lists as one array."""
    try:
        found = np.asarray(rows)
    except ValueError:  # of what numpy calls an inhomogeneous shape
        found = np.empty(0, object)
    if found.dtype == object:  # so before numpy 1.24
        raise CannotTrace("the batch has rows of several lengths: pad them")
    return found


def _tensor(keras: Any, value: Any) -> Any:
    return keras.tensor(value) if isinstance(value, np.ndarray) else value


def _called(model: Any, given: Any) -> Any:
    try:
        return model(given, training=False)
    except Exception as error:  # of the model's own code: of any class
        raise _no_call(model, given, error) from error


def _no_call(model: Any, given: Any, error: Exception) -> CannotTrace:
    hint = "; targets are an argument of their own: trace(model, batch, targets)"
    return CannotTrace(
        f"{model.name} cannot be called on this batch: {plain(error)}"
        f"{hint if isinstance(given, tuple) else ''}"
    )


def _traced(runner: Runner, targets: Any) -> Trace:
    keras, model = runner.keras, runner.model
    watch = runner.watch()
    try:
        runner.run(watch)
    except Exception as error:  # of the model's own code: of any class
        raise _no_call(model, runner.batch, error) from error
    calls = watch.calls
    steps = judging.steps_of(calls)
    found = Trace(
        f"{model.name} ({type(model).__name__})", str(keras.installed), _in_words(runner.batch),
        steps,
    )  # fmt: skip
    if watch.is_hidden:
        found.notes.append("what happens inside a compiled function or on ragged tensors is hidden")
    masks = [mask for call in calls for mask in (*call.masks_in, *call.masks_out)]
    explainer = Explainer(keras.installed)
    if not masks:
        found.answer = _why_no_mask(calls, explainer)
        return found
    entries = measuring.entries(calls)
    is_padded = any(one is not None for entry in entries for one in entry.added[0])
    if not is_padded:
        found.answer = f"{NO_PADDING}; give one with padding to have it measured"
    _measure(found, runner, entries if is_padded else [], targets, explainer)
    return found


def _in_words(batch: Any) -> str:
    shapes = [f"{tuple(one.shape)}" for one in leaves(batch)]
    return f"{'a batch' if len(shapes) == 1 else 'batches'} of shape {', '.join(shapes)}"


def _why_no_mask(calls: List[Call], explainer: Explainer) -> str:
    """What to say of a model in which there is no mask at all."""
    kinds = {call.kind for call in calls}
    has_steps = any(len(seen.shape) > 2 for call in calls for seen in call.inputs)
    if not has_steps and not kinds & {"Embedding"}:
        return "the model takes no sequence: none of its layers is given steps, so no mask is made"
    why = explainer.of("no mask")
    return (
        "nothing in the model makes a mask, so padding counts like data, if there is any; "
        f"write {why.instead} ({why.page})"
    )


def _measure(
    found: Trace, runner: Runner, entries: List[Entry], targets: Any, explainer: Explainer
) -> None:
    """Run the model with other values in the padded steps, and take in what that tells."""
    steps = found.steps
    measuring.ask_whether_used(runner.keras, steps, runner.state)
    calls = [step.call for step in steps]
    runs: List[List[Call]] = []
    if entries:
        again = runner.calls()
        if any(judging.differs(a, b, None) for a, b in zip(calls[0].outputs, again[0].outputs)):
            found.notes.append(
                "two runs on the same batch differ, as the model draws random numbers even in "
                "inference, so that nothing was measured"
            )
            entries = []
        else:
            runs = [runner.calls(entries, run) for run in range(len(measuring.RUNS))]
    judging.leak(steps, runs)
    judging.settle(steps)
    found.findings += [_lost(step, found, explainer) for step in steps if is_lost(step)]
    found.findings += [_leaking(step, found, explainer) for step in steps if step.leaks]
    found.notes += [
        f"{step.call.label} did not use the mask of its input, as {step.call.kind} mostly does: "
        "was it called with several tensors, or with a mask that changes nothing?"
        for step in steps
        if explainer.should_use(step)
    ]
    found.outputs = _outputs(steps[0], runs, runner.names)
    found.notes += _not_finite(steps[0], found.outputs)
    known = None  # the targets, if the loss can be measured on them
    if measuring.is_compiled(runner.model):
        known = losses.ask(found, runner, entries, targets, explainer)
    if entries:
        losses.ask_gradients(found, runner, entries, known)


def _taker(call: Call, steps: List[Step]) -> Optional[Call]:
    """The call that took the mask off an input of ``call`` before, as attention does to its own."""
    bare = {seen.key for seen in call.inputs if seen.mask is None}
    before = [step.call for step in steps if step.call.number < call.number]
    return next((one for one in reversed(before) if bare & set(one.taken)), None)


def _lost(step: Step, found: Trace, explainer: Explainer) -> Finding:
    call = step.call
    why = explainer.lost(step)
    if step.fate == LOST:
        where, what = call.label, f"the mask comes into {call.label}, and its output carries none"
        taker = _taker(call, found.steps)
        if taker is not None:
            what += f": {taker.label} took the mask off another of its inputs"
            why = why._replace(instead=explainer.of("taken off").instead)
    else:
        assert step.before is not None
        where = f"between {step.before.label} and {call.label}"
        what = (
            f"the output of {step.before.label} carries a mask, and what is made of it in code, "
            f"the input of {call.label}, carries none"
        )
    return Finding(LOSES, where, what, why.sentence, why.page, why.instead)


def _leaking(step: Step, found: Trace, explainer: Explainer) -> Finding:
    call = step.call
    within = any(other.call.parent == call.number for other in found.steps)
    is_code = within and call.sort in (MODEL, OWN)
    where = f"the code of {call.label}" if is_code else call.label
    how = ", whose mask it ignores" if call.masks_in else ", which has no mask"
    how = "" if is_code else how
    what = f"padded steps reach valid results from {where} on{how}"
    why = explainer.leaks(step)
    taker = None if call.masks_in else _taker(call, found.steps)
    if taker is not None:
        what += f": {taker.label} took it off"
        why = why._replace(instead=explainer.of("taken off").instead)
    return Finding(LEAKS, where, what, why.sentence, why.page, why.instead)


def _outputs(root: Step, runs: List[List[Call]], names: List[str]) -> List[Output]:
    found = []
    for place, seen in enumerate(root.call.outputs):
        valid = root.valid[place]
        change: Optional[float] = None
        if runs:
            change = max(judging.differs(seen, run[0].outputs[place], valid) for run in runs)
        name = names[place] if place < len(names) else f"output {place + 1}"
        found.append(Output(name, seen.shape, seen.mask, change, _largest(seen.values, valid)))
    return found


def _not_finite(root: Step, outputs: List[Output]) -> List[str]:
    """What to say of outputs in which nothing can be seen to change."""
    told = []
    for one, seen, valid in zip(outputs, root.call.outputs, root.valid):
        if seen.values is not None and seen.values.dtype.kind in "fV":
            plain = (seen.values if valid is None else seen.values[valid]).astype("float64")
            bad = int((~np.isfinite(plain)).sum())
            if bad:
                told.append(
                    f"{one.name} is NaN or infinite in {bad} of {plain.size} numbers at valid "
                    "steps: no change can be seen there"
                )
    return told


def _largest(values: Optional[Array], valid: Optional[Array]) -> float:
    if values is None or values.dtype.kind not in "fiubV":
        return 0.0
    plain = (values if valid is None else values[valid]).astype("float64")
    return float(np.max(np.abs(plain[np.isfinite(plain)]), initial=0))
