"""Layers that use a mask: what they leave out, and how they are handed the mask.

Page: spec/consumption.md
"""

import inspect

import numpy as np
import pytest

from maskspec import ALWAYS, NEVER, case, claim, observe, refuted_by, require
from maskspec.probes import (
    MODES,
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    redraw_padding,
    same,
    spy,
    symbolic_batch,
    valid_steps,
)

ATTENTION = ("Attention", "AdditiveAttention")
CONSUMERS = ("SimpleRNN", "GlobalAveragePooling1D", "Attention")
MORE_CONSUMERS = (*CONSUMERS, "LSTM", "GRU", "Bidirectional", "AdditiveAttention")
IGNORING = ("Conv1D", "MaxPooling1D", "AveragePooling1D", "GlobalMaxPooling1D")
NUMBERS = [("SimpleRNN", "uint8")]
NUMBERS += [(name, dtype) for name in CONSUMERS for dtype in ("int32", "float32")]

ATTENTION_WORKS = {"keras": ">=3.12", "*": ""}  # before, it breaks on any mask of its values
BROKEN_ATTENTION = "(?i)incompatible shapes|must match the size of tensor"
NEEDS_BOOL = {"tf.keras": "", "tf_keras": "", "keras": "<3.12"}
HAS_MULTI_HEAD = {"tf.keras": ">=2.4", "*": ""}
NUMPY_1_20 = {"tf.keras": ">=2.7", "*": ""}


def of(*names, first=(), last=()):
    """A case for each layer, between other parameters; attention holds where it works."""
    return [
        case(*first, name, *last, holds=ATTENTION_WORKS if name in ATTENTION else ALWAYS)
        for name in names
    ]


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
    layer = layer_of(keras, name)

    def run(x, mask=None):
        given = {} if mask is None else {mask_name: mask}
        if name == "BatchNormalization":
            given["training"] = True
        if name == "MultiHeadAttention":
            return keras.numpy(layer(x, x, **given))
        if name in ATTENTION:
            with refuted_by(Exception, match=BROKEN_ATTENTION):
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


# --- what a mask is for ----------------------------------------------------------------------


@claim("consumption.model-must-be-told")
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
def test_model_that_is_not_told_sees_the_padding(keras, mode):
    ids = embedding(keras, mask_zero=False)
    model = compose(keras, mode, [ids, keras.layers.SimpleRNN(3)])
    assert depends_on_padding(model, ids)


@claim("consumption.masking-tells-the-model")
@pytest.mark.parametrize("mode", MODES)
def test_masking_makes_the_model_ignore_the_padding(keras, mode):
    ids = embedding(keras, mask_zero=True)
    model = compose(keras, mode, [ids, keras.layers.SimpleRNN(3)])
    assert not depends_on_padding(model, ids)


# --- what skipping means ---------------------------------------------------------------------


