"""Layers called one by one, in the `call` of one's own layer or model: what becomes of a mask.

Page: spec/subclassing.md
"""

import pytest

from maskspec import NEVER, Unavailable, claim, require
from tests.support.probes import (
    TF_FUNCTION,
    compose,
    depends_on_padding,
    embedding,
    once,
    padded_ids,
    same,
    valid_steps,
)
from tests.support.releases import MULTI_HEAD_USES_MASKS, ON_JAX

PLACES = [
    "eager",
    TF_FUNCTION,
    "subclassed",
    "layer",
    "layer-in-functional",
    "two-layers-in-functional",
]


def own_layer(keras, parts):
    """A custom layer that calls ``parts`` one after the other and passes no mask by hand."""

    class OwnLayer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = list(parts)

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    return OwnLayer()


def composed(keras, place, parts):
    """``parts`` in turn at ``place``: called there one by one, or by custom layers used there."""
    kind, _, mode = place.partition("-in-")
    if kind == "layer":
        inner = own_layer(keras, parts)
        return compose(keras, mode or "eager", [inner])
    if kind == "two-layers":
        halves = [own_layer(keras, parts[:1]), own_layer(keras, parts[1:])]
        return compose(keras, mode or "eager", halves)
    return compose(keras, place, parts)


def user_of_masks(keras, between):
    """An RNN; where there is something ``between``, the mean over time, which is cheaper."""
    return keras.layers.GlobalAveragePooling1D() if between else keras.layers.SimpleRNN(3)


def notices_padding(keras, place, between=(), mask_zero=True):
    """Whether an Embedding at ``place``, ``between`` and a layer that uses masks show padding."""
    table = embedding(keras, mask_zero=mask_zero)
    parts = [table, *between, user_of_masks(keras, between)]
    return depends_on_padding(composed(keras, place, parts), table)


OPERATIONS = ["times-one", "sum-with-itself", "relu", "slice", "reshape", "where"]


def operation(keras, name):
    """An operation on the values of a tensor of shape (batch, 6, 4), outside of any layer."""
    operations = {
        "times-one": lambda x: x * 1.0,
        "sum-with-itself": lambda x: x + x,
        "relu": lambda x: keras.ops.relu(x),
        "slice": lambda x: x[:, :, 1:],
        "reshape": lambda x: keras.ops.reshape(keras.ops.reshape(x, (-1, 24)), (-1, 6, 4)),
        "where": lambda x: keras.ops.where(x > 0, x, -x),
    }
    return operations[name]


def no_op(keras, name):
    """An operation or layer that has nothing to change in a tensor of shape (batch, 6, 4)."""
    no_ops = {
        "slice": lambda x: x[:, :6],
        "reshape": lambda x: keras.ops.reshape(x, (-1, 6, 4)),
        "Reshape-layer": keras.layers.Reshape((-1, 4)),
        "Permute-layer": keras.layers.Permute((1, 2)),
    }
    return no_ops[name]


def masked_by_hand(keras):
    """An embedding, and a call of it, of an operation and of an RNN that is given the mask."""
    table, rnn = embedding(keras), keras.layers.SimpleRNN(3)
    return table, lambda ids: rnn(table(ids) * 1.0, mask=table.compute_mask(ids))


def notices_padding_by_hand(keras):
    """Whether an RNN that is given the mask shows padding in spite of the operation before it."""
    table, call = masked_by_hand(keras)
    return depends_on_padding(compose(keras, "eager", [call]), table)


def notices_padding_unmasked(keras):
    """Whether an RNN behind an Embedding without a mask shows padding."""
    return notices_padding(keras, "eager", mask_zero=False)


def notices_padding_times_one(keras):
    """Whether an operation in between makes the padding show."""
    return notices_padding(keras, "eager", [operation(keras, "times-one")])


def notices_padding_masked(keras):
    """Whether an RNN right behind an Embedding with a mask shows padding."""
    return notices_padding(keras, "eager")


@claim(
    "subclassing.masks-are-passed-by-hand",
    holds=NEVER,
    instead="subclassing.mask-travels-along",
)
@pytest.mark.parametrize("place", PLACES)
def test_without_passing_it_by_hand_no_mask_arrives(keras, place):
    require(not once(notices_padding_by_hand, keras), "by hand it is used")
    assert notices_padding(keras, place)


@claim("subclassing.mask-travels-along")
@pytest.mark.parametrize("place", PLACES)
def test_mask_travels_along_from_layer_to_layer(keras, place):
    require(once(notices_padding_unmasked, keras), "without a mask the padding shows")
    table = embedding(keras)
    run = composed(keras, place, [table, keras.layers.SimpleRNN(3)])
    assert not depends_on_padding(run, table)
    assert same(run(padded_ids()[:1, :3]), run(padded_ids())[:1])


@claim("subclassing.operation-drops-the-mask")
@pytest.mark.parametrize(
    "mode, name",
    [
        *(("eager", name) for name in OPERATIONS),
        (TF_FUNCTION, "times-one"),
        ("subclassed", "times-one"),
        ("functional", "times-one"),
    ],
)
def test_operation_between_two_layers_drops_the_mask(keras, mode, name):
    require(not once(notices_padding_masked, keras), "without the operation the mask arrives")
    assert notices_padding(keras, mode, [operation(keras, name)])


@claim("subclassing.idle-cast-keeps-the-mask")
def test_cast_to_the_same_type_keeps_the_mask(keras):
    require(once(notices_padding_unmasked, keras), "without a mask the padding shows")
    assert not notices_padding(keras, "eager", [lambda x: keras.ops.cast(x, "float32")])


@claim("subclassing.no-op-keeps-the-mask", holds=ON_JAX)
@pytest.mark.parametrize("name", ["slice", "reshape", "Reshape-layer", "Permute-layer"])
def test_operation_that_changes_nothing_keeps_the_mask(keras, name):
    require(once(notices_padding_unmasked, keras), "without a mask the padding shows")
    require(not once(notices_padding_masked, keras), "without the operation the mask arrives")
    assert not notices_padding(keras, "eager", [no_op(keras, name)])


@claim("subclassing.by-hand-survives-operations")
@pytest.mark.parametrize("mode", ["eager", TF_FUNCTION, "layer"])
def test_mask_passed_by_hand_survives_operations(keras, mode):
    require(once(notices_padding_times_one, keras), "by itself the mask is lost")
    table, call = masked_by_hand(keras)
    parts = [own_layer(keras, [call])] if mode == "layer" else [call]
    assert not depends_on_padding(composed(keras, mode.replace("layer", "eager"), parts), table)


@claim(
    "subclassing.first-call-drops-the-mask",
    holds={"keras/jax": None, "keras": ">=3.8"},
    exists=MULTI_HEAD_USES_MASKS,
)
@pytest.mark.parametrize("kind", ["Layer", "Model"])
def test_first_eager_call_of_what_holds_attention_uses_no_mask(keras, kind):
    class Attends(keras.Model if kind == "Model" else keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention = keras.layers.MultiHeadAttention(2, 3)

        def call(self, x):
            return self.attention(x, x)

    block, table = Attends(), embedding(keras)
    first, second = (keras.numpy(block(table(padded_ids()))) for _ in range(2))
    unmasked = keras.numpy(block(keras.tensor(table.get_weights()[0][padded_ids()])))
    if same(second[valid_steps()], unmasked[valid_steps()]):
        raise Unavailable("MultiHeadAttention uses no mask by itself")
    require(same(first, second) or same(first, unmasked), "the first call uses the mask or none")
    assert same(first, unmasked)
