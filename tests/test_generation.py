"""Where a mask comes from: `Embedding`, `Masking`, and an argument.

Page: spec/generation.md
"""

import importlib
import os
import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.consumers import attempt
from tests.support.losses import compiled, first_number, in_turn, on_batch, targets
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
from tests.support.releases import (
    BEFORE_KERAS_3,
    KERAS_3,
    MULTI_HEAD_USES_MASKS,
    ON_TENSORFLOW,
)

HAS_SPARSE = {"tf.keras": ">=2.12", "tf_keras": ""}
GRAPH_KEEPS = {"keras/jax": ">=3.6", "*": ""}  # before, JAX lost masks in a compiled function
EXAMPLE = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
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
    """A context in which computing takes place on a CPU."""
    if keras.backend_name == "tensorflow":
        return tensorflow(keras).device("CPU:0")
    return keras.device("cpu:0")


def row_of(keras, id):
    """What an embedding whose table is 10 rows of ones to tens looks up for `id`."""
    layer = embedding(keras)
    layer(keras.tensor(padded_ids()))
    layer.set_weights([np.tile(np.arange(1.0, 11)[:, None], 4)])
    with on_cpu(keras):  # on a GPU, TensorFlow returns zeros and PyTorch cannot go on
        row = keras.numpy(layer(keras.tensor(np.array([[id]], "int32"))))[0, 0]
    require(same(row, np.full(4, row[0])) or np.isnan(row).all(), "a whole row is returned")
    return row


@claim("generation.keras-in-tensorflow", holds=NOT_3_3_0, exists=ON_TENSORFLOW)
def test_keras_and_its_layers_can_be_imported_from_tensorflow(keras):
    tensorflow(keras)
    from tensorflow import keras as found

    require(found.layers.Layer, "tensorflow has an attribute keras with layers in it")
    with refuted_by(ImportError, match="tensorflow.keras"):
        from tensorflow.keras import layers
    assert layers.Layer is found.layers.Layer


@claim("generation.tensorflow-keras-may-be-another", exists=ON_TENSORFLOW)
def test_tensorflow_keras_may_be_another_keras(keras):
    require(os.environ.get("TF_USE_LEGACY_KERAS", "0") == "0", "TF_USE_LEGACY_KERAS is not set")
    tf = tensorflow(keras)
    is_keras_3 = hasattr(tf.keras, "ops")
    observe(f"tensorflow.keras is Keras {3 if is_keras_3 else 2}")
    assert is_keras_3 == (tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16))
    is_this_one = tf.keras.layers.Layer is keras.layers.Layer
    assert is_this_one == (keras.implementation != "tf_keras")


@claim("generation.three-ways", holds=NEVER, instead="generation.compute-mask-is-a-way")
def test_there_are_three_ways_to_introduce_a_mask(keras):
    ids, features = keras.tensor(padded_ids()), keras.tensor(padded_features())
    by_hand = skips_padding(keras, features, mask=keras.tensor(valid_steps()))
    require(by_hand, "the mask argument is a way")
    require(skips_padding(keras, embedding(keras)(ids)), "Embedding is a way")
    require(skips_padding(keras, keras.layers.Masking()(features)), "Masking is a way")
    fourth = skips_padding(keras, marks_nonzero_steps(keras)(features))
    assert not fourth, "a custom layer's compute_mask is a fourth way"


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
def test_embedding_makes_a_mask_if_mask_zero_is_true(keras, mask_zero):
    options = {} if mask_zero == "default" else {"mask_zero": mask_zero == "True"}
    steps = keras.layers.Embedding(10, 4, **options)(keras.tensor(padded_ids()))
    assert (keras.mask_of(steps) is not None) == (mask_zero == "True")
    assert skips_padding(keras, steps) == (mask_zero == "True")


@claim("generation.sparse-embedding-refuses-mask-zero", exists=HAS_SPARSE)
def test_embedding_of_sparse_ids_refuses_to_make_a_mask(keras):
    _, missing = attempt(lambda: keras.layers.Embedding(10, 4, sparse=True))
    if missing is not None:
        raise Unavailable("Embedding has no argument sparse")
    _, error = attempt(lambda: keras.layers.Embedding(10, 4, sparse=True, mask_zero=True))
    assert isinstance(error, ValueError) and "mask_zero" in str(error)


