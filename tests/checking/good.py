"""Layers that do what they say about masks: built-in ones, and others written well."""


def good(keras):
    """What builds each of them, by name, for one implementation; and the ``inputs=`` of some."""
    layers, ops, found = keras.layers, keras.ops, {}
    Layer = layers.Layer

    def weights(x, mask):
        return ops.expand_dims(ops.cast(mask, x.dtype), -1)

    class Scale(Layer):
        """Each step by itself; the mask goes on."""

        def __init__(self, **more):
            super().__init__(**more)
            self.supports_masking = True

        def call(self, inputs):
            return inputs * 2

    class SaysNothing(Layer):
        """Each step by itself; says nothing of masks, and so ends them."""

        def call(self, inputs):
            return inputs * 2

    class MaskedMean(Layer):
        """The mean of the valid steps, zero where there are none."""

        def call(self, inputs, mask=None):
            if mask is None:
                return ops.mean(inputs, axis=1)
            valid = weights(inputs, mask)
            count = ops.sum(valid, axis=1)
            return ops.sum(inputs * valid, axis=1) / ops.where(
                count > 0, count, ops.ones_like(count)
            )

        def compute_mask(self, inputs, mask=None):
            return None

    class AttentionPooling(Layer):
        """A learned share for each valid step."""

        def __init__(self, scale=2.0, **more):
            super().__init__(**more)
            self.scale = scale

        def build(self, shape):
            self.query = self.add_weight(
                name="query", shape=(shape[-1],), initializer="glorot_uniform"
            )
            super().build(shape)

        def call(self, inputs, mask=None):
            scores = ops.sum(inputs * self.query, axis=2, keepdims=True) * self.scale
            if mask is not None:
                scores = scores - 1e4 * (1 - weights(inputs, mask))
            shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
            if mask is not None:
                shares = shares * weights(inputs, mask)
            total = ops.sum(shares, axis=1)
            total = ops.where(total > 0, total, ops.ones_like(total))
            return ops.sum(inputs * shares, axis=1) / total

        def compute_mask(self, inputs, mask=None):
            return None

        def get_config(self):
            return {**super().get_config(), "scale": self.scale}

    class DropsTheFirstStep(Layer):
        """Returns one step less, and a mask of the steps that it returns."""

        def call(self, inputs, mask=None):
            return inputs[:, 1:]

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else mask[:, 1:]

    class EndsTheMask(Scale):
        """Ends the mask on purpose, and says so."""

        def compute_mask(self, inputs, mask=None):
            return None

    class OneLength(Scale):
        """Takes only as many steps as it saw first, with a mask or without."""

        def build(self, shape):
            self.input_spec = keras.layers.InputSpec(shape=(None, *shape[1:]))
            super().build(shape)

        def call(self, inputs):
            return inputs * 1

    class FourUnits(MaskedMean):
        """Has as many units as the batch has steps."""

        def call(self, inputs, mask=None):
            return super().call(inputs, mask)[:, :4]

    class SumOfTwo(Layer):
        """Adds two sequences of one length, and knows the steps valid in both."""

        def call(self, inputs, mask=None):
            first, second = inputs
            return first + second

        def compute_mask(self, inputs, mask=None):
            if mask is None or mask[0] is None or mask[1] is None:
                return None
            return ops.logical_and(mask[0], mask[1])

    class TwoStates(MaskedMean):
        """Returns two tensors."""

        def call(self, inputs, mask=None):
            return super().call(inputs, mask), ops.max(inputs * 0, axis=1)

        def compute_mask(self, inputs, mask=None):
            return [None, None]

    for layer in (Scale, SaysNothing, MaskedMean, AttentionPooling, DropsTheFirstStep, EndsTheMask,
                  FourUnits, OneLength, SumOfTwo, TwoStates):  # fmt: skip
        found[layer.__name__] = layer
    found.update(
        {
            "LSTM": lambda: layers.LSTM(3),
            "LSTM sequences": lambda: layers.LSTM(3, return_sequences=True),
            "LSTM with states": lambda: layers.LSTM(3, return_sequences=True, return_state=True),
            "GRU": lambda: layers.GRU(3),
            "Dense": lambda: layers.Dense(3),
            "Dropout": lambda: layers.Dropout(0.5),
            "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            "LayerNormalization": lambda: layers.LayerNormalization(),
            "BatchNormalization": lambda: layers.BatchNormalization(),
            "Attention": lambda: layers.Attention(),
            "Concatenate": lambda: layers.Concatenate(),
            "Embedding": lambda: layers.Embedding(10, 3, mask_zero=True),
            "Embedding without masks": lambda: layers.Embedding(10, 3),
            "MultiHeadAttention": lambda: layers.MultiHeadAttention(2, 3),
        }
    )
    return found
