"""Tiny models that predict their input, and what a loss or metric makes of their predictions."""

import numpy as np

from maskspec import Unavailable, require
from tests.support.probes import padded_features, valid_steps

BEFORE_2_11 = {"tf.keras": "<2.11"}
HAS_IGNORE_CLASS = {"tf.keras": ">=2.10", "*": ""}
SINCE_2_11 = {"tf.keras": ">=2.11", "*": ""}
MISFIT = "(?i)incompatible shapes|must match|must be equal|broadcast"


def targets(at_padding=5.0):
    """Targets between -1 and 1, shape (3, 6, 4); masked steps hold ``at_padding``."""
    y = np.random.RandomState(1).uniform(-1, 1, (3, 6, 4)).astype("float32")
    y[~valid_steps()] = at_padding
    return y


def squared_errors(y):
    """The squared error of each step, shape (3, 6), if the padded features are predicted."""
    return np.mean((padded_features() - y) ** 2, axis=-1)


def one_hot(masked_class=0):
    """Targets of two classes, shape (3, 6, 2); masked steps are of ``masked_class``."""
    labels = np.random.RandomState(9).randint(0, 2, (3, 6))
    labels[~valid_steps()] = masked_class
    return np.eye(2, dtype="float32")[labels]


def guesses():
    """Probabilities of two classes, shape (3, 6, 2)."""
    return np.random.RandomState(8).uniform(0.1, 0.9, (3, 6, 2)).astype("float32")


def marked(keras):
    """A layer that changes nothing and says which steps of the batches are valid."""

    class Marked(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 1.0

        def compute_mask(self, inputs, mask=None):
            return keras.tensor(valid_steps())

    return Marked()


def in_turn(keras, layers):
    """A model that calls ``layers`` in turn, as a Sequential does; cheaper where it runs eagerly.

    A Sequential traces its layers once more, and so does Keras 3 where a model has no ``build``.
    """

    class InTurn(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = list(layers)

        def build(self, input_shape):
            self.built = True  # each layer is built by its first call

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    return InTurn()


def compiled(keras, *layers, run_eagerly=True, **options):
    """A compiled model of ``layers``: a Sequential in a graph; eagerly one that is cheaper."""
    model = in_turn(keras, layers) if run_eagerly else keras.Sequential(list(layers))
    model.compile(run_eagerly=run_eagerly, **{"loss": "mse", "optimizer": "sgd", **options})
    return model


def echo(keras, **options):
    """A compiled model that predicts the padded features, with their mask."""
    return compiled(keras, keras.layers.Masking(), **options)


def on_jax(keras):
    """Raise ``Unavailable`` unless the backend is JAX."""
    if keras.backend_name != "jax":
        raise Unavailable(f"the backend is {keras.backend_name}, not jax")


def squared_loss(keras, kind):
    """The mean squared error as ``compile`` takes it, given as ``kind``."""

    def own_function(y_true, y_pred):
        return keras.ops.mean((y_pred - y_true) ** 2, axis=-1)

    def scalar(y_true, y_pred):
        return keras.ops.mean((y_pred - y_true) ** 2)

    def each_feature(y_true, y_pred):
        return (y_pred - y_true) ** 2

    class OwnClass(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return own_function(y_true, y_pred)

    kinds = {
        "string": lambda: "mse",
        "instance": lambda: keras.losses.MeanSquaredError(),
        "built-in-function": lambda: keras.losses.mean_squared_error,
        "own-function": lambda: own_function,
        "own-class": lambda: OwnClass(),
        "scalar": lambda: scalar,
        "each-feature": lambda: each_feature,
    }
    return kinds[kind]()


def losses_by(
    keras, road, *many_targets, layers=None, masked=True, kind="string", x=None, loss=None
):
    """For each of the targets, the loss of the predictions of ``layers`` as ``road`` gives it.

    Unless told otherwise the layer is ``Masking``, the batch the padded features and the loss the
    squared error. By hand, an instance or a function is called on predictions with their mask.
    Unless ``masked`` is false, the predictions have to carry one.
    """
    x = padded_features() if x is None else x
    layers = layers or [keras.layers.Masking()]
    predicted = keras.tensor(x)
    for layer in layers:
        predicted = layer(predicted)
    require(not masked or keras.mask_of(predicted) is not None, "the predictions carry a mask")
    if road in ("instance", "function"):
        kind = "instance" if road == "instance" else "built-in-function"
        values = loss or squared_loss(keras, kind)
        found = [values(keras.tensor(y), predicted) for y in many_targets]
        return [float(np.mean(keras.numpy(value))) for value in found]
    loss, eagerly = loss or squared_loss(keras, kind), road not in ("evaluate", "fit")
    model = compiled(keras, *layers, loss=loss, run_eagerly=eagerly)
    return [first_number(asked(model, road, x, y)) for y in many_targets]


def asked(model, road, x, y):
    """What a method of a compiled model says of its loss."""
    if road == "fit":
        return model.fit(x, y, verbose=0).history["loss"]
    if road == "evaluate":
        return model.evaluate(x, y, verbose=0)
    return on_batch(model, x, y)


def on_batch(model, x, y, weights=None):
    """What ``test_on_batch`` gives, and nothing of earlier batches in it."""
    model.reset_metrics()  # early Keras 3 would go on counting
    return model.test_on_batch(x, y, weights)


def first_number(result):
    """The loss, from what ``evaluate`` and its like return: a number, or a list with it first."""
    return float(np.ravel(result)[0])


def follows_masked_targets(keras, road, **options):
    """Whether other targets in the masked steps, and there only, change the loss."""
    a, b = losses_by(keras, road, targets(5.0), targets(-7.0), **options)
    return abs(a - b) > 1e-3


def unmasked(keras):
    """What takes the place of a ``Masking`` layer in a control: it makes no mask."""
    return keras.layers.Activation("linear")
