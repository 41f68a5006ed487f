"""Where a mask comes from: `Embedding`, `Masking`, and an argument.

Page: spec/generation.md
"""

import contextlib
import importlib
import os
import warnings

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.consumers import attempt
from tests.support.layers import failure
from tests.support.packages import NOT_3_3_0
from tests.support.probes import (
    LENGTHS,
    compose,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, ON_TENSORFLOW

NO_USE = "generation.input-length-has-no-use"
EXAMPLE = [[711, 632, 71, 0, 0, 0], [73, 8, 3215, 55, 927, 0], [83, 91, 1, 645, 1253, 927]]
EXAMPLE_MASK = [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]


def tensorflow(keras, module="tensorflow"):
    """A module of TensorFlow; never imported beside another backend."""
    if keras.backend_name != "tensorflow":
        raise Unavailable(f"TensorFlow is not the backend, {keras.backend_name} is")
    return importlib.import_module(module)


def mask_of(keras, steps):
    """The mask that `steps` carries, as a numpy array; there has to be one."""
    mask = keras.mask_of(steps)
    require(mask is not None, "the tensor carries a mask")
    return keras.numpy(mask)


def skips_padding(keras, steps, **arguments):
    """Whether an RNN gets for the first row of `steps` what it gets for its 3 valid steps."""
    rnn = keras.layers.SimpleRNN(3)
    bare = keras.numpy(steps)
    short = keras.numpy(rnn(keras.tensor(bare[:1, :3])))
    unmasked = keras.numpy(rnn(keras.tensor(bare)))
    require(not same(unmasked[:1], short), "without a mask the padding counts")
    return same(keras.numpy(rnn(steps, **arguments))[:1], short)


def marks_nonzero_steps(keras):
    """A custom layer that makes a mask in `compute_mask`."""

    class MarksNonzeroSteps(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 1.0

        def compute_mask(self, inputs, mask=None):
            return keras.ops.any(keras.ops.not_equal(inputs, 0.0), -1)

    return MarksNonzeroSteps()


def on_cpu(keras):
    """A context in which computing takes place on a CPU, where Keras offers one."""
    try:
        return keras.device("cpu:0")
    except Unavailable:
        return contextlib.nullcontext()


def row_of(keras, id):
    """What an embedding whose table is 10 rows of ones to tens looks up for `id`."""
    with on_cpu(keras):  # PyTorch cannot go on after a bad id on a GPU
        layer = embedding(keras)
        layer(keras.tensor(padded_ids()))
        layer.set_weights([np.tile(np.arange(1.0, 11)[:, None], 4)])
        return keras.numpy(layer(keras.tensor(np.array([[id]], "int32"))))[0, 0]


@claim(
    "generation.keras-in-tensorflow",
    exists=ON_TENSORFLOW,
    instead="generation.tensorflow-keras-not-a-module",
)
@pytest.mark.parametrize(
    "module, name",
    [("tensorflow", "keras"), case("tensorflow.keras", "layers", holds=NOT_3_3_0)],
)
def test_keras_can_be_imported_from_tensorflow(keras, module, name):
    tensorflow(keras)
    with refuted_by(ImportError, AttributeError):
        getattr(tensorflow(keras, module), name)


@claim(
    "generation.tensorflow-keras-not-a-module",
    holds={"keras": ">=3.3.0,<3.3.3"},
    exists=ON_TENSORFLOW,
    instead="generation.keras-in-tensorflow",
)
def test_module_tensorflow_keras_cannot_be_imported(keras):
    require(tensorflow(keras).keras.layers, "the attribute of tensorflow is there")
    try:
        tensorflow(keras, "tensorflow.keras")
        imported = True
    except ImportError:
        imported = False
    assert not imported


@claim("generation.tensorflow-keras-may-be-another", exists=ON_TENSORFLOW)
def test_tensorflow_keras_may_be_another_keras(keras):
    require(os.environ.get("TF_USE_LEGACY_KERAS", "0") == "0", "TF_USE_LEGACY_KERAS is not set")
    tf = tensorflow(keras)
    is_keras_3 = hasattr(tf.keras, "ops")
    observe(f"tensorflow.keras is Keras {3 if is_keras_3 else 2}")
    assert is_keras_3 == (tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16))
    is_this_one = tf.keras.layers.Layer is keras.layers.Layer
    assert is_this_one == (keras.implementation != "tf_keras")


@claim("generation.three-ways", instead="generation.compute-mask-is-a-way")
@pytest.mark.parametrize(
    "way", ["Embedding", "Masking", "mask-argument", case("no-other-way", holds=NEVER)]
)
def test_there_are_three_ways_to_introduce_a_mask(keras, way):
    features = keras.tensor(padded_features())
    if way == "Embedding":
        assert skips_padding(keras, embedding(keras)(keras.tensor(padded_ids())))
    elif way == "Masking":
        assert skips_padding(keras, keras.layers.Masking()(features))
    elif way == "mask-argument":
        assert skips_padding(keras, features, mask=keras.tensor(valid_steps()))
    else:
        other = skips_padding(keras, marks_nonzero_steps(keras)(features))
        assert not other, "a custom layer's compute_mask is another way"


@claim("generation.compute-mask-is-a-way")
def test_compute_mask_of_a_custom_layer_introduces_a_mask(keras):
    steps = marks_nonzero_steps(keras)(keras.tensor(padded_features()))
    assert skips_padding(keras, steps)


@claim("generation.ways-agree")
@pytest.mark.parametrize("way", ["Masking", "mask_zero", "by-hand"])
def test_each_way_introduces_the_mask(keras, way):
    table, ids = embedding(keras), keras.tensor(padded_ids())
    table(ids)
    table.set_weights([table.get_weights()[0] * (np.arange(10) > 0)[:, None]])  # padding is zeros
    looked_up = table(ids)
    bare = keras.tensor(keras.numpy(looked_up))
    if way == "Masking":
        assert skips_padding(keras, keras.layers.Masking()(bare))
    elif way == "mask_zero":
        assert skips_padding(keras, looked_up)
    else:
        assert skips_padding(keras, bare, mask=keras.tensor(valid_steps()))


@claim("generation.true-is-valid")
@pytest.mark.parametrize("layer", ["Embedding", "Masking", "SimpleRNN", "GlobalAveragePooling1D"])
def test_true_is_valid_and_false_is_padding(keras, layer):
    layers, features = keras.layers, keras.tensor(padded_features(2.5))
    mask = keras.tensor(valid_steps())
    if layer == "Embedding":
        assert same(mask_of(keras, embedding(keras)(keras.tensor(padded_ids()))), valid_steps())
    elif layer == "Masking":
        assert same(mask_of(keras, layers.Masking(mask_value=2.5)(features)), valid_steps())
    else:
        consumer = getattr(layers, layer)(*([3] if layer == "SimpleRNN" else []))
        first = keras.numpy(consumer(features, mask=mask))[:1]
        require(not same(keras.numpy(consumer(features))[:1], first), "the mask has an effect")
        assert same(first, keras.numpy(consumer(features[:1, : LENGTHS[0]])))


@claim("generation.embedding")
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_embedding_makes_a_mask(keras, dtype):
    steps = embedding(keras)(keras.tensor(padded_ids().astype(dtype)))
    assert skips_padding(keras, steps)
    assert same(mask_of(keras, steps), valid_steps())


@claim("generation.embedding-only-with-mask-zero")
@pytest.mark.parametrize("mask_zero", ["default", "False", "True"])
def test_embedding_makes_a_mask_only_with_mask_zero(keras, mask_zero):
    options = {} if mask_zero == "default" else {"mask_zero": mask_zero == "True"}
    steps = keras.layers.Embedding(10, 4, **options)(keras.tensor(padded_ids()))
    assert (keras.mask_of(steps) is not None) == (mask_zero == "True")
    assert skips_padding(keras, steps) == (mask_zero == "True")


@claim("generation.no-mask-without-mask-zero")
def test_no_tensor_of_the_model_carries_a_mask(keras):
    lstm, dense = keras.layers.LSTM(3, return_sequences=True), keras.layers.Dense(1)

    def masks_behind_each_layer(mask_zero):
        spies = [spy(keras) for _ in range(3)]
        table = embedding(keras, mask_zero=mask_zero)
        layers = [table, spies[0], lstm, spies[1], dense, spies[2]]
        compose(keras, "eager", layers)(padded_ids())
        return [one.seen[0] for one in spies]

    masked = masks_behind_each_layer(mask_zero=True)
    require(all(mask is not None for mask in masked), "a mask would be seen")
    assert masks_behind_each_layer(mask_zero=False) == [None] * 3


@claim("generation.zero-hides-a-token")
@pytest.mark.parametrize("place", [0, 1])
def test_mask_zero_hides_a_real_token_whose_id_is_zero(keras, place):
    ids = np.insert([7, 3], place, 0).astype("int32")[None]
    table, rnn = embedding(keras), keras.layers.SimpleRNN(3)
    steps = table(keras.tensor(ids))
    heard = keras.numpy(rnn(keras.tensor(keras.numpy(steps))))
    unheard = keras.numpy(rnn(table(keras.tensor(ids[ids != 0][None]))))
    require(not same(heard, unheard), "the token matters where it is not masked")
    assert same(keras.numpy(rnn(steps)), unheard)


@claim("generation.input-length-accepted", holds={"keras": ">=3.2", "*": ""}, instead=NO_USE)
def test_embedding_accepts_input_length(keras):
    with refuted_by(ValueError, match="input_length"):
        layer = keras.layers.Embedding(10, 4, input_length=6)
    assert tuple(layer(keras.tensor(padded_ids())).shape) == (3, 6, 4)


@claim("generation.input-length-declares-the-input", holds=BEFORE_KERAS_3, instead=NO_USE)
def test_input_length_declares_the_input_of_a_sequential_model(keras):
    with refuted_by(ValueError, match="input_length"):
        model = keras.Sequential([keras.layers.Embedding(10, 4, input_length=6)])
    assert model.built and tuple(model.output_shape) == (None, 6, 4)


@claim(NO_USE, holds={"keras": ""}, instead="generation.input-length-declares-the-input")
def test_input_length_has_no_use(keras):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error = failure(lambda: keras.layers.Embedding(10, 4, input_length=6))
    said = [error] + [str(warning.message) for warning in caught]
    observe("ValueError" if error else "a warning")
    assert any("input_length" in text for text in said)
    if not error:
        model = keras.Sequential([keras.layers.Embedding(10, 4, input_length=6)])
        assert not model.built


@claim("generation.ids-below-input-dim")
@pytest.mark.parametrize("shown", ["rows", "mask"])
def test_embedding_of_ten_takes_ids_0_to_9(keras, shown):
    layer, ids = embedding(keras), keras.tensor(np.arange(10, dtype="int32")[None])
    steps = layer(ids)
    (table,) = layer.get_weights()
    if shown == "rows":
        require(len(np.unique(table, axis=0)) == 10, "each row is another one")
        assert same(keras.numpy(steps)[0], table)
    else:
        assert mask_of(keras, steps).tolist() == [[False] + [True] * 9]


@claim(
    "generation.unknown-id-raises",
    instead=("generation.negative-id-is-read", "generation.unknown-id-is-nan"),
)
@pytest.mark.parametrize(
    "id",
    [
        case(10, holds={"keras": ">=3.3.0", "keras/jax": None, "*": ""}),
        case(-1, holds=BEFORE_KERAS_3),
    ],
)
def test_id_that_the_table_lacks_raises(keras, id):
    row, error = attempt(row_of, keras, id)
    assert error or not row.any()  # zeros: TensorFlow on a GPU


@claim(
    "generation.negative-id-is-read",
    holds={"keras": ""},
    instead="generation.unknown-id-raises",
)
def test_negative_id_is_read_as_a_row_of_the_table(keras):
    row, _ = attempt(row_of, keras, -1)
    assert row is not None and same(row, np.full(4, row[0])) and row[0] in range(1, 11)


@claim(
    "generation.unknown-id-is-nan",
    holds={"keras/jax": ""},
    instead=("generation.unknown-id-raises", "generation.negative-id-is-read"),
)
def test_id_beyond_the_table_is_nan(keras):
    row, _ = attempt(row_of, keras, 10)
    assert row is not None and np.isnan(row).all()


@claim("generation.masking")
@pytest.mark.parametrize("mask_value", [0.0, -1.0, 9.0, 0.1])
def test_masking_makes_a_mask(keras, mask_value):
    features = keras.tensor(padded_features(mask_value))
    steps = keras.layers.Masking(mask_value=mask_value)(features)
    assert skips_padding(keras, steps)
    assert same(mask_of(keras, steps), valid_steps())


@claim("generation.nan-never-masked")
def test_nan_is_never_masked(keras):
    nan = float("nan")
    steps = keras.layers.Masking(mask_value=nan)(keras.tensor(padded_features(nan)))
    assert mask_of(keras, steps).all()


@claim("generation.masking-zero-by-default")
@pytest.mark.parametrize("shown", ["attribute", "behaviour"])
def test_masking_needs_no_argument(keras, shown):
    layer = keras.layers.Masking()
    if shown == "attribute":
        assert layer.mask_value == 0
    else:
        ones = layer(keras.tensor(padded_features(1.0)))
        require(mask_of(keras, ones).all(), "ones are not masked")
        assert same(mask_of(keras, layer(keras.tensor(padded_features(0.0)))), valid_steps())


@claim("generation.masking-all-features")
@pytest.mark.parametrize("mask_value", [0.0, -1.0])
@pytest.mark.parametrize("equal", [10, 9, 1, 0])
def test_masking_masks_steps_whose_features_all_are_the_value(keras, equal, mask_value):
    features = np.full((1, 3, 10), 0.5, "float32")
    features[0, 1, :equal] = mask_value  # from the first feature on
    features[0, 2, 10 - equal :] = mask_value  # up to the last feature
    steps = keras.layers.Masking(mask_value=mask_value)(keras.tensor(features))
    assert mask_of(keras, steps).tolist() == [[True, equal < 10, equal < 10]]


@claim(
    "generation.masking-default-refuses-integers",
    holds={"tf.keras": "", "tf_keras": ""},
    instead="generation.masking-takes-integers",
)
def test_masking_refuses_integers_by_default(keras):
    error = ""
    try:
        keras.layers.Masking()(keras.tensor(padded_ids()[..., None]))
    except TypeError as raised:
        error = str(raised)
    assert "0.0" in error  # the mask value, which cannot become an integer


@claim("generation.masking-takes-integers", instead="generation.masking-default-refuses-integers")
@pytest.mark.parametrize("mask_value", ["0", case("default", holds={"keras": ""})])
def test_masking_takes_integers(keras, mask_value):
    layer = keras.layers.Masking(**({} if mask_value == "default" else {"mask_value": 0}))
    with refuted_by(TypeError, match="0.0"):
        steps = layer(keras.tensor(padded_ids()[..., None]))
    assert same(mask_of(keras, steps), valid_steps())


@claim("generation.worked-example")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_worked_example_masks(keras, layer):
    ids = np.array(EXAMPLE, "int32")
    if layer == "Embedding":
        steps = keras.layers.Embedding(5000, 16, mask_zero=True)(ids)
    else:
        steps = keras.layers.Masking()(keras.tensor(np.tile(ids[..., None], 10).astype("float32")))
    mask = mask_of(keras, steps)
    assert mask.dtype == bool and mask.astype(int).tolist() == EXAMPLE_MASK


@claim("generation.attached-to-output")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
@pytest.mark.parametrize("mode", ["eager", "symbolic"])
def test_mask_is_attached_to_the_returned_tensor(keras, mode, layer):
    ids = layer == "Embedding"
    batch = keras.tensor(padded_ids() if ids else padded_features())
    if mode == "symbolic":
        batch = symbolic_batch(keras, ids=ids)
    returned = (embedding(keras) if ids else keras.layers.Masking())(batch)
    assert keras.mask_of(returned) is not None
    assert keras.mask_of(batch) is None


@claim("generation.false-anywhere")
@pytest.mark.parametrize("source", ["Embedding", "Masking", "by-hand"])
@pytest.mark.parametrize("kept", ["100101", "010110", "001100"])
def test_a_mask_may_be_false_anywhere(keras, kept, source):
    mask = np.array([[step == "1" for step in kept]])
    rnn = keras.layers.SimpleRNN(3)
    features = padded_features()[2:] * mask[..., None]
    steps, arguments = keras.tensor(features), {}
    if source == "Embedding":
        steps = embedding(keras)(keras.tensor(padded_ids()[2:] * mask))
    elif source == "Masking":
        steps = keras.layers.Masking()(steps)
    else:
        arguments = {"mask": keras.tensor(mask)}
    bare = keras.numpy(steps)
    skipped = keras.numpy(rnn(keras.tensor(bare[:, mask[0]])))
    require(not same(keras.numpy(rnn(keras.tensor(bare))), skipped), "unmasked, all steps count")
    assert same(keras.numpy(rnn(steps, **arguments)), skipped)
