"""A mask given as an argument, to a layer or to a model, next to the automatic one.

Page: spec/explicit-masks.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.consumers import attempt, consumer, gappy_ids, layer_of, looked_up
from tests.support.layers import failure, mask_reader
from tests.support.probes import (
    compose,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, NOT_ON_JAX, NOT_ON_TORCH

TRAVELS_ON = {"keras": ">=3.11", "*": ""}  # since then the output carries the mask by hand
NO_MASK = -np.ones((3, 6))  # what a mask_reader shows where no mask arrives


def other_mask():
    """A mask that is not the one of the batch: its rows in reverse order."""
    return valid_steps()[::-1].copy()


def under(keras, layer, x, mask):
    """What ``layer`` makes of a batch that carries no mask, under this mask or under none."""
    given = {} if mask is None else {"mask": keras.tensor(mask)}
    return keras.numpy(layer(keras.tensor(x), **given))


# --- over the automatic mask -------------------------------------------------------------------


@claim("explicit-masks.overrides-masking", instead="propagation.none-is-no-mask-given")
@pytest.mark.parametrize("given", ["other", "all-true", case("none", holds=BEFORE_KERAS_3)])
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_mask_by_hand_overrides_the_one_of_masking(keras, mode, given):
    masking, x = keras.layers.Masking(), padded_features()
    layer = layer_of(keras, "SimpleRNN" if mode == "eager" else "GlobalAveragePooling1D")
    mask = {"other": other_mask(), "all-true": np.ones((3, 6), bool), "none": None}[given]
    wanted = under(keras, layer, x, mask)
    require(not same(wanted, under(keras, layer, x, valid_steps())), "the two differ in effect")
    passed = None if mask is None else keras.tensor(mask)
    run = compose(keras, mode, [masking, lambda steps: layer(steps, mask=passed)], ids=False)
    assert same(run(x), wanted)


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
    layers = [keras.layers.Masking(), *layers] if maker == "Masking" else layers
    return compose(keras, mode, layers, ids=False)(padded_features())


@claim(
    "explicit-masks.explicit-mask-travels-on",
    holds=TRAVELS_ON,
    instead="explicit-masks.explicit-mask-stays-behind",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
@pytest.mark.parametrize("maker", ["Masking", "nothing"])
def test_mask_by_hand_travels_on(keras, maker, mode):
    assert same(mask_behind(keras, mode, maker), other_mask())


@claim(
    "explicit-masks.explicit-mask-stays-behind",
    holds={"keras": "<3.11"},
    instead="explicit-masks.explicit-mask-travels-on",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
@pytest.mark.parametrize("maker", ["Masking", "nothing"])
def test_mask_by_hand_stays_behind(keras, maker, mode):
    wanted = valid_steps() if maker == "Masking" else NO_MASK
    assert same(mask_behind(keras, mode, maker), wanted)


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
    require(not failure(model, rows_of(3)), "as many rows as the mask has are fine")
    found = failure(model, rows_of(rows))
    observe(found.partition(":")[0])
    assert found


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


MADE_FOR_IT = ("functional-two-inputs", "subclassed-unpacking")
ONE_INPUT = ("functional", "sequential", "sequential-with-input", "subclassed")
BAD_LIST = "(?i)expect(s|ed) 1 .*input|'(list|tuple)' object|automatically build"
REFUSALS = (ValueError, AttributeError, RuntimeError)


@claim("explicit-masks.extra-array", instead="explicit-masks.extra-array-never-used")
@pytest.mark.parametrize(
    "kind, by",
    [
        *[(kind, "call") for kind in MADE_FOR_IT],
        ("functional-two-inputs", "fit"),
        *[case(kind, "call", holds=NEVER) for kind in ONE_INPUT],
        case("sequential-with-input", "fit", holds=NEVER),
    ],
)
def test_mask_can_be_handed_over_as_an_extra_array(keras, kind, by):
    with refuted_by(*REFUSALS, match=BAD_LIST):
        used = mask_used(keras, kind, by)
    assert used == "extra", f"the mask that it uses is the {used} one"


@claim("explicit-masks.extra-array-never-used")
@pytest.mark.parametrize("kind", ONE_INPUT)
def test_model_with_one_input_never_uses_an_extra_array(keras, kind):
    used, error = attempt(mask_used, keras, kind, "call")
    assert used == "automatic" or isinstance(error, REFUSALS)


@claim("explicit-masks.extra-array-ignored", instead="explicit-masks.extra-array-never-used")
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


# --- of the wrong shape ------------------------------------------------------------------------


def of_shape(shape):
    """A mask of one of the shapes of the cases below."""
    valid = valid_steps()
    return {
        "batch,time-1": valid[:, :-1],
        "batch,time+1": np.concatenate([valid, valid[:, :1]], axis=1),
        "batch,1": valid[:, 3:4],
        "batch-1,time": valid[:2],
        "batch+1,time": np.concatenate([valid, valid[:1]]),
        "1,time": valid[:1],
        "time": valid[0],
        "batch,time,1": valid[:, :, None],
        "batch,time,features": np.repeat(valid[:, :, None], 4, axis=2),
    }[shape]


ALWAYS_REFUSED = ("batch,time-1", "batch-1,time", "batch+1,time", "time")
SHAPE_WORDS = "(?i)shape|dimension|broadcast|size of tensor|axis sizes"


def told(error):
    """The message of an error without the list of arguments that a framework adds to it."""
    return re.split("(?i)(call )?arguments received", str(error))[0]


@claim(
    "explicit-masks.wrong-shape-raises",
    instead=(
        "masks-by-hand.other-shapes-broadcast",
        "masks-by-hand.column-mask-in-average-pooling",
        "explicit-masks.short-mask-error",
        "explicit-masks.data-shaped-mask",
        "custom-layers.long-mask-misread-on-torch",
    ),
)
@pytest.mark.parametrize(
    "reading, layer, shape",
    [
        *[("error", "SimpleRNN", shape) for shape in (*ALWAYS_REFUSED, "batch,1")],
        case("error", "SimpleRNN", "batch,time+1", holds=NOT_ON_TORCH),
        case("error", "SimpleRNN", "batch,time,features", holds=NOT_ON_JAX),
        case("error", "SimpleRNN", "batch,time,1", holds=NEVER),
        case("error", "SimpleRNN", "1,time", holds=NEVER),
        *[
            ("error", "GlobalAveragePooling1D", shape)
            for shape in (*ALWAYS_REFUSED, "batch,time,1")
        ],
        ("error", "GlobalAveragePooling1D", "batch,time+1"),
        ("error", "GlobalAveragePooling1D", "batch,time,features"),
        case("error", "GlobalAveragePooling1D", "batch,1", holds=NEVER),
        case("error", "GlobalAveragePooling1D", "1,time", holds=NEVER),
        ("shape-error", "SimpleRNN", "batch-1,time"),
        ("shape-error", "GlobalAveragePooling1D", "batch-1,time"),
        ("shape-error", "GlobalAveragePooling1D", "batch,time-1"),
        case("shape-error", "SimpleRNN", "batch,time-1", holds={"keras/jax": ""}),
    ],
)
def test_mask_of_a_wrong_shape_leads_to_a_shape_mismatch_error(keras, reading, layer, shape):
    run, x = consumer(keras, layer), keras.tensor(padded_features(2.0))
    _, error = attempt(run, x, keras.tensor(of_shape(shape)))
    assert error is not None, f"a mask of shape ({shape}) is taken"
    if reading == "shape-error":
        assert re.search(SHAPE_WORDS, told(error)), f"{type(error).__name__} without shapes"


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
    result, error = attempt(run, x, keras.tensor(one_feature))
    if error is None:
        assert same(result, run(x, keras.tensor(valid_steps())))
    else:
        assert re.search(SHAPE_WORDS, told(error))
