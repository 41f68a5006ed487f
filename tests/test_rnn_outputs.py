"""What a recurrent layer returns for a masked batch: shapes, masked steps, the mask itself.

Page: spec/rnn-outputs.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.consumers import NOT_3_0_0
from tests.support.layers import failure
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, NOT_ON_JAX

MASKED_FIRST = np.array([[False, True, False, True, True, False], [True] * 6])
JAX_BROADCAST = "ncompatible shapes for broadcasting"


def layer_of(keras, kind, **options):
    """A fresh recurrent layer; ``merge_mode=None`` is a Bidirectional that keeps two outputs."""
    make = keras.layers
    if kind == "Bidirectional":
        return make.Bidirectional(make.SimpleRNN(3, **options))
    if kind == "merge_mode=None":
        return make.Bidirectional(make.SimpleRNN(3, **options), merge_mode=None)
    if kind == "own-cell":
        return make.RNN(amplifier(keras), **options)
    if kind == "ConvLSTM2D":
        return make.ConvLSTM2D(2, 1, **options)
    return getattr(make, kind)(3, **options)


def amplifier(keras):
    """A cell that sums up three features and returns ten times its state, or zero at zero."""

    class Amplifier(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.state_size = self.output_size = 3

        def call(self, inputs, states):
            total = states[0] + inputs[:, :3]
            return total * 10.0, [total]

    return Amplifier()


def without_cell(config):
    """The config of an `RNN` without that of its cell, which is a class of a test."""
    return {key: value for key, value in config.items() if key != "cell"}


def batch_for(keras, kind, x):
    """Features as a tensor; ConvLSTM2D sees the four of a step as an image of 2 x 2 pixels."""
    return keras.tensor(x.reshape(x.shape[:2] + (2, 2, 1)) if kind == "ConvLSTM2D" else x)


def sequence(keras, kind, mask=MASKED_FIRST, call=None, **options):
    """What a fresh layer returns for each step of two samples, as numpy (2, 6, units).

    The last step is a valid one in the second sample, and depends on the mask in the first.
    """
    layer = layer_of(keras, kind, return_sequences=True, **options)
    x = batch_for(keras, kind, padded_features(0.5)[: len(mask)])
    call = call or {}
    result, unmasked = (
        keras.numpy(layer(x, **given, **call)).reshape(len(mask), 6, -1)
        for given in ({"mask": keras.tensor(mask)}, {})
    )
    require(not same(result[0, 5], unmasked[0, 5]), "the mask makes a difference")
    return result


def initial(keras):
    """An initial state other than zero, as arguments of a call of a SimpleRNN(3)."""
    return {"initial_state": [keras.tensor(np.full((2, 3), 0.7, "float32"))]}


# --- shapes ------------------------------------------------------------------------------------


@claim("rnn-outputs.full-length")
@pytest.mark.parametrize("kind", ["LSTM", "Bidirectional"])
def test_return_sequences_keeps_the_padded_length(keras, kind):
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    layer = layer_of(keras, kind, return_sequences=True)
    last, steps = layer_of(keras, kind)(x, mask=mask), layer(x, mask=mask)
    observe(f"{tuple(steps.shape)}, by default {tuple(last.shape)}")
    require(not same(keras.numpy(steps), keras.numpy(layer(x))), "the mask makes a difference")
    require(len(last.shape) == 2, "by default there is no time axis")
    assert tuple(steps.shape) == (3, 6, last.shape[1])


@claim("rnn-outputs.mask-leaves-the-shape")
@pytest.mark.parametrize(
    "layer, returned",
    [
        ("LSTM", "last"),
        ("SimpleRNN", "sequence"),
        ("Bidirectional", "sequence"),
        ("Dense", "each-step"),
    ],
)
def test_shape_does_not_depend_on_the_mask(keras, layer, returned):
    options = {"return_sequences": True} if returned == "sequence" else {}
    made, x = layer_of(keras, layer, **options), padded_features(2.0)
    unmasked = keras.numpy(made(keras.tensor(x)))
    for longest in (6, 4):
        mask = valid_steps() & (np.arange(6) < longest)
        output = made(keras.carry(keras.tensor(x), mask))
        differs = not same(keras.numpy(output), unmasked)
        used = keras.mask_of(output) is not None if layer == "Dense" else differs
        require(used, "the layer uses the mask, or, as Dense, hands it on")
        assert tuple(output.shape) == unmasked.shape


@claim("rnn-outputs.first-example-shape")
def test_first_example_has_the_padded_length(keras):
    data, mask = np.zeros((4, 10, 5)), np.zeros((4, 10), dtype=bool)
    for i, length in enumerate([3, 7, 5, 2]):
        data[i, :length, :] = np.random.rand(length, 5)
        mask[i, :length] = True
    inputs = keras.Input(shape=(10, 5))
    masked_inputs = keras.layers.Masking(mask_value=0.0)(inputs)
    lstm = keras.layers.LSTM(10, return_sequences=True)
    lstm_output = lstm(masked_inputs, mask=keras.ops.convert_to_tensor(mask))
    output = keras.Model(inputs=inputs, outputs=lstm_output)(data, training=False)
    steps = keras.numpy(output)
    require(same(steps[0, 3:], np.tile(steps[0, 2], (7, 1))), "padded steps repeat a valid one")
    assert tuple(output.shape) == (4, 10, 10)


# --- masked steps ------------------------------------------------------------------------------


@claim(
    "rnn-outputs.masked-steps-not-zeroed",
    instead=(
        "rnn-outputs.zeros-before-the-first-valid-step",
        "rnn-outputs.bidirectional-zeroes-masked-steps",
    ),
)
@pytest.mark.parametrize(
    "kind, masked",
    [(kind, "after-a-valid-step") for kind in ("SimpleRNN", "LSTM")]
    + [case(kind, "before-the-first", holds=NEVER) for kind in ("SimpleRNN", "LSTM")]
    + [case("Bidirectional", "after-a-valid-step", holds=NEVER)],
)
def test_outputs_of_masked_steps_are_not_zero(keras, kind, masked):
    step = 5 if masked == "after-a-valid-step" else 0
    result = sequence(keras, kind)
    require(result[1].all(), "outputs of valid steps are not zero")
    assert result[0, step].any()


@claim(
    "rnn-outputs.last-valid-repeated",
    instead=("rnn-outputs.jax-repeats-the-state", "rnn.conv-lstm-breaks-on-jax"),
)
@pytest.mark.parametrize(
    "kind, loop",
    [(kind, "default") for kind in ("SimpleRNN", "LSTM", "GRU")]
    + [("LSTM", "unrolled"), ("own-cell", "unrolled")]
    + [
        case("own-cell", "default", holds=NOT_ON_JAX),
        case("ConvLSTM2D", "default", holds=NOT_ON_JAX),
    ],
)
def test_masked_step_repeats_the_last_valid_output(keras, kind, loop):
    options = {"unroll": True} if loop == "unrolled" else {}
    mask = np.array([[True, True, False, True, False, False], [True] * 6, [True] * 6])
    with refuted_by(ValueError, match=JAX_BROADCAST):
        padded = sequence(keras, kind, mask, **options)[0]
    require(not same(padded[1], padded[3]), "valid steps have different outputs")
    assert same(padded[[2, 4, 5]], padded[[1, 3, 3]])


@claim("rnn-outputs.zeros-before-the-first-valid-step", instead="rnn-outputs.jax-repeats-the-state")
@pytest.mark.parametrize(
    "kind, state",
    [("SimpleRNN", "zero"), ("LSTM", "zero"), case("SimpleRNN", "given", holds=NOT_ON_JAX)],
)
def test_steps_before_the_first_valid_one_are_zero(keras, kind, state):
    result = sequence(keras, kind, call=initial(keras) if state == "given" else {})
    require(result[1].all(), "outputs of valid steps are not zero")
    assert not result[0, 0].any()


@claim(
    "rnn-outputs.jax-repeats-the-state",
    holds={"keras/jax": ""},
    instead=("rnn-outputs.last-valid-repeated", "rnn-outputs.zeros-before-the-first-valid-step"),
)
@pytest.mark.parametrize("seen", ["own-cell", "given-state"])
def test_masked_step_returns_the_first_state(keras, seen):
    if seen == "own-cell":
        padded = sequence(keras, "own-cell")[0]
        assert same(padded[[2, 5]] * 10.0, padded[[1, 4]])
    else:
        assert same(sequence(keras, "SimpleRNN", call=initial(keras))[0, 0], np.full(3, 0.7))


@claim(
    "rnn-outputs.zero-output-for-mask",
    instead=(
        "rnn-outputs.last-valid-repeated",
        "rnn-outputs.jax-unrolled-never-zeroes",
        "rnn.conv-lstm-breaks-on-jax",
    ),
)
@pytest.mark.parametrize(
    "kind, loop",
    [("SimpleRNN", "default"), ("LSTM", "default"), ("GRU", "default")]
    + [case(kind, "unrolled", holds=NOT_ON_JAX) for kind in ("SimpleRNN", "LSTM", "GRU")]
    + [case("ConvLSTM2D", "default", holds={"keras": "", "keras/jax": None})],
)
def test_zero_output_for_mask_makes_zeros(keras, kind, loop):
    options = {"unroll": True} if loop == "unrolled" else {}
    mask = np.array([MASKED_FIRST[0], MASKED_FIRST[1], MASKED_FIRST[1]])
    with refuted_by(ValueError, match=JAX_BROADCAST):
        result = sequence(keras, kind, mask, zero_output_for_mask=True, **options)
    require(result[mask].any(axis=1).all(), "outputs of valid steps are not zero")
    assert not result[~mask].any()


@claim(
    "rnn-outputs.jax-unrolled-never-zeroes",
    holds={"keras/jax": ""},
    instead=("rnn-outputs.zero-output-for-mask", "rnn-outputs.bidirectional-zeroes-masked-steps"),
)
@pytest.mark.parametrize("kind", ["SimpleRNN", "Bidirectional"])
def test_unrolled_layer_ignores_zero_output_for_mask(keras, kind):
    asked = {} if kind == "Bidirectional" else {"zero_output_for_mask": True}
    with refuted_by(AttributeError, match="'tuple' object has no attribute"):
        result = sequence(keras, kind, unroll=True, **asked)
    assert result[0, 5].any()


@claim("rnn-outputs.zero-output-wipes-the-last-output")
def test_zero_output_for_mask_wipes_the_last_output(keras):
    layer = keras.layers.SimpleRNN(3, zero_output_for_mask=True)
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    result = keras.numpy(layer(x, mask=mask))
    require(result[2].all(), "a sample without padding keeps its output")
    assert not result[:2].any()


@claim("rnn-outputs.zero-output-is-saved")
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU", "own-cell"])
def test_layer_from_its_config_still_makes_zeros(keras, kind):
    layer = layer_of(keras, kind, return_sequences=True, zero_output_for_mask=True)
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())

    def zeros(layer):
        return not keras.numpy(layer(x, mask=mask))[~valid_steps()].any()

    if kind == "own-cell":
        again = type(layer)(layer.cell, **without_cell(layer.get_config()))
    else:
        again = type(layer).from_config(layer.get_config())
    require(not zeros(layer_of(keras, kind, return_sequences=True)), "others repeat an output")
    require(zeros(layer), "the layer makes zeros")
    assert zeros(again)


@claim("rnn-outputs.bidirectional-zeroes-masked-steps")
def test_bidirectional_returns_zeros_for_masked_steps(keras):
    result = sequence(keras, "Bidirectional")
    require(result[MASKED_FIRST].all(), "outputs of valid steps are not zero")
    assert not result[~MASKED_FIRST].any()


# --- the mask of the output ---------------------------------------------------------------------


def outputs(keras, kind, **options):
    """All that a fresh layer returns for a masked batch."""
    x = keras.carry(batch_for(keras, kind, padded_features()), valid_steps())
    result = layer_of(keras, kind, **options)(x)
    return result if isinstance(result, (list, tuple)) else [result]


@claim("rnn-outputs.output-gets-the-mask", instead="rnn-outputs.only-sequences-carry-a-mask")
@pytest.mark.parametrize(
    "kind, returned",
    [(kind, "sequence") for kind in ("SimpleRNN", "LSTM")]
    + [case(kind, "last", holds=NEVER) for kind in ("SimpleRNN", "LSTM")],
)
def test_recurrent_layer_adds_the_mask_to_its_output(keras, kind, returned):
    options = {"return_sequences": True} if returned == "sequence" else {}
    (output,) = outputs(keras, kind, **options)
    if returned == "last":
        (steps,) = outputs(keras, kind, return_sequences=True)
        require(keras.mask_of(steps) is not None, "a sequence gets the mask")
    assert keras.mask_of(output) is not None


@claim("rnn-outputs.only-sequences-carry-a-mask")
@pytest.mark.parametrize(
    "kind, masked, unmasked",
    [("LSTM", 1, 2), case("merge_mode=None", 2, 2, exists=NOT_3_0_0)],
)
def test_sequences_carry_the_mask_and_states_none(keras, kind, masked, unmasked):
    def all_of_it():
        return outputs(keras, kind, return_sequences=True, return_state=True)

    if kind != "LSTM" and re.search("(?i)shapes", failure(all_of_it)):
        raise Unavailable("Bidirectional cannot return its states here")
    found = [keras.mask_of(y) for y in all_of_it()]
    require(len(found) == masked + unmasked, "sequences come first, then states")
    assert all(same(keras.numpy(mask), valid_steps()) for mask in found[:masked])
    assert not any(mask is not None for mask in found[masked:])
    assert not any(keras.mask_of(y) is not None for y in outputs(keras, kind))


@claim(
    "rnn-outputs.bidirectional-computes-a-mask-for-each-output",
    holds=BEFORE_KERAS_3,
    exists=NOT_3_0_0,
)
@pytest.mark.parametrize("kind", ["Bidirectional", "merge_mode=None"])
@pytest.mark.parametrize("returned", ["sequences", "last"])
def test_bidirectional_computes_one_mask_for_each_output(keras, kind, returned):
    layer = layer_of(keras, kind, return_sequences=returned == "sequences", return_state=True)
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    message = failure(layer, x)
    if re.search("(?i)shapes|is not iterable", message):
        raise Unavailable("Bidirectional cannot return its states here")
    require(not message, "the layer works")
    merged = 2 if kind == "merge_mode=None" else 1
    wanted = [mask if returned == "sequences" else None] * merged + [None] * 2
    found = layer.compute_mask(x, mask)
    found = found if isinstance(found, (list, tuple)) else [found]
    observe(f"{len(found)} for {len(wanted)} outputs")
    assert len(found) == len(wanted) and all(a is b for a, b in zip(found, wanted))


@claim("rnn-outputs.bidirectional-of-layers-that-take-no-mask")
@pytest.mark.parametrize("inputs", ["unmasked", "masked"])
def test_bidirectional_calls_layers_that_take_no_mask_without_one(keras, inputs):
    class Mean(keras.layers.Layer):
        def __init__(self, go_backwards=False, **options):
            super().__init__(**options)
            self.go_backwards, self.return_sequences, self.return_state = go_backwards, False, False
            self.stateful, self.supports_masking = False, True

        def call(self, inputs, initial_state=None, training=False):
            return keras.ops.mean(inputs, axis=1)

        def get_config(self):
            return {**super().get_config(), "go_backwards": self.go_backwards}

    x = keras.tensor(padded_features(0.5))
    with keras.utils.custom_object_scope({"Mean": Mean}):
        layer = keras.layers.Bidirectional(Mean())
    result = layer(keras.carry(x, valid_steps()) if inputs == "masked" else x)
    mean = padded_features(0.5).mean(axis=1)
    assert same(keras.numpy(result), np.concatenate([mean, mean], axis=-1))


@claim("rnn-outputs.backwards-mask-stays-forward")
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_mask_of_a_layer_that_goes_backwards_is_not_reversed(keras, kind):
    layer = layer_of(keras, kind, return_sequences=True, go_backwards=True)
    x, valid = padded_features(2.0), valid_steps()[:1]
    alone = keras.numpy(layer(keras.tensor(x[:1, :3])))
    output = layer(keras.carry(keras.tensor(x[:1]), valid))
    require(same(keras.numpy(output)[:, 3:], alone), "the outputs run backwards, padding first")
    assert same(keras.numpy(keras.mask_of(output)), valid)


@claim("rnn-outputs.backwards-without-a-mask")
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_a_layer_goes_backwards_without_a_mask_as_with_one(keras, kind):
    layer = layer_of(keras, kind, return_sequences=True, go_backwards=True)
    x, every = padded_features(2.0), np.ones_like(valid_steps())
    masked = keras.numpy(layer(keras.carry(keras.tensor(x), every)))
    last = keras.numpy(layer(keras.tensor(x[:, -1:])))
    require(same(masked[:, :1], last), "with a mask, the output of the last step comes first")
    assert same(keras.numpy(layer(keras.tensor(x))), masked)


@claim("rnn-outputs.stateful-bidirectional-returns-states", holds=BEFORE_KERAS_3, exists=NOT_3_0_0)
def test_stateful_bidirectional_layer_returns_its_states(keras):
    options = {"return_sequences": True, "return_state": True}
    x = keras.tensor(padded_features())
    plain = failure(lambda: layer_of(keras, "Bidirectional", **options)(x))
    if re.search("(?i)shapes", plain):
        raise Unavailable("Bidirectional cannot return its states here")
    require(not plain, "it does so without being stateful")
    layer = layer_of(keras, "Bidirectional", stateful=True, **options)
    with refuted_by(TypeError, match="generator"):
        outputs = layer(x)
    assert [tuple(output.shape) for output in outputs] == [(3, 6, 6), (3, 3), (3, 3)]


@claim(
    "rnn-outputs.unexpected-mask-shapes",
    holds=KERAS_3,
    instead="rnn-outputs.only-sequences-carry-a-mask",
)
def test_some_mask_behind_a_recurrent_layer_is_not_batch_by_time(keras):
    kinds = ("LSTM", "GRU", "Bidirectional")
    found = {kind: outputs(keras, kind, return_sequences=True)[0] for kind in kinds}
    lines = keras.tensor(np.zeros((3, 6, 4, 2), "float32"))  # 3 samples of 6 lines of 4 words
    per_line = keras.layers.TimeDistributed(keras.layers.SimpleRNN(3))
    mask_of_words = np.repeat(valid_steps()[..., None], 4, axis=-1)
    found["TimeDistributed"] = per_line(keras.carry(lines, mask_of_words))
    masks = {kind: keras.mask_of(output) for kind, output in found.items()}
    shapes = {kind: tuple(mask.shape) for kind, mask in masks.items() if mask is not None}
    require(shapes, "there are masks behind recurrent layers")
    odd = [f"{kind}: {shape}" for kind, shape in shapes.items() if shape != (3, 6)]
    observe(", ".join(odd) or "(batch, timesteps) everywhere")
    assert odd
