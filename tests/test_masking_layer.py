"""The `Masking` layer by itself: its mask, the values it returns, and what it is given.

Page: spec/masking-layer.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require
from tests.support.layers import masked_by
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    padded_features,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3

FLOAT16_FRACTION = {"keras": None, "keras/jax": "", "keras/torch": "", "*": ""}
NO_MASK_ARGUMENT = "unexpected keyword argument 'mask'"
SERIES = [[6, 2, 9, 0, 0], [3, 8, 0, 0, 0]]  # one number for each step; 0 is padding


def mask_of(keras, steps):
    """The mask that `steps` carries, as a numpy array; there has to be one."""
    mask = keras.mask_of(steps)
    require(mask is not None, "the tensor carries a mask")
    return keras.numpy(mask)


def returned(keras, mode, features, **options):
    """What a layer behind `Masking(**options)` gets to see of `features`."""
    layers = [keras.layers.Masking(**options), spy(keras)]
    return compose(keras, mode, layers, ids=False)(features)


def partly(mask_value):
    """Padded features; of the first step, which is no padding, three of four are the value."""
    features = padded_features(mask_value)
    features[0, 0, :3] = mask_value
    return features


def series(keras):
    """The series as a float32 tensor of shape (2, 5)."""
    return keras.tensor(np.array(SERIES, "float32"))


def behind(keras, name):
    """A layer to put behind `Masking`."""
    layers = keras.layers
    made = {
        "nothing": lambda: layers.Activation("linear"),
        "Dense": lambda: layers.Dense(4),
        "SimpleRNN-of-steps": lambda: layers.SimpleRNN(3, return_sequences=True),
        "SimpleRNN": lambda: layers.SimpleRNN(3),
        "Conv1D": lambda: layers.Conv1D(4, 1),
    }
    return made[name]() if name in made else getattr(layers, name)()


# --- the mask ----------------------------------------------------------------------------------


@claim("masking-layer.right-mask", instead="masking-layer.fraction-missed-in-float64")
@pytest.mark.parametrize(
    "shape, dtype, mask_value",
    [
        ("3x4", "float32", "0"),
        ("3x6x4", "float32", "0"),
        ("3x6x2x4", "float32", "0"),
        ("3x6x4", "float32", "-0.0"),
        ("3x6x4", "float32", "0.1"),
        ("3x6x4", "float32", "inf"),
        ("3x6x4", "float32", "nan"),
        ("3x6x4", "int32", "-1"),
        ("3x6x4", "float16", "-1"),
        ("3x6x4", "float64", "-1"),
        case("3x6x4", "float16", "0.1", holds=FLOAT16_FRACTION),
        case("3x6x4", "float64", "0.1", holds={"keras": None, "keras/jax": "", "*": ""}),
    ],
)
def test_masking_makes_the_right_mask(keras, shape, dtype, mask_value):
    number = int(mask_value) if dtype == "int32" else float(mask_value)
    value = np.array(number, dtype)
    sizes = [int(size) for size in shape.split("x")]
    features = np.random.RandomState(3).randint(1, 9, sizes).astype(dtype)
    features[0], features[1, ..., 0] = value, value  # all features of a step, and one of them
    options = {} if dtype == "int32" else {"dtype": dtype}
    layer = keras.layers.Masking(mask_value=number + 0, **options)  # 0.0 where steps hold -0.0
    wanted = (features != value).any(axis=-1)
    require(wanted[1:].all() and wanted[0].any() == (mask_value == "nan"), "one sample is masked")
    assert same(mask_of(keras, layer(keras.tensor(features))), wanted)


@claim(
    "masking-layer.fraction-missed-in-float64",
    holds={"keras": "", "keras/jax": None},
    instead="masking-layer.right-mask",
)
def test_fraction_as_mask_value_is_missed_in_float64(keras):
    features = np.full((1, 2, 4), 0.1, "float64")
    single = keras.layers.Masking(mask_value=0.1)(keras.tensor(features.astype("float32")))
    require(not mask_of(keras, single).any(), "in float32 each step is masked")
    double = keras.layers.Masking(mask_value=0.1, dtype="float64")(keras.tensor(features))
    assert mask_of(keras, double).all()


@claim("masking-layer.fraction-missed-in-half-precision")
@pytest.mark.parametrize("mask_value, missed", [(0.1, True), (0.5, False), (-1.0, False)])
def test_fraction_is_missed_in_half_precision_features(keras, mask_value, missed):
    features = np.full((1, 2, 4), mask_value, "float16")
    steps = keras.layers.Masking(mask_value=mask_value)(keras.tensor(features))
    assert mask_of(keras, steps).all() == missed


@claim("masking-layer.output-has-attribute")
@pytest.mark.parametrize(
    "layers, shape, mode",
    [
        ("Masking", "2x5", "eager"),
        ("Masking", "2x5x3", "eager"),
        ("Masking", "2x5x3", "symbolic"),
        ("Masking-Dense", "2x5", "eager"),
        ("Masking-Dense", "2x5x3", "eager"),
        ("Masking-Dense", "2x5x3", "symbolic"),
    ],
)
def test_output_has_the_attribute_keras_mask(keras, layers, shape, mode):
    sizes = [int(size) for size in shape.split("x")]
    x = keras.tensor(np.ones(sizes, "float32")) if mode == "eager" else keras.Input(sizes[1:])
    require(getattr(x, "_keras_mask", None) is None, "the input has none")
    output = keras.layers.Masking()(x)
    if layers == "Masking-Dense":
        output = keras.layers.Dense(4)(output)
    assert hasattr(output, "_keras_mask") and output._keras_mask is not None


# --- the values --------------------------------------------------------------------------------


@claim("masking-layer.returns-a-mask", instead="generation.attached-to-output")
@pytest.mark.parametrize("reading", ["beside-its-result", case("as-its-result", holds=NEVER)])
def test_masking_returns_a_mask(keras, reading):
    features = padded_features()
    result = keras.layers.Masking()(keras.tensor(features))
    if reading == "as-its-result":
        observe(f"a tensor of shape {tuple(result.shape)}")
        assert same(keras.numpy(result), valid_steps())
    else:
        assert same(mask_of(keras, result), valid_steps())


@claim("masking-layer.overwrites-masked-steps")
@pytest.mark.parametrize(
    "mask_value, mode", [(-1.0, "eager"), (0.5, "eager"), (-1.0, "functional")]
)
def test_masking_overwrites_masked_values_with_a_fixed_value(keras, mask_value, mode):
    features = partly(mask_value)
    seen = returned(keras, mode, features, mask_value=mask_value)
    written = np.unique(seen[~valid_steps()])
    assert len(written) == 1 and written[0] != mask_value


@claim("masking-layer.written-value-can-be-set", instead="masking-layer.zero-whatever-the-value")
@pytest.mark.parametrize("mask_value", ["default", case("-1", holds=NEVER)])
def test_written_value_is_zero_unless_another_is_set(keras, mask_value):
    options = {} if mask_value == "default" else {"mask_value": float(mask_value)}
    value = options.get("mask_value", 0.0)
    seen = returned(keras, "eager", padded_features(value), **options)
    observe(f"written: {abs(seen[~valid_steps()]).max():.1f}")
    assert (seen[~valid_steps()] == value).all()


@claim("masking-layer.zero-whatever-the-value")
@pytest.mark.parametrize(
    "mask_value, mode", [(0.0, "eager"), (-1.0, "eager"), (0.5, "eager"), (-1.0, "functional")]
)
def test_masking_writes_zeros_and_leaves_other_steps(keras, mask_value, mode):
    features = partly(mask_value)
    seen = returned(keras, mode, features, mask_value=mask_value)
    assert (seen[~valid_steps()] == 0).all()
    assert (seen[valid_steps()] == features[valid_steps()]).all()


@claim(
    "masking-layer.infinity-becomes-nan",
    holds={**BEFORE_KERAS_3, "keras": "<3.15"},
    instead="masking-layer.infinity-becomes-zero",
)
@pytest.mark.parametrize("mask_value", ["inf", "-inf"])
def test_infinite_mask_value_becomes_nan(keras, mask_value):
    value = float(mask_value)
    seen = returned(keras, "eager", padded_features(value), mask_value=value)
    assert np.isnan(seen[~valid_steps()]).all()


@claim(
    "masking-layer.infinity-becomes-zero",
    holds={"keras": ">=3.15"},
    instead="masking-layer.infinity-becomes-nan",
)
@pytest.mark.parametrize("mask_value", ["inf", "-inf"])
def test_infinite_mask_value_becomes_zero(keras, mask_value):
    value = float(mask_value)
    seen = returned(keras, "eager", padded_features(value), mask_value=value)
    assert (seen[~valid_steps()] == 0).all()


# --- token ids ---------------------------------------------------------------------------------


@claim("masking-layer.takes-ids", instead="generation.masking-default-refuses-integers")
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
@pytest.mark.parametrize("mask_value", [case("0.0", holds=KERAS_3), "0"])
def test_masking_can_be_first_on_a_batch_of_ids(keras, mask_value, mode):
    layer = keras.layers.Masking(mask_value=0 if mask_value == "0" else 0.0)
    with refuted_by(TypeError, match="0.0"):
        seen = compose(keras, mode, [layer])(padded_ids())
    assert same(seen, padded_ids())


@claim("masking-layer.per-token-mask", holds=NEVER, instead="shape.masking-drops-last-axis")
@pytest.mark.parametrize("batch", ["ids-as-floats", "series-as-features"])
def test_masking_of_a_batch_without_features_masks_each_token(keras, batch):
    ids = padded_ids() if batch == "ids-as-floats" else np.array(SERIES)
    mask = mask_of(keras, keras.layers.Masking()(keras.tensor(ids.astype("float32"))))
    observe(f"shape {mask.shape}: {mask.tolist()}")
    assert same(mask, ids != 0)


@claim(
    "masking-layer.valid-before-embedding", instead="generation.masking-default-refuses-integers"
)
@pytest.mark.parametrize(
    "mask_value, mode",
    [
        case("0.0", "eager", holds=KERAS_3),
        case("0.0", "functional", holds=KERAS_3),
        ("0", "eager"),
    ],
)
def test_masking_before_an_embedding_sets_up_the_mask(keras, mask_value, mode):
    masking = keras.layers.Masking(mask_value=0 if mask_value == "0" else 0.0)
    ids = embedding(keras)
    with refuted_by(TypeError, match="0.0"):
        run = compose(keras, mode, [masking, ids, keras.layers.SimpleRNN(3)])
        run(padded_ids())
    assert not depends_on_padding(run, ids)


@claim("masking-layer.idle-before-embedding")
@pytest.mark.parametrize("mask_zero", [True, False])
def test_masking_before_an_embedding_changes_nothing(keras, mask_zero):
    ids = keras.tensor(np.concatenate([padded_ids(), np.zeros((1, 6), "int32")]))
    table = embedding(keras, mask_zero=mask_zero)
    alone, stacked = table(ids), table(keras.layers.Masking(mask_value=0)(ids))
    assert same(keras.numpy(stacked), keras.numpy(alone))
    if mask_zero:
        assert same(mask_of(keras, stacked), mask_of(keras, alone))
    else:
        assert keras.mask_of(stacked) is None


# --- a mask from outside -----------------------------------------------------------------------


@claim(
    "masking-layer.takes-a-mask",
    holds=NEVER,
    instead="consumption.dunder-call-hands-the-mask-on",
)
@pytest.mark.parametrize("mode", ["eager", "functional"])
@pytest.mark.parametrize("shape", ["2x5", "2x5x3"])
def test_masking_takes_and_applies_a_mask(keras, shape, mode):
    sizes = [int(size) for size in shape.split("x")]
    mask = keras.tensor(np.array(SERIES) == 9)
    x = keras.tensor(np.ones(sizes, "float32")) if mode == "eager" else keras.Input(sizes[1:])
    with refuted_by(TypeError, match=NO_MASK_ARGUMENT):
        steps = keras.layers.Masking()(x, mask=mask)
    assert same(mask_of(keras, steps), np.array(SERIES) == 9)


# --- needed, and enough ------------------------------------------------------------------------


@claim(
    "masking-layer.required-for-a-mask",
    instead=("generation.embedding", "generation.compute-mask-is-a-way"),
)
@pytest.mark.parametrize(
    "without",
    ["built-in-Dense", case("Embedding", holds=NEVER), case("own-compute_mask", holds=NEVER)],
)
def test_without_masking_the_output_has_no_mask(keras, without):
    features = keras.tensor(padded_features())
    if without == "Embedding":
        output = embedding(keras)(keras.tensor(padded_ids()))
    elif without == "own-compute_mask":
        output = masked_by(keras, lambda inputs, mask: inputs[..., 0] > 0)(features)
    else:
        dense = keras.layers.Dense(4)
        require(keras.mask_of(dense(keras.layers.Masking()(features))) is not None, "with Masking")
        output = dense(features)
    assert keras.mask_of(output) is None, f"{without} makes a mask"


@claim(
    "masking-layer.guarantees-a-mask",
    instead=(
        "masking-layer.mask-ends-with-the-time-axis",
        "propagation.some-layers-stop-the-mask",
    ),
)
@pytest.mark.parametrize(
    "name",
    ["nothing", "Dense", "SimpleRNN-of-steps"]
    + [
        case(name, holds=NEVER)
        for name in ("SimpleRNN", "GlobalAveragePooling1D", "Flatten", "Conv1D")
    ],
)
def test_masking_guarantees_a_mask_on_the_output(keras, name):
    output = behind(keras, name)(keras.layers.Masking()(keras.tensor(padded_features())))
    assert keras.mask_of(output) is not None, f"no mask behind {name}"


@claim("masking-layer.mask-ends-with-the-time-axis")
@pytest.mark.parametrize(
    "name, mode",
    [(name, "eager") for name in ("SimpleRNN", "GlobalAveragePooling1D", "Flatten")]
    + [("GlobalAveragePooling1D", "symbolic"), ("Flatten", "symbolic")],
)
def test_layer_that_takes_the_time_axis_away_hands_no_mask_on(keras, name, mode):
    eager = mode == "eager"
    x = keras.tensor(padded_features()) if eager else keras.Input(shape=(6, 4))
    steps = keras.layers.Masking()(x)
    require(keras.mask_of(steps) is not None, "Masking makes one")
    output = behind(keras, name)(steps)
    require(len(output.shape) == 2, "there is no time axis left")
    assert keras.mask_of(output) is None


# --- the example of the source dict ------------------------------------------------------------


@claim("masking-layer.example-data")
@pytest.mark.parametrize("made", ["sample", "mask", "Dense"])
def test_example_data(keras, made):
    sample = series(keras)
    unequal = keras.ops.not_equal(sample, 0)
    mask = keras.ops.cast(unequal, "bool")
    if made == "sample":
        assert tuple(sample.shape) == (2, 5) and "float32" in str(sample.dtype)
        assert keras.numpy(sample)[:, 3:].tolist() == [[0, 0], [0, 0]]
    elif made == "mask":
        assert tuple(mask.shape) == (2, 5) and "bool" in str(mask.dtype)
        assert keras.numpy(mask).tolist() == (np.array(SERIES) > 0).tolist()
    else:
        assert tuple(keras.layers.Dense(4)(keras.layers.Masking()(sample)).shape) == (2, 4)


@claim("masking-layer.example-works", holds=NEVER, instead="masking-layer.example-mended")
@pytest.mark.parametrize("how", ["as-written", "without-the-argument"])
def test_example_passes_the_token_mask_on(keras, how):
    valid = np.array(SERIES) != 0
    given = {"mask": keras.tensor(valid)} if how == "as-written" else {}
    with refuted_by(TypeError, match=NO_MASK_ARGUMENT):
        output = keras.layers.Dense(4)(keras.layers.Masking()(series(keras), **given))
    mask = mask_of(keras, output)
    observe(f"the mask is {mask.tolist()}")
    assert same(mask, valid)


@claim("masking-layer.example-mended")
def test_example_with_an_axis_for_the_feature_passes_the_token_mask_on(keras):
    steps = keras.ops.expand_dims(series(keras), -1)
    output = keras.layers.Dense(4)(keras.layers.Masking()(steps))
    assert tuple(output.shape) == (2, 5, 4)
    assert same(mask_of(keras, output), np.array(SERIES) != 0)
