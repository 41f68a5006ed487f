"""Whether a compiled loss sees the mask, and what it does with it.

Page: spec/loss.md
"""

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.losses import (
    BEFORE_2_11,
    HAS_IGNORE_CLASS,
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
from tests.support.probes import once, padded_features, same, valid_steps
from tests.support.releases import BEFORE_KERAS_3, NOT_ON_JAX, ON_JAX

GRAPH_SEES = {"keras/jax": ">=3.6", "*": ""}  # before, JAX lost the mask in a compiled function
GRAPH_MISSES = {"keras/jax": "<3.6"}
GRAPH_DIVIDES_BY_VALID = {"keras/jax": ">=3.6", "tf.keras": ">=2.11", "*": ""}
COMPILED_IN_A_GRAPH = [
    case("test_on_batch", holds=NEVER),  # run eagerly
    case("evaluate", holds=GRAPH_MISSES),
    case("fit", holds=GRAPH_MISSES),
]
SKIPPED = "loss.compiled-skips-masked-steps"

BUILT_IN = (
    "MeanAbsoluteError",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "CosineSimilarity",
    "Huber",
)
OF_A_WHOLE_BATCH = {"dice": {"keras": ">=3.2"}, "tversky": {"keras": ">=3.3.0"}}
LOSS_OF_OUTPUTS = {"keras": ">=3.5", "*": ""}
NOT_TENSORFLOW = {"keras/jax": None, "keras/torch": None}


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
    predicted = model(keras.tensor(padded_features()))
    require(keras.mask_of(predicted) is not None, "the predictions carry a mask")
    results = []
    for y in many_targets:
        model.set_weights([np.full(w.shape, 0.1, "float32") for w in model.get_weights()])
        model.train_on_batch(padded_features(), y)
        results.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    return results


def ignoring_class_0(keras, **arguments):
    """The cross-entropy of classes other than 0."""
    try:
        return keras.losses.SparseCategoricalCrossentropy(ignore_class=0, **arguments)
    except TypeError as error:
        raise Unavailable("the loss has no ignore_class") from error


def adding_loss(keras, seen):
    """A layer that adds the squared error of its first input, and keeps the mask of that."""

    class AddsLoss(keras.layers.Layer):
        def call(self, inputs, mask=None):
            predicted, wanted = inputs
            seen.append(keras.mask_of(predicted))
            self.add_loss(keras.ops.mean((predicted - wanted) ** 2))
            return predicted

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else mask[0]  # Keras 3.0 to 3.3 may give none

    return AddsLoss()


def with_own_steps(keras, loss_of):
    """A compiled model that predicts the padded features; its steps report ``loss_of`` it.

    ``loss_of`` is given the model, the batch, its targets and the predictions.
    """
    if keras.backend_name == "jax":
        raise Unavailable("a step of JAX gets and returns all that it changes")

    class OwnSteps(keras.Model):
        def __init__(self):
            super().__init__()
            self.masking = keras.layers.Masking()

        def call(self, x):
            return self.masking(x)

        def test_step(self, data):
            x, y = data[:2]  # Keras 3 gives weights as well, here None
            return {"found": loss_of(self, x, y, self(x))}

        train_step = test_step

    model = OwnSteps()
    model.compile(loss="mse", optimizer="sgd", run_eagerly=True)
    return model


def compute_loss(model, x, y, predictions):
    """The compiled loss, as a step of one's own asks for it; before TF 2.9 by another name."""
    if hasattr(model, "compute_loss"):
        return model.compute_loss(x=x, y=y, y_pred=predictions)
    return model.compiled_loss(y, predictions)


# --- compiled -----------------------------------------------------------------------------------


@claim("loss.mask-has-no-effect", instead=SKIPPED)
@pytest.mark.parametrize("road", COMPILED_IN_A_GRAPH)
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
@pytest.mark.parametrize(
    "road",
    ["test_on_batch", *(case(road, holds=GRAPH_SEES) for road in ("fit", "batches-of-all-sizes"))],
)
def test_compiled_loss_is_the_mean_over_the_valid_steps(keras, road):
    errors, valid = squared_errors(targets()), valid_steps()
    if road == "batches-of-all-sizes":
        model, sizes = echo(keras, run_eagerly=False), [(3, 6), (1, 4), (2, 5), (3, 6)]
        batches = [(padded_features()[:n, :t], targets()[:n, :t]) for n, t in sizes]
        found = [first_number(on_batch(model, x, y)) for x, y in batches]
        assert same(found, [errors[:n, :t][valid[:n, :t]].mean() for n, t in sizes])
    else:
        assert same(losses_by(keras, road, targets()), [errors[valid].mean()])


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
    + [(name, "function") for name in ("mean_absolute_error", "binary_crossentropy")],
)
def test_standard_losses_count_masked_steps(keras, loss, road):
    assert follows_masked_classes(keras, loss, road)


