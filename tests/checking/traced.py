"""Models to trace, and the batch that they are traced on."""

import numpy as np

IDS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [6, 7, 8, 9, 1], [2, 0, 0, 0, 0]], "int32")
VALID = IDS != 0


def functional(keras, *layers):
    """A functional model of an embedding with a mask, and of layers or functions behind it."""
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def fixed(keras, *layers):
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def own_layer(keras, **attributes):
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    layer = Doubled(name="doubled")
    for name, value in attributes.items():
        setattr(layer, name, value)
    return layer


def subclassed(keras, layers, call, batch=IDS):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__(name="mine")
            self.embed = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")
            for name, layer in layers.items():
                setattr(self, name, layer)

        def call(self, inputs):
            return call(self, inputs)

    model = Mine()
    model(batch)
    return model


def step_named(found, name):
    return next(step for step in found.steps if step.call.name == name)


def places(findings):
    return [one.where.partition(" (")[0] for one in findings]


def sequence(keras):
    layers = keras.layers
    return functional(keras, layers.LSTM(4, return_sequences=True), layers.Dense(2))


def pooled(keras):
    layers = keras.layers
    return functional(keras, layers.Dense(4), layers.GlobalAveragePooling1D(), layers.Dense(2))


def nested(keras):
    layers = keras.layers
    inner = keras.Input((None, 4))
    block = keras.Model(inner, layers.Dense(4)(inner), name="block")
    return functional(keras, block, layers.LSTM(3))


def operation(keras):
    return functional(keras, lambda x: x * 2.0, keras.layers.LSTM(3, name="lstm"))


def added(keras):
    inputs = keras.Input((None,), dtype="int32")
    embed = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")
    plain = keras.layers.Embedding(10, 4, name="plain")
    x = keras.layers.Add(name="add")([embed(inputs), plain(inputs)])
    return keras.Model(inputs, keras.layers.LSTM(3, name="lstm")(x))


def compiled(keras, model, loss="mse", metrics=()):
    model.compile("sgd", loss, metrics=list(metrics))
    return model


def targets():
    return np.random.RandomState(1).uniform(0, 1, (*IDS.shape, 2)).astype("float32")
