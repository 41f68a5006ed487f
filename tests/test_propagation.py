"""How a mask gets from the layer that makes it to the layers that use it.

Page: spec/propagation.md
"""

import re
from itertools import product

import numpy as np
import pytest

from maskspec import ALWAYS, Unavailable, case, claim, observe, refuted_by, require
from tests.support.builtin_layers import (
    consumer,
    one,
    reactions,
    stack,
    takes_mask,
)
from tests.support.consumers import ATTENTION_WORKS, NOT_3_0_0
from tests.support.layers import failure, mask_reader
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    once,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import BEFORE_KERAS_3, HAS_MULTI_HEAD, KERAS_3, SINCE_KERAS_3_4
from tests.support.sizes import functional_model, odd_sizes, padded_batches

SINCE_TF_2_3 = {"tf.keras": ">=2.3", "*": ""}
HAS_SPECTRAL = {"tf.keras": ">=2.13", "tf_keras": None, "*": ""}
BEFORE_KERAS_3_14 = {"keras": "<3.14", "*": ""}
TAKES_A_TENSOR = {"keras": ">=3.7", "*": ""}
OPTIONAL_INPUTS = {"tf_keras": ">=2.21", "keras": ">=3.4"}
MODELS = ("functional", "sequential")
BAD_SHAPES = "(?i)shapes|dimension|broadcast"


# --- helpers ------------------------------------------------------------------------------------


def ignores_padding(keras, mode, source, layers):
    """Whether the mean over time of what ``layers`` make of ``source`` leaves out the padding.

    ``predict`` is a functional model, asked by that method for batches of several sizes.
    """
    layers = [*layers, keras.layers.GlobalAveragePooling1D()]
    if mode == "predict":
        model = functional_model(keras, [embedding(keras), *layers])
        return not odd_sizes(model.predict_on_batch, padded_batches())
    if source.startswith("Embedding"):
        table = embedding(keras, mask_zero=source == "Embedding")
        return not depends_on_padding(compose(keras, mode, [table, *layers]), table)
    if source == "Masking":
        layers = [keras.layers.Masking(), *layers]
    run = compose(keras, mode, layers, ids=False)
    longer = np.pad(padded_features(), [(0, 0), (0, 3), (0, 0)])
    return same(run(padded_features()), run(longer))


def ignores_padding_unmasked(keras, source, between):
    """What ``ignores_padding`` says in eager mode if ``source`` makes no mask."""
    layers = layers_between(keras, between)
    return ignores_padding(keras, "eager", f"{source}-without-mask", layers)


def ignores_padding_masked(keras):
    """What ``ignores_padding`` says if there is nothing between the mask and its use."""
    return ignores_padding(keras, "eager", "Embedding", [])


def layers_between(keras, name):
    """The layers of ``stack``, or an unbuilt Sequential that begins with a layer using the mask."""
    if name == "nested-RNN":
        return [keras.Sequential([keras.layers.SimpleRNN(4, return_sequences=True)])]
    return stack(keras, name)


def in_float32(run):
    """``run``, whose results NumPy can compare with others; it has no bfloat16."""
    return lambda batch: run(batch).astype("float32")


def at_valid_steps(run):
    """``run``, without what it returns for padded timesteps, if it returns timesteps."""

    def valid(batch):
        result = run(batch)
        return result[valid_steps()] if result.ndim == 3 else result

    return valid


def mean_of_valid(keras):
    """A layer that cannot do without a mask: the mean over the valid timesteps."""

    class MeanOfValid(keras.layers.Layer):
        def call(self, inputs, mask=None):
            if mask is None:
                raise ValueError("this layer needs a mask")
            weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
            return keras.ops.sum(inputs * weights, axis=1) / keras.ops.sum(weights, axis=1)

    return MeanOfValid()


def raises_without_mask(run):
    try:
        run(padded_ids())
    except ValueError as error:
        return "needs a mask" in str(error)
    return False


