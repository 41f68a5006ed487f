"""Making a mask oneself and handing it to a layer.

Page: spec/masks-by-hand.md
"""

import numpy as np
import pytest

from maskspec import case, claim, refuted_by, require
from tests.support.consumers import (
    CONSUMERS,
    NOT_3_0_0,
    NUMPY_1_20,
    attempt,
    consumer,
    features,
    gappy_ids,
    layer_of,
    looked_up,
    of,
)
from tests.support.probes import (
    compose,
    embedding,
    padded_features,
    padded_ids,
    redraw_padding,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3

# --- compute_mask ----------------------------------------------------------------------------


def generator(keras, name):
    """A layer that makes a mask, and a numpy batch for it with ``valid_steps``."""
    if name == "Embedding":
        return embedding(keras), padded_ids()
    return keras.layers.Masking(), padded_features(0.0)


@claim("masks-by-hand.compute-mask-arguments")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_compute_mask_takes_input_and_previous_mask(keras, layer):
    made_by, batch = generator(keras, layer)
    previous = keras.tensor(np.ones_like(valid_steps()))
    for mask in (made_by.compute_mask(batch, None), made_by.compute_mask(batch, previous)):
        assert same(keras.numpy(mask), valid_steps())


@claim("masks-by-hand.compute-mask-argument-names")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_compute_mask_arguments_are_inputs_and_mask(keras, layer):
    made_by, batch = generator(keras, layer)
    mask = made_by.compute_mask(inputs=batch, mask=None)
    assert same(keras.numpy(mask), valid_steps())
    for others in ({"input": batch}, {"inputs": batch, "previous_mask": None}):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            made_by.compute_mask(**others)


@claim("masks-by-hand.previous-mask-is-ignored")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_previous_mask_is_ignored(keras, layer):
    made_by, batch = generator(keras, layer)
    nothing_valid = keras.tensor(np.zeros_like(valid_steps()))
    mask = made_by.compute_mask(keras.tensor(batch), nothing_valid)
    assert same(keras.numpy(mask), valid_steps())


@claim("masks-by-hand.carried-mask-is-replaced")
@pytest.mark.parametrize("layer", ["Embedding", "Masking", "Embedding-without-mask_zero"])
def test_mask_that_the_input_carries_is_replaced(keras, layer):
    made_by, batch = generator(keras, layer.partition("-")[0])
    if "without" in layer:
        made_by = embedding(keras, mask_zero=False)
    other = np.roll(valid_steps(), 1, axis=1)
    x = keras.carry(keras.tensor(batch), other)
    require(keras.mask_of(x) is not None, "the input carries a mask")
    mask = keras.mask_of(made_by(x))
    assert mask is None if "without" in layer else same(keras.numpy(mask), valid_steps())


@claim("masks-by-hand.compute-mask-callable")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
@pytest.mark.parametrize("input", ["numpy", "tensor", "symbolic"])
def test_compute_mask_can_be_called(keras, input, layer):
    made_by, batch = generator(keras, layer)
    if input == "symbolic":
        mask = made_by.compute_mask(symbolic_batch(keras, ids=layer == "Embedding"))
        assert tuple(mask.shape) == (None, None) and "bool" in str(mask.dtype)
    else:
        mask = made_by.compute_mask(batch if input == "numpy" else keras.tensor(batch))
        assert same(keras.numpy(mask), valid_steps()) and "bool" in str(mask.dtype)


@claim("masks-by-hand.embedding-needs-only-inputs")
@pytest.mark.parametrize("mask_zero", [True, False], ids=["mask_zero", "no-mask_zero"])
def test_compute_mask_of_embedding_needs_only_the_inputs(keras, mask_zero):
    mask = embedding(keras, mask_zero=mask_zero).compute_mask(padded_ids())
    if mask_zero:
        assert same(keras.numpy(mask), padded_ids() != 0)
    else:
        assert mask is None


@claim("masks-by-hand.compute-mask-of-any-layer")
@pytest.mark.parametrize("layer", ["Dense", "Conv1D", "SimpleRNN", "GlobalAveragePooling1D"])
def test_compute_mask_of_any_layer_takes_none(keras, layer):
    assert layer_of(keras, layer).compute_mask(features(keras, 0.0), None) is None


@claim("masks-by-hand.model-computes-its-mask", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("model", ["functional", "sequential"])
def test_compute_mask_of_a_model_is_the_mask_of_its_output(keras, model):
    inputs, layers = symbolic_batch(keras), [embedding(keras), keras.layers.Dense(3)]
    functional = keras.Model(inputs, layers[1](layers[0](inputs)))
    asked = functional if model == "functional" else keras.Sequential([inputs, *layers])
    ids = keras.tensor(padded_ids())
    require(keras.mask_of(functional(ids)) is not None, "the output carries a mask")
    mask = asked.compute_mask(ids, None)
    assert mask is not None, "it returns None"
    assert same(keras.numpy(mask), valid_steps())


# --- a mask passed by hand -------------------------------------------------------------------


def bare(keras, tensor):
    """The same values without the mask that they carry."""
    return keras.tensor(keras.numpy(tensor))


@claim("masks-by-hand.computed-mask-can-be-passed")
@pytest.mark.parametrize("layer", ["LSTM", "SimpleRNN", "GlobalAveragePooling1D"])
def test_computed_mask_can_be_passed(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x = looked_up(keras, ids)
    automatic = run(x)
    require(not same(run(bare(keras, x)), automatic), "the mask makes a difference")
    assert same(run(bare(keras, x), embedding(keras).compute_mask(ids)), automatic)


@claim("masks-by-hand.mask-made-by-hand")
@pytest.mark.parametrize("layer", ["LSTM", "SimpleRNN", "GlobalAveragePooling1D"])
def test_mask_made_by_hand_does_the_same(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x = looked_up(keras, ids)
    automatic = run(x)
    require(not same(run(bare(keras, x)), automatic), "the mask makes a difference")
    assert same(run(bare(keras, x), keras.tensor(ids != 0)), automatic)


@claim("masks-by-hand.numpy-mask", holds=NUMPY_1_20)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_rnn_takes_a_numpy_mask(keras, layer):
    run, x = consumer(keras, layer), features(keras, 2.0)
    masked = run(x, keras.tensor(valid_steps()))
    require(not same(run(x), masked), "the mask makes a difference")
    with refuted_by(TypeError, match="data type"):
        result = run(x, valid_steps())
    assert same(result, masked)


@claim("masks-by-hand.list-mask-refused-by-rnn", instead="rnn.value-error-for-unreadable-masks")
@pytest.mark.parametrize("layer", ["SimpleRNN", case("LSTM", holds=NOT_3_0_0)])
def test_rnn_refuses_a_list_as_mask(keras, layer):
    _, error = attempt(consumer(keras, layer), features(keras, 2.0), valid_steps().tolist())
    assert isinstance(error, AttributeError) and "dtype" in str(error)


# --- its type and shape ----------------------------------------------------------------------


@claim("masks-by-hand.boolean-tensor")
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GlobalAveragePooling1D"])
def test_mask_only_has_to_be_a_boolean_tensor(keras, layer):
    assert not counts_masked_steps(keras, layer, keras.tensor(valid_steps()))


def counts_masked_steps(keras, layer, mask):
    """Whether other values in the masked steps change what a layer returns under ``mask``."""
    run, high, low = consumer(keras, layer), features(keras, 2.0), features(keras, -2.0)
    require(not same(run(high), run(low)), "without a mask the padding shows")
    return not same(run(high, mask), run(low, mask))


@claim("masks-by-hand.zero-one-mask")
@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("layer", of(*CONSUMERS))
def test_zeros_and_ones_are_taken_as_boolean_or_refused(keras, layer, dtype):
    run, x = consumer(keras, layer), features(keras, 2.0)
    as_boolean, refused = attempt(run, x, keras.tensor(valid_steps()))
    require(refused or not same(as_boolean, run(x)), "the mask makes a difference")
    result, error = attempt(run, x, keras.tensor(valid_steps().astype(dtype)))
    if error is None:
        assert same(result, as_boolean)
    else:
        assert type(error) is type(refused) or type(error).__name__ == "InvalidArgumentError"


@claim("masks-by-hand.integer-array")
@pytest.mark.parametrize(
    "layer, made",
    [
        ("SimpleRNN", "tensor"),
        case("SimpleRNN", "numpy", holds=NUMPY_1_20),
        ("GlobalAveragePooling1D", "tensor"),
        ("GlobalAveragePooling1D", "numpy"),
    ],
)
def test_integer_array_can_act_as_a_mask(keras, layer, made):
    zeros_and_ones = valid_steps().astype("int64")
    mask = keras.tensor(zeros_and_ones) if made == "tensor" else zeros_and_ones
    with refuted_by(TypeError, match="data type"):
        counts = counts_masked_steps(keras, layer, mask)
    assert not counts


def half_weights():
    """The mask of the batch, but 0.5 instead of 1 at some of the valid steps."""
    return valid_steps() * np.array([1, 0.5, 0.5, 1, 0.5, 1], "float32")


@claim("masks-by-hand.fractions-count-as-true", instead="masks-by-hand.average-pooling-weighs")
@pytest.mark.parametrize(
    "layer",
    ["SimpleRNN", case("GlobalAveragePooling1D", holds={"keras": ">=3.15"})],
)
def test_fractions_count_as_true(keras, layer):
    run, x = consumer(keras, layer), features(keras, 2.0)
    as_boolean = run(x, keras.tensor(valid_steps()))
    require(not same(run(x), as_boolean), "the mask makes a difference")
    assert same(run(x, keras.tensor(half_weights())), as_boolean)


@claim(
    "masks-by-hand.average-pooling-weighs",
    holds={"keras": "<3.15", "*": ""},
    instead="masks-by-hand.fractions-count-as-true",
)
def test_average_pooling_weighs_by_fractions(keras):
    x, weights = padded_features(2.0), half_weights()
    run = consumer(keras, "GlobalAveragePooling1D")
    weighted = (x * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    assert same(run(keras.tensor(x), keras.tensor(weights)), weighted)


def mask_of_shape(shape):
    """A mask of one of the shapes of the cases below; the first sample's steps where one fits."""
    valid = valid_steps()
    masks = {
        "batch,time,1": valid[:, :, None],
        "1,time": valid[:1],
        "time": valid[0],
        "batch,1": valid[:, 3:4],
    }
    return masks[shape]


TAKEN = [
    ("SimpleRNN", "batch,time,1"),
    ("SimpleRNN", "1,time"),
    ("GlobalAveragePooling1D", "1,time"),
    ("Attention", "1,time"),
    ("Attention", "time"),
]


@claim("masks-by-hand.mask-shape")
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GlobalAveragePooling1D"])
def test_right_shape_is_batch_by_time(keras, layer):
    run, x, mask = consumer(keras, layer), features(keras, 2.0), valid_steps()
    require(mask.shape == tuple(x.shape)[:2], "the mask has the shape (batch, timesteps)")
    masked, unmasked = run(x, keras.tensor(mask)), run(x)
    for row, steps in enumerate(mask):
        alone = run(keras.tensor(keras.numpy(x)[row : row + 1, steps]))
        require(steps.all() or not same(unmasked[row : row + 1], alone), "the padding shows")
        assert same(masked[row : row + 1], alone)


@claim("masks-by-hand.other-shapes-broadcast")
@pytest.mark.parametrize(
    "layer, shape",
    [of(name, last=[shape])[0] for name, shape in [*TAKEN, ("Attention", "batch,1")]],
)
def test_other_shapes_are_broadcast(keras, layer, shape):
    run, x, mask = consumer(keras, layer), features(keras, 2.0), mask_of_shape(shape)
    meant = np.broadcast_to(mask[:, :, 0] if mask.ndim == 3 else mask, (3, 6))
    whole = run(x, keras.tensor(meant))
    require(not same(run(x), whole), "the mask makes a difference")
    assert same(run(x, keras.tensor(mask)), whole)


@claim("masks-by-hand.column-mask-in-average-pooling")
def test_column_mask_makes_average_pooling_a_sum(keras):
    run, x = consumer(keras, "GlobalAveragePooling1D"), padded_features(2.0)
    result = run(keras.tensor(x), keras.tensor(np.ones((3, 1), bool)))
    assert same(result, x.sum(axis=1))


# --- a layer that does it all by itself ------------------------------------------------------


def encoder(keras, rnn, stripped):
    """A layer with an embedding and an RNN of its own; it hands the mask over itself.

    Where ``stripped``, the vectors carry no mask, so that the mask by hand has to do the work.
    """

    class Encoder(keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.table = keras.layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)
            self.reader = rnn

        def call(self, ids):
            vectors = self.table(ids)
            if stripped:
                vectors = vectors * 1.0
                require(keras.mask_of(vectors) is None, "the mask can only come by hand")
            return self.reader(vectors, mask=self.table.compute_mask(ids))

    return Encoder()


@claim("masks-by-hand.composite-layer")
@pytest.mark.parametrize("called", ["on-the-array", "stripped", "stripped-in-a-model"])
def test_composite_layer_works(keras, called):
    ids = (np.random.RandomState(3).random_sample((32, 10)) * 100).astype("int32")
    require((ids == 0).any() and ids.min() >= 0 and ids.max() <= 99, "some ids are padding")
    in_a_model = called == "stripped-in-a-model"  # where an LSTM is slow to build
    rnn = keras.layers.SimpleRNN(32) if in_a_model else keras.layers.LSTM(32)
    layer = encoder(keras, rnn, stripped=called != "on-the-array")
    if called == "on-the-array":

        def run(batch):
            return keras.numpy(layer(batch))

    else:
        run = compose(keras, "functional" if in_a_model else "eager", [layer])
    before = run(ids)
    redraw_padding(layer.table)
    assert ids.dtype == "int32" and ids.shape == (32, 10)
    assert before.shape == (32, 32) and before.dtype == "float32" and same(before, run(ids))
