"""Sequences, and sequences of sequences, for the tests of TimeDistributed."""

import numpy as np

from tests.support.probes import padded_features, valid_steps

# Two texts of four sentences of three words, padded with empty sentences and missing words.
WORDS = np.array(
    [
        [[True, True, False], [True, False, False], [False] * 3, [False] * 3],
        [[True] * 3, [True, True, False], [True] * 3, [False] * 3],
    ]
)
SENTENCES = WORDS.any(axis=2)


def texts(keras, padding=0.0, masked=True, padded=~WORDS):
    """Five features for each word, shape (2, 4, 3, 5), with a mask for each word if ``masked``.

    The features where ``padded`` is true are all ``padding``.
    """
    x = np.random.RandomState(4).uniform(-1, 1, (2, 4, 3, 5)).astype("float32")
    x[padded] = padding
    return keras.carry(keras.tensor(x), WORDS) if masked else keras.tensor(x)


def sequences(keras, padding=0.0, masked=True):
    """The padded features of the probes, shape (3, 6, 4), with their mask if ``masked``."""
    x = keras.tensor(padded_features(padding))
    return keras.carry(x, valid_steps()) if masked else x


def inner_of(keras, name):
    """A fresh layer to apply to each timestep."""
    make = keras.layers
    made = {
        "Conv1D": lambda: make.Conv1D(2, 2),
        "Dense": lambda: make.Dense(2),
        "Embedding": lambda: make.Embedding(10, 4, mask_zero=True),
        "GRU": lambda: make.GRU(2),
        "LSTM": lambda: make.LSTM(2),
        "SimpleRNN": lambda: make.SimpleRNN(2),
        "LSTM-sequence": lambda: make.LSTM(2, return_sequences=True),
        "SimpleRNN-sequence": lambda: make.SimpleRNN(2, return_sequences=True),
    }
    return made[name]() if name in made else getattr(make, name)()


def distributed(keras, name):
    """A fresh ``TimeDistributed`` around the layer ``name``."""
    return keras.layers.TimeDistributed(inner_of(keras, name))


def shape_of(tensor):
    """The shape of a tensor or of None."""
    return None if tensor is None else tuple(tensor.shape)
