"""A loss function of one's own that leaves out masked steps, and what else does so in training.

Page: spec/masked-losses.md
"""

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.probes import once, padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3
from tests.support.remedies import (
    NO_GRADIENT,
    SEES_MASK,
    VALID,
    as_written,
    by_weight,
    dense_step,
    masked_squares,
    mean_of_kept,
    mean_over,
    predictions,
    targets,
    values,
)

DENSE_DIVIDES_BY_VALID = {"keras/jax": ">=3.6", "tf.keras": ">=2.11", "*": ""}
KEEPS_MEAN = {"tf.keras": ">=2.11", "*": ""}


def slopes(keras, loss, wanted, predicted):
    """The gradient of the sum of a loss function's values with respect to the predictions."""
    return keras.gradient(lambda p: keras.ops.sum(loss(keras.tensor(wanted), p)), predicted)


def zeros(batch):
    """Targets with zeros in other places than the padding, or without any."""
    wanted = np.repeat(targets(-1.0 if batch == "padding-of-minus-1" else 0.0), 2, axis=-1)
    if batch == "a-valid-step-with-target-0":
        wanted[0, 1] = 0.0
    elif batch == "one-feature-is-0":
        wanted[0, 1, 1] = 0.0
    return wanted


def trained_without_padding(keras, loss, **options):
    """Whether a step of training comes out the same, whatever stands in the padding."""
    a, b = (dense_step(keras, loss, padding=padding, **options) for padding in (2.0, 5.0))
    require(a[1:].all(), "the loss has a gradient")
    return same(a, b)


def plain_loss_leaves_out_padding(keras):
    """Whether a plain loss without a mask leaves out the padding; it does not."""
    return trained_without_padding(keras, "mse", masked=False)


# --- all three ---------------------------------------------------------------------------------


@claim(
    "masked-losses.all-three-solve",
    instead=("masked-outputs.no-gradient-through-predict", "loss.eager-training-on-jax-lost-masks"),
)
@pytest.mark.parametrize(
    "remedy",
    ["own-loss", case("pre-masking", holds=NEVER), case("time-distributed", holds=SEES_MASK)],
)
def test_each_remedy_trains_a_model_without_its_padding(keras, remedy):
    require(not once(plain_loss_leaves_out_padding, keras), "without a remedy, it counts")
    if remedy == "own-loss":
        assert trained_without_padding(keras, masked_squares(keras), masked=False)
    elif remedy == "time-distributed":
        y = targets(50.0)
        found = dense_step(keras, "mse", masked=True, wrapped=True, wanted=y)
        assert same(found, dense_step(keras, "mse", masked=True, wrapped=True))
    else:
        with refuted_by(Exception, match=NO_GRADIENT):
            assert by_weight(keras, predict=True).shape == (1,), "there is no gradient"


# --- a loss function of one's own --------------------------------------------------------------


@claim("masked-losses.function-compiles", instead="loss-by-hand.ops-instead-of-backend")
@pytest.mark.parametrize(
    "written, mode",
    [
        *(case("as-in-the-source", mode, holds=BEFORE_KERAS_3) for mode in ("eager", "graph")),
        *(("with-keras-ops", mode) for mode in ("eager", "graph")),
    ],
)
def test_python_function_compiles_with_adam_and_trains(keras, written, mode):
    loss = as_written(keras) if written == "as-in-the-source" else masked_squares(keras)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss=loss, optimizer="adam", run_eagerly=mode == "eager")
    with refuted_by(AttributeError, match="no attribute 'cast'"):
        found = [float(model.train_on_batch(padded_features(), targets())) for _ in range(2)]
    assert found[1] < found[0]


@claim("masked-losses.one-value-per-step")
@pytest.mark.parametrize("features", [1, 4])
def test_loss_function_gives_one_value_per_timestep(keras, features):
    wanted = np.repeat(targets(), features, axis=-1)
    assert values(keras, masked_squares(keras), wanted, wanted + 1).shape == (3, 6)


@claim("masked-losses.zeros-mark-padding")
@pytest.mark.parametrize("features", [1, 2])
def test_targets_of_zero_mark_the_padding(keras, features):
    wanted = np.repeat(targets(), features, axis=-1)
    require(same(wanted == 0, np.broadcast_to(~VALID, wanted.shape)), "zeros are the padding")
    kept = slopes(keras, masked_squares(keras), wanted, np.full_like(wanted, 3.0)) != 0
    assert same(kept, np.broadcast_to(VALID, wanted.shape))


@claim("masked-losses.zeros-are-left-out")
@pytest.mark.parametrize(
    "batch",
    [
        "zero-exactly-at-padding",
        "a-valid-step-with-target-0",
        "one-feature-is-0",
        "padding-of-minus-1",
    ],
)
def test_loss_leaves_out_each_target_of_zero_and_no_other(keras, batch):
    wanted = zeros(batch)
    kept = slopes(keras, masked_squares(keras), wanted, np.full_like(wanted, 3.0)) != 0
    assert same(kept, wanted != 0)


@claim("masked-losses.product-removes")
@pytest.mark.parametrize("padding", [0.0, 1e30])
def test_product_with_the_mask_removes_masked_steps(keras, padding):
    predicted = np.where(VALID, predictions(), np.float32(padding))
    found = values(keras, masked_squares(keras), targets(), predicted)
    require((found[valid_steps()] > 0).all(), "the valid steps count")
    assert (found[~valid_steps()] == 0).all()


