"""A loss called by hand on targets and predictions, with and without their mask.

Page: spec/loss-by-hand.md
"""

import numpy as np
import pytest

from maskspec import Unavailable, case, claim, observe, require
from tests.support.losses import (
    SINCE_2_11,
    compiled,
    echo,
    marked,
    squared_errors,
    targets,
)
from tests.support.packages import NOT_3_3_0
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, ON_TENSORFLOW

PACKAGE = {"tf.keras": "tensorflow.keras", "tf_keras": "tf_keras", "keras": "keras"}
INSTANCE_SKIPS = {"keras/jax": ">=3.7", **SINCE_2_11}  # where it is differentiated
MOVED = ("cast", "not_equal", "mean", "square")


# --- helpers ------------------------------------------------------------------------------------


def predictions(keras, masked="masked"):
    """The padded features as eager predictions, with their mask if ``masked``."""
    x = keras.tensor(padded_features())
    x = keras.layers.Masking()(x) if masked == "masked" else x
    require((keras.mask_of(x) is not None) == (masked == "masked"), f"the predictions are {masked}")
    return x


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


def gradient_at_masked_steps(keras):
    """The gradient of an instance called by hand, in the predictions of the masked steps."""
    loss, y, marker = keras.losses.MeanSquaredError(), keras.tensor(targets()), marked(keras)
    return keras.gradient(lambda x: loss(y, marker(x)), padded_features())[~valid_steps()]


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


@claim("loss-by-hand.instance-reads-the-mask", holds=SINCE_2_11)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_instance_counts_the_valid_steps_only(keras, reduction):
    found = squared_loss_by_hand(keras, predictions(keras), reduction)
    errors, valid = squared_errors(targets()), valid_steps()
    wanted = errors * valid if reduction == "none" else reduced(errors[valid], reduction)
    counted = {True: "all", False: "valid"}[same(found, reduced(errors, reduction))]
    observe(f"{counted} steps count")
    require(counted == "all" or same(found, wanted), "either all or the valid steps count")
    assert counted == "valid"


@claim("loss-by-hand.gradient-skips-masked-steps", holds=INSTANCE_SKIPS)
def test_gradient_of_an_instance_is_zero_at_masked_steps(keras):
    found = gradient_at_masked_steps(keras)
    require((found == 0).all() or (found != 0).all(), "the masked steps are all treated alike")
    assert (found == 0).all()


@claim("loss-by-hand.function-misses-the-mask")
@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error"])
def test_function_gives_a_value_for_masked_steps_too(keras, name):
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
    found = model.predict(padded_features())
    assert keras.mask_of(found) is None
    assert same(squared_loss_by_hand(keras, found), squared_errors(targets()).mean())


# --- keras.backend ------------------------------------------------------------------------------


@claim("loss-by-hand.backend-functions", instead="loss-by-hand.ops-instead-of-backend")
@pytest.mark.parametrize(
    "package",
    [
        case("this-keras", holds=BEFORE_KERAS_3),
        case("tensorflow.keras", exists=ON_TENSORFLOW, holds=NOT_3_3_0),
    ],
)
def test_backend_offers_functions(keras, package):
    backend = (keras if package == "this-keras" else keras.package(package)).backend
    require(offers(backend, "floatx"), "there is such a module")
    missing = [name for name in MOVED if not offers(backend, name)]
    observe("without " + ", ".join(missing) if missing else "all five")
    assert not missing


@claim("loss-by-hand.ops-instead-of-backend", exists=KERAS_3)
@pytest.mark.parametrize("name", MOVED)
def test_ops_offers_what_backend_has_not(keras, name):
    this_keras = keras.package(PACKAGE[keras.implementation])
    ops = this_keras.ops
    require(not offers(this_keras.backend, name), "keras.backend lacks it")
    assert offers(ops, name)
