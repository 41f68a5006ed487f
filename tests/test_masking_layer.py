"""The `Masking` layer by itself: its mask, the values it returns, and what it is given.

Page: spec/masking-layer.md
"""

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.layers import mask_reader, masked_by
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    once,
    padded_features,
    padded_ids,
    same,
    spy,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, KERAS_3, NOT_ON_JAX

IN_KERAS_3_ON_TENSORFLOW = {"keras": "", "keras/jax": None, "keras/torch": None}
HAS_POLICIES = {"tf.keras": ">=2.4", "*": ""}
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
        "SimpleRNN": lambda: layers.SimpleRNN(3),
        "Conv1D": lambda: layers.Conv1D(4, 1),
    }
    return made[name]() if name in made else getattr(layers, name)()


# --- the mask ----------------------------------------------------------------------------------


@claim("masking-layer.right-mask")
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
)
def test_fraction_as_mask_value_is_missed_in_float64(keras):
    features = np.full((1, 2, 4), 0.1, "float64")
    single = keras.layers.Masking(mask_value=0.1)(keras.tensor(features.astype("float32")))
    require(not mask_of(keras, single).any(), "in float32 each step is masked")
    double = keras.layers.Masking(mask_value=0.1, dtype="float64")(keras.tensor(features))
    assert mask_of(keras, double).all(), "float64 is masked as well"


@claim("masking-layer.fraction-missed-in-mixed-precision", exists=HAS_POLICIES)
@pytest.mark.parametrize(
    "policy",
    [
        case("float16", holds=IN_KERAS_3_ON_TENSORFLOW),
        case("mixed_float16", holds=IN_KERAS_3_ON_TENSORFLOW),
        case("mixed_bfloat16", holds=IN_KERAS_3_ON_TENSORFLOW, exists=NOT_ON_JAX),
    ],
)
def test_fraction_as_mask_value_is_missed_in_mixed_precision(keras, policy):
    if "bfloat16" in policy and keras.backend_name == "jax":
        raise Unavailable("it depends on the version of JAX, not of Keras")
    policy = keras.mixed_precision.Policy(policy)
    fractions, halves = (keras.tensor(np.full((1, 2, 4), v, "float32")) for v in (0.1, 0.5))
    half = keras.layers.Masking(mask_value=0.5, dtype=policy)(halves)
    require(not mask_of(keras, half).any(), "0.5 is found")
    tenth = keras.layers.Masking(mask_value=0.1, dtype=policy)(fractions)
    assert mask_of(keras, tenth).all(), "0.1 is found"


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


@claim("masking-layer.returns-a-mask")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_masking_returns_a_mask_beside_its_features(keras, mode):
    layers = [keras.layers.Masking(), mask_reader(keras)]
    assert same(compose(keras, mode, layers, ids=False)(padded_features()), valid_steps())


@claim("masking-layer.overwrites-masked-steps")
@pytest.mark.parametrize(
    "mask_value, mode", [(-1.0, "eager"), (0.5, "eager"), (-1.0, "functional")]
)
def test_masking_overwrites_masked_values_with_a_fixed_value(keras, mask_value, mode):
    features = partly(mask_value)
    seen = returned(keras, mode, features, mask_value=mask_value)
    written = np.unique(seen[~valid_steps()])
    assert len(written) == 1 and written[0] != mask_value


@claim(
    "masking-layer.written-value-can-be-set",
    holds=NEVER,
    instead="masking-layer.zero-whatever-the-value",
)
def test_written_value_is_not_always_zero(keras):
    written = set()
    for value in (0.0, -1.0, 0.5):
        seen = returned(keras, "eager", padded_features(value), mask_value=value)
        written.update(seen[~valid_steps()].ravel().tolist())
    observe(f"written: {sorted(written)}")
    require(0.0 in written, "0 is written")
    assert written != {0.0}, "nothing but 0 is written"