@claim("masked-losses.nan-stays-nan")
@pytest.mark.parametrize("padding", [np.nan, np.inf])
def test_product_with_the_mask_lets_nan_through(keras, padding):
    predicted = np.where(VALID, predictions(), np.float32(padding))
    found = values(keras, masked_squares(keras), targets(), predicted)
    assert same(np.isnan(found), ~valid_steps())


@claim("masked-losses.choice-keeps-nan-out")
@pytest.mark.parametrize("padding", [np.nan, np.inf])
def test_choosing_by_the_mask_keeps_nan_out(keras, padding):
    def chosen(wanted, predicted):
        errors = wanted - predicted
        kept = keras.ops.not_equal(wanted, 0.0)
        return keras.ops.where(kept, errors, keras.ops.zeros_like(errors)) ** 2

    clean, bad = predictions(), np.where(VALID, predictions(), np.float32(padding))
    assert same(values(keras, chosen, targets(), bad), (targets() - clean) ** 2 * VALID)
    assert same(slopes(keras, chosen, targets(), bad), 2 * (clean - targets()) * VALID)


@claim("masked-losses.gradients-from-relevant-only")
@pytest.mark.parametrize("of", ["predictions", "weights"])
def test_gradients_come_only_from_the_relevant_outputs(keras, of):
    loss = masked_squares(keras)
    if of == "predictions":
        assert same(slopes(keras, loss, targets(), predictions()) != 0, VALID)
    else:
        steps = [dense_step(keras, "mse", masked=False, padding=value) for value in (2.0, 5.0)]
        require(not same(*steps), "the plain loss counts what stands in the padding")
        assert same(*(dense_step(keras, loss, masked=False, padding=value) for value in (2.0, 5.0)))


@claim("masked-losses.mean-over-unmasked", instead="masked-losses.divided-by-all-steps")
@pytest.mark.parametrize(
    "use",
    [
        case("called", holds=NEVER),
        case("compiled", holds=NEVER),
        case("compiled-behind-a-mask", holds=DENSE_DIVIDES_BY_VALID),
    ],
)
def test_loss_function_is_the_mean_over_unmasked_elements(keras, use):
    loss, expected = masked_squares(keras), mean_over(steps=14)[0]
    if use == "called":
        found = values(keras, loss, targets(), predictions()).mean()
    else:
        found = dense_step(keras, loss, masked=use == "compiled-behind-a-mask", padding=2.0)[0]
    observe(f"{found / expected:.3f} of the mean over unmasked elements")
    require(same(found, expected) or same(found, expected * 14 / 18), "one of the two divisors")
    assert same(found, expected)


@claim("masked-losses.divided-by-all-steps")
@pytest.mark.parametrize("use", ["called", "compiled"])
def test_loss_function_divides_by_all_steps(keras, use):
    if use == "called":
        found = values(keras, masked_squares(keras), targets(), predictions()).mean()
        assert same(found, mean_over(steps=18)[0])
    else:
        found = dense_step(keras, masked_squares(keras), masked=False)
        assert same(found, mean_over(steps=18))
    require(not same(mean_over(steps=18), mean_over(steps=14)), "14 of the 18 steps are valid")


@claim("masked-losses.own-loss-solves")
@pytest.mark.parametrize("model", ["bare", "masked"])
@pytest.mark.parametrize("divides_by", ["all-steps", "kept-steps"])
def test_own_loss_ignores_what_stands_in_the_padding(keras, divides_by, model):
    require(not once(plain_loss_leaves_out_padding, keras), "the plain loss counts it")
    loss = {"all-steps": masked_squares, "kept-steps": mean_of_kept}[divides_by](keras)
    assert trained_without_padding(keras, loss, masked=model == "masked")


@claim("masked-losses.mean-of-kept-is-right")
@pytest.mark.parametrize("model", ["bare", case("masked", holds=KEEPS_MEAN)])
def test_loss_that_divides_by_kept_steps_is_the_mean_over_them(keras, model):
    expected = mean_over(steps=14)
    found = dense_step(keras, mean_of_kept(keras), masked=model == "masked")
    observe(f"{found[0] / expected[0]:.3f} of the mean over the kept steps")
    require(same(found, expected) or same(found, expected * 14 / 18), "it may be scaled")
    assert same(found, expected)


# --- sample weights ----------------------------------------------------------------------------


@claim("masked-losses.mean-with-sample-weight", exists={"keras": ">=3.7"})
@pytest.mark.parametrize("model", ["bare", "masked"])
def test_mean_with_sample_weight_is_the_mean_over_valid_steps(keras, model):
    try:
        loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    except ValueError as error:
        raise Unavailable("losses have no such reduction") from error
    weights, y = valid_steps().astype("float32"), targets(50.0)
    found = dense_step(keras, loss, masked=model == "masked", wanted=y, sample_weight=weights)
    assert same(found, mean_over(steps=14))


@claim("masked-losses.scaled-sample-weights")
def test_scaled_sample_weights_give_the_mean_over_valid_steps(keras):
    weights = valid_steps().astype("float32") * 18 / 14
    found = dense_step(keras, "mse", masked=False, wanted=targets(50.0), sample_weight=weights)
    assert same(found, mean_over(steps=14))
