"""Programs to paste: each shows in plain Keras, without this package, what a check is about.

A program ends with an assert that fails, or raises an error, as long as the layer does not pass.
"""

import inspect
import re
from typing import Any, Callable, Dict, List, Set, Tuple

import numpy as np

from maskspec.atlas.batches import Feed
from maskspec.atlas.trial import Raised
from maskspec.checking.checks import Check
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


Body = Callable[[Program], List[str]]
BODIES: Dict[str, Body] = {}
WITH_SPY: Set[str] = set()


def shows(*aspects: str, with_spy: bool = False) -> Callable[[Body], Body]:
    def register(body: Body) -> Body:
        for aspect in aspects:
            BODIES[aspect] = body
            if with_spy:
                WITH_SPY.add(aspect)
        return body

    return register


def write(check: Check, layer: Any, place: int = 0) -> str:
    """The program that shows ``check`` of the output of ``layer`` at ``place``."""
    program = Program(layer, check.aspect, place)
    lines = program.head(check.aspect in WITH_SPY)
    lines += ["", *program.data()]
    lines += BODIES[check.aspect](program)
    text = "\n".join(line.rstrip() for line in lines)
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text


# --- one body for each aspect -------------------------------------------------------------------


@shows("out.unmasked")
def unmasked(p: Program) -> List[str]:
    return [*p.building(is_settled=False), f"{p.bare()}  # without any mask"]


@shows("out.mask")
def masked(p: Program) -> List[str]:
    return [*p.building(is_settled=False), "call(layer, x, mask)"]


def spied(p: Program, output: str) -> str:
    return f"Spy()({output}{p.end})"


@shows("out.fits", with_spy=True)
def fits(p: Program) -> List[str]:
    return [
        *p.building(),
        f"y = {spied(p, 'call(layer, x, mask)')}",
        "found = masks[-1]",
        "assert found is None or tuple(found.shape) == tuple(y.shape)[: len(found.shape)]",
    ]


@shows("says.honest", with_spy=True)
def honest(p: Program) -> List[str]:
    if not p.keeps_steps:
        return [*p.building(), "result(layer, x, mask)  # has no steps, and needs no mask"]
    return [
        *p.building(),
        spied(p, "call(layer, x, mask)"),
        'assert masks[-1] is not None, "the mask is lost"',
    ]


@shows("life.first-call")
def first_call(p: Program) -> List[str]:
    return [
        *p.building(is_settled=False),
        "first, second = result(layer, x, mask), result(layer, x, mask)",
        "assert np.allclose(first, second, atol=1e-4)",
    ]


SAME_MASK = [
    "one, other = masks",
    "assert (one is None) == (other is None)",
    "assert one is None or np.array_equal(one, other)",
]


@shows("out.model-agrees", with_spy=True)
def model_agrees(p: Program) -> List[str]:
    return [
        *p.building(),
        *p.modelled(spied(p, "call(layer, inputs, m)")),
        "del masks[:]",
        f"y, expected = model({p.fed()}), {spied(p, 'call(layer, x, mask)')}",
        *agree("y", "expected", p),
        *SAME_MASK,
    ]


def agree(one: str, other: str, p: Program) -> List[str]:
    if p.is_keras_3:
        one = f"({one}[0] if isinstance({one}, list) else {one})"
    return [f"assert np.allclose({p.numpy(one)}, {p.numpy(other)}, atol=1e-4)"]


def shorter(p: Program) -> List[str]:
    if p.is_single:
        return ["x, mask = x[:2, 1:], mask[:2, 1:]  # fewer rows and steps"]
    return [
        "x, mask = [a[:2, 1:] for a in x], [m[:2, 1:] for m in mask]  # fewer rows and steps",
    ]


@shows("sizes.functional")
def sizes(p: Program) -> List[str]:
    return [
        *p.building(),
        *p.modelled(f"call(layer, inputs, m){p.end}"),
        f"model({p.fed()})",
        *shorter(p),
        f"y, expected = model({p.fed()}), call(layer, x, mask){p.end}",
        *agree("y", "expected", p),
    ]


