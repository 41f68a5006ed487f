"""Predictions masked before the loss, and TimeDistributed around the last layer.

Page: spec/masked-outputs.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.layers import custom_layer, failure
from tests.support.probes import padded_features, same
from tests.support.releases import ON_TENSORFLOW
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
    mean_of_kept,
    mean_over,
    predictions,
    standard_loss,
    step_of,
    targets,
    values,
)


def predicted_by_model(keras):
    """What ``predict`` returns for a dense layer with the fixed weights."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model(keras.tensor(padded_features()))
    model.set_weights([KERNEL, BIAS])
    model.compile(run_eagerly=True)
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
    return [keras.layers.Masking(), getattr(keras.layers, kind)(size, **options)]


def rnn_step(keras, *, masked=True, loss="mse", padding=0.0, last=None):
    """``step_of`` a model like the example, with fixed weights; targets are padded."""
    layers = [*masked_rnn(keras), last or per_step(keras)][0 if masked else 1 :]
    draw, shapes = np.random.RandomState(17), ((4, 4), (4, 4), (4,), (4, 1), (1,))
    weights = [draw.uniform(-1, 1, shape).astype("float32") for shape in shapes]
    return step_of(keras, layers, loss, padded_features(), targets(padding), weights)


def counts_masked_targets(keras, *layers):
    """Whether the compiled mean squared error of a model changes with the targets of padding."""
    model = keras.Sequential(list(layers))
    model.compile(loss="mse", run_eagerly=True)
    found = [model.test_on_batch(padded_features(), targets(value)) for value in (0.0, 50.0)]
    return not same(*found)


# --- predictions masked beforehand -------------------------------------------------------------


@claim("masked-outputs.product-with-predictions", instead="masked-outputs.tensor-of-predictions")
@pytest.mark.parametrize(
    "first, dtype",
    [
        ("mask", "float32"),
        ("mask", "float64"),
        ("mask", "int32"),
        case("predictions", "float32", holds={"keras/torch": None, "*": ""}),
    ],
)
def test_mask_of_numpy_targets_multiplies_what_predict_returns(keras, first, dtype):
    wanted = (targets() * 10).astype(dtype)
    predicted = predicted_by_model(keras)
    require(isinstance(predicted, np.ndarray), "predict returns a numpy array")
    kept = keras.ops.cast(keras.ops.not_equal(wanted, 0), "float32")
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


@claim("masked-outputs.pre-masking-is-equivalent", instead="masked-outputs.padded-targets-stay")
@pytest.mark.parametrize("marker", [0.0, case(-1.0, holds=NEVER)])
def test_masked_predictions_in_a_standard_loss_equal_the_own_loss(keras, marker):
    wanted = targets(padding=marker)
    masked = masked_beforehand(keras, predictions(), wanted, marker)
    own = values(keras, masked_squares(keras, marker), wanted, predictions()).mean()
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


@claim("masked-outputs.predict-loss-trains", instead="masked-outputs.no-gradient-through-predict")
@pytest.mark.parametrize("use", ["to-watch", case("to-train", holds=NEVER)])
def test_loss_of_what_predict_returns_serves_in_a_training_loop(keras, use):
    if use == "to-watch":
        masked = masked_beforehand(keras, predicted_by_model(keras), targets())
        assert same(keras.numpy(standard_loss(keras, targets(), masked)), mean_over(steps=18)[0])
    else:
        with refuted_by(Exception, match=NO_GRADIENT):
            assert by_weight(keras, predict=True).shape == (1,), "there is no gradient"


@claim("masked-outputs.no-gradient-through-predict")
def test_gradient_needs_the_model_called_instead_of_predict(keras):
    errors = (0.5 * predictions() - targets()) * VALID
    expected = np.array([2 * (errors * predictions()).mean()], "float32")
    assert same(by_weight(keras, predict=False), expected)
    cut = failure(by_weight, keras, True) or by_weight(keras, predict=True).item() is None
    assert cut


# --- TimeDistributed ---------------------------------------------------------------------------


