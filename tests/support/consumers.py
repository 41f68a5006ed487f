"""Layers that use a mask, and batches for them, as the tests of two chapters need them."""

import re

import numpy as np

from maskspec import ALWAYS, Unavailable, case, observe
from tests.support.probes import (
    embedding,
    padded_features,
)

ATTENTION = ("Attention", "AdditiveAttention")
CONSUMERS = ("SimpleRNN", "GlobalAveragePooling1D", "Attention")
MORE_CONSUMERS = (*CONSUMERS, "LSTM", "GRU", "Bidirectional", "AdditiveAttention")
IGNORING = ("Conv1D", "MaxPooling1D", "AveragePooling1D", "GlobalMaxPooling1D")

ATTENTION_WORKS = {"keras": "<3.0.5 or >=3.12", "*": ""}
ATTENTION_BREAKS = {"keras": ">=3.0.5,<3.12"}  # on a mask of its values, for several samples
BROKEN_ATTENTION = "(?i)incompatible shapes|must match the size of tensor"
NOT_3_0_0 = {"keras": ">=3.0.5", "*": ""}
NUMPY_1_20 = {"tf.keras": ">=2.7", "*": ""}


def of(*names, first=(), last=()):
    """A case for each layer, between other parameters; ``ATTENTION`` only where it works."""
    return [
        case(*first, name, *last, exists=ATTENTION_WORKS if name in ATTENTION else ALWAYS)
        for name in names
    ]


def working_attention(keras, name):
    """A fresh layer of ``ATTENTION``, or ``Unavailable`` where it breaks on a mask.

    The defect has a finding of its own, consumption.attention-breaks-on-a-mask; no other claim is
    about it.
    """
    x, mask = keras.tensor(np.ones((2, 3, 1), "float32")), keras.tensor(np.ones((2, 3), bool))
    try:
        getattr(keras.layers, name)()([x, x], mask=[mask, mask])
    except Exception as error:
        if re.search(BROKEN_ATTENTION, str(error)):
            raise Unavailable(f"{name} breaks on the mask of its values") from None
        raise
    return getattr(keras.layers, name)()


def layer_of(keras, name):
    """A fresh layer over the timesteps of a batch of shape (batch, timesteps, features)."""
    make = keras.layers
    if name in ("SimpleRNN", "GRU", "LSTM"):
        return getattr(make, name)(3)
    if name == "Bidirectional":
        return make.Bidirectional(make.SimpleRNN(3, return_sequences=True))
    if name == "ConvLSTM2D":
        return make.ConvLSTM2D(2, 1)
    if name == "TimeDistributed":
        return make.TimeDistributed(make.Dense(3))
    if name == "MultiHeadAttention":
        return make.MultiHeadAttention(2, 3)
    if name == "Conv1D":
        return make.Conv1D(3, 3, padding="same")
    if name in ("MaxPooling1D", "AveragePooling1D"):
        return getattr(make, name)(2, strides=1, padding="same")
    if name == "Dense":
        return make.Dense(3)
    return getattr(make, name)()


def consumer(keras, name, mask_name="mask"):
    """A fresh layer as a callable from a batch, and a mask if one is given, to a numpy result.

    Attention layers attend to the batch itself; batch statistics are those of training.
    """
    layer = working_attention(keras, name) if name in ATTENTION else layer_of(keras, name)

    def run(x, mask=None):
        given = {} if mask is None else {mask_name: mask}
        if name == "BatchNormalization":
            given["training"] = True
        if name == "MultiHeadAttention":
            return keras.numpy(layer(x, x, **given))
        if name in ATTENTION:
            return keras.numpy(layer([x, x], **({"mask": [mask, mask]} if given else {})))
        return keras.numpy(layer(x, **given))

    return run


def gappy_ids():
    """Token ids, shape (3, 6), each with three padded steps (0), at its ends and between."""
    return np.array([[7, 0, 3, 5, 0, 0], [0, 0, 4, 0, 2, 5], [0, 1, 8, 6, 0, 0]], "int32")


def without_padding(ids):
    """The ids without their padded steps, shape (3, 3)."""
    return ids[ids != 0].reshape(3, 3)


def looked_up(keras, ids, mask_zero=True, padding=2.5):
    """The rows of a fixed table for ids, with their mask or without; row 0 holds ``padding``."""
    layer = embedding(keras, mask_zero=mask_zero)
    batch = keras.tensor(ids)
    layer(batch)
    table = np.random.RandomState(5).uniform(-1, 1, (10, 4))
    table[0] = padding
    layer.set_weights([table])
    return layer(batch)


def at_valid_steps(result, ids):
    """A result for each timestep at the valid steps only; a result for each sample as it is."""
    return result[ids != 0].reshape(3, 3, -1) if result.ndim == 3 else result


def features(keras, padding):
    """The padded features of the probes as a tensor without a mask."""
    return keras.tensor(padded_features(padding))


def attempt(run, *args):
    """What a call returns and what it raises; one of them is None."""
    try:
        result = run(*args)
    except Exception as error:
        observe(type(error.__cause__ or error).__name__)
        return None, error
    observe("taken")
    return result, None
