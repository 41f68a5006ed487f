"""What builds each model of the atlas; ``keras`` is the adapter's.

Nine tokens, four features a token, three units, two features of the output: a weight of shape
(9, 4) is that of the ``Embedding``.
"""

from typing import Any

from maskspec.atlas.building import Namespace

TOKENS, FEATURES, UNITS, RESULTS = 9, 4, 3, 2


def tokens(keras: Any) -> Any:
    return keras.Input((None,), dtype="int32")


def words(keras: Any) -> Any:
    return keras.layers.Embedding(TOKENS, FEATURES, mask_zero=True)


def rnn(keras: Any, **arguments: Any) -> Any:
    """A layer of sequences: that which takes the least time eagerly stands for all of them."""
    return keras.layers.SimpleRNN(UNITS, return_sequences=True, **arguments)


def dense(keras: Any) -> Any:
    return keras.layers.Dense(RESULTS)


# --- Sequential ---------------------------------------------------------------------------------


def lstm(keras: Any) -> Any:
    layer = keras.layers.LSTM(UNITS, return_sequences=True)
    return keras.Sequential([tokens(keras), words(keras), layer, dense(keras)])


def tagger(keras: Any) -> Any:
    return keras.Sequential([tokens(keras), words(keras), rnn(keras), dense(keras)])


def classifier(keras: Any) -> Any:
    last = keras.layers.LSTM(UNITS)
    return keras.Sequential([tokens(keras), words(keras), last, dense(keras)])


def masking(keras: Any) -> Any:
    first, layer = keras.Input((None, FEATURES)), keras.layers.GRU(UNITS, return_sequences=True)
    return keras.Sequential([first, keras.layers.Masking(), layer, dense(keras)])


def masking_of(keras: Any, value: float) -> Any:
    mask = keras.layers.Masking(mask_value=value)
    return keras.Sequential([keras.Input((None, FEATURES)), mask, rnn(keras), dense(keras)])


def masking_nan(keras: Any) -> Any:
    return masking_of(keras, float("nan"))


def masking_infinity(keras: Any) -> Any:
    return masking_of(keras, float("inf"))


def masking_tensor(keras: Any) -> Any:
    mask = keras.layers.Masking(mask_value=keras.tensor(0.0))
    return keras.Sequential([keras.Input((None, FEATURES)), mask, rnn(keras), dense(keras)])


def lookup(keras: Any) -> Any:
    """Of strings: a space is padding; with it and for what is unknown, there are nine tokens."""
    make = Namespace(keras)["StringLookup"]
    first = make(vocabulary=list("abcdefg"), mask_token=" ")
    strings = keras.Input((None,), dtype="string")
    return keras.Sequential([strings, first, words(keras), rnn(keras), dense(keras)])


def bidirectional(keras: Any) -> Any:
    both = keras.layers.Bidirectional(rnn(keras))
    each = keras.layers.TimeDistributed(dense(keras))
    return keras.Sequential([tokens(keras), words(keras), both, each])


def convolution(keras: Any) -> Any:
    inner = keras.layers.Conv1D(FEATURES, 3, padding="same")
    return keras.Sequential([tokens(keras), words(keras), inner, rnn(keras), dense(keras)])


def pooling(keras: Any) -> Any:
    mean = keras.layers.GlobalAveragePooling1D()
    return keras.Sequential([tokens(keras), words(keras), mean, dense(keras)])


def stateful(keras: Any) -> Any:
    first = keras.Input((None,), batch_size=4, dtype="int32")
    layer = rnn(keras, stateful=True)
    return keras.Sequential([first, words(keras), layer, dense(keras)])


# --- functional ---------------------------------------------------------------------------------


def operator(keras: Any) -> Any:
    x = tokens(keras)
    y = words(keras)(x) * 2
    return keras.Model(x, dense(keras)(rnn(keras)(y)))


def features(keras: Any) -> Any:
    x = tokens(keras)
    y = words(keras)(x)[:, :, :2]
    return keras.Model(x, dense(keras)(rnn(keras)(y)))


def operation(keras: Any) -> Any:
    x = tokens(keras)
    y = keras.ops.relu(words(keras)(x))
    return keras.Model(x, dense(keras)(rnn(keras)(y)))


def plain_lambda(keras: Any) -> Any:
    x = tokens(keras)
    y = keras.layers.Lambda(lambda y: y * 2)(words(keras)(x))
    return keras.Model(x, dense(keras)(rnn(keras)(y)))


def lambda_with_mask(keras: Any) -> Any:
    x = tokens(keras)
    layer = keras.layers.Lambda(lambda y, mask=None: y * 2, mask=lambda y, mask=None: mask)
    return keras.Model(x, dense(keras)(rnn(keras)(layer(words(keras)(x)))))


def two_outputs(keras: Any) -> Any:
    x = tokens(keras)
    y = rnn(keras)(words(keras)(x))
    return keras.Model(x, [dense(keras)(y), dense(keras)(keras.layers.SimpleRNN(UNITS)(y))])


