"""TimeDistributed on sequences of sequences, whose masks have three axes.

Page: spec/nested-sequences.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, raises, refuted_by, require
from tests.support.consumers import NOT_3_0_0
from tests.support.layers import failure
from tests.support.nested import SENTENCES, WORDS, distributed, inner_of, sequences, shape_of, texts
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3

FOLLOWS = {**BEFORE_KERAS_3, "keras/jax": ""}  # an RNN behind can use the mask that it gets
UNMASKABLE = "does not support masking"
BAD_DIMENSION = "(?i)can not expand|cannot insert dim|dimension|dim "
BAD_SHAPES = "(?i)must match|must be broadcastable"


def word_ids(keras):
    """An id from 1 to 9 for each word of the texts, 0 where there is none."""
    return keras.tensor(np.where(WORDS, np.arange(1, 4), 0).astype("int32"))


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


@claim("nested-sequences.mask-not-reshaped", holds=KERAS_3)
@pytest.mark.parametrize("inner", ["LSTM", "GlobalAveragePooling1D"])
def test_time_distributed_reshapes_the_data_and_not_the_mask(keras, inner):
    result = distributed(keras, inner)(texts(keras))
    require(result.shape[:2] == (2, 4) and len(result.shape) == 3, "the axis of the words is gone")
    require(keras.mask_of(result) is not None, "the output carries a mask")
    mask = keras.numpy(keras.mask_of(result))
    observe(f"output {shape_of(result)}, mask {mask.shape}")
    require(same(mask, WORDS) or same(mask, SENTENCES), "it is of all words, or of any word")
    assert same(mask, WORDS)


@claim("nested-sequences.unmaskable-inner-raises", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("inner", ["Flatten", "Conv1D"])
def test_inner_layer_without_masking_raises(keras, inner):
    require(not failure(distributed(keras, inner), texts(keras, masked=False)), "it works unmasked")
    with raises(TypeError, match=UNMASKABLE):
        result = distributed(keras, inner)(texts(keras))
        require(same(keras.numpy(keras.mask_of(result)), WORDS), "else the mask stays as it is")


@claim("nested-sequences.inner-mask-is-used", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("inner", ["Embedding", "Masking"])
def test_mask_that_the_inner_layer_makes_is_that_of_the_output(keras, inner):
    x = word_ids(keras) if inner == "Embedding" else texts(keras, masked=False)
    made = keras.mask_of(inner_of(keras, inner)(x))
    require(made is not None and same(keras.numpy(made), WORDS), "the layer alone makes a mask")
    mask = keras.mask_of(distributed(keras, inner)(x))
    require(mask is None or same(keras.numpy(mask), WORDS), "there is that mask or none")
    assert mask is not None


@claim(
    "nested-sequences.cause-of-unexpected-shapes",
    instead="time-distributed.mask-stays-batch-by-time",
)
@pytest.mark.parametrize(
    "cause", [case("time-distributed-input", holds=KERAS_3), case("padding", holds=NEVER)]
)
def test_mask_shape_is_unexpected_because_of_it(keras, cause):
    if cause == "padding":
        valid = [np.ones((3, 6), bool), valid_steps(), valid_steps()[:, ::-1].copy()]
        x = [keras.carry(keras.tensor(padded_features()), mask) for mask in valid]
        rnn = keras.layers.SimpleRNN(3, return_sequences=True)
        results = [rnn(batch) for batch in x]
    else:
        results = [distributed(keras, "SimpleRNN")(texts(keras))]
    masks = [keras.mask_of(result) for result in results]
    require(not any(mask is None for mask in masks), "the output carries a mask")
    observe(f"mask {', '.join(str(shape_of(mask)) for mask in masks)}")
    assert any(shape_of(m) != tuple(r.shape[:2]) for m, r in zip(masks, results))


# --- layers behind it ---------------------------------------------------------------------------


@claim("nested-sequences.propagation-takes-care")
@pytest.mark.parametrize(
    "inner, consumer",
    [
        ("Dense", "SimpleRNN"),
        ("Dense", "TimeDistributed(SimpleRNN)"),
        case("SimpleRNN", "SimpleRNN", holds=FOLLOWS),
        case("Flatten", "SimpleRNN", holds={"keras/jax": ""}),
    ],
)
def test_layer_behind_gets_the_mask_that_it_needs(keras, inner, consumer):
    x = sequences(keras, 2.0) if (inner, consumer) == ("Dense", "SimpleRNN") else texts(keras, 2.0)
    last = keras.layers.SimpleRNN(7) if consumer == "SimpleRNN" else distributed(keras, "SimpleRNN")
    needed = keras.numpy(keras.mask_of(x))
    needed = SENTENCES if inner in ("SimpleRNN", "Flatten") else needed
    with refuted_by(Exception, match=f"{BAD_SHAPES}|{UNMASKABLE}"):
        steps = distributed(keras, inner)(x)
        require(inner == "Dense" or keras.mask_of(steps) is not None, "some mask is handed on")
        result = keras.numpy(last(steps))
    bare = keras.tensor(keras.numpy(steps))
    right = keras.numpy(last(bare, mask=keras.tensor(needed)))
    require(not same(keras.numpy(last(bare)), right), "without a mask the padding counts")
    assert same(result, right)


def masked_unit_by_unit(rnn, sentences):
    """What a SimpleRNN of three units returns if the mask of word i masks unit i."""
    kernel, recurrent, bias = rnn.get_weights()
    state = np.zeros((2, 3))
    for step in range(4):
        new = np.tanh(sentences[:, step] @ kernel + state @ recurrent + bias)
        state = np.where(WORDS[:, step], new, state)
    return state


@claim("nested-sequences.empty-sentences-skipped", holds=FOLLOWS)
@pytest.mark.parametrize("units", [7, 3])
def test_rnn_behind_skips_sentences_without_a_word(keras, units):
    sentences = distributed(keras, "SimpleRNN")(texts(keras))
    bare, rnn = keras.tensor(keras.numpy(sentences)), keras.layers.SimpleRNN(units)
    right = keras.numpy(rnn(bare, mask=keras.tensor(SENTENCES)))
    unmasked = keras.numpy(rnn(bare))
    require(not same(unmasked, right), "without a mask the empty sentences count")
    with refuted_by(Exception, match=BAD_SHAPES):
        result = keras.numpy(rnn(sentences))
    if units == 3:  # as many as words
        by_unit = masked_unit_by_unit(rnn, keras.numpy(bare))
        require(same(result, right) or same(result, by_unit), "else each unit has a word's mask")
    require(not same(result, unmasked), "the RNN gets a mask")
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
        require(not same(high, keras.numpy(wrapped(x[0]))), "the mask makes a difference")
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


@claim("nested-sequences.sentence-mask-breaks-pooling")
def test_pooling_inside_breaks_on_a_mask_of_sentences(keras):
    wrapped, x = distributed(keras, "GlobalAveragePooling1D"), texts(keras, masked=False)
    require(not failure(wrapped, x), "without a mask it works")
    require(not failure(lambda: wrapped(x, mask=keras.tensor(WORDS))), "and with one of words")
    found = failure(lambda: wrapped(x, mask=keras.tensor(SENTENCES)))
    observe(found.partition(":")[0])
    assert re.search(BAD_DIMENSION, found)


def held(values, valid):
    """``values``, but at each masked step those of the step before; zeros before the first."""
    steps = [np.zeros_like(values[:, 0])]
    for step in range(values.shape[1]):
        steps.append(np.where(valid[:, step, ..., None], values[:, step], steps[-1]))
    return np.stack(steps[1:], axis=1)


@claim("nested-sequences.own-inner-layer-gets-its-slice", holds=KERAS_3)
@pytest.mark.parametrize("mask", ["of-steps", "of-words"])
def test_own_inner_layer_gets_the_mask_of_each_step(keras, mask):
    batch, valid = (sequences, valid_steps()) if mask == "of-steps" else (texts, WORDS)
    own, x = own_layer(keras), batch(keras, 2.0)
    result, doubled = keras.numpy(keras.layers.TimeDistributed(own)(x)), keras.numpy(x) * 2.0
    require(own.seen, "the layer inside was called")
    observe(f"a mask of shape {own.seen[0]}" if own.seen[0] else "no mask")
    unseen = not any(own.seen) and same(result, held(doubled, valid))
    require(unseen or same(result, doubled), "otherwise masked steps repeat the step before")
    assert set(own.seen) == {valid[:, 0].shape} and same(result, doubled)


# --- convolutions -------------------------------------------------------------------------------


@claim(
    "nested-sequences.convolutions-take-part",
    holds=NEVER,
    instead="consumption.convolution-and-pooling-ignore-the-mask",
)
@pytest.mark.parametrize("layer", ["Conv1D", "SeparableConv1D"])
def test_convolutions_work_over_time_and_use_the_mask(keras, layer):
    convolution = getattr(keras.layers, layer)(2, 3, padding="same")
    high, low = (convolution(sequences(keras, padding)) for padding in (2.0, -2.0))
    require(tuple(high.shape) == (3, 6, 2), "there is an output for each step")
    high, low = keras.numpy(high), keras.numpy(low)
    require(same(high[0, :2], low[0, :2]), "far from the padding nothing of it is seen")
    assert same(high[valid_steps()], low[valid_steps()])
