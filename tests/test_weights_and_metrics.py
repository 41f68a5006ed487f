"""Sample weights and metrics, where the predictions carry a mask.

Page: spec/weights-and-metrics.md
"""

import inspect
import re

import numpy as np
import pytest

from maskspec import Unavailable, case, claim, observe, refuted_by, require
from tests.support.layers import failure
from tests.support.losses import (
    HAS_IGNORE_CLASS,
    MISFIT,
    SINCE_2_11,
    compiled,
    echo,
    first_number,
    guesses,
    marked,
    on_batch,
    one_hot,
    squared_errors,
    targets,
    unmasked,
)
from tests.support.probes import LENGTHS, padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, ON_TENSORFLOW

SKIPPING = {"tf.keras": ">=2.3", "keras": ">=3.12", "*": ""}
NO_BROADCAST = "(?i)rank of input|at most rank 0|number of sizes provided|broadcast to shape"
NO_AXIS = f"{MISFIT}|Can not squeeze"
PER_SAMPLE = [
    ("masked", "three-samples"),
    ("masked", "as-many-samples-as-steps"),
    ("without-a-mask", "three-samples"),
]
SIZES = {"three-samples": 3, "as-many-samples-as-steps": 6, "one-sample": 1}
PADDED = (padded_features(), targets(5.0), targets(-7.0))
CLASS_WEIGHT = {0: 0.5, 1: 2.0}
NO_CLASSES_OF_STEPS = "not supported for 3|can be converted to Python scalars"
WITH_A_STATE = ("RootMeanSquaredError", "Recall", "AUC")


# --- helpers ------------------------------------------------------------------------------------


def step_weights():
    """A weight between 0.5 and 2 for each step, shape (3, 6), and 100 where it is masked."""
    weights = np.random.RandomState(3).uniform(0.5, 2, (3, 6)).astype("float32")
    weights[~valid_steps()] = 100
    return weights


def losses_with(keras, first, copies, *many_weights):
    """For each of the weights, the loss for the padded features, each sample ``copies`` times."""
    x, y = (np.concatenate([batch] * copies) for batch in (padded_features(), targets()))
    model = compiled(keras, first)
    return [first_number(on_batch(model, x, y, weights)) for weights in many_weights]


def per_sample(keras, mask, batch):
    """By what a weight for each sample multiplies the loss, and by what it is meant to."""
    copies = 2 if batch == "as-many-samples-as-steps" else 1  # 6 samples of 6 steps
    first = keras.layers.Masking() if mask == "masked" else unmasked(keras)
    errors = squared_errors(targets()) * (valid_steps() if mask == "masked" else 1)
    weights = np.arange(1, 3 * copies + 1, dtype="float32")
    wanted = (np.concatenate([errors] * copies) * weights[:, None]).sum() / errors.sum() / copies
    (plain,) = losses_with(keras, first, copies, None)
    masked = plain < squared_errors(targets()).mean() / 2
    require(masked == (mask == "masked"), "without weights, the loss uses the mask if there is one")
    (found,) = losses_with(keras, first, copies, weights)
    return found / plain, wanted


def by_classes(keras, targets, **options):
    """The loss of two classes behind a mask; without ``options``, each step by its class's weight.

    One sample is repeated. The model has weights to train.
    """
    entropy = f"{'sparse_' if targets.ndim == 2 else ''}categorical_crossentropy"
    identity = keras.initializers.Identity()
    last = keras.layers.Dense(2, activation="softmax", kernel_initializer=identity)
    model = compiled(keras, keras.layers.Masking(), last, loss=entropy)
    x = np.tile(guesses()[:1], (len(targets), 1, 1))
    x[:, 4:] = 0
    if not options:
        options = {"sample_weight": np.vectorize(CLASS_WEIGHT.get)(targets).astype("float32")}
    return first_number(model.train_on_batch(x, targets, **options))


def follows_masked_classes(keras, argument, name, weights=None):
    """Whether other targets in the masked steps, and there only, change a metric."""
    model = compiled(keras, marked(keras), **{argument: [getattr(keras.metrics, name)()]})
    results = [np.ravel(on_batch(model, guesses(), one_hot(c), weights)) for c in (0, 1)]
    require(same(results[0][0], results[1][0]), "they do not change the loss")
    return not same(results[0][1], results[1][1])


