"""TimeDistributed on sequences of sequences, whose masks have three axes.

Page: spec/nested-sequences.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.consumers import NOT_3_0_0
from tests.support.layers import failure
from tests.support.nested import SENTENCES, WORDS, distributed, inner_of, sequences, shape_of, texts
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, NOT_ON_JAX

FOLLOWS = {**BEFORE_KERAS_3, "keras/jax": ""}  # an RNN behind can use the mask that it gets
BREAKS = {"keras": "", "keras/jax": None}
UNMASKABLE = "does not support masking"
BAD_SHAPES = "(?i)must match|must be broadcastable"


def word_ids(keras):
    """An id from 1 to 9 for each word of the texts, 0 where there is none."""
    return keras.tensor(np.where(WORDS, np.arange(1, 4), 0).astype("int32"))


def behind(keras, inner, consumer, padded=~WORDS):
    """A stack over texts that differ in their padding only, as a callable of that padding."""
    wrapped = distributed(keras, inner)
    last = keras.layers.SimpleRNN(7) if consumer == "SimpleRNN" else distributed(keras, "SimpleRNN")
    if inner == "Dense" and consumer == "SimpleRNN":
        return lambda value, masked: keras.numpy(last(wrapped(sequences(keras, value, masked))))
    return lambda value, masked: keras.numpy(last(wrapped(texts(keras, value, masked, padded))))


def own_layer(keras):
    """A layer that doubles its input and keeps in ``seen`` the shape of each mask it gets."""

    class Own(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True
            self.seen = []

        def call(self, inputs, mask=None):
            self.seen.append(shape_of(mask))
            return inputs * 2.0

    return Own()


# --- the mask of the output ---------------------------------------------------------------------


@claim(
    "nested-sequences.mask-not-reshaped",
    instead=("nested-sequences.mask-follows-inner", "nested-sequences.unmaskable-inner-raises"),
)
@pytest.mark.parametrize(
    "inner",
    [
        "Dense",
        "LSTM-sequence",
        case("LSTM", holds=KERAS_3),
        case("GlobalAveragePooling1D", holds=KERAS_3),
        case("Flatten", holds=KERAS_3),
        case("Conv1D", holds=KERAS_3),
    ],
)
def test_time_distributed_reshapes_the_data_and_not_the_mask(keras, inner):
    x, wrapped = texts(keras), distributed(keras, inner)
    with refuted_by(TypeError, match=UNMASKABLE):
        result = wrapped(x)
    require(tuple(result.shape) != (2, 4, 3, 5), "the data is reshaped")
    observe(f"output {shape_of(result)}, mask {shape_of(keras.mask_of(result))}")
    assert shape_of(keras.mask_of(result)) == (2, 4, 3)


@claim(
    "nested-sequences.mask-follows-inner",
    holds=BEFORE_KERAS_3,
    instead="nested-sequences.mask-not-reshaped",
)
@pytest.mark.parametrize("inner", ["LSTM", "GlobalAveragePooling1D"])
def test_sentence_is_valid_if_a_word_is(keras, inner):
    result = distributed(keras, inner)(texts(keras))
    assert same(keras.numpy(keras.mask_of(result)), SENTENCES)


@claim(
    "nested-sequences.unmaskable-inner-raises",
    holds=BEFORE_KERAS_3,
    instead="nested-sequences.mask-not-reshaped",
)
@pytest.mark.parametrize("inner", ["Flatten", "Conv1D"])
def test_inner_layer_without_masking_raises(keras, inner):
    require(not failure(distributed(keras, inner), texts(keras, masked=False)), "it works unmasked")
    found = failure(distributed(keras, inner), texts(keras))
    assert found.startswith("TypeError") and UNMASKABLE in found


@claim(
    "nested-sequences.inner-mask-is-used",
    holds=BEFORE_KERAS_3,
    instead="nested-sequences.inner-mask-is-lost",
)
@pytest.mark.parametrize("inner", ["Embedding", "Masking"])
def test_mask_that_the_inner_layer_makes_is_that_of_the_output(keras, inner):
    x = word_ids(keras) if inner == "Embedding" else texts(keras, masked=False)
    mask = keras.mask_of(distributed(keras, inner)(x))
    assert mask is not None and same(keras.numpy(mask), WORDS)


@claim(
    "nested-sequences.inner-mask-is-lost",
    holds=KERAS_3,
    instead="nested-sequences.inner-mask-is-used",
)
@pytest.mark.parametrize("inner", ["Embedding", "Masking"])
def test_mask_that_the_inner_layer_makes_is_lost(keras, inner):
    x = word_ids(keras) if inner == "Embedding" else texts(keras, masked=False)
    require(keras.mask_of(inner_of(keras, inner)(x)) is not None, "the inner layer makes a mask")
    assert keras.mask_of(distributed(keras, inner)(x)) is None


@claim(
    "nested-sequences.cause-of-unexpected-shapes",
    instead=("nested-sequences.mask-follows-inner", "time-distributed.mask-stays-batch-by-time"),
)
@pytest.mark.parametrize(
    "cause", [case("time-distributed-input", holds=KERAS_3), case("padding", holds=NEVER)]
)
def test_mask_shape_is_unexpected_because_of_it(keras, cause):
    if cause == "padding":
        valid = [np.ones((3, 6), bool), valid_steps(), valid_steps()[:, ::-1].copy()]
        x = [keras.carry(keras.tensor(padded_features()), mask) for mask in valid]
        rnn = keras.layers.SimpleRNN(3, return_sequences=True)
        assert any(shape_of(keras.mask_of(rnn(batch))) != (3, 6) for batch in x)
    else:
        result = distributed(keras, "SimpleRNN")(texts(keras))
        assert shape_of(keras.mask_of(result)) != tuple(result.shape[:2])


# --- layers behind it ---------------------------------------------------------------------------


@claim(
    "nested-sequences.propagation-takes-care",
    instead=(
        "nested-sequences.three-axes-break-an-rnn",
        "nested-sequences.unmaskable-inner-raises",
    ),
)
@pytest.mark.parametrize(
    "inner, consumer",
    [
        ("Dense", "SimpleRNN"),
        ("Dense", "TimeDistributed(SimpleRNN)"),
        case("SimpleRNN", "SimpleRNN", holds=FOLLOWS),
        case("Flatten", "SimpleRNN", holds={"keras/jax": ""}),
    ],
)
def test_layer_behind_ignores_padding(keras, inner, consumer):
    padded = np.repeat(~SENTENCES[..., None], 3, axis=2) if inner == "Flatten" else ~WORDS
    run = behind(keras, inner, consumer, padded)
    require(not same(run(2.0, False), run(-2.0, False)), "without a mask the padding counts")
    with refuted_by(Exception, match=f"{BAD_SHAPES}|{UNMASKABLE}"):
        result = run(2.0, True)
    assert same(run(-2.0, True), result)


@claim(
    "nested-sequences.three-axes-break-an-rnn",
    holds=BREAKS,
    instead="nested-sequences.empty-sentences-skipped",
)
@pytest.mark.parametrize("units", [7, 3])
def test_rnn_behind_breaks_or_reads_a_word_for_each_unit(keras, units):
    sentences = distributed(keras, "SimpleRNN")(texts(keras))
    rnn = keras.layers.SimpleRNN(units)
    right = keras.numpy(rnn(sentences, mask=keras.tensor(SENTENCES)))
    if units == 7:
        assert failure(rnn, sentences)
    else:  # as many units as words
        assert not same(keras.numpy(rnn(sentences)), right)


@claim(
    "nested-sequences.empty-sentences-skipped",
    holds=FOLLOWS,
    instead="nested-sequences.three-axes-break-an-rnn",
)
@pytest.mark.parametrize("units", [7, 3])
def test_rnn_behind_skips_sentences_without_a_word(keras, units):
    sentences = distributed(keras, "SimpleRNN")(texts(keras))
    rnn = keras.layers.SimpleRNN(units)
    right = keras.numpy(rnn(sentences, mask=keras.tensor(SENTENCES)))
    with refuted_by(Exception, match=BAD_SHAPES):
        result = keras.numpy(rnn(sentences))
    assert same(result, right)


@claim("nested-sequences.mask-by-hand-works")
def test_mask_by_hand_is_right_everywhere(keras):
    inner, rnn = distributed(keras, "SimpleRNN"), keras.layers.SimpleRNN(7)
    results = []
    for padding in (2.0, -2.0):
        sentences = inner(texts(keras, padding, masked=False), mask=keras.tensor(WORDS))
        results.append(keras.numpy(rnn(sentences, mask=keras.tensor(SENTENCES))))
    assert same(*results)


@claim("nested-sequences.reshape-ends-the-mask")
def test_behind_a_reshape_empty_sentences_count(keras):
    empty = np.repeat(~SENTENCES[..., None], 3, axis=2)
    join, rnn = keras.layers.Reshape((4, 15)), keras.layers.SimpleRNN(7)
    joined = [join(texts(keras, padding, True, empty)) for padding in (2.0, -2.0)]
    by_hand = [keras.numpy(rnn(x, mask=keras.tensor(SENTENCES))) for x in joined]
    require(same(*by_hand), "with a mask by hand, empty sentences are skipped")
    kept = keras.mask_of(keras.layers.Dense(2)(texts(keras)))
    require(kept is not None, "a layer such as Dense hands the mask on")
    assert keras.mask_of(joined[0]) is None
    assert not same(*(keras.numpy(rnn(x)) for x in joined))


# --- what the inner layer gets ------------------------------------------------------------------


@claim(
    "nested-sequences.masked-tensors-processed-correctly",
    instead=(
        "nested-sequences.sentence-mask-breaks-a-recurrent-inner",
        "nested-sequences.own-inner-layer-gets-no-mask",
        "rnn.value-error-for-unreadable-masks",
    ),
)
@pytest.mark.parametrize(
    "inner, mask",
    [
        ("Dense", "of-steps"),
        ("SimpleRNN", "of-words"),
        case("SimpleRNN", "of-sentences", holds=NEVER),
        case("own-layer", "of-words", holds=KERAS_3),
    ],
)
def test_inner_layer_uses_the_mask(keras, inner, mask):
    if inner == "own-layer":
        own = own_layer(keras)
        keras.layers.TimeDistributed(own)(texts(keras))
        require(own.seen, "the layer inside was called")
        assert all(own.seen)
    elif inner == "Dense":
        wrapped = distributed(keras, "Dense")
        high, low = (wrapped(sequences(keras, padding)) for padding in (2.0, -2.0))
        assert same(keras.numpy(keras.mask_of(high)), valid_steps())
        assert same(keras.numpy(high)[valid_steps()], keras.numpy(low)[valid_steps()])
    else:
        wrapped = distributed(keras, inner)
        given = keras.tensor(WORDS if mask == "of-words" else SENTENCES)
        padded = ~WORDS if mask == "of-words" else np.repeat(~SENTENCES[..., None], 3, axis=2)
        x = [texts(keras, padding, False, padded) for padding in (2.0, -2.0)]
        require(not same(*(keras.numpy(wrapped(batch)) for batch in x)), "padding counts unmasked")
        with refuted_by(IndexError, match="index out of range"):
            high, low = (keras.numpy(wrapped(batch, mask=given)) for batch in x)
        assert same(high, low)


@claim(
    "nested-sequences.sentence-mask-breaks-a-recurrent-inner",
    instead="rnn.value-error-for-unreadable-masks",
)
@pytest.mark.parametrize("inner", ["SimpleRNN", case("GRU", holds=NOT_3_0_0)])
def test_recurrent_inner_layer_breaks_on_a_mask_of_sentences(keras, inner):
    wrapped, x = distributed(keras, inner), texts(keras, masked=False)
    require(not failure(wrapped, x), "without a mask it works")
    found = failure(lambda: wrapped(x, mask=keras.tensor(SENTENCES)))
    assert found.startswith("IndexError")


@claim(
    "nested-sequences.own-inner-layer-gets-no-mask",
    holds=BEFORE_KERAS_3,
    instead="nested-sequences.own-inner-layer-gets-its-slice",
)
def test_own_inner_layer_gets_no_mask_and_masked_steps_repeat(keras):
    own = own_layer(keras)
    x = keras.carry(keras.tensor(padded_features(2.0)), valid_steps())
    result = keras.numpy(keras.layers.TimeDistributed(own)(x))
    require(own.seen, "the layer inside was called")
    assert not any(own.seen)
    assert same(result[0, 3:], np.repeat(result[0, 2:3], 3, axis=0))


@claim(
    "nested-sequences.own-inner-layer-gets-its-slice",
    holds=KERAS_3,
    instead="nested-sequences.own-inner-layer-gets-no-mask",
)
def test_own_inner_layer_gets_the_mask_of_each_step(keras):
    own = own_layer(keras)
    result = keras.numpy(keras.layers.TimeDistributed(own)(texts(keras, 2.0)))
    assert all(shape == (2, 3) for shape in own.seen)
    assert same(result[~WORDS], np.full_like(result[~WORDS], 4.0))


# --- convolutions -------------------------------------------------------------------------------


@claim(
    "nested-sequences.convolutions-take-part",
    instead=("consumption.convolution-and-pooling-ignore-the-mask", "rnn.conv-lstm-breaks-on-jax"),
)
@pytest.mark.parametrize(
    "layer, part",
    [
        ("Conv1D", "output-for-each-step"),
        case("Conv1D", "uses-the-mask", holds=NEVER),
        case("ConvLSTM2D", "uses-the-mask", holds=NOT_ON_JAX),
    ],
)
def test_convolutions_work_over_time_and_use_the_mask(keras, layer, part):
    make = keras.layers
    made = make.ConvLSTM2D(2, 1, return_sequences=True)
    made = make.Conv1D(2, 3, padding="same") if layer == "Conv1D" else made
    batches = [padded_features(padding) for padding in (2.0, -2.0)]
    if layer == "ConvLSTM2D":
        batches = [x.reshape(3, 6, 2, 2, 1) for x in batches]
    if part == "output-for-each-step":
        assert tuple(made(keras.tensor(batches[0])).shape)[:2] == (3, 6)
    else:
        masked = [keras.carry(keras.tensor(x), valid_steps()) for x in batches]
        with refuted_by(ValueError, match="ncompatible shapes for broadcasting"):
            high, low = (keras.numpy(made(x)) for x in masked)
        assert same(high[valid_steps()], low[valid_steps()])
