"""What the loss and the metrics of a compiled model make of padding, and what the gradients do."""

import functools
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from maskspec.checking import trace_measuring as measuring
from maskspec.checking.trace_explaining import Explainer
from maskspec.checking.trace_measuring import Entry, Logs, Runner
from maskspec.checking.trace_results import COUNTS, Counted, Finding, Trace, plain
from maskspec.checking.trace_steps import TOLERANCE
from maskspec.checking.trace_watching import Array, Seen, leaves, mapped

VALID, ALL = "the number of valid steps", "the number of all steps"
LOSS, OUTPUTS = "the loss", "the outputs at valid steps"  # of which gradients are taken


def ask(
    found: Trace, runner: Runner, entries: Sequence[Entry], targets: Any, explainer: Explainer
) -> Any:
    """Find out which losses and metrics count padding, and by what they divide.

    Return the targets, which are made up if there are none; None if the loss cannot be measured.
    """
    try:
        if targets is None:
            targets = _made_up(runner)
            found.notes.append("no targets were given: those for the loss are made up")
        base = _logs(runner, targets)
        others = [_logs(runner, one) for one in _with_other_padding(found, runner.names, targets)]
        moved = [
            measuring.logs(runner, targets, runner.watch(entries, run, keeps=False))
            for run in range(1 if entries else 0)  # the outputs were asked with every run
        ]
    except Exception as error:  # of the model's own code, or targets that do not fit
        found.unmeasured = plain(error)
        found.notes.append(f"the loss was not measured: {found.unmeasured}")
        return None
    found.loss = base.values.get("loss")
    if moved and found.loss is not None:
        found.changes_loss = max(_gap(base.values, one.values, "loss") for one in moved)
    adds = _adds_padding(found, runner, entries)
    for name in base.values:
        one = _counted(name, base, others, found, runner, targets, explainer)
        if name == "loss" and (adds or _counts_predictions(found)):
            one = one._replace(counts_padding=True, divides_by="", why="", page="")
        found.counted.append(one)
        if one.counts_padding:
            what = f"{'the loss' if one.is_loss else 'the metric'} `{name}` counts padded steps"
            is_added = one.name == "loss" and adds
            kind = "added loss" if is_added else _kind(one, found, runner, base)
            why = explainer.of(kind)
            found.findings.append(Finding(COUNTS, name, what, why.sentence, why.page, why.instead))
    return targets


def _counts_predictions(found: Trace) -> bool:
    """Whether padded steps move the loss, though they move no output at a valid step."""
    return bool(found.changes_loss) and not any(output.change for output in found.outputs)


def _adds_padding(found: Trace, runner: Runner, entries: Sequence[Entry]) -> bool:
    """Whether padded steps move what layers add to the loss, and no output at a valid step."""
    if not _counts_predictions(found):
        return False
    added: List[Dict[str, float]] = []
    for where in ((), entries):
        runner.run(runner.watch(where, keeps=False))
        added.append({"": _penalty(runner)})
    return _gap(added[0], added[1], "") > 0


def _logs(runner: Runner, targets: Any) -> Logs:
    return measuring.logs(runner, targets, runner.watch(keeps=False))


def _gap(one: Dict[str, float], other: Dict[str, float], name: str) -> float:
    a, b = one[name], other.get(name, one[name])
    if a == b or (np.isnan(a) and np.isnan(b)):
        return 0.0
    gap = abs(a - b)
    if np.isnan(gap):
        return float("inf")
    return gap if gap > 1e-5 * max(abs(a), 1e-6) else 0.0


def _kind(one: Counted, found: Trace, runner: Runner, base: Logs) -> str:
    """The kind of a loss or metric that counts padding, as ``spec/traced.json`` names it."""
    place = _place(one.name, runner.names) or 0
    is_masked = place < len(found.outputs) and found.outputs[place].mask is not None
    if not one.is_loss and is_masked:
        return "mean metric of all steps" if one.name in base.counts else "metric of all steps"
    if one.is_loss and measuring.own_step(runner.model):
        return "loss in a step of its own"
    is_number = one.divides_by == "nothing" and is_masked
    return "loss of one number" if is_number else "loss of all steps"


def _counted(
    name: str, base: Logs, others: List[Logs], found: Trace, runner: Runner, targets: Any,
    explainer: Explainer,
) -> Counted:  # fmt: skip
    is_loss = name == "loss" or name.endswith("_loss")
    value = base.values[name]
    counts: Optional[bool] = None
    if others:
        counts = any(_gap(base.values, other.values, name) > 0 for other in others)
    place = _place(name, runner.names)
    masks = [m for m in found.steps[0].valid if m is not None]
    if place is None or not masks:
        return Counted(name, is_loss, value, counts)
    mask = found.steps[0].valid[place] if place < len(found.steps[0].valid) else None
    if mask is None:
        return Counted(name, is_loss, value, None)
    if not is_loss:
        return Counted(name, False, value, counts, _divisor_of(base.counts.get(name), mask))
    divides_by = "" if measuring.own_step(runner.model) else _divisor(
        value - _penalty(runner), _errors(runner, found, targets, place), mask
    )  # fmt: skip
    kind = {VALID: "loss by valid steps", ALL: "loss by all steps"}.get(divides_by)
    if kind is None or counts:
        return Counted(name, True, value, counts, divides_by)
    why = explainer.of(kind)
    return Counted(name, True, value, counts, divides_by, why.sentence, why.page)


