"""What a custom layer has to do to forward a mask: nothing, a flag, a method, or both.

Page: spec/forwarding.md
"""

import numpy as np
import pytest

from maskspec import NEVER, claim, require
from tests.support.layers import arriving, custom_layer, follows_the_ids, my_activation
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    valid_steps,
)

NO_MASK = -np.ones((3, 6))  # what a mask_reader shows where no mask arrives
TWO_MODES = ("eager", "functional")


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


def ends_with_dense(keras):
    """A layer that says nothing about masks and returns what an inner ``Dense`` returns."""

    class Wraps(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(4)

        def call(self, inputs):
            return self.inner(inputs)

    return Wraps()


def require_the_default(keras, mode):
    """Take for granted that a mask arrives, and that a layer that says nothing loses it."""
    require(same(arriving(keras, mode), valid_steps()), "the mask arrives without the layer")
    lost = arriving(keras, mode, opting_in(keras, flag=None, method=False))
    require(same(lost, NO_MASK), "a layer without flag and method loses the mask")


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
def test_lstm_behind_a_layer_that_doubles_works_on_unmasked_data(keras, mode):
    ids, lstm = embedding(keras), keras.layers.LSTM(2)
    require(
        not depends_on_padding(compose(keras, "eager", [ids, lstm]), ids),
        "without the layer the LSTM gets the mask",
    )
    doubled = keras.tensor(2 * keras.numpy(ids(keras.tensor(padded_ids()))))
    unmasked = keras.numpy(lstm(doubled))
    masked = keras.numpy(lstm(doubled, mask=keras.tensor(valid_steps())))
    require(not same(unmasked, masked), "a mask makes a difference")
    assert same(compose(keras, mode, [ids, custom_layer(keras), lstm])(padded_ids()), unmasked)


# --- what is needed ----------------------------------------------------------------------------


@claim("forwarding.explicitly", holds=NEVER, instead="custom-layers.supports-masking-forwards")
@pytest.mark.parametrize("mode", TWO_MODES)
def test_layer_without_code_for_the_mask_loses_it(keras, mode):
    require_the_default(keras, mode)
    layer = my_activation(keras)  # has the flag, and no code that handles a mask
    assert same(arriving(keras, mode, layer), NO_MASK)


@claim("forwarding.inner-layer-forwards")
@pytest.mark.parametrize("mode", ["eager", "functional", "subclassed"])
def test_layer_that_ends_with_a_forwarding_layer_forwards_the_mask(keras, mode):
    require(same(arriving(keras, "eager", custom_layer(keras)), NO_MASK), "others end the mask")
    assert same(arriving(keras, mode, ends_with_dense(keras)), valid_steps())


@claim("forwarding.needs-the-flag", holds=NEVER, instead="custom-layers.compute-mask-suffices")
@pytest.mark.parametrize("mode", TWO_MODES)
def test_layer_with_the_method_alone_loses_the_mask(keras, mode):
    require_the_default(keras, mode)
    assert same(arriving(keras, mode, opting_in(keras, flag=None, method=True)), NO_MASK)


@claim(
    "forwarding.needs-compute-mask-as-well",
    holds=NEVER,
    instead="custom-layers.supports-masking-forwards",
)
@pytest.mark.parametrize("mode", TWO_MODES)
def test_layer_with_the_flag_alone_loses_the_mask(keras, mode):
    require_the_default(keras, mode)
    assert same(arriving(keras, mode, opting_in(keras, flag=True, method=False)), NO_MASK)


@claim("forwarding.lowered-flag-drops", holds={"tf.keras": ">=2.3", "*": ""})
@pytest.mark.parametrize("mode", TWO_MODES)
def test_flag_lowered_by_hand_drops_the_mask(keras, mode):
    untouched = opting_in(keras, flag=None, method=True)
    require(same(arriving(keras, mode, untouched), valid_steps()), "untouched, the mask arrives")
    arrived = arriving(keras, mode, opting_in(keras, flag=False, method=True))
    require(same(arrived, NO_MASK) or same(arrived, valid_steps()), "the mask arrives or is lost")
    assert same(arrived, NO_MASK)


# --- both --------------------------------------------------------------------------------------


@claim("forwarding.both-forward-the-mask")
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential", "subclassed"])
def test_flag_and_method_forward_the_mask_unchanged(keras, mode):
    require(same(arriving(keras, "eager", custom_layer(keras)), NO_MASK), "lost without the two")
    assert follows_the_ids(keras, mode, both(keras))


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
