"""The four example layers of the guide, rebuilt: what it says of them, true or not.

``written_with`` says whether a layer calls the functions of TensorFlow, as the guide's does, or
those of ``keras.ops``.

Page: spec/example-layers.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.layers import (
    WITH_KERAS_OPS,
    WITH_TF,
    WRITTEN_WITH,
    custom_embedding,
    custom_layer,
    follows_the_ids,
    functions,
    mask_reader,
    mended_softmax,
    my_activation,
    temporal_softmax,
    temporal_split,
)
from tests.support.probes import (
    TF_FUNCTION,
    compose,
    depends_on_padding,
    embedding,
    once,
    padded_features,
    padded_ids,
    same,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, SINCE_KERAS_3_4

written_with_both = pytest.mark.parametrize("written_with", WRITTEN_WITH)
TWICE = "multiple values for argument 'training'"
UNEVEN = "evenly divide|equal division|not divisible"


def softmax_example(keras, written_with, *before):
    """The model around TemporalSoftmax, ids for it, and an array as large as its output."""
    x = inputs = keras.Input(shape=(None,), dtype="int32")
    first = embedding(keras, size=32)
    last = temporal_softmax(keras, functions(keras, written_with))
    for layer in (first, *before, keras.layers.Dense(1), last):
        x = layer(x)
    draw = np.random.RandomState(5)
    return keras.Model(inputs, x), draw.randint(0, 10, (32, 100)), draw.random_sample((32, 100, 1))


def notices_padding_unforwarded(keras):
    """Whether the padding shows behind an LSTM if the layer before it forwards no mask."""
    ids = embedding(keras)
    run = compose(keras, "eager", [ids, custom_layer(keras), keras.layers.LSTM(2)])
    return depends_on_padding(run, ids)


# --- MyActivation ------------------------------------------------------------------------------


@claim("example-layers.my-activation-forwards")
@written_with_both
def test_my_activation_is_a_relu_that_forwards_the_mask(keras, written_with):
    x = embedding(keras)(padded_ids())
    require((keras.numpy(x) < 0).any(), "some inputs are negative")
    y = my_activation(keras, functions(keras, written_with))(x)
    assert same(keras.numpy(y), np.maximum(keras.numpy(x), 0))
    assert same(keras.numpy(keras.mask_of(y)), valid_steps())


@claim("example-layers.my-activation-masks-lstm")
@written_with_both
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_mask_reaches_the_lstm_behind_my_activation(keras, mode, written_with):
    require(once(notices_padding_unforwarded, keras), "a layer that does not opt in loses the mask")
    activation, ids = my_activation(keras, functions(keras, written_with)), embedding(keras)
    run = compose(keras, mode, [ids, activation, keras.layers.LSTM(2)])
    assert not depends_on_padding(run, ids)
    assert same(run(padded_ids()[:1, :3]), run(padded_ids())[:1])  # as without the padding
    assert follows_the_ids(keras, mode, activation)


# --- TemporalSplit -----------------------------------------------------------------------------


@claim("example-layers.temporal-split-halves-time")
@written_with_both
def test_split_halves_the_time_axis(keras, written_with):
    x = np.arange(180, dtype="float32").reshape(3, 6, 10)
    first, second = temporal_split(keras, functions(keras, written_with))(keras.tensor(x))
    assert tuple(first.shape) == tuple(second.shape) == (3, 3, 10)
    assert same(keras.numpy(first), x[:, :3]) and same(keras.numpy(second), x[:, 3:])


@claim("example-layers.temporal-split-ranks")
@written_with_both
def test_split_is_made_for_3d_inputs_and_2d_masks(keras, written_with):
    split = temporal_split(keras, functions(keras, written_with))
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    halves, masks = split(x), split.compute_mask(x, mask)
    assert [tuple(half.shape) for half in halves] == [(3, 3, 4)] * 2
    assert [tuple(half.shape) for half in masks] == [(3, 3)] * 2  # one entry for each timestep


@claim("example-layers.temporal-split-any-rank")
@written_with_both
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_split_takes_whatever_has_a_time_axis_of_even_length(keras, rank, written_with):
    split = temporal_split(keras, functions(keras, written_with))
    x = np.random.RandomState(7).uniform(size=(3, 6, 4, 2)[:rank])
    halves, masks = split(keras.tensor(x)), split.compute_mask(None, keras.tensor(x > 0.5))
    assert same([keras.numpy(half) for half in halves], np.split(x, 2, axis=1))
    assert same([keras.numpy(mask) for mask in masks], np.split(x > 0.5, 2, axis=1))
    with pytest.raises(Exception, match=UNEVEN):
        split(keras.tensor(x[:, :5]))


@claim("example-layers.temporal-split-compute-mask")
@written_with_both
@pytest.mark.parametrize("given", ["mask", "none"])
def test_split_splits_the_mask_if_there_is_one(keras, given, written_with):
    split = temporal_split(keras, functions(keras, written_with))
    mask = keras.tensor(valid_steps()) if given == "mask" else None
    result = split.compute_mask(keras.tensor(padded_features()), mask)
    if given == "none":
        assert result is None
    else:
        halves = [keras.numpy(half) for half in result]
        assert same(halves, [valid_steps()[:, :3], valid_steps()[:, 3:]])


@claim(
    "example-layers.temporal-split-outputs-masked",
    instead="custom-layers.tensorflow-on-symbolic-masks",
)
@pytest.mark.parametrize(
    "written_with, mode",
    [
        (WITH_TF, "eager"),
        (WITH_TF, "subclassed"),
        (WITH_TF, TF_FUNCTION),
        case(WITH_TF, "functional", holds=BEFORE_KERAS_3),
        (WITH_KERAS_OPS, "eager"),
        (WITH_KERAS_OPS, "functional"),
    ],
)
def test_each_half_carries_its_half_of_the_mask(keras, written_with, mode):
    split, read = temporal_split(keras, functions(keras, written_with)), mask_reader(keras)
    join = keras.layers.Concatenate(axis=1)

    def halves(x):
        first, second = split(x)
        return join([read(first), read(second)])

    if mode == "functional":
        inputs = keras.Input((6,), dtype="int32")  # JAX cannot split an axis of unknown length
        with refuted_by(ValueError, match="KerasTensor cannot be used as input"):
            run = keras.Model(inputs, halves(embedding(keras)(inputs)))
    else:
        run = compose(keras, mode, [embedding(keras), halves])
    assert same(keras.numpy(run(padded_ids())), valid_steps())


@claim("example-layers.temporal-split-printed-masks")
@written_with_both
@pytest.mark.parametrize("half", ["first", "second"])
def test_halves_of_the_mask_are_as_printed(keras, half, written_with):
    x = np.repeat(padded_ids()[..., None], 10, axis=-1).astype("float32")
    split = temporal_split(keras, functions(keras, written_with))
    first, second = split(keras.layers.Masking()(keras.tensor(x)))
    printed = {"first": np.ones((3, 3)), "second": [[0, 0, 0], [1, 1, 0], [1, 1, 1]]}
    mask = keras.numpy(keras.mask_of(first if half == "first" else second))
    assert mask.dtype == bool and same(mask, printed[half])


# --- CustomEmbedding ---------------------------------------------------------------------------


def ids_of_kind(keras, kind):
    """The padded ids as an array of numpy, as in the guide, or as a tensor of some dtype."""
    return padded_ids() if kind == "array" else keras.tensor(padded_ids().astype(kind))


def looked_up_by_floats(keras, run):
    """Run what gets integer ids in an array; a look-up by floats refutes the claim."""
    with refuted_by(Exception, match="of float is not in the list of allowed values: int"):
        return run()


@claim(
    "example-layers.table-from-add-weight",
    instead="example-layers.arrays-of-ids-become-floats",
)
@written_with_both
@pytest.mark.parametrize("ids", ["int32", "int64", case("array", holds=SINCE_KERAS_3_4)])
def test_build_adds_the_table_and_call_looks_ids_up(keras, ids, written_with):
    layer = custom_embedding(keras, functions(keras, written_with))
    rows = looked_up_by_floats(keras, lambda: keras.numpy(layer(ids_of_kind(keras, ids))))
    (table,) = layer.get_weights()
    assert table.shape == (10, 4) and same(rows, table[padded_ids()])


@claim("example-layers.arrays-of-ids-become-floats", holds={"keras": "<3.4"})
def test_array_of_integers_reaches_the_layer_as_floats(keras):
    seen = []

    class Seeing(keras.layers.Layer):
        def call(self, ids):
            seen.append(str(ids.dtype))
            return ids

    Seeing()(padded_ids())
    require(seen and all("float32" in d or "int32" in d for d in seen), "it has one of two types")
    assert "float32" in seen[-1]


@claim("example-layers.custom-embedding-unmasked")
@written_with_both
def test_custom_embedding_without_mask_zero_gives_no_mask(keras, written_with):
    ops, ids = functions(keras, written_with), keras.tensor(padded_ids())
    require(keras.mask_of(custom_embedding(keras, ops)(ids)) is not None, "otherwise there is one")
    layer = custom_embedding(keras, ops, mask_zero=False)
    assert layer.compute_mask(ids) is None
    assert keras.mask_of(layer(ids)) is None


@claim("example-layers.custom-embedding-masks-zeros")
@written_with_both
@pytest.mark.parametrize("ids", ["padded", "inner-zeros", "all-zeros", "one-step"])
def test_mask_of_the_custom_embedding_is_where_ids_are_not_zero(keras, ids, written_with):
    batch = {
        "padded": padded_ids(),
        "inner-zeros": padded_ids()[:, ::-1] * [0, 1, 0, 1, 1, 0],
        "all-zeros": padded_ids() * 0,
        "one-step": padded_ids()[:, -1:],
    }[ids]
    layer = custom_embedding(keras, functions(keras, written_with))
    mask = keras.numpy(layer.compute_mask(keras.tensor(batch)))
    assert mask.dtype == bool and mask.shape == batch.shape
    assert (mask == (batch != 0)).all()


@claim(
    "example-layers.custom-embedding-example",
    holds=SINCE_KERAS_3_4,
    instead="example-layers.arrays-of-ids-become-floats",
)
@written_with_both
def test_layer_and_compute_mask_take_the_same_array(keras, written_with):
    ids = (np.random.RandomState(5).random_sample((3, 10)) * 9).astype("int32")
    layer = custom_embedding(keras, functions(keras, written_with), size=32)
    output = looked_up_by_floats(keras, lambda: layer(ids))
    computed = keras.numpy(layer.compute_mask(ids))
    assert ids.shape == (3, 10) and ids.dtype == "int32" and set(ids.flat) <= set(range(9))
    assert tuple(output.shape) == (3, 10, 32)
    assert 0 < computed.sum() < 30 and same(keras.numpy(keras.mask_of(output)), computed)


# --- TemporalSoftmax ---------------------------------------------------------------------------


@claim(
    "example-layers.temporal-softmax-is-a-softmax",
    holds=NEVER,
    instead="example-layers.softmax-over-valid-steps",
)
@written_with_both
@pytest.mark.parametrize("row", ["padded", "full"])
def test_temporal_softmax_adds_up_to_one_over_time(keras, row, written_with):
    layer = temporal_softmax(keras, functions(keras, written_with))
    n = {"padded": slice(0, 1), "full": slice(2, 3)}[row]
    x, mask = keras.tensor(padded_features()[n]), keras.tensor(valid_steps()[n])
    sums = keras.numpy(layer(x, mask=mask)).sum(axis=1)
    observe(f"sums over time: {', '.join(f'{s:.1f}' for s in sums[0])}")
    assert same(sums, np.ones((1, 4)))


@claim("example-layers.softmax-over-valid-steps")
def test_sum_of_exponentials_makes_it_a_softmax_over_valid_steps(keras):
    x, mask = padded_features(5.0), valid_steps()
    output = keras.numpy(mended_softmax(keras)(keras.tensor(x), mask=keras.tensor(mask)))
    weights = np.exp(x) * mask[..., None]
    assert same(output, weights / weights.sum(axis=1, keepdims=True))
    assert same(output.sum(axis=1), np.ones((3, 4)))


@claim("example-layers.temporal-softmax-discards-masked")
@written_with_both
@pytest.mark.parametrize("proof", ["zero-at-masked-steps", "masked-steps-change-nothing"])
def test_temporal_softmax_discards_masked_steps(keras, proof, written_with):
    layer = temporal_softmax(keras, functions(keras, written_with))

    def run(padding, mask):
        return keras.numpy(layer(keras.tensor(padded_features(padding)), mask=keras.tensor(mask)))

    every_step = np.ones((3, 6), bool)
    if proof == "zero-at-masked-steps":
        require((run(5.0, every_step) != 0).all(), "nothing is zero where all steps are valid")
        assert (run(5.0, valid_steps())[~valid_steps()] == 0).all()
    else:
        require(not same(run(0.0, every_step), run(5.0, every_step)), "unmasked, padding counts")
        assert same(run(0.0, valid_steps()), run(5.0, valid_steps()))


@claim(
    "example-layers.temporal-softmax-works-unmasked",
    holds=NEVER,
    instead="example-layers.guarded-softmax-works-unmasked",
)
@written_with_both
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_temporal_softmax_works_without_a_mask(keras, mode, written_with):
    layer = temporal_softmax(keras, functions(keras, written_with))
    with refuted_by(ValueError, RuntimeError, match="None"):
        output = compose(keras, mode, [layer], ids=False)(padded_features())
    assert np.isfinite(output).all()  # early jax made "not a number" of None


@claim("example-layers.guarded-softmax-works-unmasked")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_guard_for_none_makes_it_work_without_a_mask(keras, mode):
    output = compose(keras, mode, [mended_softmax(keras)], ids=False)(padded_features())
    assert same(output.sum(axis=1), np.ones((3, 4)))


@claim("example-layers.temporal-softmax-keeps-dims")
@written_with_both
def test_sum_over_time_keeps_its_axis_and_broadcasts(keras, written_with):
    ops = functions(keras, written_with)
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    weights = ops.expand_dims(ops.cast(mask, "float32"), -1)
    total = ops.sum(x * weights, axis=1, keepdims=True)
    assert tuple(total.shape) == (3, 1, 4)
    output = temporal_softmax(keras, ops)(x, mask=mask)
    assert same(keras.numpy(output * total), keras.numpy(ops.exp(x) * weights))


@claim("example-layers.temporal-softmax-example-shape")
@written_with_both
def test_output_of_the_example_is_32_by_100_by_1(keras, written_with):
    model, ids, _ = softmax_example(keras, written_with)
    assert tuple(model(ids).shape) == (32, 100, 1)


@claim("example-layers.model-takes-second-array", holds=BEFORE_KERAS_3)
@written_with_both
def test_model_can_be_called_with_a_second_array(keras, written_with):
    model, ids, second = softmax_example(keras, written_with)
    with refuted_by(TypeError, match=TWICE):
        output = model(ids, second)
    assert tuple(output.shape) == (32, 100, 1)


@claim("example-layers.second-array-is-training", holds=BEFORE_KERAS_3)
@written_with_both
def test_second_array_arrives_as_training_and_changes_nothing(keras, written_with):
    class SeesTraining(type(my_activation(keras))):
        def call(self, inputs, training=None):
            self.seen = training
            return inputs * 1.0

    layer = SeesTraining()
    model, ids, second = softmax_example(keras, written_with, layer)
    with refuted_by(TypeError, match=TWICE):
        output = model(ids, second)
    assert layer.seen is second
    assert same(keras.numpy(output), keras.numpy(model(ids)))
