"""Recurrent layers and masks.

Page: spec/rnn.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, raises, refuted_by, require
from tests.support.consumers import NOT_3_0_0, attempt, gappy_ids
from tests.support.layers import failure
from tests.support.probes import TF_FUNCTION, padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, NOT_ON_JAX, ON_JAX, ON_TENSORFLOW

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


@claim("rnn.stacked-cells-break-on-jax", holds={"keras/jax": "<3.10"})
def test_stacked_cells_break_on_a_mask(keras):
    run = runner(keras, "StackedRNNCells")
    require(not failure(run, padded_features()), "without a mask it works")
    with raises(TypeError, match=NO_LISTS):
        run(padded_features(), valid_steps())


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
        require(not same(run(high), masked), "the mask makes a difference")
        assert not same(run(low, mask), masked)
    else:
        require(error is None or NO_BROADCAST in str(error), "nothing else fails")
        assert error is not None


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


@claim("rnn.lstm-handles-masks")
@pytest.mark.parametrize("option", ["none", "return_sequences", "unroll", "go_backwards"])
def test_padding_does_not_change_what_an_lstm_returns(keras, option):
    run = runner(keras, "LSTM", **({} if option == "none" else {option: True}))
    x, mask, unpadded = gappy()
    wanted = run(unpadded)
    require(not same(at_valid(run(x), mask), wanted), "without a mask the padding counts")
    assert same(at_valid(run(x, mask), mask), wanted)


@claim(
    "rnn.backwards-unrolled-breaks-on-torch",
    holds={"keras/torch": ""},
    instead="rnn.lstm-handles-masks",
)
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "Bidirectional"])
def test_unrolled_layer_that_goes_backwards_breaks_on_a_mask(keras, kind):
    backwards = {} if kind == "Bidirectional" else {"go_backwards": True}
    run = runner(keras, kind, unroll=True, **backwards)
    require(not failure(run, padded_features()), "without a mask it works")
    with raises(AttributeError, match="'tuple' object has no attribute"):
        run(padded_features(), valid_steps())


@claim("rnn.lstm-needs-a-mask")
@pytest.mark.parametrize("steps, padding", [(1, 0.0), (3, -1.0)])
def test_lstm_deals_with_padding_only_if_given_a_mask(keras, steps, padding):
    run, x = runner(keras, "LSTM"), padded_features()[2:]
    padded = np.pad(x, [(0, 0), (0, steps), (0, 0)], constant_values=padding)
    unpadded = run(x)
    require(same(run(padded, np.arange(6 + steps)[None] < 6), unpadded), "given one it does")
    assert not same(run(padded), unpadded)


@claim(
    "rnn.masking-needs-return-sequences",
    holds=NEVER,
    instead="rnn.lstm-ignores-masked-values",
)
def test_masking_works_with_an_lstm_only_if_it_returns_sequences(keras):
    mask = gappy()[1]
    x = np.where(mask[:, :, None], padded_features(0.5), np.float32(0.0))
    unpadded = x[mask].reshape(3, 3, 4)

    def works(mask_value, **options):
        """Whether an LSTM behind Masking makes of the valid steps what they are without padding."""
        masking, lstm = keras.layers.Masking(mask_value), layer_of(keras, "LSTM", **options)
        padded, wanted = (keras.numpy(lstm(masking(keras.tensor(b)))) for b in (x, unpadded))
        return same(padded[mask] if options else padded, wanted.reshape(-1, 3))

    require(not works(9.0) and not works(9.0, return_sequences=True), "unmasked, padding counts")
    require(works(0.0, return_sequences=True), "with return_sequences=True masking works")
    assert not works(0.0)


# --- what happens at a masked step --------------------------------------------------------------


def counting_cell(keras, shape):
    """A cell that sums up three features and counts its calls in a state of this shape."""

    class CountingCell(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.state_size, self.output_size = [3, 1], 3

        def call(self, inputs, states):
            total = states[0] + inputs[:, :3]
            return total, [total, states[1] + 1.0]

        def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
            return [keras.tensor(np.zeros(size, "float32")) for size in ((3, 3), shape)]

    return CountingCell()


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


@claim("rnn.predict-hands-states-on", holds=NOT_ON_JAX)
def test_predict_hands_the_states_on_from_batch_to_batch(keras):
    masking, plain = keras.layers.Masking(), keras.layers.SimpleRNN(3)
    layer, x = keras.layers.SimpleRNN(3, stateful=True), padded_features()[1:]
    model = keras.Sequential([keras.Input((3, 4), batch_size=2), masking, layer])
    plain(masking(keras.tensor(x)))
    plain.set_weights(layer.get_weights())
    whole, later = (keras.numpy(plain(masking(keras.tensor(part)))) for part in (x, x[:, 3:]))
    require(not same(later, whole), "the states matter")
    predicted = model.predict(np.concatenate([x[:, :3], x[:, 3:]]), batch_size=2, verbose=0)
    assert same(predicted[2:], whole)


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
    require(found, "this mask cannot be read")
    assert re.match("ValueError: (?s:.*)cudnn", found)


@claim("rnn.cell-told-when-to-disregard-states")
@pytest.mark.parametrize("unroll", [False, True])
def test_states_of_a_cell_are_disregarded_where_the_mask_says_so(keras, unroll):
    layer = keras.layers.RNN(noting_cell(keras), return_state=True, unroll=unroll)
    x, mask, unpadded = gappy()
    everything, wanted = (steps[:, :, :3].sum(axis=1) for steps in (x, unpadded))
    _, state = layer(keras.tensor(x))
    require(same(keras.numpy(state), everything), "without a mask the state sums up each step")
    _, state = layer(keras.tensor(x), mask=keras.tensor(mask))
    assert same(keras.numpy(state), wanted)


@claim("rnn.cell-gets-no-mask")
@pytest.mark.parametrize("unroll", [False, True])
def test_cell_with_a_mask_argument_gets_none(keras, unroll):
    cell, x = noting_cell(keras), padded_features(2.0)
    result = keras.layers.RNN(cell, unroll=unroll)(keras.carry(keras.tensor(x), valid_steps()))
    valid_sum = (x * valid_steps()[:, :, None])[:, :, :3].sum(axis=1)
    require(same(keras.numpy(result), valid_sum), "the layer uses the mask")
    assert all(isinstance(given, str) or given is None for _, given in cell.seen)


@claim("rnn.state-without-batch-axis-fails")
@pytest.mark.parametrize("shape", [(), (4,)], ids=["scalar", "vector"])
@pytest.mark.parametrize(
    "loop",
    [case("eager", holds=ON_JAX), TF_FUNCTION, case("unrolled", holds=ON_TENSORFLOW)],
)
def test_state_without_a_batch_axis_fails_with_a_mask(keras, loop, shape):
    def counts(state, mask=None):
        cell, unroll = counting_cell(keras, state), loop == "unrolled"
        layer = keras.layers.RNN(cell, return_state=True, unroll=unroll)
        given = {} if mask is None else {"mask": keras.tensor(mask)}

        def run(x):
            return layer(x, **given)[2]

        compiled = keras.function(run) if loop == "tf.function" else run
        return keras.numpy(compiled(keras.tensor(padded_features())))

    require(same(counts(shape), np.full(shape, 6.0)), "without a mask the state counts the steps")
    lengths = valid_steps().sum(axis=1)[:, None]
    require(same(counts((3, 1), valid_steps()), lengths), "a state for each sample works")
    with raises(Exception, match="multiples|enters the loop|carry input"):
        found = counts(shape, valid_steps())
        require(same(found, np.tile(lengths, shape or (1,))), "it becomes one for each sample")


@claim("rnn.whole-sequence-processed")
@pytest.mark.parametrize("loop", [case("default", exists=NOT_ON_JAX), "unrolled"])
def test_cell_is_called_for_masked_steps_too(keras, loop):
    if loop == "default" and keras.backend_name == "jax":
        raise Unavailable("on jax the cell is traced once, for all steps")
    cell, x = noting_cell(keras), padded_features(2.0)[:1]
    layer = keras.layers.RNN(cell, **({"unroll": True} if loop == "unrolled" else {}))
    result = layer(keras.tensor(x), mask=keras.tensor(valid_steps()[:1]))
    assert tuple(result.shape) == (1, 3)  # one output for the whole sequence
    require(same(keras.numpy(result)[0], x[valid_steps()[:1], :3].sum(axis=0)), "the mask is used")
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


@claim("rnn.post-padding-for-cudnn", exists=ASKS_THE_MASK)
@pytest.mark.parametrize("padded", ["nowhere", "post", "pre", "between"])
def test_cudnn_needs_padding_at_the_end(keras, padded):
    assert keras.cudnn_takes(mask_padded(padded)) == (padded in ("nowhere", "post"))


@claim(
    "rnn.empty-sample-keeps-cudnn-away",
    holds={"tf.keras": ">=2.4", "*": ""},
    exists=ASKS_THE_MASK,
)
def test_sample_that_is_all_padding_keeps_cudnn_away(keras):
    require(keras.cudnn_takes(mask_padded("post")), "the mask of post padding is taken")
    assert not keras.cudnn_takes(mask_padded("throughout"))


# --- cells of one's own, and the loop of the backend -------------------------------------------


def summing_cell(keras, hand_on):
    """A cell that sums up three features, and whose state is what ``hand_on`` makes of the sum."""

    class SummingCell(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.state_size = self.output_size = 3

        def call(self, inputs, states):
            total = states[0] + inputs[:, :3]
            return total, [hand_on(total)]

    return SummingCell()


def sums(keras, hand_on, is_masked, in_graph=False):
    """What a layer around such a cell returns, as numpy (3, 3)."""
    layer = keras.layers.RNN(summing_cell(keras, hand_on))
    given = {"mask": keras.tensor(valid_steps())} if is_masked else {}

    def run(x):
        return layer(x, **given)

    run_it = keras.function(run) if in_graph else run
    return keras.numpy(run_it(keras.tensor(padded_features())))


def by_python(total):
    """``total`` as it is, but TensorFlow does not know the shape when it builds a graph."""
    import tensorflow as tf

    return tf.numpy_function(lambda x: x, [total], tf.float32)


@claim("rnn.state-of-unknown-shape", holds=BEFORE_KERAS_3, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("mask", ["masked", "unmasked"])
def test_state_of_unknown_shape_goes_through_the_loop_of_a_graph(keras, mask):
    if keras.backend_name != "tensorflow":
        raise Unavailable("only TensorFlow builds graphs with such shapes")
    wanted = sums(keras, lambda total: total, mask == "masked")
    require(same(sums(keras, by_python, mask == "masked"), wanted), "without a graph it works")
    with refuted_by(ValueError, match="enters the loop|unknown rank"):
        found = sums(keras, by_python, mask == "masked", in_graph=True)
    assert same(found, wanted)


@claim("rnn.array-as-state", exists=ON_TENSORFLOW)
def test_state_as_an_array_fails_with_a_mask_alone(keras):
    if keras.backend_name != "tensorflow":
        raise Unavailable("asked of TensorFlow, which turns arrays into tensors of its own")

    def ones(total):
        return np.ones((3, 3), "float32")

    last = padded_features()[:, -1, :3]
    require(same(sums(keras, ones, is_masked=False), 1 + last), "without a mask it works")
    with raises(AttributeError, match="as_list"):
        sums(keras, ones, is_masked=True)


@claim("rnn.backend-function-returns-the-last-output", exists=BEFORE_KERAS_3)
@pytest.mark.parametrize("padding", ["masked", "zeroed", "unmasked"])
@pytest.mark.parametrize("loop", ["loop", "unrolled"])
def test_backend_rnn_returns_the_output_of_the_last_step_first(keras, loop, padding):
    rnn = getattr(keras.backend, "rnn", None)
    if rnn is None:
        raise Unavailable("keras.backend has no rnn")
    options = {} if padding == "unmasked" else {"mask": keras.tensor(valid_steps())}
    last, each, _ = rnn(
        lambda x, states: (x + states[0], [x + states[0]]),
        keras.tensor(padded_features()),
        [keras.tensor(np.ones((3, 4), "float32"))],
        unroll=loop == "unrolled",
        zero_output_for_mask=padding == "zeroed",
        **options,
    )
    last, each = keras.numpy(last), keras.numpy(each)
    require(not same(last[0], each[0, 0]), "the first step has another output")
    require((not last[0].any()) == (padding == "zeroed"), "zeros come from the option alone")
    assert same(last, each[:, -1])
