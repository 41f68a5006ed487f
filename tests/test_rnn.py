"""Recurrent layers and masks.

Page: spec/rnn.md
"""

import numpy as np
import pytest

from maskspec import case, claim, require
from maskspec.probes import padded_features, same, valid_steps

KINDS = ["SimpleRNN", "GRU", "LSTM", "RNN", "StackedRNNCells", "Bidirectional"]
ASKS_THE_MASK = {"keras/tensorflow": ">=3.2", "keras": None, "*": ""}


def layer_of(keras, kind, **options):
    """A fresh recurrent layer."""
    make = keras.layers
    if kind == "RNN":
        return make.RNN(make.LSTMCell(3), **options)
    if kind == "StackedRNNCells":
        return make.RNN(make.StackedRNNCells([make.GRUCell(3), make.SimpleRNNCell(2)]), **options)
    if kind == "Bidirectional":
        return make.Bidirectional(make.LSTM(3, **options))
    if kind == "ConvLSTM2D":
        return make.ConvLSTM2D(2, 1, **options)
    return getattr(make, kind)(3, **options)


def runner(keras, kind, **options):
    """A fresh recurrent layer as a callable from a numpy batch, and a mask, to a numpy result.

    ConvLSTM2D sees the four features of a step as an image of 2 x 2 pixels.
    """
    layer = layer_of(keras, kind, **options)

    def run(x, mask=None):
        batch = keras.tensor(x.reshape(x.shape[:2] + (2, 2, 1)) if kind == "ConvLSTM2D" else x)
        result = layer(batch) if mask is None else layer(batch, mask=keras.tensor(mask))
        parts = result if isinstance(result, (list, tuple)) else [result]
        return np.concatenate([keras.numpy(part).reshape(len(x), -1) for part in parts], axis=1)

    return run


def padded_first(x, mask):
    """The batch and its mask with the padded steps of each sample moved to the start."""
    order = np.argsort(mask, axis=1, kind="stable")  # False sorts before True
    return np.take_along_axis(x, order[:, :, None], axis=1), np.sort(mask, axis=1)


@claim("rnn.layers-consume-masks")
@pytest.mark.parametrize("kind", [*KINDS, "ConvLSTM2D"])
def test_rnn_layers_consume_masks(keras, kind):
    run, mask = runner(keras, kind), valid_steps()
    masked = run(padded_features(2.0), mask)
    require(not same(run(padded_features(2.0)), masked), "the mask makes a difference")
    assert same(run(padded_features(-2.0), mask), masked)


@claim("rnn.lstm-ignores-masked-values")
@pytest.mark.parametrize("returned", ["output", "sequence", "states"])
def test_lstm_ignores_masked_values(keras, returned):
    options = {"return_sequences": returned == "sequence", "return_state": returned == "states"}
    run, x, mask = runner(keras, "LSTM", **options), padded_features(2.0), valid_steps()
    masked = run(x, mask)
    require(not same(run(x), masked), "without the mask the values count")
    x[~mask] = 1e6
    assert same(run(x, mask), masked)


@claim("rnn.pre-padding-works")
@pytest.mark.parametrize("kind", KINDS)
def test_padding_at_the_start_gives_the_unpadded_result(keras, kind):
    run = runner(keras, kind)
    x, mask = padded_first(padded_features(2.0)[:1], valid_steps()[:1])
    require(not mask[0, 0] and mask[0, -1], "the padding stands at the start")
    unpadded = run(x[:, mask[0]])
    require(not same(run(x), unpadded), "without a mask the padding counts")
    assert same(run(x, mask), unpadded)


def mask_padded(where):
    """A mask of two samples of four steps, padded in the way that a case below names."""
    rows = {
        "nowhere": [True, True, True, True],
        "post": [True, True, False, False],
        "pre": [False, False, True, True],
        "between": [True, False, True, True],
        "throughout": [False, False, False, False],
    }
    return np.array([rows["nowhere"], rows[where]])


@claim(
    "rnn.post-padding-for-cudnn",
    exists=ASKS_THE_MASK,
    instead="rnn.empty-sample-keeps-cudnn-away",
)
@pytest.mark.parametrize(
    "padded",
    ["nowhere", "post", "pre", "between", case("throughout", holds={"tf.keras": "<2.4"})],
)
def test_cudnn_needs_padding_at_the_end(keras, padded):
    at_the_end = padded in ("nowhere", "post", "throughout")
    assert keras.cudnn_takes(mask_padded(padded)) == at_the_end


@claim(
    "rnn.empty-sample-keeps-cudnn-away",
    holds={"tf.keras": ">=2.4", "*": ""},
    exists=ASKS_THE_MASK,
    instead="rnn.post-padding-for-cudnn",
)
def test_sample_that_is_all_padding_keeps_cudnn_away(keras):
    require(keras.cudnn_takes(mask_padded("post")), "the mask of post padding is taken")
    assert not keras.cudnn_takes(mask_padded("throughout"))
