"""What other values in the padded steps change: outputs, loss, gradients; and what uses a mask."""

import contextlib
import inspect
import sys
import warnings
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from maskspec.checking.trace_state import State, without_training
from maskspec.checking.trace_steps import Step, differs, fits
from maskspec.checking.trace_watching import (
    LAYER,
    MODEL,
    OPERATION,
    Array,
    Call,
    Seen,
    Watch,
    leaves,
    mapped,
    named,
)

RUNS = (11, 12)  # seeds of the values that padded steps are given, one run each


class Entry(NamedTuple):
    """Where masked values come into the model: behind what makes a mask, or where it is given.

    ``added`` is what each run adds to each tensor of the call, None where there is no padding.
    """

    number: int
    is_after: bool
    masks: List[Optional[Array]]
    added: Tuple[List[Optional[Array]], ...]


def entries(calls: Sequence[Call]) -> List[Entry]:
    """Every place where masked values come into the model."""
    found: List[Entry] = []
    root = calls[0]
    if any(seen.mask is not None for seen in root.inputs):
        found.append(_entry(root.number, False, _as_given(root)))
    made = [call for call in calls if call.masks_out and not call.masks_in]
    for call in made:
        inside = [c for c in made if _is_in(c, call, calls)]
        if not inside:
            found.append(_entry(call.number, True, [(s, s.mask) for s in call.outputs]))
    by_hand = next((c for c in calls if c.by_hand and _as_given(c)), None)
    if not found and by_hand is not None:
        masks = [m for m in by_hand.by_hand.values() if any(_is(m, seen) for seen in root.inputs)]
        if masks:  # the model is given its mask as an input of its own
            fitting = [(s, masks[0] if fits(s, masks[0], 0) else None) for s in _in_order(root)]
            found.append(_entry(root.number, False, fitting))
        else:
            found.append(_entry(by_hand.number, False, _as_given(by_hand)))
    return [entry for entry in found if any(mask is not None for mask in entry.masks)]


def _is(mask: Array, seen: Seen) -> bool:
    """Whether a tensor is the boolean ``mask``."""
    return (
        seen.values is not None
        and seen.values.dtype == bool
        and bool(np.array_equal(seen.values, mask))
    )


def _in_order(call: Call) -> List[Seen]:
    """What was seen of each tensor in the arguments of a call, masks included."""
    seen = {one.key: one for one in call.inputs}
    return [seen.get(id(tensor), Seen(0, ())) for tensor in leaves(call.arguments)]


def _as_given(call: Call) -> List[Tuple[Seen, Optional[Array]]]:
    """Each tensor in the arguments of a call, in order, with the mask that says what is valid."""
    found: List[Tuple[Seen, Optional[Array]]] = []
    for one in _in_order(call):
        masks = [one.mask] if one.mask is not None else list(call.by_hand.values())
        fitting = [m for m in masks if m.dtype == bool and m.ndim == 2 and fits(one, m, 0)]
        found.append((one, fitting[0] if fitting else None))
    return found


def _is_in(inner: Call, outer: Call, calls: Sequence[Call]) -> bool:
    parent = inner.parent
    while parent is not None:
        if parent == outer.number:
            return True
        parent = calls[parent].parent
    return False


def _entry(number: int, is_after: bool, masked: List[Tuple[Seen, Optional[Array]]]) -> Entry:
    added: Tuple[List[Optional[Array]], ...] = tuple(
        [None if mask is None else _other_values(seen, mask, seed) for seen, mask in masked]
        for seed in RUNS
    )
    return Entry(number, is_after, [mask for _, mask in masked], added)


def _other_values(seen: Seen, mask: Array, seed: int) -> Optional[Array]:
    """What to add to a tensor so that its masked steps hold those of valid ones, and then some."""
    values = seen.values
    if values is None or mask.all() or not fits(seen, mask, seen.size):
        return None
    random = np.random.RandomState(seed)
    valid = values[mask]
    added = np.zeros_like(values)
    count = int((~mask).sum())
    if values.dtype.kind in "fV":
        plain = valid.astype("float64") if valid.size else np.ones((1, *values.shape[mask.ndim :]))
        scale = float(np.std(plain)) or 1.0
        sign = 1 if seed == RUNS[0] else -1
        new = plain[random.randint(0, len(plain), count)]
        new = new + scale * sign * random.uniform(1, 3, new.shape)
        old = np.nan_to_num(values[~mask].astype("float64"))
        added[~mask] = (new - old).astype(values.dtype)
    elif values.dtype.kind in "iu" and valid.size:
        new = valid[random.randint(0, len(valid), count)]
        added[~mask] = new - values[~mask]
    return added


