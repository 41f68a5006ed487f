"""The model and the batch that the command line names."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from maskspec.catalogue import cells
from maskspec.catalogue.home import home
from maskspec.checking.trace_results import CannotTrace, plain
from maskspec.checking.trace_state import layers_in
from maskspec.running import adapter
from maskspec.running.discovery import NotUsable, discover

FILES = (".keras", ".h5", ".hdf5")
TARGETS = ("y", "targets")
ROWS, STEPS = 4, 6  # of a batch that is made up


def model_of(name: str) -> Any:
    """The model that ``package.module:builder`` makes or is, or that a file holds."""
    if name.endswith(FILES) or Path(name).is_dir():
        return _loaded(Path(name))
    module, _, attribute = name.partition(":")
    if not attribute:
        raise CannotTrace(
            f"{name} names no model: write package.module:function, or a file that ends with "
            f"{', '.join(FILES)}"
        )
    sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # of the module's own code: of any class
        raise CannotTrace(f"{name}: {plain(error)}") from error
    if hasattr(found, "layers") and not isinstance(found, type):
        return found
    try:
        return found()  # type: ignore[operator]
    except Exception as error:  # the same of the function that builds the model
        raise CannotTrace(f"{name}: {plain(error)}") from error


def _loaded(path: Path) -> Any:
    if not path.exists():
        raise CannotTrace(f"{path}: there is no such file")
    errors: List[str] = []
    try:
        here = discover(cells.load(home()))
    except NotUsable as error:
        raise CannotTrace(str(error)) from None
    for installed in here:
        try:
            return adapter.load(installed).models.load_model(str(path))
        except Exception as error:  # it may be a file of another implementation
            errors.append(f"{installed.implementation}: {plain(error)}")
    raise CannotTrace(f"{path} cannot be loaded: {'; '.join(errors)}")


def batch_of(model: Any, path: Optional[str]) -> Tuple[Any, Any]:
    """The batch and the targets in a file, ``None`` for those that it lacks; one made up without.

    In an ``.npz`` file, ``y`` or ``targets`` are the targets. A single other array is the batch;
    several are a dict by the names of the model's inputs, or else a list in the order of names.
    """
    if path is None:
        return made_up(model), None
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CannotTrace(f"{path}: {error}") from None
    if isinstance(loaded, np.ndarray):
        return loaded, None
    arrays: Dict[str, Any] = {name: loaded[name] for name in loaded.files}
    targets = [arrays.pop(name) for name in TARGETS if name in arrays]
    if not arrays:
        raise CannotTrace(f"{path} holds no array beside targets")
    batch: Any = list(arrays.values())[0]
    if len(arrays) > 1:
        inputs = list(getattr(model, "input_names", None) or [])
        is_by_name = not inputs or set(inputs) == set(arrays) or set(arrays) <= set(inputs)
        batch = arrays if is_by_name else [arrays[name] for name in sorted(arrays)]
    return batch, targets[0] if targets else None


def made_up(model: Any) -> Any:
    """A batch of padded sequences for a model that says what its inputs are."""
    try:
        inputs = model.inputs
        assert inputs
    except Exception:  # of a model that has none, with a class of each release's own
        raise CannotTrace(
            f"{getattr(model, 'name', 'the model')} does not say what its inputs are: give a "
            "batch with --batch data.npz"
        ) from None
    value, ids = _padding(model)
    has_ids = any("int" in _dtype(tensor) for tensor in inputs)
    made = [_array(tensor, value, ids, number, has_ids) for number, tensor in enumerate(inputs)]
    named = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))
    if isinstance(named, dict):
        places = {id(tensor): place for place, tensor in enumerate(inputs)}
        if all(id(tensor) in places for tensor in named.values()):
            return {name: made[places[id(tensor)]] for name, tensor in named.items()}
    return made[0] if len(made) == 1 else made


def _dtype(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype))


def _padding(model: Any) -> Tuple[float, int]:
    """The value that the first ``Masking`` takes for padding, and the size of the smallest
    ``Embedding``."""
    found = layers_in(model)
    values = [getattr(one, "mask_value", 0.0) for one in found if type(one).__name__ == "Masking"]
    sizes = [
        int(getattr(one, "input_dim", 0)) for one in found if "Embedding" in type(one).__name__
    ]
    known = [size for size in sizes if size > 1]
    return float(values[0]) if values else 0.0, min(known, default=10)


def _array(tensor: Any, value: float, ids: int, number: int, has_ids: bool) -> Any:
    """What is fed to one input; floats without features are ids, unless another input has ids."""
    random = np.random.RandomState(number)
    shape: List[int] = [ROWS]
    for place, size in enumerate(list(tensor.shape)[1:]):
        shape.append(size if size is not None else (STEPS if place == 0 else 3))
    dtype = _dtype(tensor)
    is_vector = has_ids and len(shape) == 2 and "int" not in dtype
    if dtype == "bool":
        made = np.ones(shape, bool)
        value = 0
    elif "int" in dtype or len(shape) == 2 and not is_vector:
        made = random.randint(1, ids, shape).astype("int32" if "int" in dtype else dtype)
        value = 0
    else:
        made = random.uniform(-1, 1, shape).astype(dtype)
    if len(shape) > 1 and not is_vector:
        for row in range(1, ROWS):
            made[row, max(1, shape[1] - 2 * row) :] = value
    return made
