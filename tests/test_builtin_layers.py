"""What each built-in layer does with the mask of its input, and what breaks the chain.

Page: spec/builtin-layers.md
"""

import pytest

from maskspec import NEVER, case, claim, observe, require
from tests.support.builtin_layers import consumer as builtin_consumer
from tests.support.builtin_layers import reactions, stack
from tests.support.consumers import consumer, gappy_ids, looked_up
from tests.support.layers import arriving, custom_layer, failure, mask_reader, time_changer
from tests.support.probes import TF_FUNCTION, compose, embedding, padded_ids, same, valid_steps
from tests.support.releases import HAS_MULTI_HEAD, MULTI_HEAD_USES_MASKS, NOT_ON_TORCH

NO_MASK = valid_steps() * 0 - 1  # what a mask reader makes of it
GROUPS = {  # left out are those that depend on the release, and the ones that join several inputs
    "hands-it-on": """Activation ActivityRegularization AlphaDropout BatchNormalization Dense
        Dropout ELU GaussianDropout GaussianNoise LayerNormalization LeakyReLU PReLU
        SpatialDropout1D ThresholdedReLU TimeDistributed UnitNormalization""",
    "uses-it": "Bidirectional GRU GlobalAveragePooling1D LSTM RNN SimpleRNN",
    "neither": """AveragePooling1D Conv1D Conv1DTranspose Cropping1D DepthwiseConv1D Dot EinsumDense
        Flatten GlobalMaxPooling1D Lambda LocallyConnected1D MaxPooling1D Permute RMSNormalization
        Reshape SeparableConv1D UpSampling1D ZeroPadding1D""",
}
HANDLING = {"uses", "hands on", "makes its own"}
WORDS = {
    "hands-it-on": {"hands on"},
    "uses-it": {"uses"},
    "neither": set(),
}


def no_step_skipped(keras, layer):
    """Whether what stands in the masked steps shows in what ``layer`` makes of its input."""
    run, ids = consumer(keras, layer), gappy_ids()
    high, low = (run(looked_up(keras, ids, True, padding)) for padding in (2.5, -2.5))
    return not same(high, low)


# --- layer by layer -----------------------------------------------------------------------------


