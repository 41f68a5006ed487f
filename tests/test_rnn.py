"""Recurrent layers and masks.

Page: spec/rnn.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.consumers import NOT_3_0_0, attempt, gappy_ids
from tests.support.layers import failure
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import NOT_ON_JAX, NOT_ON_TORCH

KINDS = ["SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional"]
ASKS_THE_MASK = {"keras/tensorflow": ">=3.2", "keras": None, "*": ""}
STACKED = case("StackedRNNCells", holds={"keras/jax": ">=3.10", "*": ""})
NO_BROADCAST = "ncompatible shapes for broadcasting"
NO_LISTS = "where requires ndarray or scalar arguments"


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


def gappy():
    """A batch of three samples of six steps, its mask, and the three valid steps of each."""
    mask = gappy_ids() != 0
    x = padded_features()
    return x, mask, x[mask].reshape(3, 3, 4)


def at_valid(result, mask):
    """Three units for each step without those of masked steps; any other result as it is."""
    return result.reshape(3, 6, 3)[mask].reshape(3, 9) if result.shape[1] == 18 else result


def noting_cell(keras):
    """A running sum of the first three features; keeps what its calls get in ``seen``."""

    class NotingCell(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.state_size = self.output_size = 3
            self.seen = []

        def call(self, inputs, states, mask="not given"):
            self.seen.append((inputs, mask))
            total = states[0] + inputs[:, :3]
            return total, [total]

    return NotingCell()


# --- which layers ------------------------------------------------------------------------------


@claim(
    "rnn.layers-consume-masks",
    instead=("rnn.conv-lstm-breaks-on-jax", "rnn.stacked-cells-break-on-jax"),
)
@pytest.mark.parametrize("kind", [*KINDS, STACKED, case("ConvLSTM2D", holds=NOT_ON_JAX)])
def test_rnn_layers_consume_masks(keras, kind):
    run, mask = runner(keras, kind), valid_steps()
    with refuted_by(ValueError, TypeError, match=f"{NO_BROADCAST}|{NO_LISTS}"):
        masked = run(padded_features(2.0), mask)
    require(not same(run(padded_features(2.0)), masked), "the mask makes a difference")
    assert same(run(padded_features(-2.0), mask), masked)


@claim(
    "rnn.stacked-cells-break-on-jax",
    holds={"keras/jax": "<3.10"},
    instead="rnn.pre-padding-works",
)
def test_stacked_cells_break_on_a_mask(keras):
    run = runner(keras, "StackedRNNCells")
    require(not failure(run, padded_features()), "without a mask it works")
    assert NO_LISTS in failure(run, padded_features(), valid_steps())


@claim(
    "rnn.conv-lstm-breaks-on-jax",
    holds={"keras/jax": ""},
    instead="rnn.layers-consume-masks",
)
@pytest.mark.parametrize("samples", [3, 2])
def test_conv_lstm_breaks_on_a_mask(keras, samples):
    run, mask = runner(keras, "ConvLSTM2D"), valid_steps()[:samples]
    high, low = padded_features(2.0)[:samples], padded_features(-2.0)[:samples]
    masked, error = attempt(run, high, mask)
    if samples == 2 and error is None:  # as many samples as an image is wide
        assert not same(run(low, mask), masked)
    else:
        assert NO_BROADCAST in str(error)


@claim(
    "rnn.unrolled-conv-lstm-consumes-the-mask",
    holds={"keras": ""},
    instead="rnn.layers-consume-masks",
)
def test_unrolled_conv_lstm_consumes_the_mask(keras):
    with refuted_by(TypeError, match="(?i)unrolling is"):
        run = runner(keras, "ConvLSTM2D", unroll=True)
    masked = run(padded_features(2.0), valid_steps())
    require(not same(run(padded_features(2.0)), masked), "the mask makes a difference")
    assert same(run(padded_features(-2.0), valid_steps()), masked)


@claim("rnn.lstm-ignores-masked-values")
@pytest.mark.parametrize("returned", ["output", "sequence", "states"])
def test_lstm_ignores_masked_values(keras, returned):
    options = {"return_sequences": returned == "sequence", "return_state": returned == "states"}
    run, x, mask = runner(keras, "LSTM", **options), padded_features(2.0), valid_steps()
    masked = run(x, mask)
    require(not same(run(x), masked), "without the mask the values count")
    x[~mask] = 1e6
    assert same(run(x, mask), masked)


@claim("rnn.lstm-handles-masks", instead="rnn.backwards-unrolled-breaks-on-torch")
@pytest.mark.parametrize(
    "option",
    [
        "none",
        "return_sequences",
        "unroll",
        "go_backwards",
        case("unroll+go_backwards", holds=NOT_ON_TORCH),
    ],
)
def test_lstm_makes_of_a_padded_sequence_what_it_makes_of_the_unpadded(keras, option):
    run = runner(keras, "LSTM", **{name: True for name in option.split("+") if name != "none"})
    x, mask, unpadded = gappy()
    wanted = run(unpadded)
    require(not same(at_valid(run(x), mask), wanted), "without a mask the padding counts")
    with refuted_by(AttributeError, match="'tuple' object has no attribute"):
        masked = run(x, mask)
    assert same(at_valid(masked, mask), wanted)


@claim(
    "rnn.backwards-unrolled-breaks-on-torch",
    holds={"keras/torch": ""},
    instead="rnn.lstm-handles-masks",
)
@pytest.mark.parametrize("kind", ["SimpleRNN", "Bidirectional"])
def test_unrolled_layer_that_goes_backwards_breaks_on_a_mask(keras, kind):
    backwards = {"go_backwards": True} if kind == "SimpleRNN" else {}
    run = runner(keras, kind, unroll=True, **backwards)
    require(not failure(run, padded_features()), "without a mask it works")
    assert failure(run, padded_features(), valid_steps()).startswith("AttributeError")


@claim("rnn.lstm-needs-a-mask")
@pytest.mark.parametrize("steps, padding", [(1, 0.0), (3, -1.0)])
def test_lstm_deals_with_padding_only_if_given_a_mask(keras, steps, padding):
    run, x = runner(keras, "LSTM"), padded_features()[2:]
    padded = np.pad(x, [(0, 0), (0, steps), (0, 0)], constant_values=padding)
    unpadded = run(x)
    require(same(run(padded, np.arange(6 + steps)[None] < 6), unpadded), "given one it does")
    assert not same(run(padded), unpadded)


@claim("rnn.masking-needs-return-sequences", instead="rnn.lstm-ignores-masked-values")
@pytest.mark.parametrize("reading", [case("values-ignored", holds=NEVER), "mask-handed-on"])
def test_masking_works_only_with_return_sequences(keras, reading):
    def works(return_sequences):
        if reading == "mask-handed-on":
            x = keras.carry(keras.tensor(padded_features()), valid_steps())
            layer = keras.layers.LSTM(3, return_sequences=return_sequences)
            return keras.mask_of(layer(x)) is not None
        run = runner(keras, "LSTM", return_sequences=return_sequences)
        high, low = (run(padded_features(padding), valid_steps()) for padding in (2.0, -2.0))
        return same(high, low)

    require(works(True), "masking works with return_sequences=True")
    assert not works(False)


# --- what happens at a masked step --------------------------------------------------------------


def state_reader(keras, kind):
    """A fresh layer as a callable to all that tells its state after a batch.

    That are the states that it returns or, if it is stateful, its output for a second batch.
    """
    if kind != "stateful":
        return runner(keras, kind, return_state=True)
    layer = keras.layers.SimpleRNN(3, stateful=True)
    layer(keras.tensor(padded_features()))

    def run(x, mask=None):
        (layer.reset_state if hasattr(layer, "reset_state") else layer.reset_states)()
        layer(keras.tensor(x), mask=None if mask is None else keras.tensor(mask))
        return keras.numpy(layer(keras.tensor(padded_features())))

    return run


@claim("rnn.state-held")
@pytest.mark.parametrize(
    "kind", ["LSTM", "GRU", case("Bidirectional", exists=NOT_3_0_0), "stateful"]
)
def test_state_is_held_over_masked_steps(keras, kind):
    run = state_reader(keras, kind)
    x, mask, unpadded = gappy()
    if kind == "Bidirectional" and re.search("(?i)shapes", failure(run, unpadded)):
        raise Unavailable("Bidirectional cannot return its states here")  # even without a mask
    wanted = run(unpadded)
    require(not same(run(x), wanted), "without a mask each step changes the state")
    assert same(run(x, mask), wanted)


@claim(
    "rnn.value-error-for-unreadable-masks",
    holds={"keras": "<3.0.5"},
    instead=(
        "masks-by-hand.list-mask-refused-by-rnn",
        "nested-sequences.sentence-mask-breaks-a-recurrent-inner",
    ),
)
@pytest.mark.parametrize("mask", ["list", "of-samples"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_lstm_and_gru_raise_value_error_for_a_mask_that_they_cannot_read(keras, kind, mask):
    given = valid_steps().tolist() if mask == "list" else keras.tensor(valid_steps()[:, 0])
    layer, x = layer_of(keras, kind), keras.tensor(padded_features())
    require(not failure(lambda: layer(x, mask=keras.tensor(valid_steps()))), "a mask works")
    found = failure(lambda: layer(x, mask=given))
    observe(found.partition(":")[0])
    assert found.startswith("ValueError")


@claim("rnn.cell-told-when-to-disregard-states", instead="rnn.cell-gets-no-mask")
@pytest.mark.parametrize("told", ["layer", case("cell", holds=NEVER)])
def test_mask_tells_when_to_disregard_states(keras, told):
    cell = noting_cell(keras)
    x, mask, unpadded = gappy()
    result = keras.layers.RNN(cell)(keras.tensor(x), mask=keras.tensor(mask))
    if told == "layer":
        require(not same(x[:, :, :3].sum(axis=1), unpadded[:, :, :3].sum(axis=1)), "padding counts")
        assert same(keras.numpy(result), unpadded[:, :, :3].sum(axis=1))
    else:
        assert not all(given is None or isinstance(given, str) for _, given in cell.seen)


@claim("rnn.cell-gets-no-mask")
@pytest.mark.parametrize("unroll", [False, True])
def test_cell_with_a_mask_argument_gets_none(keras, unroll):
    cell = noting_cell(keras)
    x = keras.carry(keras.tensor(padded_features()), valid_steps())
    keras.layers.RNN(cell, unroll=unroll)(x)
    require(cell.seen, "the cell was called")
    assert all(isinstance(given, str) or given is None for _, given in cell.seen)


@claim("rnn.whole-sequence-processed")
@pytest.mark.parametrize("loop", [case("default", exists=NOT_ON_JAX), "unrolled"])
def test_cell_is_called_for_masked_steps_too(keras, loop):
    if loop == "default" and keras.backend_name == "jax":
        raise Unavailable("on jax the cell is traced once, for all steps")
    cell, x = noting_cell(keras), padded_features(2.0)[:1]
    layer = keras.layers.RNN(cell, **({"unroll": True} if loop == "unrolled" else {}))
    result = layer(keras.tensor(x), mask=keras.tensor(valid_steps()[:1]))
    assert tuple(result.shape) == (1, 3)  # one output for the whole sequence
    seen = [keras.numpy(inputs) for inputs, _ in cell.seen]
    assert all(any(same(step, one) for one in seen) for step in x.swapaxes(0, 1))


@claim("rnn.nan-in-masked-steps")
def test_nan_in_a_masked_step_spoils_the_gradient_only(keras):
    layer, mask = keras.layers.SimpleRNN(3), valid_steps()

    def total(x):
        return keras.ops.sum(layer(x, mask=keras.tensor(mask)))

    x, spoilt = padded_features(0.0), padded_features(float("nan"))
    require(np.isfinite(keras.gradient(total, x)).all(), "without NaN there is a gradient")
    assert same(keras.numpy(total(keras.tensor(x))), keras.numpy(total(keras.tensor(spoilt))))
    assert np.isnan(keras.gradient(total, spoilt)[0, :3]).all()


# --- where the padding stands -------------------------------------------------------------------


@claim("rnn.pre-padding-works", instead="rnn.stacked-cells-break-on-jax")
@pytest.mark.parametrize("kind", [*KINDS, STACKED])
def test_padding_at_the_start_gives_the_unpadded_result(keras, kind):
    run = runner(keras, kind)
    x, mask = padded_first(padded_features(2.0)[:1], valid_steps()[:1])
    require(not mask[0, 0] and mask[0, -1], "the padding stands at the start")
    unpadded = run(x[:, mask[0]])
    require(not same(run(x), unpadded), "without a mask the padding counts")
    with refuted_by(TypeError, match=NO_LISTS):
        result = run(x, mask)
    assert same(result, unpadded)


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