def listener(keras):
    """A layer of one or two arguments that keeps in ``heard`` each mask that it gets."""

    class Listener(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.heard = []

        def call(self, inputs, other=None, mask=None):
            self.heard.append(mask)
            return first_tensor(inputs) * 1.0

    return Listener()


def first_tensor(nest):
    while isinstance(nest, (dict, list, tuple)):
        nest = list(nest.values())[0] if isinstance(nest, dict) else nest[0]
    return nest


def heard(keras, mode, call):
    """The mask that a listener gets from ``call(listener, a, b, c)``, by name: a, b or None.

    The three tensors are embeddings of two batches that are padded differently, and of one
    without a mask.
    """
    layer = listener(keras)
    batches = [keras.tensor(ids) for ids in (padded_ids(), padded_ids()[::-1].copy(), padded_ids())]
    inputs = [symbolic_batch(keras) for _ in batches] if mode == "functional" else batches
    makers = [embedding(keras), embedding(keras), embedding(keras, mask_zero=False)]
    tensors = [embed(ids) for embed, ids in zip(makers, inputs)]
    result = call(layer, *tensors)
    if mode == "functional":
        keras.Model(inputs, [result, *tensors])(batches)
    return by_name(keras, layer.heard[-1])


def by_name(keras, mask):
    if isinstance(mask, dict):
        return {key: by_name(keras, value) for key, value in mask.items()}
    if isinstance(mask, (list, tuple)):
        return [by_name(keras, value) for value in mask]
    if mask is None:
        return None
    known = {"a": valid_steps(), "b": valid_steps()[::-1]}
    return [name for name, steps in known.items() if same(keras.numpy(mask), steps)][0]


def error_of(run, *arguments):
    """The message of the exception that ``run`` raises, or an empty text."""
    try:
        run(*arguments)
    except Exception as error:
        return str(error)
    return ""


# --- in models ----------------------------------------------------------------------------------

SINCE = {  # the built-in layers below that not every release has
    "Conv1DTranspose": {"tf.keras": ">=2.3", "*": ""},
    "DepthwiseConv1D": {"tf.keras": ">=2.7", "*": ""},
    "EinsumDense": {"tf.keras": ">=2.10", "*": ""},
    "Identity": {"tf.keras": ">=2.12", "*": ""},
    "Normalization": {"tf.keras": ">=2.6", "*": ""},
    "Rescaling": {"tf.keras": ">=2.6", "*": ""},
    "RMSNormalization": {"keras": ">=3.9"},
}
STOPPING = [
    "Conv1D",
    "Conv1DTranspose",
    "DepthwiseConv1D",
    "SeparableConv1D",
    "AveragePooling1D",
    "MaxPooling1D",
    "EinsumDense",
    "Lambda",
    "Permute",
    "Reshape",
    "RMSNormalization",
]
CHANGING = {  # forward the mask only here
    "Identity": KERAS_3,
    "Normalization": KERAS_3,
    "ReLU": {"tf.keras": ">=2.5", "*": ""},
    "Rescaling": KERAS_3,
}


@claim(
    "propagation.automatic-in-models",
    instead=("propagation.unbuilt-sequential-gets-no-mask", "merging.joining-dropped-the-mask"),
)
@pytest.mark.parametrize(
    "mode, source, between",
    [
        *product(MODELS, ["Embedding", "Masking"], ["nothing", "Dense"]),
        *product(MODELS, ["Embedding"], ["five-layers", "nested-model"]),
        *product(["functional"], ["Embedding"], ["shared-layer", "SimpleRNN", "TimeDistributed"]),
        *product(["predict"], ["Embedding"], ["nothing", "five-layers", "SimpleRNN"]),
        case("functional", "Embedding", "nested-RNN", holds=SINCE_TF_2_3),
        case("sequential", "Embedding", "nested-RNN", holds=SINCE_TF_2_3),
        case("functional", "Embedding", "two-branches", holds=SINCE_KERAS_3_4),
    ],
)
def test_mask_propagates_through_models(keras, mode, source, between):
    control = once(ignores_padding_unmasked, keras, source, between)
    require(not control, "without a mask the padding shows")
    assert ignores_padding(keras, mode, source, layers_between(keras, between))


@claim(
    "propagation.unbuilt-sequential-gets-no-mask",
    holds={"tf.keras": "<2.3"},
)
@pytest.mark.parametrize("first", ["SimpleRNN", "GlobalAveragePooling1D"])
def test_unbuilt_sequential_gets_no_mask(keras, first):
    def nested(*layers):
        using = keras.layers.SimpleRNN(3) if first == "SimpleRNN" else consumer(keras, first)
        return [embedding(keras), keras.Sequential([*layers, using])]

    table, behind = nested(keras.layers.Dense(4))
    require(not depends_on_padding(compose(keras, "functional", [table, behind]), table), "Dense")
    table, inner = nested()
    assert depends_on_padding(compose(keras, "functional", [table, inner]), table), "it skips it"


@claim("propagation.some-layers-stop-the-mask")
@pytest.mark.parametrize("layer", [case(n, exists=SINCE.get(n, ALWAYS)) for n in STOPPING])
def test_some_layers_that_keep_the_time_axis_stop_the_mask(keras, layer):
    require(once(ignores_padding_masked, keras), "without the layer the mask arrives")
    made = stack(keras, layer)
    observe(f"supports_masking is {made[0].supports_masking}")
    assert not ignores_padding(keras, "eager", "Embedding", made)


@claim("propagation.layers-that-changed")
@pytest.mark.parametrize("layer", [case(n, exists=SINCE.get(n, ALWAYS)) for n in CHANGING])
def test_supports_masking_tells_what_changed(keras, layer):
    made = one(keras, layer)
    observe(f"supports_masking is {made.supports_masking}")
    assert ignores_padding(keras, "eager", "Embedding", [made]) == made.supports_masking


@claim("propagation.flag-does-not-tell")
@pytest.mark.parametrize(
    "layer",
    ["GlobalAveragePooling1D", "Dot", "LSTM", case("SpectralNormalization", exists=HAS_SPECTRAL)],
)
def test_supports_masking_does_not_tell_whether_there_is_a_mask(keras, layer):
    makers = {
        "Dot": lambda: keras.layers.Dot(axes=2),
        "LSTM": lambda: keras.layers.LSTM(3),
        "SpectralNormalization": lambda: keras.layers.SpectralNormalization(keras.layers.Dense(3)),
    }
    made = makers.get(layer, getattr(keras.layers, layer))()
    x = keras.carry(keras.tensor(padded_features()), valid_steps())
    x = [x, x] if layer == "Dot" else x
    if "InputSpec" in failure(made, x):
        raise Unavailable(f"{layer} cannot be built")
    carries = keras.mask_of(made(x)) is not None
    observe(f"{made.supports_masking}, {carries}")
    assert bool(made.supports_masking) != carries


def misses_the_mask(keras, run, own, dtype):
    """Whether ``run``, made for inputs of dtype ``own``, loses the mask of one of ``dtype``."""

    def notices_padding(dtype):
        batches = [keras.tensor(padded_features(p).astype(dtype)) for p in (2.0, -2.0)]
        high, low = (run(keras.carry(batch, valid_steps())) for batch in batches)
        return not same(keras.numpy(high), keras.numpy(low))

    require(not notices_padding(own), "an input of its own dtype brings its mask")
    return notices_padding(dtype)


@claim("propagation.cast-loses-the-mask", holds={"keras": "<3.14"})
@pytest.mark.parametrize("dtype, own", [("float16", "float32"), ("float32", "float16")])
def test_layer_that_casts_its_input_misses_the_mask(keras, dtype, own):
    layer = keras.layers.SimpleRNN(3, recurrent_initializer="ones", dtype=own)
    assert misses_the_mask(keras, layer, own, dtype), "the mask is used"


@claim("propagation.model-casts-the-mask-away", holds=BEFORE_KERAS_3_14)
def test_sequential_model_that_casts_its_input_misses_the_mask(keras):
    inputs, layer = keras.Input((None, 4), dtype="float32"), keras.layers.SimpleRNN(3)
    model = keras.Sequential([inputs, layer])
    assert misses_the_mask(keras, model, "float32", "float16"), "the mask is used"


@claim("propagation.input-of-another-rank-keeps-the-mask", holds=KERAS_3)
@pytest.mark.parametrize(
    "built, given", [((6, 4), (3, 6, 4, 1)), ((6, 1), (3, 6))], ids=["dropped", "added"]
)
def test_model_that_drops_or_adds_a_last_axis_uses_the_mask(keras, built, given):
    inputs = keras.Input(built)
    model = keras.Model(inputs, keras.layers.SimpleRNN(3, recurrent_initializer="ones")(inputs))

    def shows_padding(shape, mask):
        steps = np.linspace(0.1, 0.9, int(np.prod(shape)), dtype="float32").reshape(shape)
        other = steps.copy()
        other[~valid_steps()] = 2
        batches = [keras.carry(keras.tensor(x), mask) for x in (steps, other)]
        return not same(*[keras.numpy(model(batch)) for batch in batches])

    require(shows_padding(given, np.ones((3, 6), bool)), "without a mask the padding shows")
    require(not shows_padding((3, *built), valid_steps()), "with the built shape it does not")
    assert not shows_padding(given, valid_steps())


@claim("propagation.used-under-mixed-precision")
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("mode", MODELS)
def test_mask_is_used_where_all_layers_have_one_policy(keras, mode, policy):
    with keras.policy(policy):
        table, unmasked = embedding(keras), embedding(keras, mask_zero=False)
        last = [keras.layers.SimpleRNN(3), keras.layers.Dense(2)]
        control = in_float32(compose(keras, "eager", [unmasked, *last]))
        require(depends_on_padding(control, unmasked), "without a mask the padding shows")
        model = in_float32(compose(keras, mode, [table, *last]))
        assert not depends_on_padding(model, table)


@claim("propagation.lstm-examples")
@pytest.mark.parametrize("mode", MODELS)
def test_lstm_in_a_model_ignores_padded_values(keras, mode):
    table = keras.layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)
    unmasked = keras.layers.Embedding(input_dim=5000, output_dim=16)
    lstm = keras.layers.LSTM(32)
    control = compose(keras, "eager", [unmasked, lstm])
    require(depends_on_padding(control, unmasked), "without a mask the padding shows")
    model = compose(keras, mode, [table, lstm])
    assert model(padded_ids()).shape == (3, 32)
    assert not depends_on_padding(model, table)


