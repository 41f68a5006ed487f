"""Making a mask oneself and handing it to a layer.

Page: spec/masks-by-hand.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, refuted_by, require
from tests.support.consumers import (
    ATTENTION_BREAKS,
    CONSUMERS,
    NEEDS_BOOL,
    NOT_3_0_0,
    NUMBERS,
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

# --- compute_mask ----------------------------------------------------------------------------


def generator(keras, name):
    """A layer that makes a mask, and a numpy batch for it with ``valid_steps``."""
    if name == "Embedding":
        return embedding(keras), padded_ids()
    return keras.layers.Masking(), padded_features(0.0)


@claim("masks-by-hand.compute-mask-arguments", instead="masks-by-hand.compute-mask-argument-names")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
@pytest.mark.parametrize(
    "reading",
    ["by-position", case("input", holds=NEVER), case("previous_mask", holds=NEVER)],
)
def test_compute_mask_takes_input_and_previous_mask(keras, reading, layer):
    made_by, batch = generator(keras, layer)
    arguments = {"inputs": batch} if reading != "input" else {"input": batch}
    arguments.update({"previous_mask": None} if reading == "previous_mask" else {})
    with refuted_by(TypeError, match="unexpected keyword argument"):
        if reading == "by-position":
            mask = made_by.compute_mask(batch, None)
        else:
            mask = made_by.compute_mask(**arguments)
    assert same(keras.numpy(mask), valid_steps())


@claim("masks-by-hand.compute-mask-argument-names")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_compute_mask_arguments_are_inputs_and_mask(keras, layer):
    made_by, batch = generator(keras, layer)
    mask = made_by.compute_mask(inputs=batch, mask=None)
    assert same(keras.numpy(mask), valid_steps())


@claim("masks-by-hand.previous-mask-is-ignored")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_previous_mask_is_ignored(keras, layer):
    made_by, batch = generator(keras, layer)
    nothing_valid = keras.tensor(np.zeros_like(valid_steps()))
    mask = made_by.compute_mask(keras.tensor(batch), nothing_valid)
    assert same(keras.numpy(mask), valid_steps())


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


# --- a mask passed by hand -------------------------------------------------------------------


def bare(keras, tensor):
    """The same values without the mask that they carry."""
    return keras.tensor(keras.numpy(tensor))


@claim(
    "masks-by-hand.computed-mask-can-be-passed", instead="consumption.attention-breaks-on-a-mask"
)
@pytest.mark.parametrize("layer", of("LSTM", *CONSUMERS))
def test_computed_mask_can_be_passed(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x = looked_up(keras, ids)
    automatic = run(x)
    require(not same(run(bare(keras, x)), automatic), "the mask makes a difference")
    assert same(run(bare(keras, x), embedding(keras).compute_mask(ids)), automatic)


@claim(
    "masks-by-hand.mask-made-by-hand",
    instead="consumption.attention-breaks-on-a-mask",
)
@pytest.mark.parametrize("layer", of("LSTM", *CONSUMERS))
def test_mask_made_by_hand_does_the_same(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x = looked_up(keras, ids)
    automatic = run(x)
    require(not same(run(bare(keras, x)), automatic), "the mask makes a difference")
    assert same(run(bare(keras, x), keras.tensor(ids != 0)), automatic)


@claim(
    "masks-by-hand.numpy-mask",
    holds=NUMPY_1_20,
    instead="masks-by-hand.numpy-mask-refused-by-rnn",
)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_rnn_takes_a_numpy_mask(keras, layer):
    run, x = consumer(keras, layer), features(keras, 2.0)
    with refuted_by(TypeError, match="data type"):
        masked = run(x, valid_steps())
    assert same(masked, run(x, keras.tensor(valid_steps())))


@claim(
    "masks-by-hand.numpy-mask-refused-by-rnn",
    holds={"tf.keras": "<2.7"},
    instead="masks-by-hand.numpy-mask",
)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_rnn_refuses_a_numpy_mask(keras, layer):
    _, error = attempt(consumer(keras, layer), features(keras, 2.0), valid_steps())
    assert isinstance(error, TypeError) and "data type" in str(error)


@claim("masks-by-hand.list-mask-refused-by-rnn", instead="rnn.value-error-for-unreadable-masks")
@pytest.mark.parametrize("layer", ["SimpleRNN", case("LSTM", holds=NOT_3_0_0)])
def test_rnn_refuses_a_list_as_mask(keras, layer):
    _, error = attempt(consumer(keras, layer), features(keras, 2.0), valid_steps().tolist())
    assert isinstance(error, AttributeError) and "dtype" in str(error)


# --- its type and shape ----------------------------------------------------------------------


@claim(
    "masks-by-hand.boolean-tensor",
    instead=("masks-by-hand.zero-one-mask", "consumption.attention-breaks-on-a-mask"),
)
@pytest.mark.parametrize(
    "reading, layer, dtype",
    of(*CONSUMERS, first=["enough"], last=["bool"])
    + [
        case("needed", name, dtype, holds=NEEDS_BOOL if name == "Attention" else NEVER)
        for name, dtype in NUMBERS
    ],
)
def test_mask_only_has_to_be_a_boolean_tensor(keras, reading, layer, dtype):
    run, mask = consumer(keras, layer), keras.tensor(valid_steps().astype(dtype))
    high, low = features(keras, 2.0), features(keras, -2.0)
    if reading == "enough":
        masked = run(high, mask)
        require(not same(run(high), masked), "the mask makes a difference")
        assert same(run(low, mask), masked)
    else:
        result, _ = attempt(run, high, mask)
        assert result is None, f"a mask of {dtype} is taken"


@claim(
    "masks-by-hand.zero-one-mask",
    instead="consumption.attention-breaks-on-a-mask",
)
@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("layer", of(*CONSUMERS))
def test_zeros_and_ones_are_taken_as_boolean_or_refused(keras, layer, dtype):
    run, x = consumer(keras, layer), features(keras, 2.0)
    as_boolean = run(x, keras.tensor(valid_steps()))
    result, error = attempt(run, x, keras.tensor(valid_steps().astype(dtype)))
    if error is None:
        assert same(result, as_boolean)
    else:
        assert type(error).__name__ == "InvalidArgumentError"


@claim(
    "masks-by-hand.integer-array",
    instead=(
        "masks-by-hand.zero-one-mask",
        "masks-by-hand.numpy-mask-refused-by-rnn",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize(
    "layer, made",
    [
        ("SimpleRNN", "tensor"),
        case("SimpleRNN", "numpy", holds=NUMPY_1_20),
        ("GlobalAveragePooling1D", "tensor"),
        ("GlobalAveragePooling1D", "numpy"),
        case("Attention", "tensor", holds={"keras": "<3.0.5 or >=3.12"}),
        case("Attention", "numpy", holds={"keras": "<3.0.5 or >=3.12"}),
    ],
)
def test_integer_array_can_act_as_a_mask(keras, layer, made):
    run, zeros_and_ones = consumer(keras, layer), valid_steps().astype("int64")
    mask = keras.tensor(zeros_and_ones) if made == "tensor" else zeros_and_ones
    high, low = features(keras, 2.0), features(keras, -2.0)
    with refuted_by(Exception, match="data type|dtype|bool"):
        masked = run(high, mask)
    require(not same(run(high), masked), "the mask makes a difference")
    assert same(run(low, mask), masked)


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
        "batch,time": valid,
        "batch,time,1": valid[:, :, None],
        "1,time": valid[:1],
        "time": valid[0],
        "batch,1": valid[:, 3:4],
        "batch,time+1": np.concatenate([valid, valid[:, :1]], axis=1),
        "time,batch": valid.T,
    }
    return masks[shape]


TAKEN = [
    ("SimpleRNN", "batch,time,1"),
    ("SimpleRNN", "1,time"),
    ("GlobalAveragePooling1D", "1,time"),
    ("Attention", "1,time"),
    ("Attention", "time"),
]
REFUSED = [
    *[("SimpleRNN", shape) for shape in ("time", "batch,1", "time,batch")],
    *[("Attention", shape) for shape in ("batch,time,1", "batch,time+1", "time,batch")],
    *[
        ("GlobalAveragePooling1D", shape)
        for shape in ("batch,time,1", "time", "batch,time+1", "time,batch")
    ],
]


@claim(
    "masks-by-hand.mask-shape",
    instead=(
        "masks-by-hand.other-shapes-broadcast",
        "masks-by-hand.column-mask-in-average-pooling",
        "consumption.attention-breaks-on-a-mask",
        "custom-layers.long-mask-misread-on-torch",
    ),
)
@pytest.mark.parametrize(
    "reading, layer, shape",
    [
        *of(*CONSUMERS, first=["right"], last=["batch,time"]),
        *[("only", *pair) for pair in REFUSED],
        *[case("only", *pair, holds=NEVER) for pair in TAKEN],
        case("only", "SimpleRNN", "batch,time+1", holds={"keras/torch": None, "*": ""}),
        case("only", "GlobalAveragePooling1D", "batch,1", holds=NEVER),
        case("only", "Attention", "batch,1", holds=ATTENTION_BREAKS),
    ],
)
def test_right_shape_is_batch_by_time(keras, reading, layer, shape):
    run, mask = consumer(keras, layer), keras.tensor(mask_of_shape(shape))
    high, low = features(keras, 2.0), features(keras, -2.0)
    if reading == "right":
        masked = run(high, mask)
        require(not same(run(high), masked), "the mask makes a difference")
        assert same(run(low, mask), masked)
    else:
        result, _ = attempt(run, high, mask)
        assert result is None, f"a mask of shape ({shape}) is taken"


@claim(
    "masks-by-hand.other-shapes-broadcast",
    instead="consumption.attention-breaks-on-a-mask",
)
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


def encoder(keras):
    """A layer with an embedding and an LSTM of its own; it hands the mask over itself."""

    class Encoder(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = keras.layers.Embedding(5000, 16, mask_zero=True)
            self.reader = keras.layers.LSTM(32)

        def call(self, ids):
            vectors = bare_symbolic(keras, self.table(ids))
            return self.reader(vectors, mask=self.table.compute_mask(ids))

    return Encoder()


def bare_symbolic(keras, tensor):
    """A tensor of the same values that carries no mask."""
    values = tensor * 1.0
    require(keras.mask_of(values) is None, "the mask can only come by hand")
    return values


@claim("masks-by-hand.composite-layer")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_composite_layer_works(keras, mode):
    ids = (np.random.RandomState(3).random_sample((32, 10)) * 100).astype("int32")
    require(ids.dtype == "int32" and (ids == 0).any(), "some of the ids are padding")
    layer = encoder(keras)
    run = compose(keras, mode, [layer])
    before = run(ids)
    redraw_padding(layer.table)
    assert ids.min() >= 0 and ids.max() <= 99 and ids.shape == (32, 10)
    assert before.shape == (32, 32) and before.dtype == "float32" and same(before, run(ids))
