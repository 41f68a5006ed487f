"""Built-in layers by name, alone and stacked, with the arguments that they need here."""

import functools
import inspect

from maskspec import Unavailable, require
from tests.support.probes import padded_features, same, symbolic_batch, valid_steps

# The table on the page "Layer by layer", but for the rows that link what decides them.
GROUPS = {
    "hands-it-on": """Activation ActivityRegularization AlphaDropout BatchNormalization Dense
        Dropout ELU GaussianDropout GaussianNoise LayerNormalization LeakyReLU PReLU
        SpatialDropout1D ThresholdedReLU TimeDistributed UnitNormalization""",
    "uses-it": "Bidirectional GRU GlobalAveragePooling1D LSTM RNN SimpleRNN",
    "neither": """AveragePooling1D Conv1D Conv1DTranspose Cropping1D DepthwiseConv1D Dot EinsumDense
        Flatten GlobalMaxPooling1D Lambda LocallyConnected1D MaxPooling1D Permute RMSNormalization
        RepeatVector Reshape SeparableConv1D UpSampling1D ZeroPadding1D""",
}


def stack(keras, between):
    """Built-in layers, in turn, that leave the time axis alone and mix no two timesteps."""
    layers = keras.layers
    several = {
        "nothing": lambda: [],
        "five-layers": lambda: [
            layers.Dense(4),
            layers.Activation("tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.LayerNormalization(),
        ],
        "shared-layer": lambda: [layers.Dense(4)] * 2,
        "nested-model": lambda: [keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])],
        "two-branches": lambda: [two_branches(keras)],
        # there and back: a layer that changes nothing may return its very input, mask and all
        "Permute": lambda: [layers.Permute((2, 1)), layers.Permute((2, 1))],
        "Reshape": lambda: [layers.Reshape((-1, 2, 2)), layers.Reshape((-1, 4))],
    }
    return several[between]() if between in several else [one(keras, between)]


def two_branches(keras):
    """A functional model that adds up what two layers make of its input."""
    inputs = symbolic_batch(keras, ids=False)
    branches = [keras.layers.Dense(4)(inputs), keras.layers.Activation("tanh")(inputs)]
    return keras.Model(inputs, keras.layers.Add()(branches))


def one(keras, name):
    """The built-in layer ``name``, set up so that it mixes no two timesteps."""
    layers = keras.layers
    arguments = {
        "AveragePooling1D": (1,),
        "Conv1D": (4, 1),
        "Conv1DTranspose": (4, 1),
        "Dense": (4,),
        "DepthwiseConv1D": (1,),
        "Lambda": (lambda x: x * 2.0,),
        "MaxPooling1D": (1,),
        "Rescaling": (2.0,),
        "SeparableConv1D": (4, 1),
    }
    made = {
        "EinsumDense": lambda: layers.EinsumDense("abc,cd->abd", (None, 4)),
        "Normalization": lambda: layers.Normalization(mean=[0.5] * 4, variance=[2.0] * 4),
        "SimpleRNN": lambda: layers.SimpleRNN(4, return_sequences=True),
        "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(4)),
    }
    if name in made:
        return made[name]()
    return getattr(layers, name)(*arguments.get(name, ()))


def consumer(keras, name):
    """A layer that can use a mask, as a callable of one tensor."""
    layers = keras.layers
    made = {
        "Bidirectional": lambda: layers.Bidirectional(layers.SimpleRNN(3)),
        "RNN": lambda: layers.RNN(layers.SimpleRNNCell(3)),
        "GlobalAveragePooling1D": lambda: layers.GlobalAveragePooling1D(),
        "BatchNormalization": lambda: in_training(takes_mask(layers.BatchNormalization())),
        "Attention": lambda: twice_in_a_list(layers.Attention()),
        "AdditiveAttention": lambda: twice_in_a_list(layers.AdditiveAttention()),
        "MultiHeadAttention": lambda: twice(layers.MultiHeadAttention(1, 3)),
        "GroupQueryAttention": lambda: twice(layers.GroupQueryAttention(2, 2, 1)),
    }
    return made[name]() if name in made else getattr(layers, name)(3)


def in_training(layer):
    return lambda x: layer(x, training=True)


def twice_in_a_list(layer):
    return lambda x: layer([x, x])


def twice(layer):
    return lambda x: layer(x, x)


