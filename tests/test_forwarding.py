"""What a custom layer has to do to forward a mask: nothing, a flag, a method, or both.

Page: spec/forwarding.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, require
from tests.support.layers import arriving, custom_layer
from tests.support.probes import (
    compose,
    embedding,
    padded_features,
    padded_ids,
    same,
    valid_steps,
)

NO_MASK = -np.ones((3, 6))  # what a mask_reader shows where no mask arrives
FLAG_COUNTS = {"tf.keras": ">=2.3", "*": ""}


def opting_in(keras, *, flag, method):
    """A layer that doubles its input; with the flag set, with its own compute_mask, or both."""

    class Doubles(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            if flag is not None:
                self.supports_masking = flag

        def call(self, inputs, mask=None):
            return inputs * 2.0

    class DoublesAndHandsOn(Doubles):
        def compute_mask(self, inputs, mask=None):
            return mask

    return DoublesAndHandsOn() if method else Doubles()


def both(keras):
    """The layer with the flag and the method."""
    return opting_in(keras, flag=True, method=True)


def layer_of_kind(keras, kind):
    """A custom layer that does one thing, or nothing, about the mask."""
    if kind == "inner-layer":

        class Wraps(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.inner = keras.layers.Dense(4)

            def call(self, inputs):
                return self.inner(inputs)

        return Wraps()
    if kind == "flag":
        return opting_in(keras, flag=True, method=False)
    if kind == "method":
        return opting_in(keras, flag=None, method=True)
    if kind == "nothing":
        return opting_in(keras, flag=None, method=False)
    return custom_layer(keras, kind)


TWO_MODES = ("eager", "functional")


# --- a layer that does nothing -----------------------------------------------------------------


@claim("forwarding.call-only-drops-the-mask")
@pytest.mark.parametrize("mode", ["eager", "sequential"])
def test_layer_whose_call_takes_only_inputs_handles_no_mask(keras, mode):
    ids, layer = embedding(keras), custom_layer(keras)
    doubled = compose(keras, mode, [ids, layer])(padded_ids())
    require(same(arriving(keras, "eager"), valid_steps()), "the mask arrives without the layer")
    assert same(doubled, 2 * ids.get_weights()[0][padded_ids()])  # padded steps like all others
    assert same(arriving(keras, mode, custom_layer(keras)), NO_MASK)


@claim("forwarding.lstm-behind-call-only-is-unmasked")
@pytest.mark.parametrize("mode", ["eager", "sequential"])
def test_lstm_behind_such_a_layer_works_on_unmasked_data(keras, mode):
    ids, lstm = embedding(keras), keras.layers.LSTM(2)
    doubled = keras.tensor(2 * keras.numpy(ids(keras.tensor(padded_ids()))))
    unmasked = keras.numpy(lstm(doubled))
    masked = keras.numpy(lstm(doubled, mask=keras.tensor(valid_steps())))
    require(not same(unmasked, masked), "a mask makes a difference")
    assert same(compose(keras, mode, [ids, custom_layer(keras), lstm])(padded_ids()), unmasked)


# --- what is needed ----------------------------------------------------------------------------


@claim(
    "forwarding.explicitly",
    instead=("custom-layers.supports-masking-forwards", "forwarding.inner-layer-forwards"),
)
@pytest.mark.parametrize(
    "reading, kind, mode",
    [
        ("opt-in", "nothing", "eager"),
        ("opt-in", "nothing", "functional"),
        ("opt-in", "lambda", "eager"),
        *[
            case(reading, kind, mode, holds=NEVER)
            for reading, kind, mode in [
                ("opt-in", "inner-layer", "eager"),
                ("opt-in", "inner-layer", "functional"),
                ("opt-in", "returns-its-input", "eager"),
                ("by-its-own-code", "flag", "eager"),
            ]
        ],
    ],
)
def test_layer_has_to_propagate_the_mask_explicitly(keras, reading, kind, mode):
    assert same(arriving(keras, mode, layer_of_kind(keras, kind)), NO_MASK)


@claim("forwarding.inner-layer-forwards")
@pytest.mark.parametrize("mode", ["eager", "functional", "subclassed"])
def test_layer_that_ends_with_a_forwarding_layer_forwards_the_mask(keras, mode):
    require(same(arriving(keras, "eager", custom_layer(keras)), NO_MASK), "others end the mask")
    assert same(arriving(keras, mode, layer_of_kind(keras, "inner-layer")), valid_steps())


@claim("forwarding.needs-the-flag", instead="custom-layers.compute-mask-suffices")
@pytest.mark.parametrize("mode", TWO_MODES)
@pytest.mark.parametrize("without_flag", ["nothing", case("method", holds=NEVER)])
def test_layer_without_the_flag_loses_the_mask(keras, without_flag, mode):
    assert same(arriving(keras, mode, layer_of_kind(keras, without_flag)), NO_MASK)


@claim(
    "forwarding.needs-compute-mask-as-well",
    holds=NEVER,
    instead="custom-layers.supports-masking-forwards",
)
@pytest.mark.parametrize("mode", TWO_MODES)
def test_layer_with_the_flag_alone_loses_the_mask(keras, mode):
    assert same(arriving(keras, mode, layer_of_kind(keras, "flag")), NO_MASK)


@claim(
    "forwarding.lowered-flag-drops",
    holds=FLAG_COUNTS,
    instead="forwarding.lowered-flag-is-overlooked",
)
@pytest.mark.parametrize("mode", TWO_MODES)
def test_flag_lowered_by_hand_drops_the_mask(keras, mode):
    assert same(arriving(keras, mode, opting_in(keras, flag=False, method=True)), NO_MASK)


@claim(
    "forwarding.lowered-flag-is-overlooked",
    holds={"tf.keras": "<2.3"},
    instead="forwarding.lowered-flag-drops",
)
@pytest.mark.parametrize("mode", TWO_MODES)
def test_flag_lowered_by_hand_is_overlooked(keras, mode):
    layer = opting_in(keras, flag=False, method=True)
    assert same(arriving(keras, mode, layer), valid_steps())


# --- both --------------------------------------------------------------------------------------


@claim("forwarding.both-forward-the-mask")
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential", "subclassed"])
def test_flag_and_method_forward_the_mask_unchanged(keras, mode):
    require(same(arriving(keras, "eager", custom_layer(keras)), NO_MASK), "lost without the two")
    assert same(arriving(keras, mode, both(keras)), valid_steps())


@claim("forwarding.call-may-ignore-its-mask")
@pytest.mark.parametrize("given", ["none", "automatic", "by-hand"])
def test_call_may_take_a_mask_and_ignore_it(keras, given):
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    x = keras.carry(x, valid_steps()) if given == "automatic" else x
    result = both(keras)(x, **({"mask": mask} if given == "by-hand" else {}))
    assert same(keras.numpy(result), 2 * padded_features())


@claim("forwarding.compute-mask-may-return-its-mask")
@pytest.mark.parametrize("given", ["a-mask", "none", "nothing"])
def test_compute_mask_may_return_the_mask_or_none(keras, given):
    layer, x = both(keras), keras.tensor(padded_features())
    mask = keras.tensor(valid_steps()) if given == "a-mask" else None
    arguments = (x,) if given == "nothing" else (x, mask)
    assert layer.compute_mask(*arguments) is mask
    result = layer(keras.carry(x, valid_steps()) if given == "a-mask" else x)
    carried = keras.mask_of(result)
    assert carried is None if mask is None else same(keras.numpy(carried), valid_steps())