@claim("loss.built-in-losses-skip-masked-steps")
@pytest.mark.parametrize("loss", BUILT_IN)
def test_compiled_built_in_losses_skip_masked_steps(keras, loss):
    assert not follows_masked_classes(keras, loss, "test_on_batch")


@claim("loss.needs-another-loss-or-tensors", holds=NEVER, instead=SKIPPED)
@pytest.mark.parametrize("without", ["mask", "sample-weights"])
def test_masked_steps_need_another_loss_or_other_tensors(keras, without):
    first = keras.layers.Masking() if without == "mask" else unmasked(keras)
    weights = None if without == "mask" else valid_steps().astype("float32")
    model = compiled(keras, first)
    found = [
        first_number(on_batch(model, padded_features(), targets(at), weights)) for at in (5.0, -7.0)
    ]
    assert not same(*found)


@claim("loss.handling-makes-masks-ineffective", instead=SKIPPED)
@pytest.mark.parametrize("road", COMPILED_IN_A_GRAPH)
def test_what_keras_does_with_a_loss_function_takes_the_mask_out_of_it(keras, road):
    by_hand = losses_by(keras, "function", targets())
    require(same(by_hand, [squared_errors(targets()).mean()]), "the function counts all steps")
    assert same(losses_by(keras, road, targets(), kind="built-in-function"), by_hand)


# --- a loss of one's own ------------------------------------------------------------------------


@claim("loss.only-losses-written-for-it", holds=NEVER, instead=SKIPPED)
@pytest.mark.parametrize("kind", ["own-function", "own-class"])
def test_only_a_loss_written_for_it_uses_the_mask(keras, kind):
    without = squared_errors(targets()).mean()
    assert same(losses_by(keras, "test_on_batch", targets(), kind=kind), [without])


@claim("loss.scalar-counts-all-steps", holds=SINCE_2_11)
@pytest.mark.parametrize(
    "loss", ["own-function", *(case(name, exists=e) for name, e in OF_A_WHOLE_BATCH.items())]
)
def test_loss_of_one_number_is_reported_as_it_is(keras, loss):
    require(not once(follows_masked_targets, keras, "test_on_batch"), "others skip masked steps")
    function = squared_loss(keras, "scalar") if "own" in loss else getattr(keras.losses, loss)
    options = {"layers": [marked(keras)], "x": guesses(), "loss": function}
    by_hand, other = losses_by(keras, "function", one_hot(0), one_hot(1), **options)
    require(abs(by_hand - other) > 1e-3, "the function counts masked steps")
    (found,) = losses_by(keras, "test_on_batch", one_hot(0), **options)
    scaled = by_hand * valid_steps().mean()
    require(same(found, by_hand) or same(found, scaled), "it is the number or its share")
    observe(f"{found / by_hand:.3f} of the number")
    assert same(found, by_hand)


@claim("loss.value-of-each-feature-masked")
@pytest.mark.parametrize("features", [1, case(4, holds=BEFORE_KERAS_3)])
def test_loss_of_each_feature_skips_masked_steps(keras, features):
    x, *ys = (batch[..., :features] for batch in (padded_features(), targets(5.0), targets(-7.0)))

    def run(layer, masked=True):
        options = {"x": x, "kind": "each-feature", "layers": [layer(keras)], "masked": masked}
        return losses_by(keras, "test_on_batch", *ys, **options)

    require(not once(follows_masked_targets, keras, "test_on_batch"), "others skip masked steps")
    require(
        not same(*run(unmasked, masked=False)),
        "unmasked, the loss works and counts all steps",
    )
    with refuted_by(Exception, match=MISFIT):
        values = run(marked)
    assert same(*values)


