"""Custom layers that lose, keep, change or misplace a mask, and what is asked of them."""

import warnings

from maskspec import refuted_by, require
from tests.support.layers import changed, custom_layer, time_changer
from tests.support.probes import compose, embedding, padded_ids, same, symbolic_batch


def symbolic_output(keras, layer):
    """The output of ``layer`` behind an embedding while a model is being built."""
    return layer(embedding(keras)(symbolic_batch(keras)))


def warned(layer, x):
    """The warnings that a call of ``layer`` gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer(x)
    return [str(w.message) for w in caught]


def block_of(keras, inner):
    """A layer that opts in, calls ``inner`` and adds its input."""

    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True
            self.inner = inner

        def call(self, x):
            return self.inner(x) + x

    return Block()


def false_alarm(keras, kind):
    """A layer, as a callable from a tensor, that hands on the mask and of which something warns."""
    if kind == "GroupQueryAttention":
        attention = keras.layers.GroupQueryAttention(2, 2, 1)
        return lambda x: attention(x, x)
    if kind == "inside-a-block":
        return block_of(keras, custom_layer(keras))
    return custom_layer(keras, kind)


def two_outputs(keras, kind):
    """A layer with the flag that returns its input doubled and trebled, in a tuple or a list."""

    class TwoOutputs(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            results = inputs * 2.0, inputs * 3.0
            return list(results) if kind == "list" else results

    return TwoOutputs()


def under_the_start_of_its_mask(keras, mode):
    """Whether an RNN that keeps every second step, and the old mask, uses the start of that."""
    ids, rnn, batch = embedding(keras), keras.layers.SimpleRNN(3), padded_ids()[:, ::-1]
    forwards = time_changer(keras, "halve", masked=False)
    kept = keras.tensor(keras.numpy(changed(keras, "halve", ids(batch))))
    first, own = (keras.tensor(mask != 0) for mask in (batch[:, :3], batch[:, 1::2]))
    expected = keras.numpy(rnn(kept, mask=first))
    require(not same(expected, keras.numpy(rnn(kept, mask=own))), "the two masks differ in effect")
    unmasked = keras.numpy(rnn(kept))
    require(not same(expected, unmasked), "the start of the mask has an effect")
    with refuted_by(Exception, match="(?i)unstack|axis sizes"):
        result = compose(keras, mode, [ids, forwards, rnn])(batch)
    require(not same(result, unmasked), "the RNN uses the mask in some way")
    return same(result, expected)


def masked_model(keras, *layers):
    """A functional model that masks steps of zeros, with ``layers`` behind."""
    x = inputs = keras.Input((None, 4))
    for layer in (keras.layers.Masking(), *layers):
        x = layer(x)
    return keras.Model(inputs, x)