@claim("builtin-layers.handle-masks", instead="builtin-layers.table")
@pytest.mark.parametrize("reading", ["most-of-them", case("each-of-them", holds=NEVER)])
def test_built_in_layers_handle_masks(keras, reading):
    found = reactions(keras)
    handling = [name for name, words in found.items() if words & HANDLING]
    observe(f"{len(handling)} of {len(found)}")
    assert len(handling) > (len(found) // 2 if reading == "most-of-them" else len(found) - 1)


@claim("builtin-layers.table")
@pytest.mark.parametrize("group", GROUPS)
def test_each_layer_does_what_the_table_says(keras, group):
    found = {name: words - {"keeps time"} for name, words in reactions(keras).items()}
    there = [name for name in GROUPS[group].split() if name in found]
    require(there, "there are layers of this group")
    assert [name for name in there if found[name] != WORDS[group]] == []


@claim("builtin-layers.typically-hand-it-on")
def test_layers_that_keep_time_typically_hand_the_mask_on(keras):
    kept = [words for words in reactions(keras).values() if "keeps time" in words]
    handing_on = [words for words in kept if "hands on" in words]
    observe(f"{len(handing_on)} of {len(kept)}")
    assert len(handing_on) > len(kept) // 2


@claim("builtin-layers.dense-handles-masks", instead="masked-steps.computed-all-the-same")
@pytest.mark.parametrize("reading", ["hands-it-on", case("skips-masked-steps", holds=NEVER)])
def test_dense_handles_masks_by_itself(keras, reading):
    if reading == "hands-it-on":
        assert same(arriving(keras, "eager", keras.layers.Dense(4)), valid_steps())
    else:
        assert not no_step_skipped(keras, "Dense")


@claim(
    "builtin-layers.conv1d-handles-masks",
    holds=NEVER,
    instead=(
        "propagation.some-layers-stop-the-mask",
        "consumption.convolution-and-pooling-ignore-the-mask",
    ),
)
@pytest.mark.parametrize("reading", ["hands-it-on", "skips-masked-steps"])
def test_conv1d_handles_masks_by_itself(keras, reading):
    if reading == "hands-it-on":
        conv = keras.layers.Conv1D(4, 3, padding="same")
        assert same(arriving(keras, "eager", conv), valid_steps())
    else:
        assert not no_step_skipped(keras, "Conv1D")


@claim("builtin-layers.dense-drops-the-mask", instead="propagation.dense-forwards-the-mask")
@pytest.mark.parametrize("inputs", ["unmasked", case("masked", holds=NEVER)])
def test_output_of_dense_carries_no_mask(keras, inputs):
    layers = [embedding(keras, mask_zero=inputs == "masked"), keras.layers.Dense(4)]
    mask = compose(keras, "eager", [*layers, mask_reader(keras)])(padded_ids())
    assert same(mask, NO_MASK)


@claim("builtin-layers.output-mask-depends-on-layers")
def test_whether_the_output_has_a_mask_depends_on_the_layers(keras):
    found = reactions(keras)
    having = [name for name, words in found.items() if words & {"hands on", "makes its own"}]
    observe(f"{len(having)} of {len(found)} outputs have one")
    assert 0 < len(having) < len(found)


# --- where the chain breaks ---------------------------------------------------------------------


@claim("builtin-layers.custom-part-can-break-the-chain")
@pytest.mark.parametrize(
    "mode, part",
    [
        ("eager", "computes"),
        ("eager", "takes-a-mask"),
        ("eager", "lambda"),
        ("functional", "computes"),
    ],
)
def test_custom_part_breaks_the_chain(keras, mode, part):
    require(same(arriving(keras, mode), valid_steps()), "without it the mask arrives")
    assert same(arriving(keras, mode, custom_layer(keras, part)), NO_MASK)


def combination(keras, name):
    """Layers, one after the other, that leave as many timesteps as they found."""
    layers = keras.layers
    combinations = {
        "convolution-then-dense": lambda: [layers.Conv1D(4, 1), layers.Dense(4)],
        "permute-there-and-back": lambda: stack(keras, "Permute"),
        "reshape-there-and-back": lambda: stack(keras, "Reshape"),
        "encoder-then-repeat": lambda: [layers.SimpleRNN(4), layers.RepeatVector(6)],
        "dense-then-custom": lambda: [layers.Dense(4), custom_layer(keras)],
    }
    return combinations[name]()


@claim("builtin-layers.combinations-can-lose-the-mask")
@pytest.mark.parametrize(
    "layers",
    [
        "convolution-then-dense",
        "permute-there-and-back",
        "reshape-there-and-back",
        "encoder-then-repeat",
        "dense-then-custom",
    ],
)
def test_combination_of_layers_loses_the_mask(keras, layers):
    require(same(arriving(keras, "eager"), valid_steps()), "without them the mask arrives")
    assert same(arriving(keras, "eager", *combination(keras, layers)), NO_MASK)


# --- a mask that does not fit -------------------------------------------------------------------


@claim("builtin-layers.mask-is-taken-to-fit")
@pytest.mark.parametrize("kind", ["halve", "double"])
@pytest.mark.parametrize("layer", ["Dense", "LayerNormalization"])
def test_mask_of_another_length_is_handed_on(keras, layer, kind):
    changer, handing_on = time_changer(keras, kind, masked=False), stack(keras, layer)
    mask = arriving(keras, "eager", changer, *handing_on)
    assert mask.shape == (3, 6)  # of 3 or 12 timesteps
    assert same(mask, valid_steps())


@claim(
    "builtin-layers.misfit-mask-fails-later",
    instead=(
        "custom-layers.wrong-length-mask-misread-in-graph",
        "custom-layers.long-mask-misread-on-torch",
    ),
)
@pytest.mark.parametrize(
    "mode, layer, kind",
    [
        case("eager", "SimpleRNN", "halve", holds=NOT_ON_TORCH),
        ("eager", "SimpleRNN", "double"),
        ("eager", "GlobalAveragePooling1D", "halve"),
        ("eager", "GlobalAveragePooling1D", "double"),
        case(
            "eager",
            "MultiHeadAttention",
            "halve",
            exists=HAS_MULTI_HEAD,
            holds=MULTI_HEAD_USES_MASKS,
        ),
        case(TF_FUNCTION, "SimpleRNN", "halve", holds=NEVER),
    ],
)
def test_mask_that_no_longer_fits_fails_in_a_later_layer(keras, mode, layer, kind):
    def error(mode, masked):
        parts = [embedding(keras), time_changer(keras, kind, masked=masked)]
        return failure(compose(keras, mode, [*parts, builtin_consumer(keras, layer)]), padded_ids())

    require(not error("eager", masked=True), "with a mask of the new length it works")
    found = error(mode, masked=False)
    observe(found.partition(":")[0])
    assert found
