"""A dict where a tensor is expected, and what a dict is to layers and models.

Page: spec/attribute-errors.md
"""

import operator
import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.layers import failure, mask_reader
from tests.support.probes import (
    TF_FUNCTION,
    embedding,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, NOT_ON_JAX, ON_TENSORFLOW

MESSAGE = "'dict' object has no attribute '_keras_mask'"
BY_NAME = {"keras": "<3.4", "*": ""}
MASKS = {"words": valid_steps(), "extra": ~valid_steps()}
NAMED = re.compile(r"'?([\w.]+)'?(?: object)? has no attribute '?_keras_mask")
TYPES = {"tensorflow": "EagerTensor", "jax": "ArrayImpl", "torch": "Tensor"}  # of eager tensors


def masked_steps(keras):
    """A tensor that carries the mask of the probes."""
    steps = embedding(keras)(keras.tensor(padded_ids()))
    require(keras.mask_of(steps) is not None, "the tensor carries a mask")
    return steps


def example(keras):
    """A dict with a tensor and, beside it, words about the tensor."""
    numbers = np.arange(6, dtype="float32").reshape(2, 3)
    return {"readings": keras.tensor(numbers), "about": {"station": "north"}}


def dict_of(keras, contents):
    """A plain dict that holds nothing, lists, or tensors with a mask or without."""
    if contents == "tensors-and-metadata":
        return example(keras)
    if contents == "masked-tensors":
        return {"words": masked_steps(keras)}
    return {"words": [[1, 2], [3, 4]]} if contents == "lists" else {}


def get_mask(found, way):
    """Ask ``found`` for a mask in one of the ways that Python has."""
    ways = {
        "attribute": lambda: found._keras_mask,
        "getattr": operator.attrgetter("_keras_mask"),
        "item": lambda: found["_keras_mask"],
        "get": lambda: found.get("_keras_mask"),
        "getattr-default": lambda: getattr(found, "_keras_mask", None),
        "hasattr": lambda: hasattr(found, "_keras_mask") or None,
    }
    return ways[way](found) if way == "getattr" else ways[way]()


def set_mask(found, mask=True):
    found._keras_mask = mask


def unguarded_layer(keras):
    """A layer that takes for granted that its input is a tensor with a mask."""

    class Unguarded(keras.layers.Layer):
        def call(self, inputs):
            return keras.ops.cast(inputs._keras_mask, "float32")

    return Unguarded()


def boxing(keras):
    """A layer that returns a dict with its doubled input and forwards the mask."""

    class Boxing(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            return {"words": inputs * 2.0}

    return Boxing()


def dict_reader(keras, seen):
    """A layer over a dict that notes in ``seen`` the keys and the mask that it gets."""

    class DictReader(keras.layers.Layer):
        def call(self, inputs, mask=None):
            seen.append((list(inputs), mask))
            return inputs["words"] * 1.0

    return DictReader()


def named_type(found):
    """The type that lacks the mask, as the text of an error names it; noted for the record."""
    match = NAMED.search(found)
    name = match.group(1).split(".")[-1] if match else ""
    observe(name or found.partition(":")[0] or "no error")
    return name


def ragged_batch(keras):
    """A ragged tensor of TensorFlow: two sequences of one step and of two, with two features."""
    if keras.backend_name != "tensorflow":
        raise Unavailable(f"there are no ragged tensors on the {keras.backend_name} backend")
    import tensorflow as tf

    return tf.ragged.constant([[[3.0, 1.0]], [[4.0, 2.0], [4.0, 2.0]]], ragged_rank=1)


def two_inputs(keras, struct, order):
    """A model of the inputs words and extra, whose outputs are the masks that arrive there."""
    inputs = {key: keras.Input(shape=(6, 4), name=key) for key in order.split("-")}
    shown = [mask_reader(keras)(inputs[key]) for key in ("words", "extra")]
    return keras.Model(inputs if struct == "dict" else list(inputs.values()), shown)


def masks_arriving(keras, model, order):
    """The masks of words and extra as they arrive in ``model`` when it is given a dict."""
    steps = {key: keras.tensor(padded_features()) for key in order.split("-")}
    given = {key: keras.carry(tensor, MASKS[key]) for key, tensor in steps.items()}
    return dict(zip(("words", "extra"), map(keras.numpy, model(given))))


# --- what the error says -----------------------------------------------------------------------


@claim("attribute-errors.dict-has-no-mask")
@pytest.mark.parametrize("contents", ["nothing", "lists", "masked-tensors", "tensors-and-metadata"])
def test_dict_has_no_mask_attribute(keras, contents):
    assert not hasattr(dict_of(keras, contents), "_keras_mask")


@claim("attribute-errors.dict-cannot-hold-it")
@pytest.mark.parametrize(
    "what", ["dict", "tensor", "symbolic", case("in-gradient", holds=NOT_ON_JAX)]
)
def test_dict_cannot_hold_the_attribute_and_tensors_can(keras, what):
    def set_inside(x):
        with refuted_by(AttributeError, match="_keras_mask"):
            set_mask(x)
        return keras.ops.sum(x)

    if what == "dict":
        assert failure(set_mask, {}).startswith("AttributeError")
    elif what == "in-gradient":
        keras.gradient(set_inside, padded_features())
    else:
        steps = keras.Input(shape=(6, 4)) if what == "symbolic" else masked_steps(keras)
        set_mask(steps, "anything")
        assert steps._keras_mask == "anything"


@claim("attribute-errors.dict-subclass-can-hold-it")
def test_subclass_of_dict_can_hold_the_attribute_in_vain(keras):
    class Batch(dict):
        pass

    seen, batch = [], Batch(words=keras.tensor(padded_features()))
    set_mask(batch, keras.tensor(valid_steps()))
    found = failure(dict_reader(keras, seen), batch).partition(":")[0]
    observe(found or "the layer takes it")
    require(found in ("", "ValueError"), "the layer takes the batch, or refuses it as an input")
    masks = [mask["words"] if isinstance(mask, dict) else mask for _, mask in seen]
    assert hasattr(batch, "_keras_mask") and all(mask is None for mask in masks)


@claim("attribute-errors.message-names-dict")
@pytest.mark.parametrize("way", ["read", "write", "read-in-a-layer"])
def test_message_names_dict_and_the_attribute(keras, way):
    asked = {"read": lambda d: d._keras_mask, "write": set_mask}
    found = failure(asked.get(way) or unguarded_layer(keras), dict_of(keras, "masked-tensors"))
    assert found.startswith("AttributeError") and MESSAGE in found


@claim(
    "attribute-errors.always-attribute-error",
    NEVER,
    instead=("attribute-errors.item-gives-key-error", "attribute-errors.defaults-raise-nothing"),
)
@pytest.mark.parametrize("way", ["item", "get", "getattr-default"])
def test_asking_a_dict_for_the_mask_always_raises_attribute_error(keras, way):
    held = dict_of(keras, "lists")
    require(MESSAGE in failure(get_mask, held, "attribute"), "asking for the attribute raises it")
    found = failure(get_mask, held, way)
    observe(found.partition(":")[0] or "no error")
    assert found.startswith("AttributeError")


@claim(
    "attribute-errors.item-gives-attribute-error",
    holds=NEVER,
    instead="attribute-errors.item-gives-key-error",
)
def test_except_clause_catches_an_attribute_error_of_the_item(keras):
    caught = None
    with refuted_by(KeyError):
        try:
            get_mask(dict_of(keras, "lists"), "item")
        except AttributeError as error:
            caught = error
    assert caught is not None


@claim("attribute-errors.item-gives-key-error")
@pytest.mark.parametrize("contents", ["nothing", "masked-tensors", "tensors-and-metadata"])
def test_item_of_a_dict_gives_key_error(keras, contents):
    assert failure(get_mask, dict_of(keras, contents), "item") == "KeyError: '_keras_mask'"


@claim("attribute-errors.defaults-raise-nothing")
@pytest.mark.parametrize("way", ["get", "getattr-default", "hasattr"])
def test_asking_with_a_default_raises_nothing(keras, way):
    assert get_mask(dict_of(keras, "masked-tensors"), way) is None


@claim("attribute-errors.tensor-expected-dict-found")
def test_error_goes_away_with_a_tensor_in_place_of_the_dict(keras):
    layer, steps = unguarded_layer(keras), masked_steps(keras)
    require(MESSAGE in failure(layer, {"words": steps}), "a dict in its place gives the error")
    assert same(keras.numpy(layer(steps)), valid_steps())


@claim("attribute-errors.layers-give-other-errors")
@pytest.mark.parametrize(
    "name, errors",
    [
        ("Dense", (KeyError, TypeError)),
        ("SimpleRNN", (KeyError,)),
        ("Embedding", (AttributeError,)),
        ("Masking", (ValueError, TypeError)),
    ],
)
def test_layer_that_needs_a_tensor_gives_another_error(keras, name, errors):
    arguments = {"Dense": (2,), "SimpleRNN": (2,), "Embedding": (10, 4)}.get(name, ())
    given = keras.tensor(padded_ids()) if name == "Embedding" else masked_steps(keras)
    layer = getattr(keras.layers, name)(*arguments)
    with pytest.raises(errors) as raised:
        layer({"words": given})
    observe(raised.type.__name__)
    assert "_keras_mask" not in str(raised.value)


@claim("attribute-errors.tuple-has-no-mask")
@pytest.mark.parametrize("kind", [tuple, list])
def test_layer_that_reads_the_mask_of_a_tuple_or_list_raises_the_error(keras, kind):
    layer, steps = unguarded_layer(keras), masked_steps(keras)
    require(same(keras.numpy(layer(steps)), valid_steps()), "the layer works for the tensor")
    with pytest.raises(AttributeError) as raised:
        layer(kind([steps, steps]))
    assert named_type(str(raised.value)) == kind.__name__


@claim("attribute-errors.tensor-without-a-mask")
@pytest.mark.parametrize("where", ["eager", TF_FUNCTION, case("ragged", exists=ON_TENSORFLOW)])
def test_layer_that_reads_the_mask_of_an_unmasked_tensor_raises_the_error(keras, where):
    layer, steps = unguarded_layer(keras), keras.tensor(padded_features())
    run = keras.function(lambda x: layer(x)) if where == "tf.function" else layer
    expected = (TYPES[keras.backend_name],)
    if where == "ragged":
        steps, expected = ragged_batch(keras), ("RaggedTensor",)
    elif where == "tf.function":
        expected = ("Tensor", "SymbolicTensor")
    with pytest.raises(AttributeError) as raised:
        run(steps)
    assert named_type(str(raised.value)) in expected


@claim("attribute-errors.tensor-of-a-model-under-construction", {"tf.keras": ">=2.4", "*": ""})
@pytest.mark.parametrize("before", ["Embedding", "Masking"])
def test_layer_cannot_read_the_mask_while_a_functional_model_is_built(keras, before):
    ids = before == "Embedding"
    masking = embedding(keras) if ids else keras.layers.Masking()
    steps = masking(symbolic_batch(keras, ids=ids))
    require(keras.mask_of(steps) is not None, "the symbolic tensor carries a mask")
    found = failure(unguarded_layer(keras), steps)
    assert named_type(found) in ("Tensor", "SymbolicTensor", "DynamicJaxprTracer")


@claim("attribute-errors.sequential-hands-dicts-on", {"tf.keras": ">=2.3", "*": ""})
@pytest.mark.parametrize("masked", [True, False], ids=["masked", "unmasked"])
def test_sequential_hands_on_a_dict_and_the_masks_in_it(keras, masked):
    seen = []
    first = keras.layers.Masking() if masked else keras.layers.Dropout(0.5)
    model = keras.Sequential([first, boxing(keras), dict_reader(keras, seen)])
    with refuted_by(AttributeError, match=MESSAGE):
        model(keras.tensor(padded_features()))
    keys, masks = seen[-1]
    assert keys == ["words"]
    if masked:
        assert same(keras.numpy(masks["words"]), valid_steps())


# --- what a dict is ----------------------------------------------------------------------------


@claim("attribute-errors.dict-is-a-bare-container")
@pytest.mark.parametrize("metadata", ["_keras_mask", "shape", "dtype"])
def test_dict_carries_no_metadata_of_its_tensors(keras, metadata):
    held = dict_of(keras, "masked-tensors")
    require(hasattr(held["words"], metadata), "the tensor in it does")
    assert not hasattr(held, metadata)


@claim("attribute-errors.dict-is-unordered", NEVER, instead="attribute-errors.dict-keeps-its-order")
def test_dict_is_unordered(keras):
    seen = []
    for keys in (["words", "extra"], ["extra", "words"]):
        dict_reader(keras, seen)({key: keras.tensor(padded_features()) for key in keys})
    (first, _), (second, _) = seen
    require(sorted(first) == sorted(second), "the two dicts have the same keys")
    assert first == second


@claim("attribute-errors.dict-keeps-its-order")
@pytest.mark.parametrize("order", ["words-extra", "extra-words"])
def test_layer_gets_the_keys_in_the_order_of_the_dict(keras, order):
    keys, seen = order.split("-"), []
    dict_reader(keras, seen)({key: keras.tensor(padded_features()) for key in keys})
    assert [found for found, _ in seen] == [keys]


@claim("attribute-errors.dict-takes-no-part")
def test_dict_is_no_part_of_the_graph(keras):
    inputs = {key: keras.Input(shape=(6, 4), name=key) for key in MASKS}
    model = keras.Model(inputs, dict_reader(keras, [])(inputs))
    require(len(model.inputs) == 2, "the model has an input for each value of the dict")
    assert not any(isinstance(found, dict) for found in model.inputs)


@claim("attribute-errors.models-take-dicts")
@pytest.mark.parametrize("made", ["words-extra", "extra-words"])
@pytest.mark.parametrize("given", ["words-extra", "extra-words"])
def test_model_of_a_dict_finds_each_tensor_and_mask_by_its_key(keras, made, given):
    arrived = masks_arriving(keras, two_inputs(keras, "dict", made), given)
    assert all(same(arrived[key], MASKS[key]) for key in MASKS)


@claim("attribute-errors.list-model-finds-masks-by-key")
@pytest.mark.parametrize("made", ["extra-words", case("words-extra", holds=BY_NAME)])
@pytest.mark.parametrize("given", ["words-extra", "extra-words"])
def test_model_of_a_list_finds_each_mask_by_its_key(keras, made, given):
    arrived = masks_arriving(keras, two_inputs(keras, "list", made), given)
    found = [key for key in MASKS for mask in MASKS if same(arrived[mask], MASKS[key])]
    require(sorted(found) == sorted(MASKS), "each of the two masks arrives somewhere")
    assert all(same(arrived[key], MASKS[key]) for key in MASKS)


@claim("attribute-errors.mask-of-a-dict-is-a-dict")
def test_layer_gets_a_dict_of_masks_for_a_dict(keras):
    seen = []
    steps = {"words": masked_steps(keras), "extra": keras.tensor(padded_features())}
    dict_reader(keras, seen)(steps)
    ((_, mask),) = seen
    assert isinstance(mask, dict) and sorted(mask) == ["extra", "words"]
    assert same(keras.numpy(mask["words"]), valid_steps()) and mask["extra"] is None


@claim("attribute-errors.unmasked-dict-gives-none", BEFORE_KERAS_3)
def test_layer_gets_none_for_a_dict_without_masks(keras):
    seen = []
    dict_reader(keras, seen)({"words": keras.tensor(padded_features())})
    ((_, mask),) = seen
    require(mask in (None, {"words": None}), "no mask arrives")
    assert mask is None


# --- the example -------------------------------------------------------------------------------


@claim("attribute-errors.metadata-beside-a-tensor")
def test_dict_with_a_tensor_and_metadata_has_no_mask_in_it(keras):
    held = example(keras)
    found = [held, held["readings"], held["about"], held["about"]["station"]]
    assert not any(hasattr(value, "_keras_mask") for value in found)


@claim("attribute-errors.model-takes-the-tensor")
def test_sequential_of_dense_takes_the_tensor_of_the_dict(keras):
    steps = example(keras)["readings"]
    model = keras.Sequential([keras.layers.Dense(4)])
    result = keras.numpy(model(steps))
    kernel, bias = model.get_weights()
    assert result.shape == (2, 4) and same(result, keras.numpy(steps) @ kernel + bias)


@claim("attribute-errors.model-refuses-the-dict")
@pytest.mark.parametrize("contents", ["tensors-and-metadata", "masked-tensors"])
def test_sequential_of_dense_refuses_the_whole_dict(keras, contents):
    with pytest.raises((KeyError, TypeError, ValueError)) as raised:
        keras.Sequential([keras.layers.Dense(4)])(dict_of(keras, contents))
    observe(raised.type.__name__)
    assert "_keras_mask" not in str(raised.value)