@claim("propagation.dense-forwards-the-mask")
@pytest.mark.parametrize("mode", ["eager", *MODELS])
@pytest.mark.parametrize("units", [1, 3])
def test_dense_hands_the_mask_to_a_layer_that_needs_it(keras, mode, units):
    dense, needy = keras.layers.Dense(units), mean_of_valid(keras)
    unmasked = embedding(keras, mask_zero=False)
    control = compose(keras, "eager", [unmasked, dense, needy])
    require(raises_without_mask(control), "the last layer needs a mask")
    table = embedding(keras)
    with refuted_by(ValueError, match="needs a mask"):
        result = depends_on_padding(compose(keras, mode, [table, dense, needy]), table)
    assert not result


# --- who gets it --------------------------------------------------------------------------------


def notices_padding(keras, mode, layer, mask_zero=True):
    table = embedding(keras, mask_zero=mask_zero)
    run = compose(keras, mode, [table, consumer(keras, layer)])
    return depends_on_padding(at_valid_steps(run), table)


@claim(
    "propagation.reaches-any-capable-layer",
    instead=("consumption.attention-mask", "consumption.attention-breaks-on-a-mask"),
)
@pytest.mark.parametrize(
    "layer",
    [
        "SimpleRNN",
        "RNN",
        "Bidirectional",
        "GlobalAveragePooling1D",
        case("BatchNormalization", exists={"tf.keras": ">=2.12", "*": ""}, holds=NOT_3_0_0),
        case("Attention", holds=ATTENTION_WORKS),
        case("AdditiveAttention", holds=ATTENTION_WORKS),
        case("MultiHeadAttention", exists=HAS_MULTI_HEAD, holds={"tf.keras": ">=2.10", "*": ""}),
        case("GroupQueryAttention", exists=KERAS_3),
    ],
)
def test_mask_reaches_layers_that_can_use_it(keras, layer):
    require(notices_padding(keras, "eager", layer, mask_zero=False), "the padding shows unmasked")
    with refuted_by(Exception, match=f"{BAD_SHAPES}|KerasTensor (cannot be used|is symbolic)"):
        result = notices_padding(keras, "functional", layer)
    assert not result


