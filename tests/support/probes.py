"""Questions about behaviour that many checks ask, answered the same way for all of them.

Batches are numpy arrays of shape (batch, timesteps) or (batch, timesteps, features), with three
rows of 3, 5 and 6 valid timesteps, padded at the end to 6.
"""

import functools
from typing import Any, Callable, List, Sequence

import numpy as np

from maskspec import Parameter
from tests.support.releases import ON_TENSORFLOW

LENGTHS = (3, 5, 6)
TF_FUNCTION = Parameter("tf.function", exists=ON_TENSORFLOW)
MODES = ("eager", "functional", "sequential", "subclassed", TF_FUNCTION)


def padded_ids() -> np.ndarray:
    """Token ids 1..9, int32, shape (3, 6); 0 is padding."""
    return np.array([[7, 6, 3, 0, 0, 0], [4, 8, 2, 5, 9, 0], [1, 8, 1, 6, 2, 9]], "int32")


def valid_steps() -> np.ndarray:
    """The mask of the batches: bool, shape (3, 6), True where a timestep is no padding."""
    return padded_ids() != 0


def padded_features(padding: float = 0.0) -> np.ndarray:
    """Features between -1 and 1, float32, shape (3, 6, 4); padded steps hold ``padding``."""
    features = np.random.RandomState(7).uniform(-1, 1, (3, 6, 4)).astype("float32")
    features[~valid_steps()] = padding
    return features


def same(a: Any, b: Any) -> bool:
    """Whether two results agree up to rounding.

    Float32 carries 2**-24 = 6e-8 relative; the largest checks add up a few hundred products of
    size about 1, so 1e-5 is well above rounding and far below the effect of one timestep.
    """
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-5, atol=1e-5))


@functools.lru_cache(maxsize=None)
def once(question: Callable, keras: Any, *given: Any) -> Any:
    """What ``question(keras, *given)`` answers: many cases take it for granted, a run asks it once.

    A case asks it before anything else. Whether or not it was the first to ask, all that follows
    in the case then starts alike.
    """
    answer = question(keras, *given)
    keras.reset()
    return answer


def compose(keras: Any, mode: str, layers: Sequence[Any], *, ids: bool = True) -> Callable:
    """``layers`` one after the other as a callable from a numpy batch to a numpy result.

    ``mode`` says how Keras gets to see them (one of ``MODES``); ``ids`` whether the input is
    int32 (batch, timesteps) or float32 (batch, timesteps, 4). No mask is passed by hand.
    """

    def in_turn(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    if mode == "eager":
        run: Any = in_turn
    elif mode == "tf.function":
        run = keras.function(in_turn)
    elif mode == "sequential":
        run = keras.Sequential(list(layers))
    elif mode == "functional":
        inputs = symbolic_batch(keras, ids=ids)
        run = keras.Model(inputs, in_turn(inputs))
    elif mode == "subclassed":

        class Subclassed(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.parts = list(layers)

            def call(self, x: Any) -> Any:
                for part in self.parts:
                    x = part(x)
                return x

        run = Subclassed()
    else:
        raise ValueError(f"unknown mode {mode!r}; use one of {MODES}")
    return lambda batch: keras.numpy(run(keras.tensor(batch)))


def symbolic_batch(keras: Any, *, ids: bool = True) -> Any:
    """A symbolic input of unknown length: int32 (None, None), or float32 (None, None, 4)."""
    if ids:
        return keras.Input(shape=(None,), dtype="int32")
    return keras.Input(shape=(None, 4), dtype="float32")


def depends_on_padding(run: Callable, embedding: Any) -> bool:
    """Whether other values in the padded steps change the result of ``run`` on ``padded_ids``.

    The padded steps all hold row 0 of the table of ``embedding``; that row is drawn anew.
    """
    before = run(padded_ids())
    redraw_padding(embedding)
    return not same(before, run(padded_ids()))


def redraw_padding(embedding: Any) -> None:
    """Give id 0 other values in the table of ``embedding``, of size 2 to 3 (others: below 1).

    Each call changes the sign, so that the same table can be asked again.
    """
    (table,) = embedding.get_weights()
    sign = -1 if table[0].mean() > 1 else 1
    table[0] = sign * np.random.RandomState(11).uniform(2, 3, table.shape[1])
    embedding.set_weights([table])


def embedding(keras: Any, *, mask_zero: bool = True, size: int = 4) -> Any:
    """A fresh embedding of the ids 0..9."""
    return keras.layers.Embedding(10, size, mask_zero=mask_zero)


def spy(keras: Any) -> Any:
    """A layer that takes a mask, keeps each one it gets in ``seen``, and changes nothing."""

    class Spy(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seen: List[Any] = []
            self.supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            self.seen.append(mask)
            return inputs * 1.0

    return Spy()