def two_masked_outputs(keras: Any) -> Any:
    x = tokens(keras)
    y = words(keras)(x)
    return keras.Model(x, [dense(keras)(rnn(keras)(y)), dense(keras)(rnn(keras)(y))])


def of_a_dict(keras: Any) -> Any:
    x = {"words": keras.Input((None,), dtype="int32", name="words"),
         "features": keras.Input((None, 2), name="features")}  # fmt: skip
    y = keras.layers.Concatenate()([words(keras)(x["words"]), x["features"]])
    return keras.Model(x, dense(keras)(rnn(keras)(y)))


def mask_as_input(keras: Any) -> Any:
    x, mask = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    return keras.Model([x, mask], dense(keras)(rnn(keras)(x, mask=mask)))


def shared(keras: Any) -> Any:
    inputs, embedding, layer = [tokens(keras), tokens(keras)], words(keras), rnn(keras)
    y = keras.layers.Concatenate()([layer(embedding(x)) for x in inputs])
    return keras.Model(inputs, dense(keras)(y))


# --- models in models ---------------------------------------------------------------------------


def nested(keras: Any) -> Any:
    x = tokens(keras)
    inner = keras.Model(x, rnn(keras)(words(keras)(x)))
    return keras.Sequential([tokens(keras), inner, rnn(keras), dense(keras)])


def nested_behind(keras: Any) -> Any:
    x = tokens(keras)
    inner = keras.Sequential([rnn(keras), dense(keras)])
    return keras.Model(x, inner(words(keras)(x)))


def documents(keras: Any) -> Any:
    x, document = tokens(keras), keras.Input((None, 4), dtype="int32")
    inner = keras.Model(x, keras.layers.SimpleRNN(UNITS)(words(keras)(x)))
    y = keras.layers.TimeDistributed(inner)(document)
    return keras.Model(document, dense(keras)(rnn(keras)(y)))


# --- subclassed ---------------------------------------------------------------------------------


def subclassed(keras: Any) -> Any:
    class Tagger(keras.Model):  # type: ignore[misc]
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.first, self.second, self.third = words(keras), rnn(keras), dense(keras)

        def call(self, inputs: Any) -> Any:
            return self.third(self.second(self.first(inputs)))

    return Tagger()


def subclassed_by_hand(keras: Any) -> Any:
    class Tagger(keras.Model):  # type: ignore[misc]
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.first, self.second, self.third = words(keras), rnn(keras), dense(keras)

        def call(self, inputs: Any) -> Any:
            mask = self.first.compute_mask(inputs)
            return self.third(self.second(self.first(inputs), mask=mask))

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return self.first.compute_mask(inputs)

    return Tagger()


def around(keras: Any, layer: Any) -> Any:
    x = tokens(keras)
    return keras.Model(x, dense(keras)(rnn(keras)(layer(words(keras)(x)))))


def own_layer(keras: Any) -> Any:
    class Double(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    return around(keras, Double())


def own_supporting_layer(keras: Any) -> Any:
    @keras.utils.register_keras_serializable(package="atlas")
    class Twice(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.supports_masking = True

        def call(self, inputs: Any) -> Any:
            return inputs * 2

    return around(keras, Twice())


# --- cells --------------------------------------------------------------------------------------


def own_cell(keras: Any) -> Any:
    class Cell(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.state_size, self.output_size = UNITS, UNITS
            self.inner = keras.layers.Dense(UNITS, activation="tanh")

        def build(self, input_shape: Any) -> None:
            self.inner.build((None, input_shape[-1] + UNITS))
            self.built = True

        def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
            state = self.inner(keras.ops.concatenate([inputs, states[0]], -1))
            return state * 2 + 1, [state]

    layer = keras.layers.RNN(Cell(), return_sequences=True)
    return keras.Sequential([tokens(keras), words(keras), layer, dense(keras)])


def stacked_cells(keras: Any) -> Any:
    cells = [keras.layers.GRUCell(UNITS), keras.layers.SimpleRNNCell(UNITS)]
    layer = keras.layers.RNN(cells, return_sequences=True)
    return keras.Sequential([tokens(keras), words(keras), layer, dense(keras)])


# --- attention ----------------------------------------------------------------------------------


def encoder(keras: Any) -> Any:
    x = tokens(keras)
    y = words(keras)(x)
    seen = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)(y, y)
    y = keras.layers.LayerNormalization()(keras.layers.Add()([y, seen]))
    return keras.Model(x, dense(keras)(y))


def states(keras: Any) -> Any:
    source, target = tokens(keras), tokens(keras)
    _, *last = keras.layers.SimpleRNN(UNITS, return_state=True)(words(keras)(source))
    y = rnn(keras)(words(keras)(target), initial_state=last)
    return keras.Model([source, target], dense(keras)(y))


def attention(keras: Any) -> Any:
    source, target = tokens(keras), tokens(keras)
    value = rnn(keras)(words(keras)(source))
    query = rnn(keras)(words(keras)(target))
    y = keras.layers.Concatenate()([query, keras.layers.Attention()([query, value])])
    return keras.Model([source, target], dense(keras)(y))
