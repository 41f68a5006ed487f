"""Layers written by users: what they do to a mask by default, and how to change that.

Page: spec/custom-layers.md
"""

import pytest

from maskspec import NEVER, case, claim, require
from maskspec.probes import (
    MODES,
    compose,
    depends_on_padding,
    embedding,
    padded_ids,
    symbolic_batch,
    valid_steps,
)


def custom_layer(keras, kind="computes"):
    """A custom layer of the plainest kind; ``kind`` says what its ``call`` does."""

    class Computes(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    class TakesAMask(keras.layers.Layer):
        def call(self, inputs, mask=None):
            return inputs * 2.0

    class ReturnsItsInput(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    kinds = {
        "computes": Computes,
        "takes-a-mask": TakesAMask,
        "returns-its-input": ReturnsItsInput,
    }
    return kinds[kind]()


def my_activation(keras):
    """A ReLU that opts in to forwarding the mask."""

    class MyActivation(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            return keras.ops.relu(inputs)

    return MyActivation()


@claim("custom-layers.default-destroys-mask", instead="custom-layers.returned-input-keeps-mask")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kind", ["computes", "takes-a-mask", case("returns-its-input", holds=NEVER)]
)
def test_custom_layer_destroys_the_mask(keras, kind, mode):
    ids = embedding(keras)
    without = compose(keras, mode, [ids, keras.layers.SimpleRNN(3)])
    require(not depends_on_padding(without, ids), "the mask arrives without the custom layer")
    ids = embedding(keras)
    model = compose(keras, mode, [ids, custom_layer(keras, kind), keras.layers.SimpleRNN(3)])
    assert depends_on_padding(model, ids)


@claim("custom-layers.supports-masking-forwards")
@pytest.mark.parametrize("mode", MODES)
def test_supports_masking_forwards_the_mask(keras, mode):
    ids = embedding(keras)
    without = compose(keras, mode, [ids, custom_layer(keras), keras.layers.SimpleRNN(3)])
    require(depends_on_padding(without, ids), "a layer that does not opt in loses the mask")
    ids = embedding(keras)
    model = compose(keras, mode, [ids, my_activation(keras), keras.layers.SimpleRNN(3)])
    assert not depends_on_padding(model, ids)


@claim("custom-layers.default-compute-mask-forwards")
def test_default_compute_mask_returns_the_mask(keras):
    mask = keras.tensor(valid_steps())
    assert my_activation(keras).compute_mask(keras.tensor(padded_ids()), mask) is mask


@claim("custom-layers.symbolic-mask-readable")
def test_symbolic_output_has_a_readable_mask(keras):
    mask = my_activation(keras)(embedding(keras)(symbolic_batch(keras)))._keras_mask
    assert tuple(mask.shape) == (None, None) and "bool" in str(mask.dtype)
