"""The three examples of the document about the Node error, rebuilt, run and mended as it says.

Page: spec/node-examples.md
"""

import re

import numpy as np
import pytest

from maskspec import NEVER, Unavailable, claim, observe, refuted_by, require
from tests.support.layers import custom_layer, failure
from tests.support.packages import MESSAGE, feed, files
from tests.support.probes import (
    compose,
    depends_on_padding,
    embedding,
    padded_ids,
    redraw_padding,
    same,
)

STANDALONE = {"standalone": ""}
BOTH_IMPORTS = {  # on tf_keras, TF_USE_LEGACY_KERAS=1 makes it tensorflow.keras since TF 2.15
    "keras/jax": None,
    "keras/torch": None,
    "tf.keras": ">=2.5",
    "tf_keras": ">=2.15",
    "*": "",
}
AS_PRINTED = {"input_length": 4}  # an argument of Embedding
WIDE = "glorot_uniform"  # vectors of size 1, so that one step more or less shows in the result
REFUSED = (
    "expects 1 input|Expected to see 1 array|'list' object has no attribute|"
    "Unable to automatically build"
)
SECOND_FAILS = {  # with what, on which implementation
    "standalone": "AssertionError: $",
    "tf.keras": "TypeError: .*Cannot convert 0.0 to EagerTensor|Expected int64",
    "tf_keras": "TypeError: .*Cannot convert 0.0 to EagerTensor|Expected int64",
    "keras": "expected ndim=3, found ndim=4|object has no attribute 'dtype'|"
    "Unable to automatically build|Unrecognized keyword arguments passed to Embedding",
}
IDS = np.array([[1, 2, 3, 0], [4, 5, 6, 7]])  # what matters of the examples, in small
VALID = IDS != 0
OTHER_PADDING = np.array([[1, 2, 3, 9], [4, 5, 6, 7]])
TARGETS = np.array([[0.25], [0.75]])


def two_imports(keras):
    """What ``from tensorflow import keras`` and ``from keras import layers`` give.

    With tf_keras, TensorFlow has to be told to use it; then ``tensorflow.keras`` is tf_keras.
    """
    if keras.backend_name != "tensorflow":
        raise Unavailable("there is no tensorflow.keras on this backend")
    if keras.implementation == "tf_keras":
        if keras.installed.version.startswith("2.14."):
            raise Unavailable("TensorFlow 2.14 cannot be told to use tf_keras")
        return keras, keras.package("keras")
    return keras.package("tensorflow.keras"), keras.package("keras")


