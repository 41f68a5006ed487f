"""Attention layers and transformer blocks: how they use masks, and what becomes of these.

Page: spec/transformers.md
"""

import re
import warnings

import numpy as np
import pytest

from maskspec import Unavailable, case, claim, require
from tests.support.consumers import (
    ATTENTION,
    features,
    gappy_ids,
    working_attention,
)
from tests.support.layers import failure
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import HAS_MULTI_HEAD, KERAS_3, MULTI_HEAD_USES_MASKS

WITHOUT_A_WORD = "AssertionError: .*MultiHeadAttention"  # Keras 3.7 on JAX, of the shapes
SEVERAL_MASKS = {"tf.keras": ">=2.4", "keras": "<3.0.5 or >=3.12", "*": ""}
BAD_SHAPES = "(?i)incompatible shapes|broadcastable|must match the size|to have shape"
ATTENTION_LAYERS = [
    case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=MULTI_HEAD_USES_MASKS),
    case("GroupQueryAttention", exists=KERAS_3),
]


def self_attention(keras, name):
    """A layer of attention of a batch to itself, as a callable of one tensor."""
    sizes = {"MultiHeadAttention": (1, 4), "GroupQueryAttention": (4, 1, 1)}
    layer = getattr(keras.layers, name)(*sizes.get(name, ()))
    if name in ATTENTION:
        return lambda x, **options: layer([x, x], **options)
    return lambda x, **options: layer(x, x, **options)


def transformer_block(keras, norm):
    """Attention and a residual connection, with the normalization after or before them."""
    attend, add = self_attention(keras, "MultiHeadAttention"), keras.layers.Add()
    normalize = keras.layers.LayerNormalization()
    if norm == "post-norm":
        return lambda x: normalize(add([x, attend(x)]))
    return lambda x: add([x, attend(normalize(x))])


def mask_stays(keras, mode):
    """Whether a tensor still carries its mask when attention has been called on it."""
    attend, after = self_attention(keras, "MultiHeadAttention"), spy(keras)

    def attend_then_look(x):
        attend(x)
        return after(x)

    compose(keras, mode, [embedding(keras), after])(padded_ids())
    require(after.seen[-1] is not None, "the input carries a mask")
    compose(keras, mode, [embedding(keras), attend_then_look])(padded_ids())
    return after.seen[-1] is not None


@claim("transformers.output-carries-a-mask")
@pytest.mark.parametrize("layer", ATTENTION_LAYERS)
def test_output_of_attention_carries_the_mask(keras, layer):
    attend = self_attention(keras, layer)
    require(keras.mask_of(attend(features(keras, 2.0))) is None, "no mask is made from nothing")
    mask = keras.mask_of(attend(keras.carry(features(keras, 2.0), valid_steps())))
    require(mask is None or same(keras.numpy(mask), valid_steps()), "a mask is that of the input")
    assert mask is not None


@claim("transformers.attention-handed-nothing-on", holds={"keras": "<3.4"})
@pytest.mark.parametrize("layer", ATTENTION)
def test_output_of_attention_carries_no_mask(keras, layer):
    x = keras.carry(features(keras, 2.0)[:1], valid_steps()[:1])  # more samples break some releases
    require(keras.mask_of(keras.layers.Dense(4)(x)) is not None, "other layers hand the mask on")
    mask = keras.mask_of(self_attention(keras, layer)(x))
    require(mask is None or same(keras.numpy(mask), valid_steps()[:1]), "a mask is that of x")
    assert mask is None


@claim("transformers.use-masks")
@pytest.mark.parametrize("layer", ATTENTION_LAYERS)
def test_attention_leaves_out_padding(keras, layer):
    attend, valid = self_attention(keras, layer), valid_steps()
    high, low = (keras.numpy(attend(features(keras, p)))[valid] for p in (2.0, -2.0))
    require(not same(high, low), "without a mask the padding shows")
    masked = [keras.carry(features(keras, p), valid) for p in (2.0, -2.0)]
    require(keras.mask_of(masked[0]) is not None, "the input carries a mask")
    high, low = (keras.numpy(attend(x))[valid] for x in masked)
    assert same(high, low)


@claim("transformers.inverted-mask-keeps-the-padding", exists=HAS_MULTI_HEAD)
@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_mask_that_is_1_at_the_padding_leaves_nothing_else(keras, dtype):
    layer, valid = keras.layers.MultiHeadAttention(2, 3), valid_steps()[:2]
    query, x = keras.tensor(padded_features()[:2]), padded_features(2.0)[:2]
    other_words = np.where(valid[..., None], np.float32(0.5), x)

    def attend(values, mask):
        mask = keras.tensor(mask[:, None, :].astype(dtype))
        return keras.numpy(layer(query, keras.tensor(values), attention_mask=mask))

    require(not same(attend(x, valid), attend(other_words, valid)), "the right mask keeps words")
    require(same(attend(x, valid), attend(padded_features(-2.0)[:2], valid)), "and no padding")
    assert same(attend(x, ~valid), attend(other_words, ~valid))
    assert not same(attend(x, ~valid), attend(padded_features(-2.0)[:2], ~valid))