@claim("masking-layer.zero-whatever-the-value")
@pytest.mark.parametrize(
    "mask_value, mode", [(0.0, "eager"), (-1.0, "eager"), (0.5, "eager"), (-1.0, "functional")]
)
def test_masking_writes_zeros_and_leaves_other_steps(keras, mask_value, mode):
    features = partly(mask_value)
    seen = returned(keras, mode, features, mask_value=mask_value)
    assert (seen[~valid_steps()] == 0).all()
    assert (seen[valid_steps()] == features[valid_steps()]).all()


@claim("masking-layer.infinity-becomes-nan", holds={**BEFORE_KERAS_3, "keras": "<3.15"})
@pytest.mark.parametrize("mask_value", ["inf", "-inf"])
def test_infinite_mask_value_becomes_nan(keras, mask_value):
    value = float(mask_value)
    seen = returned(keras, "eager", padded_features(value), mask_value=value)[~valid_steps()]
    require(np.isnan(seen).all() or (seen == 0).all(), "it writes NaN or 0")
    assert np.isnan(seen).all(), "it writes 0"


@claim("masking-layer.infinity-trains-to-nan", holds={**BEFORE_KERAS_3, "keras": "<3.15"})
def test_infinite_mask_value_makes_nan_of_weights_and_not_of_results(keras):
    padded = padded_features(float("inf"))
    layers = [keras.layers.Masking(float("inf")), keras.layers.SimpleRNN(3)]
    model = keras.Sequential([keras.Input((None, 4)), *layers])
    model.compile("sgd", "mse", run_eagerly=True)
    require(np.isfinite(model.predict_on_batch(padded)).all(), "the results are numbers")
    model.train_on_batch(padded, np.ones((3, 3), "float32"))
    weights = np.concatenate([w.ravel() for w in model.get_weights()])
    assert np.isnan(weights).any(), "the weights are numbers"


# --- token ids ---------------------------------------------------------------------------------


@claim(
    "masking-layer.takes-ids",
    holds=KERAS_3,
    instead="generation.masking-default-refuses-integers",
)
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
def test_masking_can_be_first_on_a_batch_of_ids(keras, mode):
    ids = padded_ids().astype("int64")  # what np.random.randint makes
    with refuted_by(TypeError, match="0.0"):
        seen = compose(keras, mode, [keras.layers.Masking(mask_value=0.0)])(ids)
    assert same(seen, ids)


@claim("masking-layer.per-token-mask", holds=NEVER, instead="shape.masking-drops-last-axis")
@pytest.mark.parametrize("batch", ["ids-as-floats", "series-as-features"])
def test_masking_of_a_batch_without_features_masks_each_token(keras, batch):
    ids = padded_ids() if batch == "ids-as-floats" else np.array(SERIES)
    mask = mask_of(keras, keras.layers.Masking()(keras.tensor(ids.astype("float32"))))
    observe(f"shape {mask.shape}: {mask.tolist()}")
    assert same(mask, ids != 0)


def notices_padding_unmasked(keras):
    """Whether the padding shows behind an embedding without a mask and an RNN."""
    ids = embedding(keras, mask_zero=False)
    return depends_on_padding(compose(keras, "eager", [ids, keras.layers.SimpleRNN(3)]), ids)


@claim(
    "masking-layer.valid-before-embedding",
    holds=KERAS_3,
    instead="generation.masking-default-refuses-integers",
)
@pytest.mark.parametrize("mode", ["eager", "functional", "sequential"])
def test_masking_before_an_embedding_sets_up_the_mask(keras, mode):
    require(once(notices_padding_unmasked, keras), "without a mask the padding shows")
    ids, rnn = embedding(keras), keras.layers.SimpleRNN(3)
    with refuted_by(TypeError, match="0.0"):
        run = compose(keras, mode, [keras.layers.Masking(mask_value=0.0), ids, rnn])
        run(padded_ids())
    assert not depends_on_padding(run, ids)


