"""Padding: what `pad_sequences` makes of lists, and why padding alone is no mask.

Page: spec/padding.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, raises, refuted_by, require
from tests.support.probes import (
    LENGTHS,
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, ON_TENSORFLOW

NOT_RECTANGULAR = "(?i)non-rectangular|inhomogeneous|expected sequence of length"
RAGGED_ATTENTION = {"tf.keras": ">=2.10", "tf_keras": ""}
NO_RAGGED = "(?i)ragged|index 1 is not uniform"  # the words of Keras 3.0 to 3.3
NO_DATA = "(?i)unrecognized data type|data adapter|inhomogeneous|unsupported object type"
ROWS = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
SMALL_ROWS = [[7, 6, 3], [4, 8, 2, 5, 9], [1, 8, 1, 6, 2, 9]]
NEEDS_TENSORFLOW = {"tf.keras": ">=2.6", "keras/jax": None, "keras/torch": None, "*": ""}


def pad(keras, rows, **options):
    """`pad_sequences` at the path that every release has."""
    return keras.preprocessing.sequence.pad_sequences(rows, **options)


def lookup(keras, **options):
    """A layer that maps three tokens to ids."""
    try:
        return keras.layers.StringLookup(vocabulary=["red", "green", "blue"], **options)
    except ImportError as error:  # Keras 3 on a backend other than TensorFlow
        raise Unavailable(str(error)) from error


def two_input_model(keras, structure):
    """A model of two inputs, given as a list, a tuple or a dict; and two tensors for it."""
    pair = keras.Input(shape=(4,), name="a"), keras.Input(shape=(4,), name="b")
    total = keras.layers.Add()(list(pair))
    tensors = [keras.tensor(np.full((3, 4), value, "float32")) for value in (1, 2)]
    wrap = {"list": list, "tuple": tuple, "dict": lambda two: dict(zip("ab", two))}[structure]
    inputs = dict(zip("ab", pair)) if structure == "dict" else list(pair)
    return keras.Model(inputs, total), wrap(tensors)


def model_of_ids(keras):
    """A functional model from (batch, timesteps) to (batch, timesteps, 4)."""
    ids = symbolic_batch(keras)
    return keras.Model(ids, embedding(keras)(ids))


@claim("padding.one-length")
@pytest.mark.parametrize("rows", [SMALL_ROWS, [[1.5], [2.5, 3.5]]], ids=["ids", "floats"])
def test_a_batch_needs_one_length(keras, rows):
    require(keras.tensor(pad(keras, rows)).shape[0] == len(rows), "padded rows form a batch")
    require(keras.tensor([row[:1] for row in rows]).shape[0] == len(rows), "so do truncated rows")
    with raises(ValueError, match=NOT_RECTANGULAR):
        keras.tensor(rows)


@claim("padding.uniform-batch-sizes")
@pytest.mark.parametrize("compared", ["samples-of-a-batch", "batches"])
def test_padding_makes_batch_sizes_uniform(keras, compared):
    require(len({len(row) for row in ROWS}) == 3, "the lengths differ")
    if compared == "batches":
        sizes = [pad(keras, rows, maxlen=6).shape[1] for rows in (ROWS[:1], ROWS[1:])]
    else:
        sizes = [len(row) for row in pad(keras, ROWS)]
    observe(f"timesteps {sizes}")
    assert set(sizes) == {6}


@claim("padding.keeps-the-number-of-samples")
@pytest.mark.parametrize("samples", [0, 1, 2, 3])
def test_padding_keeps_the_number_of_samples(keras, samples):
    assert len(pad(keras, ROWS[:samples], maxlen=8)) == samples


@claim("padding.changes-shapes")
@pytest.mark.parametrize("means", ["pad_sequences", "ZeroPadding1D", "Masking", "mask-of-an-RNN"])
def test_padding_changes_shapes_and_masking_does_not(keras, means):
    features = keras.tensor(padded_features())
    before, layers = (3, 6, 4), keras.layers
    if means == "pad_sequences":
        before, after = [len(row) for row in ROWS], [len(row) for row in pad(keras, ROWS)]
    elif means == "ZeroPadding1D":
        after = tuple(layers.ZeroPadding1D(1)(features).shape)
    elif means == "Masking":
        after = tuple(layers.Masking()(features).shape)
    else:
        rnn, mask = layers.SimpleRNN(3, return_sequences=True), keras.tensor(valid_steps())
        before, after = tuple(rnn(features).shape), tuple(rnn(features, mask=mask).shape)
    observe(f"{before} to {after}")
    assert (after != before) == (means in ("pad_sequences", "ZeroPadding1D"))


@claim("padding.kind-of-masking")
@pytest.mark.parametrize("layer", ["SimpleRNN", "GlobalAveragePooling1D"])
def test_padded_steps_are_the_masked_steps(keras, layer):
    consumer = getattr(keras.layers, layer)
    options = {} if layer.startswith("Global") else {"units": 3}
    for mask_zero in (False, True):
        ids = embedding(keras, mask_zero=mask_zero)
        counts = depends_on_padding(compose(keras, "eager", [ids, consumer(**options)]), ids)
        require(mask_zero or counts, "without a mask the padding counts")
    masked = keras.numpy(ids.compute_mask(keras.tensor(pad(keras, SMALL_ROWS, padding="post"))))
    assert not counts and (~masked).sum(axis=1).tolist() == [3, 1, 0]


@claim("padding.processed-without-mask")
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU", "GlobalAveragePooling1D"])
def test_padding_is_processed_without_a_mask(keras, layer):
    consumer = getattr(keras.layers, layer)
    options = {} if layer.startswith("Global") else {"units": 3}
    ids = embedding(keras)
    masked = compose(keras, "eager", [ids, consumer(**options)])
    require(not depends_on_padding(masked, ids), f"{layer} skips the padding given a mask")
    ids = embedding(keras, mask_zero=False)
    assert depends_on_padding(compose(keras, "eager", [ids, consumer(**options)]), ids)


@claim("padding.at-the-start", holds=NEVER, instead="padding.one-run-at-one-end")
def test_padding_stands_at_the_start(keras):
    for padding in ("pre", "post"):
        filled = pad(keras, ROWS, padding=padding, maxlen=8).tolist()
        at_start = all(long[-len(row) :] == row for row, long in zip(ROWS, filled))
        require(at_start or padding == "post", '"pre" pads the start')
        assert at_start, f'padding="{padding}" makes {filled[0]} of {ROWS[0]}'


@claim("padding.one-run-at-one-end")
@pytest.mark.parametrize("padding", ["pre", "post"])
def test_padding_is_one_run_at_one_end(keras, padding):
    for filled in pad(keras, ROWS, padding=padding, maxlen=8):
        borders = np.flatnonzero(np.diff((filled == 0).astype(int)))
        assert len(borders) == 1  # one step where data and padding meet: never in the middle


@claim("padding.vocabulary-lookup", exists=NEEDS_TENSORFLOW)
@pytest.mark.parametrize("mask_token", ["default", "empty"])
def test_lookup_turns_tokens_into_integers(keras, mask_token):
    layer = lookup(keras) if mask_token == "default" else lookup(keras, mask_token="")
    rows = [["red", "blue", "red"], ["green"]]
    ids = [keras.numpy(layer(row)) for row in rows]
    assert [len(row) for row in ids] == [3, 1] and all(row.dtype.kind == "i" for row in ids)
    assert ids[0][0] == ids[0][2] and len({*ids[0], *ids[1]}) == 3


@claim("padding.unknown-token-shares-zero", exists=NEEDS_TENSORFLOW)
@pytest.mark.parametrize("mask_token, hidden", [("default", True), ("empty", False)])
def test_unknown_token_shares_the_id_of_padding(keras, mask_token, hidden):
    layer = lookup(keras) if mask_token == "default" else lookup(keras, mask_token="")
    ids = layer(["red", "unheard of"])
    known, unknown = keras.numpy(embedding(keras).compute_mask(ids)).tolist()
    require(known, "a token of the vocabulary is not masked")
    observe(f"ids {keras.numpy(ids).tolist()}")
    assert (not unknown) == hidden


def vectorized(keras, texts, **options):
    """Ids that `TextVectorization` makes of texts: of red, green and blue 2, 3 and 4."""
    if keras.backend_name != "tensorflow":
        raise Unavailable(f"TextVectorization needs TensorFlow, not {keras.backend_name}")
    import tensorflow as tf

    layer = keras.layers.TextVectorization(vocabulary=["red", "green", "blue"], **options)
    return layer(tf.constant(texts))  # TF 2.6 takes no list


@claim("padding.text-vectorization-pads-with-zero", exists=NEEDS_TENSORFLOW)
@pytest.mark.parametrize("length", ["longest", 4, 2])
def test_text_vectorization_pads_and_truncates_at_the_end(keras, length):
    options = {} if length == "longest" else {"output_sequence_length": length}
    ids = keras.numpy(vectorized(keras, ["red", "blue unheard green"], **options))
    steps = 3 if length == "longest" else length
    assert ids.tolist() == [[2, 0, 0, 0][:steps], [4, 1, 3, 0][:steps]]


@claim("padding.text-vectorization-makes-no-mask", exists=NEEDS_TENSORFLOW)
def test_text_vectorization_makes_no_mask_and_embedding_does(keras):
    ids = vectorized(keras, ["red", "blue unheard green"])
    masked = keras.mask_of(embedding(keras)(ids))
    assert keras.mask_of(ids) is None
    assert keras.numpy(masked).tolist() == [[True, False, False], [True, True, True]]


# --- ragged tensors -----------------------------------------------------------------------------


def ragged(keras, batch):
    """The rows of a padded batch without their padding, as a RaggedTensor."""
    if keras.backend_name != "tensorflow":
        raise Unavailable("ragged tensors are TensorFlow's")
    import tensorflow as tf

    return tf.RaggedTensor.from_tensor(batch, lengths=LENGTHS)


@claim("padding.ragged-needs-no-mask", holds=BEFORE_KERAS_3, exists=ON_TENSORFLOW)
@pytest.mark.parametrize("kernel", ["default", "other-activation"])
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrent_layer_takes_a_ragged_tensor(keras, layer, kernel):
    options = {"activation": "sigmoid"} if kernel == "other-activation" else {}
    rnn, features = getattr(keras.layers, layer)(3, **options), padded_features(2.5)
    padded = keras.tensor(features)
    wanted = keras.numpy(rnn(padded, mask=keras.tensor(valid_steps())))
    require(not same(keras.numpy(rnn(padded)), wanted), "without a mask the padding counts")
    with refuted_by(ValueError, match=NO_RAGGED):
        result = rnn(ragged(keras, features))
    assert same(keras.numpy(result), wanted)


@claim("padding.ragged-sequences-stay-ragged", holds=BEFORE_KERAS_3, exists=ON_TENSORFLOW)
@pytest.mark.parametrize(
    "direction", ["forwards", case("backwards", holds={"tf.keras": ">=2.5", "tf_keras": ""})]
)
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrent_layer_returns_a_ragged_tensor_for_a_ragged_one(keras, layer, direction):
    options = {"return_sequences": True, "go_backwards": direction == "backwards"}
    rnn, features = getattr(keras.layers, layer)(3, **options), padded_features(2.5)
    padded = keras.numpy(rnn(keras.tensor(features), mask=keras.tensor(valid_steps())))
    seen = valid_steps()[:, ::-1] if direction == "backwards" else valid_steps()
    batch = ragged(keras, features)
    with refuted_by(ValueError, match=NO_RAGGED):
        result = rnn(batch)
    assert isinstance(result, type(batch))
    assert result.row_lengths().numpy().tolist() == list(LENGTHS)
    assert same(keras.numpy(result.flat_values), padded[seen])


@claim("padding.ragged-attention-counts-padding", exists=RAGGED_ATTENTION)
def test_multi_head_attention_of_ragged_rows_counts_their_padding(keras):
    attention, x = keras.layers.MultiHeadAttention(2, 3), padded_features(2.5)
    alone = keras.numpy(attention(*[keras.tensor(x[:1, :3])] * 2))[0]
    seen = valid_steps()[:, None, :]  # the steps that each step may attend to
    masked = attention(*[keras.tensor(x)] * 2, attention_mask=keras.tensor(seen))
    require(same(keras.numpy(masked)[0, :3], alone), "with a mask, a row is as it is alone")
    try:
        result = attention(*[ragged(keras, x)] * 2)
    except (AttributeError, TypeError, ValueError) as error:
        raise Unavailable("the layer takes no ragged tensors") from error
    assert not same(keras.numpy(result[0]), alone)


@claim("padding.ragged-attention-returns-ragged", exists=RAGGED_ATTENTION)
def test_multi_head_attention_returns_a_ragged_tensor_for_a_ragged_query(keras):
    attention, query = keras.layers.MultiHeadAttention(2, 3), ragged(keras, padded_features())
    require(len(attention(query.to_tensor(), query.to_tensor())) == 3, "a padded query works")
    try:
        result = attention(query, query)
    except (AttributeError, TypeError, ValueError) as error:
        raise Unavailable("the layer takes no ragged tensors") from error
    assert isinstance(result, type(query))
    assert result.row_lengths().numpy().tolist() == list(LENGTHS)


@claim("padding.ragged-to-tensor", exists=ON_TENSORFLOW)
def test_to_tensor_pads_a_ragged_tensor_with_zeros_at_the_end(keras):
    ids = ragged(keras, padded_ids()).to_tensor()
    assert same(keras.numpy(ids), padded_ids())
    assert same(keras.numpy(keras.mask_of(embedding(keras)(ids))), valid_steps())


@claim("padding.single-input-tensor")
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_samples_of_different_lengths_must_become_a_tensor(keras, method):
    model, batch = model_of_ids(keras), pad(keras, SMALL_ROWS)
    model.compile("sgd", "mse", run_eagerly=True)
    further = [np.zeros((3, 6, 4))] if method == "fit" else []
    require(getattr(model, method)(batch, *further, verbose=0) is not None, "a tensor is taken")
    with raises(ValueError, match=NO_DATA):
        getattr(model, method)(SMALL_ROWS, *further, verbose=0)


@claim("padding.several-input-tensors")
@pytest.mark.parametrize("structure", ["list", "tuple", "dict"])
def test_model_takes_several_tensors(keras, structure):
    model, batch = two_input_model(keras, structure)
    with refuted_by(ValueError):
        total = keras.numpy(model(batch))
    assert same(total, np.full((3, 4), 1 + 2))


@claim("padding.lists-are-no-batch")
@pytest.mark.parametrize("rows", [SMALL_ROWS, [[1, 2], [3, 4]]], ids=["ragged", "rectangular"])
def test_lists_of_numbers_are_no_batch(keras, rows):
    model, batch = model_of_ids(keras), pad(keras, rows)
    require(tuple(model(batch).shape) == (*batch.shape, 4), "the model takes the padded batch")
    try:
        seen = tuple(model(rows).shape)
    except ValueError as error:
        require(re.search("expect", str(error)), "the error is about the number of inputs")
        seen = "ValueError"
    observe(f"called on lists: {seen}")
    assert seen in ("ValueError", (4,))  # (4,): the first number alone


@claim("padding.vocabulary-axis")
def test_batch_of_one_hot_vectors_has_an_axis_for_the_vocabulary(keras):
    vocabulary = 10
    batch = keras.utils.to_categorical(pad(keras, SMALL_ROWS), vocabulary)
    require(keras.layers.SimpleRNN(2)(keras.tensor(batch)).shape == (3, 2), "a layer takes it")
    assert batch.shape == (3, 6, vocabulary)


@claim("padding.ids-have-two-axes")
def test_padded_ids_have_two_axes(keras):
    batch = pad(keras, SMALL_ROWS)
    assert batch.shape == (3, 6)
    assert embedding(keras)(batch).shape == (3, 6, 4)


@claim("padding.common-length")
@pytest.mark.parametrize("kind", ["lists", "tuples", "arrays", "empty-row", "rows-of-features"])
def test_brings_lists_to_a_common_length(keras, kind):
    rows = {
        "lists": ROWS,
        "tuples": tuple(tuple(row) for row in ROWS),
        "arrays": [np.array(row) for row in ROWS],
        "empty-row": [[], *ROWS],
        "rows-of-features": [[[1, 2]], [[3, 4], [5, 6], [7, 8]]],
    }[kind]
    padded = pad(keras, rows)
    assert padded.shape[:2] == (len(rows), max(len(row) for row in rows))
    assert all(same(filled[-len(row) :], row) for row, filled in zip(rows, padded) if len(row))


@claim("padding.utils-path", exists={"tf.keras": ">=2.9", "*": ""})
@pytest.mark.parametrize("padding", ["default", "pre", "post"])
def test_utils_has_the_same_function(keras, padding):
    options = {} if padding == "default" else {"padding": padding}
    assert same(keras.utils.pad_sequences(ROWS, **options), pad(keras, ROWS, **options))


@claim("padding.fills-up-to-longest")
@pytest.mark.parametrize("padding", ["pre", "post"])
def test_shorter_samples_are_filled_up_to_the_longest(keras, padding):
    padded = pad(keras, ROWS, padding=padding, value=-1)
    assert (padded == -1).sum(axis=1).tolist() == [3, 1, 0]
    assert [row[row != -1].tolist() for row in padded] == ROWS


@claim("padding.truncates-then-pads")
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_long_samples_are_truncated_then_short_ones_padded(keras, truncating, padding):
    short = [row[-4:] if truncating == "pre" else row[:4] for row in ROWS]
    fill = [[0] * (4 - len(row)) for row in short]
    filled = [f + row if padding == "pre" else row + f for f, row in zip(fill, short)]
    padded = pad(keras, ROWS, maxlen=4, truncating=truncating, padding=padding)
    assert padded.tolist() == filled


@claim("padding.default-value-zero")
@pytest.mark.parametrize("rows", [ROWS, [[], [5]]], ids=["ids", "empty-row"])
def test_pads_with_zeros_by_default(keras, rows):
    padded = pad(keras, rows)
    places = pad(keras, rows, value=-1) == -1
    require(places.any(), "there is padding")
    assert (padded[places] == 0).all()


@claim("padding.value-parameter")
@pytest.mark.parametrize("value, dtype", [(-9, "int32"), (0.5, "float32"), ("<pad>", "object")])
def test_value_sets_the_padding_value(keras, value, dtype):
    rows = [["a"], ["b", "c"]] if dtype == "object" else [[1], [2, 3]]
    padded = pad(keras, rows, value=value, dtype=object if dtype == "object" else dtype)
    assert padded.tolist() == [[value, *rows[0]], rows[1]]


@claim("padding.other-value-not-masked")
@pytest.mark.parametrize("value", [-9, 5])
def test_other_padding_value_is_not_masked(keras, value):
    ids = pad(keras, SMALL_ROWS, value=value)
    mask = keras.numpy(embedding(keras).compute_mask(keras.tensor(ids)))
    zeros = keras.tensor(pad(keras, SMALL_ROWS))
    require(not keras.numpy(embedding(keras).compute_mask(zeros)).all(), "zeros are masked")
    assert mask.all()


@claim("padding.integers-by-default")
@pytest.mark.parametrize("dtype, first", [("default", 1), ("float32", 1.5)])
def test_result_is_of_integers_by_default(keras, dtype, first):
    options = {} if dtype == "default" else {"dtype": dtype}
    padded = pad(keras, [[1.5], [2.5, 3.5]], **options)
    observe(f"dtype {padded.dtype}")
    assert padded[0, 1] == first and padded.dtype == ("int32" if dtype == "default" else dtype)


@claim("padding.pre-start-post-end")
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("rows", [ROWS, [[], [5]]], ids=["ids", "empty-row"])
def test_pre_pads_the_start_and_post_the_end(keras, rows, padding):
    fill = [[0] * (max(map(len, rows)) - len(row)) for row in rows]
    filled = [f + row if padding == "pre" else row + f for f, row in zip(fill, rows)]
    assert pad(keras, rows, padding=padding).tolist() == filled


@claim("padding.pre-by-default")
@pytest.mark.parametrize("parameter", ["padding", "truncating"])
def test_both_sides_are_pre_by_default(keras, parameter):
    maxlen = 8 if parameter == "padding" else 2
    default, pre, post = (
        pad(keras, ROWS, maxlen=maxlen, **side)
        for side in ({}, {parameter: "pre"}, {parameter: "post"})
    )
    require(not same(pre, post), f"{parameter} makes a difference here")
    assert same(default, pre)


@claim("padding.unknown-side-raises")
@pytest.mark.parametrize("parameter", ["padding", "truncating"])
def test_unknown_side_raises(keras, parameter):
    with raises(ValueError, match=f'(?i){parameter} type "?middle'):
        pad(keras, ROWS, maxlen=4, **{parameter: "middle"})


@claim("padding.worked-example")
@pytest.mark.parametrize("shown", ["lengths", "table", "type"])
def test_worked_example(keras, shown):
    padded = pad(keras, ROWS, padding="post")
    if shown == "lengths":
        assert [len(row) for row in ROWS] == (padded != 0).sum(axis=1).tolist() == [3, 5, 6]
    elif shown == "table":
        table = "711 632 71 0 0 0 / 73 8 3215 55 927 0 / 83 91 1 645 1253 927"
        assert " / ".join(" ".join(map(str, row)) for row in padded.tolist()) == table
    else:
        assert isinstance(padded, np.ndarray)
        assert (padded.shape, str(padded.dtype)) == ((3, 6), "int32")