@claim("transformers.causal-mask-joins-the-padding-mask", exists=MULTI_HEAD_USES_MASKS)
@pytest.mark.parametrize(
    "layer",
    [
        "MultiHeadAttention",
        case("GroupQueryAttention", exists=KERAS_3),
        *(case(name, exists={"keras": ">=3.12", "*": ""}) for name in ATTENTION),
    ],
)
def test_causal_mask_and_padding_mask_work_together(keras, layer):
    if layer in ATTENTION:
        working_attention(keras, layer)  # or Unavailable
    attend, x, mask = self_attention(keras, layer), padded_features(2.0), gappy_ids() != 0

    if "use_causal_mask" in failure(lambda: attend(keras.tensor(x), use_causal_mask=True)):
        raise Unavailable("there is no argument use_causal_mask")

    def steps(batch, carried=None, **options):
        batch = keras.tensor(batch)
        batch = batch if carried is None else keras.carry(batch, carried)
        result = keras.numpy(attend(batch, **options))
        return result if len(result[0]) == 3 else result[mask].reshape(3, 3, 4)

    wanted = steps(x[mask].reshape(3, 3, 4), use_causal_mask=True)
    require(not same(steps(x, mask), wanted), "without the causal mask, later steps count")
    require(not same(steps(x, use_causal_mask=True), wanted), "without the other, padding counts")
    assert same(steps(x, mask, use_causal_mask=True), wanted)


@claim("transformers.four-axes-beside-a-mask", holds=MULTI_HEAD_USES_MASKS, exists=HAS_MULTI_HEAD)
@pytest.mark.parametrize("heads", ["2-of-3-samples", "3-of-3-samples"])
def test_attention_mask_of_four_axes_clashes_with_the_mask_of_the_input(keras, heads):
    layer, valid = keras.layers.MultiHeadAttention(int(heads[0]), 4), valid_steps()

    def attend(mask, padding=2.0, carried=False):
        x = features(keras, padding)
        x = keras.carry(x, valid) if carried else x
        return keras.numpy(layer(x, x, attention_mask=keras.tensor(mask)))[valid]

    sources, of_heads = valid[:, None, None, :], valid[None, :, :, None] & valid[None, :, None, :]
    require(same(attend(sources), attend(sources, -2.0)), "without a carried mask it works")
    if heads == "2-of-3-samples":
        message = failure(lambda: attend(sources, carried=True))
        assert re.search(f"{BAD_SHAPES}|{WITHOUT_A_WORD}", message)
    else:  # head i of each sample gets the mask of sample i besides its own
        assert same(attend(sources, carried=True), attend(sources & of_heads))


@claim("transformers.four-axes-of-input", holds=MULTI_HEAD_USES_MASKS, exists=HAS_MULTI_HEAD)
@pytest.mark.parametrize(
    "attended",
    ["all-axes", case("last-axis", holds={**MULTI_HEAD_USES_MASKS, "keras": None})],
)
def test_masked_input_of_four_axes_raises(keras, attended):
    axes = {} if attended == "all-axes" else {"attention_axes": (2,)}
    layer = keras.layers.MultiHeadAttention(1, 4, **axes)
    x = np.random.RandomState(0).uniform(1, 2, (2, 3, 4, 5)).astype("float32")
    require(not failure(lambda: layer(keras.tensor(x), keras.tensor(x))), "it works unmasked")
    masked = keras.carry(keras.tensor(x), np.ones((2, 3, 4), bool))
    assert re.search(BAD_SHAPES, failure(lambda: layer(masked, masked)))


@claim("transformers.group-query-attention-warns", exists=KERAS_3)
def test_group_query_attention_warns_and_loses_nothing(keras):
    layer, valid = keras.layers.GroupQueryAttention(4, 1, 1), valid_steps()
    results = []
    for padding in (2.0, -2.0):
        x = keras.carry(features(keras, padding), valid)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results.append(layer(x, x))
        assert any("does not support mask" in str(warning.message) for warning in caught)
    assert same(keras.numpy(keras.mask_of(results[0])), valid)
    assert same(*(keras.numpy(result)[valid] for result in results))