def _place(name: str, names: List[str]) -> Optional[int]:
    """The output, of those with ``names``, that a loss or metric is of; None if of several."""
    if len(names) < 2:
        return 0
    found = [n for n, output in enumerate(names) if name.startswith(f"{output}_")]
    return found[0] if found else None


def _divisor_of(count: Optional[float], mask: Array) -> str:
    """What a metric with such a count divides by."""
    if count is None or mask.all():
        return ""
    if np.isclose(count, mask.sum()):
        return VALID
    return ALL if np.isclose(count, mask.size) else ""


def _divisor(value: float, errors: Optional[Array], mask: Array) -> str:
    """What the reported ``value`` of a loss is divided by, given the error of each step."""
    if errors is None or mask.all():
        return ""
    if errors.ndim == 0:
        return "nothing" if np.isclose(value, errors, rtol=1e-3) else ""
    if errors.shape != mask.shape:
        return ""
    valid = float(errors[mask].sum())
    for divisor, word in ((mask.sum(), VALID), (mask.size, ALL)):
        if np.isclose(value, valid / divisor, rtol=1e-3):
            return word
    return ALL if np.isclose(value, errors.mean(), rtol=1e-3) else ""


def _errors(runner: Runner, found: Trace, targets: Any, place: int) -> Optional[Array]:
    """What the loss function makes of each step, before anything is summed."""
    keras = runner.keras
    try:
        identifier = _identifiers(runner)[place]
        loss = keras.losses.get(identifier)
        places = _places(runner.names, targets)
        target = keras.tensor(np.asarray(_arrays(keras, targets)[places.index(place)]))
        predicted = keras.tensor(found.steps[0].call.outputs[place].values)
        errors = loss.call(target, predicted) if hasattr(loss, "call") else loss(target, predicted)
        return np.array(keras.numpy(errors), dtype="float64")
    except Exception:  # a loss that cannot be asked: what it divides by is not known then
        return None


def _identifiers(runner: Runner) -> List[Any]:
    """What ``compile`` was given as the loss of each output."""
    loss = getattr(runner.model, "loss", None)
    if isinstance(loss, dict):
        return [loss.get(name) for name in runner.names or loss]
    if isinstance(loss, (list, tuple)):
        return list(loss)
    return [loss] * max(1, len(runner.names))


def _places(names: List[str], targets: Any) -> List[int]:
    """Which output each of ``targets`` is for: by its name if they are a dict, else in order."""
    if isinstance(targets, dict) and set(targets) <= set(names):
        return [names.index(name) for name in targets]
    return list(range(len(leaves(targets))))


def _penalty(runner: Runner) -> float:
    """What is added to the loss for its weights."""
    try:
        return float(sum(float(runner.keras.numpy(one)) for one in runner.model.losses))
    except Exception:  # losses that only exist while the model runs
        return 0.0


# --- targets ------------------------------------------------------------------------------------


def _arrays(keras: Any, targets: Any) -> List[Array]:
    if isinstance(targets, dict):
        return [np.asarray(_numpy(keras, one)) for one in targets.values()]
    if isinstance(targets, (list, tuple)):
        return [np.asarray(_numpy(keras, one)) for one in targets]
    return [np.asarray(_numpy(keras, targets))]


def _numpy(keras: Any, value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else keras.numpy(value)


def _made_up(runner: Runner) -> Any:
    """Targets of the shape of the predictions, or of classes where the loss takes these."""
    identifiers = iter(_identifiers(runner))
    random = np.random.RandomState(5)

    def one(tensor: Any) -> Array:
        loss = next(identifiers, "")
        name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(
            loss, "__name__", type(loss).__name__))  # fmt: skip
        shape = tuple(tensor.shape)
        if "sparse" in str(name).lower():
            return random.randint(0, shape[-1], shape[:-1])
        return random.uniform(0, 1, shape).astype("float32")

    return mapped(one, runner.result)


