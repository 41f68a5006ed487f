"""The three examples of the document about the Node error, rebuilt, run and mended as it says.

Page: spec/node-examples.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, case, claim, observe, refuted_by, require
from tests.support.layers import custom_layer, failure
from tests.support.packages import MESSAGE, feed, files
from tests.support.probes import compose, depends_on_padding, embedding, padded_ids, same

STANDALONE = {"standalone": ""}
TWO_IMPORTS = {"keras/jax": None, "keras/torch": None, "tf.keras": ">=2.5", "*": ""}
WIDE = "glorot_uniform"  # vectors of size 1, so that one step more or less shows in the result
DROPS_ARRAYS = {"tf.keras": "<2.7"}
REFUSES_ARRAYS = {"tf.keras": ">=2.7", "*": ""}
ARRAYS = ("node-examples.two-arrays-refused", "node-examples.second-array-dropped")
IDS = np.array([[1, 2, 3, 0], [4, 5, 6, 7]])  # what matters of the examples, in small
VALID = IDS != 0
OTHER_PADDING = np.array([[1, 2, 3, 9], [4, 5, 6, 7]])
TARGETS = np.array([[0.25], [0.75]])


def two_imports(keras):
    """What ``from tensorflow import keras`` and ``from keras import layers`` give."""
    if keras.backend_name != "tensorflow":
        raise Unavailable("there is no tensorflow.keras on this backend")
    return keras.package("tensorflow.keras"), keras.package("keras")


def first(keras, layers=None, *, mask_zero=False):
    """The model of the first example; with ``mask_zero``, of the third. Small, no LSTM: cheap."""
    layers = layers or keras.layers
    return keras.Sequential(
        [
            layers.Embedding(10, 3, embeddings_initializer=WIDE, mask_zero=mask_zero),
            layers.SimpleRNN(2),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def second(keras, *, corrected=False):
    """The model of the second example: a custom layer, which handles no mask, or the mask."""

    class Corrected(type(custom_layer(keras))):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def compute_mask(self, inputs, mask=None):
            return mask

    return keras.Sequential(
        [
            keras.layers.Masking(mask_value=0.0),
            keras.layers.Embedding(10, 3, mask_zero=True),
            Corrected() if corrected else custom_layer(keras),
            keras.layers.SimpleRNN(2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def fit(keras, model, inputs, *, epoch=False):
    """Compile and train on one batch, or for an epoch; the loss."""
    eagerly = {} if keras.implementation == "standalone" else {"run_eagerly": True}
    model.compile(optimizer="adam", loss="binary_crossentropy", **eagerly)
    if epoch:
        return model.fit(inputs, TARGETS, verbose=0).history["loss"][0]
    return model.train_on_batch(inputs, TARGETS)


def inputs_of(kind):
    """What the second example is fitted with."""
    return {"two-arrays": [IDS, VALID * 1], "ids": IDS, "floats": IDS.astype("float32")}[kind]


# --- imports and backend -----------------------------------------------------------------------


@claim(
    "node-examples.two-imports-work",
    {"standalone": None, "*": ""},
    instead="node-error.sequential-refuses-foreign-layers",
    exists=TWO_IMPORTS,
    standalone=True,
)
def test_keras_of_tensorflow_and_layers_of_keras_make_a_model(keras):
    package, other = two_imports(keras)
    observe("two packages" if package.Model is not other.Model else "one package")
    with refuted_by(TypeError, match="must be an instance of class Layer"):
        model = first(package, other.layers)
    model(IDS)
    assert len(model.trainable_weights) == 6


@claim("node-examples.tensorflow-or-theano", instead="node-examples.no-theano", standalone=True)
@pytest.mark.parametrize(
    "which",
    [
        case("in-use", holds={"keras/jax": None, "keras/torch": None, "*": ""}),
        case("theano", holds=STANDALONE),
    ],
)
def test_backend_is_tensorflow_or_theano(keras, which):
    if which == "in-use":
        observe(keras.backend.backend())
        assert keras.backend.backend() in ("tensorflow", "theano")
    else:
        assert any("theano" in file.name for file in files(keras))


@claim(
    "node-examples.no-theano",
    {"standalone": None, "*": ""},
    instead="node-examples.tensorflow-or-theano",
    standalone=True,
)
def test_backend_is_tensorflow_jax_or_torch_and_theano_is_gone(keras):
    assert keras.backend.backend() in ("tensorflow", "jax", "torch")
    assert not any("theano" in file.name for file in files(keras))


# --- data and model ----------------------------------------------------------------------------


@claim("node-examples.data")
@pytest.mark.parametrize("array, values", [("ids", 10), ("mask", 2)])
def test_random_integers_are_ten_sequences_of_twenty(keras, array, values):
    drawn = np.random.RandomState(5).randint(0, values, size=(10, 20))
    assert drawn.shape == (10, 20) and drawn.dtype.kind == "i"
    assert sorted(set(drawn.ravel().tolist())) == list(range(values))


@claim("node-examples.model")
def test_model_compiles_and_gives_one_value_between_0_and_1(keras):
    embed, rnn = keras.layers.Embedding(10, 128), keras.layers.LSTM(64)
    model = keras.Sequential([embed, rnn, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    ids = np.random.RandomState(5).randint(0, 10, size=(10, 20))
    values = keras.numpy(model(keras.tensor(ids)))
    assert values.shape == (10, 1)
    assert ((values > 0) & (values < 1)).all()


@claim("node-examples.mask-is-obligatory", NEVER, instead="consumption.masking-tells-the-model")
@pytest.mark.parametrize("what_for", ["to-run", "to-ignore-padding"])
def test_sequence_model_needs_a_mask_beside_its_input(keras, what_for):
    ids = embedding(keras, mask_zero=what_for == "to-ignore-padding")
    run = compose(keras, "sequential", [ids, keras.layers.SimpleRNN(2)])
    if what_for == "to-run":
        assert failure(run, padded_ids())
    else:
        assert depends_on_padding(run, ids)


@claim("node-examples.unmasked-is-wrong", instead="node-examples.nothing-to-mask")
@pytest.mark.parametrize("ids", ["padded", case("of-one-length", holds=NEVER)])
def test_result_without_a_mask_is_wrong(keras, ids):
    layers = [embedding(keras), keras.layers.SimpleRNN(2)]
    run, shorter = compose(keras, "eager", layers), np.array([[7, 6, 3]])
    right = run(shorter)  # with a mask, and nothing padded
    layers[0].mask_zero = False
    assert not same(run(padded_ids()[:1] if ids == "padded" else shorter), right)


@claim("node-examples.nothing-to-mask")
@pytest.mark.parametrize("layer", ["SimpleRNN", "GlobalAveragePooling1D"])
def test_mask_changes_nothing_where_nothing_is_padded(keras, layer):
    ids, kind = embedding(keras), getattr(keras.layers, layer)
    run = compose(keras, "eager", [ids, kind() if layer.startswith("Global") else kind(2)])
    masked, masked_short = run(padded_ids()), run(padded_ids()[2:])
    ids.mask_zero = False
    require(not same(masked, run(padded_ids())), "where something is padded, it changes the result")
    assert same(masked_short, run(padded_ids()[2:]))


# --- the first example: no mask ----------------------------------------------------------------


@claim("node-examples.first-fails", NEVER, instead="node-examples.first-trains", standalone=True)
def test_first_example_fails_with_a_masking_error(keras):
    found = failure(lambda: fit(keras, first(keras), IDS, epoch=True))
    assert MESSAGE in found or re.search("mask", found)


@claim("node-examples.first-trains", standalone=True)
def test_first_example_trains(keras):
    assert 0 < fit(keras, first(keras), IDS, epoch=True) < 5


@claim("node-examples.first-fixed-by-mask", instead=ARRAYS, standalone=True)
@pytest.mark.parametrize(
    "way", [case("second-array", holds=NEVER), case("mask-argument", holds=NEVER), "two-inputs"]
)
def test_first_example_is_fixed_by_a_mask_beside_the_ids(keras, way):
    plain = first(keras)
    results = [keras.numpy(feed(keras, plain, ids)) for ids in (IDS, OTHER_PADDING)]
    require(not same(*results), "the padding counts without a mask")
    if way == "second-array":
        model = first(keras)
        found = failure(fit, keras, model, [IDS, VALID])
        observe(found.partition(":")[0])
        assert not found
    else:
        model = with_mask_input(keras, way)
    results = [keras.numpy(feed(keras, model, [ids, VALID])) for ids in (IDS, OTHER_PADDING)]
    assert same(*results)


@claim("node-examples.mask-argument-lost", standalone=True)
def test_mask_argument_of_a_sequential_model_does_not_get_past_its_embedding(keras):
    model = with_mask_input(keras, "mask-argument")
    results = [keras.numpy(feed(keras, model, [IDS, mask])) for mask in (VALID, ~VALID)]
    assert same(*results)


def with_mask_input(keras, way):
    """The first example with the mask as an input of its own, handed to all layers or the RNN."""
    ids, mask = keras.Input(shape=(4,), dtype="int32"), keras.Input(shape=(4,), dtype="bool")
    if way == "mask-argument":
        return keras.Model([ids, mask], first(keras)(ids, mask=mask))
    vectors = keras.layers.Embedding(10, 3, embeddings_initializer=WIDE)(ids)
    state = keras.layers.SimpleRNN(2)(vectors, mask=mask)
    return keras.Model([ids, mask], keras.layers.Dense(1, activation="sigmoid")(state))


@claim(
    "node-examples.two-arrays-refused",
    REFUSES_ARRAYS,
    instead="node-examples.second-array-dropped",
    standalone=True,
)
def test_sequential_model_refuses_a_second_array(keras):
    found = failure(fit, keras, first(keras), [IDS, VALID])
    observe(found.partition(":")[0])
    assert found and MESSAGE not in found


@claim(
    "node-examples.second-array-dropped", DROPS_ARRAYS, instead="node-examples.two-arrays-refused"
)
def test_sequential_model_drops_a_second_array(keras):
    model = first(keras, mask_zero=True)
    with refuted_by(ValueError, AttributeError, RuntimeError):
        fit(keras, model, [IDS, VALID])
    results = [model.predict_on_batch(x) for x in (IDS, [IDS, VALID], [IDS, ~VALID])]
    assert same(results[0], results[1]) and same(results[0], results[2])


# --- the second example: a custom layer --------------------------------------------------------


@claim("node-examples.second-fails", standalone=True)
def test_second_example_fails(keras):
    found = failure(lambda: fit(keras, second(keras), inputs_of("two-arrays"), epoch=True))
    observe(found.partition(":")[0])
    assert found


@claim("node-examples.second-fails-for-the-custom-layer", instead=ARRAYS, standalone=True)
@pytest.mark.parametrize("inputs", [case("two-arrays", holds=NEVER), case("ids", holds=STANDALONE)])
def test_second_example_fails_because_of_the_custom_layer(keras, inputs):
    found = failure(fit, keras, second(keras), inputs_of(inputs))
    corrected = failure(fit, keras, second(keras, corrected=True), inputs_of(inputs))
    observe(f"{found.partition(':')[0]}; corrected {corrected.partition(':')[0]}")
    assert found and not corrected


@claim(
    "node-examples.second-works-corrected",
    instead=(*ARRAYS, "generation.masking-default-refuses-integers"),
    standalone=True,
)
@pytest.mark.parametrize(
    "inputs",
    [
        case("two-arrays", holds=NEVER),
        case("ids", holds={"tf.keras": None, "tf_keras": None, "*": ""}),
        "floats",
    ],
)
def test_corrected_layer_makes_the_second_example_work(keras, inputs):
    found = failure(fit, keras, second(keras, corrected=True), inputs_of(inputs))
    observe(found.partition(":")[0])
    assert not found


# --- the third example: another mask -----------------------------------------------------------


@claim("node-examples.third-not-the-error", standalone=True)
def test_third_example_does_not_raise_the_error(keras):
    found = failure(fit, keras, first(keras, mask_zero=True), [IDS, np.ones(IDS.shape)])
    assert MESSAGE not in found


@claim("node-examples.third-fails-for-the-wrong-mask", NEVER, instead=ARRAYS, standalone=True)
def test_third_example_has_trouble_because_its_mask_is_wrong(keras):
    masks = {"all ones": np.ones(IDS.shape), "right": VALID * 1.0}
    found = {
        name: failure(fit, keras, first(keras, mask_zero=True), [IDS, mask])
        for name, mask in masks.items()
    }
    observe(", ".join(f"{k}: {v.partition(':')[0] or 'no error'}" for k, v in found.items()))
    assert found["all ones"] and not found["right"]