class Runner:
    """Runs a model on a batch, each time from the same state."""

    def __init__(self, keras: Any, model: Any, batch: Any, state: State) -> None:
        self.keras = keras
        self.model = model
        self.batch = batch
        self.state = state
        self.result: Any = None  # of the last run

    @property
    def names(self) -> List[str]:
        """The names of the outputs in the order of ``leaves``, after a run; none if unknown."""
        if isinstance(self.result, dict):
            return [name for name, value in self.result.items() for _ in leaves(value)]
        return list(getattr(self.model, "output_names", None) or [])

    def watch(self, found: Sequence[Entry] = (), run: int = 0, keeps: bool = True) -> Watch:
        """What sees a run in which other values stand at the padded steps behind ``found``."""
        watch = Watch(self.keras, self.model, keeps)
        for entry in found:
            into = watch.after if entry.is_after else watch.before
            into[entry.number] = entry.added[run]
            watch.masks[entry.number] = entry.masks
        return watch

    def run(self, watch: Watch) -> Any:
        """What the model returns for the batch."""
        with _quiet(), watch.watching():
            try:
                self.result = self.model(self.batch, training=False)
                return self.result
            finally:
                self.state.put_back()

    def calls(self, found: Sequence[Entry] = (), run: int = 0) -> List[Call]:
        watch = self.watch(found, run)
        self.run(watch)
        return watch.calls


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


# --- whether a layer uses its mask --------------------------------------------------------------


def ask_whether_used(keras: Any, steps: Sequence[Step], state: State) -> None:
    """Call each layer that a mask came into again with other masks, and see if that matters."""
    for step in steps:
        call = step.call
        if not call.masks_in or call.sort == MODEL:
            continue
        if call.sort == OPERATION or (call.sort == LAYER and not _may_take(call.layer)):
            step.used = False
            continue
        with _quiet():
            step.used = _is_used(keras, call)
        state.put_back()


def _may_take(layer: Any) -> bool:
    """Whether a layer of Keras has an argument for a mask, or may hand one on as a wrapper."""
    parameters = inspect.signature(layer.call).parameters.values()
    return any("mask" in p.name or p.kind is p.VAR_KEYWORD for p in parameters)


def _is_used(keras: Any, call: Call) -> Optional[bool]:
    """Whether one mask more or less changes what the layer returns; None if that cannot be seen."""
    seen_any = False
    for other in (_one_step_less, np.ones_like):
        result = _call_with(keras, call, other)
        if result is None:
            continue
        seen_any = True
        if any(differs(a, b, None) for a, b in zip(call.outputs, result)):
            return True
    return False if seen_any else None


def _one_step_less(mask: Array) -> Array:
    """``mask`` without the first valid step of each row that has several."""
    if mask.ndim < 2:
        return mask
    flat = mask.reshape(len(mask), -1).copy()
    for row in flat:
        valid = np.flatnonzero(row)
        if len(valid) > 1:
            row[valid[0]] = False
    return flat.reshape(mask.shape)


def _call_with(keras: Any, call: Call, other: Callable[[Array], Array]) -> Optional[List[Seen]]:
    """What the layer of ``call`` returns if its masks are others; None if it raises an error."""
    masks = {seen.key: seen.mask for seen in call.inputs if seen.mask is not None}
    args, kwargs = call.arguments
    given_masks = [v for name, v in named(call.layer, args, kwargs).items() if "mask" in name]
    hand = set(map(id, leaves(given_masks)))

    def one(tensor: Any) -> Any:
        if id(tensor) in hand:
            given = np.array(keras.numpy(tensor))
            return keras.tensor(other(given.astype(bool)).astype(given.dtype))
        copy = keras.tensor(np.array(keras.numpy(tensor)))
        mask = masks.get(id(tensor))
        return copy if mask is None else keras.carry(copy, other(mask))

    try:
        result = call.layer(*mapped(one, args), **mapped(one, kwargs))
        return [Seen(0, v.shape, v) for v in (np.array(keras.numpy(t)) for t in leaves(result))]
    except Exception:  # whatever a layer of somebody's own raises for such a mask
        return None


# --- the loss -----------------------------------------------------------------------------------


class Logs(NamedTuple):
    """What one step of testing or training reports, and the state of each metric behind it."""

    values: Dict[str, float]
    counts: Dict[str, float]
    calls: List[Call]


def is_compiled(model: Any) -> bool:
    compiled = getattr(model, "compiled", getattr(model, "_is_compiled", False))
    return bool(compiled) and not callable(compiled)


def own_step(model: Any) -> str:
    """The name of the step of the model's own, ``train_step`` first, or ""."""
    for name in ("train_step", "test_step"):
        owner = next((c for c in type(model).__mro__ if name in vars(c)), None)
        from_keras = owner and owner.__module__.partition(".")[0] in ("keras", "tf_keras",
                                                                      "tensorflow")  # fmt: skip
        if owner and not from_keras:
            return name
    return ""


