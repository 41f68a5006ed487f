"""Predictions masked before the loss, and TimeDistributed around the last layer.

Page: spec/masked-outputs.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, raises, refuted_by, require
from tests.support.layers import custom_layer, failure
from tests.support.losses import compiled, first_number, in_turn, on_batch
from tests.support.probes import padded_features, same
from tests.support.releases import BEFORE_KERAS_3, NOT_ON_JAX, NOT_ON_TORCH, ON_TENSORFLOW
from tests.support.remedies import (
    BIAS,
    DIVIDES_BY_VALID,
    KERNEL,
    NO_GRADIENT,
    SEES_MASK,
    VALID,
    by_weight,
    masked_beforehand,
    masked_squares,
    mean_over,
    predictions,
    standard_loss,
    step_of,
    targets,
    values,
)

GRAPH_DIVIDES_BY_VALID = {"keras/jax": ">=3.6", "tf.keras": ">=2.11", "*": ""}
# Since Keras 3.14, on TensorFlow, TimeDistributed takes the samples of a batch for its steps.
TRAINS = {"keras/tensorflow": ">=3.0.5", "*": ""}
KEEPS_LENGTH = {"keras/tensorflow": ">=3.9,<3.14", "*": ""}
DIVIDES_IN_A_GRAPH = {**GRAPH_DIVIDES_BY_VALID, **TRAINS}
SEVERAL_LENGTHS = {
    "tf.keras": ">=2.11",
    "keras/tensorflow": ">=3.0.5,<3.7 or >=3.9,<3.14",
    "*": "",
}
MISCOUNTS = "masked-outputs.time-distributed-miscounts-steps"
NEEDS_A_LENGTH = "masked-outputs.time-distributed-needs-a-length"
NO_LENGTH = r"TimeDistributed\.call"  # where the error comes from
SIZES = ((3, 6), (1, 4), (2, 5))  # samples and steps


def predicted_by_model(keras):
    """What ``predict`` returns for a dense layer with the fixed weights."""
    model = compiled(keras, keras.layers.Dense(1))
    model(keras.tensor(padded_features()))
    model.set_weights([KERNEL, BIAS])
    return model.predict(padded_features(), verbose=0)


def multiplied_step(keras, padding):
    """Loss and weights after a step of a model that multiplies its predictions by a mask."""
    x, kept = keras.Input(shape=(6, 4)), keras.Input(shape=(6, 1))
    dense = keras.layers.Dense(1)
    model = keras.Model([x, kept], keras.layers.Multiply()([dense(x), kept]))
    model.set_weights([KERNEL, BIAS])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse", run_eagerly=True)
    value = model.train_on_batch([padded_features(padding), VALID.astype("float32")], targets())
    return np.concatenate([[float(value)], *(w.ravel() for w in model.get_weights())])


def per_step(keras):
    """A dense layer wrapped in TimeDistributed."""
    return keras.layers.TimeDistributed(keras.layers.Dense(1))


def masked_rnn(keras, kind="SimpleRNN", size=4, **options):
    """A Masking layer and a recurrent layer that returns all its outputs."""
    options = {"return_sequences": True, **options}
    return [keras.layers.Masking(mask_value=0.0), getattr(keras.layers, kind)(size, **options)]


def padded_in_front(padding=0.0):
    """Features, targets (padded with ``padding``) and valid steps of a batch padded in front."""
    return [batch[:, ::-1] for batch in (padded_features(), targets(padding), VALID[..., 0])]


def rnn_step(keras, x, y, *, masked=True, last=None):
    """``step_of`` a small model like the example, with fixed weights."""
    layers = [*masked_rnn(keras), last or per_step(keras)][0 if masked else 1 :]
    draw, shapes = np.random.RandomState(17), ((4, 4), (4, 4), (4,), (4, 1), (1,))
    weights = [draw.uniform(-1, 1, shape).astype("float32") for shape in shapes]
    return step_of(keras, layers, "mse", x, y, weights)


def step_without_padding(keras):
    """The ``rnn_step`` that the valid steps of the front-padded batch give, worked out row by row.

    Each row without its padding runs through a model without a mask, and counts by its steps.
    """
    rows = [(x[valid], y[valid]) for x, y, valid in zip(*padded_in_front())]
    steps = [rnn_step(keras, x[None], y[None], masked=False) * len(x) for x, y in rows]
    return np.sum(steps, axis=0) / sum(len(x) for x, _ in rows)


def with_biases(keras, *layers):
    """A model that does not make zeros of zeros, as one with fresh biases does.

    Its layers get their weights one by one: a Sequential would trace them all for that.
    """
    parts = in_turn(keras, layers)
    parts(keras.tensor(padded_features()))
    parts.set_weights([weights + np.float32(0.1) for weights in parts.get_weights()])
    return keras.Sequential(list(layers))


def rows_without_padding(keras, model, x, valid):
    """What the layers of a model make of the valid steps of ``x``, given each row unpadded.

    They are called eagerly, one by one: a Sequential traces them anew for each length.
    """
    run = in_turn(keras, model.layers)
    rows = [keras.numpy(run(keras.tensor(row[kept][None])))[0] for row, kept in zip(x, valid)]
    return np.concatenate(rows)


def mean_without_padding(keras, model, x, y, valid):
    """The mean squared error of a model over the valid steps, from rows without padding."""
    return np.mean((rows_without_padding(keras, model, x, valid) - y[valid]) ** 2)


def counts_masked_targets(keras, *layers):
    """Whether the compiled mean squared error of a model changes with the targets of padding."""
    model = compiled(keras, *layers)
    found = [model.test_on_batch(padded_features(), targets(value)) for value in (0.0, 50.0)]
    return not same(*found)


def counted_with_and_without(keras, kind="SimpleRNN"):
    """Whether masked targets count with TimeDistributed around the last layer, and without it."""
    with_it = counts_masked_targets(keras, *masked_rnn(keras, kind), per_step(keras))
    without = counts_masked_targets(keras, *masked_rnn(keras, kind), keras.layers.Dense(1))
    said = ["do not count", "count"]
    observe(f"masked targets {said[with_it]} with TimeDistributed, {said[without]} without it")
    return with_it, without


# --- predictions masked beforehand -------------------------------------------------------------


@claim(
    "masked-outputs.product-with-predictions",
    instead=("masked-outputs.tensor-of-predictions", "loss-by-hand.ops-instead-of-backend"),
)
@pytest.mark.parametrize(
    "first, dtype, functions",
    [
        case("predictions", "float32", "keras.backend", holds=BEFORE_KERAS_3),
        case("predictions", "float32", "keras.ops", holds=NOT_ON_TORCH),
        ("mask", "float32", "keras.ops"),
        ("mask", "float64", "keras.ops"),
        ("mask", "int32", "keras.ops"),
    ],
)
def test_mask_of_numpy_targets_multiplies_what_predict_returns(keras, first, dtype, functions):
    wanted = (targets() * 10).astype(dtype)
    predicted = predicted_by_model(keras)
    require(isinstance(predicted, np.ndarray), "predict returns a numpy array")
    K = keras.backend._module if functions == "keras.backend" else keras.ops
    with refuted_by(AttributeError, match="no attribute 'cast'"):
        kept = K.cast(K.not_equal(wanted, 0), keras.backend.floatx())
    with refuted_by(TypeError, match=r"unsupported operand type\(s\) for \*"):
        product = kept * predicted if first == "mask" else predicted * kept
    assert same(keras.numpy(product), predictions() * VALID)


@claim("masked-outputs.tensor-of-predictions")
@pytest.mark.parametrize("first", ["mask", "predictions"])
def test_predictions_as_a_tensor_multiply_the_mask(keras, first):
    kept = keras.ops.cast(keras.ops.not_equal(targets(), 0), "float32")
    predicted = keras.ops.convert_to_tensor(predictions())
    product = kept * predicted if first == "mask" else predicted * kept
    assert same(keras.numpy(product), predictions() * VALID)


@claim("masked-outputs.pre-masking-is-equivalent")
@pytest.mark.parametrize("batch", ["zeros-at-padding", "a-valid-step-with-target-0"])
def test_masked_predictions_in_a_standard_loss_equal_the_own_loss(keras, batch):
    wanted = targets()
    wanted[0, 1] = 0.0 if batch == "a-valid-step-with-target-0" else wanted[0, 1]
    masked = masked_beforehand(keras, predictions(), wanted)
    own = values(keras, masked_squares(keras), wanted, predictions()).mean()
    require(not same(own, np.mean((predictions() - wanted) ** 2)), "the mask matters")
    assert same(keras.numpy(standard_loss(keras, wanted, masked)), own)


@claim("masked-outputs.padded-targets-stay")
@pytest.mark.parametrize("marker", [-1.0, 7.0])
def test_squares_of_padded_targets_stay_in_the_loss(keras, marker):
    wanted = targets(padding=marker)
    masked = masked_beforehand(keras, predictions(), wanted, marker)
    excess = keras.numpy(standard_loss(keras, wanted, masked)) - mean_over(steps=18)[0]
    assert same(excess, np.float32(marker**2 * 4 / 18))


@claim("masked-outputs.pre-masking-keeps-standard-loss")
@pytest.mark.parametrize("where", ["behind-predict", "inside-the-model"])
def test_standard_loss_leaves_out_padding_of_masked_predictions(keras, where):
    if where == "behind-predict":
        other = predicted_by_model(keras) + np.where(VALID, 0, 9).astype("float32")
        plain = [keras.tensor(p) for p in (predictions(), other)]
        masked = [masked_beforehand(keras, p, targets()) for p in plain]
        counted = [keras.numpy(standard_loss(keras, targets(), p)) for p in plain]
        require(not same(*counted), "without the mask the padding counts")
        losses = [keras.numpy(standard_loss(keras, targets(), p)) for p in masked]
    else:
        losses = [multiplied_step(keras, padding) for padding in (2.0, 5.0)]
    assert same(*losses)


@claim(
    "masked-outputs.predict-loss-trains",
    holds=NEVER,
    instead="masked-outputs.no-gradient-through-predict",
)
def test_loss_of_what_predict_returns_serves_in_a_training_loop(keras):
    masked = masked_beforehand(keras, predicted_by_model(keras), targets())
    loss = keras.numpy(standard_loss(keras, targets(), masked))
    require(same(loss, mean_over(steps=18)[0]), "the loss can be computed")
    with refuted_by(Exception, match=NO_GRADIENT):
        assert by_weight(keras, predict=True).shape == (1,), "there is no gradient"


@claim("masked-outputs.no-gradient-through-predict")
def test_gradient_needs_the_model_called_instead_of_predict(keras):
    errors = (0.5 * predictions() - targets()) * VALID
    expected = np.array([2 * (errors * predictions()).mean()], "float32")
    assert same(by_weight(keras, predict=False), expected)
    message = failure(by_weight, keras, True)
    require(not message or re.search(NO_GRADIENT, message), "if it fails, then on the gradient")
    assert message or by_weight(keras, predict=True).item() is None


# --- TimeDistributed ---------------------------------------------------------------------------


def predicted_shapes(model):
    """The shapes that one model predicts, in a graph, for batches of several sizes."""
    return [model.predict_on_batch(padded_features()[:n, :t]).shape for n, t in SIZES]


@claim("masked-outputs.example-model", instead=(MISCOUNTS, NEEDS_A_LENGTH))
@pytest.mark.parametrize(
    "what",
    [
        case("imported", exists=ON_TENSORFLOW),
        case("trained", holds=TRAINS),
        case("several-lengths", holds=KEEPS_LENGTH),
    ],
)
def test_example_model_gives_one_value_per_step_and_trains(keras, what):
    if what == "imported":
        layers = keras.package("tensorflow.keras").layers
        assert all([layers.LSTM, layers.TimeDistributed, layers.Masking])
    elif what == "trained":
        model = keras.Sequential([*masked_rnn(keras, "LSTM", 64), per_step(keras)])
        model.compile(loss="mse", optimizer="adam")
        with refuted_by(ValueError, match=NO_LENGTH):
            found = [float(model.train_on_batch(padded_features(), targets())) for _ in "ab"]
        assert tuple(model(keras.tensor(padded_features())).shape) == (3, 6, 1)
        assert found[1] < found[0]
    else:
        model = keras.Sequential([*masked_rnn(keras), per_step(keras)])
        with refuted_by(ValueError, TypeError, match=NO_LENGTH):
            shapes = predicted_shapes(model)
        observe(f"predictions of shape {', '.join(map(str, shapes))}")
        assert shapes == [(samples, steps, 1) for samples, steps in SIZES]


@claim("masked-outputs.built-on-first-data")
@pytest.mark.parametrize("data", ["called", "trained"])
def test_sequential_that_starts_with_masking_is_built_on_first_data(keras, data):
    model = keras.Sequential([keras.layers.Masking(), keras.layers.Dense(1)])
    require(not model.built, "no shape is known at first")
    if data == "called":
        model(keras.tensor(padded_features()))
    else:
        model.compile(loss="mse", run_eagerly=True)
        model.train_on_batch(padded_features(), targets())
    assert model.built
    assert [tuple(w.shape) for w in model.get_weights()] == [(4, 1), (1,)]


@claim("masked-outputs.return-sequences-carries-mask")
def test_return_sequences_lets_the_mask_reach_the_loss(keras):
    last_only = masked_rnn(keras, return_sequences=False)
    repeated = [*last_only, keras.layers.RepeatVector(6)]
    assert not counts_masked_targets(keras, *masked_rnn(keras), per_step(keras))
    assert counts_masked_targets(keras, *repeated, per_step(keras))


@claim(
    "masked-outputs.time-distributed-model-masks",
    instead=(
        "loss.sum-over-valid-by-all-steps",
        "loss.eager-training-on-jax-lost-masks",
        MISCOUNTS,
        NEEDS_A_LENGTH,
    ),
)
@pytest.mark.parametrize(
    "question",
    [
        case("padding", holds=SEES_MASK),
        case("mean", holds=DIVIDES_IN_A_GRAPH),
        case("mean-of-several-lengths", holds=SEVERAL_LENGTHS, exists=NOT_ON_JAX),
        case("gradient", holds=DIVIDES_BY_VALID),
    ],
)
def test_example_model_masks_the_plain_mean_squared_error(keras, question):
    x, y, valid = padded_in_front(50.0)  # a layer that ignores its mask starts with padding
    if question == "padding":
        assert same(rnn_step(keras, x, y), rnn_step(keras, *padded_in_front(0.0)[:2]))
    elif question.startswith("mean"):
        if "several" in question and keras.backend_name == "jax":
            raise Unavailable(
                "not asked on JAX: before Keras 3.9, later batches give wrong numbers"
            )
        rnn, sizes = (("LSTM", 64), SIZES[:1]) if question == "mean" else (("SimpleRNN", 4), SIZES)
        model = with_biases(keras, *masked_rnn(keras, *rnn), per_step(keras))
        model.compile(loss="mse", optimizer="adam")  # one graph for all sizes
        batches = [[b[:n, -t:] for b in padded_in_front(50.0)] for n, t in sizes]
        expected = [mean_without_padding(keras, model, *batch) for batch in batches]
        with refuted_by(Exception, match=rf"{NO_LENGTH}|compile_loss/mse/sub"):
            found = [first_number(on_batch(model, x, y)) for x, y, _ in batches]
        shares = ", ".join(f"{a / b:.3f}" for a, b in zip(found, expected))
        observe(f"{shares} of the mean over valid steps")
        assert same(found, expected)
    else:
        assert same(rnn_step(keras, x, y), step_without_padding(keras))


@claim(NEEDS_A_LENGTH, holds={"keras": "<3.9"}, exists=ON_TENSORFLOW)
def test_time_distributed_fails_on_masked_input_of_unknown_length(keras):
    if keras.backend_name != "tensorflow":
        raise Unavailable("there is no graph of unknown length")
    model = keras.Sequential([*masked_rnn(keras), per_step(keras)])
    with raises(ValueError, TypeError, match=NO_LENGTH):
        predicted_shapes(model)


@claim(MISCOUNTS, holds={"keras": ">=3.14"}, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("samples, steps", [(1, 4), (2, 5)])
def test_time_distributed_takes_the_samples_for_the_steps(keras, samples, steps):
    if keras.backend_name != "tensorflow":
        raise Unavailable("there is no graph of unknown length")
    model = keras.Sequential([per_step(keras)])
    model.compile()
    first, later = padded_features(), padded_features()[:samples, :steps]
    require(model.predict_on_batch(first).shape == (3, 6, 1), "the length is known at first")
    with refuted_by(ValueError, match=NO_LENGTH):
        found = model.predict_on_batch(later).shape
    observe(f"{found[1]} steps of {steps}")
    require(found[1] in (samples, steps), "the steps are counted by samples or by steps")
    assert found[1] == samples


@claim("masked-outputs.plain-dense-takes-all-sizes")
def test_plain_dense_predicts_batches_of_all_sizes_as_without_padding(keras):
    model = with_biases(keras, *masked_rnn(keras), keras.layers.Dense(1))
    for samples, steps in SIZES:
        x, _, valid = (batch[:samples, -steps:] for batch in padded_in_front())
        found = model.predict_on_batch(x)
        assert found.shape == (samples, steps, 1)
        assert same(found[valid], rows_without_padding(keras, model, x, valid))


@claim(
    "masked-outputs.time-distributed-makes-aware",
    holds=NEVER,
    instead="masked-outputs.plain-dense-is-as-aware",
)
def test_time_distributed_makes_the_loss_aware_of_the_mask(keras):
    with_it, without = counted_with_and_without(keras)
    assert without and not with_it


@claim(
    "masked-outputs.without-it-the-problem-returns",
    holds=NEVER,
    instead="masked-outputs.plain-dense-is-as-aware",
)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_without_time_distributed_masked_targets_count_again(keras, kind):
    with_it, without = counted_with_and_without(keras, kind)
    assert without and not with_it


@claim("masked-outputs.saves-a-dropped-mask")
def test_time_distributed_keeps_the_mask_around_a_layer_that_drops_it(keras):
    wrapped = keras.layers.TimeDistributed(custom_layer(keras))
    assert counts_masked_targets(keras, *masked_rnn(keras, size=1), custom_layer(keras))
    assert not counts_masked_targets(keras, *masked_rnn(keras, size=1), wrapped)


@claim("masked-outputs.plain-dense-is-as-aware")
@pytest.mark.parametrize("padding", [0.0, 50.0])
def test_plain_dense_layer_gives_the_same_loss_and_gradient(keras, padding):
    aware = not counts_masked_targets(keras, *masked_rnn(keras), keras.layers.Dense(1))
    require(aware, "the loss behind a plain layer is aware of the mask")
    x, y, _ = padded_in_front(padding)
    plain = rnn_step(keras, x, y, last=keras.layers.Dense(1))
    assert same(plain, rnn_step(keras, x, y))
