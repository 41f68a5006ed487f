"""Subclassed models and a mask: the `mask` parameter of `call`, and what other models do.

Page: spec/subclassed-models.md
"""

import numpy as np
import pytest

from maskspec import claim, observe, require
from tests.support.layers import arriving, custom_layer, failure, follows_the_ids
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
from tests.support.releases import BEFORE_KERAS_3

LENGTHS = (3, 7, 5, 2)


def four_sequences():
    """A float64 batch of shape (4, 10, 5), zero behind each row's length, and its mask."""
    mask = np.arange(10) < np.array(LENGTHS)[:, None]
    return np.random.RandomState(4).uniform(1, 2, (4, 10, 5)) * mask[:, :, None], mask


def fewer(mask):
    """A mask that leaves out one more step of each row: its last valid one."""
    return mask & np.roll(mask, -1, axis=1)


def reader_model(keras, recurrent):
    """A subclassed model of a Masking layer and ``recurrent`` that takes a mask by hand."""

    class Reader(keras.Model):
        def __init__(self):
            super().__init__()
            self.masking = keras.layers.Masking()
            self.recurrent = recurrent

        def call(self, steps, mask=None, training=False):
            by_hand = {} if mask is None else {"mask": mask}
            return self.recurrent(self.masking(steps), **by_hand)

    return Reader()


def seen_by(keras):
    """A subclassed model with a parameter ``mask``, and the list of the masks that it got."""
    seen = []

    class Seeing(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, steps, mask=None, training=False):
            seen.append(mask)
            return self.dense(steps)

    return Seeing(), seen


@claim("subclassed-models.call-gets-the-mask")
@pytest.mark.parametrize("given", ["by-keyword", "by-position"])
@pytest.mark.parametrize("mode", ["eager", TF_FUNCTION])
def test_mask_given_to_a_subclassed_model_reaches_its_call(keras, mode, given):
    class ShowsItsMask(keras.Model):
        def call(self, steps, mask=None, training=False):
            shown = -1.0 if mask is None else keras.ops.cast(mask, "float32")
            return keras.ops.zeros_like(steps[..., 0]) + shown

    def run(model, steps, mask):
        if given == "by-position":
            return model(steps, mask)
        return model(steps, mask=mask, training=False)

    steps, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    require((keras.numpy(ShowsItsMask()(steps)) == -1).all(), "without an argument there is none")
    call = keras.function(run) if mode == "tf.function" else run
    assert same(keras.numpy(call(ShowsItsMask(), steps, mask)), valid_steps())


@claim("subclassed-models.given-mask-or-own")
def test_lstm_gets_the_given_mask_or_that_of_the_masking_layer(keras):
    lstm, x = keras.layers.LSTM(2), keras.tensor(padded_features())
    other = keras.tensor(fewer(valid_steps()))
    by_hand = keras.numpy(lstm(x, mask=other))
    automatic = keras.numpy(lstm(x, mask=keras.tensor(valid_steps())))
    require(not same(by_hand, automatic), "the two masks differ in effect")
    model = reader_model(keras, lstm)
    assert same(keras.numpy(model(x, mask=other)), by_hand)
    assert same(keras.numpy(model(x)), automatic)


@claim("subclassed-models.example-shape")
def test_output_of_the_example_is_4_by_10_by_10(keras):
    model = reader_model(keras, keras.layers.LSTM(10, return_sequences=True))
    steps, mask = four_sequences()
    assert tuple(model(steps, mask=keras.tensor(mask), training=False).shape) == (4, 10, 10)


@claim("subclassed-models.layers-are-tracked")
@pytest.mark.parametrize("kept", ["as-attributes", "in-a-list"])
def test_layers_made_in_the_constructor_are_tracked(keras, kept):
    class Kept(keras.Model):
        def __init__(self):
            super().__init__()
            first, second = keras.layers.Masking(), keras.layers.SimpleRNN(3)
            if kept == "in-a-list":
                self.parts = [first, second]
            else:
                self.first, self.second = first, second

        def call(self, steps):
            first, second = self.parts if kept == "in-a-list" else (self.first, self.second)
            return second(first(steps))

    model = Kept()
    model(padded_features())
    assert {type(layer).__name__ for layer in model.layers} >= {"Masking", "SimpleRNN"}
    assert [tuple(w.shape) for w in model.trainable_weights] == [(4, 3), (3, 3), (3,)]