def logs(runner: Runner, targets: Any, watch: Watch) -> Logs:
    """Run one step of the model on the batch and ``targets``, and change no weight."""
    model, keras = runner.model, runner.keras
    step = own_step(model) or "test_step"
    data = (runner.batch, mapped(keras.tensor, targets))
    try:
        with _quiet(), without_training(model), watch.watching():
            for metric in _metrics(model):
                (getattr(metric, "reset_state", None) or metric.reset_states)()
            if keras.backend_name == "jax":
                found, counts = _jax_step(model, step, data)
            else:
                found, counts = getattr(model, step)(data), None
        values = {
            name: float(keras.numpy(value)) for name, value in found.items() if np.ndim(
                keras.numpy(value)) == 0
        }  # fmt: skip
        if counts is None:
            counts = {}
            for metric in _metrics(model):
                count = getattr(metric, "count", None)
                if count is not None:
                    counts[metric.name] = float(keras.numpy(count))
    finally:
        runner.state.put_back()
    return Logs(values, counts, watch.calls)


def _metrics(model: Any) -> List[Any]:
    """All metrics of a model, those that stand in a container of their own one by one."""
    found: List[Any] = []
    for metric in list(model.metrics):
        inner = getattr(metric, "metrics", None)
        found += inner if isinstance(inner, list) and inner else [metric]
    return found


def _jax_step(model: Any, step: str, data: Any) -> Tuple[Dict[str, Any], Dict[str, float]]:
    """The same on the JAX backend, where a step takes the state and returns it.

    As ``fit`` and ``evaluate`` do, it is traced into a graph, which may lose a mask.
    """
    jax = sys.modules["jax"]
    variables = [model.trainable_variables, model.non_trainable_variables]
    if step == "train_step":
        variables.append(model.optimizer.variables)
    variables.append(model.metrics_variables)
    state = tuple([v.value for v in group] for group in variables)
    run = getattr(model, step)
    found, after = (run if model.run_eagerly else jax.jit(run))(state, data)
    counts = {}
    for metric in _metrics(model):
        count = getattr(metric, "count", None)
        for variable, value in zip(model.metrics_variables, after[-1]):
            if variable is count:
                counts[metric.name] = float(value)
    return found, counts


# --- gradients ----------------------------------------------------------------------------------


def loss_of(runner: Runner, targets: Any, result: Any) -> Any:
    """The loss that ``compile`` gave the model, of what it returned."""
    model, y = runner.model, mapped(runner.keras.tensor, targets)
    if hasattr(model, "compute_loss"):
        return model.compute_loss(x=runner.batch, y=y, y_pred=result, sample_weight=None)
    return model.compiled_loss(y, result, None, regularization_losses=model.losses)


def gradients(runner: Runner, watch: Watch, scalar: Callable[[Any], Any]) -> List[Array]:
    """The gradient of ``scalar`` of what the model returns, with respect to its weights."""
    model, keras = runner.model, runner.keras
    weights = list(model.trainable_variables)
    try:
        with _quiet(), watch.watching():
            if keras.backend_name == "jax":
                return _jax_gradients(runner, weights, scalar)
            if keras.backend_name == "torch":
                return _torch_gradients(runner, weights, scalar)
            return _tensorflow_gradients(runner, weights, scalar)
    finally:
        runner.state.put_back()


def _tensorflow_gradients(runner: Runner, weights: List[Any], scalar: Any) -> List[Array]:
    tf = sys.modules["tensorflow"]
    with tf.GradientTape() as tape:
        value = scalar(runner.model(runner.batch, training=False))
    values = [w.value if runner.keras.implementation == "keras" else w for w in weights]
    found = tape.gradient(value, values)
    return [np.zeros(()) if g is None else np.array(tf.convert_to_tensor(g).numpy()) for g in found]


def _torch_gradients(runner: Runner, weights: List[Any], scalar: Any) -> List[Array]:
    torch = sys.modules["torch"]
    value = scalar(runner.model(runner.batch, training=False))
    found = torch.autograd.grad(value, [w.value for w in weights], allow_unused=True)
    return [np.zeros(()) if g is None else np.array(g.detach().cpu().numpy()) for g in found]


def _jax_gradients(runner: Runner, weights: List[Any], scalar: Any) -> List[Array]:
    jax = sys.modules["jax"]

    def value(values: List[Any]) -> Any:
        with runner.keras.StatelessScope(state_mapping=list(zip(weights, values))):
            return scalar(runner.model(runner.batch, training=False))

    return [np.array(g) for g in jax.grad(value)([w.value for w in weights])]
