"""A mask given as an argument, to a layer or to a model, next to the automatic one.

Page: spec/explicit-masks.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, case, claim, refuted_by, require
from tests.support.consumers import (
    ATTENTION_WORKS,
    attempt,
    consumer,
    gappy_ids,
    layer_of,
    looked_up,
    working_attention,
)
from tests.support.layers import mask_reader
from tests.support.probes import (
    compose,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3

TRAVELS_ON = {"keras": ">=3.11", "*": ""}  # since then the output carries the mask by hand
SHAPE_WORDS = "(?i)shape|dimension|broadcast|size of tensor|axis sizes"
NO_MASK = -np.ones((3, 6))  # what a mask_reader shows where no mask arrives


def other_mask():
    """A mask that is not the one of the batch: its rows in reverse order."""
    return valid_steps()[::-1].copy()


def under(keras, layer, x, mask):
    """What ``layer`` makes of a batch that carries no mask, under this mask or under none."""
    given = {} if mask is None else {"mask": keras.tensor(mask)}
    return keras.numpy(layer(keras.tensor(x), **given))


def told(error):
    """The message of an error without the list of arguments that a framework adds to it."""
    return re.split("(?i)(call )?arguments received", str(error))[0]


# --- over the automatic mask -------------------------------------------------------------------


@claim("explicit-masks.overrides-masking")
@pytest.mark.parametrize("given", ["other", "all-true"])
@pytest.mark.parametrize("mode", ["eager", "functional"])
@pytest.mark.parametrize("maker", ["Masking", "Embedding"])
def test_mask_by_hand_overrides_the_automatic_one(keras, maker, mode, given):
    by_masking = maker == "Masking"
    first = keras.layers.Masking() if by_masking else embedding(keras)
    x = padded_features() if by_masking else padded_ids()
    layer = layer_of(keras, "SimpleRNN" if mode == "eager" else "GlobalAveragePooling1D")
    steps = compose(keras, "eager", [first], ids=not by_masking)(x)
    mask = {"other": other_mask(), "all-true": np.ones((3, 6), bool)}[given]
    wanted, automatic = (under(keras, layer, steps, m) for m in (mask, valid_steps()))
    require(not same(wanted, automatic), "the two masks differ in effect")
    unhindered = compose(keras, mode, [first, layer], ids=not by_masking)
    require(same(unhindered(x), automatic), "the automatic mask arrives")
    by_hand = [first, lambda steps: layer(steps, mask=keras.tensor(mask))]
    assert same(compose(keras, mode, by_hand, ids=not by_masking)(x), wanted)


@claim("explicit-masks.ones-mean-no-padding")
@pytest.mark.parametrize("layer", ["SimpleRNN", "GlobalAveragePooling1D"])
@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_mask_of_ones_says_that_nothing_is_padded(keras, dtype, layer):
    def steps(mask_zero):
        return looked_up(keras, gappy_ids(), mask_zero=mask_zero)

    run, ones = consumer(keras, layer), keras.tensor(np.ones((3, 6), dtype))
    unmasked = run(steps(mask_zero=False))
    automatic = run(steps(mask_zero=True))
    require(not same(automatic, unmasked), "the automatic mask makes a difference")
    assert same(run(steps(mask_zero=False), ones), unmasked)
    assert same(run(steps(mask_zero=True), ones), unmasked)


def mask_behind(keras, mode, maker):
    """The mask that arrives behind a layer that was given ``other_mask`` by hand."""
    forwards, other = spy(keras), keras.tensor(other_mask())
    layers = [lambda x: forwards(x, mask=other), mask_reader(keras)]
    automatic = [keras.layers.Masking(), spy(keras), mask_reader(keras)]
    arriving = compose(keras, mode, automatic, ids=False)(padded_features())
    require(same(arriving, valid_steps()), "the layer forwards masks")
    layers = [keras.layers.Masking(), *layers] if maker == "Masking" else layers
    return compose(keras, mode, layers, ids=False)(padded_features())


@claim("explicit-masks.explicit-mask-travels-on", holds=TRAVELS_ON)
@pytest.mark.parametrize("mode", ["eager", "functional"])
@pytest.mark.parametrize("maker", ["Masking", "nothing"])
def test_mask_by_hand_travels_on(keras, maker, mode):
    own = valid_steps() if maker == "Masking" else NO_MASK
    mask = mask_behind(keras, mode, maker)
    require(same(mask, other_mask()) or same(mask, own), "the mask is one of the two")
    assert same(mask, other_mask()), "the output carries the mask of the input, or none"


# --- in a functional model ---------------------------------------------------------------------


def with_concrete_mask(keras, layer, *before, mask=None):
    """A functional model whose ``layer`` was given a concrete mask while it was built."""
    x = inputs = keras.Input((6, 4))
    for earlier in before:
        x = earlier(x)
    concrete = keras.tensor(valid_steps() if mask is None else mask)
    return keras.Model(inputs, layer(x, mask=concrete))


def rows_of(count):
    """A batch of so many rows without a padded step."""
    return np.random.RandomState(9).uniform(1, 2, (count, 6, 4)).astype("float32")


@claim("explicit-masks.concrete-mask-taken")
@pytest.mark.parametrize("before", ["Masking", "TimeDistributed"])
def test_concrete_mask_can_be_passed_while_a_model_is_built(keras, before):
    dense = keras.layers.TimeDistributed(keras.layers.Dense(3))
    layers = [keras.layers.Masking(), *([dense] if before == "TimeDistributed" else [])]
    pooling, x = keras.layers.GlobalAveragePooling1D(), padded_features()
    result = keras.numpy(with_concrete_mask(keras, pooling, *layers, mask=other_mask())(x))
    arriving = compose(keras, "eager", layers, ids=False)(x)
    wanted = under(keras, pooling, arriving, other_mask())
    require(not same(wanted, under(keras, pooling, arriving, valid_steps())), "the masks differ")
    assert same(result, wanted)


@claim("explicit-masks.concrete-mask-fixes-the-batch")
@pytest.mark.parametrize(
    "layer, rows",
    [("SimpleRNN", 2), ("GlobalAveragePooling1D", 2), ("GlobalAveragePooling1D", 4)],
)
def test_concrete_mask_of_three_rows_needs_batches_of_three(keras, layer, rows):
    model = with_concrete_mask(keras, layer_of(keras, layer))
    require(model(rows_of(3)).shape[0] == 3, "as many rows as the mask has are fine")
    _, error = attempt(model, rows_of(rows))
    assert error is not None and re.search(f"{SHAPE_WORDS}|equal types", told(error))


@claim(
    "explicit-masks.one-row-becomes-many", instead="explicit-masks.concrete-mask-fixes-the-batch"
)
@pytest.mark.parametrize(
    "layer, by",
    [
        case("GlobalAveragePooling1D", "call", holds={"keras/torch": ">=3.15", "*": ""}),
        case("SimpleRNN", "call", holds={"keras/torch": ""}),
        case("SimpleRNN", "predict", holds={**BEFORE_KERAS_3, "keras/torch": ""}),
    ],
)
def test_one_row_becomes_as_many_as_the_concrete_mask_has(keras, layer, by):
    model = with_concrete_mask(keras, layer_of(keras, layer))
    with refuted_by(ValueError, TypeError, RuntimeError, match="(?i)shape|equal types"):
        result = model.predict(rows_of(1), verbose=0) if by == "predict" else model(rows_of(1))
    assert result.shape[0] == 3


@claim("explicit-masks.concrete-mask-repeats")
def test_predict_lays_the_same_mask_over_each_batch(keras):
    pooling, x = keras.layers.GlobalAveragePooling1D(), rows_of(6)
    predicted = with_concrete_mask(keras, pooling).predict(x, batch_size=3, verbose=0)
    assert same(predicted[:3], under(keras, pooling, x[:3], valid_steps()))
    assert same(predicted[3:], under(keras, pooling, x[3:], valid_steps()))


@claim("explicit-masks.lambda-hands-on-a-fixed-mask")
@pytest.mark.parametrize("inputs", ["masked", "unmasked"])
def test_lambda_hands_on_the_mask_that_it_was_made_with(keras, inputs):
    fixed = valid_steps()[:, ::-1].copy()
    layer = keras.layers.Lambda(lambda x: x * 1.0, mask=keras.tensor(fixed))
    x = keras.tensor(padded_features())
    require(not same(fixed, valid_steps()), "it is another mask than that of the inputs")
    output = layer(keras.carry(x, valid_steps()) if inputs == "masked" else x)
    assert same(keras.numpy(keras.mask_of(output)), fixed)


@claim("explicit-masks.concrete-mask-is-saved", holds=KERAS_3)
@pytest.mark.parametrize("road", ["config", "h5"])
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_model_with_a_concrete_mask_comes_back_with_it(keras, layer, road, tmp_path):
    def results(model):
        return keras.numpy(model(keras.tensor(rows_of(3))))

    rnn = getattr(keras.layers, layer)(3, unroll=True)  # an LSTM in a loop has kernels to trace
    model, path = with_concrete_mask(keras, rnn), str(tmp_path / "model.h5")
    require(not same(results(model), results(model.layers[-1])), "the mask is used")
    with refuted_by(AttributeError, match="object has no attribute"):
        if road == "h5":
            model.save(path)
            copy = keras.models.load_model(path)
        else:
            copy = type(model).from_config(model.get_config())
            copy.set_weights(model.get_weights())
    assert same(results(copy), results(model))


@claim("explicit-masks.float64-batch")
def test_functional_model_can_be_called_on_a_float64_array(keras):
    steps = np.random.RandomState(3).uniform(1, 2, (4, 10, 5))
    for row, length in zip(steps, (3, 7, 5, 2)):
        row[length:] = 0
    inputs, rnn = keras.Input((10, 5)), keras.layers.SimpleRNN(10, return_sequences=True)
    model = keras.Model(inputs, rnn(keras.layers.Masking()(inputs)))
    result = keras.numpy(model(steps, training=False))
    require(steps.dtype == "float64", "the batch is float64")
    assert result.shape == (4, 10, 10) and result.dtype == "float32"
    assert same(result, keras.numpy(model(steps.astype("float32"))))


# --- as an extra array -------------------------------------------------------------------------


def model_of(keras, kind, table, pooling):
    """A model of this kind: an embedding of ids, and its mean over time."""
    ids = keras.Input((6,), dtype="int32")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.table, self.pooling = table, pooling

        def call(self, inputs):
            if kind == "subclassed":
                return self.pooling(self.table(inputs))
            ids, mask = inputs
            return self.pooling(self.table(ids), mask=mask)

    if kind == "functional-two-inputs":
        mask = keras.Input((6,), dtype="int32")
        return keras.Model([ids, mask], pooling(table(ids), mask=mask))
    if kind == "functional":
        return keras.Model(ids, pooling(table(ids)))
    if kind.startswith("sequential"):
        first = [ids] if kind == "sequential-with-input" else []
        return keras.Sequential([*first, table, pooling])
    return Own()


def mask_used(keras, kind, by):
    """The mask that a model uses if it gets an extra array with its ids: automatic or extra."""
    table, pooling = embedding(keras), keras.layers.GlobalAveragePooling1D()
    model = model_of(keras, kind, table, pooling)
    ids, extra = padded_ids(), other_mask().astype("int32")
    rows = keras.numpy(table(keras.tensor(ids)))
    masks = {"automatic": valid_steps(), "extra": extra}
    results = {name: under(keras, pooling, rows, mask) for name, mask in masks.items()}
    if by == "call":
        result = keras.numpy(model([keras.tensor(ids), keras.tensor(extra)]))
    else:
        model.compile("sgd", "mse", run_eagerly=True)
        result = model.fit([ids, extra], np.zeros((3, 4)), verbose=0).history["loss"][0]
        results = {name: np.mean(value**2) for name, value in results.items()}
    require(not same(*results.values()), "the two masks differ in effect")
    (used,) = [name for name, value in results.items() if same(value, result)]
    return used


ONE_INPUT = ("functional", "sequential", "sequential-with-input", "subclassed")
BAD_LIST = "(?i)expect(s|ed) 1 .*input|'(list|tuple)' object|automatically build"
REFUSALS = (ValueError, AttributeError, RuntimeError)


@claim("explicit-masks.extra-array", holds=NEVER)
@pytest.mark.parametrize(
    "kind, by", [*[(kind, "call") for kind in ONE_INPUT], ("sequential-with-input", "fit")]
)
def test_mask_can_be_handed_over_as_an_extra_array(keras, kind, by):
    with refuted_by(*REFUSALS, match=BAD_LIST):
        used = mask_used(keras, kind, by)
    assert used == "extra", "the extra array is ignored"


@claim("explicit-masks.second-input")
@pytest.mark.parametrize(
    "kind, by",
    [
        ("functional-two-inputs", "call"),
        ("subclassed-unpacking", "call"),
        ("functional-two-inputs", "fit"),
    ],
)
def test_model_made_for_two_inputs_uses_the_second_as_a_mask(keras, kind, by):
    assert mask_used(keras, kind, by) == "extra"


@claim("explicit-masks.extra-array-ignored")
@pytest.mark.parametrize(
    "kind",
    [
        case("sequential-with-input", holds={"tf.keras": "<2.7", "keras": ""}),
        case("functional", holds={"tf.keras": "<2.4"}),
    ],
)
def test_extra_array_is_ignored_without_a_word(keras, kind):
    with refuted_by(*REFUSALS, match=BAD_LIST):
        used = mask_used(keras, kind, "call")
    assert used == "automatic"


@claim("explicit-masks.model-keyword")
@pytest.mark.parametrize("kind", ["functional", "sequential"])
@pytest.mark.parametrize("first, used", [("Dense", "given"), ("Masking", "own")])
def test_mask_given_to_a_model_is_the_one_of_its_input(keras, first, used, kind):
    pooling, x = keras.layers.GlobalAveragePooling1D(), padded_features()
    before = keras.layers.Dense(4) if first == "Dense" else keras.layers.Masking()
    inputs = keras.Input((6, 4))
    if kind == "functional":
        model = keras.Model(inputs, pooling(before(inputs)))
    else:
        model = keras.Sequential([inputs, before, pooling])
    result = keras.numpy(model(keras.tensor(x), mask=keras.tensor(other_mask())))
    steps = keras.numpy(before(keras.tensor(x)))
    given, own = (under(keras, pooling, steps, mask) for mask in (other_mask(), valid_steps()))
    require(not same(given, own), "the two masks differ in effect")
    assert same(result, given if used == "given" else own)


@claim("explicit-masks.model-keyword-of-several-tensors")
@pytest.mark.parametrize(
    "first, used", [case("Attention", "given", exists=ATTENTION_WORKS), ("Add", "none")]
)
def test_mask_given_to_a_model_of_several_tensors_reaches_its_first_layer_alone(keras, first, used):
    pooling, tensors = keras.layers.GlobalAveragePooling1D(), [keras.tensor(padded_features())] * 2
    masks = [keras.tensor(other_mask())] * 2
    layer = keras.layers.Add() if first == "Add" else working_attention(keras, first)
    result = keras.numpy(keras.Sequential([layer, pooling])(tensors, mask=masks))
    if first == "Attention":
        steps = [layer(tensors, mask=masks), layer(tensors)]
        given, none = (keras.numpy(pooling(one)) for one in steps)
    else:
        steps = keras.numpy(layer(tensors))
        given, none = (under(keras, pooling, steps, mask) for mask in (other_mask(), None))
    require(not same(given, none), "the mask has an effect")
    assert same(result, given if used == "given" else none)


# --- of the wrong shape ------------------------------------------------------------------------


def of_shape(shape):
    """A mask of one of the shapes of the cases below."""
    valid = valid_steps()
    return {
        "batch,time-1": valid[:, :-1],
        "batch-1,time": valid[:2],
        "batch+1,time": np.concatenate([valid, valid[:1]]),
        "time": valid[0],
    }[shape]


ALWAYS_REFUSED = ("batch,time-1", "batch-1,time", "batch+1,time", "time")


@claim("explicit-masks.wrong-shape-raises")
@pytest.mark.parametrize(
    "layer, shape",
    [
        ("SimpleRNN", "batch-1,time"),
        ("GlobalAveragePooling1D", "batch-1,time"),
        ("GlobalAveragePooling1D", "batch,time-1"),
    ],
)
def test_mask_of_a_wrong_shape_can_lead_to_a_shape_mismatch_error(keras, layer, shape):
    run, x = consumer(keras, layer), keras.tensor(padded_features(2.0))
    require(not same(run(x, keras.tensor(valid_steps())), run(x)), "the right mask is used")
    _, error = attempt(run, x, keras.tensor(of_shape(shape)))
    assert error is not None and re.search(SHAPE_WORDS, told(error))


@claim("explicit-masks.misfit-refused")
@pytest.mark.parametrize("shape", ALWAYS_REFUSED)
@pytest.mark.parametrize("layer", ["SimpleRNN", "GlobalAveragePooling1D"])
def test_mask_that_does_not_fit_is_refused(keras, layer, shape):
    run, x = consumer(keras, layer), keras.tensor(padded_features(2.0))
    require(not same(run(x, keras.tensor(valid_steps())), run(x)), "the right mask is used")
    _, error = attempt(run, x, keras.tensor(of_shape(shape)))
    assert error is not None and re.search(f"{SHAPE_WORDS}|index|out of bounds", told(error))


@claim("explicit-masks.short-mask-error")
def test_error_about_a_short_mask_names_an_index_and_no_mask(keras):
    run, x = consumer(keras, "SimpleRNN"), keras.tensor(padded_features(2.0))
    _, error = attempt(run, x, keras.tensor(of_shape("batch,time-1")))
    require(error is not None, "a mask with too few timesteps is refused")
    assert re.search("index|axis sizes", told(error)) and "mask" not in told(error)


@claim("explicit-masks.data-shaped-mask")
def test_mask_shaped_like_the_data_is_refused_or_needs_one_true_feature(keras):
    run, x = consumer(keras, "SimpleRNN"), keras.tensor(padded_features(2.0))
    one_feature = valid_steps()[:, :, None] & np.array([True, False, False, False])
    require(not same(run(x, keras.tensor(valid_steps())), run(x)), "the right mask is used")
    result, error = attempt(run, x, keras.tensor(one_feature))
    if error is None:
        assert same(result, run(x, keras.tensor(valid_steps())))
    else:
        assert re.search(SHAPE_WORDS, told(error))