# --- next to other models ----------------------------------------------------------------------


@claim("subclassed-models.both-apis-propagate")
@pytest.mark.parametrize("mode", ["functional", "subclassed"])
def test_masks_propagate_in_functional_and_subclassed_models(keras, mode):
    ids, pooling = embedding(keras), keras.layers.GlobalAveragePooling1D()
    lost = compose(keras, "eager", [ids, custom_layer(keras), pooling])
    require(depends_on_padding(lost, ids), "where the mask is lost, the padding shows")
    found = compose(keras, mode, [ids, keras.layers.Dense(4), pooling])
    assert not depends_on_padding(found, ids)
    assert follows_the_ids(keras, mode, keras.layers.Dense(4))


@claim("subclassed-models.apis-agree-on-shapes")
@pytest.mark.parametrize(
    "given, layer, shape",
    [("a-mask", "SimpleRNN", (4, 10, 10)), ("none", "GlobalAveragePooling1D", (4, 5))],
    ids=["a-mask-SimpleRNN", "none-GlobalAveragePooling1D"],
)
def test_functional_and_subclassed_models_agree_on_shapes(keras, given, layer, shape):
    options = {"units": 10, "return_sequences": True} if layer == "SimpleRNN" else {}
    last, (steps, mask) = getattr(keras.layers, layer)(**options), four_sequences()
    by_hand = {"mask": keras.tensor(fewer(mask))} if given == "a-mask" else {}
    inputs = keras.Input((10, 5))
    functional = keras.Model(inputs, last(keras.layers.Masking()(inputs), **by_hand))(steps)
    subclassed = reader_model(keras, last)(steps, **by_hand)
    assert tuple(functional.shape) == tuple(subclassed.shape) == shape
    assert same(keras.numpy(functional), keras.numpy(subclassed))


# --- where no mask is given --------------------------------------------------------------------


@claim("subclassed-models.fit-gives-no-mask")
@pytest.mark.parametrize("by", ["fit", "evaluate", "predict"])
def test_fit_evaluate_and_predict_give_no_mask(keras, by):
    model, seen = seen_by(keras)
    x, y = padded_features(), np.zeros((3, 6, 1))
    model(x, mask=keras.tensor(valid_steps()))
    require(seen and seen[-1] is not None, "a mask that is given arrives")
    seen.clear()
    model.compile("sgd", "mse", run_eagerly=True)
    getattr(model, by)(x, *([] if by == "predict" else [y]), verbose=0)
    assert seen and all(mask is None for mask in seen)


@claim("subclassed-models.gets-the-mask-of-its-input", holds={"tf.keras": ">=2.3", "*": ""})
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_model_behind_an_embedding_gets_its_mask(keras, mode):
    require(same(arriving(keras, mode), valid_steps()), "a layer in that place gets the mask")
    model, seen = seen_by(keras)
    compose(keras, mode, [embedding(keras), model])(padded_ids())
    require(seen, "the model is called")
    assert seen[-1] is not None
    assert same(keras.numpy(seen[-1]), valid_steps())


# --- subclasses of functional models -------------------------------------------------------------


@claim("subclassed-models.functional-call-needs-a-mask-parameter", holds=BEFORE_KERAS_3)
def test_functional_model_with_a_call_of_its_own_needs_a_parameter_mask(keras):
    def outcome(model_class, is_masked=True):
        inputs, x = keras.Input((6, 4)), keras.tensor(padded_features())
        model = model_class(inputs=inputs, outputs=keras.layers.Dense(2)(inputs))
        return failure(model, keras.carry(x, valid_steps()) if is_masked else x)

    class WithMask(keras.Model):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, mask=mask)

    class WithoutMask(keras.Model):
        def call(self, inputs, training=None):
            return super().call(inputs)

    require(not outcome(WithMask), "with a parameter mask it works")
    require(not outcome(WithoutMask, is_masked=False), "so it does without a mask")
    found = outcome(WithoutMask)
    observe(found.partition(":")[0] or "no error")
    assert "unexpected keyword argument 'mask'" in found