def compiled(p: Program) -> List[str]:
    """``run``: the compiled call, which returns the output and, if there is one, its mask."""
    plain = [
        "def both(x, mask):  # the output and, if there is one, its mask",
        f"    y = {spied(p, 'call(layer, x, mask)')}",
        "    return [y] if masks[-1] is None else [y, masks[-1]]",
        "",
        "",
    ]
    if p.keras.backend_name == "jax":
        return ["", "", *plain, "import jax", "", "run = jax.jit(both)"]
    xs = [f'tf.TensorSpec({(None, None, *f.features)}, "{f.dtype}")' for f in p.feeds]
    ms = ['tf.TensorSpec((None, None), "bool")' for _ in p.feeds]
    specs = f"[{xs[0]}, {ms[0]}]" if p.is_single else f"[[{', '.join(xs)}], [{', '.join(ms)}]]"
    return [
        "", "", *plain, "import tensorflow as tf", "",
        "run = tf.function(", "    both,", f"    input_signature={specs},",
        "    autograph=False,", ")",
    ]  # fmt: skip


COMPARED = [
    "found, expected = run(x, mask), both(x, mask)",
    "assert len(found) == len(expected)",
    "for one, other in zip(found, expected):",
    "    assert np.allclose(np.asarray(one), np.asarray(other), atol=1e-4)",
]


@shows("out.graph-agrees", with_spy=True)
def graph_agrees(p: Program) -> List[str]:
    return [*p.building(), *compiled(p), *COMPARED]


@shows("sizes.graph", with_spy=True)
def graph_sizes(p: Program) -> List[str]:
    first = "both(x, mask), run(x, mask)"
    return [*p.building(), *compiled(p), first, *shorter(p), *COMPARED]


@shows("life.twice")
def twice(p: Program) -> List[str]:
    outputs = [f"call(layer, inputs, m){p.end}", f"{p.bare('inputs')}{p.end}"]
    return [
        *p.building(),
        *p.modelled(*outputs),
        f"with_mask, without = model({p.fed()})",
        f"assert np.allclose({p.numpy('with_mask')}, result(layer, x, mask), atol=1e-4)",
        f"assert np.allclose({p.numpy('without')}, {p.numpy(p.bare() + p.end)}, atol=1e-4)",
    ]


def leaking(p: Program) -> List[str]:
    return [
        *p.filled("3  # other values in the padded steps"),
        "one, other = result(layer, x, mask), result(layer, other, mask)",
        f'assert np.allclose(one{p.at_valid}, other{p.at_valid}, atol=1e-4), "padding leaks"',
    ]


@shows("results.leak", "results.leak-start", "results.leak-middle")
def leak(p: Program) -> List[str]:
    return [*p.building(), *leaking(p)]


@shows("results.cut-end")
def cut(p: Program) -> List[str]:
    if p.is_single:
        alone = ["alone = x[:1, :2]  # what the first row holds but for its padding"]
    else:
        alone = ["alone = [a[:1, : m[0].sum()] for a, m in zip(x, mask)]  # without padding"]
    bare = p.bare("alone")
    steps = "[:2]" if p.keeps_steps else ""
    return [
        *p.building(),
        *alone,
        f"expected = {p.numpy(bare + p.end)}[0]",
        f"assert np.allclose(result(layer, x, mask)[0]{steps}, expected, atol=1e-4)",
    ]


@shows("results.all-true")
def all_true(p: Program) -> List[str]:
    ones = "np.ones_like(mask)" if p.is_single else "[np.ones_like(m) for m in mask]"
    return [
        *p.building(),
        f"expected = {p.numpy(p.bare() + p.end)}",
        f"assert np.allclose(result(layer, x, {ones}), expected, atol=1e-4)",
    ]


@shows("hand.keyword")
def keyword(p: Program) -> List[str]:
    tensor = "keras.ops.convert_to_tensor" if p.is_keras_3 else "tf.constant"
    given = f"{tensor}(mask)" if p.is_single else f"[{tensor}(m) for m in mask]"
    call = f"{p.bare()[:-1]}, mask=given){p.end}"
    return [
        *p.building(),
        *([] if p.is_keras_3 else ["", "import tensorflow as tf", ""]),
        f"given = {given}",
        f"found = {p.numpy(call)}",
        f"assert np.allclose(found{p.at_valid}, result(layer, x, mask){p.at_valid}, atol=1e-4)",
    ]