def _with_other_padding(found: Trace, names: List[str], targets: Any) -> Iterator[Any]:
    """``targets`` with other values at the padded steps of the outputs, if they have any."""
    known, outputs = found.steps[0].valid, found.steps[0].call.outputs
    places = _places(names, targets)
    valid = [known[n] if n < len(known) else None for n in places]
    values = [outputs[n].values if n < len(outputs) else None for n in places]
    given = leaves(targets)
    usable = [
        mask is not None and not mask.all() and np.shape(target)[: mask.ndim] == mask.shape
        for target, mask in zip(given, valid)
    ]
    if not any(usable):
        return
    for change in range(2):
        rest = iter(zip(valid, values, usable))

        def one(target: Any, rest: Any = rest, change: int = change) -> Any:
            mask, predicted, can = next(rest, (None, None, False))
            return _other(np.array(target), mask, change, predicted) if can else target

        yield mapped(one, targets)


def _other(target: Array, mask: Array, change: int, predicted: Optional[Array]) -> Array:
    """``target`` with other values where ``mask`` is False.

    Classes are all as predicted there at the first ``change``, and none at the second, so that
    what counts right answers sees a difference.
    """
    new = target.copy()
    is_of_classes = target.dtype.kind in "iu" or set(np.unique(target)) <= {0, 1}
    right, wrong = _classes(target, predicted) if is_of_classes else (None, None)
    if right is not None and wrong is not None:
        new[~mask] = (right, wrong)[change][~mask]
    elif is_of_classes:
        most = max(int(target.max()), 1)
        new[~mask] = (target[~mask] + 1) % (most + 1) if change == 0 else most - target[~mask]
    else:
        scale = float(np.std(target)) or 1.0
        new[~mask] = target[~mask] + (1.7, -2.3)[change] * scale
    return new


def _classes(target: Array, predicted: Optional[Array]) -> Tuple[Optional[Array], Optional[Array]]:
    """Targets in the form of ``target`` that are as predicted everywhere, and nowhere."""
    if predicted is None or predicted.dtype.kind not in "fV" or predicted.ndim < 2:
        return None, None
    count = predicted.shape[-1]
    if target.shape == predicted.shape:  # of zeros and ones
        best = predicted.max(axis=-1, keepdims=True) if count > 1 else 0.5
        right = (predicted >= best).astype(target.dtype)
        return right, 1 - right
    chosen = predicted.argmax(axis=-1)
    if count > 1 and target.size == chosen.size:  # of the numbers of classes
        wrong = (chosen + 1) % count
        return chosen.reshape(target.shape), wrong.reshape(target.shape)
    return None, None


# --- gradients ----------------------------------------------------------------------------------


def ask_gradients(found: Trace, runner: Runner, entries: Sequence[Entry], targets: Any) -> None:
    """Find out whether other values in the padded steps change the gradients of the weights.

    The gradients are those of the loss. Where it is not known (the model is not compiled, its loss
    could not be measured, or a step of its own takes it), they are those of a weighted sum of the
    outputs at valid steps.
    """
    if not list(runner.model.trainable_variables):
        return
    if targets is not None and not measuring.own_step(runner.model):
        found.gradients_of = LOSS
        scalar: Callable[[Any], Any] = functools.partial(measuring.loss_of, runner, targets)
    else:
        found.gradients_of = OUTPUTS
        scalar = _sum_of_outputs(found, runner)
    try:
        base = measuring.gradients(runner, runner.watch(keeps=False), scalar)
        other = measuring.gradients(runner, runner.watch(entries, keeps=False), scalar)
    except Exception as error:  # of a model that cannot be differentiated, in many ways
        found.notes.append(f"no gradients were measured: {plain(error)}")
        return
    largest = max((float(np.max(np.abs(g), initial=0)) for g in base), default=0.0)
    gap = max(_apart(a, b) for a, b in zip(base, other))
    tolerance = max(TOLERANCE.get(str(g.dtype), 1e-4) for g in base)
    found.changes_gradients = gap if gap > tolerance * max(largest, 1e-6) else 0.0


def _sum_of_outputs(found: Trace, runner: Runner) -> Callable[[Any], Any]:
    root = found.steps[0]
    weights = [
        None if seen.values is None or seen.values.dtype.kind not in "fV"
        else _weights(seen, valid)
        for seen, valid in zip(root.call.outputs, root.valid)
    ]  # fmt: skip
    return _weighted(runner.keras, weights)


def _weights(seen: Seen, valid: Optional[Array]) -> Array:
    weights = np.random.RandomState(3).uniform(0.5, 1.5, seen.shape)
    if valid is not None:
        weights[~valid] = 0
    return weights.astype("float32")


def _weighted(keras: Any, weights: List[Optional[Array]]) -> Callable[[Any], Any]:
    def scalar(result: Any) -> Any:
        total = 0.0
        for tensor, weight in zip(leaves(result), weights):
            if weight is not None:
                total = total + keras.ops.sum(
                    keras.ops.cast(tensor, "float32") * keras.tensor(weight)
                )
        return total

    return scalar


def _apart(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return float("inf")
    a, b = one.astype("float64"), other.astype("float64")
    gap = np.where(np.isnan(a) & np.isnan(b), 0, np.abs(a - b))
    return float(np.max(np.where(np.isnan(gap), np.inf, gap), initial=0))
