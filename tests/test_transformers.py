"""Attention layers and transformer blocks: how they use masks, and what becomes of these.

Page: spec/transformers.md
"""

import pytest

from maskspec import case, claim, refuted_by, require
from tests.support.consumers import (
    ATTENTION,
    ATTENTION_WORKS,
    BROKEN_ATTENTION,
    features,
)
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import HAS_MULTI_HEAD, MULTI_HEAD_USES_MASKS

SINCE_3_12 = {"keras": ">=3.12", "*": ""}
ATTENTION_LAYERS = [
    case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds=MULTI_HEAD_USES_MASKS),
    case("GroupQueryAttention", exists={"keras": ""}),
    case("Attention", holds=ATTENTION_WORKS),
    case("AdditiveAttention", holds=ATTENTION_WORKS),
]


def self_attention(keras, name):
    """A layer of attention of a batch to itself, as a callable of one tensor."""
    sizes = {"MultiHeadAttention": (1, 4), "GroupQueryAttention": (4, 1, 1)}
    layer = getattr(keras.layers, name)(*sizes.get(name, ()))

    def attend(x):
        with refuted_by(Exception, match=f"{BROKEN_ATTENTION}|KerasTensor cannot be used"):
            return layer([x, x]) if name in ATTENTION else layer(x, x)

    return attend


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


@claim(
    "transformers.output-carries-a-mask",
    instead=(
        "transformers.automatic-mask-ignored",
        "transformers.attention-handed-nothing-on",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize(
    "layer", [*ATTENTION_LAYERS[:2], *(case(name, holds=SINCE_3_12) for name in ATTENTION)]
)
def test_output_of_attention_carries_the_mask(keras, layer):
    attend = self_attention(keras, layer)
    unmasked = attend(features(keras, 2.0))
    require(keras.mask_of(unmasked) is None, "no mask is made from nothing")
    mask = keras.mask_of(attend(keras.carry(features(keras, 2.0), valid_steps())))
    assert mask is not None and same(keras.numpy(mask), valid_steps())


@claim(
    "transformers.attention-handed-nothing-on",
    holds={"keras": "<3.0.5"},
    instead=("builtin-layers.typically-hand-it-on", "consumption.attention-breaks-on-a-mask"),
)
@pytest.mark.parametrize("layer", ATTENTION)
def test_output_of_attention_carries_no_mask(keras, layer):
    x = keras.carry(features(keras, 2.0), valid_steps())
    assert keras.mask_of(self_attention(keras, layer)(x)) is None


@claim(
    "transformers.use-masks",
    instead=(
        "transformers.automatic-mask-ignored",
        "consumption.attention-breaks-on-a-mask",
    ),
)
@pytest.mark.parametrize("layer", ATTENTION_LAYERS)
def test_attention_leaves_out_padding(keras, layer):
    attend, valid = self_attention(keras, layer), valid_steps()
    high, low = (keras.numpy(attend(features(keras, p)))[valid] for p in (2.0, -2.0))
    require(not same(high, low), "without a mask the padding shows")
    masked = (keras.carry(features(keras, p), valid) for p in (2.0, -2.0))
    high, low = (keras.numpy(attend(x))[valid] for x in masked)
    assert same(high, low)


@claim(
    "transformers.automatic-mask-ignored",
    holds={"tf.keras": "<2.10"},
    exists=HAS_MULTI_HEAD,
    instead=("transformers.use-masks", "consumption.attention-mask"),
)
@pytest.mark.parametrize("what", ["padding-counts", "output-carries-none"])
def test_multi_head_attention_ignores_the_mask_that_its_input_carries(keras, what):
    attend, valid = self_attention(keras, "MultiHeadAttention"), valid_steps()
    masked = [keras.carry(features(keras, padding), valid) for padding in (2.0, -2.0)]
    require(keras.mask_of(masked[0]) is not None, "the input carries a mask")
    high, low = (attend(x) for x in masked)
    if what == "padding-counts":
        assert not same(keras.numpy(high)[valid], keras.numpy(low)[valid])
    else:
        assert keras.mask_of(high) is None


@claim(
    "transformers.block-keeps-the-mask",
    exists=HAS_MULTI_HEAD,
    instead=(
        "transformers.attention-takes-masks-off",
        "transformers.automatic-mask-ignored",
        "merging.joining-dropped-the-mask",
    ),
)
@pytest.mark.parametrize(
    "mode, norm",
    [
        case("functional", "post-norm", holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4"}),
        case("eager", "pre-norm", holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4"}),
        case("eager", "post-norm", holds={**MULTI_HEAD_USES_MASKS, "keras": ">=3.4,<3.8"}),
    ],
)
def test_mask_gets_through_a_transformer_block(keras, mode, norm):
    def notices_padding(mode, mask_zero):
        table = embedding(keras, mask_zero=mask_zero)
        parts = [table, transformer_block(keras, norm), keras.layers.GlobalAveragePooling1D()]
        return depends_on_padding(compose(keras, mode, parts), table)

    require(notices_padding("eager", False), "without a mask the padding shows")
    assert not notices_padding(mode, True)


@claim(
    "transformers.attention-takes-masks-off",
    holds={"keras": ">=3.8"},
    exists=HAS_MULTI_HEAD,
    instead="transformers.attention-leaves-masks-on",
)
@pytest.mark.parametrize("mode", ["eager", "subclassed"])
def test_multi_head_attention_takes_the_mask_off_its_inputs(keras, mode):
    assert not mask_stays(keras, mode)


@claim(
    "transformers.attention-leaves-masks-on",
    holds={"keras": "<3.8", "*": ""},
    exists=HAS_MULTI_HEAD,
    instead="transformers.attention-takes-masks-off",
)
@pytest.mark.parametrize("mode", ["eager", "subclassed"])
def test_multi_head_attention_leaves_the_mask_on_its_inputs(keras, mode):
    assert mask_stays(keras, mode)