@shows("results.gradient")
def gradient(p: Program) -> List[str]:
    x, mask = ("x", "mask") if p.is_single else ("x[0]", "mask[0]")
    inner = "x" if p.is_single else "[x, *rest]"
    rest = [] if p.is_single else ["rest = x[1:]"]
    backend = p.keras.backend_name
    sum_of = "keras.ops.sum" if p.is_keras_3 else "tf.reduce_sum"
    lines = [*p.building(), *rest]
    lines += ['weights = np.zeros(result(layer, x, mask).shape, "float32")']
    lines += [
        f"weights{p.at_valid or '[:]'} = rng.uniform(0.5, 1.5, weights{p.at_valid or '[:]'}.shape)"
    ]
    loss = f"{sum_of}(call(layer, {inner}, mask){p.end} * weights)"
    if backend == "jax":
        lines += [
            "", "import jax", "",
            f"gradient = jax.grad(lambda x: {loss})(jax.numpy.asarray({x}))",
        ]  # fmt: skip
    elif backend == "torch":
        lines += [
            "", "import torch", "", f"given = torch.tensor({x}, requires_grad=True)",
            "weights = torch.tensor(weights)",
            f"loss = {loss.replace('(x', '(given').replace(', x,', ', given,').replace('[x,', '[given,')}",  # noqa: E501
            "gradient = torch.autograd.grad(loss, given)[0].numpy()",
        ]  # fmt: skip
    else:
        lines += [
            "", "import tensorflow as tf", "", f"given = tf.convert_to_tensor({x})",
            "with tf.GradientTape() as tape:", "    tape.watch(given)",
            f"    loss = {loss.replace(', x,', ', given,').replace('[x,', '[given,')}",
            "gradient = tape.gradient(loss, given)",
        ]  # fmt: skip
    return [*lines, f"assert np.abs(np.asarray(gradient)[~{mask}]).max() < 1e-6"]


def empty(p: Program, rows: str) -> List[str]:
    if p.is_single:
        return ["empty = mask.copy()", f"empty[{rows}] = False"]
    return [
        "empty = [m.copy() for m in mask]", "for m in empty:", f"    m[{rows}] = False",
    ]  # fmt: skip


@shows("extremes.dead-row")
def dead_row(p: Program) -> List[str]:
    return [
        *p.building(), *empty(p, "1"),
        "assert np.isfinite(result(layer, x, empty)[1]).all()",
    ]  # fmt: skip


@shows("extremes.dead-batch")
def dead_batch(p: Program) -> List[str]:
    return [
        *p.building(), *empty(p, ":"),
        "assert np.isfinite(result(layer, x, empty)).all()",
    ]  # fmt: skip


@shows("extremes.dead-row-others")
def dead_row_others(p: Program) -> List[str]:
    return [
        *p.building(),
        *empty(p, "1"),
        "one, other = result(layer, x, mask), result(layer, x, empty)",
        "assert np.allclose(one[[0, 2]], other[[0, 2]], atol=1e-4)",
    ]


@shows("extremes.one-row")
def one_row(p: Program) -> List[str]:
    rows = "x[:1], mask[:1]" if p.is_single else "[a[:1] for a in x], [m[:1] for m in mask]"
    return [
        *p.building(),
        f"one, whole = result(layer, {rows}), result(layer, x, mask)",
        "assert np.allclose(one, whole[:1], atol=1e-4)",
    ]


def setting(p: Program, policy: str) -> str:
    if p.is_keras_3:
        return f'keras.config.set_dtype_policy("{policy}")'
    version = tuple(map(int, p.keras.installed.version.split(".")[:2]))
    if p.keras.implementation == "tf.keras" and version < (2, 4):
        return f'keras.mixed_precision.experimental.set_policy("{policy}")'
    return f'keras.mixed_precision.set_global_policy("{policy}")'


