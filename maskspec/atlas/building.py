"""What a trial builds with: the names of a subject's code, set weights, and two layers.

One of the layers gives a tensor its mask, the other one notes the mask that its input has.
"""

import builtins
from typing import Any, List

import numpy as np

from maskspec.running.judging import Unavailable


class Namespace(dict):  # type: ignore[type-arg]
    """The names that the code of a subject may use: every public layer, and a few more."""

    def __init__(self, keras: Any) -> None:
        super().__init__()
        self._keras = keras

    def __missing__(self, name: str) -> Any:
        if name == "keras":
            return self._keras
        if name in vars(builtins):
            raise KeyError(name)
        if name == "Sequential":
            return self._keras.Sequential
        for place in ("layers", "layers.experimental", "layers.experimental.preprocessing"):
            found = self._keras
            try:
                for part in (*place.split("."), name):
                    found = getattr(found, part)
            except Unavailable:
                continue
            return found
        raise Unavailable(f"there is no layer {name}")


def flat(result: Any) -> List[Any]:
    """The tensors of a nested result, in order."""
    if isinstance(result, dict):
        result = [result[name] for name in sorted(result)]
    if isinstance(result, (list, tuple)):
        return [tensor for one in result for tensor in flat(one)]
    return [result]


def settle(layer: Any) -> None:
    """Give ``layer`` weights that are the same in every run: floats between 0.1 and 0.6, or, of
    those that an array of integers or of zeros and ones stands for, what is there."""
    random = np.random.RandomState(5)
    weights = [np.asarray(w) for w in layer.get_weights()]
    layer.set_weights(
        [
            random.uniform(-0.6, 0.6, w.shape).astype(w.dtype) if w.dtype.kind == "f" and w.ndim > 1
            else random.uniform(0.1, 0.6, w.shape).astype(w.dtype) if w.dtype.kind == "f" else w
            for w in weights
        ]
    )  # fmt: skip


def carrier(keras: Any, dtype: str) -> Any:
    """A layer that takes a tensor and a mask and returns the tensor, carrying the mask."""

    class Carrier(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs[0] * 1

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return inputs[1]

    return Carrier(dtype=dtype) if dtype.startswith("float") else Carrier()


def spy(keras: Any) -> Any:
    """A layer that changes nothing and notes in ``seen`` the mask that each of its inputs had."""

    class Spy(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(dtype="float32")
            self.seen: List[Any] = []
            self.supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            self.seen.append(mask)
            return inputs

    return Spy()
