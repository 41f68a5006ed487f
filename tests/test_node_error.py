"""The message "'Node' object has no attribute 'output_masks'": where it comes from.

Page: spec/node-error.md
"""

import inspect
import re
from pathlib import Path

import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, require
from tests.support.layers import custom_layer, failure
from tests.support.packages import MESSAGE, beside, files, other, others, tensor_of, whose_tensors
from tests.support.probes import padded_features

STANDALONE = {"standalone": ""}
ALL_BUT_STANDALONE = {"standalone": None, "*": ""}
READ = re.compile(rb"\.output_masks\b|[\"']output_masks[\"']")


def node_of(tensor):
    """The node that the layer which returned ``tensor`` keeps of that call."""
    layer, index = tuple(tensor._keras_history)[:2]
    return layer._inbound_nodes[index]


def callable_of(keras, kind):
    """What can be called with a tensor: a layer or a model."""
    if kind == "custom":
        return custom_layer(keras)
    if kind == "functional":
        inputs = keras.Input(shape=(6, 4))
        return keras.Model(inputs, keras.layers.Dense(2)(inputs))
    if kind == "sequential":
        return keras.Sequential([keras.layers.Dense(2, input_shape=(6, 4))])
    return {"Dense": keras.layers.Dense, "SimpleRNN": keras.layers.SimpleRNN}[kind](2)


# --- the message -------------------------------------------------------------------------------


@claim("node-error.message-exists", STANDALONE, instead="node-error.never-read", standalone=True)
def test_keras_has_the_message(keras):
    tensors = [tensor_of(package, "input") for package in (keras, *others(keras))]
    found = [failure(keras.layers.Dense(2), tensor) for tensor in tensors]
    observe("; ".join(filter(None, found)) or "no error")
    assert f"AttributeError: {MESSAGE}" in found


@claim(
    "node-error.never-read",
    ALL_BUT_STANDALONE,
    instead="node-error.message-exists",
    standalone=True,
)
def test_no_code_of_the_package_reads_the_attribute(keras):
    modules = files(keras)
    layer = Path(inspect.getsourcefile(keras.layers.Layer))
    require(layer in modules, "the file of the class Layer is among them")
    reading = [file.name for file in modules if READ.search(file.read_bytes())]
    observe(f"read in {', '.join(reading) or 'no file'}")
    assert reading == []


@claim(
    "node-error.node-lacks-attribute",
    ALL_BUT_STANDALONE,
    instead="node-error.standalone-node-keeps-masks",
    standalone=True,
)
@pytest.mark.parametrize("kind", ["input", "unmasked", "masked"])
def test_node_has_no_such_attribute(keras, kind):
    node = node_of(tensor_of(keras, kind))
    require(type(node).__name__ == "Node", "this is a Node")
    assert not hasattr(node, "output_masks")


@claim("node-error.standalone-node-keeps-masks", exists=STANDALONE, standalone=True)
@pytest.mark.parametrize("kind, masked", [("input", False), ("unmasked", False), ("masked", True)])
def test_node_keeps_a_mask_for_each_output(keras, kind, masked):
    beside(keras, "standalone")
    kept = node_of(tensor_of(keras, kind)).output_masks
    assert [mask is not None for mask in kept] == [masked]


# --- what raises it ----------------------------------------------------------------------------


@claim("node-error.raised-on-reading", exists=STANDALONE, standalone=True)
def test_it_is_raised_on_reading_from_the_node_before(keras):
    tensor = tensor_of(beside(keras, "standalone"), "unmasked")
    with pytest.raises(AttributeError, match=MESSAGE) as raised:
        keras.layers.Dense(2)(tensor)
    place = raised.traceback[-1]
    observe(f"raised in {place.name}")
    assert "node.output_masks" in str(place.statement)
    assert place.locals["node"] is node_of(tensor)


@claim("node-error.raised-by-tensor-of-tf-keras", exists=STANDALONE, standalone=True)
@pytest.mark.parametrize("kind", ["input", "unmasked", "masked", "mask-forwarded"])
@pytest.mark.parametrize("called", ["Dense", "SimpleRNN", "custom", "functional", "sequential"])
def test_standalone_layer_raises_it_for_a_tensor_of_tf_keras(keras, called, kind):
    foreign = tensor_of(beside(keras, "standalone"), kind)
    found = failure(callable_of(keras, called), tensor_of(keras, kind))
    require(MESSAGE not in found, "it is not raised for a tensor of the same package")
    assert MESSAGE in failure(callable_of(keras, called), foreign)