def first(keras, layers=None, *, mask_zero=False, options=AS_PRINTED):
    """The model of the first example; with ``mask_zero``, of the third. Small, no LSTM: cheap."""
    layers = layers or keras.layers
    wide = dict(options, embeddings_initializer=WIDE)
    return keras.Sequential(
        [
            layers.Embedding(10, 3, mask_zero=mask_zero, **wide),
            layers.SimpleRNN(2),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def second(keras, *, corrected=False, options=AS_PRINTED):
    """The model of the second example; its custom layer handles no mask unless ``corrected``."""

    class Corrected(type(custom_layer(keras))):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def compute_mask(self, inputs, mask=None):
            return mask

    return keras.Sequential(
        [
            keras.layers.Masking(mask_value=0.0),
            keras.layers.Embedding(10, 3, mask_zero=True, **options),
            Corrected() if corrected else custom_layer(keras),
            keras.layers.SimpleRNN(2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def fit(model, inputs):
    """Compile and train as the examples do; the loss of the epoch."""
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model.fit(inputs, TARGETS, verbose=0).history["loss"][0]


def fit_eagerly(keras, model, inputs):
    """Train on one batch, without a graph where there is a choice: quicker, with the same end."""
    eagerly = {} if keras.implementation == "standalone" else {"run_eagerly": True}
    model.compile(optimizer="adam", loss="binary_crossentropy", **eagerly)
    return model.train_on_batch(inputs, TARGETS)


def ignores_padding(keras, model, mask=None):
    """Whether another id in the padded step leaves the results of ``model`` as they are."""
    batches = [ids if mask is None else [ids, mask] for ids in (IDS, OTHER_PADDING)]
    return same(*[keras.numpy(feed(keras, model, batch)) for batch in batches])


# --- imports and backend -----------------------------------------------------------------------


@claim(
    "node-examples.two-imports-work",
    {"standalone": None, "tf_keras": "<2.16", "*": ""},
    instead="node-error.sequential-refuses-foreign-layers",
    exists=BOTH_IMPORTS,
    standalone=True,
)
def test_keras_from_tensorflow_and_layers_from_keras_make_a_model(keras):
    package, other = two_imports(keras)
    observe("two packages" if package.Model is not other.Model else "one package")
    with refuted_by(TypeError, match="must be an instance of class Layer"):
        model = first(package, other.layers, options={})
    model(IDS)
    assert len(model.trainable_weights) == 6


@claim("node-examples.tensorflow-or-theano", STANDALONE, standalone=True)
def test_backend_is_tensorflow_or_theano(keras):
    observe(f"on {keras.backend.backend()}")
    require(keras.backend.backend() in ("tensorflow", "jax", "torch"), "one of three is in use")
    assert any("theano" in file.name for file in files(keras))


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
        assert "mask" in failure(run, padded_ids())
    else:
        assert depends_on_padding(run, ids)


@claim("node-examples.unmasked-is-wrong", NEVER, instead="node-examples.nothing-to-mask")
@pytest.mark.parametrize("mode", ["eager", "functional"])
def test_result_without_a_mask_is_wrong(keras, mode):
    layers = [embedding(keras), keras.layers.SimpleRNN(2)]
    masked, full = compose(keras, mode, layers), np.array([[7, 6, 3], [4, 8, 2]])
    right, padded = masked(full), masked(padded_ids())
    layers[0].mask_zero = False
    unmasked = compose(keras, mode, layers)
    require(not same(unmasked(padded_ids()), padded), "the mask counts where a step is padded")
    assert not same(unmasked(full), right)


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
    found = failure(lambda: fit(first(keras), IDS))
    observe(found.partition(":")[0] or "no error")
    assert MESSAGE in found or re.search("mask", found)


@claim("node-examples.first-trains", standalone=True)
def test_first_example_trains(keras):
    assert 0 < fit_eagerly(keras, first(keras, options={}), IDS) < 5


@claim(
    "node-examples.first-fixed-by-mask",
    NEVER,
    instead=("node-examples.two-arrays-refused", "node-examples.mask-as-a-second-input"),
    standalone=True,
)
def test_first_example_is_fixed_by_a_mask_beside_the_ids(keras):
    model = first(keras, options={})
    require(not ignores_padding(keras, model), "the padding counts without a mask")
    with refuted_by(ValueError, AttributeError, RuntimeError, match=REFUSED):
        fit_eagerly(keras, model, [IDS, VALID])
    observe("the model is trained")
    assert ignores_padding(keras, model, VALID)


@claim("node-examples.mask-as-a-second-input", standalone=True)
def test_mask_as_a_second_input_makes_padding_ignored(keras):
    model = with_mask_input(keras, "recurrent-layer")
    require(not ignores_padding(keras, model, ~VALID), "another mask lets the padding count")
    assert ignores_padding(keras, model, VALID)


@claim("node-examples.mask-argument-lost", standalone=True)
def test_mask_argument_of_a_sequential_model_does_not_get_past_its_embedding(keras):
    def results(handed_to):
        model = with_mask_input(keras, handed_to)
        return [keras.numpy(feed(keras, model, [IDS, mask])) for mask in (VALID, ~VALID)]

    require(not same(*results("recurrent-layer")), "a recurrent layer uses its mask")
    assert same(*results("sequential-model"))


def with_mask_input(keras, handed_to):
    """The first example with its mask as a second input, handed to the whole model or the RNN."""
    ids, mask = keras.Input(shape=(4,), dtype="int32"), keras.Input(shape=(4,), dtype="bool")
    if handed_to == "sequential-model":
        return keras.Model([ids, mask], first(keras, options={})(ids, mask=mask))
    vectors = keras.layers.Embedding(10, 3, embeddings_initializer=WIDE)(ids)
    state = keras.layers.SimpleRNN(2)(vectors, mask=mask)
    return keras.Model([ids, mask], keras.layers.Dense(1, activation="sigmoid")(state))


@claim("node-examples.two-arrays-refused", {"tf.keras": ">=2.7", "*": ""}, standalone=True)
def test_sequential_model_refuses_a_second_array(keras):
    model = first(keras, mask_zero=True, options={})
    found = failure(fit_eagerly, keras, model, [IDS, VALID])
    observe(found.partition(":")[0] or "no error")
    if not found:
        results = [model.predict_on_batch(x) for x in (IDS, [IDS, VALID], [IDS, ~VALID])]
        require(all(same(results[0], x) for x in results), "the second array is dropped")
    assert re.search(REFUSED, found)


# --- the second example: a custom layer --------------------------------------------------------


@claim("node-examples.second-fails", standalone=True)
def test_second_example_fails(keras):
    found = failure(lambda: fit(second(keras), [IDS, VALID * 1]))
    observe(found.partition(":")[0])
    assert re.search(SECOND_FAILS[keras.implementation], found)


@claim("node-examples.second-fails-for-the-custom-layer", NEVER, standalone=True)
def test_second_example_fails_because_of_the_custom_layer(keras):
    models = [second(keras, corrected=flag, options={}) for flag in (False, True)]
    found, corrected = [failure(fit_eagerly, keras, m, [IDS, VALID * 1]) for m in models]
    observe(f"{found.partition(':')[0]}; corrected: {corrected.partition(':')[0]}")
    assert found and not corrected


@claim(
    "node-examples.second-works-corrected",
    NEVER,
    instead="node-examples.second-works-on-float-ids",
    standalone=True,
)
def test_corrected_layer_makes_the_second_example_work(keras):
    found = failure(lambda: fit(second(keras, corrected=True), [IDS, VALID * 1]))
    observe(found.partition(":")[0])
    assert not found


@claim("node-examples.second-works-on-float-ids", standalone=True)
def test_second_example_works_on_float_ids_alone(keras):
    model, floats = second(keras, corrected=True, options={}), IDS.astype("float32")
    assert 0 < fit_eagerly(keras, model, floats) < 5
    before = keras.numpy(feed(keras, model, floats))
    redraw_padding(model.layers[1])
    assert same(keras.numpy(feed(keras, model, floats)), before)


# --- the third example: another mask -----------------------------------------------------------


@claim("node-examples.third-not-the-error", standalone=True)
def test_third_example_does_not_raise_the_error(keras):
    found = failure(lambda: fit(first(keras, mask_zero=True), [IDS, np.ones(IDS.shape)]))
    observe(found.partition(":")[0] or "no error")
    assert MESSAGE not in found


@claim("node-examples.third-fails-for-the-wrong-mask", NEVER, standalone=True)
def test_third_example_has_trouble_because_its_mask_is_wrong(keras):
    masks = {"all ones": np.ones(IDS.shape), "right": VALID * 1.0}
    found = {
        name: failure(fit_eagerly, keras, first(keras, mask_zero=True, options={}), [IDS, mask])
        for name, mask in masks.items()
    }
    observe(", ".join(f"{k}: {v.partition(':')[0] or 'no error'}" for k, v in found.items()))
    assert found["all ones"] and not found["right"]
