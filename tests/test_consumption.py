"""Layers that use a mask: what they leave out, and how they are handed the mask.

Page: spec/consumption.md
"""

import contextlib
import inspect
import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.builtin_layers import twice_in_a_list
from tests.support.consumers import (
    ATTENTION,
    ATTENTION_BREAKS,
    ATTENTION_WORKS,
    BROKEN_ATTENTION,
    CONSUMERS,
    IGNORING,
    MORE_CONSUMERS,
    at_valid_steps,
    consumer,
    features,
    gappy_ids,
    layer_of,
    looked_up,
    of,
    without_padding,
    working_attention,
)
from tests.support.layers import failure
from tests.support.probes import (
    MODES,
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, HAS_MULTI_HEAD, MULTI_HEAD_USES_MASKS

HALF_PRECISION_ATTENTION = {"tf.keras": ">=2.5", "keras": "<3.0.5 or >=3.12", "*": ""}
BAD_SHAPES = "(?i)incompatible shapes|broadcast|must match|must be equal"
GROUPS_WITH_MASKS = {"tf.keras": ">=2.11,<2.14", "tf_keras": None, "*": ""}  # others raise an error
SYNCHRONIZED = {"tf.keras": ">=2.12", "keras/jax": None, "keras/torch": None, "*": ""}
MASKED_STATISTICS = {"tf.keras": ">=2.12", "keras": ">=3.0.5", "*": ""}

# --- what a mask is for ----------------------------------------------------------------------


@claim("consumption.model-must-be-told")
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
def test_model_that_is_not_told_reads_the_padding(keras, mode):
    table = embedding(keras, mask_zero=False)
    model = compose(keras, mode, [table, keras.layers.SimpleRNN(3)])
    assert depends_on_padding(model, table)


@claim("consumption.masking-tells-the-model")
@pytest.mark.parametrize("mode", MODES)
def test_masking_makes_the_model_ignore_the_padding(keras, mode):
    table, rnn = embedding(keras, mask_zero=True), keras.layers.SimpleRNN(3)
    model = compose(keras, mode, [table, rnn])
    rows = [table(keras.tensor(row[row != 0][None])) for row in padded_ids()]
    unpadded = np.concatenate([keras.numpy(rnn(row)) for row in rows])
    plain = keras.tensor(keras.numpy(table(keras.tensor(padded_ids()))))
    require(not same(keras.numpy(rnn(plain))[:2], unpadded[:2]), "padding counts without a mask")
    for ids in (padded_ids(), np.pad(padded_ids()[:2], [(0, 0), (0, 3)])):
        assert same(model(ids), unpadded[: len(ids)])  # one model, two sizes and lengths


@claim("consumption.only-with-a-mask")
@pytest.mark.parametrize("layer", of(*CONSUMERS))
def test_padding_is_left_out_only_with_a_mask(keras, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    shorter = run(looked_up(keras, without_padding(ids), padding=0.0))
    masked = run(looked_up(keras, ids, padding=0.0))
    require(same(at_valid_steps(masked, ids), shorter), "with a mask the padding is left out")
    zeros = run(looked_up(keras, ids, mask_zero=False, padding=0.0))
    assert not same(at_valid_steps(zeros, ids), shorter)


@claim("consumption.mask-decides")
@pytest.mark.parametrize("layer", of(*CONSUMERS))
def test_flipping_one_entry_removes_the_step(keras, layer):
    run, flipped = consumer(keras, layer), np.eye(6, dtype=bool)  # another step in each sample
    x = np.repeat(padded_features()[2:], 6, axis=0)  # the row without padding
    x[1] = 0.0  # looks like padding, and is none
    removed = run(keras.tensor(x[~flipped].reshape(6, 5, 4)))

    def at_the_others(result):
        return result[~flipped].reshape(6, 5, -1) if result.ndim == 3 else result

    unmasked = at_the_others(run(keras.tensor(x)))
    require(not same(unmasked[2:], removed[2:]), "without a mask each step counts")
    assert same(at_the_others(run(keras.tensor(x), keras.tensor(~flipped))), removed)


WRONG_MASKS = {
    "all-valid": lambda mask: np.ones_like(mask),
    "inverted": lambda mask: ~mask,
    "one-step-late": lambda mask: np.roll(mask, 1, axis=1),
}


@claim("consumption.explicit-mask-must-be-right")
@pytest.mark.parametrize(
    "mask, layer",
    [
        ("all-valid", "LSTM"),
        ("inverted", "SimpleRNN"),
        ("one-step-late", "SimpleRNN"),
        ("one-step-late", "GlobalAveragePooling1D"),
    ],
)
def test_wrong_mask_is_used_as_it_is(keras, mask, layer):
    run, ids = consumer(keras, layer), gappy_ids()
    x, wrong = looked_up(keras, ids, mask_zero=False), WRONG_MASKS[mask](ids != 0)
    shorter = run(looked_up(keras, without_padding(ids)))
    require(same(run(x, keras.tensor(ids != 0)), shorter), "the right mask leaves out the padding")
    assert not same(run(x, keras.tensor(wrong)), shorter)


# --- what skipping means ---------------------------------------------------------------------


@claim("consumption.masked-steps-skipped", instead="consumption.attention-mask")
@pytest.mark.parametrize(
    "layer",
    [
        *of(*MORE_CONSUMERS),
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=MULTI_HEAD_USES_MASKS),
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
    holds=ATTENTION_BREAKS,
    instead="consumption.each-false-is-ignored",
)
@pytest.mark.parametrize("samples", ["3-of-6-steps", "6-of-6-steps"])
@pytest.mark.parametrize("layer", ATTENTION)
def test_attention_breaks_on_a_mask_of_several_samples(keras, layer, samples):
    layer, chosen = layer_of(keras, layer), [0, 1, 2] * (int(samples[0]) // 3)
    batch, mask = padded_features(2.0)[chosen], valid_steps()[chosen]

    def attend(batch, mask):
        x, every = keras.tensor(batch), keras.tensor(np.ones_like(mask))
        return keras.numpy(layer([x, x], mask=[every, keras.tensor(mask)]))

    alone, short = attend(batch[:1], mask[:1]), attend(batch[:1, :3], mask[:1, :3])
    require(same(alone[:, :3], short), "the mask of a single sample works")
    if len(batch) == 3:
        assert re.search(BROKEN_ATTENTION, failure(attend, batch, mask))
    else:  # step i of each sample sees what the mask of sample i leaves
        by_step = [[attend(x[None], m[None])[0, i] for i, m in enumerate(mask)] for x in batch]
        assert same(attend(batch, mask), by_step)


@claim("consumption.each-false-is-ignored")
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


@claim("consumption.consumers-skip")
@pytest.mark.parametrize("layer", of(*CONSUMERS))
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
    batches = [looked_up(keras, ids, True, padding) for padding in (2.5, -2.5)]
    require(keras.mask_of(batches[0]) is not None, "the batch carries a mask")
    high, low = (run(batch)[ids == 0] for batch in batches)
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


@claim("consumption.nan-in-padding-reaches-the-result")
@pytest.mark.parametrize(
    "layer",
    [
        case("GlobalAveragePooling1D", holds={"keras": "<3.15", "*": ""}),
        *of(*ATTENTION),
        case("MultiHeadAttention", exists=MULTI_HEAD_USES_MASKS),
    ],
)
def test_nan_in_padding_reaches_the_result(keras, layer):
    run, valid = consumer(keras, layer), valid_steps()

    def result_of(padding):
        result = run(keras.carry(features(keras, padding), valid))
        return result[0, :3] if result.ndim == 3 else result[0]

    if not same(result_of(2.0), result_of(-2.0)):
        raise Unavailable(f"{layer} ignores the mask")
    assert np.isnan(result_of(float("nan"))).all(), "the NaN is left out"


# --- normalization ----------------------------------------------------------------------------


def normalized(keras, make, padding):
    """What a fresh layer returns for padded features with a mask, in training, and the layer."""
    layer = make()
    return layer(keras.carry(features(keras, padding), valid_steps()), training=True), layer


@claim("consumption.batch-normalization-leaves-padding-out", holds=MASKED_STATISTICS)
@pytest.mark.parametrize("of", ["batch", "moving-average"])
def test_batch_normalization_leaves_padding_out(keras, of):
    pair = [normalized(keras, keras.layers.BatchNormalization, p) for p in (2.0, -2.0)]
    require(all(keras.mask_of(steps) is not None for steps, _ in pair), "the mask arrives")
    if of == "batch":
        assert same(*(keras.numpy(steps)[valid_steps()] for steps, _ in pair))
    else:
        assert same(*(layer.get_weights()[2] for _, layer in pair))


@claim("consumption.batch-normalization-of-padding-is-nan", holds={"tf.keras": ">=2.12,<2.13"})
@pytest.mark.parametrize("of", ["batch", "moving-average"])
def test_batch_normalization_of_padding_alone_is_nan(keras, of):
    layer, nothing = keras.layers.BatchNormalization(), np.zeros_like(valid_steps())
    steps = layer(keras.carry(features(keras, 2.0), nothing), training=True)
    result = keras.numpy(steps) if of == "batch" else layer.get_weights()[2]
    assert np.isnan(result).all(), "the result holds numbers"


@claim("consumption.batch-normalization-of-each-step", exists=BEFORE_KERAS_3)
@pytest.mark.parametrize("inputs", ["unmasked", case("masked", holds=MASKED_STATISTICS)])
def test_batch_normalization_of_each_step_leaves_masked_samples_out(keras, inputs):
    batch = padded_features(2.0)
    weights = valid_steps() if inputs == "masked" else np.ones((3, 6))
    mean = np.average(batch, axis=0, weights=np.broadcast_to(weights[..., None], batch.shape))
    try:
        layer = keras.layers.BatchNormalization(axis=[1, 2], scale=False, momentum=0.0)
        steps = keras.tensor(batch)
        layer(keras.carry(steps, valid_steps()) if inputs == "masked" else steps, training=True)
    except (TypeError, ValueError) as error:
        raise Unavailable("it takes no list of axes") from error
    (found,) = [v for v in layer.weights if "moving_mean" in v.name]
    assert same(np.reshape(keras.numpy(found), (6, 4)), mean)


def strategy(keras):
    """The scope of a strategy for one device, in which code runs outside of its replicas."""
    if keras.backend_name != "tensorflow":
        raise Unavailable("strategies are TensorFlow's")
    import tensorflow as tf

    return tf.distribute.OneDeviceStrategy("/cpu:0").scope()


@claim("consumption.synchronized-batch-normalization", exists=SYNCHRONIZED)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "where",
    [
        case("usual", holds={"tf.keras": ">=2.13", "*": ""}),
        case("steps-as-axis", holds={"tf.keras": ">=2.13", "*": ""}),
        "outside-of-replicas",
    ],
)
def test_synchronized_batch_normalization_is_as_it_is_without(keras, where, dtype):
    axis, batch = 1 if where == "steps-as-axis" else -1, (1 + padded_features(2.0)).astype(dtype)

    def normalized(**options):
        layer = keras.layers.BatchNormalization(axis, dtype=dtype, **options)
        with strategy(keras) if where == "outside-of-replicas" else contextlib.nullcontext():
            steps = layer(keras.carry(keras.tensor(batch), valid_steps()), training=True)
        return keras.numpy(steps)[valid_steps()]

    wanted = normalized()
    with refuted_by(Exception, match="expected to be a double tensor"):  # TF 2.12
        try:
            found = normalized(synchronized=True)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise Unavailable("it cannot be synchronized") from error
    assert same(found, wanted)


@claim("consumption.normalization-over-steps-counts-padding")
@pytest.mark.parametrize(
    "layer", ["LayerNormalization", case("GroupNormalization", exists=GROUPS_WITH_MASKS)]
)
def test_normalization_over_steps_counts_padding(keras, layer):
    over_steps = {
        "LayerNormalization": lambda: keras.layers.LayerNormalization(axis=(1, 2)),
        "GroupNormalization": lambda: keras.layers.GroupNormalization(2),
    }
    if re.search(BAD_SHAPES, failure(normalized, keras, over_steps[layer], 0.0)):
        raise Unavailable(f"{layer} takes no mask of steps")
    high, low = (normalized(keras, over_steps[layer], p)[0] for p in (2.0, -2.0))
    require(same(keras.numpy(keras.mask_of(high)), valid_steps()), "the mask is handed on")
    assert not same(*(keras.numpy(steps)[valid_steps()] for steps in (high, low)))


@claim("consumption.channels-first-mask-does-not-fit")
def test_carried_mask_does_not_fit_channels_first(keras):
    pool = keras.layers.GlobalAveragePooling1D(data_format="channels_first")
    x, mask = padded_features(2.0), keras.tensor(valid_steps())
    swapped = keras.tensor(x.swapaxes(1, 2).copy())
    by_hand, usual = pool(swapped, mask=mask), consumer(keras, "GlobalAveragePooling1D")
    require(same(keras.numpy(by_hand), usual(keras.tensor(x), mask)), "a mask of steps is used")
    carried = keras.carry(swapped, np.ones((3, 4), bool))  # as `Masking` makes it
    assert re.search(BAD_SHAPES, failure(pool, carried))


@claim("consumption.half-precision-breaks-on-a-mask")
@pytest.mark.parametrize(
    "layer",
    [
        case("GlobalAveragePooling1D", holds={"tf.keras": "<2.6"}),
        case("Attention", holds={"tf.keras": "<2.5"}, exists=ATTENTION_WORKS),
    ],
)
def test_layer_of_half_precision_breaks_on_a_mask(keras, layer):
    if layer in ATTENTION:
        working_attention(keras, layer)  # or Unavailable
    make, x = getattr(keras.layers, layer), keras.tensor(padded_features().astype("float16"))
    run = twice_in_a_list(make(dtype="float16")) if layer in ATTENTION else make(dtype="float16")
    require(not failure(run, x), "without a mask it works")
    message = failure(run, keras.carry(x, valid_steps()))
    require(not message or "half" in message or "float" in message, "it is about dtypes")
    assert message, "no error is raised"


@claim(
    "consumption.half-precision-attention-without-values",
    holds={"tf.keras": ">=2.5", "keras/torch": None, "*": ""},
    exists=ATTENTION_WORKS,
)
@pytest.mark.parametrize("layer", ATTENTION)
def test_attention_to_nothing_in_half_precision_gives_numbers(keras, layer):
    working_attention(keras, layer)  # or Unavailable
    attention, mask = getattr(keras.layers, layer)(dtype="float16"), valid_steps()
    mask[0] = False
    x = keras.tensor(padded_features().astype("float16"))
    with refuted_by(Exception, match="half tensor but is a float"):
        result = attention([x, x], mask=[keras.tensor(np.ones_like(mask)), keras.tensor(mask)])
    found = np.isfinite(keras.numpy(result).astype("float32"))
    require(found[1:].all(), "samples with a valid step have numbers")
    assert found[0].all()


def attended(keras, dtype, score):
    """What `Attention` returns for a value of 1 with score 0 and a masked one of 3."""
    query = np.array([[[score, 0.0]]], dtype)
    keys = np.array([[[0.0, 0.0], [1.0, 0.0]]], dtype)
    values = np.array([[[1.0, 1.0], [3.0, 3.0]]], dtype)
    tensors = [keras.tensor(part) for part in (query, values, keys)]
    seen = [keras.tensor(np.array([steps])) for steps in ([True], [True, False])]
    return keras.numpy(keras.layers.Attention(dtype=dtype)(tensors, mask=seen))


@claim("consumption.attention-mask-holds-below-a-limit", exists=ATTENTION_WORKS)
@pytest.mark.parametrize(
    "dtype, score", [("float32", 7.5e8), case("float16", 5e4, exists=HALF_PRECISION_ATTENTION)]
)
def test_masked_value_gets_no_weight_below_a_limit(keras, dtype, score):
    working_attention(keras, "Attention")  # or Unavailable
    try:
        found = attended(keras, dtype, score)
    except Exception as error:
        require("half tensor but is a float" in str(error), "it is about dtypes")
        raise Unavailable("the layer takes no mask in half precision") from error
    assert same(found, [[[1, 1]]])


@claim("consumption.attention-mask-can-be-outweighed", exists=ATTENTION_WORKS)
def test_masked_value_gets_the_weight_above_a_limit(keras):
    working_attention(keras, "Attention")  # or Unavailable
    require(same(attended(keras, "float32", 1e4), [[[1, 1]]]), "the mask is used")
    assert same(attended(keras, "float32", 2e9), [[[3, 3]]])


# --- the mask argument -----------------------------------------------------------------------


@claim("consumption.mask-argument-of-dunder-call", instead="consumption.attention-mask")
@pytest.mark.parametrize(
    "layer",
    [*of("LSTM", *CONSUMERS), case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=NEVER)],
)
def test_consumers_take_a_mask_in_dunder_call(keras, layer):
    run, mask = consumer(keras, layer), keras.tensor(valid_steps())
    high, low = features(keras, 2.0), features(keras, -2.0)
    require(not same(run(high), run(low)), "without a mask the padded steps count")
    with refuted_by(TypeError, match="unexpected keyword argument 'mask'"):
        masked = run(high, mask)
    assert same(run(low, mask), masked)


@claim("consumption.dunder-call-hands-the-mask-on")
@pytest.mark.parametrize("layer", ["custom", "Dense", "Conv1D", "GlobalMaxPooling1D"])
def test_dunder_call_hands_the_mask_on_to_call(keras, layer):
    mask, x = keras.tensor(valid_steps()), features(keras, 0.0)
    if layer == "custom":
        custom = spy(keras)
        custom(x, mask=mask)
        assert "mask" not in inspect.signature(custom.__call__).parameters
        assert custom.seen[-1] is mask
    else:
        assert re.search("^TypeError.*'mask'", failure(consumer(keras, layer), x, mask), re.S)


@claim("consumption.mask-argument-of-call")
@pytest.mark.parametrize("layer", [*MORE_CONSUMERS, "ConvLSTM2D", "TimeDistributed"])
def test_consumers_have_a_mask_argument_in_call(keras, layer):
    names = list(inspect.signature(layer_of(keras, layer).call).parameters)
    observe(", ".join(name for name in names if "mask" in name))
    assert "mask" in names


@claim("consumption.softmax-robust-masking", exists={"tf_keras": ">=2.21"})
@pytest.mark.parametrize("layer", ["new", "from-its-config"])
@pytest.mark.parametrize("mask", ["bool", "float32", "float64"])
def test_softmax_with_robust_masking_gives_zero_to_any_masked_number(keras, layer, mask):
    try:
        robust, plain = keras.layers.Softmax(robust_masking=True), keras.layers.Softmax()
    except (TypeError, ValueError) as error:
        raise Unavailable("Softmax has no robust_masking") from error
    if layer == "from-its-config":
        robust, plain = (type(robust).from_config(s.get_config()) for s in (robust, plain))
    numbers = keras.tensor(np.array([[1e9, -1e8, -1e8]], "float32"))
    valid = np.array([[False, True, True]] if mask == "bool" else [[0.4, 0.6, 1.0]])
    given = keras.tensor(valid.astype(mask))
    require(same(keras.numpy(plain(numbers, mask=given)), [[1, 0, 0]]), "without it, they count")
    assert same(keras.numpy(robust(numbers, mask=given)), [[0, 0.5, 0.5]])


@claim("consumption.attention-robust-masking", exists={"tf_keras": ">=2.21"})
@pytest.mark.parametrize("layer", ["new", "from-its-config"])
def test_attention_with_robust_masking_gives_no_weight_to_any_masked_score(keras, layer):
    make = keras.layers.MultiHeadAttention
    try:
        attention = make(1, 4, softmax_robust_masking=True)
    except (TypeError, ValueError) as error:
        raise Unavailable("MultiHeadAttention has no softmax_robust_masking") from error
    if layer == "from-its-config":
        attention = make.from_config(attention.get_config())
    seen, query = keras.tensor(valid_steps()[:1, None]), keras.tensor(padded_features()[:1])

    def follows_padding(attention):
        steps = [keras.tensor(padded_features(padding)[:1]) for padding in (1e12, -1e12)]
        return not same(*(keras.numpy(attention(query, x, attention_mask=seen)) for x in steps))

    require(follows_padding(make(1, 4)), "otherwise large scores outweigh the mask")
    assert not follows_padding(attention)


@claim("consumption.attention-mask", exists=HAS_MULTI_HEAD)
def test_multi_head_attention_takes_an_attention_mask(keras):
    run, valid = consumer(keras, "MultiHeadAttention", "attention_mask"), valid_steps()
    high, low = features(keras, 2.0), features(keras, -2.0)
    require(not same(run(high)[valid], run(low)[valid]), "without a mask the padded steps count")
    mask = keras.tensor(np.repeat(valid[:, None, :], 6, axis=1))  # (batch, targets, sources)
    assert same(run(high, mask)[valid], run(low, mask)[valid])
