"""What ``trace`` says of models that lose masks and leak padding, and of sound ones."""

import numpy as np
import pytest
from traced import (
    IDS,
    fixed,
    functional,
    nested,
    operation,
    own_layer,
    places,
    pooled,
    sequence,
    subclassed,
)

from maskspec.checking import trace

# --- sound models -------------------------------------------------------------------------------


def last_step(keras):
    layers = keras.layers
    return functional(
        keras, layers.LSTM(4, return_sequences=True), layers.Lambda(lambda x: x[:, -1])
    )


def sequential(keras):
    layers = keras.layers
    made = keras.Sequential([layers.Masking(), layers.GRU(3), layers.Dense(1)])
    made.build((None, None, 2))
    made(np.zeros((1, 2, 2), "float32"))
    return made


def by_hand(keras):
    layers = {"lstm": keras.layers.LSTM(3, name="lstm")}
    return subclassed(
        keras, layers, lambda self, x: self.lstm(self.embed(x) * 2, mask=self.embed.compute_mask(x))
    )


def residual_with_flag(keras):
    class Residual(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="residual")
            self.supports_masking = True
            self.dense = keras.layers.Dense(4)

        def call(self, inputs):
            return inputs + self.dense(inputs)

    return functional(keras, Residual(), keras.layers.GRU(3))


def own_pooling(keras):
    class Mean(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="mean")
            self.dense = keras.layers.Dense(4)

        def call(self, inputs, mask=None):
            weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
            total = keras.ops.sum(self.dense(inputs * 1.0) * weights, axis=1)
            return total / keras.ops.sum(weights, axis=1)

    return functional(keras, Mean())


def returned(keras):
    class Same(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    layers = {"same": Same(name="same"), "gru": keras.layers.GRU(3)}
    return subclassed(keras, layers, lambda self, x: self.gru(self.same(self.embed(x))))


SOUND = [sequence, pooled, last_step, nested, by_hand, residual_with_flag, own_pooling, returned]


@pytest.mark.parametrize("build", SOUND)
def test_a_sound_model_is_called_sound(keras, build):
    found = trace(build(keras), IDS)
    assert found.is_sound, str(found)
    assert str(found).endswith("No mask is lost, and no padding leaks.")
    assert found.outputs[0].change == 0.0
    assert found.changes_gradients == 0.0
    assert found.status == 0


def test_masking_of_features_is_measured_behind_the_layer_that_makes_the_mask(keras):
    x = np.random.RandomState(0).uniform(0.1, 1, (3, 4, 2)).astype("float32")
    x[0, 2:] = x[1, 1:] = 0
    found = trace(sequential(keras), x)
    assert found.is_sound, str(found)
    assert next(s.fate for s in found.steps if s.call.kind == "Masking") == "made"


# --- models that are not ------------------------------------------------------------------------


def lambda_layer(keras):
    layers = keras.layers
    return functional(
        keras, layers.Lambda(lambda x: x * 2.0, name="twice"), layers.LSTM(3, name="lstm")
    )


def convolved(keras):
    layers = keras.layers
    return functional(keras, layers.Conv1D(3, 1, name="conv"), layers.LSTM(3, name="lstm"))


def flattened(keras):
    return fixed(keras, keras.layers.Flatten(name="flat"), keras.layers.Dense(2, name="dense"))


def highest(keras):
    return functional(keras, keras.layers.GlobalMaxPooling1D(name="highest"))


def without_flag(keras):
    return functional(keras, own_layer(keras), keras.layers.LSTM(3, name="lstm"))


def summed_in_lambda(keras):
    return functional(
        keras, keras.layers.Lambda(lambda x: keras.ops.sum(x * x, axis=1), name="summed")
    )


def between_layers(keras):
    layers = {
        "first": keras.layers.Dense(4, name="first"),
        "lstm": keras.layers.LSTM(3, name="lstm"),
    }
    return subclassed(keras, layers, lambda self, x: self.lstm(self.first(self.embed(x)) * 2.0))


def summed_in_code(keras):
    layers = {"dense": keras.layers.Dense(2, name="dense")}
    return subclassed(
        keras, layers, lambda self, x: self.dense(keras.ops.sum(self.embed(x), axis=1))
    )


def in_a_nested_model(keras):
    layers = keras.layers
    inner = keras.Input((None, 4))
    block = keras.Model(inner, layers.Conv1D(4, 1, name="conv")(inner), name="block")
    return functional(keras, block, layers.LSTM(3, name="lstm"))


BROKEN = [
    (operation, 1, ["lstm"]),
    (lambda_layer, ["twice"], ["lstm"]),
    (convolved, ["conv"], ["lstm"]),
    (flattened, ["flat"], ["dense"]),
    (highest, [], ["highest"]),
    (without_flag, ["doubled"], ["lstm"]),
    (summed_in_lambda, [], ["summed"]),
    (between_layers, ["between first"], ["lstm"]),
    (summed_in_code, [], ["the code of mine"]),
    (in_a_nested_model, ["conv"], ["lstm"]),
]


@pytest.mark.parametrize("build, lost, leaks", BROKEN, ids=[b[0].__name__ for b in BROKEN])
def test_a_broken_model_is_found_out_and_the_place_is_named(keras, build, lost, leaks):
    found = trace(build(keras), IDS)
    if lost == 1:
        assert len(found.lost) == 1, str(found)
    else:
        assert places(found.lost) == lost, str(found)
    assert places(found.leaks) == leaks, str(found)
    assert found.status == 1
    assert found.outputs[0].change > 0
    assert found.changes_gradients > 0
    assert all(one.why and one.page and one.instead for one in found.findings), str(found)


def test_the_mask_that_a_layer_did_not_get_is_named_as_the_cause(keras):
    found = trace(operation(keras), IDS)
    assert "arithmetic" not in found.lost[0].what
    assert found.lost[0].page.endswith("#subclassing.operation-drops-the-mask")
    assert found.leaks[0].page.endswith("#consumption.only-with-a-mask")
    assert "which has no mask" in found.leaks[0].what


def test_what_a_pooling_layer_ignores_is_said_to_be_without_effect(keras):
    found = trace(highest(keras), IDS)
    assert found.leaks[0].page.endswith("#consumption.convolution-and-pooling-ignore-the-mask")
    assert "without effect, LEAK begins here" in str(found)


def test_a_layer_of_ones_own_is_told_of_the_flag(keras):
    found = trace(without_flag(keras), IDS)
    assert found.lost[0].page.endswith("#custom-layers.default-destroys-mask")
    assert "supports_masking" in found.lost[0].instead


def test_whether_a_layer_uses_its_mask_is_seen_from_its_results(keras):
    found = trace(pooled(keras), IDS)
    used = {step.call.kind: step.used for step in found.steps if step.call.masks_in}
    assert used == {"Dense": False, "GlobalAveragePooling1D": True}
