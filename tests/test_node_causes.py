"""What is said to cause "'Node' object has no attribute 'output_masks'", each cause on its own.

Page: spec/node-causes.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, claim, observe, refuted_by, require
from tests.support.layers import custom_layer, failure
from tests.support.packages import MESSAGE, beside, feed, tensor_of
from tests.support.probes import padded_features, padded_ids, valid_steps

STANDALONE = {"standalone": ""}
WITHOUT_THE_ERROR = ("node-error.never-read", "node-error.raised-by-tensor-of-tf-keras")


def embedding(keras, mask_zero=True):
    return keras.layers.Embedding(10, 4, mask_zero=mask_zero)


def pooling(keras):
    return keras.layers.GlobalAveragePooling1D()


def run(keras, mode, layers, batch):
    """Build a model of ``layers``, one after the other, and give it a batch of token ids."""
    if mode == "sequential":
        return feed(keras, keras.Sequential(layers), batch)
    x = inputs = keras.Input(shape=(6,), dtype="int32")
    for layer in layers:
        x = layer(x)
    return feed(keras, keras.Model(inputs, x), batch)


def failing(keras, mode, layers, batch):
    """What ``run`` raises, noted for the record; an empty text if it raises nothing."""
    found = failure(run, keras, mode, layers, batch)
    observe(found.partition(":")[0] or "no error")
    return found


@claim("node-causes.wrong-structure", NEVER, standalone=True)
@pytest.mark.parametrize("mismatch", ["axes", "size"])
def test_output_of_the_wrong_structure_raises_it(keras, mismatch):
    layer, given = keras.layers.SimpleRNN(2), keras.Input(shape=(4,))
    if mismatch == "size":
        layer, given = keras.layers.Dense(2), keras.Input(shape=(5,))
        layer(keras.Input(shape=(4,)))
    refuted = refuted_by(ValueError, match="incompatible with|must be equal")
    with pytest.raises(AttributeError, match=MESSAGE), refuted:
        layer(given)


@claim("node-causes.incompatible-layers", NEVER, instead=WITHOUT_THE_ERROR, standalone=True)
@pytest.mark.parametrize("layers", ["mask-lost", "masking-first", "no-sequence", "no-size"])
def test_incompatible_layers_raise_it(keras, layers):
    rnn, dense = keras.layers.SimpleRNN, keras.layers.Dense
    stacks = {
        "mask-lost": lambda: [embedding(keras), keras.layers.Conv1D(4, 1), pooling(keras)],
        "masking-first": lambda: [keras.layers.Masking(), embedding(keras), pooling(keras)],
        "no-sequence": lambda: [embedding(keras), rnn(2), rnn(2)],
        "no-size": lambda: [embedding(keras), dense(-2)],
    }
    found = failure(lambda: run(keras, "functional", stacks[layers](), padded_ids()))
    observe(found.partition(":")[0] or "no error")
    assert MESSAGE in found


@claim(
    "node-causes.custom-layer",
    NEVER,
    instead=("node-error.never-read", "node-causes.standalone-refuses-masks"),
    standalone=True,
)
@pytest.mark.parametrize("mode", ["functional", "sequential"])
def test_custom_layer_without_mask_handling_raises_it(keras, mode):
    layers = [embedding(keras), custom_layer(keras), keras.layers.SimpleRNN(2)]
    if keras.implementation != "standalone":  # which refuses the mask
        steps = layers[0](keras.tensor(padded_ids()))
        require(keras.mask_of(steps) is not None, "a mask comes as far as the custom layer")
        require(keras.mask_of(layers[1](steps)) is None, "the custom layer drops the mask")
    assert MESSAGE in failing(keras, mode, layers, padded_ids())


@claim("node-causes.standalone-refuses-masks", exists=STANDALONE, standalone=True)
@pytest.mark.parametrize("layer", ["custom", "Conv1D"])
def test_standalone_layer_refuses_a_mask_that_it_does_not_support(keras, layer):
    beside(keras, "standalone")
    refusing = custom_layer(keras) if layer == "custom" else keras.layers.Conv1D(4, 1)
    require(not failure(refusing, tensor_of(keras, "unmasked")), "it works without a mask")
    found = failure(refusing, tensor_of(keras, "masked"))
    assert re.match("TypeError: Layer .* does not support masking", found)


@claim("node-causes.data", NEVER, instead=WITHOUT_THE_ERROR, standalone=True)
@pytest.mark.parametrize(
    "batch",
    [
        pytest.param([[1, 2, 3], [4]], id="unequal-lengths"),
        pytest.param([["one", "two"]], id="text"),
        pytest.param([[1, 99]], id="ids-outside-the-table"),
        pytest.param([[1, 2], [3, 4]], id="not-padded"),
        pytest.param([[[1, 2], [3, 4]]], id="one-axis-too-many"),
    ],
)
def test_data_that_is_not_prepared_raises_it(keras, batch):
    layers = [embedding(keras), pooling(keras)]
    batch = batch if len(batch[0]) > len(batch[-1]) else np.array(batch)
    assert MESSAGE in failing(keras, "sequential", layers, batch)


@claim("node-causes.no-mask", NEVER, instead="node-examples.first-trains", standalone=True)
@pytest.mark.parametrize("mode", ["functional", "sequential"])
def test_data_without_a_mask_raises_it(keras, mode):
    layers = [embedding(keras, mask_zero=False), keras.layers.SimpleRNN(2)]
    assert MESSAGE in failing(keras, mode, layers, padded_ids())


@claim("node-causes.masking-strategy", NEVER, instead=WITHOUT_THE_ERROR, standalone=True)
@pytest.mark.parametrize("mask", ["all-ones", "inverted", "integers", "wrong-length"])
def test_wrong_mask_raises_it(keras, mask):
    valid = {
        "all-ones": np.ones((3, 6), bool),
        "inverted": ~valid_steps(),
        "integers": valid_steps().astype("int32"),
        "wrong-length": np.ones((3, 5), bool),
    }[mask]

    def build_and_run():
        features = keras.Input(shape=(6, 4))
        steps = keras.Input(shape=valid.shape[1:], dtype=str(valid.dtype))
        model = keras.Model([features, steps], pooling(keras)(features, mask=steps))
        feed(keras, model, [padded_features(), valid])

    found = failure(build_and_run)
    observe(found.partition(":")[0] or "no error")
    assert MESSAGE in found