@claim(
    "loss.does-not-know-the-mask",
    instead=("loss.own-loss-is-given-the-mask", "loss.graphs-on-jax-lost-the-mask"),
)
@pytest.mark.parametrize("road", COMPILED_IN_A_GRAPH)
def test_loss_does_not_know_what_was_masked(keras, road):
    bare = {"layers": [unmasked(keras)], "masked": False}
    without = losses_by(keras, "test_on_batch", targets(), **bare)
    with_mask = losses_by(keras, road, targets(), layers=[marked(keras)])
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


@claim("loss.own-call-gets-the-mask-as-weights", holds=BEFORE_KERAS_3, exists=NOT_ON_JAX)
@pytest.mark.parametrize("given", ["nothing", "sample-weights"])
def test_loss_with_a_call_of_its_own_gets_the_mask_as_weights(keras, given):
    if keras.backend_name == "jax":
        raise Unavailable("graphs on JAX lost masks; loss.graphs-on-jax-lost-the-mask asks that")
    seen, masks = [], []

    class Spy(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            seen.append(sample_weight)
            masks.append(keras.mask_of(y_pred))
            return keras.ops.mean((y_pred - y_true) ** 2)

    weights = None if given == "nothing" else np.full((3, 6), 2.0, "float32")
    echo(keras, loss=Spy()).test_on_batch(padded_features(), targets(), sample_weight=weights)
    require(masks[-1] is not None, "the predictions carry the mask")
    got = None if seen[-1] is None else keras.numpy(seen[-1])
    observe("nothing" if got is None else f"{len(np.unique(got))} values")
    wanted = valid_steps() * (1.0 if weights is None else weights)
    assert got is not None and same(np.reshape(got, (3, 6)), wanted)


# --- gradients ----------------------------------------------------------------------------------


@claim("loss.masked-steps-reach-gradients", holds=GRAPH_MISSES)
@pytest.mark.parametrize("how", ["eagerly", "in-a-graph"])
def test_targets_of_masked_steps_change_the_trained_weights(keras, how):
    a, b = trained(keras, "Dense", targets(5.0), targets(-7.0), run_eagerly=how == "eagerly")
    require(np.abs(a - 0.1).max() > 1e-4, "the step changes the weights")
    assert not same(a, b)


# --- on JAX, before Keras 3.7 -------------------------------------------------------------------


@claim(
    "loss.graphs-on-jax-lost-the-mask",
    holds=GRAPH_MISSES,
    exists=ON_JAX,
    instead="loss.own-loss-is-given-the-mask",
)
@pytest.mark.parametrize("road", ["fit", "evaluate"])
def test_compiled_functions_on_jax_lose_the_mask(keras, road):
    on_jax(keras)
    require(not once(follows_masked_targets, keras, "test_on_batch"), "eagerly, the mask arrives")
    assert follows_masked_targets(keras, road)


@claim(
    "loss.eager-training-on-jax-lost-masks",
    holds={"keras/jax": "<3.7"},
    exists=ON_JAX,
)
def test_eager_training_on_jax_loses_the_mask_of_some_layers(keras):
    on_jax(keras)
    a, b = trained(keras, "TimeDistributed", targets(5.0), targets(-7.0), run_eagerly=True)
    assert not same(a, b)


# --- where the mask has to get to ---------------------------------------------------------------


@claim("loss.decided-where-loss-meets-predictions")
@pytest.mark.parametrize("loss", ["how-it-is-called", "what-it-returns"])
def test_loss_decides_what_becomes_of_a_mask_that_reaches_it(keras, loss):
    skips = {"road": "test_on_batch", "kind": "own-function"}
    counts = {"how-it-is-called": {"road": "function"}, "what-it-returns": {"kind": "scalar"}}
    assert not follows_masked_targets(keras, **skips)
    assert follows_masked_targets(keras, **{**skips, **counts[loss]})


@claim("loss.last-layers-hand-the-mask-on")
@pytest.mark.parametrize(
    "last, counted",
    [(last, "no") for last in ("Dense", "TimeDistributed")]
    + [(last, "yes") for last in ("Conv1D", "Flatten", "Lambda", "operation")],
)
def test_last_layers_decide_whether_masked_steps_count(keras, last, counted):
    require(not once(follows_masked_targets, keras, "test_on_batch"), "behind Masking, none count")
    layers = [keras.layers.Masking(), *last_layers(keras, last)]
    found = follows_masked_targets(keras, "test_on_batch", layers=layers, masked=False)
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
@pytest.mark.parametrize("target, result", [("nan", "loss"), ("inf", "loss"), ("nan", "weights")])
def test_nan_at_a_masked_step_makes_everything_nan(keras, target, result):
    require(not once(follows_masked_targets, keras, "test_on_batch"), "other targets do not count")
    y = targets(float(target))
    if result == "loss":
        assert np.isnan(losses_by(keras, "test_on_batch", y))
    else:
        assert np.isnan(trained(keras, "Dense", y)).all()


@claim("loss.overflow-at-a-masked-step-is-nan")
def test_error_that_overflows_at_a_masked_step_makes_the_loss_nan(keras):
    large, too_large = losses_by(keras, "test_on_batch", targets(1e10), targets(1e20))
    require(same(large, losses_by(keras, "test_on_batch", targets())[0]), "1e10 is harmless")
    assert np.isnan(too_large)


@claim("loss.nothing-valid-is-nan", holds={"tf.keras": ">=2.11", "tf_keras": ""})
def test_loss_of_a_batch_without_a_valid_step_is_nan(keras):
    (found,) = losses_by(keras, "test_on_batch", targets(), x=np.zeros_like(padded_features()))
    require(np.isnan(found) or found == 0.0, "the loss is NaN or 0")
    observe(f"the loss is {found}")
    assert np.isnan(found)


@claim("loss.optimizer-keeps-nan", holds={"tf.keras": ">=2.11", "tf_keras": ""})
def test_plain_gradient_descent_makes_nan_of_weights_that_are_set_back(keras):
    model = compiled(keras, keras.layers.Masking(), keras.layers.Dense(4), optimizer="sgd")
    model.train_on_batch(padded_features(), targets())
    before = model.get_weights()
    model.train_on_batch(padded_features(), np.full_like(targets(), np.nan))
    require(np.isnan(model.get_weights()[0]).all(), "NaN in the targets is NaN in the weights")
    model.set_weights(before)
    model.train_on_batch(padded_features(), targets())
    assert np.isnan(model.get_weights()[0]).all(), "the weights are numbers"


# --- what does not use the mask, or uses more than the mask -------------------------------------


def found_by(model, step, y):
    """The loss that a step of one's own reports."""
    asked = model.train_on_batch if step == "train_step" else model.test_on_batch
    return float(asked(padded_features(), y, return_dict=True)["found"])


@claim("loss.own-step-counts-masked-steps", exists=NOT_ON_JAX)
@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_mean_of_errors_in_a_step_of_ones_own_counts_masked_steps(keras, step):
    carried = []

    def mean_of_errors(model, x, y, predictions):
        carried.append(keras.mask_of(predictions))
        return keras.ops.mean((predictions - y) ** 2)

    found = found_by(with_own_steps(keras, mean_of_errors), step, targets())
    require(carried[-1] is not None, "the predictions carry a mask")
    assert same(found, squared_errors(targets()).mean())


@claim("loss.compute-loss-skips-masked-steps", exists=NOT_ON_JAX)
@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_compiled_loss_in_a_step_of_ones_own_skips_masked_steps(keras, step):
    model = with_own_steps(keras, compute_loss)
    found = [found_by(model, step, targets(at)) for at in (5.0, -7.0)]
    require(not same(found_by(model, step, -targets()), found[0]), "other targets count")
    assert same(*found)


@claim("loss.add-loss-counts-masked-steps")
@pytest.mark.parametrize("kind", ["Layer", case("Model", exists=BEFORE_KERAS_3)])
def test_loss_that_is_added_counts_masked_steps(keras, kind):
    seen = []
    x, y = keras.Input(shape=(6, 4)), keras.Input(shape=(6, 4))
    both = [keras.layers.Masking()(x), keras.layers.Masking(mask_value=99.0)(y)]  # all of y counts
    if kind == "Layer":
        model = keras.Model([x, y], adding_loss(keras, seen)(both))
    else:
        model = keras.Model([x, y], both[0])
        seen.append(keras.mask_of(model.output))
        try:
            model.add_loss(keras.ops.mean((model.output - y) ** 2))
        except NotImplementedError:
            raise Unavailable("no loss is added to a functional model") from None
    model.compile(optimizer="sgd", run_eagerly=kind == "Layer")
    found = model.evaluate([padded_features(), targets()], verbose=0)
    require(seen[-1] is not None, "the predictions in the layer carry a mask")
    assert same(first_number(found), squared_errors(targets()).mean())


@claim("loss.activity-penalty-counts-masked-steps")
@pytest.mark.parametrize("by", ["layer", "argument"])
def test_activity_penalty_counts_masked_steps(keras, by):
    penalty = keras.regularizers.l2(1.0)
    layer = {
        "layer": keras.layers.ActivityRegularization(l2=1.0),
        "argument": keras.layers.Activation("linear", activity_regularizer=penalty),
    }[by]

    def penalty_of(x, mask=None):
        steps = keras.tensor(x) if mask is None else keras.carry(keras.tensor(x), mask)
        require((keras.mask_of(layer(steps)) is not None) == (mask is not None), "the mask passes")
        return keras.numpy(sum(layer.losses))

    x, other = padded_features(2.0), padded_features(5.0)
    require(not same(penalty_of(x), penalty_of(other)), "without a mask the padding counts")
    assert same(penalty_of(x, valid_steps()), penalty_of(x))
    assert same(penalty_of(other, valid_steps()), penalty_of(other))


@claim("loss.ignore-class-adds-to-the-mask", exists=HAS_IGNORE_CLASS)
@pytest.mark.parametrize("steps", ["masked", "of-the-class"])
def test_ignore_class_and_the_mask_each_leave_steps_out(keras, steps):
    classes = one_hot(masked_class=1).argmax(-1)
    where = ~valid_steps() if steps == "masked" else classes == 0
    changed = np.where(where[..., None], 1 - guesses(), guesses())

    def found(first, loss):
        options = {"layers": [first(keras)], "loss": loss, "masked": first is marked}
        given = (guesses(), changed)
        return [losses_by(keras, "test_on_batch", classes, x=x, **options) for x in given]

    plain = keras.losses.SparseCategoricalCrossentropy()
    require(not same(*found(unmasked, plain)), "without both, these steps count")
    assert same(*found(marked, ignoring_class_0(keras)))


@claim("loss.ignore-class-mean-over-the-rest", exists=HAS_IGNORE_CLASS)
@pytest.mark.parametrize("predictions", [case("masked", holds=SINCE_2_11), "unmasked"])
@pytest.mark.parametrize("road", ["instance", "test_on_batch"])
def test_loss_that_ignores_a_class_is_the_mean_over_what_is_left(keras, predictions, road):
    loss, classes = ignoring_class_0(keras), one_hot(masked_class=1).argmax(-1)
    numbers = guesses() / guesses().sum(-1, keepdims=True)
    each = -np.log(np.take_along_axis(numbers, classes[..., None], -1))[..., 0]
    counted = (classes != 0) & (valid_steps() if predictions == "masked" else True)
    first = marked(keras) if predictions == "masked" else unmasked(keras)
    options = {"layers": [first], "loss": loss, "masked": predictions == "masked"}
    (found,) = losses_by(keras, road, classes, x=guesses(), **options)
    assert same(found, each[counted].mean())


@claim("loss.ignore-class-by-the-function", exists=HAS_IGNORE_CLASS)
@pytest.mark.parametrize("given", ["probabilities", "logits"])
def test_function_returns_zero_at_steps_of_an_ignored_class(keras, given):
    ignoring_class_0(keras)  # is there such an argument?
    classes = one_hot(masked_class=0).argmax(-1)
    numbers = guesses() / guesses().sum(-1, keepdims=True)
    wanted = -np.log(np.take_along_axis(numbers, classes[..., None], -1))[..., 0]
    if given == "logits":
        numbers = np.log(numbers) + 1
    crossentropy = keras.losses.sparse_categorical_crossentropy
    tensors = keras.tensor(classes), keras.tensor(numbers.astype("float32"))
    found = keras.numpy(crossentropy(*tensors, from_logits=given == "logits", ignore_class=0))
    require((classes == 0).any() and (classes != 0).any(), "there are steps of both kinds")
    assert same(found, np.where(classes == 0, 0, wanted))


@claim(
    "loss.ignore-class-on-another-axis",
    holds={**BEFORE_KERAS_3, "keras/torch": ">=3.15"},
    exists=HAS_IGNORE_CLASS,
)
@pytest.mark.parametrize("given", ["probabilities", "logits"])
def test_function_ignores_a_class_where_classes_are_on_another_axis(keras, given):
    ignoring_class_0(keras)  # is there such an argument?
    classes = keras.tensor(one_hot(masked_class=0).argmax(-1))
    options = {"from_logits": given == "logits", "ignore_class": np.int32(0)}

    def found(predicted, **more):
        crossentropy = keras.losses.sparse_categorical_crossentropy
        return keras.numpy(crossentropy(classes, keras.tensor(predicted), **options, **more))

    wanted = found(guesses())
    require(0 in wanted and wanted.any(), "steps of this class give 0, others do not")
    with refuted_by(Exception, match=f"{MISFIT}|Only axis=-1|must have the same shape"):
        assert same(found(guesses().swapaxes(1, 2), axis=1), wanted)


@claim(
    "loss.ignore-class-takes-out-nan",
    holds={"keras": ">=3.15", "*": ""},
    exists=HAS_IGNORE_CLASS,
)
def test_nan_predicted_at_steps_of_an_ignored_class_reaches_no_gradient(keras):
    loss = ignoring_class_0(keras, from_logits=True)
    classes = one_hot(masked_class=0).argmax(-1)
    where = (classes == 0)[..., None]

    def gradient(predicted):
        return keras.gradient(lambda x: loss(keras.tensor(classes), x), predicted)

    at_others = gradient(np.where(where, guesses(), np.nan).astype("float32"))
    require(np.isnan(at_others).any(), "NaN at the other steps reaches it")
    predicted = np.where(where, np.nan, guesses()).astype("float32")
    assert same(gradient(predicted), np.where(where, 0, gradient(guesses())))


def losses_of_outputs(keras, batch_size, *many_targets):
    """For each of the targets, what ``evaluate`` gives: the losses of model and outputs.

    One output is masked, the other plain, and weighted ten times.
    """
    inputs = keras.Input((6, 4))
    outputs = [keras.layers.Masking()(inputs), keras.layers.Activation("linear")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile(loss=["mse", "mse"], loss_weights=[1.0, 10.0])
    options = {"batch_size": batch_size, "verbose": 0}
    found = [model.evaluate(padded_features(), [y, y], **options) for y in many_targets]
    if len(np.ravel(found[0])) == 1:
        raise Unavailable("evaluate gives the sum alone")
    return found


@claim("loss.each-output-by-its-own-mask", exists={**LOSS_OF_OUTPUTS, "keras/jax": None})
def test_loss_of_an_output_leaves_out_its_masked_steps(keras):
    if keras.backend_name == "jax":
        raise Unavailable("graphs on JAX lost masks; loss.graphs-on-jax-lost-the-mask asks that")
    _, masked, plain = zip(*losses_of_outputs(keras, 3, targets(5.0), targets(-7.0)))
    require(not same(*plain), "without a mask, masked targets count")
    assert same(*masked)


@claim("loss.outputs-add-up", exists=LOSS_OF_OUTPUTS)
@pytest.mark.parametrize(
    "rows",
    [
        case("3", holds={"keras": ">=3.7", "*": ""}),
        case("2-and-1", holds=BEFORE_KERAS_3, exists={**LOSS_OF_OUTPUTS, **NOT_TENSORFLOW}),
    ],
)
def test_losses_of_the_outputs_add_up_to_that_of_the_model(keras, rows):
    if rows != "3" and keras.backend_name != "tensorflow":
        raise Unavailable("a function is compiled for batches of each size")
    ((of_model, masked, plain),) = losses_of_outputs(keras, 3 if rows == "3" else 2, targets())
    assert same(of_model, masked + 10 * plain)
