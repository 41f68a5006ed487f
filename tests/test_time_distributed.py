"""TimeDistributed and the mask of the sequences that go through it.

Page: spec/time-distributed.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.layers import custom_layer, failure
from tests.support.nested import WORDS, distributed, sequences, shape_of, texts
from tests.support.probes import LENGTHS, padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, NOT_ON_JAX

BAD_SHAPES = (
    "(?i)must match|must be broadcastable|cannot unstack|out of range|array size|axis sizes"
)
TROUBLE = (
    "masked-outputs.time-distributed-miscounts-steps",
    "masked-outputs.time-distributed-needs-a-length",
)
NO_LENGTH = r"TimeDistributed\.call"  # where the error comes from
KEEPS_LENGTH = {"keras/tensorflow": ">=3.9,<3.14", "*": ""}
SIZES = ((3, 6), (2, 9), (1, 4), (3, 6))  # samples and steps, one after the other
MISFIT = "(?i)mask|shape|size|list assignment index"
LENGTH_CHECKED = {
    "keras/tensorflow": "!=3.9.*,!=3.10.*,!=3.11.*,!=3.12.*,!=3.13.*",
    "*": "",
}


def dense_and_distributed(keras):
    """Dense and TimeDistributed(Dense), with the same weights, for three features."""
    dense, wrapped = keras.layers.Dense(2), distributed(keras, "Dense")
    for layer in (dense, wrapped):
        layer(keras.tensor(np.zeros((3, 6, 3), "float32")))
    wrapped.set_weights(dense.get_weights())
    return dense, wrapped


def recurrent(keras, padding=2.0):
    """What an RNN with fixed weights returns for each step of the sequences, and its mask."""
    fixed = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    rnn = keras.layers.SimpleRNN(3, return_sequences=True, **fixed)
    return rnn(sequences(keras, padding))


def steps_of(count, length):
    """A batch of ``count`` sequences of ``length`` steps of three features; the last is zeros."""
    batch = np.resize(padded_features(2.0), (count, length, 3))
    batch[:, -1] = 0.0
    return batch


# --- what TimeDistributed does to the data ------------------------------------------------------


@claim(
    "time-distributed.each-step-by-itself",
    instead="time-distributed.batch-statistics-of-all-steps",
)
@pytest.mark.parametrize(
    "inner",
    ["Dense", "SimpleRNN", "Conv1D", case("BatchNormalization", holds=KERAS_3)],
)
def test_layer_is_applied_to_each_timestep(keras, inner):
    training = {"training": True} if inner == "BatchNormalization" else {}
    x, wrapped = texts(keras, 1.0, masked=False), distributed(keras, inner)
    result = keras.numpy(wrapped(x, **training))
    one_by_one = [keras.numpy(wrapped.layer(x[:, step], **training)) for step in range(4)]
    assert same(result, np.stack(one_by_one, axis=1))


@claim(
    "time-distributed.own-layer-repeats-masked-steps",
    holds=BEFORE_KERAS_3,
    instead="time-distributed.each-step-by-itself",
)
def test_output_of_a_layer_of_ones_own_is_repeated_at_masked_steps(keras):
    x, double = sequences(keras, 2.0), keras.layers.TimeDistributed(custom_layer(keras))
    built_in = keras.layers.TimeDistributed(keras.layers.Activation("linear"))
    require(same(keras.numpy(built_in(x)), keras.numpy(x)), "a built-in layer computes each step")
    require(same(keras.numpy(double(x))[0, :3], 2 * keras.numpy(x)[0, :3]), "so are valid steps")
    found = keras.numpy(double(x))[0]
    assert same(found[3:], np.stack([found[2]] * 3))


@claim(
    "time-distributed.batch-statistics-of-all-steps",
    holds={"tf.keras": "", "tf_keras": ""},
    instead="time-distributed.each-step-by-itself",
)
def test_batch_statistics_are_those_of_all_steps(keras):
    x, wrapped = texts(keras, 1.0, masked=False), distributed(keras, "BatchNormalization")
    result = keras.numpy(wrapped(x, training=True))
    values = keras.numpy(x)
    centred = (values - values.mean(axis=(0, 1, 2))) / np.sqrt(values.var(axis=(0, 1, 2)) + 1e-3)
    assert same(result, centred)


@claim("time-distributed.can-reshape")
@pytest.mark.parametrize(
    "inner, shape",
    [
        ("Dense", "2x4x3x2"),
        ("Flatten", "2x4x15"),
        ("SimpleRNN", "2x4x2"),
        ("Conv1D", "2x4x2x2"),
    ],
)
def test_time_distributed_can_change_the_shape(keras, inner, shape):
    result = distributed(keras, inner)(texts(keras, masked=False))
    assert "x".join(map(str, result.shape)) == shape


@claim("time-distributed.dense-changes-the-features")
@pytest.mark.parametrize("shape", ["eager", "symbolic"])
def test_dense_transforms_the_features_of_masked_data(keras, shape):
    size = (4, 10, 5) if shape == "eager" else (None, 10, 5)
    x = keras.tensor(np.ones(size, "float32")) if shape == "eager" else keras.Input(size[1:])
    result = keras.layers.TimeDistributed(keras.layers.Dense(3))(keras.layers.Masking()(x))
    assert tuple(result.shape) == (*size[:2], 3)


# --- between Masking and LSTM -------------------------------------------------------------------


@claim("time-distributed.second-example")
def test_second_example_builds_and_keeps_the_length(keras):
    x, valid = np.zeros((4, 10, 5), "float32"), np.arange(10) < np.array([[3], [7], [5], [2]])
    x[valid] = np.random.RandomState(3).uniform(0, 1, (17, 5))
    inputs = keras.Input(shape=(10, 5))
    masked = keras.layers.Masking(mask_value=0.0)(inputs)
    three = keras.layers.TimeDistributed(keras.layers.Dense(3))(masked)
    steps = keras.layers.LSTM(10, return_sequences=True)(three, mask=keras.tensor(valid))
    result = keras.Model(inputs=inputs, outputs=steps)(x, training=False)
    assert tuple(result.shape) == (4, 10, 10)


@claim("time-distributed.lstm-behind-uses-the-mask")
@pytest.mark.parametrize("mask", ["carried", "by-hand"])
def test_lstm_behind_ignores_the_padding(keras, mask):
    dense, lstm = distributed(keras, "Dense"), keras.layers.LSTM(3)
    given = {"mask": keras.tensor(valid_steps())} if mask == "by-hand" else {}

    def run(padding, masked):
        x = sequences(keras, padding, masked=masked and mask == "carried")
        return keras.numpy(lstm(dense(x), **(given if masked else {})))

    require(not same(run(2.0, False), run(-2.0, False)), "without a mask the padding counts")
    assert same(run(2.0, True), run(-2.0, True))


@claim("time-distributed.mask-stays-batch-by-time")
@pytest.mark.parametrize("mode", ["eager", "symbolic"])
def test_mask_keeps_its_shape_and_values(keras, mode):
    if mode == "eager":
        result = distributed(keras, "Dense")(sequences(keras))
        assert same(keras.numpy(keras.mask_of(result)), valid_steps())
    else:
        masked = keras.layers.Masking()(keras.Input((6, 4)))
        result = distributed(keras, "Dense")(masked)
        assert shape_of(keras.mask_of(result)) == shape_of(keras.mask_of(masked)) == (None, 6)


@claim("time-distributed.mask-selects-steps-of-the-output")
def test_mask_is_read_against_the_output(keras):
    dense, rnn = distributed(keras, "Dense"), keras.layers.SimpleRNN(3)
    result = keras.numpy(rnn(dense(sequences(keras, 2.0))))
    steps = keras.numpy(dense(sequences(keras, 2.0, masked=False)))
    each = [
        keras.numpy(rnn(keras.tensor(steps[i : i + 1, valid])))
        for i, valid in enumerate(valid_steps())
    ]
    require(not same(keras.numpy(rnn(keras.tensor(steps))), result), "the masked steps count")
    assert same(result, np.concatenate(each))


@claim(
    "time-distributed.mask-belongs-to-the-input-only",
    instead="time-distributed.mask-stays-batch-by-time",
)
@pytest.mark.parametrize("inner", [case("Dense", holds=NEVER), case("SimpleRNN", holds=KERAS_3)])
def test_unchanged_mask_fits_the_input_and_not_the_output(keras, inner):
    batch, mask = (sequences, valid_steps()) if inner == "Dense" else (texts, WORDS)
    wrapped = distributed(keras, inner)
    high, low = wrapped(batch(keras, 2.0)), keras.numpy(wrapped(batch(keras, -2.0)))
    require(keras.mask_of(high) is not None, "the output carries a mask")
    found = keras.numpy(keras.mask_of(high))
    unaffected = np.isclose(keras.numpy(high), low).all(axis=-1)  # steps not made from padding
    observe(f"mask {found.shape}, output {tuple(high.shape)}")
    assert same(found, mask) and not same(found, unaffected)


@claim(
    "time-distributed.mask-shape-matters",
    instead="time-distributed.three-axes-reduced-on-jax",
)
@pytest.mark.parametrize(
    "shape", ["too-short", "transposed", case("one-for-each-feature", holds=NOT_ON_JAX)]
)
def test_mask_of_another_shape_does_not_do(keras, shape):
    mask = {
        "too-short": valid_steps()[:, :4],
        "transposed": valid_steps().T.copy(),
        "one-for-each-feature": np.repeat(valid_steps()[..., None], 2, axis=2),
    }[shape]
    steps = distributed(keras, "Dense")(sequences(keras, 2.0, masked=False))
    rnn = keras.layers.SimpleRNN(7)
    right = keras.numpy(rnn(steps, mask=keras.tensor(valid_steps())))

    def run():
        return keras.numpy(rnn(steps, mask=keras.tensor(mask)))

    found = failure(run)
    require(not found or re.search(BAD_SHAPES, found), found)
    assert found or not same(run(), right)


@claim("time-distributed.three-axes-reduced-on-jax", holds={"keras/jax": ""})
def test_mask_with_three_axes_is_reduced(keras):
    steps, rnn = sequences(keras, 2.0, masked=False), keras.layers.SimpleRNN(7)
    right = keras.numpy(rnn(steps, mask=keras.tensor(valid_steps())))
    each = np.repeat(valid_steps()[..., None], 2, axis=2)
    each[:, :, 0] = False
    require(not same(keras.numpy(rnn(steps)), right), "without a mask the padding counts")
    with refuted_by(Exception, match=BAD_SHAPES):
        result = keras.numpy(rnn(steps, mask=keras.tensor(each)))
    assert same(result, right)


@claim("time-distributed.needs-a-mask-that-fits")
@pytest.mark.parametrize(
    "inner, length",
    [
        case("Dense", 5, holds=LENGTH_CHECKED),
        case("Dense", 7, holds=LENGTH_CHECKED),
        ("SimpleRNN", 3),
    ],
)
def test_mask_of_another_length_raises(keras, inner, length):
    x = (sequences if inner == "Dense" else texts)(keras, masked=False)
    wrapped, mask = distributed(keras, inner), np.ones((x.shape[0], length), bool)
    require(not failure(wrapped, x), "without a mask it works")
    found = failure(lambda: wrapped(x, mask=keras.tensor(mask)))
    observe(found.partition(":")[0] or "no error")
    require(not found or re.search(MISFIT, found), found)
    assert found


# --- beside Dense ------------------------------------------------------------------------------


@claim(
    "time-distributed.better-than-dense",
    holds=NEVER,
    instead="masked-outputs.plain-dense-is-as-aware",
)
@pytest.mark.parametrize("counted", ["padding-behind", "steps-wrongly-marked"])
def test_time_distributed_handles_the_mask_better_than_dense(keras, counted):
    average = keras.layers.GlobalAveragePooling1D()

    def shortcoming(layer):
        steps = layer(recurrent(keras))
        if counted == "padding-behind":
            rows = zip(keras.numpy(steps), valid_steps())
            right = np.stack([row[valid].mean(axis=0) for row, valid in rows])
            return np.abs(keras.numpy(average(steps)) - right).max()
        mask = keras.mask_of(steps)
        return (valid_steps() != (True if mask is None else keras.numpy(mask))).sum()

    require(keras.mask_of(recurrent(keras)) is not None, "a mask arrives")
    plain, wrapped = (shortcoming(layer) for layer in dense_and_distributed(keras))
    observe(f"Dense {plain:.2f}, TimeDistributed {wrapped:.2f}")
    assert wrapped < plain - 1e-5


def predicted_in_turn(keras, layer):
    """What one model of ``layer`` behind `Masking` predicts for batches of several sizes."""
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, layer(keras.layers.Masking()(inputs)))
    return [model.predict(steps_of(*size), verbose=0) for size in SIZES]


@claim("time-distributed.same-as-dense", instead=TROUBLE)
@pytest.mark.parametrize(
    "seen", ["outputs", "mask", "gradient", case("outputs-of-one-graph", holds=KEEPS_LENGTH)]
)
def test_dense_does_the_same(keras, seen):
    def squares(layer):
        return lambda x: keras.ops.sum(layer(keras.layers.Masking()(x)) ** 2)

    layers, steps = dense_and_distributed(keras), steps_of(3, 6)
    x = keras.layers.Masking()(keras.tensor(steps))
    require(keras.mask_of(x) is not None, "a mask arrives")
    if seen == "mask":
        plain, wrapped = (keras.mask_of(layer(x)) for layer in layers)
        require(same(keras.numpy(plain), steps.any(axis=-1)), "Dense hands it on")
        assert wrapped is not None and same(keras.numpy(plain), keras.numpy(wrapped))
    elif seen == "gradient":
        assert same(*(keras.gradient(squares(layer), steps) for layer in layers))
    elif seen == "outputs":
        assert same(*(keras.numpy(layer(x)) for layer in layers))
    else:
        with refuted_by(ValueError, TypeError, match=NO_LENGTH):
            plain, wrapped = (predicted_in_turn(keras, layer) for layer in layers)
        require([steps.shape[:2] for steps in plain] == [*SIZES], "Dense returns each step")
        observe(f"outputs of shape {', '.join(str(steps.shape) for steps in wrapped)}")
        assert all(same(*steps) for steps in zip(plain, wrapped))


# --- ragged batches -----------------------------------------------------------------------------


@claim("time-distributed.ragged-ends-with-its-first-row", exists=BEFORE_KERAS_3)
@pytest.mark.parametrize("first", ["shortest", "longest"])
def test_ragged_batch_is_computed_up_to_the_end_of_its_first_row(keras, first):
    class Doubling(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

        def compute_output_shape(self, input_shape):
            return input_shape

    lengths = LENGTHS if first == "shortest" else LENGTHS[::-1]
    ragged = keras.ragged_tensor(padded_features(2.5), lengths)
    try:
        found = keras.layers.TimeDistributed(Doubling())(ragged)
    except (TypeError, ValueError) as error:
        raise Unavailable("TimeDistributed takes no ragged tensors") from error
    steps = np.minimum(np.arange(6), lengths[0] - 1)  # from its end on, the same again
    wanted = keras.ragged_tensor(2 * padded_features(2.5)[:, steps], lengths)
    assert same(keras.numpy(found.to_tensor()), keras.numpy(wanted.to_tensor()))
