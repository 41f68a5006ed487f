"""What all programs to paste have in common: imports, batches, masks, and calls of the layer."""

import inspect
import re
from typing import Any, Dict, List, Tuple

from maskspec.atlas.batches import Feed
from maskspec.atlas.trial import Raised
from maskspec.checking.implementation import is_of_keras

IMPORTS = {
    "keras": "import keras",
    "tf.keras": "from tensorflow import keras",
    "tf_keras": "import tf_keras as keras",
}
# Which steps are valid, of four or more: in the first row, and in all others.
LENGTHS = "np.arange({steps}) < np.array([[2], [{steps}], [1]])"
START = "np.arange({steps}) >= np.array([[2], [0], [{last}]])"
MIDDLE = "np.arange({steps}) % np.array([[2], [{steps}], [3]]) == 0"
MIXED = (  # one row is padded at the end, one at the start
    "(np.arange({steps}) < np.array([[2], [{steps}], [{steps}]]))"
    " & (np.arange({steps}) >= np.array([[0], [2], [0]]))"
)
MASKS = {
    "out.mask": MIXED,
    "results.leak-start": START,
    "results.leak-middle": MIDDLE,
}
MASKED = """
class Masked(keras.layers.Layer):
    def call(self, inputs):  # of a tensor and a mask: the tensor, carrying the mask
        return inputs[0] * 1

    def compute_mask(self, inputs, mask=None):
        return inputs[1]
"""
SPY = """
class Spy(keras.layers.Layer):
    def __init__(self):
        super().__init__(dtype="float32")
        self.supports_masking = True

    def call(self, inputs, mask=None):
        masks.append(mask)  # that the input of this layer carries, or None
        return inputs


masks = []
"""
WEIGHTS = """
def settle(layer):  # weights that are the same each time
    rng = np.random.RandomState(1)
    arrays = [np.asarray(w) for w in layer.get_weights()]
    layer.set_weights(
        [rng.uniform(0.1, 0.6, w.shape) if w.dtype.kind == "f" else w for w in arrays]
    )
"""


