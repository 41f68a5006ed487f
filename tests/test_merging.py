"""Layers that join several inputs, and what becomes of their masks.

Page: spec/merging.md
"""

import re

import numpy as np
import pytest

from maskspec import case, claim, refuted_by, require
from tests.support.probes import (
    embedding,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, SINCE_KERAS_3_4

WORKS_IN_MODELS = {"keras": ">=3.12", "*": ""}
ONLY_KERAS_3_4 = {"keras": ">=3.4"}
BAD_SHAPES = "(?i)shapes|dimension|broadcast"


def error_of(run, *arguments):
    """The message of the exception that ``run`` raises, or an empty text."""
    try:
        run(*arguments)
    except Exception as error:
        return str(error)
    return ""


def joined(keras, mode, join, kinds):
    """The mean over time, as a layer sees it that uses the mask, of embeddings joined by ``join``.

    Returns it with the joined values, as numpy. ``kinds`` says for each embedding whether it is
    ``masked``; every second one embeds the rows in reverse, so that it is padded differently.
    """
    tables = [embedding(keras, mask_zero=kind == "masked") for kind in kinds]
    pool = keras.layers.GlobalAveragePooling1D()
    batches = [padded_ids()[:: (-1) ** i].copy() for i in range(len(kinds))]
    for kind, table, ids in zip(kinds, tables, batches):
        carried = keras.mask_of(table(keras.tensor(ids)))
        require((carried is not None) == (kind == "masked"), f"an input is {kind}")
    if mode == "functional":
        inputs = [symbolic_batch(keras) for _ in kinds]
        outputs = pool(join([embed(ids) for embed, ids in zip(tables, inputs)]))
        model = keras.Model(inputs, outputs)
        model([keras.tensor(ids[:2, :5]) for ids in batches])  # a batch of another size first
        result = model([keras.tensor(ids) for ids in batches])
    else:
        result = pool(join([embed(keras.tensor(ids)) for embed, ids in zip(tables, batches)]))
    values = join([keras.tensor(t.get_weights()[0][ids]) for t, ids in zip(tables, batches)])
    return keras.numpy(result), keras.numpy(values)


def masks_of(kinds):
    """The masks of the embeddings in ``joined``; an input without one is valid throughout."""
    masks = [valid_steps()[:: (-1) ** i] for i in range(len(kinds))]
    return [m if kind == "masked" else np.ones_like(m) for m, kind in zip(masks, kinds)]


def mean_over(values, mask):
    return (values * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]


def joining(keras, name):
    """A layer that joins several inputs step by step."""
    if name == "Concatenate":
        return keras.layers.Concatenate(axis=-1)
    return getattr(keras.layers, name)()


@claim(
    "merging.concatenate-in-time",
    instead=(
        "merging.joining-dropped-the-mask",
        "merging.concatenate-raises-in-functional-models",
    ),
)
@pytest.mark.parametrize(
    "mode, axis, inputs",
    [
        case("eager", 1, "masked+masked", holds=SINCE_KERAS_3_4),
        case("eager", -2, "masked+masked", holds=SINCE_KERAS_3_4),
        case("eager", 1, "masked+masked+masked", holds=SINCE_KERAS_3_4),
        case("functional", 1, "masked+masked", holds=WORKS_IN_MODELS),
    ],
)
def test_concatenate_in_time_concatenates_masks(keras, mode, axis, inputs):
    kinds = inputs.split("+")
    mask = np.concatenate(masks_of(kinds), axis=1)
    with refuted_by(Exception, match="BroadcastTo"):
        result, values = joined(keras, mode, keras.layers.Concatenate(axis=axis), kinds)
    require(values.shape == (3, 6 * len(kinds), 4), "the time axis grows")
    assert same(result, mean_over(values, mask))


@claim(
    "merging.unmasked-input-counts-as-valid",
    instead=(
        "merging.half-masked-concatenate-raises",
        "merging.joining-dropped-the-mask",
        "merging.concatenate-raises-in-functional-models",
    ),
)
@pytest.mark.parametrize(
    "mode, inputs",
    [
        case("eager", "masked+unmasked", holds=ONLY_KERAS_3_4),
        case("eager", "unmasked+masked", holds=ONLY_KERAS_3_4),
        case("functional", "masked+unmasked", holds={"keras": ">=3.12"}),
    ],
)
def test_unmasked_input_of_concatenate_counts_as_valid(keras, mode, inputs):
    kinds = inputs.split("+")
    mask = np.concatenate(masks_of(kinds), axis=1)
    with refuted_by(Exception, match=BAD_SHAPES):
        result, values = joined(keras, mode, keras.layers.Concatenate(axis=1), kinds)
    require(not same(values.mean(axis=1), mean_over(values, mask)), "the mask makes a difference")
    assert same(result, mean_over(values, mask))


@claim("merging.half-masked-concatenate-raises", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("inputs", ["masked+unmasked", "unmasked+masked"])
def test_half_masked_concatenate_raises(keras, inputs):
    join = keras.layers.Concatenate(axis=1)
    message = error_of(joined, keras, "eager", join, inputs.split("+"))
    assert re.search(BAD_SHAPES, message), "no error is raised"


@claim("merging.concatenate-raises-in-functional-models", holds={"keras": ">=3.4,<3.12"})
@pytest.mark.parametrize("axis", [1, -1])
def test_concatenate_of_masked_inputs_raises_in_functional_models(keras, axis):
    join = keras.layers.Concatenate(axis=axis)
    message = error_of(joined, keras, "functional", join, ["masked", "masked"])
    assert "BroadcastTo" in message, "no error is raised"


@claim("merging.no-masks-make-no-mask")
@pytest.mark.parametrize("layer", ["Concatenate", "Add", "Multiply"])
@pytest.mark.parametrize("asked", ["call", "compute_mask"])
def test_joining_unmasked_inputs_makes_no_mask(keras, layer, asked):
    join, steps = joining(keras, layer), [keras.tensor(padded_features()) for _ in range(2)]
    require(len(join(steps)) == 3, "the inputs can be joined")
    if asked == "call":
        assert keras.mask_of(join(steps)) is None
    else:
        assert join.compute_mask(steps, [None, None]) is None


@claim("merging.joining-dropped-the-mask", holds={"keras": "<3.4"})
@pytest.mark.parametrize("layer", ["Concatenate", "Add", "Multiply"])
def test_joining_dropped_the_mask(keras, layer):
    result, values = joined(keras, "eager", joining(keras, layer), ["masked", "masked"])
    assert same(result, values.mean(axis=1)), "padding is left out of the mean"


@claim(
    "merging.joined-where-all-are-valid",
    holds=BEFORE_KERAS_3,
    instead=("merging.joined-where-any-is-valid", "merging.joining-dropped-the-mask"),
)
@pytest.mark.parametrize("layer", ["Concatenate", "Add", "Average"])
@pytest.mark.parametrize("inputs", ["masked+masked", "masked+unmasked"])
def test_joined_step_is_valid_where_all_are(keras, inputs, layer):
    kinds = inputs.split("+")
    result, values = joined(keras, "eager", joining(keras, layer), kinds)
    assert same(result, mean_over(values, np.all(masks_of(kinds), axis=0)))


@claim(
    "merging.joined-where-any-is-valid",
    holds=ONLY_KERAS_3_4,
    instead=("merging.joined-where-all-are-valid", "merging.joining-dropped-the-mask"),
)
@pytest.mark.parametrize("layer", ["Concatenate", "Add", "Average"])
def test_joined_step_is_valid_where_any_is(keras, layer):
    kinds = ["masked", "masked"]
    result, values = joined(keras, "eager", joining(keras, layer), kinds)
    assert same(result, mean_over(values, np.any(masks_of(kinds), axis=0)))


@claim("merging.unmasked-input-removes-the-mask", holds=KERAS_3)
@pytest.mark.parametrize("layer", ["Concatenate", "Add", "Average"])
def test_one_unmasked_input_removes_the_mask(keras, layer):
    result, values = joined(keras, "eager", joining(keras, layer), ["masked", "unmasked"])
    assert same(result, values.mean(axis=1)), "padding is left out of the mean"


@claim("merging.characters-and-words", holds=BEFORE_KERAS_3)
def test_mask_of_characters_survives_the_words_beside_them(keras):
    characters, read = embedding(keras, size=3), keras.layers.SimpleRNN(2)
    vectors, letters = keras.Input((None, 4)), keras.Input((None, 5), dtype="int32")
    encoded = keras.layers.TimeDistributed(read)(characters(letters))
    beside = keras.layers.Concatenate()([vectors, encoded])
    outputs = keras.layers.Bidirectional(keras.layers.SimpleRNN(2))(beside)
    model = keras.Model([vectors, letters], outputs)

    def result_of(words, rows):  # three words, and padding behind them
        steps = np.random.RandomState(7).uniform(-1, 1, (1, 3, 4)).astype("float32")
        steps = np.pad(steps, [(0, 0), (0, words - 3), (0, 0)], constant_values=0.7)
        ids = np.pad(np.arange(15).reshape(1, 3, 5) % 8 + 1, [(0, 0), (0, words - 3), (0, 0)])
        batch = [np.repeat(steps, rows, axis=0), np.repeat(ids, rows, axis=0).astype("int32")]
        return keras.numpy(model([keras.tensor(part) for part in batch]))[0]

    shorter = result_of(3, 1)
    assert same(shorter, result_of(6, 2)) and same(shorter, result_of(5, 3)), "padding counts"


@claim(
    "merging.masked-operands-left-out",
    holds=ONLY_KERAS_3_4,
    instead=("merging.joined-where-all-are-valid", "merging.joining-dropped-the-mask"),
)
@pytest.mark.parametrize("layer", ["Maximum", "Minimum", "Multiply"])
def test_masked_operand_has_no_part_in_the_result(keras, layer):
    tables = [embedding(keras), embedding(keras)]
    ids = [padded_ids(), padded_ids()[::-1].copy()]
    joined_up = joining(keras, layer)([t(keras.tensor(x)) for t, x in zip(tables, ids)])
    first, second = valid_steps(), valid_steps()[::-1]
    only_second = tables[1].get_weights()[0][ids[1]][second & ~first]
    assert same(keras.numpy(joined_up)[second & ~first], only_second)