@claim("masking-layer.idle-before-embedding")
@pytest.mark.parametrize("mask_zero", [True, False])
def test_masking_before_an_embedding_changes_nothing(keras, mask_zero):
    ids = keras.tensor(np.concatenate([padded_ids(), np.zeros((1, 6), "int32")]))
    table = embedding(keras, mask_zero=mask_zero)
    masked = keras.layers.Masking(mask_value=0)(ids)
    require(keras.mask_of(masked) is not None, "Masking makes a mask")
    alone, stacked = table(ids), table(masked)
    assert same(keras.numpy(stacked), keras.numpy(alone))
    if mask_zero:
        assert same(mask_of(keras, stacked), mask_of(keras, alone))
    else:
        assert keras.mask_of(stacked) is None


# --- images over time ---------------------------------------------------------------------------


def films():
    """Two films of four frames of 6 x 6 pixels: two frames of one are padding, the other has one
    pixel that is black (0) in every frame."""
    pixels = np.random.RandomState(3).uniform(0.1, 1, (2, 4, 6, 6, 1)).astype("float32")
    pixels[0, 2:], pixels[1, :, 2, 3] = 0, 0
    return pixels


@claim("masking-layer.masks-single-pixels")
def test_masking_masks_single_pixels_of_images_over_time(keras):
    mask = mask_of(keras, keras.layers.Masking()(keras.tensor(films())))
    assert mask.shape == (2, 4, 6, 6) and same(mask, films()[..., 0] != 0)


@claim("masking-layer.conv-lstm-misreads-pixels")
@pytest.mark.parametrize("padding", [case("same", holds=NOT_ON_JAX), case("valid", holds=NEVER)])
def test_conv_lstm_holds_a_black_pixel_of_a_film_without_padding(keras, padding):
    layer, steps = keras.layers.ConvLSTM2D(3, 3, padding=padding), keras.tensor(films())
    unmasked = keras.numpy(layer(steps))[1, 2, 3]
    require((unmasked != 0).all(), "without a mask the pixel gets a result")
    with refuted_by(Exception, match="(?i)broadcast|size of tensor"):
        result = keras.numpy(layer(keras.layers.Masking()(steps)))
    assert (result[1, 2, 3] == 0).all(), "the pixel gets a result"


@claim("masking-layer.conv-lstm-takes-a-mask-of-frames", holds=NOT_ON_JAX)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_conv_lstm_skips_frames_under_a_mask_of_frames(keras, padding):
    layer, steps = keras.layers.ConvLSTM2D(3, 3, padding=padding), keras.tensor(films())
    frames = keras.tensor(films().any(axis=(2, 3, 4)))
    shortened = keras.numpy(layer(keras.tensor(films()[:1, :2])))
    require(not same(keras.numpy(layer(steps))[:1], shortened), "without a mask the padding shows")
    with refuted_by(ValueError, match="(?i)broadcast"):
        result = keras.numpy(layer(steps, mask=frames))
    assert same(result[:1], shortened)


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
    holds=NEVER,
    instead=("generation.embedding", "generation.compute-mask-is-a-way"),
)
@pytest.mark.parametrize("without", ["Embedding", "own-compute_mask"])
def test_without_masking_the_output_has_no_mask(keras, without):
    features = keras.tensor(padded_features())
    require(keras.mask_of(keras.layers.Masking()(features)) is not None, "Masking makes a mask")
    if without == "Embedding":
        output = embedding(keras)(keras.tensor(padded_ids()))
    else:
        output = masked_by(keras, lambda inputs, mask: inputs[..., 0] > 0)(features)
    assert keras.mask_of(output) is None, f"{without} makes a mask"


@claim(
    "masking-layer.guarantees-a-mask",
    holds=NEVER,
    instead=(
        "masking-layer.mask-ends-with-the-time-axis",
        "propagation.some-layers-stop-the-mask",
    ),
)
@pytest.mark.parametrize("name", ["SimpleRNN", "GlobalAveragePooling1D", "Flatten", "Conv1D"])
def test_masking_guarantees_a_mask_on_the_output(keras, name):
    steps = keras.layers.Masking()(keras.tensor(padded_features()))
    require(keras.mask_of(steps) is not None, "Masking makes a mask")
    output = behind(keras, name)(steps)
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
    require(keras.mask_of(steps) is not None, "Masking makes a mask")
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
