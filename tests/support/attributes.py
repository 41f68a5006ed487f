"""Tensors with and without `_keras_mask`, and ways to look at them."""

import numpy as np

from maskspec import Unavailable, require
from tests.support.layers import failure, mask_reader, masked_by
from tests.support.probes import (
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    symbolic_batch,
    valid_steps,
)


def masked_steps(keras):
    """A tensor that carries the mask of the probes."""
    steps = embedding(keras)(keras.tensor(padded_ids()))
    require(keras.mask_of(steps) is not None, "the tensor carries a mask")
    return steps


def attribute(tensor):
    return getattr(tensor, "_keras_mask", None)


def found(keras, kind):
    """A value of one of the kinds that occur around a model."""
    kinds = {
        "Embedding": lambda: masked_steps(keras),
        "Masking": lambda: keras.layers.Masking()(keras.tensor(padded_features())),
        "Dense": lambda: keras.layers.Dense(4)(masked_steps(keras)),
        "symbolic": lambda: embedding(keras)(symbolic_batch(keras)),
        "fresh": lambda: keras.tensor(padded_features()),
        "operation": lambda: masked_steps(keras) * 2.0,
        "variable": lambda: variable(keras),
        "Input": lambda: symbolic_batch(keras),
        "numpy": lambda: predicted(keras),
    }
    return kinds[kind]()


def variable(keras):
    layer = embedding(keras)
    layer(keras.tensor(padded_ids()))
    return layer.weights[0]


def predicted(keras):
    """What a model whose output carries a mask returns for a batch: a numpy array."""
    ids = symbolic_batch(keras)
    model = keras.Model(ids, embedding(keras)(ids))
    model.compile(run_eagerly=True)
    require(keras.mask_of(model(keras.tensor(padded_ids()))) is not None, "a call makes a mask")
    return model.predict_on_batch(padded_ids())


def during(keras, mode, look):
    """What ``look`` says of the input and of the output of `Masking` in one of the modes."""
    layer, seen = keras.layers.Masking(), []

    def run(x):
        seen.append((look(x), look(layer(x))))
        return keras.ops.sum(x)

    batch = keras.tensor(padded_features())
    run_in = {
        "eager": lambda: run(batch),
        "symbolic": lambda: run(symbolic_batch(keras, ids=False)),
        "tf.function": lambda: keras.function(run)(batch),
        "in-gradient": lambda: keras.gradient(run, padded_features()),
    }
    run_in[mode]()
    return seen[-1]


def has_values(keras, tensor):
    """Whether the values of a tensor are there to be looked at."""
    return not failure(keras.numpy, tensor)


def called(keras, kind, mask):
    """A tensor on which a layer or a functional model has been called, with a mask by hand."""
    steps = keras.tensor(padded_features())
    if kind == "model":
        inputs = keras.Input(shape=(6, 4))
        keras.Model(inputs, keras.layers.Dense(2)(inputs))(steps, mask=mask)
    else:
        require(
            same(keras.numpy(mask_reader(keras)(steps, mask=mask)), valid_steps()), "it arrives"
        )
    return steps


def printer(keras):
    """`print_tensor`, or None where there is none."""
    try:
        return keras.backend.print_tensor
    except Unavailable:
        return None


def mask_lost_in_jax(keras):
    """Whether an RNN in a function under `jax.grad` gets no mask from the layer before it."""
    if keras.backend_name != "jax":
        raise Unavailable(f"jax is not the backend, {keras.backend_name} is")

    def padding_counts(layer):
        def run(x):
            steps = layer(x)
            require(attribute(steps) is None, "the attribute is not there")
            return keras.ops.sum(rnn(steps))

        return keras.gradient(run, padded_features())[~valid_steps()].any()

    rnn = keras.layers.SimpleRNN(3)
    rnn(keras.tensor(padded_features()))
    require(padding_counts(lambda x: x * 2.0), "without a mask the padding counts")
    nonzero = masked_by(keras, lambda x, mask: keras.ops.any(keras.ops.not_equal(x, 0.0), axis=-1))
    return padding_counts(nonzero)


def carrying(keras):
    """Features that carry the mask of the probes; a layer that is called with them gets it."""
    steps = keras.carry(keras.tensor(padded_features()), valid_steps())
    require(same(keras.numpy(mask_reader(keras)(steps)), valid_steps()), "the mask arrives eagerly")
    return steps


def model_reading(keras, *, eagerly=False):
    """A compiled functional model whose output is the mask that arrives in it, or -1 for none."""
    inputs = symbolic_batch(keras, ids=False)
    model = keras.Model(inputs, mask_reader(keras)(inputs))
    model.compile(loss="mse", run_eagerly=eagerly)
    return model


def unmasked_output(keras, kind):
    """The output of `Dense` or of a Sequential with one, for a batch without a mask."""
    dense = keras.layers.Dense(4)
    run = keras.Sequential([dense]) if kind == "Sequential" else dense
    return run(keras.tensor(np.arange(6, dtype="float32").reshape(2, 3)))


def inspected(keras, how):
    """The mask behind the second of three layers, found in one of the ways to look at it."""
    first, second, last = embedding(keras), keras.layers.Dense(4), spy(keras)
    ids = keras.tensor(padded_ids())
    if how == "attribute":
        return second(first(ids))._keras_mask
    if how == "compute_mask":
        return second.compute_mask(first(ids), first.compute_mask(ids))
    if how == "spy":
        last(second(first(ids)))
        return last.seen[0]
    inputs = symbolic_batch(keras)
    intermediate = second(first(inputs))
    if how == "submodel":
        return keras.Model(inputs, intermediate)(ids)._keras_mask
    if how == "symbolic":
        return intermediate._keras_mask
    if not hasattr(type(second), how):
        raise Unavailable(f"a layer has no {how}")
    return getattr(second, how)


def called_twice(keras, kind, which, shared):
    """A layer, the number of its call and the tensors of that call, of two symbolic calls.

    They are its inputs or outputs, as ``which`` says. The calls are those of one ``shared`` layer,
    or of two.
    """
    masked, plain = (embedding(keras, mask_zero=zero)(symbolic_batch(keras)) for zero in (1, 0))
    make = {
        "Dense": lambda: keras.layers.Dense(4),
        "Add": lambda: keras.layers.Add(),
        "SimpleRNN": lambda: keras.layers.SimpleRNN(4, return_sequences=True, return_state=True),
    }[kind]
    layers = [make()] * 2 if shared else [make(), make()]
    inputs = [[masked, plain], [plain, masked]] if kind == "Add" else [masked, plain]
    outputs = [layer(x) for layer, x in zip(layers, inputs)]
    tensors = [x if isinstance(x, list) else [x] for x in (inputs if which == "input" else outputs)]
    return zip(layers, [0, 1] if shared else [0, 0], tensors)