def ask_policy(policy: str) -> None:
    @shows(f"dtypes.{policy}", with_spy=True)
    def keeps(p: Program) -> List[str]:
        return [
            *p.building(is_settled=False),
            spied(p, "call(layer, x, mask)"),
            setting(p, policy),
            *p.building(is_settled=False),
            spied(p, "call(layer, x, mask)"),
            *SAME_MASK,
        ]

    @shows(f"dtypes.{policy}-leak")
    def leaks(p: Program) -> List[str]:
        lines = leaking(p)
        lines[-1] = lines[-1].replace("1e-4", "2e-2")
        for name in ("one", "other"):
            lines[-1] = lines[-1].replace(
                f"{name}{p.at_valid},", f'{name}{p.at_valid}.astype("float32"),'
            )  # noqa: E501
        return [setting(p, policy), *p.building(), *lines]


for name in ("mixed_float16", "mixed_bfloat16"):
    ask_policy(name)


@shows("life.config", with_spy=True)
def config(p: Program) -> List[str]:
    settled = ["settle(copy)"] if p.has_weights else []
    built = [p.bare().replace("layer(", "copy(", 1)] if p.has_weights else []
    return [
        *p.building(),
        "copy = type(layer).from_config(layer.get_config())",
        *built,
        *settled,
        f"one, other = {spied(p, 'call(layer, x, mask)')}, {spied(p, 'call(copy, x, mask)')}",
        *agree("one", "other", p),
        *SAME_MASK,
    ]


@shows("life.saved", with_spy=True)
def saved(p: Program) -> List[str]:
    name = type(p.layer.first).__name__
    known = "" if is_of_keras(type(p.layer.first)) else f", custom_objects={{{name!r}: {name}}}"
    lines = [*p.building(), "", "import os", "import tempfile", ""]
    made = [f"keras.Input({(None, *f.features)})" for f in p.feeds]
    single = p.is_single
    lines += (
        [f"inputs = {made[0]}"] if single else ["inputs = [", *[f"    {m}," for m in made], "]"]
    )
    behind = ["keras.layers.Masking()(inputs)"] if single else [
        f"keras.layers.Masking()(inputs[{i}])" for i in range(len(p.feeds))
    ]  # fmt: skip
    given = p.layer.trial.given
    if single:
        call = f"layer({behind[0]}{', ' + behind[0] if 'itself' in p.call_way else ''})"
    elif "each" in p.call_way:
        call = f"layer({', '.join(behind)})"
    elif given.names:
        call = "layer({" + ", ".join(f"{n!r}: {b}" for n, b in zip(given.names, behind)) + "})"
    else:
        call = f"layer([{', '.join(behind)}])"
    return [
        *lines,
        f"model = keras.Model(inputs, {call}{p.end})",
        "with tempfile.TemporaryDirectory() as folder:",
        f'    path = os.path.join(folder, "model{p.keras.file_ending}")',
        "    model.save(path)",
        f"    loaded = keras.models.load_model(path{known})",
        "masks[:] = []",
        "one, other = Spy()(model(x)), Spy()(loaded(x))",
        *agree("one", "other", p),
        *SAME_MASK,
    ]


@shows("extremes.nan")
def nan(p: Program) -> List[str]:
    return [
        *p.building(),
        *p.filled("np.nan"),
        f"assert np.isfinite(result(layer, other, mask){p.at_valid}).all()",
    ]


@shows("out.input-after", with_spy=True)
def input_after(p: Program) -> List[str]:
    one = "Masked()([x, mask])" if p.is_single else "Masked()([x[0], mask[0]])"
    rest = "" if p.is_single else ", *x[1:]"
    names = "given, given" if "itself" in p.call_way else f"given{rest}"
    call = f"layer({names})" if p.is_single or "each" in p.call_way else f"layer([{names}])"
    return [
        *p.building(), f"given = {one}", call, "Spy()(given)",
        'assert masks[-1] is not None, "the input has lost its mask"',
    ]  # fmt: skip


assert np  # the programs import it themselves
