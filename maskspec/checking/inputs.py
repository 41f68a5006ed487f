"""What a layer is fed: worked out by trying, or as the caller says."""

import inspect
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from maskspec.atlas.batches import Feed, padded
from maskspec.atlas.trial import Raised
from maskspec.checking.trial import Given, LayerTrial

IDS = Feed((), "int32")
SIZES = (6, 8, 16, 32, 64)  # of features, in the order in which they are tried
SPATIAL = ((5, 2), (5, 5, 2), (3, 3, 3, 2))  # rows, images, volumes over time
LARGEST = 512  # no number of the config above it is tried as a number of features
STEPS = (4, 7, 9)  # the first that no other axis of the output has by chance


class InputsError(ValueError):
    """No inputs were found that the layer takes, or those given make no sense."""


Try = Callable[[Given], LayerTrial]


def given_for(layer: Any, inputs: Any, trial_on: Try) -> LayerTrial:
    """The trial of ``layer`` on ``inputs``, or on the first that it takes of what is usual."""
    if inputs is not None:
        found = _read(inputs, layer)
        trial = trial_on(found)
        problem = _problem(trial)
        if problem:
            raise InputsError(f"{trial.subject.name} does not take inputs={inputs!r}: {problem}")
        return _without_masks(trial, trial_on)
    tried: List[str] = []
    for given in _usual(layer):
        trial = trial_on(given)
        problem = _problem(trial)
        if not problem:
            return _settled(trial, trial_on)
        tried.append(f"  on {given}: {problem}")
    raise InputsError(
        f"no inputs were found that {type(layer).__name__} takes; say which with inputs=, such as "
        "inputs=(None, 6) for (batch, steps, 6) of float32, or inputs=((None,), 'int32') for ids; "
        "tried were\n" + "\n".join(tried)
    )


def _problem(trial: LayerTrial) -> str:
    """Why the layer takes its inputs neither without masks nor with them; "" if it does."""
    ways = (trial.unmasked, lambda: _with_masks(trial))
    said = ""
    for way in ways:
        try:
            way()
            return ""
        except Raised as error:
            said = said or f"{error}: {trial.errors.get(str(error), '')}"
    return said


def _with_masks(trial: LayerTrial) -> Any:
    batch = padded(trial.given.feeds)
    return trial.once("first call with masks", lambda: trial.apply(trial.build(), batch))


def _settled(trial: LayerTrial, trial_on: Try) -> LayerTrial:
    """The same with another number of steps if an axis of the output is by chance as long."""
    trial = _without_masks(trial, trial_on)
    feeds = trial.given.feeds
    for steps in STEPS:
        more = steps - STEPS[0]
        if more:
            longer = tuple(feed._replace(steps=feed.steps + more) for feed in feeds)
            trial = trial_on(trial.given._replace(feeds=longer))
        try:
            if not trial.has_steps_by_chance:
                break
        except Raised:
            break
    return trial


def _without_masks(trial: LayerTrial, trial_on: Try) -> LayerTrial:
    """The same on inputs that carry no masks if the layer makes its masks itself."""
    if not _makes_its_masks(trial):
        return trial
    bare = tuple(feed._replace(masked=False) for feed in trial.given.feeds)
    return trial_on(trial.given._replace(feeds=bare))


def _makes_its_masks(trial: LayerTrial) -> bool:
    """Whether the layer makes its own masks of ids: they say alone which steps are padding."""
    if any(feed.dtype != "int32" for feed in trial.given.feeds):
        return False
    try:
        return any(getattr(part, "mask_zero", False) for part in _parts(trial.layer))
    except Raised:
        return False


def _parts(layer: Any) -> List[Any]:
    """The layer and all layers in it that it knows of."""
    flatten = getattr(layer, "_flatten_layers", None)
    found = list(flatten()) if flatten else [layer, *getattr(layer, "_layers", [])]
    return found or [layer]


# --- what is usual ----------------------------------------------------------------------------


def _usual(layer: Any) -> Iterator[Given]:
    """What layers usually take, the likeliest first."""
    of_model = _of_model(layer)
    if of_model is not None:
        yield of_model
        return
    names = _required(layer)
    count = len(names)
    features = [Feed((size,)) for size in _sizes(layer)]
    axes = _axes(layer)
    takes_ids = any(
        base.__name__ == "Embedding" for part in _parts(layer) for base in type(part).__mro__
    )
    if count > 1:
        for feed in features:
            for steps in (7, 4):
                rest = (feed._replace(steps=steps),) * (count - 1)
                yield Given((feed, *rest), "each")
        yield Given((IDS,) * count, "each")
        return
    if takes_ids or axes == 2:
        yield Given((IDS,))
    for given in (Given((feed,)) for feed in features):
        if axes in (0, 3):
            yield given
    for shape in SPATIAL:
        if axes in (0, len(shape) + 2):
            yield Given((Feed(shape),))
    yield Given((IDS,))
    for feed in features[:2]:
        yield Given((feed, feed._replace(steps=7)))
        yield Given((feed, feed))
        yield Given((feed, feed, feed))


