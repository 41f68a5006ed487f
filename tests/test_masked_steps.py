"""What becomes of the masked steps themselves: their values, their outputs, their gradients.

Page: spec/masked-steps.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, require
from tests.support.builtin_layers import stack, twice, twice_in_a_list
from tests.support.consumers import ATTENTION_WORKS, working_attention
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    valid_steps,
)
from tests.support.releases import HAS_MULTI_HEAD

# --- helpers ------------------------------------------------------------------------------------


def layers_of(keras, name):
    """The layers that ``name`` lists, one after the other, each a callable of one tensor."""
    make = keras.layers
    made = {
        "Attention": lambda: twice_in_a_list(working_attention(keras, "Attention")),
        "AdditiveAttention": lambda: twice_in_a_list(working_attention(keras, "AdditiveAttention")),
        "Conv1D": lambda: make.Conv1D(4, 3, padding="same"),
        "Dense": lambda: make.Dense(3, bias_initializer="ones"),
        "LSTM": lambda: make.LSTM(3, return_sequences=True),
        "Masking": lambda: make.Masking(0.5),
        "MaxPooling1D": lambda: make.MaxPooling1D(2, 1, "same"),
        "MultiHeadAttention": lambda: twice(make.MultiHeadAttention(1, 3)),
    }
    found = []
    for part in name.split("+"):
        found += [made[part]()] if part in made else stack(keras, part)
    return found


def masked_batch(keras, padding):
    """The features of the probes as a tensor that carries their mask."""
    return keras.carry(keras.tensor(padded_features(padding)), valid_steps())


def run(keras, layer, batch):
    return keras.numpy(layer(batch))


def at_masked_steps(keras, name):
    """What the layer ``name`` returns for the masked steps of a batch without zeros."""
    if name == "Embedding":
        return keras.numpy(embedding(keras)(keras.tensor(padded_ids())))[~valid_steps()]
    (layer,) = layers_of(keras, name)
    return run(keras, layer, masked_batch(keras, 0.5))[~valid_steps()]


def notices_padding(keras, layers, mask_zero=True):
    """Whether other values in the padded steps show in the result for the valid ones."""

    def at_valid_steps(batch):
        result = model(batch)
        return result[valid_steps()] if result.ndim == 3 else result

    table = embedding(keras, mask_zero=mask_zero)
    mask = keras.mask_of(table(keras.tensor(padded_ids())))
    require((mask is not None) == mask_zero, "the layers get a mask only if they are meant to")
    model = compose(keras, "eager", [table, *layers_of(keras, layers)])
    return depends_on_padding(at_valid_steps, table)


# --- what is left out, and what is computed -----------------------------------------------------


@claim(
    "masked-steps.no-effect-on-valid-ones",
    instead=("builtin-layers.table", "consumption.convolution-and-pooling-ignore-the-mask"),
)
@pytest.mark.parametrize(
    "layers",
    [
        "Dense+SimpleRNN+GlobalAveragePooling1D",
        "LSTM+TimeDistributed+GlobalAveragePooling1D",
        case("Conv1D", holds=NEVER),
        case("MaxPooling1D", holds=NEVER),
        case("Flatten+Dense", holds=NEVER),
    ],
)
def test_masked_steps_have_no_effect_on_valid_ones(keras, layers):
    require(notices_padding(keras, layers, mask_zero=False), "without a mask the padding shows")
    assert not notices_padding(keras, layers)


@claim(
    "masked-steps.only-valid-ones-computed",
    instead="masked-steps.computed-all-the-same",
)
@pytest.mark.parametrize(
    "layer",
    [
        "SimpleRNN",
        "GlobalAveragePooling1D",
        case("Attention", exists=ATTENTION_WORKS),
        *(case(n, holds=NEVER) for n in ("Dense", "LeakyReLU", "TimeDistributed", "Conv1D")),
    ],
)
def test_layers_compute_valid_steps_only(keras, layer):
    (made,) = layers_of(keras, layer)
    high, low = (keras.tensor(padded_features(padding)) for padding in (2.0, -2.0))
    require(
        not same(run(keras, made, high), run(keras, made, low)), "without a mask the padding shows"
    )
    high, low = (run(keras, made, masked_batch(keras, padding)) for padding in (2.0, -2.0))
    assert same(high, low)


@claim("masked-steps.computed-all-the-same")
@pytest.mark.parametrize(
    "layer", ["Dense", "LeakyReLU", "LayerNormalization", "TimeDistributed", "Conv1D"]
)
def test_masked_steps_are_computed_all_the_same(keras, layer):
    (made,) = layers_of(keras, layer)
    unmasked = run(keras, made, keras.tensor(padded_features(2.0)))
    assert same(run(keras, made, masked_batch(keras, 2.0)), unmasked)


@claim("masked-steps.dense-makes-its-bias")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_dense_behind_masking_returns_its_bias(keras, mode):
    model = compose(keras, mode, layers_of(keras, "Masking+Dense"), ids=False)
    result, bias = model(padded_features(0.5)), np.ones(3)
    require(not any(same(step, bias) for step in result[valid_steps()]), "valid steps differ")
    assert all(same(step, bias) for step in result[~valid_steps()])


# --- what is written ----------------------------------------------------------------------------


@claim("masked-steps.not-zeroed")
@pytest.mark.parametrize(
    "layer",
    [
        "Embedding",
        "Dense",
        "LeakyReLU",
        "TimeDistributed",
        "SimpleRNN",
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD),
    ],
)
def test_padded_values_are_not_zeroed(keras, layer):
    assert (at_masked_steps(keras, layer) != 0).any(axis=-1).all()


@claim("masked-steps.some-layers-write-zeros")
@pytest.mark.parametrize(
    "layer",
    [
        "Masking",
        case("Attention", exists=ATTENTION_WORKS),
        case("AdditiveAttention", exists=ATTENTION_WORKS),
    ],
)
def test_some_layers_write_zeros(keras, layer):
    assert (at_masked_steps(keras, layer) == 0).all()


# --- gradients ----------------------------------------------------------------------------------

CONSUMERS = ["SimpleRNN", "GlobalAveragePooling1D"]


def gradient_of(keras, layer, mask=None):
    """The gradient of the sum of squares of what ``layer`` returns, at each of its inputs."""
    given = {} if mask is None else {"mask": keras.tensor(mask)}
    layer(keras.tensor(padded_features()))  # builds it

    def square(x):
        # a copy: on torch, older releases of a layer multiply their input by the mask in place
        return keras.ops.sum(layer(x * 1.0, **given) ** 2)

    return keras.gradient(square, padded_features(0.5))


@claim("masked-steps.gradients-computed")
@pytest.mark.parametrize("layer", CONSUMERS)
def test_shapes_stay_and_gradients_can_be_computed(keras, layer):
    (made,) = layers_of(keras, layer)
    unmasked = made(keras.tensor(padded_features(0.5)))
    gradient = gradient_of(keras, made, valid_steps())
    require(not same(gradient, gradient_of(keras, made)), "the mask makes a difference")
    assert made(masked_batch(keras, 0.5)).shape == unmasked.shape
    assert gradient.shape == (3, 6, 4)
    assert np.isfinite(gradient).all() and (gradient != 0).any(axis=-1)[valid_steps()].all()


@claim("masked-steps.no-gradient")
@pytest.mark.parametrize("layer", CONSUMERS)
def test_no_gradient_at_masked_steps(keras, layer):
    (made,) = layers_of(keras, layer)
    unmasked = gradient_of(keras, made)
    require((unmasked != 0).any(axis=-1).all(), "without a mask there is one at each step")
    assert (gradient_of(keras, made, valid_steps())[~valid_steps()] == 0).all()
