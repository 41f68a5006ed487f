"""A loss called by hand on targets and predictions, with and without their mask.

Page: spec/loss-by-hand.md
"""

import numpy as np
import pytest

from maskspec import Unavailable, case, claim, require
from tests.support.losses import (
    BEFORE_2_11,
    SINCE_2_11,
    compiled,
    echo,
    squared_errors,
    targets,
)
from tests.support.packages import NOT_3_3_0
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, ON_TENSORFLOW

PACKAGE = {"tf.keras": "tensorflow.keras", "tf_keras": "tf_keras", "keras": "keras"}
MOVED = ("cast", "not_equal", "mean", "square")


# --- helpers ------------------------------------------------------------------------------------


def predictions(keras, masked="masked"):
    """The padded features as eager predictions, with their mask if ``masked``."""
    x = keras.tensor(padded_features())
    return keras.layers.Masking()(x) if masked == "masked" else x


def squared_loss_by_hand(keras, predicted, reduction="mean"):
    """What an instance of the loss gives for the predictions."""
    options = {} if reduction == "mean" else {"reduction": reduction}
    loss = keras.losses.MeanSquaredError(**options)
    return keras.numpy(loss(keras.tensor(targets()), predicted))


def offers(module, name):
    """Whether a module of a framework has something of this name."""
    try:
        getattr(module, name)
    except Unavailable:
        return False
    return True


def reduced(values, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": np.array}[reduction](values)


# --- the loss -----------------------------------------------------------------------------------


@claim("loss-by-hand.instance-can-be-called")
@pytest.mark.parametrize("given", ["tensors", "numpy"])
def test_instance_is_called_on_targets_and_predictions(keras, given):
    y, predicted = targets(), padded_features()
    if given == "tensors":
        y, predicted = keras.tensor(y), keras.tensor(predicted)
    found = keras.numpy(keras.losses.MeanSquaredError()(y, predicted))
    assert found.shape == ()
    assert same(found, np.float32(squared_errors(targets()).mean()))


@claim(
    "loss-by-hand.instance-reads-the-mask",
    holds=SINCE_2_11,
    instead="loss-by-hand.instance-misses-the-mask",
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_instance_counts_the_valid_steps_only(keras, reduction):
    found = squared_loss_by_hand(keras, predictions(keras), reduction)
    errors, valid = squared_errors(targets()), valid_steps()
    wanted = errors * valid if reduction == "none" else reduced(errors[valid], reduction)
    assert same(found, wanted)


@claim(
    "loss-by-hand.instance-misses-the-mask",
    holds=BEFORE_2_11,
    instead="loss-by-hand.instance-reads-the-mask",
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_instance_counts_all_steps(keras, reduction):
    require(keras.mask_of(predictions(keras)) is not None, "the predictions carry a mask")
    found = squared_loss_by_hand(keras, predictions(keras), reduction)
    assert same(found, reduced(squared_errors(targets()), reduction))


@claim("loss-by-hand.function-misses-the-mask")
@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error"])
def test_function_gives_a_value_for_masked_steps_too(keras, name):
    require(keras.mask_of(predictions(keras)) is not None, "the predictions carry a mask")
    values = getattr(keras.losses, name)(keras.tensor(targets()), predictions(keras))
    errors = padded_features() - targets()
    errors = errors**2 if "squared" in name else np.abs(errors)
    assert same(keras.numpy(values), errors.mean(axis=-1))


@claim("loss-by-hand.weighted-mean-works")
@pytest.mark.parametrize("masked", ["masked", "without-a-mask"])
def test_sum_over_valid_steps_by_their_number(keras, masked):
    valid = keras.ops.cast(keras.tensor(valid_steps()), "float32")
    y = keras.tensor(targets())
    values = keras.losses.mean_squared_error(y, predictions(keras, masked))
    found = keras.ops.sum(values * valid) / keras.ops.sum(valid)
    assert same(keras.numpy(found), np.float32(squared_errors(targets())[valid_steps()].mean()))


@claim("loss-by-hand.crossentropy-takes-fractions")
@pytest.mark.parametrize("drawn", ["fractions", "zeros-and-ones"])
def test_binary_crossentropy_accepts_any_targets_between_0_and_1(keras, drawn):
    draw = np.random.RandomState(4)
    y = draw.uniform(0, 1, (10, 1)).astype("float32")
    y = y.round() if drawn == "zeros-and-ones" else y
    sigmoid = keras.layers.Dense(1, activation="sigmoid")
    model, x = compiled(keras, sigmoid, loss="binary_crossentropy"), draw.uniform(size=(10, 3))
    p = keras.numpy(model(keras.tensor(x.astype("float32"))))
    found = np.ravel(model.train_on_batch(x.astype("float32"), y))[0]
    assert abs(found + np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))) < 1e-4


# --- predict ------------------------------------------------------------------------------------


@claim("loss-by-hand.predict-gives-predictions")
def test_predict_gives_the_predictions(keras):
    x = np.concatenate([padded_features()] * 12)  # 36 samples: more than one batch of 32
    model = compiled(keras, keras.layers.Masking(), keras.layers.Dense(2), run_eagerly=False)
    found = model.predict(x)
    assert isinstance(found, np.ndarray)
    assert same(found, keras.numpy(model(keras.tensor(x))))


@claim("loss-by-hand.predict-loses-the-mask")
def test_loss_of_what_predict_returns_counts_all_steps(keras):
    model = echo(keras)
    require(keras.mask_of(model(keras.tensor(padded_features()))) is not None, "a call has it")
    found = squared_loss_by_hand(keras, model.predict(padded_features()))
    assert same(found, squared_errors(targets()).mean())


# --- keras.backend ------------------------------------------------------------------------------


@claim("loss-by-hand.backend-functions", instead="loss-by-hand.ops-instead-of-backend")
@pytest.mark.parametrize(
    "package, name",
    [case("this-keras", name, holds=BEFORE_KERAS_3) for name in MOVED]
    + [("this-keras", "floatx")]
    + [case("tensorflow.keras", "floatx", exists=ON_TENSORFLOW)]
    + [case("tensorflow.keras", name, exists=ON_TENSORFLOW, holds=NOT_3_3_0) for name in MOVED],
)
def test_backend_offers_functions(keras, package, name):
    assert offers((keras if package == "this-keras" else keras.package(package)).backend, name)


@claim("loss-by-hand.ops-instead-of-backend", exists=KERAS_3)
@pytest.mark.parametrize("name", MOVED)
def test_ops_offers_what_backend_has_not(keras, name):
    this_keras = keras.package(PACKAGE[keras.implementation])
    ops = this_keras.ops
    require(not offers(this_keras.backend, name), "keras.backend lacks it")
    assert offers(ops, name)