def flat(keras):
    """A layer that takes the axis of features away and keeps the mask."""

    class Flat(keras.layers.Layer):
        def call(self, inputs):
            return inputs[..., 0]

        def compute_mask(self, inputs, mask=None):
            return mask

    return Flat()


def follows_padded_targets(keras, by, samples, *last):
    """Whether padded targets change a loss in spite of a mask or of weights of 0."""
    first = keras.layers.Masking() if by == "mask" else unmasked(keras)
    model, valid = compiled(keras, first, *last), np.tile(valid_steps(), (2, 1))[:samples]
    x, *ys = (np.tile(b[..., :1], (2, 1, 1))[:samples] for b in PADDED)
    ys = [y[..., 0] for y in ys] if last else ys
    weights = None if by == "mask" else valid.astype("float32")
    found = [first_number(on_batch(model, x, y, weights)) for y in ys]
    return not same(*found)


# --- weights ------------------------------------------------------------------------------------


@claim("weights-and-metrics.weights-multiply-the-mask")
@pytest.mark.parametrize("weights", ["fractions", "zeros-and-ones"])
def test_weights_count_at_the_valid_steps_only(keras, weights):
    given = step_weights() if weights == "fractions" else (step_weights() > 1).astype("float32")
    plain, found = losses_with(keras, keras.layers.Masking(), 1, None, given)
    errors, valid = squared_errors(targets()), valid_steps()
    assert abs(found / plain - (errors * given)[valid].sum() / errors[valid].sum()) < 1e-4


@claim("weights-and-metrics.called-loss-multiplies-weights-and-mask", holds=SINCE_2_11)
@pytest.mark.parametrize(
    "dtype", ["float32", case("float64", holds={"tf.keras": ">=2.12", "*": ""})]
)
def test_called_loss_multiplies_weights_and_mask(keras, dtype):
    predicted = keras.layers.Masking()(keras.tensor(padded_features()))
    require(keras.mask_of(predicted) is not None, "the predictions carry a mask")
    weights = keras.tensor(step_weights().astype(dtype))
    loss, y = keras.losses.MeanSquaredError(), keras.tensor(targets())
    with refuted_by(Exception, match="expected to be a double tensor"):
        found = keras.numpy(loss(y, predicted, sample_weight=weights))
    assert same(found, (squared_errors(targets()) * step_weights())[valid_steps()].mean())


@claim("weights-and-metrics.mask-as-weights-divides-by-all-steps")
def test_mask_as_weights_divides_by_the_number_of_all_steps(keras):
    (found,) = losses_with(keras, unmasked(keras), 1, valid_steps().astype("float32"))
    assert same(found, squared_errors(targets())[valid_steps()].sum() / valid_steps().size)