@claim(
    "consumption.masked-steps-skipped",
    instead=(
        "consumption.convolution-and-pooling-ignore-the-mask",
        "consumption.attention-mask",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize(
    "layer",
    [
        *of(*MORE_CONSUMERS),
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds={"tf.keras": ">=2.10", "*": ""}),
        *[case(name, holds=NEVER) for name in IGNORING],
    ],
)
def test_masked_steps_are_skipped(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    shorter = run(looked_up(keras, without_padding(ids)))
    unmasked = run(looked_up(keras, ids, mask_zero=False))
    require(not same(at_valid_steps(unmasked, ids), shorter), "the padded steps count unmasked")
    masked = run(looked_up(keras, ids))
    assert same(at_valid_steps(masked, ids), shorter)


@claim("consumption.convolution-and-pooling-ignore-the-mask")
@pytest.mark.parametrize("layer", IGNORING)
def test_convolution_and_pooling_ignore_the_mask(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    unmasked = run(looked_up(keras, ids, mask_zero=False))
    other = run(looked_up(keras, ids, mask_zero=False, padding=2.0))
    require(not same(unmasked, other), "the padded steps count")
    assert same(run(looked_up(keras, ids)), unmasked)


@claim(
    "consumption.attention-breaks-on-a-mask",
    holds={"keras": "<3.12"},
    instead="consumption.each-false-is-ignored",
)
@pytest.mark.parametrize("samples", [3, 6])
@pytest.mark.parametrize("layer", ATTENTION)
def test_attention_breaks_on_a_mask(keras, layer, samples):
    layer, mask = layer_of(keras, layer), keras.tensor(np.resize(valid_steps(), (samples, 6)))
    high, low = (keras.tensor(np.resize(padded_features(p), (samples, 6, 4))) for p in (2, -2))
    masked, error = attempt(lambda: layer([high, high], mask=[mask, mask]))
    if samples == 6 and error is None:  # as many samples as timesteps
        other = layer([low, low], mask=[mask, mask])
        assert not same(keras.numpy(masked), keras.numpy(other))
    else:
        assert error is not None


@claim("consumption.each-false-is-ignored", instead="consumption.attention-breaks-on-a-mask")
@pytest.mark.parametrize("layer", of(*CONSUMERS))
def test_each_false_is_ignored(keras, layer):
    run, x = consumer(keras, layer), np.repeat(padded_features(0.5), 6, axis=0)
    step = np.tile(np.eye(6, dtype=bool), (3, 1))  # sample by sample, one entry after the other
    changed = np.where(step[:, :, None], np.float32(2), x)
    pair, mask = (keras.tensor(x), keras.tensor(changed)), keras.tensor(~step)
    before, after = (run(batch) for batch in pair)
    require(all(not same(a, b) for a, b in zip(before, after)), "without a mask each step counts")
    before, after = (run(batch, mask) for batch in pair)
    assert same(before, after)


@claim(
    "consumption.consumers-skip",
    instead=(
        "consumption.masked-steps-still-computed",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize(
    "layer",
    [
        *of(*CONSUMERS),
        case("TimeDistributed", holds=NEVER),
        case("BatchNormalization", holds=NEVER),
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=NEVER),
    ],
)
def test_consumers_decide_by_the_mask_what_to_skip(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    high, low = (looked_up(keras, ids, False, padding) for padding in (2.5, -2.5))
    require(not same(run(high), run(low)), "without a mask the padded steps count")
    high, low = (looked_up(keras, ids, True, padding) for padding in (2.5, -2.5))
    assert same(run(high), run(low))


@claim("consumption.masked-steps-still-computed")
@pytest.mark.parametrize(
    "layer",
    [
        "TimeDistributed",
        "BatchNormalization",
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD),
    ],
)
def test_masked_steps_are_still_computed(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    high, low = (run(looked_up(keras, ids, True, padding))[ids == 0] for padding in (2.5, -2.5))
    assert not any(same(a, b) for a, b in zip(high, low))


@claim("consumption.nothing-left")
@pytest.mark.parametrize(
    "layer, result",
    [("SimpleRNN", 0.0), ("GRU", 0.0), ("LSTM", 0.0), ("GlobalAveragePooling1D", float("nan"))],
)
def test_sample_without_a_valid_step(keras, layer, result):
    mask = valid_steps()
    mask[0] = False
    sample = consumer(keras, layer)(features(keras, 2.0), keras.tensor(mask))[0]
    observe(sample[0])
    assert np.array_equal(sample, np.full_like(sample, result)) or np.isnan([*sample, result]).all()


# --- the mask argument -----------------------------------------------------------------------


@claim(
    "consumption.mask-argument-of-dunder-call",
    instead=(
        "consumption.dunder-call-hands-the-mask-on",
        "consumption.attention-mask",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize(
    "reading, layer",
    [
        *of("LSTM", *CONSUMERS, first=["as-keyword"]),
        case("as-keyword", "MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=NEVER),
        *[case("in-signature", name, holds=NEVER) for name in ("LSTM", *CONSUMERS)],
    ],
)
def test_consumers_have_a_mask_argument_in_dunder_call(keras, reading, layer):
    if reading == "in-signature":
        names = list(inspect.signature(layer_of(keras, layer).__call__).parameters)
        observe(", ".join(names))
        assert "mask" in names
    else:
        run, x = consumer(keras, layer), features(keras, 2.0)
        with refuted_by(TypeError, match="unexpected keyword argument 'mask'"):
            masked = run(x, keras.tensor(valid_steps()))
        assert not same(masked, run(x))


@claim("consumption.dunder-call-hands-the-mask-on")
@pytest.mark.parametrize("layer", ["custom", "Dense", "Conv1D", "GlobalMaxPooling1D"])
def test_dunder_call_hands_the_mask_on_to_call(keras, layer):
    mask, x = keras.tensor(valid_steps()), features(keras, 0.0)
    if layer == "custom":
        custom = spy(keras)
        custom(x, mask=mask)
        assert custom.seen[-1] is mask
    else:
        _, error = attempt(consumer(keras, layer), x, mask)
        assert isinstance(error, TypeError) and "'mask'" in str(error)


@claim("consumption.mask-argument-of-call", instead="consumption.attention-mask")
@pytest.mark.parametrize(
    "layer",
    [
        *MORE_CONSUMERS,
        "ConvLSTM2D",
        "TimeDistributed",
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=NEVER),
    ],
)
def test_consumers_have_a_mask_argument_in_call(keras, layer):
    names = list(inspect.signature(layer_of(keras, layer).call).parameters)
    observe(", ".join(name for name in names if "mask" in name))
    assert "mask" in names


@claim("consumption.attention-mask", exists=HAS_MULTI_HEAD)
def test_multi_head_attention_takes_an_attention_mask(keras):
    run, valid = consumer(keras, "MultiHeadAttention", "attention_mask"), valid_steps()
    high, low = features(keras, 2.0), features(keras, -2.0)
    require(not same(run(high)[valid], run(low)[valid]), "without a mask the padded steps count")
    mask = keras.tensor(np.repeat(valid[:, None, :], 6, axis=1))  # (batch, targets, sources)
    assert same(run(high, mask)[valid], run(low, mask)[valid])


# --- compute_mask ----------------------------------------------------------------------------


def generator(keras, name):
    """A layer that makes a mask, and a numpy batch for it with ``valid_steps``."""
    if name == "Embedding":
        return embedding(keras), padded_ids()
    return keras.layers.Masking(), padded_features(0.0)


@claim("consumption.compute-mask-arguments", instead="consumption.compute-mask-argument-names")
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


@claim("consumption.compute-mask-argument-names")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_compute_mask_arguments_are_inputs_and_mask(keras, layer):
    made_by, batch = generator(keras, layer)
    mask = made_by.compute_mask(inputs=batch, mask=None)
    assert same(keras.numpy(mask), valid_steps())


@claim("consumption.previous-mask-is-ignored")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_previous_mask_is_ignored(keras, layer):
    made_by, batch = generator(keras, layer)
    nothing_valid = keras.tensor(np.zeros_like(valid_steps()))
    mask = made_by.compute_mask(keras.tensor(batch), nothing_valid)
    assert same(keras.numpy(mask), valid_steps())


@claim("consumption.compute-mask-callable")
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


@claim("consumption.embedding-needs-only-inputs")
@pytest.mark.parametrize("mask_zero", [True, False], ids=["mask_zero", "no-mask_zero"])
def test_compute_mask_of_embedding_needs_only_the_inputs(keras, mask_zero):
    mask = embedding(keras, mask_zero=mask_zero).compute_mask(padded_ids())
    if mask_zero:
        assert same(keras.numpy(mask), padded_ids() != 0)
    else:
        assert mask is None


@claim("consumption.compute-mask-of-any-layer")
@pytest.mark.parametrize("layer", ["Dense", "Conv1D", "SimpleRNN", "GlobalAveragePooling1D"])
def test_compute_mask_of_any_layer_takes_none(keras, layer):
    assert layer_of(keras, layer).compute_mask(features(keras, 0.0), None) is None


# --- a mask passed by hand -------------------------------------------------------------------


def bare(keras, tensor):
    """The same values without the mask that they carry."""
    return keras.tensor(keras.numpy(tensor))


@claim("consumption.computed-mask-can-be-passed", instead="consumption.attention-breaks-on-a-mask")
@pytest.mark.parametrize("layer", of("LSTM", *CONSUMERS))
def test_computed_mask_can_be_passed(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x = looked_up(keras, ids)
    automatic = run(x)
    require(not same(run(bare(keras, x)), automatic), "the mask makes a difference")
    assert same(run(bare(keras, x), embedding(keras).compute_mask(ids)), automatic)


@claim("consumption.mask-made-by-hand", instead="consumption.attention-breaks-on-a-mask")
@pytest.mark.parametrize("layer", of("LSTM", *CONSUMERS))
def test_mask_made_by_hand_does_the_same(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x = looked_up(keras, ids)
    automatic = run(x)
    require(not same(run(bare(keras, x)), automatic), "the mask makes a difference")
    assert same(run(bare(keras, x), keras.tensor(ids != 0)), automatic)


@claim(
    "consumption.numpy-mask",
    holds=NUMPY_1_20,
    instead="consumption.numpy-mask-refused-by-rnn",
)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_rnn_takes_a_numpy_mask(keras, layer):
    run, x = consumer(keras, layer), features(keras, 2.0)
    with refuted_by(TypeError, match="data type"):
        masked = run(x, valid_steps())
    assert same(masked, run(x, keras.tensor(valid_steps())))


@claim(
    "consumption.numpy-mask-refused-by-rnn",
    holds={"tf.keras": "<2.7"},
    instead="consumption.numpy-mask",
)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_rnn_refuses_a_numpy_mask(keras, layer):
    _, error = attempt(consumer(keras, layer), features(keras, 2.0), valid_steps())
    assert isinstance(error, TypeError) and "data type" in str(error)


@claim("consumption.list-mask-refused-by-rnn")
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_rnn_refuses_a_list_as_mask(keras, layer):
    _, error = attempt(consumer(keras, layer), features(keras, 2.0), valid_steps().tolist())
    assert isinstance(error, AttributeError) and "dtype" in str(error)


# --- its type and shape ----------------------------------------------------------------------


@claim(
    "consumption.boolean-tensor",
    instead=("consumption.zero-one-mask", "consumption.attention-breaks-on-a-mask"),
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


@claim("consumption.zero-one-mask", instead="consumption.attention-breaks-on-a-mask")
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


def half_weights():
    """The mask of the batch, but 0.5 instead of 1 at some of the valid steps."""
    return valid_steps() * np.array([1, 0.5, 0.5, 1, 0.5, 1], "float32")


@claim("consumption.fractions-count-as-true", instead="consumption.average-pooling-weighs")
@pytest.mark.parametrize(
    "layer",
    ["SimpleRNN", case("GlobalAveragePooling1D", holds={"keras": ">=3.15"})],
)
def test_fractions_count_as_true(keras, layer):
    run, x = consumer(keras, layer), features(keras, 2.0)
    as_boolean = run(x, keras.tensor(valid_steps()))
    assert same(run(x, keras.tensor(half_weights())), as_boolean)


@claim(
    "consumption.average-pooling-weighs",
    holds={"keras": "<3.15", "*": ""},
    instead="consumption.fractions-count-as-true",
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
    *[("SimpleRNN", shape) for shape in ("time", "batch,1", "batch,time+1", "time,batch")],
    *[("Attention", shape) for shape in ("batch,time,1", "batch,time+1", "time,batch")],
    *[
        ("GlobalAveragePooling1D", shape)
        for shape in ("batch,time,1", "time", "batch,time+1", "time,batch")
    ],
]


@claim(
    "consumption.mask-shape",
    instead=(
        "consumption.other-shapes-broadcast",
        "consumption.column-mask-in-average-pooling",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize(
    "reading, layer, shape",
    [
        *of(*CONSUMERS, first=["right"], last=["batch,time"]),
        *[("only", *pair) for pair in REFUSED],
        *[case("only", *pair, holds=NEVER) for pair in TAKEN],
        case("only", "GlobalAveragePooling1D", "batch,1", holds=NEVER),
        case("only", "Attention", "batch,1", holds={"keras": "<3.12"}),
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


@claim("consumption.other-shapes-broadcast", instead="consumption.attention-breaks-on-a-mask")
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


@claim("consumption.column-mask-in-average-pooling")
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
    values = keras.ops.reshape(tensor, keras.ops.shape(tensor))
    require(keras.mask_of(values) is None, "the mask can only come by hand")
    return values


@claim("consumption.composite-layer")
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
