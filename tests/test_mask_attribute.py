"""The attribute `_keras_mask`: what carries it, since when, and how to look at it.

Page: spec/mask-attribute.md
"""

import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.attributes import (
    attribute,
    called,
    called_twice,
    carrying,
    during,
    found,
    has_values,
    inspected,
    mask_lost_in_jax,
    masked_steps,
    model_reading,
    printer,
    unmasked_output,
)
from tests.support.layers import NO_MASK, mask_reader, masked_by
from tests.support.probes import (
    TF_FUNCTION,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import (
    BEFORE_KERAS_3,
    KERAS_3,
    NOT_ON_JAX,
    NOT_ON_TORCH,
    ON_JAX,
    ON_TENSORFLOW,
)

# --- what carries it ---------------------------------------------------------------------------


@claim("mask-attribute.tensors-carry-it")
@pytest.mark.parametrize("kind", ["Embedding", "Masking", "Dense", "symbolic"])
def test_tensors_carry_masking_information(keras, kind):
    assert keras.mask_of(found(keras, kind)) is not None


@claim("mask-attribute.only-from-layers")
@pytest.mark.parametrize("kind", ["fresh", "operation", "variable", "Input", "numpy"])
def test_what_no_layer_returned_carries_no_mask(keras, kind):
    assert keras.mask_of(found(keras, kind)) is None


@claim(
    "mask-attribute.tensorflow-only",
    holds={"keras/jax": None, "keras/torch": None, "*": ""},
    instead="mask-attribute.on-every-backend",
)
def test_attribute_is_a_matter_of_tensorflow(keras):
    steps = masked_steps(keras)
    require(attribute(steps) is not None, "the tensor has the attribute")
    assert type(steps).__module__.startswith("tensorflow."), "the tensor is not TensorFlow's"


@claim("mask-attribute.on-every-backend")
@pytest.mark.parametrize("kind", ["Embedding", "Masking", "Dense"])
def test_tensors_of_every_backend_have_the_attribute(keras, kind):
    assert same(keras.numpy(found(keras, kind)._keras_mask), valid_steps())


@claim("mask-attribute.on-tensors-only")
@pytest.mark.parametrize("structure", ["dict", "list", "tuple"])
def test_mask_sits_on_the_tensors_in_a_structure(keras, structure):
    class Packs(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            packed = {"dict": {"steps": inputs * 2.0}, "list": [inputs * 2.0]}
            return packed.get(structure) or (inputs * 2.0,)

    packed = Packs()(masked_steps(keras))
    (inside,) = packed.values() if structure == "dict" else packed
    require(type(packed).__name__ == structure, "the layer returns the structure")
    assert attribute(packed) is None and attribute(inside) is not None


# --- when it is there --------------------------------------------------------------------------


@claim("mask-attribute.attached-by-calls")
@pytest.mark.parametrize(
    "mode", ["eager", "symbolic", TF_FUNCTION, case("in-gradient", holds=NOT_ON_JAX)]
)
def test_attribute_is_attached_while_a_layer_runs(keras, mode):
    assert during(keras, mode, lambda x: attribute(x) is not None) == (False, True)


@claim("mask-attribute.table-in-jax-transformations", {"keras/jax": ">=3.7"}, exists=ON_JAX)
def test_next_layer_gets_the_mask_while_jax_traces(keras):
    assert not mask_lost_in_jax(keras)


@claim("mask-attribute.call-attaches-nothing")
@pytest.mark.parametrize("name", ["Embedding", "Dense", "Masking"])
def test_call_of_a_layer_attaches_nothing_but_masking_does(keras, name):
    layer = {"Embedding": embedding(keras), "Dense": keras.layers.Dense(4)}.get(name)
    layer = layer or keras.layers.Masking()
    given = keras.tensor(padded_ids()) if name == "Embedding" else masked_steps(keras) * 1.0
    given = keras.carry(given, valid_steps()) if name == "Dense" else given
    require(name == "Masking" or keras.mask_of(layer(given)) is not None, "layer(x) attaches it")
    assert (keras.mask_of(layer.call(given)) is not None) == (name == "Masking")


@claim("mask-attribute.left-behind-in-functions", exists=ON_TENSORFLOW)
def test_tensor_leaves_its_mask_behind_in_a_function(keras):
    layer, inside = keras.layers.Masking(), []

    def run(x):
        steps = layer(x)
        inside.append(attribute(steps) is not None)
        return steps

    steps = keras.function(run)(keras.tensor(padded_features()))
    require(all(inside), "there is a mask inside")
    assert attribute(steps) is None


@claim("mask-attribute.model-call-leaves-a-mask")
@pytest.mark.parametrize("kind", ["model", "layer"])
def test_model_leaves_the_mask_given_by_hand_on_the_callers_tensor(keras, kind):
    steps = called(keras, kind, keras.tensor(valid_steps()))
    assert (keras.mask_of(steps) is not None) == (kind == "model")


@claim("mask-attribute.lost-on-the-way-into-functions", exists=NOT_ON_TORCH)
@pytest.mark.parametrize("called", ["layer", "model"])
def test_tensor_arrives_in_a_compiled_function_without_its_mask(keras, called):
    run = mask_reader(keras) if called == "layer" else model_reading(keras)
    if keras.backend_name == "jax":
        import jax

        compiled = jax.jit(lambda x: run(x))
    else:
        compiled = keras.function(lambda x: run(x))
    assert same(keras.numpy(compiled(carrying(keras))), NO_MASK)


@claim("mask-attribute.lost-on-the-way-into-predict")
@pytest.mark.parametrize("mode", ["eagerly", "as-compiled"])
@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_batch_arrives_in_predict_and_evaluate_without_its_mask(keras, method, mode):
    steps, model = carrying(keras), model_reading(keras, eagerly=mode == "eagerly")
    require(same(keras.numpy(model(steps)), valid_steps()), "a call of the model uses the mask")
    if method == "predict":
        assert same(model.predict(steps, verbose=0), NO_MASK)
    else:
        assert model.evaluate(steps, NO_MASK, verbose=0) == 0


@claim("mask-attribute.predict-on-batch-keeps-it", KERAS_3)
@pytest.mark.parametrize("mode", ["eagerly", case("as-compiled", holds={"keras/torch": ""})])
def test_predict_on_batch_uses_the_mask_of_its_batch(keras, mode):
    steps, model = carrying(keras), model_reading(keras, eagerly=mode == "eagerly")
    shown = keras.numpy(model.predict_on_batch(steps))
    require(same(shown, valid_steps()) or same(shown, NO_MASK), "the mask arrives, or none does")
    assert same(shown, valid_steps())


@claim("mask-attribute.set-on-a-symbolic-tensor", KERAS_3)
@pytest.mark.parametrize("kind", ["of-the-ids", "a-second-input", "on-the-input-itself"])
def test_mask_set_on_a_symbolic_tensor_arrives_when_the_model_runs(keras, kind):
    steps = features = symbolic_batch(keras, ids=False)
    if kind != "on-the-input-itself":
        steps = keras.layers.Dense(4)(features)
    beside, batch = keras.Input(shape=(None,), dtype="bool"), valid_steps()
    mask = beside
    if kind == "of-the-ids":
        beside, batch = symbolic_batch(keras), padded_ids()
        mask = keras.ops.not_equal(beside, 0)
    steps._keras_mask = mask
    model = keras.Model([features, beside], mask_reader(keras)(steps))
    for length in (6, 4):
        given = [keras.tensor(part[:, :length]) for part in (padded_features(), batch)]
        shown = keras.numpy(model(given))
        arrives = same(shown, valid_steps()[:, :length])
        require(arrives or (shown == -1).all(), "the mask arrives, or none does")
        assert arrives


@claim("mask-attribute.ragged-mask", {"keras": ">=3.3.0", "*": ""}, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
def test_ragged_batch_gets_a_ragged_mask_that_no_rnn_takes(keras, layer):
    if keras.backend_name != "tensorflow":
        raise Unavailable(f"there are no ragged tensors on the {keras.backend_name} backend")
    import tensorflow as tf

    embed, rnn = embedding(keras), getattr(keras.layers, layer)(2)
    ragged = tf.RaggedTensor.from_tensor(padded_ids(), padding=0)
    right = keras.numpy(rnn(embed(keras.tensor(padded_ids()))))
    require(same(keras.numpy(rnn(embed(ragged.to_tensor()))), right), "padded, the batch works")
    with refuted_by(ValueError, match="object of type 'RaggedTensor' has no len"):
        steps = embed(ragged)
    assert type(attribute(steps)).__name__ == "RaggedTensor"
    with pytest.raises(ValueError, match="applied to RaggedTensor|inner ragged|is not uniform"):
        rnn(steps)


# --- no mask: missing or None ------------------------------------------------------------------


@claim(
    "mask-attribute.there-without-a-mask",
    holds={"tf.keras": "<2.3"},
    instead="mask-attribute.missing-without-a-mask",
)
@pytest.mark.parametrize("kind", ["Sequential", "Dense"])
def test_unmasked_output_has_the_attribute(keras, kind):
    assert hasattr(unmasked_output(keras, kind), "_keras_mask")


@claim(
    "mask-attribute.missing-without-a-mask",
    holds={"tf.keras": ">=2.3", "*": ""},
    instead="mask-attribute.there-without-a-mask",
)
@pytest.mark.parametrize("kind", ["Sequential", "Dense"])
def test_unmasked_output_lacks_the_attribute(keras, kind):
    assert not hasattr(unmasked_output(keras, kind), "_keras_mask")


@claim("mask-attribute.getattr-with-none-is-right")
@pytest.mark.parametrize("kind", ["Sequential", "Dense", "fresh", "Input", "Embedding"])
def test_getattr_with_none_tells_whether_there_is_a_mask(keras, kind):
    made = (unmasked_output if kind in ("Sequential", "Dense") else found)(keras, kind)
    observe("there" if hasattr(made, "_keras_mask") else "missing")
    assert (getattr(made, "_keras_mask", None) is None) == (kind != "Embedding")


# --- the graph, and handing on -----------------------------------------------------------------


@claim("mask-attribute.in-the-graph", instead="mask-attribute.eager-masks-have-values")
@pytest.mark.parametrize("mode", ["symbolic", TF_FUNCTION, case("eager", holds=NEVER)])
def test_masking_happens_in_a_graph(keras, mode):
    _, mask = during(keras, mode, keras.mask_of)
    require(mask is not None, "there is a mask")
    assert not has_values(keras, mask), "the mask has its values at once"


@claim("mask-attribute.eager-masks-have-values")
@pytest.mark.parametrize("layer", ["Masking", "Embedding", "Dense"])
def test_mask_of_an_eager_call_has_its_values_at_once(keras, layer):
    assert same(keras.numpy(keras.mask_of(found(keras, layer))), valid_steps())


@claim("mask-attribute.handed-on-as-a-tensor")
@pytest.mark.parametrize("between", ["Dense", "changes-it"])
def test_mask_is_handed_on_as_a_tensor_that_layers_process(keras, between):
    reader, steps = spy(keras), masked_steps(keras)
    flipped = masked_by(keras, lambda inputs, mask: keras.ops.logical_not(mask))
    reader(keras.layers.Dense(4)(steps) if between == "Dense" else flipped(steps))
    (arrived,) = reader.seen
    require(arrived is not None, "a mask arrives")
    assert isinstance(arrived, type(keras.tensor(valid_steps())))
    if between == "Dense":
        assert arrived is keras.mask_of(steps)
    else:
        assert same(keras.numpy(arrived), ~valid_steps())


# --- looking at masks --------------------------------------------------------------------------


@claim("mask-attribute.inspectable")
@pytest.mark.parametrize("how", ["attribute", "compute_mask", "spy", "submodel"])
def test_masks_of_intermediate_outputs_can_be_inspected(keras, how):
    assert same(keras.numpy(inspected(keras, how)), valid_steps())


@claim("mask-attribute.symbolic-shows-the-shape")
@pytest.mark.parametrize(
    "how",
    ["symbolic", *(case(name, exists=BEFORE_KERAS_3) for name in ("input_mask", "output_mask"))],
)
def test_symbolic_mask_shows_shape_and_dtype_only(keras, how):
    mask = inspected(keras, how)
    assert tuple(mask.shape) == (None, None) and "bool" in str(mask.dtype)
    assert not has_values(keras, mask)


@claim("mask-attribute.layer-tells-its-masks", exists=BEFORE_KERAS_3)
@pytest.mark.parametrize("kind", ["Dense", "Add", "SimpleRNN"])
@pytest.mark.parametrize("which", ["input", "output"])
@pytest.mark.parametrize("by", ["attribute", "method"])
def test_layer_of_a_functional_model_tells_its_masks(keras, by, which, kind):
    for layer, node, tensors in called_twice(keras, kind, which, shared=by == "method"):
        name = f"{which}_mask" if by == "attribute" else f"get_{which}_mask_at"
        if not hasattr(type(layer), name):
            raise Unavailable(f"a layer has no {name}")
        told = getattr(layer, name) if by == "attribute" else getattr(layer, name)(node)
        masks = told if isinstance(told, list) else [told]
        assert len(masks) == len(tensors)
        assert all(mask is attribute(tensor) for mask, tensor in zip(masks, tensors))


@claim("mask-attribute.print-tensor", BEFORE_KERAS_3)
def test_print_tensor_prints_and_returns_a_tensor(keras, capfd):
    print_tensor, mask = printer(keras), keras.tensor(valid_steps())
    assert print_tensor is not None, "there is no print_tensor"
    returned = print_tensor(mask, "mask:")
    assert returned is mask
    assert "mask: [[1 1 1 0 0 0]" in capfd.readouterr().out


@claim("mask-attribute.print-tensor-drops-the-mask", exists=BEFORE_KERAS_3)
@pytest.mark.parametrize("mode", ["eager", "symbolic", TF_FUNCTION])
def test_print_tensor_keeps_the_mask_in_an_eager_call_only(keras, mode, capfd):
    def carried(x):
        printed = keras.backend.print_tensor(x)
        return attribute(x) is not None, attribute(printed) is not None

    _, (before, printed) = during(keras, mode, carried)
    require(before, "the tensor that is printed carries a mask")
    assert printed == (mode == "eager")