@claim(
    "transformers.block-keeps-the-mask",
    exists=HAS_MULTI_HEAD,
    instead=(
        "transformers.attention-takes-masks-off",
        "consumption.attention-mask",
        "merging.joining-dropped-the-mask",
    ),
)
@pytest.mark.parametrize(
    "mode, norm, blocks",
    [
        case("functional", "post-norm", 1, holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4"}),
        case("functional", "post-norm", 2, holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4,<3.10"}),
        case("eager", "pre-norm", 2, holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4"}),
        case("eager", "post-norm", 1, holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4,<3.8"}),
    ],
)
def test_mask_gets_through_a_transformer_block(keras, mode, norm, blocks):
    def notices_padding(mode, mask_zero):
        table = embedding(keras, mask_zero=mask_zero)
        each = [transformer_block(keras, norm) for _ in range(blocks)]
        parts = [table, *each, keras.layers.GlobalAveragePooling1D()]
        return depends_on_padding(compose(keras, mode, parts), table)

    require(notices_padding("eager", False), "without a mask the padding shows")
    assert not notices_padding(mode, True)


@claim("transformers.attention-takes-masks-off", holds={"keras": ">=3.8"}, exists=HAS_MULTI_HEAD)
@pytest.mark.parametrize("mode", ["eager", "subclassed"])
def test_multi_head_attention_takes_the_mask_off_its_inputs(keras, mode):
    assert not mask_stays(keras, mode)


@claim("transformers.mask-of-the-key")
@pytest.mark.parametrize(
    "layer",
    [
        *(case(name, exists=SEVERAL_MASKS) for name in ATTENTION),
        case("MultiHeadAttention", exists=MULTI_HEAD_USES_MASKS),
        case("GroupQueryAttention", exists=KERAS_3),
    ],
)
def test_only_attention_with_heads_uses_the_mask_of_the_key(keras, layer):
    sizes = {"MultiHeadAttention": (1, 4), "GroupQueryAttention": (4, 1, 1)}
    query, as_list = features(keras, 0.5), layer in ATTENTION
    made = working_attention(keras, layer) if as_list else None  # or Unavailable
    attend = made or getattr(keras.layers, layer)(*sizes[layer])

    def notices_padding(*masked):
        results = []
        for padding in (2.0, -2.0):
            value, key = features(keras, padding), features(keras, padding)
            for x in [{"value": value, "key": key}[role] for role in masked]:
                keras.carry(x, valid_steps())
            steps = attend([query, value, key]) if as_list else attend(query, value, key)
            results.append(keras.numpy(steps))
        return not same(*results)

    require(notices_padding(), "without a mask the padding shows")
    if "list of length 2" in failure(notices_padding, "value") or notices_padding("value"):
        raise Unavailable(f"{layer} takes no mask here")
    assert notices_padding("key") == as_list


@claim(
    "transformers.scores-of-padding-are-zero",
    exists=MULTI_HEAD_USES_MASKS,
    holds={"keras": ">=3.10"},
)
@pytest.mark.parametrize(
    "layer", ["MultiHeadAttention", case("GroupQueryAttention", exists=KERAS_3)]
)
def test_scores_of_masked_keys_are_zero(keras, layer):
    valid, attend = valid_steps(), self_attention(keras, layer)
    x = keras.carry(features(keras, 0.5), valid)
    scores = keras.numpy(attend(x, return_attention_scores=True)[1])  # (batch, heads, steps, steps)
    to_padding = scores.swapaxes(1, 3).swapaxes(2, 3)[~valid].swapaxes(1, 2)  # of heads, queries
    from_valid = np.repeat(valid[:, None], 6, axis=1)[~valid]
    if to_padding[from_valid].any():
        raise Unavailable(f"{layer} ignores the mask")
    assert same(to_padding, 0 * to_padding), "masked steps attend to it"


@claim("transformers.attention-operation-uses-its-mask", exists={"keras": ">=3.6"})
@pytest.mark.parametrize("by", ["mask", "is_causal"])
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_attention_operation_leaves_out_what_its_mask_hides(keras, mode, by):
    given = (
        {"is_causal": True} if by == "is_causal" else {"mask": np.tri(6, dtype=bool)[None, None]}
    )

    def run(x, **arguments):
        def attend(x):
            return keras.ops.dot_product_attention(x, x, x, **arguments)

        if mode == "functional":
            inputs = keras.Input((6, 1, 4))
            return keras.numpy(keras.Model(inputs, attend(inputs))(keras.tensor(x)))
        return keras.numpy(attend(keras.tensor(x)))

    x = padded_features(2.0)[:, :, None]
    later = x + np.array([0, 0, 0, 0, 0, 1.0], "float32")[:, None, None]
    require(not same(run(x)[:, :5], run(later)[:, :5]), "without a mask the last step counts")
    assert same(run(x, **given)[:, :5], run(later, **given)[:, :5])


@claim("transformers.attention-operation-sees-no-mask", exists={"keras": ">=3.6"})
def test_attention_operation_ignores_the_masks_that_tensors_carry(keras):
    def run(x, mask=None):
        steps = keras.tensor(x[:, :, None])
        steps = steps if mask is None else keras.carry(steps, mask)
        return keras.numpy(keras.ops.dot_product_attention(steps, steps, steps))

    x = padded_features(2.0)
    assert same(run(x, valid_steps()), run(x))