@claim("generation.no-mask-without-mask-zero")
@pytest.mark.parametrize("lstm", ["last-step", "all-steps"])
def test_model_without_mask_zero_has_no_mask(keras, lstm):
    def masks_behind_each_layer(mask_zero, model_of):
        spies, make = [spy(keras) for _ in range(3)], keras.layers
        steps = make.LSTM(64, return_sequences=lstm == "all-steps")
        layers = make.Embedding(10, 128, mask_zero=mask_zero), steps, make.Dense(1, "sigmoid")
        model = model_of([one for pair in zip(layers, spies) for one in pair])
        model(np.random.randint(0, 10, size=(10, 20)))
        return [any(mask is not None for mask in one.seen) for one in spies]

    masked = masks_behind_each_layer(True, lambda layers: in_turn(keras, layers))
    require(masked == [True, *[lstm == "all-steps"] * 2], "a mask would be seen")
    assert not any(masks_behind_each_layer(False, keras.Sequential))


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


@claim("generation.input-length-accepted", holds={"keras": ">=3.2", "*": ""})
def test_embedding_accepts_input_length(keras):
    with refuted_by(ValueError, match="input_length"):
        layer = keras.layers.Embedding(10, 4, input_length=6)
    assert tuple(layer(keras.tensor(padded_ids())).shape) == (3, 6, 4)


@claim("generation.input-length-declares-the-input", holds=BEFORE_KERAS_3)
def test_input_length_declares_the_input_of_a_sequential_model(keras):
    with refuted_by(ValueError, match="input_length"):
        model = keras.Sequential([keras.layers.Embedding(10, 4, input_length=6)])
    assert model.built, "input_length is ignored: the model is not built"
    assert tuple(model.output_shape) == (None, 6, 4)


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


@claim("generation.unknown-id-raises", holds={"keras": ">=3.3.0", "keras/jax": None, "*": ""})
def test_id_beyond_the_table_raises(keras):
    row, error = attempt(row_of, keras, 10)
    if error is None:
        require(np.isnan(row).all() or row[0] == 10, "without an error, NaN or the last row comes")
        observe("NaN" if np.isnan(row).all() else "the last row")
    assert re.search(r"not in \[0, 10\)|out of range", str(error))


@claim("generation.negative-id-is-read", holds=KERAS_3)
def test_negative_id_is_read_as_a_row_of_the_table(keras):
    with refuted_by(Exception, match=r"-1 is not in \[0, 10\)"):
        row = row_of(keras, -1)
    observe(f"row {row[0] - 1:.0f}")
    assert row[0] in range(1, 11)


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


@claim("generation.masking-default-refuses-integers", holds=BEFORE_KERAS_3)
def test_masking_refuses_integers_by_default(keras):
    error, layer = None, keras.layers.Masking()
    try:
        steps = layer(keras.tensor(padded_ids()[..., None]))
    except TypeError as raised:
        error = raised
    if error is None:
        require(same(mask_of(keras, steps), valid_steps()), "without an error, the mask is right")
    assert "0.0" in str(error), "the mask is made"  # its mask value, no integer


@claim("generation.masking-takes-integers")
@pytest.mark.parametrize("value", [0, -1])
def test_masking_with_an_integer_value_takes_integers(keras, value):
    ids = np.where(valid_steps(), padded_ids(), value).astype("int32")
    steps = keras.layers.Masking(mask_value=value)(keras.tensor(ids[..., None]))
    assert same(mask_of(keras, steps), valid_steps())


@claim("generation.worked-example")
@pytest.mark.parametrize(
    "layer", ["Embedding", case("Masking", exists=ON_TENSORFLOW), "Masking-of-an-array"]
)
def test_worked_example_masks(keras, layer):
    padded = keras.preprocessing.sequence.pad_sequences(EXAMPLE, padding="post")
    if layer == "Embedding":
        steps = keras.layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)(padded)
    elif layer == "Masking":
        tf = tensorflow(keras)
        tiled = tf.tile(tf.expand_dims(padded, axis=-1), [1, 1, 10])
        steps = keras.layers.Masking()(tf.cast(tiled, tf.float32))
    else:
        steps = keras.layers.Masking()(np.tile(padded[..., None], 10).astype("float32"))
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