@claim("masked-outputs.example-model")
@pytest.mark.parametrize("what", [case("imported", exists=ON_TENSORFLOW), "trained"])
def test_example_model_gives_one_value_per_step_and_trains(keras, what):
    if what == "imported":
        layers = keras.package("tensorflow.keras").layers
        assert all([layers.LSTM, layers.TimeDistributed, layers.Masking])
    else:
        model = keras.Sequential([*masked_rnn(keras, "LSTM", 64), per_step(keras)])
        model.compile(loss="mse", optimizer="adam", run_eagerly=True)
        found = [float(model.train_on_batch(padded_features(), targets())) for _ in range(2)]
        assert tuple(model(keras.tensor(padded_features())).shape) == (3, 6, 1)
        assert found[1] < found[0]


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
    assert not counts_masked_targets(keras, *masked_rnn(keras), per_step(keras))
    last_only = masked_rnn(keras, return_sequences=False)
    repeated = [*last_only, keras.layers.RepeatVector(6)]
    assert counts_masked_targets(keras, *repeated, per_step(keras))


@claim(
    "masked-outputs.time-distributed-model-masks",
    instead=("loss.sum-over-valid-by-all-steps", "loss.eager-training-on-jax-lost-masks"),
)
@pytest.mark.parametrize(
    "question",
    [
        case("padding", holds=SEES_MASK),
        case("mean", holds={"tf.keras": ">=2.11", "*": ""}),
        case("gradient", holds=DIVIDES_BY_VALID),
    ],
)
def test_example_model_masks_the_plain_mean_squared_error(keras, question):
    if question == "padding":
        assert same(rnn_step(keras, padding=50.0), rnn_step(keras, padding=0.0))
    elif question == "mean":
        model = keras.Sequential([*masked_rnn(keras, "LSTM"), per_step(keras)])
        model.compile(loss="mse", run_eagerly=True)
        errors = targets() - keras.numpy(model(keras.tensor(padded_features())))
        found = float(model.test_on_batch(padded_features(), targets(50.0)))
        observe(f"{found / np.mean(errors[VALID] ** 2):.3f} of the mean over valid steps")
        assert same(found, np.mean(errors[VALID] ** 2))
    else:  # padding comes last, so that at the valid steps a model without a mask agrees
        expected = rnn_step(keras, masked=False, loss=mean_of_kept(keras))
        assert same(rnn_step(keras, padding=50.0), expected)


@claim(
    "masked-outputs.time-distributed-makes-aware",
    instead="masked-outputs.plain-dense-is-as-aware",
)
@pytest.mark.parametrize("question", ["aware-with-it", case("unaware-without", holds=NEVER)])
def test_time_distributed_makes_the_loss_aware_of_the_mask(keras, question):
    if question == "aware-with-it":
        unmasked = masked_rnn(keras)[1:]
        require(counts_masked_targets(keras, *unmasked, per_step(keras)), "without a mask they do")
        assert not counts_masked_targets(keras, *masked_rnn(keras), per_step(keras))
    else:
        assert counts_masked_targets(keras, *masked_rnn(keras), keras.layers.Dense(1))


@claim(
    "masked-outputs.without-it-the-problem-returns",
    instead="masked-outputs.plain-dense-is-as-aware",
)
@pytest.mark.parametrize("last", [case("Dense", holds=NEVER), "layer-that-drops-the-mask"])
def test_without_time_distributed_masked_targets_count_again(keras, last):
    def layer():
        return keras.layers.Dense(1) if last == "Dense" else custom_layer(keras)

    wrapped = keras.layers.TimeDistributed(layer())
    assert not counts_masked_targets(keras, *masked_rnn(keras, size=1), wrapped)
    assert counts_masked_targets(keras, *masked_rnn(keras, size=1), layer())


@claim("masked-outputs.plain-dense-is-as-aware")
@pytest.mark.parametrize("padding", [0.0, 50.0])
def test_plain_dense_layer_gives_the_same_loss_and_gradient(keras, padding):
    plain = rnn_step(keras, padding=padding, last=keras.layers.Dense(1))
    assert same(plain, rnn_step(keras, padding=padding))