@claim("weights-and-metrics.weight-per-sample-counts", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("mask, batch", PER_SAMPLE)
def test_weight_per_sample_counts_at_each_step_of_the_sample(keras, mask, batch):
    with refuted_by(Exception, match=MISFIT):
        found, wanted = per_sample(keras, mask, batch)
    observe("each step of the sample" if abs(found - wanted) < 1e-4 else "something else")
    assert abs(found - wanted) < 1e-4


@claim("weights-and-metrics.column-weighs-samples", holds={"keras/torch": None, "*": ""})
@pytest.mark.parametrize("copies", [1, 2], ids=["three-samples", "as-many-samples-as-steps"])
def test_column_of_weights_counts_at_each_step_of_its_sample(keras, copies):
    column = np.arange(1, 3 * copies + 1, dtype="float32")[:, None]
    spread, masking = np.repeat(column, 6, axis=1), keras.layers.Masking()
    plain, wanted = losses_with(keras, masking, copies, None, spread)
    require(not same(plain, wanted), "weights for each step change the loss")
    require(plain < squared_errors(targets()).mean() / 2, "the loss leaves masked steps out")
    with refuted_by(RuntimeError, match=MISFIT):
        (found,) = losses_with(keras, masking, copies, column)
    assert same(found, wanted)


@claim("weights-and-metrics.class-weight-misreads-steps")
@pytest.mark.parametrize("largest", [0, 5], ids=["largest-class-first", "largest-class-last"])
@pytest.mark.parametrize("samples", [3, 6], ids=["three-samples", "as-many-samples-as-steps"])
def test_class_weight_does_not_weigh_steps_by_their_classes(keras, samples, largest):
    classes = np.tile((np.arange(6) == largest).astype("int64"), (samples, 1))
    found, wanted = [], by_classes(keras, classes)
    message = failure(lambda: found.append(by_classes(keras, classes, class_weight=CLASS_WEIGHT)))
    require(not message or re.search(f"{MISFIT}|is not in", message), "if it fails, on the shapes")
    observe("fails" if message else "runs")
    assert message or not same(found[0], wanted)


@claim(
    "weights-and-metrics.class-weight-of-one-hot-steps",
    holds={"tf.keras": ">=2.13", "tf_keras": ""},
)
def test_class_weight_weighs_each_step_of_one_hot_targets(keras):
    classes = np.random.RandomState(9).randint(0, 2, (3, 6))
    one_hot_steps, wanted = np.eye(2, dtype="float32")[classes], by_classes(keras, classes)
    with refuted_by(Exception, match=NO_CLASSES_OF_STEPS):
        found = by_classes(keras, one_hot_steps, class_weight=CLASS_WEIGHT)
    assert same(found, wanted)


@claim("weights-and-metrics.steps-need-an-axis-of-features")
@pytest.mark.parametrize("by", ["mask", "weights"])
@pytest.mark.parametrize("batch", SIZES)
def test_steps_without_an_axis_of_features_are_not_left_out(keras, batch, by):
    require(not follows_padded_targets(keras, by, SIZES[batch]), "with the axis, they are left out")
    found, options = [], (keras, by, SIZES[batch], flat(keras))
    message = failure(lambda: found.append(follows_padded_targets(*options)))
    require(not message or re.search(NO_AXIS, message), "if it fails, then on the shapes")
    observe("fails" if message else "runs")
    assert message or found[0]


# --- metrics ------------------------------------------------------------------------------------


@claim("weights-and-metrics.metrics-skip-masked-steps")
@pytest.mark.parametrize(
    "argument, name",
    [
        *(case("metrics", name, holds=SKIPPING) for name in ("MeanSquaredError", "BinaryAccuracy")),
        case("weighted_metrics", "MeanSquaredError", holds={"keras": ">=3.12", "*": ""}),
    ],
)
def test_metrics_that_are_a_mean_skip_masked_steps(keras, argument, name):
    assert not follows_masked_classes(keras, argument, name)


@claim("weights-and-metrics.metrics-with-a-state-count", holds={"tf.keras": "<2.3", "keras": ""})
@pytest.mark.parametrize("name", WITH_A_STATE)
def test_metrics_that_keep_more_than_a_mean_count_masked_steps(keras, name):
    assert follows_masked_classes(keras, "metrics", name)


@claim("weights-and-metrics.scalar-metric-is-reported", holds={"keras": "<3.12", "*": ""})
@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_metric_function_of_one_number_is_reported_as_it_is(keras, argument):
    def largest_error(y_true, y_pred):
        return keras.ops.max(keras.ops.abs(y_pred - y_true))

    def run(first):
        model = compiled(keras, first, **{argument: [largest_error]})
        return np.ravel(on_batch(model, padded_features(), targets()))

    wanted = np.abs(targets() - padded_features()).max()
    require(same(run(unmasked(keras))[1], wanted), "it works without a mask")
    with refuted_by(Exception, match=NO_BROADCAST):
        loss, found = run(keras.layers.Masking())
    require(loss < squared_errors(targets()).mean() / 2, "the loss uses the mask")
    assert same(found, wanted)


@claim("weights-and-metrics.none-among-metrics", holds={"keras": "<3.14", "*": ""})
@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_none_among_the_metrics_is_passed_over(keras, argument):
    def found(*metrics):
        return on_batch(echo(keras, **{argument: list(metrics)}), padded_features(), targets())

    alone = found("mae")
    require(len(alone) == 2, "there are a loss and one metric")
    with refuted_by(ValueError, match="Expected metric, received `None`"):
        beside = found("mae", None)
    assert same(beside, alone)


@claim("weights-and-metrics.weights-reach-weighted-metrics")
@pytest.mark.parametrize("name", ["RootMeanSquaredError", "AUC"])
def test_weights_of_zero_keep_masked_steps_out_of_weighted_metrics(keras, name):
    weights = valid_steps().astype("float32")
    assert not follows_masked_classes(keras, "weighted_metrics", name, weights)


@claim("weights-and-metrics.weighted-metric-divides-by-weights")
def test_weighted_metric_is_divided_by_the_weights_of_the_valid_steps(keras):
    model = echo(keras, weighted_metrics=[keras.metrics.MeanSquaredError()])
    found = np.ravel(on_batch(model, padded_features(), targets(), step_weights()))[1]
    weights = step_weights() * valid_steps()
    assert same(found, (squared_errors(targets()) * weights).sum() / weights.sum())


# --- ragged tensors -----------------------------------------------------------------------------


def metric_of_ragged(keras, *batches):
    """The mean squared error of targets, predictions and, if there are any, weights."""
    metric = keras.metrics.MeanSquaredError()
    metric.update_state(*batches[:2], sample_weight=batches[2] if batches[2:] else None)
    return keras.numpy(metric.result())


def numbers_of_steps(keras, kind):
    """Targets, predictions and weights, a number a step: ``dense`` or ``ragged`` tensors."""
    batches = targets()[..., 0], padded_features()[..., 0], step_weights()
    if kind == "dense":
        return [keras.tensor(batch) for batch in batches]
    return [keras.ragged_tensor(batch, LENGTHS) for batch in batches]


@claim("weights-and-metrics.ragged-needs-no-mask", holds=BEFORE_KERAS_3, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("given", ["no-weights", "ragged-weights"])
def test_metric_of_ragged_tensors_is_the_mean_over_their_steps(keras, given):
    dense, ragged = (numbers_of_steps(keras, kind) for kind in ("dense", "ragged"))
    weights = step_weights() if given == "ragged-weights" else np.ones((3, 6))
    errors = (targets()[..., 0] - padded_features()[..., 0]) ** 2
    wanted = np.average(errors[valid_steps()], weights=weights[valid_steps()])
    require(not same(metric_of_ragged(keras, *dense[:2]), wanted), "dense, the padding counts")
    with refuted_by(Exception, match="'RaggedTensor' has no len|Condition x == y did not hold"):
        found = metric_of_ragged(keras, *ragged[: 3 if given == "ragged-weights" else 2])
    assert same(found, wanted)


@claim("weights-and-metrics.ragged-beside-dense-raises", holds=BEFORE_KERAS_3, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("ragged", ["targets", "predictions", "weights", "targets-predictions"])
def test_metric_takes_no_ragged_tensor_beside_a_dense_one(keras, ragged):
    dense, other = (numbers_of_steps(keras, kind) for kind in ("dense", "ragged"))
    require(not failure(metric_of_ragged, keras, *dense[:2]), "dense ones work")
    names = ("targets", "predictions", "weights")
    given = [there if name in ragged else here for name, here, there in zip(names, dense, other)]
    found = failure(metric_of_ragged, keras, *given)
    observe(found.split(":")[0])
    require(found, "there is an error of some kind")
    assert found.startswith("TypeError")


@claim(
    "weights-and-metrics.mean-metric-leaves-an-ignored-class-out",
    holds=BEFORE_KERAS_3,
    exists=HAS_IGNORE_CLASS,
)
def test_metric_made_of_a_crossentropy_leaves_an_ignored_class_out(keras):
    function = keras.losses.sparse_categorical_crossentropy
    if "ignore_class" not in inspect.signature(function).parameters:
        raise Unavailable("the function has no ignore_class")
    classes = one_hot(masked_class=0).argmax(-1)
    metric = keras.metrics.MeanMetricWrapper(function, ignore_class=0)
    metric.update_state(keras.tensor(classes), keras.tensor(guesses()))
    numbers = guesses() / guesses().sum(-1, keepdims=True)
    each = -np.log(np.take_along_axis(numbers, classes[..., None], -1))[..., 0]
    counted, found = classes != 0, keras.numpy(metric.result())
    require(same(found, each[counted].mean()) or same(found, each[counted].sum() / 18), "a mean")
    assert same(found, each[counted].mean())