# --- encoder and decoder ------------------------------------------------------------------------


def encoder_decoder(keras, cell, mask_zero=True, by_hand=False):
    """A model of source and target ids: an RNN that starts from the last state of another.

    `mask_zero` is that of both embeddings; `by_hand` passes the decoder's mask as an argument. The
    model is a functional one, or, of LSTMs, which are slow to build, a Python function.
    """
    encoder = getattr(keras.layers, cell)(3, return_state=True)
    decoder = getattr(keras.layers, cell)(3, return_sequences=True)
    table = embedding(keras, mask_zero=mask_zero)

    def decoded(inputs):
        source, target = inputs
        _, *state = encoder(table(source))
        given = {"mask": table.compute_mask(target)} if by_hand else {}
        return decoder(table(target), initial_state=state, **given)

    if cell == "LSTM":
        return decoded
    inputs = [symbolic_batch(keras), symbolic_batch(keras)]
    return keras.Model(inputs, decoded(inputs))


def answer(keras, model, source_padding, target_padding):
    """What a model answers for three ids each, with padding behind those of the source and in
    front of those of the target."""
    source = np.array([[7, 6, 3] + [0] * source_padding], "int32")
    target = np.array([[0] * target_padding + [4, 8, 2]], "int32")
    return keras.numpy(model([keras.tensor(source), keras.tensor(target)]))[:, -3:]


def skips_both(keras, model):
    """Whether padding of neither sequence changes the answer of one model, whatever its length."""
    bare = answer(keras, model, 0, 0)
    require(same(answer(keras, model, 2, 0), bare), "the encoder skips the padding of the source")
    return all(same(answer(keras, model, more, most), bare) for more, most in [(0, 2), (3, 4)])