def _required(layer: Any) -> List[str]:
    """The names of the arguments that a call has to give."""
    parameters = inspect.signature(layer.call).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        p.name
        for p in parameters
        if p.kind in positional
        and p.default is inspect.Parameter.empty
        and p.name not in ("mask", "training")
    ]


def _axes(layer: Any) -> int:
    """How many axes the layer says that its input has; 0 if it does not say."""
    spec = getattr(layer, "input_spec", None)
    if isinstance(spec, (list, tuple)):
        spec = spec[0] if spec else None
    return int(getattr(spec, "ndim", None) or 0)


def _sizes(layer: Any) -> List[int]:
    """Numbers of features to try: that of an input it had, the usual ones, those in its config."""
    found: List[int] = []
    spec = getattr(layer, "input_spec", None)
    axes = getattr(spec, "axes", None) or {}
    found += [size for size in axes.values() if isinstance(size, int)]
    try:
        config: Dict[str, Any] = layer.get_config()
    except Exception:
        config = {}
    found += SIZES
    numbers = (v for v in config.values() if isinstance(v, int) and not isinstance(v, bool))
    found += sorted(number for number in numbers if 1 < number <= LARGEST)
    return list(dict.fromkeys(found))


def _of_model(model: Any) -> Optional[Given]:
    """What a functional or sequential model says that it takes, or None."""
    try:
        inputs = model.inputs
    except Exception:
        return None
    if not inputs or not isinstance(inputs, (list, tuple)):
        return None
    feeds = tuple(
        _feed(tuple(x.shape)[1:], getattr(x.dtype, "name", str(x.dtype)), tuple(x.shape)[1:])
        for x in inputs
    )
    return _with_steps(feeds)


def _with_steps(feeds: Tuple[Feed, ...], call: str = "list", names: Tuple[str, ...] = ()) -> Given:
    if not any(feed.masked for feed in feeds):
        raise InputsError(
            f"{Given(feeds)} has no axis of steps, so that no mask can speak of it: give inputs "
            "with the steps first, such as (None, 6), or ids as ((None,), 'int32')"
        )
    return Given(feeds, call, names)


# --- what the caller says ---------------------------------------------------------------------


def _read(inputs: Any, layer: Any) -> Given:
    """``inputs=`` as it may be given: one input, a list of some, or a dict by name."""
    if isinstance(inputs, dict):
        feeds = tuple(_one(value) for value in inputs.values())
        names = tuple(inputs)
        known = inspect.signature(layer.call).parameters
        is_by_argument = all(name in known for name in names)
        return _with_steps(feeds, "keywords" if is_by_argument else "dict", names)
    if isinstance(inputs, list):
        call = "each" if len(_required(layer)) > 1 else "list"
        return _with_steps(tuple(map(_one, inputs)), call)
    return _with_steps((_one(inputs),))


def _one(value: Any) -> Feed:
    """One input: a shape without the axis of the batch, (shape, dtype), or an example array."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype = str(getattr(value.dtype, "name", value.dtype)).rpartition(".")[2]
        return _feed(tuple(value.shape)[1:], dtype, value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        shape, dtype = value
        if isinstance(shape, tuple):
            return _feed(shape, dtype, value)
    if isinstance(value, tuple):
        return _feed(value, "float32", value)
    raise _not_understood(value)


def _feed(shape: Tuple[Optional[int], ...], dtype: str, value: Any) -> Feed:
    """The feed of such a shape; without an axis of steps it is a vector, and carries no mask."""
    kind = {"i": "int32", "u": "int32", "f": "float32", "b": "float32"}.get(dtype[:1])
    sizes = [size for size in (shape or (0,)) if size is not None]
    is_known = all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes)
    if kind is None or not is_known or any(size is None for size in shape[1:]):
        raise _not_understood(value)
    if shape[0] is not None and shape[0] < STEPS[0] and (shape[1:] or kind == "int32"):
        raise InputsError(
            f"{value!r} has too few steps: to pad a row at its end, at its start and in the middle "
            f"takes {STEPS[0]}"
        )
    features = tuple(int(size) for size in shape[1:] if size is not None)
    steps = STEPS[0] if shape[0] is None else int(shape[0])
    is_vector = not features and shape[0] is not None and kind == "float32"
    return Feed(features, kind, steps, masked=not is_vector)


def _not_understood(value: Any) -> InputsError:
    return InputsError(
        f"inputs={value!r} is not understood: give a shape without the batch's axis, the steps "
        "first, such as (None, 6); a shape and a dtype, such as ((None,), 'int32'); an example "
        "array; or several of these in a list or a dict"
    )
