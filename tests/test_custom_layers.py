"""Layers written by users: what they do to a mask by default, and how to change that.

Page: spec/custom-layers.md
"""

import re
import warnings

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.layers import (
    arriving,
    arriving_at,
    changed,
    custom_embedding,
    custom_layer,
    failure,
    flagged_layer,
    mask_reader,
    masked_by,
    my_activation,
    time_changer,
)
from tests.support.probes import (
    MODES,
    TF_FUNCTION,
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3

NO_MASK = -np.ones((3, 6))  # what a mask_reader shows where no mask arrives


def symbolic_output(keras, layer):
    """The output of ``layer`` behind an embedding while a model is being built."""
    return layer(embedding(keras)(symbolic_batch(keras)))


def warned(layer, x):
    """The warnings that a call of ``layer`` gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer(x)
    return [str(w.message) for w in caught]


# --- what happens by default -------------------------------------------------------------------


@claim("custom-layers.default-destroys-mask", instead="custom-layers.returned-input-keeps-mask")
@pytest.mark.parametrize(
    "kind, mode",
    [("computes", mode) for mode in MODES]
    + [(kind, mode) for kind in ("takes-a-mask", "lambda") for mode in ("eager", "functional")]
    + [case("returns-its-input", mode, holds=NEVER) for mode in MODES],
)
def test_custom_layer_destroys_the_mask(keras, kind, mode):
    require(same(arriving(keras, mode), valid_steps()), "the mask arrives without the layer")
    assert same(arriving(keras, mode, custom_layer(keras, kind)), NO_MASK)


@claim("custom-layers.returned-input-keeps-mask")
@pytest.mark.parametrize("mode", MODES)
def test_layer_that_returns_its_input_keeps_the_mask(keras, mode):
    require(same(arriving(keras, mode, custom_layer(keras)), NO_MASK), "one that computes does not")
    assert same(arriving(keras, mode, custom_layer(keras, "returns-its-input")), valid_steps())


@claim(
    "custom-layers.returned-input-mask-unseen",
    holds={"tf.keras": ">=2.3", "*": ""},
    instead="custom-layers.returned-input-mask-seen",
)
def test_symbolic_output_hides_the_mask_that_the_model_uses(keras):
    used = arriving(keras, "functional", custom_layer(keras, "returns-its-input"))
    require(same(used, valid_steps()), "the finished model passes the mask")
    output = symbolic_output(keras, custom_layer(keras, "returns-its-input"))
    assert keras.mask_of(output) is None


@claim(
    "custom-layers.returned-input-mask-seen",
    holds={"tf.keras": "<2.3"},
    instead="custom-layers.returned-input-mask-unseen",
)
def test_symbolic_output_shows_the_mask_that_the_model_uses(keras):
    output = symbolic_output(keras, custom_layer(keras, "returns-its-input"))
    assert keras.mask_of(output) is not None


@claim(
    "custom-layers.destroyed-mask-warned",
    holds=KERAS_3,
    instead="custom-layers.destroyed-mask-silent",
)
@pytest.mark.parametrize("kind", ["computes", "returns-its-input"])
def test_layer_warns_that_it_destroys_the_mask(keras, kind):
    unmasked = embedding(keras, mask_zero=False)(padded_ids())
    require(not warned(custom_layer(keras, kind), unmasked), "no warning without a mask")
    found = warned(custom_layer(keras, kind), embedding(keras)(padded_ids()))
    assert any("destroy the mask" in text for text in found)


@claim(
    "custom-layers.destroyed-mask-silent",
    holds=BEFORE_KERAS_3,
    instead="custom-layers.destroyed-mask-warned",
)
@pytest.mark.parametrize("kind", ["computes", "returns-its-input"])
def test_layer_destroys_the_mask_without_a_warning(keras, kind):
    assert warned(custom_layer(keras, kind), embedding(keras)(padded_ids())) == []


# --- opting in ---------------------------------------------------------------------------------


@claim("custom-layers.supports-masking-forwards")
@pytest.mark.parametrize("mode", MODES)
def test_supports_masking_forwards_the_mask(keras, mode):
    require(same(arriving(keras, mode, custom_layer(keras)), NO_MASK), "lost without opting in")
    assert same(arriving(keras, mode, my_activation(keras)), valid_steps())


@claim("custom-layers.supports-masking-set-later")
@pytest.mark.parametrize("when", ["before-first-call", "after-first-call"])
def test_flag_on_a_finished_layer_forwards_the_mask(keras, when):
    layer = custom_layer(keras)
    if when == "after-first-call":
        require(same(arriving(keras, "eager", layer), NO_MASK), "the mask is lost at first")
    layer.supports_masking = True
    assert same(arriving(keras, "eager", layer), valid_steps())


@claim("custom-layers.supports-masking-before-init-lost")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_flag_set_before_the_parent_is_initialized_is_lost(keras, mode):
    assert same(arriving(keras, mode, flagged_layer(keras, "before-init")), NO_MASK)


@claim(
    "custom-layers.supports-masking-in-class-counts",
    holds=KERAS_3,
    instead="custom-layers.supports-masking-in-class-lost",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_flag_as_class_attribute_forwards_the_mask(keras, mode):
    assert same(arriving(keras, mode, flagged_layer(keras, "in-the-class")), valid_steps())


@claim(
    "custom-layers.supports-masking-in-class-lost",
    holds=BEFORE_KERAS_3,
    instead="custom-layers.supports-masking-in-class-counts",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_flag_as_class_attribute_is_lost(keras, mode):
    assert same(arriving(keras, mode, flagged_layer(keras, "in-the-class")), NO_MASK)


@claim("custom-layers.default-compute-mask-forwards")
def test_default_compute_mask_returns_the_mask(keras):
    mask = keras.tensor(valid_steps())
    assert my_activation(keras).compute_mask(keras.tensor(padded_ids()), mask) is mask


@claim(
    "custom-layers.unflagged-compute-mask-raises",
    holds=BEFORE_KERAS_3,
    instead="custom-layers.unflagged-compute-mask-forwards",
)
def test_default_compute_mask_raises_without_the_flag(keras):
    inputs, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    found = failure(custom_layer(keras).compute_mask, inputs, mask)
    assert re.match("TypeError: .*does not support masking", found)


@claim(
    "custom-layers.unflagged-compute-mask-forwards",
    holds=KERAS_3,
    instead="custom-layers.unflagged-compute-mask-raises",
)
def test_default_compute_mask_returns_the_mask_without_the_flag(keras):
    inputs, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    with refuted_by(TypeError, match="does not support masking"):
        returned = custom_layer(keras).compute_mask(inputs, mask)
    assert returned is mask


@claim("custom-layers.symbolic-mask-readable")
def test_symbolic_output_has_a_readable_mask(keras):
    output = symbolic_output(keras, my_activation(keras))
    assert getattr(output, "_keras_mask", None) is not None
    assert tuple(output._keras_mask.shape) == (None, None)
    assert "bool" in str(output._keras_mask.dtype)


@claim(
    "custom-layers.symbolic-mask-printed-by-origin",
    holds={"tf.keras": "<2.4"},
    instead="custom-layers.symbolic-mask-printed-by-shape",
)
def test_symbolic_mask_prints_as_a_graph_tensor_of_the_embedding(keras):
    text = str(keras.mask_of(symbolic_output(keras, my_activation(keras))))
    observe(text)
    tensor = r'Tensor\("embedding(_\d+)?/NotEqual:0", shape=\(None, None\), dtype=bool\)'
    assert re.search(tensor, text)


@claim("custom-layers.symbolic-mask-printed-by-shape")
def test_symbolic_mask_prints_shape_and_dtype(keras):
    text = str(keras.mask_of(symbolic_output(keras, my_activation(keras))))
    assert re.search(r"shape=\(None, None\), dtype=(tf\.)?bool", text)


# --- a mask of one's own: compute_mask ---------------------------------------------------------


@claim("custom-layers.compute-mask-makes-the-mask")
@pytest.mark.parametrize("mode", MODES)
def test_compute_mask_makes_the_mask_from_input_and_mask(keras, mode):
    def valid_and_positive(inputs, mask):
        return mask & (inputs[..., 0] > 0)

    ids, layer = embedding(keras), masked_by(keras, valid_and_positive)
    arrived = compose(keras, mode, [ids, layer, mask_reader(keras)])(padded_ids())
    positive = ids.get_weights()[0][padded_ids()][..., 0] > 0
    require(not same(positive, valid_steps()), "input and mask both matter")
    assert same(arrived, valid_steps() & positive)


@claim("custom-layers.compute-mask-suffices")
@pytest.mark.parametrize("mode", MODES)
def test_own_compute_mask_needs_no_flag(keras, mode):
    def unchanged(inputs, mask):
        return mask

    require(same(arriving(keras, mode, custom_layer(keras)), NO_MASK), "lost without compute_mask")
    layer = masked_by(keras, unchanged)
    observe(f"supports_masking is {layer.supports_masking}")
    assert same(arriving(keras, mode, layer), valid_steps())


@claim("custom-layers.can-modify-the-mask")
@pytest.mark.parametrize("mode", ["eager", "functional"])
@pytest.mark.parametrize("kind", ["crop", "rotate", "halve", "double"])
def test_custom_layer_can_modify_the_mask(keras, kind, mode):
    wanted = keras.numpy(changed(keras, kind, keras.tensor(valid_steps())))
    require(not same(wanted, valid_steps()), "the mask is another one")
    assert same(arriving(keras, mode, time_changer(keras, kind)), wanted)


@claim("custom-layers.new-length-needs-new-mask")
@pytest.mark.parametrize(
    "kind, mode", [("halve", "eager"), ("double", "eager"), ("halve", TF_FUNCTION)]
)
def test_layers_behind_another_length_need_another_mask(keras, kind, mode):
    def right(masked):
        ids, layer = embedding(keras), time_changer(keras, kind, masked=masked)
        run = compose(keras, mode, [ids, layer, keras.layers.SimpleRNN(3)])
        return not failure(run, padded_ids()) and not depends_on_padding(run, ids)

    require(right(masked=True), "the RNN ignores padding with a mask of the new length")
    assert not right(masked=False)


@claim("custom-layers.wrong-length-mask-fails", instead="custom-layers.long-mask-misread-on-torch")
@pytest.mark.parametrize(
    "kind, mode",
    [
        case("halve", "eager", holds={"keras/torch": None, "*": ""}),
        ("double", "eager"),
        ("double", TF_FUNCTION),
    ],
)
def test_rnn_fails_on_a_mask_of_the_wrong_length(keras, kind, mode):
    forwards = time_changer(keras, kind, masked=False)
    run = compose(keras, mode, [embedding(keras), forwards, keras.layers.SimpleRNN(3)])
    found = failure(run, padded_ids())
    observe(found.partition(":")[0])
    assert found


def under_the_start_of_its_mask(keras, mode):
    """Whether an RNN that keeps every second step, and the old mask, uses the start of that."""
    ids, rnn = embedding(keras), keras.layers.SimpleRNN(3)
    forwards = time_changer(keras, "halve", masked=False)
    kept = keras.tensor(keras.numpy(changed(keras, "halve", ids(padded_ids()))))
    first, own = (keras.tensor(mask) for mask in (valid_steps()[:, :3], valid_steps()[:, 1::2]))
    expected = keras.numpy(rnn(kept, mask=first))
    require(not same(expected, keras.numpy(rnn(kept, mask=own))), "the two masks differ in effect")
    with refuted_by(Exception, match="(?i)shape|unstack|axis sizes"):
        result = compose(keras, mode, [ids, forwards, rnn])(padded_ids())
    return same(result, expected)


@claim(
    "custom-layers.wrong-length-mask-misread-in-graph",
    exists={"keras/jax": None, "keras/torch": None, "*": ""},
)
def test_rnn_in_a_graph_reads_a_longer_mask_from_its_start(keras):
    assert under_the_start_of_its_mask(keras, TF_FUNCTION)


@claim(
    "custom-layers.long-mask-misread-on-torch",
    holds={"keras/torch": ""},
    instead="custom-layers.wrong-length-mask-fails",
)
def test_rnn_on_torch_reads_a_longer_mask_from_its_start(keras):
    assert under_the_start_of_its_mask(keras, "eager")


# --- layers that generate a mask ---------------------------------------------------------------


@claim("custom-layers.can-generate-a-mask")
@pytest.mark.parametrize("mode", MODES)
def test_custom_embedding_generates_a_mask_from_its_ids(keras, mode):
    run = compose(keras, mode, [custom_embedding(keras, mask_zero=False), mask_reader(keras)])
    require(same(run(padded_ids()), NO_MASK), "there is no mask unless it is generated")
    run = compose(keras, mode, [custom_embedding(keras), mask_reader(keras)])
    assert same(run(padded_ids()), valid_steps())


# --- layers that use a mask --------------------------------------------------------------------


@claim(
    "custom-layers.mask-argument-suffices",
    instead=("custom-layers.keyword-only-mask-lost", "custom-layers.mask-goes-by-name"),
)
@pytest.mark.parametrize(
    "signature, mode",
    [("mask=None", mode) for mode in MODES]
    + [
        case("keyword-only", "eager", holds={"tf.keras": ">=2.5", "*": ""}),
        case("two-tensors", "eager", holds=BEFORE_KERAS_3),
        case("two-tensors", "functional", holds=BEFORE_KERAS_3),
    ],
)
def test_layer_with_a_mask_argument_gets_the_mask(keras, signature, mode):
    require(same(arriving_at(keras, mode, signature, mask_zero=False), NO_MASK), "none without one")
    assert same(arriving_at(keras, mode, signature), valid_steps())


@claim(
    "custom-layers.keyword-only-mask-lost",
    holds={"tf.keras": "<2.5"},
    instead="custom-layers.keyword-only-mask-passed",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_keyword_only_mask_is_not_filled_in(keras, mode):
    assert same(arriving_at(keras, mode, "keyword-only"), NO_MASK)


@claim(
    "custom-layers.keyword-only-mask-passed",
    holds={"tf.keras": ">=2.5", "*": ""},
    instead="custom-layers.keyword-only-mask-lost",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_keyword_only_mask_is_filled_in(keras, mode):
    assert same(arriving_at(keras, mode, "keyword-only"), valid_steps())


@claim(
    "custom-layers.mask-goes-by-name",
    holds=KERAS_3,
    instead="custom-layers.mask-goes-by-first-argument",
)
@pytest.mark.parametrize(
    "signature, gets", [("two-tensors", "none"), ("mask-by-name", "mask"), ("any-keyword", "none")]
)
def test_mask_goes_to_the_parameter_that_names_its_tensor(keras, signature, gets):
    wanted = valid_steps() if gets == "mask" else NO_MASK
    assert same(arriving_at(keras, "eager", signature), wanted)


@claim(
    "custom-layers.mask-goes-by-first-argument",
    holds=BEFORE_KERAS_3,
    instead="custom-layers.mask-goes-by-name",
)
@pytest.mark.parametrize(
    "signature, gets", [("two-tensors", "mask"), ("mask-by-name", "none"), ("any-keyword", "mask")]
)
def test_mask_of_the_first_argument_goes_to_mask(keras, signature, gets):
    wanted = valid_steps() if gets == "mask" else NO_MASK
    assert same(arriving_at(keras, "eager", signature), wanted)