@claim("generation.encoder-and-decoder-masks", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("cell", ["SimpleRNN", "LSTM"])
def test_encoder_and_decoder_each_skip_their_own_padding(keras, cell):
    unaware = encoder_decoder(keras, cell, mask_zero=False)
    bare = answer(keras, unaware, 0, 0)
    require(not same(answer(keras, unaware, 2, 0), bare), "padding of the source counts")
    require(not same(answer(keras, unaware, 0, 2), bare), "padding of the target counts")
    assert skips_both(keras, encoder_decoder(keras, cell)), "the decoder reads its padding"


@claim("generation.initial-state-and-mask-by-hand")
@pytest.mark.parametrize("cell", ["SimpleRNN", "LSTM"])
def test_decoder_with_initial_state_skips_padding_given_the_mask(keras, cell):
    assert skips_both(keras, encoder_decoder(keras, cell, by_hand=True))


def nested_encoder_decoder(keras, reads, mask_zero=True):
    """A model of source and target ids: a decoder model that is given what an encoder returns."""
    source, target = symbolic_batch(keras), symbolic_batch(keras)
    encoder = keras.Model(source, embedding(keras, mask_zero=mask_zero)(source))
    encoded, steps = keras.Input(shape=(None, 4)), embedding(keras, mask_zero=False)(target)
    if reads == "MultiHeadAttention":
        answers = keras.layers.MultiHeadAttention(1, 4)(steps, encoded)
    else:
        answers = steps_and_mean(keras)([steps, encoded])
    decoder = keras.Model([target, encoded], answers)
    return keras.Model([source, target], decoder([target, encoder(source)]))


def attention_uses_masks(keras):
    """Whether `MultiHeadAttention` uses the mask that a value carries."""
    layer, x = keras.layers.MultiHeadAttention(1, 4), padded_features(2.0)
    masked = keras.carry(keras.tensor(x), valid_steps())
    unmasked = keras.numpy(layer(keras.tensor(x), keras.tensor(x)))
    return not same(keras.numpy(layer(keras.tensor(x), masked)), unmasked)


def steps_and_mean(keras):
    """A layer that adds to each step of its first input the mean of the second's valid ones."""

    class StepsAndMean(keras.layers.Layer):
        def call(self, inputs, mask=None):
            steps, encoded = inputs
            valid = keras.ops.ones_like(encoded[..., :1])
            if mask is not None and mask[1] is not None:
                valid = keras.ops.cast(keras.ops.expand_dims(mask[1], -1), "float32")
            total = keras.ops.sum(encoded * valid, axis=1, keepdims=True)
            return steps + total / keras.ops.sum(valid, axis=1, keepdims=True)

    return StepsAndMean()


@claim("generation.mask-reaches-a-nested-decoder")
@pytest.mark.parametrize(
    "reads, mode",
    [
        case("MultiHeadAttention", "call", exists=MULTI_HEAD_USES_MASKS),
        case("MultiHeadAttention", "predict", exists=MULTI_HEAD_USES_MASKS, holds=GRAPH_KEEPS),
        case("list", "call", holds={"keras": ">=3.10", "*": ""}),
        case("list", "predict", holds={"keras": ">=3.10", "*": ""}),
    ],
)
def test_mask_of_the_encoder_reaches_the_layers_of_a_nested_decoder(keras, reads, mode):
    if reads == "MultiHeadAttention" and not attention_uses_masks(keras):
        raise Unavailable("MultiHeadAttention uses no mask by itself")

    unmasked, model = (nested_encoder_decoder(keras, reads, zero) for zero in (False, True))

    def predict(batch):
        return model.predict([keras.numpy(ids) for ids in batch], verbose=0)

    bare, padded = (answer(keras, unmasked, padding, 0) for padding in (0, 2))
    require(not same(bare, padded), "without a mask the padding counts")
    run = predict if mode == "predict" else model
    bare, *padded = (answer(keras, run, padding, 0) for padding in (0, 2, 5))
    assert all(same(found, bare) for found in padded)


@claim("generation.repeat-vector-has-no-mask")
@pytest.mark.parametrize("layer", ["RepeatVector", "Masking"])
def test_repeat_vector_has_no_mask_and_masking_finds_no_padding(keras, layer):
    ids = keras.tensor(padded_ids())
    steps = embedding(keras)(ids)
    require(keras.mask_of(steps) is not None, "the encoder gets a mask")
    repeated = keras.layers.RepeatVector(6)(keras.layers.SimpleRNN(3)(steps))
    if layer == "RepeatVector":
        assert keras.mask_of(repeated) is None
    else:
        assert mask_of(keras, keras.layers.Masking()(repeated)).all()


@claim("generation.repeat-vector-and-mask-by-hand")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_decoder_behind_repeat_vector_skips_padding_given_the_mask(keras, mode):
    table, encoder = embedding(keras), keras.layers.SimpleRNN(3)
    decoder = keras.layers.SimpleRNN(3, return_sequences=True)

    def autoencoder(ids, by_hand=True):
        repeated = keras.layers.RepeatVector(6)(encoder(table(ids)))
        return decoder(repeated, **({"mask": table.compute_mask(ids)} if by_hand else {}))

    bare = keras.numpy(autoencoder(keras.tensor(padded_ids()), by_hand=False))
    require(not same(bare[0, 3], bare[0, 2]), "without the mask, padded steps are decoded")
    decoded = compose(keras, mode, [autoencoder])(padded_ids())
    assert same(decoded[0, 3:], [decoded[0, 2]] * 3) and same(decoded[2], bare[2])


@claim("generation.repeat-vector-times-mask")
def test_masking_finds_the_padding_in_the_product_with_the_mask(keras):
    table, encoder, masking = embedding(keras), keras.layers.SimpleRNN(3), keras.layers.Masking()
    decoder = keras.layers.SimpleRNN(4, return_sequences=True)

    def copies(ids):
        return keras.layers.RepeatVector(6)(encoder(table(ids)))

    def product(ids):
        valid = keras.ops.cast(keras.ops.not_equal(ids, 0), "float32")
        return copies(ids) * keras.ops.expand_dims(valid, -1)

    def losses(*parts):
        model = compiled(keras, *parts)
        return [first_number(on_batch(model, padded_ids(), targets(y))) for y in (5.0, -7.0)]

    require(not same(*losses(copies, masking, decoder)), "the copies alone count padded steps")
    decoded = keras.numpy(decoder(masking(product(keras.tensor(padded_ids())))))
    assert same(decoded[0, 3:], [decoded[0, 2]] * 3)
    assert same(*losses(product, masking, decoder))
