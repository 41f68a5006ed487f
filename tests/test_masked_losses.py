"""A loss function of one's own that leaves out masked steps, and what else does so in training.

Page: spec/masked-losses.md
"""

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.probes import padded_features, same, valid_steps
from tests.support.remedies import (
    DIVIDES_BY_VALID,
    NO_GRADIENT,
    SEES_MASK,
    VALID,
    by_weight,
    dense_step,
    masked_beforehand,
    masked_squares,
    mean_of_kept,
    mean_over,
    predictions,
    standard_loss,
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


def remedied(keras, remedy, padding):
    """Loss (and gradient, where there is one) of a dense layer under one of the remedies.

    What stands in the padded steps and, where no zeros have to mark them, their targets vary.
    """
    if remedy == "own-loss":
        return dense_step(keras, masked_squares(keras), masked=True, padding=padding)
    if remedy == "time-distributed":
        y = targets(padding)
        return dense_step(keras, "mse", masked=True, padding=padding, wanted=y, wrapped=True)
    masked = masked_beforehand(keras, predictions(padding), targets())
    return np.array([keras.numpy(standard_loss(keras, targets(), masked))])


# --- all three ---------------------------------------------------------------------------------


@claim(
    "masked-losses.all-three-solve",
    instead=("masked-losses.divided-by-all-steps", "masked-outputs.no-gradient-through-predict"),
)
@pytest.mark.parametrize(
    "remedy, question",
    [
        ("own-loss", "padding"),
        case("own-loss", "mean", holds=DENSE_DIVIDES_BY_VALID),
        ("own-loss", "training"),
        ("pre-masking", "padding"),
        case("pre-masking", "mean", holds=NEVER),
        case("pre-masking", "training", holds=NEVER),
        case("time-distributed", "padding", holds=SEES_MASK),
        case("time-distributed", "mean", holds=DIVIDES_BY_VALID),
        ("time-distributed", "training"),
    ],
)
def test_all_three_remedies_solve_the_problem(keras, remedy, question):
    if question == "padding":
        assert same(remedied(keras, remedy, 2.0), remedied(keras, remedy, 5.0))
    elif question == "mean":
        found, expected = remedied(keras, remedy, 2.0)[0], mean_over(steps=14)[0]
        observe(f"{found / expected:.3f} of the mean over valid steps")
        assert same(found, expected)
    elif remedy == "pre-masking":
        with refuted_by(Exception, match=NO_GRADIENT):
            assert by_weight(keras, predict=True).shape == (1,), "there is no gradient"
    else:
        assert remedied(keras, remedy, 2.0)[1:].all()


# --- a loss function of one's own --------------------------------------------------------------


@claim("masked-losses.function-compiles")
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_python_function_compiles_with_adam_and_trains(keras, mode):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss=masked_squares(keras), run_eagerly=mode == "eager")
    found = [float(model.train_on_batch(padded_features(), targets())) for _ in range(2)]
    assert found[1] < found[0]


@claim("masked-losses.one-value-per-step")
@pytest.mark.parametrize("features", [1, 4])
def test_loss_function_gives_one_value_per_timestep(keras, features):
    wanted = np.repeat(targets(), features, axis=-1)
    assert values(keras, masked_squares(keras), wanted, wanted + 1).shape == (3, 6)


@claim("masked-losses.zeros-mark-padding", instead="masked-losses.zeros-are-left-out")
@pytest.mark.parametrize(
    "batch",
    [
        "zero-exactly-at-padding",
        case("a-valid-step-with-target-0", holds=NEVER),
        case("one-feature-is-0", holds=NEVER),
        case("padding-of-minus-1", holds=NEVER),
    ],
)
def test_targets_of_zero_mark_the_padding(keras, batch):
    wanted = zeros(batch)
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


@claim("masked-losses.product-removes", instead="masked-losses.nan-stays-nan")
@pytest.mark.parametrize(
    "padding", [0.0, 1e6, case(np.nan, holds=NEVER), case(np.inf, holds=NEVER)]
)
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
@pytest.mark.parametrize("batch", [case("padded", holds=NEVER), "nothing-padded"])
def test_loss_function_is_the_mean_over_unmasked_elements(keras, batch):
    wanted = np.where(VALID, targets(), np.float32(0 if batch == "padded" else 1.5))
    found = values(keras, masked_squares(keras), wanted, predictions()).mean()
    expected = np.mean((wanted - predictions())[wanted != 0] ** 2)
    observe(f"{found / expected:.3f} of the mean over unmasked elements")
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


@claim(
    "masked-losses.own-loss-solves",
    instead=("masked-losses.divided-by-all-steps", "masked-losses.mean-of-kept-is-right"),
)
@pytest.mark.parametrize(
    "divides_by, model, question",
    [
        *((by, on, "padding") for by in ("all-steps", "kept-steps") for on in ("bare", "masked")),
        case("all-steps", "bare", "mean", holds=NEVER),
        case("all-steps", "masked", "mean", holds=DENSE_DIVIDES_BY_VALID),
        ("kept-steps", "bare", "mean"),
        case("kept-steps", "masked", "mean", holds=KEEPS_MEAN),
    ],
)
def test_own_loss_solves_the_problem(keras, divides_by, model, question):
    loss = {"all-steps": masked_squares, "kept-steps": mean_of_kept}[divides_by](keras)
    found = dense_step(keras, loss, masked=model == "masked", padding=2.0)
    if question == "padding":
        assert same(found, dense_step(keras, loss, masked=model == "masked", padding=5.0))
    else:
        expected = mean_over(steps=14)
        observe(f"{found[0] / expected[0]:.3f} of the mean over valid steps")
        assert same(found, expected)


@claim(
    "masked-losses.mean-of-kept-is-right",
    instead="loss.scalar-is-scaled",
)
@pytest.mark.parametrize("model", ["bare", case("masked", holds=KEEPS_MEAN)])
def test_loss_that_divides_by_kept_steps_is_the_mean_over_them(keras, model):
    found = dense_step(keras, mean_of_kept(keras), masked=model == "masked")
    assert same(found, mean_over(steps=14))


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