@claim("propagation.mask-that-does-not-fit")
@pytest.mark.parametrize(
    "layer",
    [
        case("Softmax", exists={"tf.keras": ">=2.4", "*": ""}),
        case("GroupNormalization", exists={"tf.keras": ">=2.14", "tf_keras": ""}),
    ],
)
def test_some_layers_refuse_the_mask_of_a_sequence(keras, layer):
    arguments = (2,) if layer == "GroupNormalization" else ()
    made = takes_mask(getattr(keras.layers, layer)(*arguments))
    require(not error_of(made, keras.tensor(padded_features())), "without a mask it works")
    message = error_of(made, embedding(keras)(keras.tensor(padded_ids())))
    assert re.search(BAD_SHAPES, message)


CALLS = {
    "one-tensor": (lambda layer, a, b, c: layer(a), "a"),
    "list": (lambda layer, a, b, c: layer([a, b]), ["a", "b"]),
    "half-masked-list": (lambda layer, a, b, c: layer([c, b]), [None, "b"]),
    "nested-list": (lambda layer, a, b, c: layer([[a, c], b]), [["a", None], "b"]),
    "dict": (lambda layer, a, b, c: layer({"x": a, "y": b}), {"x": "a", "y": "b"}),
    "two-arguments": (lambda layer, a, b, c: layer(a, b), "a"),
}


