"""Whether a loss sees the mask: compiled, and called by hand.

Page: spec/loss.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, case, claim, refuted_by, require
from tests.support.layers import failure
from tests.support.losses import (
    BEFORE_2_11,
    MISFIT,
    SINCE_2_11,
    compiled,
    echo,
    first_number,
    follows_masked_targets,
    guesses,
    losses_by,
    marked,
    on_batch,
    on_jax,
    one_hot,
    squared_errors,
    squared_loss,
    targets,
    unmasked,
)
from tests.support.probes import padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, ON_JAX

GRAPH_SEES = {"keras/jax": ">=3.6", "*": ""}  # before, jax lost the mask in a compiled function
GRAPH_MISSES = {"keras/jax": "<3.6"}
SKIPPED = "loss.compiled-skips-masked-steps"

BUILT_IN = (
    "MeanAbsoluteError",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "CosineSimilarity",
    "Huber",
)
OF_A_WHOLE_BATCH = {"Dice": {"keras": ">=3.2"}, "Tversky": {"keras": ">=3.3.0"}}


# --- helpers ------------------------------------------------------------------------------------


def follows_masked_classes(keras, name, road):
    """Whether other classes in the masked steps, and there only, change a built-in loss."""
    ys = [one_hot(0), one_hot(1)]
    ys = [y.argmax(-1) for y in ys] if name.startswith("Sparse") else ys
    loss = getattr(keras.losses, name)
    loss = loss if road == "function" else loss()
    a, b = losses_by(keras, road, *ys, layers=[marked(keras)], x=guesses(), loss=loss)
    return abs(a - b) > 1e-3


def last_layers(keras, name):
    """What stands behind ``Masking``, up to the predictions."""
    layers = keras.layers
    return {
        "Dense": lambda: [layers.Dense(4)],
        "TimeDistributed": lambda: [layers.TimeDistributed(layers.Dense(4))],
        "Conv1D": lambda: [layers.Conv1D(4, 1)],
        "Flatten": lambda: [layers.Flatten(), layers.Reshape((6, 4))],
        "Lambda": lambda: [layers.Lambda(lambda x: x * 1.0)],
        "operation": lambda: [lambda x: x * 1.0],
    }[name]()


def trained(keras, last, *many_targets, **options):
    """For each of the targets, the weights of ``Masking`` and a last layer after one step."""
    model = compiled(keras, keras.layers.Masking(), *last_layers(keras, last), **options)
    model(keras.tensor(padded_features()))
    results = []
    for y in many_targets:
        model.set_weights([np.full(w.shape, 0.1, "float32") for w in model.get_weights()])
        model.train_on_batch(padded_features(), y)
        results.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    return results


def gradient_at_masked_steps(keras, kind):
    """The gradient of a loss called by hand, in the predictions of the masked steps."""
    loss, y = squared_loss(keras, kind), keras.tensor(targets())

    def mean(predicted):
        return keras.ops.mean(loss(y, marked(keras)(predicted)))

    return keras.gradient(mean, padded_features())[~valid_steps()]


# --- compiled -----------------------------------------------------------------------------------


@claim("loss.mask-has-no-effect", instead=SKIPPED)
@pytest.mark.parametrize(
    "road",
    [
        case("test_on_batch", holds=NEVER),
        case("evaluate", holds=GRAPH_MISSES),
        case("fit", holds=GRAPH_MISSES),
        case("instance", holds=BEFORE_2_11),
        "function",
    ],
)
def test_masking_has_no_effect_on_the_loss(keras, road):
    without, valid = squared_errors(targets()).mean(), squared_errors(targets())[valid_steps()]
    require(without > 4 * valid.mean(), "the masked steps weigh heavily")
    assert same(losses_by(keras, road, targets()), [without])


@claim(SKIPPED)
@pytest.mark.parametrize(
    "kind", ["string", "instance", "built-in-function", "own-function", "own-class"]
)
def test_compiled_loss_skips_masked_steps(keras, kind):
    without = [squared_errors(targets(at)).mean() for at in (5.0, -7.0)]
    require(not same(*without), "without a mask they count")
    assert not follows_masked_targets(keras, "test_on_batch", kind=kind)


@claim(
    "loss.mean-over-valid-steps",
    holds=SINCE_2_11,
    instead=("loss.sum-over-valid-by-all-steps", "loss.graphs-on-jax-lost-the-mask"),
)
@pytest.mark.parametrize("road", ["test_on_batch", case("fit", holds=GRAPH_SEES)])
def test_compiled_loss_is_the_mean_over_the_valid_steps(keras, road):
    (found,) = losses_by(keras, road, targets())
    assert same(found, squared_errors(targets())[valid_steps()].mean())


@claim(
    "loss.sum-over-valid-by-all-steps",
    holds=BEFORE_2_11,
    instead=("loss.mean-over-valid-steps", "loss.graphs-on-jax-lost-the-mask"),
)
@pytest.mark.parametrize("road", ["test_on_batch", "fit"])
def test_compiled_loss_divides_by_the_number_of_all_steps(keras, road):
    (found,) = losses_by(keras, road, targets())
    assert same(found, squared_errors(targets())[valid_steps()].sum() / valid_steps().size)


@claim("loss.mean-of-batch-losses", holds=SINCE_2_11, instead="loss.sum-over-valid-by-all-steps")
def test_loss_of_several_batches_is_the_mean_of_their_losses(keras):
    found = echo(keras).evaluate(padded_features(), targets(), batch_size=1, verbose=0)
    errors, valid = squared_errors(targets()), valid_steps()
    wanted = np.mean([errors[i][valid[i]].mean() for i in range(3)])
    require(not same(wanted, errors[valid].mean()), "that is not the mean over all valid steps")
    assert same(first_number(found), wanted)


@claim("loss.standard-losses-count-all-steps", instead=SKIPPED)
@pytest.mark.parametrize(
    "loss, road",
    [case(name, "test_on_batch", holds=NEVER) for name in ("BinaryCrossentropy", "Huber")]
    + [case(name, "instance", holds=BEFORE_2_11) for name in BUILT_IN]
    + [(name, "function") for name in ("mean_absolute_error", "binary_crossentropy")]
    + [case(n, "test_on_batch", exists=e) for n, e in OF_A_WHOLE_BATCH.items()],
)
def test_standard_losses_count_masked_steps(keras, loss, road):
    assert follows_masked_classes(keras, loss, road)


@claim("loss.built-in-losses-skip-masked-steps")
@pytest.mark.parametrize("loss", BUILT_IN)
def test_compiled_built_in_losses_skip_masked_steps(keras, loss):
    assert not follows_masked_classes(keras, loss, "test_on_batch")


@claim("loss.needs-another-loss-or-tensors", instead=SKIPPED)
@pytest.mark.parametrize(
    "way",
    [
        case("test_on_batch", holds=NEVER),
        case("sample_weight", holds=NEVER),
        case("instance", holds=BEFORE_2_11),
        "function",
    ],
)
def test_masking_needs_another_loss_or_other_tensors(keras, way):
    if way == "sample_weight":
        model, weights = compiled(keras, unmasked(keras)), valid_steps().astype("float32")
        found = [
            first_number(on_batch(model, padded_features(), targets(at), weights))
            for at in (5.0, -7.0)
        ]
        assert not same(*found)
    else:
        assert follows_masked_targets(keras, way)


# --- a loss of one's own ------------------------------------------------------------------------


@claim("loss.only-losses-written-for-it", instead=SKIPPED)
@pytest.mark.parametrize(
    "kind",
    [
        case("own-function", holds=NEVER),
        case("own-class", holds=NEVER),
        case("scalar", holds=SINCE_2_11),
    ],
)
def test_only_a_loss_written_for_it_uses_the_mask(keras, kind):
    without = squared_errors(targets()).mean()
    assert same(losses_by(keras, "test_on_batch", targets(), kind=kind), [without])


@claim("loss.scalar-counts-all-steps", holds=SINCE_2_11, instead="loss.scalar-is-scaled")
def test_loss_of_one_number_counts_all_steps(keras):
    (found,) = losses_by(keras, "test_on_batch", targets(), kind="scalar")
    assert same(found, squared_errors(targets()).mean())


@claim("loss.scalar-is-scaled", holds=BEFORE_2_11, instead="loss.scalar-counts-all-steps")
def test_loss_of_one_number_is_scaled_by_the_share_of_valid_steps(keras):
    (found,) = losses_by(keras, "test_on_batch", targets(), kind="scalar")
    assert same(found, squared_errors(targets()).mean() * valid_steps().mean())


@claim("loss.value-of-each-feature-masked", instead="loss.value-of-each-feature-fails")
@pytest.mark.parametrize("features", [1, case(4, holds=BEFORE_KERAS_3)])
def test_loss_of_each_feature_skips_masked_steps(keras, features):
    x, *ys = (batch[..., :features] for batch in (padded_features(), targets(5.0), targets(-7.0)))
    with refuted_by(Exception, match=MISFIT):
        values = losses_by(keras, "test_on_batch", *ys, x=x, kind="each-feature")
    assert same(*values)


@claim(
    "loss.value-of-each-feature-fails", holds=KERAS_3, instead="loss.value-of-each-feature-masked"
)
def test_loss_of_each_feature_fails_beside_a_mask(keras):
    def run(layer):
        kind = "each-feature"
        return losses_by(keras, "test_on_batch", targets(), kind=kind, layers=[layer(keras)])

    require(same(run(unmasked), [squared_errors(targets()).mean()]), "it works without a mask")
    assert re.search(MISFIT, failure(run, marked))


@claim(
    "loss.does-not-know-the-mask",
    instead=("loss.own-loss-is-given-the-mask", "loss.graphs-on-jax-lost-the-mask"),
)
@pytest.mark.parametrize(
    "kind",
    [
        case("test_on_batch", holds=NEVER),
        case("instance", holds=BEFORE_2_11),
        "function",
    ],
)
def test_loss_does_not_know_what_was_masked(keras, kind):
    with_mask, without = (
        losses_by(keras, kind, targets(), layers=[make(keras)]) for make in (marked, unmasked)
    )
    assert same(with_mask, without)


@claim("loss.own-loss-is-given-the-mask", instead="loss.graphs-on-jax-lost-the-mask")
@pytest.mark.parametrize("road", ["test_on_batch", case("evaluate", holds=GRAPH_SEES)])
def test_loss_of_ones_own_gets_predictions_with_their_mask(keras, road):
    seen = []

    def spy(y_true, y_pred):
        seen.append(keras.mask_of(y_pred))
        return keras.ops.mean((y_pred - y_true) ** 2, axis=-1)

    losses_by(keras, road, targets(), loss=spy)
    assert seen[-1] is not None
    assert road == "evaluate" or same(keras.numpy(seen[-1]), valid_steps())


# --- gradients ----------------------------------------------------------------------------------


@claim(
    "loss.masked-steps-reach-gradients",
    instead=("loss.masked-targets-train-nothing", "loss.eager-training-on-jax-lost-masks"),
)
@pytest.mark.parametrize(
    "road",
    [
        case("train_on_batch", holds=GRAPH_MISSES),
        case("instance", holds={"tf.keras": "<2.11", "keras/jax": "<3.7"}),
        "function",
    ],
)
def test_masked_steps_contribute_to_gradients(keras, road):
    if road == "train_on_batch":
        assert not same(*trained(keras, "Dense", targets(5.0), targets(-7.0)))
    else:
        kind = "built-in-function" if road == "function" else road
        assert np.abs(gradient_at_masked_steps(keras, kind)).min() > 0.01


@claim(
    "loss.masked-targets-train-nothing",
    holds=GRAPH_SEES,
    instead=("loss.masked-steps-reach-gradients", "loss.eager-training-on-jax-lost-masks"),
)
@pytest.mark.parametrize(
    "last, how",
    [
        ("Dense", "eagerly"),
        ("Dense", "in-a-graph"),
        case("TimeDistributed", "eagerly", holds={"keras/jax": ">=3.7", "*": ""}),
    ],
)
def test_masked_targets_do_not_change_the_trained_weights(keras, last, how):
    eagerly = how == "eagerly"
    a, b = trained(keras, last, targets(5.0), targets(-7.0), run_eagerly=eagerly)
    require(np.abs(a - 0.1).max() > 1e-4, "the step changes the weights")
    assert same(a, b)


# --- on jax, before Keras 3.7 -------------------------------------------------------------------


@claim(
    "loss.graphs-on-jax-lost-the-mask",
    holds=GRAPH_MISSES,
    exists=ON_JAX,
    instead="loss.own-loss-is-given-the-mask",
)
@pytest.mark.parametrize("road", ["fit", "evaluate"])
def test_compiled_functions_on_jax_lose_the_mask(keras, road):
    on_jax(keras)
    require(not follows_masked_targets(keras, "test_on_batch"), "run eagerly, the mask arrives")
    assert follows_masked_targets(keras, road)


@claim(
    "loss.eager-training-on-jax-lost-masks",
    holds={"keras/jax": "<3.7"},
    exists=ON_JAX,
    instead="loss.masked-targets-train-nothing",
)
def test_eager_training_on_jax_loses_the_mask_of_some_layers(keras):
    on_jax(keras)
    a, b = trained(keras, "TimeDistributed", targets(5.0), targets(-7.0), run_eagerly=True)
    assert not same(a, b)


# --- where the mask has to get to ---------------------------------------------------------------


@claim("loss.decided-where-loss-meets-predictions")
@pytest.mark.parametrize("difference", ["how-it-is-called", "mask-of-the-predictions"])
def test_handling_of_the_loss_decides(keras, difference):
    (usual,) = losses_by(keras, "test_on_batch", targets(), layers=[marked(keras)])
    if difference == "how-it-is-called":
        (other,) = losses_by(keras, "function", targets(), layers=[marked(keras)])
    else:
        (other,) = losses_by(keras, "test_on_batch", targets(), layers=[unmasked(keras)])
    assert not same(usual, other)


@claim("loss.last-layers-hand-the-mask-on")
@pytest.mark.parametrize(
    "last, counted",
    [(last, "no") for last in ("Dense", "TimeDistributed")]
    + [(last, "yes") for last in ("Conv1D", "Flatten", "Lambda", "operation")],
)
def test_last_layers_decide_whether_masked_steps_count(keras, last, counted):
    layers = [keras.layers.Masking(), *last_layers(keras, last)]
    found = follows_masked_targets(keras, "test_on_batch", layers=layers)
    assert found == (counted == "yes")


@claim("loss.applied-to-the-output")
def test_loss_is_applied_to_the_output(keras):
    seen = []

    def spy(y_true, y_pred):
        seen.append(y_pred)
        return keras.ops.mean((y_pred - y_true) ** 2, axis=-1)

    model = compiled(keras, keras.layers.Masking(), keras.layers.Dense(4), loss=spy)
    model.test_on_batch(padded_features(), targets())
    assert same(keras.numpy(seen[-1]), keras.numpy(model(keras.tensor(padded_features()))))


# --- what breaks --------------------------------------------------------------------------------


@claim("loss.nan-at-a-masked-step-spreads")
@pytest.mark.parametrize("result", ["loss", "weights"])
def test_nan_at_a_masked_step_makes_everything_nan(keras, result):
    y = targets(np.nan)
    if result == "loss":
        assert np.isnan(losses_by(keras, "test_on_batch", y))
    else:
        assert np.isnan(trained(keras, "Dense", y)).all()


@claim(
    "loss.nothing-valid-is-nan",
    holds={"tf.keras": ">=2.11", "tf_keras": ""},
    instead="loss.nothing-valid-is-zero",
)
def test_loss_of_a_batch_without_a_valid_step_is_nan(keras):
    x = np.zeros_like(padded_features())
    assert np.isnan(losses_by(keras, "test_on_batch", targets(), x=x))


@claim(
    "loss.nothing-valid-is-zero",
    holds={"tf.keras": "<2.11", "keras": ""},
    instead="loss.nothing-valid-is-nan",
)
def test_loss_of_a_batch_without_a_valid_step_is_zero(keras):
    x = np.zeros_like(padded_features())
    assert losses_by(keras, "test_on_batch", targets(), x=x) == [0.0]
