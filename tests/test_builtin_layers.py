"""What each built-in layer does with the mask of its input, and what breaks the chain.

Page: spec/builtin-layers.md
"""

import re

import pytest

from maskspec import NEVER, claim, observe, require
from tests.support.builtin_layers import GROUPS, reaction_to_single_steps, reactions, stack
from tests.support.builtin_layers import consumer as builtin_consumer
from tests.support.consumers import consumer, gappy_ids, looked_up
from tests.support.layers import (
    NO_MASK,
    arriving,
    custom_layer,
    failure,
    follows_the_ids,
    time_changer,
)
from tests.support.probes import compose, embedding, padded_ids, same, valid_steps

BAD_SHAPES = (
    "(?i)incompatible shapes|must be broadcastable|must match|out of range|array size|axis sizes"
)
HANDLING = {"uses", "hands on", "makes its own"}
WORDS = {
    "hands-it-on": {"hands on"},
    "uses-it": {"uses"},
    "neither": set(),
}


# --- layer by layer -----------------------------------------------------------------------------


@claim("builtin-layers.handle-masks")
def test_most_built_in_layers_handle_masks(keras):
    found = reactions(keras)
    handling = [name for name, words in found.items() if words & HANDLING]
    observe(f"{len(handling)} of {len(found)}")
    assert len(handling) > len(found) // 2


@claim("builtin-layers.table")
@pytest.mark.parametrize("group", GROUPS)
def test_each_layer_does_what_the_table_says(keras, group):
    repeat = reaction_to_single_steps(keras, keras.layers.RepeatVector(6))
    found = {**reactions(keras), "RepeatVector": repeat}
    found = {name: words - {"keeps time"} for name, words in found.items()}
    there = [name for name in GROUPS[group].split() if name in found]
    require(there, "there are layers of this group")
    assert [name for name in there if found[name] != WORDS[group]] == []


@claim("builtin-layers.typically-hand-it-on")
def test_layers_that_keep_time_typically_hand_the_mask_on(keras):
    kept = [words for words in reactions(keras).values() if "keeps time" in words]
    handing_on = [words for words in kept if "hands on" in words]
    observe(f"{len(handing_on)} of {len(kept)}, of {len(reactions(keras))} in all")
    assert len(handing_on) > len(kept) // 2


@claim("builtin-layers.dense-handles-masks")
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
def test_dense_handles_masks_by_itself(keras, mode):
    assert follows_the_ids(keras, mode, keras.layers.Dense(4))


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
    require(same(arriving(keras, "eager"), valid_steps()), "without Conv1D the mask arrives")
    if reading == "hands-it-on":
        conv = keras.layers.Conv1D(4, 3, padding="same")
        assert same(arriving(keras, "eager", conv), valid_steps())
    else:
        run, ids = consumer(keras, "Conv1D"), gappy_ids()
        assert same(*(run(looked_up(keras, ids, True, padding)) for padding in (2.5, -2.5)))


@claim(
    "builtin-layers.dense-drops-the-mask",
    holds=NEVER,
    instead="propagation.dense-forwards-the-mask",
)
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
def test_output_of_dense_carries_no_mask(keras, mode):
    require(same(arriving(keras, mode), valid_steps()), "without Dense the mask arrives")
    assert same(arriving(keras, mode, keras.layers.Dense(4)), NO_MASK)


@claim("builtin-layers.output-mask-depends-on-layers")
def test_whether_the_output_has_a_mask_depends_on_the_layers(keras):
    found = reactions(keras)
    having = {name for name, words in found.items() if words & {"hands on", "makes its own"}}
    observe(f"{len(having)} of {len(found)} outputs have one")
    assert having >= {"Dense", "Masking"} and not having & {"Conv1D", "LSTM", "Flatten"}


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


@claim("builtin-layers.misfit-mask-fails-later")
@pytest.mark.parametrize(
    "layer, kind",
    [
        ("SimpleRNN", "double"),
        ("LSTM", "double"),
        ("GlobalAveragePooling1D", "halve"),
        ("GlobalAveragePooling1D", "double"),
    ],
)
def test_mask_that_no_longer_fits_can_fail_in_a_later_layer(keras, layer, kind):
    def error(masked):
        parts = [embedding(keras), time_changer(keras, kind, masked=masked)]
        run = compose(keras, "eager", [*parts, builtin_consumer(keras, layer)])
        return failure(run, padded_ids())

    require(not error(masked=True), "with a mask of the new length it works")
    found = error(masked=False)
    observe(found.partition(":")[0])
    assert re.search(BAD_SHAPES, found)
