"""Programs to paste: each shows in plain Keras, without this package, what a check is about.

A program ends with an assert that fails, or raises an error, as long as the layer does not pass.
"""

from typing import Any, Callable, Dict, List, Set

import numpy as np

from maskspec.checking.checks import Check
from maskspec.checking.implementation import is_of_keras
from maskspec.checking.program import Program

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