class Program:
    """What the programs about one layer have in common; ``place`` is the output they look at."""

    def __init__(self, layer: Any, aspect: str, place: int) -> None:
        self.layer = layer
        self.aspect = aspect
        self.feeds: Tuple[Feed, ...] = layer.trial.given.feeds
        self.call_way: str = layer.trial.given.call
        self.keras = layer.keras
        self.makes_masks: bool = layer.trial.makes_masks
        self.end: str = layer.trial.paths[place]  # picks that output of what the layer returns
        try:
            self.keeps_steps = layer.of_output(place).keeps_steps
            self.has_weights = bool(layer.trial.layer.get_weights())
        except Raised:
            self.keeps_steps, self.has_weights = False, False

    # --- parts --------------------------------------------------------------------------------

    def head(self, with_spy: bool) -> List[str]:
        lines: List[str] = []
        if self.keras.backend_name != "tensorflow":
            lines.append(f"# with KERAS_BACKEND={self.keras.backend_name}")
        name = IMPORTS[self.keras.implementation]
        lines += ["import numpy as np", name]
        kind = type(self.layer.first)
        if not is_of_keras(kind):
            is_importable = kind.__module__ != "__main__" and "<locals>" not in kind.__qualname__
            lines.append(
                f"from {kind.__module__} import {kind.__name__}"
                if is_importable
                else f"# {kind.__name__} is your class"
            )
        lines += ["", *MASKED.splitlines(), ""]
        if with_spy:
            lines += SPY.splitlines()
        if self.has_weights:
            lines += ["", *WEIGHTS.splitlines()]
        return lines + ["", "", *self.calling(), ""]

    def calling(self) -> List[str]:
        """The function ``call``, which calls a layer on inputs that carry masks."""
        return [
            "def call(layer, x, mask):  # with inputs that carry masks",
            *[f"    {line}" for line in self.given("masked")],
            "",
            "",
            "def result(layer, x, mask):",
            f"    return {self.numpy('call(layer, x, mask)' + self.end)}",
        ]

    def numpy(self, tensor: str) -> str:
        """The expression ``tensor`` as a numpy array."""
        return f"keras.ops.convert_to_numpy({tensor})" if self.is_keras_3 else f"{tensor}.numpy()"

    @property
    def is_keras_3(self) -> bool:
        return bool(self.keras.implementation == "keras")

    def given(self, how: str) -> List[str]:
        """A call of the layer: on inputs that are ``masked``, or ``bare``."""
        names = self.layer.trial.given.names
        if len(self.feeds) == 1 and not names:
            arguments = self.arguments(["x"], ["mask"], how)[0]
            twice = "itself" in self.call_way
            return [f"return layer({arguments}{', ' + arguments if twice else ''})"]
        letters = [f"x[{i}]" for i in range(len(self.feeds))]
        masks = [f"mask[{i}]" for i in range(len(self.feeds))]
        found = self.arguments(letters, masks, how)
        if names and self.call_way == "keywords":
            rest = ", ".join(f"{n}={a}" for n, a in zip(names[1:], found[1:]))
            return [f"return layer({found[0]}, {rest})" if rest else f"return layer({found[0]})"]
        if names:
            inside = ", ".join(f"{n!r}: {a}" for n, a in zip(names, found))
            return [f"return layer({{{inside}}})"]
        listed = ", ".join(found)
        return [
            f"return layer({listed})" if "each" in self.call_way else f"return layer([{listed}])"
        ]

    def arguments(self, arrays: List[str], masks: List[str], how: str) -> List[str]:
        return [
            f"Masked()([{array}, {mask}])" if how == "masked" and feed.masked else array
            for array, mask, feed in zip(arrays, masks, self.feeds)
        ]

    def bare(self, x: str = "x") -> str:
        """A call of the layer on inputs without masks, as an expression."""
        code = self.given("bare")[0][len("return ") :]
        return re.sub(r"\bx\b(?!=)", x, code)

    def data(self) -> List[str]:
        """The inputs and their masks, arrays or lists of arrays."""
        lines, arrays, masks = ["rng = np.random.RandomState(0)"], [], []
        template = MASKS.get(self.aspect, LENGTHS)
        for feed in self.feeds:
            shape = (3, feed.steps, *feed.features)
            if feed.dtype == "int32":
                arrays.append(f'rng.randint(1, 9, {shape}).astype("int32")')
            else:
                arrays.append(f'rng.uniform(-1, 1, {shape}).astype("float32")')
            masks.append(template.format(steps=feed.steps, last=feed.steps - 1))
        if self.is_single:
            return [*lines, f"x = {arrays[0]}", f"mask = {masks[0]}", "x[~mask] = 0"]
        lines += ["x = [", *[f"    {a}," for a in arrays], "]"]
        lines += ["mask = [", *[f"    {m}," for m in masks], "]"]
        return [*lines, "for array, m in zip(x, mask):", "    array[~m] = 0"]

    @property
    def is_single(self) -> bool:
        return len(self.feeds) == 1 and not self.layer.trial.given.names

    def building(self, name: str = "layer", is_settled: bool = True) -> List[str]:
        lines = [f"{name} = {constructor(self.layer)}"]
        if is_settled and self.has_weights:
            lines += [self.bare().replace("layer(", f"{name}(", 1), f"settle({name})"]
        return lines

    def filled(self, value: str) -> List[str]:
        """``other``: the inputs with ``value`` at the padded steps."""
        if self.is_single:
            return ["other = x.copy()", f"other[~mask] = {value}"]
        return [
            "other = [array.copy() for array in x]",
            "for array, m in zip(other, mask):",
            f"    array[~m] = {value}",
        ]

    @property
    def at_valid(self) -> str:
        """What picks the valid steps of a result."""
        if not self.keeps_steps:
            return ""
        if self.is_single:
            return "[mask]"
        same = [i for i, feed in enumerate(self.feeds) if feed.steps == self.feeds[0].steps]
        return f"[{' & '.join(f'mask[{i}]' for i in same)}]"

    def each(self, code: str) -> str:
        """``code`` of x, for one input or for each of several."""
        if self.is_single:
            return code
        return f"[{code.replace('mask', 'm')} for x, m in zip(x, mask)]"

    def modelled(self, *outputs: str) -> List[str]:
        """``model``: a functional one of unknown length that takes inputs and masks."""
        lines = []
        shapes = [repr((None, *feed.features)) for feed in self.feeds]
        made = [f'keras.Input({s}, dtype="{f.dtype}")' for s, f in zip(shapes, self.feeds)]
        bools = ['keras.Input((None,), dtype="bool")' for _ in self.feeds]
        if self.is_single:
            lines += [f"inputs, m = {made[0]}, {bools[0]}", "ins, ms = [inputs], [m]"]
        else:
            lines += ["ins = inputs = [", *[f"    {one}," for one in made], "]"]
            lines += ["ms = m = [", *[f"    {one}," for one in bools], "]"]
        joined = ", ".join(outputs)
        feeding = [i for i, feed in enumerate(self.feeds) if feed.masked]
        masks = (
            "ms"
            if len(feeding) == len(self.feeds)
            else "[" + ", ".join(f"ms[{i}]" for i in feeding) + "]"
        )  # noqa: E501
        return [*lines, f"model = keras.Model(ins + {masks}, [{joined}])"]

    def fed(self, x: str = "x", mask: str = "mask") -> str:
        feeding = [i for i, feed in enumerate(self.feeds) if feed.masked]
        if self.is_single:
            return f"[{x}, {mask}]" if feeding else f"[{x}]"
        return f"[*{x}, {', '.join(f'{mask}[{i}]' for i in feeding)}]"


def constructor(layer: Any) -> str:
    """The code that builds the layer: its class with what its config says, or ``build()``."""
    kind, first = type(layer.first), layer.first
    name = f"keras.layers.{kind.__name__}" if is_of_keras(kind) else kind.__name__
    fallback = "build()  # the function that you gave"
    try:
        config: Dict[str, Any] = first.get_config()
        known = inspect.signature(kind.__init__).parameters
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        if any(p.kind in kinds and key not in config for key, p in known.items() if key != "self"):
            return fallback  # the config does not tell all
        arguments = {
            key: value
            for key, value in config.items()
            if key in known and key not in ("name", "dtype", "trainable")
            and not _is_default(value, known[key].default)
        }  # fmt: skip
        if not all(isinstance(v, (int, float, str, bool, type(None))) for v in arguments.values()):
            return fallback
        copy = kind(**arguments)
        plain = {key: value for key, value in config.items() if key != "name"}
        if {key: value for key, value in copy.get_config().items() if key != "name"} != plain:
            return fallback
    except Exception:
        return fallback
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def _is_default(value: Any, default: Any) -> bool:
    if isinstance(value, dict) and "class_name" in value:
        return True  # an initializer or its like; that the copy has the same config is tested
    return bool(value is default or (type(value) is type(default) and value == default))