def typical(keras):
    """The built-in layers that take a batch of sequences, each with a function that makes it.

    What it makes is a callable of one tensor, set up as one usually does.
    """
    layers = keras.layers
    single = {
        "Activation": ("tanh",),
        "ActivityRegularization": (),
        "AlphaDropout": (0.5,),
        "AveragePooling1D": (2,),
        "BatchNormalization": (),
        "Conv1D": (4, 3),
        "Conv1DTranspose": (4, 3),
        "Cropping1D": (),
        "Dense": (4,),
        "DepthwiseConv1D": (3,),
        "Dropout": (0.5,),
        "ELU": (),
        "EinsumDense": ("abc,cd->abd", (None, 4)),
        "Flatten": (),
        "GRU": (3,),
        "GaussianDropout": (0.5,),
        "GaussianNoise": (0.5,),
        "GlobalAveragePooling1D": (),
        "GlobalMaxPooling1D": (),
        "Identity": (),
        "LSTM": (3,),
        "Lambda": (abs,),
        "LayerNormalization": (),
        "LeakyReLU": (),
        "LocallyConnected1D": (4, 3),
        "Masking": (),
        "MaxPooling1D": (),
        "PReLU": (),
        "Permute": ((2, 1),),
        "RMSNormalization": (),
        "ReLU": (),
        "Rescaling": (2.0,),
        "Reshape": ((-1,),),
        "SeparableConv1D": (4, 3),
        "SimpleRNN": (3,),
        "Softmax": (),
        "SpatialDropout1D": (0.5,),
        "ThresholdedReLU": (),
        "UnitNormalization": (),
        "UpSampling1D": (),
        "ZeroPadding1D": (),
    }
    for name, arguments in single.items():
        yield name, lambda name=name, arguments=arguments: getattr(layers, name)(*arguments)
    yield "Bidirectional", lambda: layers.Bidirectional(layers.SimpleRNN(2))
    yield "GroupNormalization", lambda: layers.GroupNormalization(2)
    yield "MultiHeadAttention", lambda: twice(layers.MultiHeadAttention(1, 3))
    yield "RNN", lambda: layers.RNN(layers.SimpleRNNCell(3))
    yield "TimeDistributed", lambda: layers.TimeDistributed(layers.Dense(4))
    for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"):
        yield name, lambda name=name: twice_in_a_list(getattr(layers, name)())
    for name in ("Attention", "AdditiveAttention"):
        yield name, lambda name=name: twice_in_a_list(getattr(layers, name)())
    yield "Dot", lambda: twice_in_a_list(layers.Dot(axes=1))


@functools.lru_cache(maxsize=None)
def reactions(keras):
    """What each of the ``typical`` layers does with a mask: a set of words, by its name.

    ``keeps time``, ``hands on``, ``makes its own`` (mask), ``uses`` (its result at the valid steps
    is another than without a mask) or ``raises``. Nothing of it differs between two runs, so they
    are asked once for each process.
    """
    found = {}
    for name, make in typical(keras):
        try:
            found[name] = reaction(keras, make(), padded_features(0.5), valid_steps())
        except Unavailable:
            continue
    require(len(found) >= 40, "there are built-in layers to ask")
    return found


def reaction_to_single_steps(keras, layer):
    """What a layer that takes a batch of single steps does with a mask of shape (batch,)."""
    return reaction(keras, layer, padded_features(0.5)[:, 5], valid_steps()[:, 5])


def reaction(keras, layer, batch, valid):
    words = set()
    unmasked = keras.numpy(layer(keras.tensor(batch)))
    where = ...
    if unmasked.shape[:2] == valid.shape:
        words, where = {"keeps time"}, valid
    try:
        result = layer(keras.carry(keras.tensor(batch), valid))
    except Exception:
        return words | {"raises"}
    mask = keras.mask_of(result)
    if mask is not None:
        handed_on = same(keras.numpy(mask), valid)
        words.add("hands on" if handed_on else "makes its own")
    if not same(keras.numpy(result)[where], unmasked[where]):
        words.add("uses")
    return words


def takes_mask(layer):
    """``layer``, if its ``call`` has an argument ``mask`` on this release."""
    if "mask" not in inspect.signature(layer.call).parameters:
        raise Unavailable(f"{type(layer).__name__} takes no mask")
    return layer