def unmasked_alone(layer, a, b, c):
    return layer(c)


@claim("propagation.mask-of-the-input-is-passed", instead="custom-layers.mask-goes-by-name")
@pytest.mark.parametrize(
    "mode, inputs",
    [
        *product(["eager", "functional"], ["one-tensor", "list", "dict"]),
        *product(["eager"], ["half-masked-list", "nested-list"]),
        case("functional", "half-masked-list", holds=SINCE_KERAS_3_4),
        case("functional", "nested-list", holds=SINCE_KERAS_3_4),
        case("eager", "two-arguments", holds=BEFORE_KERAS_3),
        case("functional", "two-arguments", holds=BEFORE_KERAS_3),
    ],
)
def test_mask_of_the_input_is_passed(keras, mode, inputs):
    require(once(heard, keras, "eager", CALLS["one-tensor"][0]) == "a", "one tensor: it is passed")
    require(once(heard, keras, "eager", unmasked_alone) is None, "c carries no mask")
    call, expected = CALLS[inputs]
    with refuted_by(ValueError, match="cannot mix tensors and non-tensors"):
        mask = heard(keras, mode, call)
    observe(f"mask is {mask}")
    assert mask == expected


def notices_padding_with_mask_none(keras, mode):
    table, rnn = embedding(keras), keras.layers.SimpleRNN(3)
    other = embedding(keras)
    require(not depends_on_padding(compose(keras, "eager", [other, rnn]), other), "the mask works")
    return depends_on_padding(compose(keras, mode, [table, lambda x: rnn(x, mask=None)]), table)


@claim("propagation.none-is-no-mask-given", holds=KERAS_3)
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_none_leaves_the_automatic_mask_on(keras, mode):
    assert not notices_padding_with_mask_none(keras, mode), "the mask is not used"


# --- layers that join or change time ------------------------------------------------------------


@claim("propagation.most-layers-keep-time")
def test_most_layers_leave_the_time_dimension_alone(keras):
    found = reactions(keras)
    kept = [name for name, words in found.items() if "keeps time" in words]
    observe(f"{len(kept)} of {len(found)} built-in layers keep it")
    assert len(kept) > len(found) - len(kept)


# --- functional models --------------------------------------------------------------------------


def counting_layer(keras):
    """A layer that changes nothing, passes a mask on, and counts its calls."""

    class CountingLayer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True
            self.calls = 0

        def call(self, inputs):
            self.calls += 1
            return inputs * 1.0

    return CountingLayer()