@claim("node-error.raised-before-data", exists=STANDALONE, standalone=True)
def test_it_is_raised_before_there_is_data(keras):
    symbolic = tensor_of(beside(keras, "standalone"), "input")
    assert MESSAGE in failure(keras.layers.Dense(2), symbolic)
    assert not failure(keras.layers.Dense(2), keras.tensor(padded_features()))


@claim("node-error.missing-means-no-mask", NEVER, standalone=True)
@pytest.mark.parametrize("kind", ["masked", "mask-forwarded"])
def test_missing_attribute_tells_that_there_is_no_mask(keras, kind):
    tensor = tensor_of(whose_tensors(keras), kind)
    require(not hasattr(node_of(tensor), "output_masks"), "the attribute is missing")
    mask = keras.mask_of(tensor)
    observe(f"the mask is {'not there' if mask is None else 'there'}")
    assert mask is None


@claim("node-error.met-with-custom-layers", NEVER, standalone=True)
def test_it_is_met_with_custom_layers_but_not_in_feed_forward_networks(keras):
    tensor = tensor_of(whose_tensors(keras), "unmasked")
    custom, dense = [
        MESSAGE in failure(callable_of(keras, called), tensor) for called in ("custom", "Dense")
    ]
    observe(f"raised by a custom layer: {custom}; by Dense: {dense}")
    assert custom and not dense


# --- one package, and what else mixing does ----------------------------------------------------


@claim("node-error.one-package-cures", standalone=True)
@pytest.mark.parametrize(
    "source",
    ["installed", case("tensorflow", exists={"keras/jax": None, "keras/torch": None, "*": ""})],
)
def test_one_package_for_everything_cures_it(keras, source):
    if source == "tensorflow" and keras.backend_name != "tensorflow":
        raise Unavailable("there is no tensorflow.keras on this backend")
    package = keras if source == "installed" else keras.package("tensorflow.keras")
    model = callable_of(package, "functional")
    assert not failure(lambda: model(package.layers.Dense(4)(tensor_of(package, "masked"))))


@claim("node-error.reverse-direction", exists=STANDALONE, standalone=True)
@pytest.mark.parametrize("kind", ["input", "masked"])
def test_layer_of_tf_keras_raises_another_error(keras, kind):
    found = failure(beside(keras, "standalone").layers.Dense(2), tensor_of(keras, kind))
    assert found == "AttributeError: 'tuple' object has no attribute 'layer'"


@claim(
    "node-error.sequential-refuses-foreign-layers",
    {"tf.keras": None, "tf_keras": ">=2.16", "*": ""},
    exists={"tf.keras": "==2.5.*", "tf_keras": "", "standalone": ""},
    standalone=True,
)
@pytest.mark.parametrize("sequential", ["own", "other"])
def test_sequential_refuses_a_layer_of_another_package(keras, sequential):
    packages = [keras, other(keras)]
    model, layers = packages if sequential == "own" else packages[::-1]
    found = failure(model.Sequential, [layers.layers.Dense(2)])
    observe(re.split(r"\.? (?:Found|Received)", found)[0] or "no error")
    refused = re.match("(TypeError: The added layer|ValueError: Only instances)", found)
    require(refused or not found, "the layer is refused as foreign, or taken")
    assert refused


@claim("node-error.keras-3-tensor-in-tf-keras", exists={"tf_keras": ">=2.16"})
def test_tf_keras_layer_fails_on_a_tensor_of_keras_3(keras):
    found = failure(keras.layers.Dense(2), tensor_of(keras_3_beside(keras), "input"))
    assert found == "AttributeError: 'tuple' object has no attribute 'rank'"


@claim("node-error.tf-keras-tensor-in-keras-3", exists={"tf_keras": ">=2.16"})
def test_keras_3_layer_takes_a_tensor_of_tf_keras_and_does_not_train(keras):
    inputs, foreign = keras.Input(shape=(4,)), keras_3_beside(keras).layers.Dense(2)
    model = keras.Model(inputs, foreign(inputs))
    require(len(foreign.trainable_weights) == 2, "the layer has a kernel and a bias")
    assert model.trainable_weights == []


def keras_3_beside(keras):
    """Keras 3, if the installed implementation is tf_keras; else ``Unavailable``."""
    package = beside(keras, "tf_keras")
    require(package.ops, "this is a name that only Keras 3 has")
    return package
