"""The four example layers of the guide, rebuilt: what it says of them, true or not.

Page: spec/example-layers.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.layers import (
    custom_embedding,
    custom_layer,
    failure,
    mask_reader,
    my_activation,
    temporal_softmax,
    temporal_split,
)
from tests.support.probes import (
    TF_FUNCTION,
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3


def softmax_example(keras, *before):
    """The model around TemporalSoftmax, ids for it, and an array as large as its output."""
    x = inputs = keras.Input(shape=(None,), dtype="int32")
    first, last = embedding(keras, size=32), temporal_softmax(keras)
    for layer in (first, *before, keras.layers.Dense(1), last):
        x = layer(x)
    draw = np.random.RandomState(5)
    return keras.Model(inputs, x), draw.randint(0, 10, (32, 100)), draw.random_sample((32, 100, 1))


@claim("example-layers.my-activation-forwards")
def test_my_activation_is_a_relu_that_forwards_the_mask(keras):
    x = embedding(keras)(padded_ids())
    require((keras.numpy(x) < 0).any(), "some inputs are negative")
    y = my_activation(keras)(x)
    assert same(keras.numpy(y), np.maximum(keras.numpy(x), 0))
    assert same(keras.numpy(keras.mask_of(y)), valid_steps())


@claim("example-layers.my-activation-masks-lstm")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_mask_reaches_the_lstm_behind_my_activation(keras, mode):
    lstm, ids = keras.layers.LSTM(2), embedding(keras)
    without = compose(keras, "eager", [ids, custom_layer(keras), lstm])
    require(depends_on_padding(without, ids), "a layer that does not opt in loses the mask")
    ids = embedding(keras)
    assert not depends_on_padding(compose(keras, mode, [ids, my_activation(keras), lstm]), ids)


@claim("example-layers.temporal-split-halves-time")
def test_split_halves_the_time_axis(keras):
    x = np.arange(180, dtype="float32").reshape(3, 6, 10)
    first, second = temporal_split(keras)(keras.tensor(x))
    assert tuple(first.shape) == tuple(second.shape) == (3, 3, 10)
    assert same(keras.numpy(first), x[:, :3]) and same(keras.numpy(second), x[:, 3:])


@claim("example-layers.temporal-split-ranks", instead="example-layers.temporal-split-any-rank")
@pytest.mark.parametrize(
    "input_rank, mask_rank, works",
    [
        (3, 2, "works"),
        (1, 2, "fails"),
        case(2, 2, "fails", holds=NEVER),
        case(4, 2, "fails", holds=NEVER),
        case(3, 3, "fails", holds=NEVER),
    ],
)
def test_split_expects_a_3d_input_and_a_2d_mask(keras, input_rank, mask_rank, works):
    shape = (4, 6, 2, 2)
    x, mask = np.zeros(shape[:input_rank]), np.ones(shape[:mask_rank], bool)
    found = failure(temporal_split(keras), keras.tensor(x))
    found += failure(temporal_split(keras).compute_mask, keras.tensor(x), keras.tensor(mask))
    assert (found == "") == (works == "works")


@claim("example-layers.temporal-split-any-rank")
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_split_takes_whatever_has_a_time_axis_of_even_length(keras, rank):
    x = np.random.RandomState(7).uniform(size=(3, 6, 4, 2)[:rank])
    halves = temporal_split(keras)(keras.tensor(x))
    masks = temporal_split(keras).compute_mask(None, keras.tensor(x > 0.5))
    assert same([keras.numpy(half) for half in halves], np.split(x, 2, axis=1))
    assert same([keras.numpy(mask) for mask in masks], np.split(x > 0.5, 2, axis=1))
    assert failure(temporal_split(keras), keras.tensor(x[:, :5]))


@claim("example-layers.temporal-split-compute-mask")
@pytest.mark.parametrize("given", ["mask", "none"])
def test_split_splits_the_mask_if_there_is_one(keras, given):
    mask = keras.tensor(valid_steps()) if given == "mask" else None
    result = temporal_split(keras).compute_mask(keras.tensor(padded_features()), mask)
    if given == "none":
        assert result is None
    else:
        halves = [keras.numpy(half) for half in result]
        assert same(halves, [valid_steps()[:, :3], valid_steps()[:, 3:]])


@claim("example-layers.temporal-split-outputs-masked")
@pytest.mark.parametrize("mode", ["eager", "functional", "subclassed", TF_FUNCTION])
def test_each_half_carries_its_half_of_the_mask(keras, mode):
    split, read, join = temporal_split(keras), mask_reader(keras), keras.layers.Concatenate(axis=1)

    def halves(x):
        first, second = split(x)
        return join([read(first), read(second)])

    if mode == "functional":
        inputs = keras.Input((6,), dtype="int32")  # JAX cannot split an axis of unknown length
        run = keras.Model(inputs, halves(embedding(keras)(inputs)))
    else:
        run = compose(keras, mode, [embedding(keras), halves])
    assert same(keras.numpy(run(padded_ids())), valid_steps())


@claim("example-layers.temporal-split-printed-masks")
@pytest.mark.parametrize("half", ["first", "second"])
def test_halves_of_the_mask_are_as_printed(keras, half):
    x = np.repeat(padded_ids()[..., None], 10, axis=-1).astype("float32")
    first, second = temporal_split(keras)(keras.layers.Masking()(keras.tensor(x)))
    printed = {"first": np.ones((3, 3)), "second": [[0, 0, 0], [1, 1, 0], [1, 1, 1]]}
    mask = keras.numpy(keras.mask_of(first if half == "first" else second))
    assert mask.dtype == bool and same(mask, printed[half])


@claim("example-layers.table-from-add-weight")
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_build_adds_the_table_and_call_looks_ids_up(keras, dtype):
    layer = custom_embedding(keras)
    rows = keras.numpy(layer(keras.tensor(padded_ids().astype(dtype))))
    (table,) = layer.get_weights()
    assert table.shape == (10, 4) and same(rows, table[padded_ids()])


@claim("example-layers.custom-embedding-unmasked")
def test_custom_embedding_without_mask_zero_gives_no_mask(keras):
    layer = custom_embedding(keras, mask_zero=False)
    assert layer.compute_mask(keras.tensor(padded_ids())) is None
    assert keras.mask_of(layer(keras.tensor(padded_ids()))) is None


@claim("example-layers.custom-embedding-masks-zeros")
@pytest.mark.parametrize("ids", ["padded", "inner-zeros", "all-zeros", "one-step"])
def test_mask_of_the_custom_embedding_is_where_ids_are_not_zero(keras, ids):
    batch = {
        "padded": padded_ids(),
        "inner-zeros": padded_ids()[:, ::-1] * [0, 1, 0, 1, 1, 0],
        "all-zeros": padded_ids() * 0,
        "one-step": padded_ids()[:, -1:],
    }[ids]
    mask = keras.numpy(custom_embedding(keras).compute_mask(keras.tensor(batch)))
    assert mask.dtype == bool and mask.shape == batch.shape
    assert (mask == (batch != 0)).all()


@claim("example-layers.custom-embedding-example")
def test_layer_and_compute_mask_take_the_same_array(keras):
    ids = (np.random.RandomState(5).random_sample((3, 10)) * 9).astype("int32")
    layer = custom_embedding(keras, size=32)
    output, computed = layer(ids), keras.numpy(layer.compute_mask(ids))
    assert ids.shape == (3, 10) and ids.dtype == "int32" and set(ids.flat) <= set(range(9))
    assert tuple(output.shape) == (3, 10, 32)
    assert 0 < computed.sum() < 30 and same(keras.numpy(keras.mask_of(output)), computed)


@claim(
    "example-layers.temporal-softmax-is-a-softmax",
    holds=NEVER,
    instead="example-layers.softmax-over-valid-steps",
)
@pytest.mark.parametrize("row", ["padded", "full"])
def test_temporal_softmax_adds_up_to_one_over_time(keras, row):
    n = {"padded": slice(0, 1), "full": slice(2, 3)}[row]
    x, mask = keras.tensor(padded_features()[n]), keras.tensor(valid_steps()[n])
    sums = keras.numpy(temporal_softmax(keras)(x, mask=mask)).sum(axis=1)
    observe(f"sums over time: {', '.join(f'{s:.1f}' for s in sums[0])}")
    assert same(sums, np.ones((1, 4)))


@claim("example-layers.softmax-over-valid-steps")
def test_sum_of_exponentials_makes_it_a_softmax_over_valid_steps(keras):
    x, mask = padded_features(5.0), valid_steps()
    layer = temporal_softmax(keras, mended=True)
    output = keras.numpy(layer(keras.tensor(x), mask=keras.tensor(mask)))
    weights = np.exp(x) * mask[..., None]
    assert same(output, weights / weights.sum(axis=1, keepdims=True))
    assert same(output.sum(axis=1), np.ones((3, 4)))


@claim("example-layers.temporal-softmax-discards-masked")
@pytest.mark.parametrize("proof", ["zero-at-masked-steps", "masked-steps-change-nothing"])
def test_temporal_softmax_discards_masked_steps(keras, proof):
    def run(padding, mask):
        x = keras.tensor(padded_features(padding))
        return keras.numpy(temporal_softmax(keras)(x, mask=keras.tensor(mask)))

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
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_temporal_softmax_works_without_a_mask(keras, mode):
    with refuted_by(ValueError, RuntimeError, match="None"):
        output = compose(keras, mode, [temporal_softmax(keras)], ids=False)(padded_features())
    assert np.isfinite(output).all()  # early jax made "not a number" of None


@claim("example-layers.guarded-softmax-works-unmasked")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_guard_for_none_makes_it_work_without_a_mask(keras, mode):
    layer = temporal_softmax(keras, mended=True)
    output = compose(keras, mode, [layer], ids=False)(padded_features())
    assert same(output.sum(axis=1), np.ones((3, 4)))


@claim("example-layers.temporal-softmax-keeps-dims")
def test_sum_over_time_keeps_its_axis_and_broadcasts(keras):
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
    total = keras.ops.sum(x * weights, axis=1, keepdims=True)
    assert tuple(total.shape) == (3, 1, 4)
    output = temporal_softmax(keras)(x, mask=mask)
    assert same(keras.numpy(output * total), keras.numpy(keras.ops.exp(x) * weights))


@claim("example-layers.temporal-softmax-example-shape")
def test_output_of_the_example_is_32_by_100_by_1(keras):
    model, ids, _ = softmax_example(keras)
    assert tuple(model(ids).shape) == (32, 100, 1)


@claim(
    "example-layers.model-takes-second-array",
    holds=BEFORE_KERAS_3,
    instead="example-layers.second-array-clashes",
)
def test_model_can_be_called_with_a_second_array(keras):
    model, ids, second = softmax_example(keras)
    with refuted_by(TypeError, match="multiple values for argument 'training'"):
        output = model(ids, second)
    assert tuple(output.shape) == (32, 100, 1)


@claim(
    "example-layers.second-array-is-training",
    holds=BEFORE_KERAS_3,
    instead="example-layers.second-array-clashes",
)
def test_second_array_arrives_as_training_and_changes_nothing(keras):
    class SeesTraining(type(my_activation(keras))):
        def call(self, inputs, training=None):
            self.seen = training
            return inputs * 1.0

    layer = SeesTraining()
    model, ids, second = softmax_example(keras, layer)
    with refuted_by(TypeError, match="multiple values for argument 'training'"):
        output = model(ids, second)
    assert layer.seen is second
    assert same(keras.numpy(output), keras.numpy(model(ids)))


@claim(
    "example-layers.second-array-clashes",
    holds=KERAS_3,
    instead="example-layers.second-array-is-training",
)
def test_second_array_clashes_with_training(keras):
    model, ids, second = softmax_example(keras)
    assert "multiple values for argument 'training'" in failure(model, ids, second)
