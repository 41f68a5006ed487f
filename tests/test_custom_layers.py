"""Layers written by users: what they do to a mask by default, and how to change that.

Page: spec/custom-layers.md
"""

import inspect
import re

import numpy as np
import pytest

from maskspec import (
    Parameter,
    Unavailable,
    case,
    claim,
    observe,
    raises,
    refuted_by,
    require,
)
from tests.support.layers import (
    NO_MASK,
    WITH_KERAS_OPS,
    WITH_TF,
    WRITTEN_WITH,
    arriving,
    arriving_at,
    changed,
    custom_embedding,
    custom_layer,
    failure,
    flagged_layer,
    follows_the_ids,
    functions,
    mask_reader,
    masked_by,
    my_activation,
    time_changer,
)
from tests.support.own_layers import (
    false_alarm,
    masked_model,
    symbolic_output,
    two_outputs,
    under_the_start_of_its_mask,
    warned,
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
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, ON_TENSORFLOW, SINCE_KERAS_3_4

# --- what happens by default -------------------------------------------------------------------


@claim("custom-layers.default-destroys-mask")
@pytest.mark.parametrize(
    "kind, mode",
    [("computes", mode) for mode in MODES]
    + [(kind, mode) for kind in ("takes-a-mask", "lambda") for mode in ("eager", "functional")],
)
def test_custom_layer_destroys_the_mask(keras, kind, mode):
    require(same(arriving(keras, mode), valid_steps()), "the mask arrives without the layer")
    assert same(arriving(keras, mode, custom_layer(keras, kind)), NO_MASK)


@claim("custom-layers.returned-input-keeps-mask")
@pytest.mark.parametrize("mode", MODES)
def test_layer_that_returns_its_input_keeps_the_mask(keras, mode):
    require(same(arriving(keras, mode, custom_layer(keras)), NO_MASK), "one that computes does not")
    assert same(arriving(keras, mode, custom_layer(keras, "returns-its-input")), valid_steps())


@claim("custom-layers.returned-input-mask-unseen", holds={"tf.keras": ">=2.3", "*": ""})
def test_symbolic_output_hides_the_mask_that_the_model_uses(keras):
    used = arriving(keras, "functional", custom_layer(keras, "returns-its-input"))
    require(same(used, valid_steps()), "the finished model passes the mask")
    output = symbolic_output(keras, custom_layer(keras, "returns-its-input"))
    assert keras.mask_of(output) is None


@claim("custom-layers.destroyed-mask-warned", holds=KERAS_3)
@pytest.mark.parametrize("kind", ["computes", "takes-a-mask"])
def test_layer_warns_that_it_destroys_the_mask(keras, kind):
    layer, masked = custom_layer(keras, kind), embedding(keras)(padded_ids())
    require(not warned(layer, embedding(keras, mask_zero=False)(padded_ids())), "none without mask")
    require(keras.mask_of(masked) is not None, "the input carries a mask")
    require(keras.mask_of(layer(masked)) is None, "the output carries none")
    found = warned(custom_layer(keras, kind), masked)
    require(not found or "destroy the mask" in found[0], "no other warning is given")
    assert found


@claim("custom-layers.warning-without-loss", holds=KERAS_3)
@pytest.mark.parametrize(
    "kind", ["returns-its-input", "inside-a-block", case("GroupQueryAttention", exists=KERAS_3)]
)
def test_layer_warns_although_the_mask_is_not_lost(keras, kind):
    layer, x = false_alarm(keras, kind), embedding(keras)(padded_ids())
    found = warned(layer, x)
    require(same(keras.numpy(keras.mask_of(layer(x))), valid_steps()), "the output has the mask")
    assert any("destroy the mask" in text for text in found)


# --- opting in ---------------------------------------------------------------------------------


@claim("custom-layers.supports-masking-forwards")
@pytest.mark.parametrize("mode", MODES)
def test_supports_masking_forwards_the_mask(keras, mode):
    require(same(arriving(keras, mode, custom_layer(keras)), NO_MASK), "lost without opting in")
    assert follows_the_ids(keras, mode, my_activation(keras))


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
    require(same(arriving(keras, mode, my_activation(keras)), valid_steps()), "set later it counts")
    assert same(arriving(keras, mode, flagged_layer(keras, "before-init")), NO_MASK)


@claim("custom-layers.supports-masking-in-class-counts", holds=KERAS_3)
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_flag_as_class_attribute_forwards_the_mask(keras, mode):
    require(same(arriving(keras, mode, my_activation(keras)), valid_steps()), "on self it counts")
    arrived = arriving(keras, mode, flagged_layer(keras, "in-the-class"))
    require(same(arrived, valid_steps()) or same(arrived, NO_MASK), "the mask arrives or is lost")
    assert same(arrived, valid_steps())


@claim("custom-layers.default-compute-mask-forwards")
def test_default_compute_mask_returns_the_mask(keras):
    mask = keras.tensor(valid_steps())
    assert my_activation(keras).compute_mask(keras.tensor(padded_ids()), mask) is mask


@claim("custom-layers.unflagged-compute-mask-raises", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("inputs", ["one", "two-with-one-mask"])
def test_default_compute_mask_raises_without_the_flag(keras, inputs):
    x, mask = keras.tensor(padded_features()), keras.tensor(valid_steps())
    given = (x, mask) if inputs == "one" else ([x, x], [mask, None])
    layer = custom_layer(keras)
    found = failure(layer.compute_mask, *given)
    require(found or layer.compute_mask(*given) is given[1], "else it returns the mask")
    assert re.match("TypeError: .*does not support masking", found)


@claim("custom-layers.symbolic-mask-readable")
@pytest.mark.parametrize("written_with", WRITTEN_WITH)
def test_symbolic_output_has_a_readable_mask(keras, written_with):
    output = symbolic_output(keras, my_activation(keras, functions(keras, written_with)))
    assert getattr(output, "_keras_mask", None) is not None
    assert tuple(output._keras_mask.shape) == (None, None)
    assert "bool" in str(output._keras_mask.dtype)


@claim(
    "custom-layers.symbolic-mask-printed-by-origin",
    holds={"tf.keras": "<2.4"},
    instead="custom-layers.symbolic-mask-printed-by-shape",
)
def test_symbolic_mask_prints_as_a_graph_tensor_of_the_embedding(keras):
    mask = keras.mask_of(symbolic_output(keras, my_activation(keras)))
    require(mask is not None, "there is a mask to print")
    text = str(mask)
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


@claim("custom-layers.compute-mask-may-return-none")
@pytest.mark.parametrize("mode", MODES)
def test_compute_mask_that_returns_none_ends_the_mask(keras, mode):
    def unchanged(inputs, mask):
        return mask

    def nothing(inputs, mask):
        return None

    kept = arriving(keras, mode, masked_by(keras, unchanged))
    require(same(kept, valid_steps()), "a compute_mask that returns the mask forwards it")
    layer = masked_by(keras, nothing)
    layer.supports_masking = True
    assert same(arriving(keras, mode, layer), NO_MASK)


@claim("custom-layers.second-output-unmasked")
@pytest.mark.parametrize("kind", ["tuple", "list"])
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_flag_puts_the_mask_on_the_first_output_alone(keras, mode, kind):
    layer, read = two_outputs(keras, kind), mask_reader(keras)
    halves = keras.layers.Concatenate(axis=1)

    def both_masks(x):
        first, second = layer(x)
        return halves([read(first), read(second)])

    run = compose(keras, mode, [embedding(keras), both_masks])
    assert same(run(padded_ids()), np.concatenate([valid_steps(), NO_MASK], axis=1))


@claim("custom-layers.attached-mask-stays")
@pytest.mark.parametrize("outputs", ["one", case("two", holds=KERAS_3)])
def test_mask_that_call_attaches_is_not_replaced_by_compute_mask(keras, outputs):
    attached, returned = valid_steps(), ~valid_steps()

    class Attaches(keras.layers.Layer):
        def call(self, inputs):
            masked = keras.carry(inputs, attached)
            return masked if outputs == "one" else (masked, inputs * 2)

        def compute_mask(self, inputs, mask=None):
            mask = keras.tensor(returned)
            return mask if outputs == "one" else (mask, mask)

    layer, x = Attaches(), keras.tensor(padded_features())
    layer.supports_masking = True
    result = layer(x)
    if outputs == "two":
        result, second = result
        require(same(keras.numpy(keras.mask_of(second)), returned), "compute_mask is used")
    assert same(keras.numpy(keras.mask_of(result)), attached)


@claim("custom-layers.subclass-cannot-end-the-mask")
@pytest.mark.parametrize(
    "layer",
    [
        "Masking",
        case("Dropout", holds=KERAS_3),
        case("Maximum", holds=KERAS_3, exists=SINCE_KERAS_3_4),
        case("Multiply", holds=KERAS_3, exists=SINCE_KERAS_3_4),
    ],
)
def test_subclass_without_a_mask_gives_its_output_one(keras, layer):
    arguments = (0.5,) if layer == "Dropout" else ()
    built_in = getattr(keras.layers, layer)
    own = type("Own", (built_in,), {"compute_mask": lambda *_, **__: None})
    masked = keras.carry(keras.tensor(padded_features()), valid_steps())
    given = [masked, masked] if layer in ("Maximum", "Multiply") else masked
    if keras.mask_of(built_in(*arguments)(given)) is None:
        raise Unavailable("the class itself gives no mask")
    assert keras.mask_of(own(*arguments)(given)) is not None


@claim("custom-layers.masking-subclass-inherits-its-mask", holds=KERAS_3)
def test_subclass_of_masking_puts_a_mask_on_what_its_own_call_returns(keras):
    class Pools(keras.layers.Masking):
        def call(self, inputs):
            return keras.ops.max(inputs, axis=1)

    x = keras.tensor(padded_features())
    require(same(keras.numpy(keras.mask_of(keras.layers.Masking()(x))), valid_steps()), "x has one")
    output = Pools()(x)
    require(tuple(output.shape) == (3, 4), "the output has no time axis")
    mask = keras.mask_of(output)
    require(mask is None or same(keras.numpy(mask), valid_steps()), "it is the mask of the input")
    assert mask is not None


BAD_LENGTH = "(?i)unstack|axis sizes|out of range|array size is|access element|list with"


@claim("custom-layers.new-length-needs-new-mask")
@pytest.mark.parametrize(
    "kind, mode", [("halve", "eager"), ("double", "eager"), ("halve", TF_FUNCTION)]
)
def test_layers_behind_another_length_need_another_mask(keras, kind, mode):
    def wrong(masked):
        ids, layer = embedding(keras), time_changer(keras, kind, masked=masked)
        run = compose(keras, mode, [ids, layer, keras.layers.SimpleRNN(3)])
        found = failure(run, padded_ids())
        require(not found or re.search(BAD_LENGTH, found), "an error speaks of the length")
        return found or depends_on_padding(run, ids)

    require(not wrong(masked=True), "the RNN ignores padding with a mask of the new length")
    assert wrong(masked=False)


@claim("custom-layers.wrong-length-mask-fails")
@pytest.mark.parametrize("mode", ["eager", TF_FUNCTION])
def test_rnn_fails_on_a_mask_shorter_than_its_input(keras, mode):
    def run(masked):
        layer = time_changer(keras, "double", masked=masked)
        return compose(keras, mode, [embedding(keras), layer, keras.layers.SimpleRNN(3)])

    run(masked=True)(padded_ids())  # a mask that is as long as the input is fine
    with pytest.raises(Exception, match=BAD_LENGTH):
        run(masked=False)(padded_ids())


@claim(
    "custom-layers.wrong-length-mask-misread-in-graph",
    exists={"keras/jax": None, "keras/torch": None, "*": ""},
)
def test_rnn_in_a_graph_reads_a_longer_mask_from_its_start(keras):
    assert under_the_start_of_its_mask(keras, TF_FUNCTION)


@claim("custom-layers.long-mask-misread-on-torch", holds={"keras/torch": ""})
def test_rnn_on_torch_reads_a_longer_mask_from_its_start(keras):
    assert under_the_start_of_its_mask(keras, "eager")


# --- layers that generate a mask ---------------------------------------------------------------


WITH_A_CAST = Parameter("keras.ops-and-cast", exists=KERAS_3)


@claim(
    "custom-layers.can-generate-a-mask",
    instead=("custom-layers.tensorflow-on-symbolic-masks", "custom-layers.sequential-tries-floats"),
)
@pytest.mark.parametrize(
    "written_with, mode",
    [
        (WITH_TF, "eager"),
        (WITH_TF, "subclassed"),
        (WITH_TF, TF_FUNCTION),
        case(WITH_TF, "functional", holds=BEFORE_KERAS_3),
        case(WITH_TF, "sequential", holds=BEFORE_KERAS_3),
        (WITH_KERAS_OPS, "eager"),
        (WITH_KERAS_OPS, "functional"),
        case(WITH_KERAS_OPS, "sequential", holds={"keras/torch": ""}),
        (WITH_KERAS_OPS, "subclassed"),
        (WITH_A_CAST, "sequential"),
    ],
)
def test_custom_embedding_generates_a_mask_from_its_ids(keras, written_with, mode):
    casts = written_with == WITH_A_CAST
    ops = functions(keras, WITH_KERAS_OPS if casts else written_with)

    def run(**options):
        layer = custom_embedding(keras, ops, casts=casts, **options)
        return compose(keras, mode, [layer, mask_reader(keras)])(padded_ids())

    refused = "KerasTensor cannot be used as input|indices.*float32|indices must have an integer"
    with refuted_by(TypeError, ValueError, match=refused):
        arrived = run()
    require(same(run(mask_zero=False), NO_MASK), "there is no mask unless it is generated")
    assert same(arrived, valid_steps())


@claim("custom-layers.sequential-tries-floats", holds=KERAS_3)
def test_sequential_without_input_tries_its_first_layer_on_floats(keras):
    seen = []

    class Seeing(keras.layers.Layer):
        def call(self, ids):
            seen.append(str(ids.dtype))
            return ids

    compose(keras, "sequential", [Seeing()])(padded_ids())
    require(seen and all("float32" in d or "int32" in d for d in seen), "it has one of two types")
    assert "float32" in seen[0]


@claim("custom-layers.tensorflow-on-symbolic-masks", holds=KERAS_3, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("mode", ["functional", "sequential"])
def test_tensorflow_function_in_compute_mask_refuses_symbolic_tensors(keras, mode):
    tf = functions(keras, WITH_TF)

    def long_enough(inputs, mask):
        return tf.not_equal(tf.sum(inputs, axis=-1), 0.0)

    def run(mode):
        return arriving(keras, mode, masked_by(keras, long_enough))

    everywhere = np.ones((3, 6))
    require(same(run("eager"), everywhere), "eagerly the mask arrives")
    found = failure(run, mode)
    require(found or same(run(mode), everywhere), "otherwise the mask arrives")
    assert re.match("(?s)ValueError: .*KerasTensor cannot be used as input", found)


# --- layers that are saved ---------------------------------------------------------------------


@claim("custom-layers.savedmodel-without-class-drops-the-mask", exists=BEFORE_KERAS_3)
def test_savedmodel_loaded_without_the_class_drops_the_mask(keras, tmp_path):
    if keras.implementation == "keras":
        raise Unavailable("load_model of Keras 3 reads no SavedModel")
    layer, pooling = my_activation(keras), keras.layers.GlobalAveragePooling1D()
    model, x = masked_model(keras, layer, pooling), keras.tensor(padded_features())
    masked, unmasked = keras.numpy(model(x)), keras.numpy(pooling(keras.ops.relu(x)))
    require(not same(masked, unmasked), "the mask makes a difference")
    model.save(str(tmp_path / "model"), save_format="tf")
    known = {"MyActivation": lambda **config: my_activation(keras)}
    loaded = keras.models.load_model(str(tmp_path / "model"), custom_objects=known)
    require(same(keras.numpy(loaded(x)), masked), "loaded with the class, the model is the same")
    loaded = keras.models.load_model(str(tmp_path / "model"))
    assert same(keras.numpy(loaded(x)), unmasked)


@claim("custom-layers.file-needs-the-class")
@pytest.mark.parametrize("ending", [".keras", case(".h5", exists=BEFORE_KERAS_3)])
def test_model_file_cannot_be_loaded_without_the_class(keras, ending, tmp_path):
    class Doubling(keras.layers.Layer):
        def __init__(self, **config):
            super().__init__(**config)
            self.supports_masking = True

        def call(self, inputs):
            return inputs * 2.0

    Doubling.__module__ = "__main__"  # as if written in the program itself
    if ending == ".h5" and keras.implementation == "keras":
        raise Unavailable("a model with a mask cannot be loaded from .h5 here")
    rnn, x, path = keras.layers.SimpleRNN(3), padded_features(), str(tmp_path / f"model{ending}")
    model = masked_model(keras, Doubling(), rnn)
    masked = keras.numpy(model(keras.tensor(x)))
    require(not same(masked, keras.numpy(rnn(keras.tensor(x * 2)))), "the mask makes a difference")
    model.save(path)
    with raises(TypeError, ValueError, match="Doubling"):
        keras.models.load_model(path)
    loaded = keras.models.load_model(path, custom_objects={"Doubling": Doubling})
    require(
        same(keras.numpy(loaded(keras.tensor(x))), masked), "with the class, it masks as before"
    )


def handed_on(mask):
    return mask


@claim("custom-layers.lambda-mask-is-saved", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("mask", ["by-itself", "by-a-function-of-its-module"])
def test_sequential_model_with_the_mask_of_a_lambda_comes_back_from_a_file(keras, mask, tmp_path):
    mask = {
        "by-itself": lambda x, mask=None: mask,
        "by-a-function-of-its-module": lambda x, mask=None: handed_on(mask),
    }[mask]

    def results(**mask):
        double = keras.layers.Lambda(lambda x: x * 2, **mask)
        layers = [keras.layers.Masking(), double, keras.layers.SimpleRNN(3)]
        model, path = keras.Sequential([keras.Input((6, 4)), *layers]), str(tmp_path / "model")
        model.save(path + keras.file_ending)
        known = inspect.signature(keras.models.load_model).parameters
        unsafe = {"safe_mode": False} if "safe_mode" in known else {}
        loaded = keras.models.load_model(path + keras.file_ending, **unsafe)
        return [keras.numpy(run(keras.tensor(padded_features()))) for run in (model, loaded)]

    require(same(*results()), "without a mask it comes back")
    with refuted_by(Exception, match="__lambda__"):
        assert same(*results(mask=mask))


@claim("custom-layers.h5-with-a-mask-cannot-be-loaded", holds=KERAS_3)
def test_functional_model_with_a_mask_cannot_be_loaded_from_h5(keras, tmp_path):
    model, path = masked_model(keras, keras.layers.SimpleRNN(3)), str(tmp_path / "model.h5")
    model.save(path)
    found = failure(keras.models.load_model, path)
    if not found:
        loaded, x = keras.models.load_model(path), keras.tensor(padded_features())
        require(same(keras.numpy(loaded(x)), keras.numpy(model(x))), "the model is the same")
    assert re.match("ValueError: Unknown layer: 'NotEqual'", found)


# --- layers that use a mask --------------------------------------------------------------------


@claim("custom-layers.mask-argument-suffices")
@pytest.mark.parametrize("mode", MODES)
def test_layer_with_a_mask_argument_gets_the_mask(keras, mode):
    unmasked = arriving_at(keras, mode, "mask=None", mask_zero=False)
    require(same(unmasked, NO_MASK), "there is no mask unless the embedding makes one")
    assert same(arriving_at(keras, mode, "mask=None"), valid_steps())


@claim("custom-layers.keyword-only-mask-passed", holds={"tf.keras": ">=2.5", "*": ""})
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_keyword_only_mask_is_filled_in(keras, mode):
    require(same(arriving_at(keras, mode, "mask=None"), valid_steps()), "an ordinary one is")
    arrived = arriving_at(keras, mode, "keyword-only")
    require(same(arrived, valid_steps()) or same(arrived, NO_MASK), "it is filled in or it is not")
    assert same(arrived, valid_steps())


@claim("custom-layers.mask-goes-by-name", holds=KERAS_3)
@pytest.mark.parametrize(
    "signature, gets", [("two-tensors", "none"), ("mask-by-name", "mask"), ("any-keyword", "none")]
)
def test_mask_goes_to_the_parameter_that_names_its_tensor(keras, signature, gets):
    require(same(arriving_at(keras, "eager", "mask=None"), valid_steps()), "one tensor, one mask")
    wanted, other = valid_steps(), NO_MASK
    if gets == "none":
        wanted, other = other, wanted
    arrived = arriving_at(keras, "eager", signature)
    require(same(arrived, wanted) or same(arrived, other), "the layer gets the mask or none")
    assert same(arrived, wanted)
