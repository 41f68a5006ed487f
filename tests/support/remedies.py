"""A padded batch with targets, the remedies for its loss, and the right loss worked out by hand."""

import numpy as np

from maskspec import require
from tests.support.losses import in_turn
from tests.support.probes import padded_features, valid_steps

# Where a step of training sees the mask of the predictions, and divides by the number of valid
# steps. On JAX, Keras 3.6 still forgets some masks in eager mode, as nothing else refers to them.
SEES_MASK = {"keras/jax": ">=3.7", "*": ""}
DIVIDES_BY_VALID = {"keras/jax": ">=3.7", "tf.keras": ">=2.11", "*": ""}

VALID = valid_steps()[..., None]
KERNEL = np.array([[0.5], [-1.0], [0.25], [2.0]], "float32")
BIAS = np.array([0.5], "float32")
NO_GRADIENT = "(?i)traced array|does not require grad"


def targets(padding=0.0):
    """Targets between 1 and 2, shape (3, 6, 1); padded steps hold ``padding``."""
    values = np.random.RandomState(3).uniform(1, 2, (3, 6, 1)).astype("float32")
    return np.where(VALID, values, np.float32(padding))


def predictions(padding=0.0):
    """What a dense layer of the fixed weights makes of the padded features."""
    return padded_features(padding) @ KERNEL + BIAS


def mean_over(steps):
    """Squared error and its gradient for the fixed weights, as one vector, worked out by hand.

    The errors of the valid steps are added up and divided by ``steps``.
    """
    x, errors = padded_features(), (predictions() - targets()) * VALID
    kernel = 2 * np.einsum("btf,bto->f", x, errors) / steps
    return np.array([(errors**2).sum() / steps, *kernel, 2 * errors.sum() / steps])


def as_written(keras):
    """The proposed loss function as the source writes it, with ``keras.backend`` as ``K``."""
    K = keras.backend._module  # the module itself, with the error of its own for a missing name

    def masked_mse(y_true, y_pred):
        mask = K.cast(K.not_equal(y_true, 0), K.floatx())
        masked_y_true = y_true * mask
        masked_y_pred = y_pred * mask
        return K.mean(K.square(masked_y_true - masked_y_pred), axis=-1)

    return masked_mse


def functions(keras):
    """What the source takes from ``keras.backend``: in Keras 3, ``keras.ops`` has it."""
    return keras.ops if keras.implementation == "keras" else keras.backend


def mask_of_targets(keras, wanted, marker=0):
    """The mask that the source makes of the targets, as numbers."""
    K = functions(keras)
    return K.cast(K.not_equal(wanted, marker), keras.backend.floatx())


def masked_squares(keras, marker=0):
    """The proposed loss function, in Keras 3 with ``keras.ops`` instead of ``keras.backend``.

    One value for each timestep: both sides times a mask made of the targets, then the mean over
    the features. Keras takes the mean of those.
    """
    K = functions(keras)

    def loss(wanted, predicted):
        kept = mask_of_targets(keras, wanted, marker)
        return K.mean(K.square(wanted * kept - predicted * kept), axis=-1)

    return loss


def mean_of_kept(keras):
    """A loss with a denominator of its own: one number, the mean over what is kept."""

    def loss(wanted, predicted):
        kept = keras.ops.cast(keras.ops.not_equal(wanted, 0.0), "float32")
        squares = kept * (wanted - predicted) ** 2
        return keras.ops.sum(squares) / keras.ops.sum(kept)

    return loss


def values(keras, loss, wanted, predicted):
    """A loss function's value for numpy arrays, as numpy."""
    return keras.numpy(loss(keras.tensor(wanted), keras.tensor(predicted)))


def step_of(keras, layers, loss, x, y, weights=None, *, masked=None, **options):
    """Loss and gradient of one training step of a compiled model, as one vector.

    Plain gradient descent with rate 1: the gradient is what the weights change by. The predictions
    have to carry a mask if ``masked`` is true, and none if it is false.
    """
    model = in_turn(keras, layers)
    carried = keras.mask_of(model(keras.tensor(x))) is not None
    require(masked in (None, carried), f"the predictions carry {'a' if masked else 'no'} mask")
    model.set_weights(weights or model.get_weights())
    before = model.get_weights()
    optimizer = keras.optimizers.SGD(1.0)
    model.compile(optimizer=optimizer, loss=loss, run_eagerly=True)
    value = float(model.train_on_batch(x, y, **options))
    changes = [(old - new).ravel() for old, new in zip(before, model.get_weights())]
    return np.concatenate([[value], *changes])


def dense_step(keras, loss, *, masked, padding=0.0, wanted=None, wrapped=False, **options):
    """``step_of`` a dense layer with the fixed weights, behind a Masking layer if ``masked``."""
    dense = keras.layers.Dense(1)
    layers = [keras.layers.TimeDistributed(dense) if wrapped else dense]
    if masked:
        layers.insert(0, keras.layers.Masking(padding))
    y = targets() if wanted is None else wanted
    options["masked"] = None if wrapped else masked
    return step_of(keras, layers, loss, padded_features(padding), y, [KERNEL, BIAS], **options)


def standard_loss(keras, wanted, predicted):
    """A standard loss object, called on targets as numpy has them and on predictions."""
    return keras.losses.MeanSquaredError()(wanted, predicted)


def masked_beforehand(keras, predicted, wanted, marker=0):
    """Predictions, as a tensor, times a mask made of the targets."""
    return keras.tensor(predicted) * mask_of_targets(keras, wanted, marker)


def by_weight(keras, predict):
    """The gradient of the loss of masked predictions with respect to the weight of a model."""
    held, x = {}, predictions()

    def product(steps):
        return steps * held["weight"]

    model = keras.Sequential([keras.layers.Lambda(product)])
    model.compile(run_eagerly=True)

    def loss(weight):
        held["weight"] = weight
        predicted = model.predict(x, verbose=0) if predict else model(keras.tensor(x))
        return standard_loss(keras, targets(), masked_beforehand(keras, predicted, targets()))

    return keras.gradient(loss, np.array([0.5], "float32"))