@claim("propagation.functional-computes-each-layer-once")
@pytest.mark.parametrize("kind", ["functional", "sequential", "sequential-built-by-its-call"])
@pytest.mark.parametrize("mask", ["masked", "unmasked"])
def test_model_computes_outputs_and_masks_in_one_pass(keras, kind, mask):
    layer, inputs = counting_layer(keras), keras.Input((6, 4))
    model = {
        "functional": lambda: keras.Model(inputs, layer(inputs)),
        "sequential": lambda: keras.Sequential([keras.Input((6, 4)), layer]),
        "sequential-built-by-its-call": lambda: keras.Sequential([layer]),
    }[kind]()
    x = keras.tensor(padded_features())
    model(x)
    layer.calls = 0
    output = model(keras.carry(x, valid_steps()) if mask == "masked" else x)
    require(same(keras.numpy(output), padded_features()), "the output is that of the layer")
    require((keras.mask_of(output) is not None) == (mask == "masked"), "the model passes a mask on")
    assert layer.calls == 1


@claim("propagation.input-of-a-tensor-keeps-the-mask", holds=KERAS_3, exists=TAKES_A_TENSOR)
def test_input_made_of_a_tensor_keeps_the_mask_of_it(keras):
    masked = keras.layers.Masking()(keras.Input((6, 4)))
    require(keras.mask_of(masked) is not None, "the tensor has a mask")
    try:
        entry = keras.Input(tensor=masked)
    except ValueError as error:
        require("must pass a `shape`" in str(error), "the argument has no use there")
        raise Unavailable("Input takes no tensor") from error
    assert keras.mask_of(entry) is not None
    assert keras.mask_of(masked) is not None


@claim("propagation.functional-computes-the-mask-it-is-asked-for", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("inputs", ["one", "two-and-the-second-masked"])
def test_functional_model_computes_the_masks_of_its_outputs(keras, inputs):
    class Turned(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 1.0

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else keras.ops.logical_not(mask)

    count = 1 if inputs == "one" else 2
    entries = [keras.Input((6, 4)) for _ in range(count)]
    model = keras.Model(entries, [Turned()(entry) for entry in entries])
    masks = [None] * (count - 1) + [keras.tensor(valid_steps())]
    found = model.compute_mask([keras.tensor(padded_features()) for _ in masks], masks)
    found = found if isinstance(found, (list, tuple)) else [found]
    require(len(found) == count and all(mask is None for mask in found[:-1]), "one an output")
    shown = keras.numpy(found[-1])
    require(same(shown, valid_steps()) or same(shown, ~valid_steps()), "one of the two")
    assert same(shown, ~valid_steps())


@claim("propagation.functional-call-takes-masks-away", holds=BEFORE_KERAS_3)
@pytest.mark.parametrize("inputs", ["one", "two"])
def test_method_call_of_a_functional_model_takes_masks_away(keras, inputs):
    entries = [keras.Input((6, 4)) for _ in range(1 if inputs == "one" else 2)]
    model = keras.Model(entries, [mask_reader(keras)(entry) for entry in entries])

    def shown(run):
        steps = [keras.tensor(padded_features()) for _ in entries]
        found = run([keras.carry(x, valid_steps()) for x in steps])
        return keras.numpy(found[-1] if isinstance(found, (list, tuple)) else found)

    require(same(shown(model), valid_steps()), "the model itself uses the mask")
    assert (shown(model.call) == -1).all()


@claim("propagation.optional-input-may-be-none-beside-a-mask", exists=OPTIONAL_INPUTS)
def test_none_for_an_optional_input_leaves_the_mask_of_the_other(keras):
    class Reader(keras.layers.Layer):
        def call(self, inputs, other=None, mask=None):
            shown = keras.ops.zeros_like(inputs[..., 0]) - 1.0
            return shown if mask is None else keras.ops.cast(mask, "float32")

    first = keras.Input((6, 4))
    try:
        second = keras.Input((6, 4), optional=True)
    except (TypeError, ValueError) as error:
        raise Unavailable("there are no optional inputs") from error
    model = keras.Model([first, second], Reader()(first, second))
    batch = keras.carry(keras.tensor(padded_features()), valid_steps())
    require((keras.numpy(model([batch * 1.0, None])) == -1).all(), "without a mask it works")
    assert same(keras.numpy(model([batch, None])), valid_steps())
