"""What ``trace`` says of models that lose masks and leak padding, and of sound ones."""

import os
import subprocess
import sys

import numpy as np
import pytest

from maskspec.catalogue import cells
from maskspec.catalogue.home import home
from maskspec.checking import CannotTrace, trace
from maskspec.running import adapter
from maskspec.running.discovery import discover
from maskspec.running.judging import Unavailable

FRAMEWORK = discover(cells.load(home()))[0]
IDS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [6, 7, 8, 9, 1], [2, 0, 0, 0, 0]], "int32")
VALID = IDS != 0


@pytest.fixture
def keras():
    found = adapter.load(FRAMEWORK)
    found.reset()
    return found


def functional(keras, *layers):
    """A functional model of an embedding with a mask, and of layers or functions behind it."""
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def fixed(keras, *layers):
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def own_layer(keras, **attributes):
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    layer = Doubled(name="doubled")
    for name, value in attributes.items():
        setattr(layer, name, value)
    return layer


def subclassed(keras, layers, call, batch=IDS):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__(name="mine")
            self.embed = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")
            for name, layer in layers.items():
                setattr(self, name, layer)

        def call(self, inputs):
            return call(self, inputs)

    model = Mine()
    model(batch)
    return model


def step_named(found, name):
    return next(step for step in found.steps if step.call.name == name)


def places(findings):
    return [one.where.partition(" (")[0] for one in findings]


# --- sound models -------------------------------------------------------------------------------


def sequence(keras):
    layers = keras.layers
    return functional(keras, layers.LSTM(4, return_sequences=True), layers.Dense(2))


def pooled(keras):
    layers = keras.layers
    return functional(keras, layers.Dense(4), layers.GlobalAveragePooling1D(), layers.Dense(2))


def last_step(keras):
    layers = keras.layers
    return functional(
        keras, layers.LSTM(4, return_sequences=True), layers.Lambda(lambda x: x[:, -1])
    )


def sequential(keras):
    layers = keras.layers
    made = keras.Sequential([layers.Masking(), layers.GRU(3), layers.Dense(1)])
    made.build((None, None, 2))
    made(np.zeros((1, 2, 2), "float32"))
    return made


def nested(keras):
    layers = keras.layers
    inner = keras.Input((None, 4))
    block = keras.Model(inner, layers.Dense(4)(inner), name="block")
    return functional(keras, block, layers.LSTM(3))


def by_hand(keras):
    layers = {"lstm": keras.layers.LSTM(3, name="lstm")}
    return subclassed(
        keras, layers, lambda self, x: self.lstm(self.embed(x) * 2, mask=self.embed.compute_mask(x))
    )


def residual_with_flag(keras):
    class Residual(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="residual")
            self.supports_masking = True
            self.dense = keras.layers.Dense(4)

        def call(self, inputs):
            return inputs + self.dense(inputs)

    return functional(keras, Residual(), keras.layers.GRU(3))


def own_pooling(keras):
    class Mean(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="mean")
            self.dense = keras.layers.Dense(4)

        def call(self, inputs, mask=None):
            weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
            total = keras.ops.sum(self.dense(inputs * 1.0) * weights, axis=1)
            return total / keras.ops.sum(weights, axis=1)

    return functional(keras, Mean())


def returned(keras):
    class Same(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    layers = {"same": Same(name="same"), "gru": keras.layers.GRU(3)}
    return subclassed(keras, layers, lambda self, x: self.gru(self.same(self.embed(x))))


SOUND = [sequence, pooled, last_step, nested, by_hand, residual_with_flag, own_pooling, returned]


@pytest.mark.parametrize("build", SOUND)
def test_a_sound_model_is_called_sound(keras, build):
    found = trace(build(keras), IDS)
    assert found.is_sound, str(found)
    assert str(found).endswith("No mask is lost, and no padding leaks.")
    assert found.outputs[0].change == 0.0
    assert found.changes_gradients == 0.0
    assert found.status == 0


def test_masking_of_features_is_measured_behind_the_layer_that_makes_the_mask(keras):
    x = np.random.RandomState(0).uniform(0.1, 1, (3, 4, 2)).astype("float32")
    x[0, 2:] = x[1, 1:] = 0
    found = trace(sequential(keras), x)
    assert found.is_sound, str(found)
    assert next(s.fate for s in found.steps if s.call.kind == "Masking") == "made"


# --- models that are not ------------------------------------------------------------------------


def operation(keras):
    return functional(keras, lambda x: x * 2.0, keras.layers.LSTM(3, name="lstm"))


def lambda_layer(keras):
    layers = keras.layers
    return functional(
        keras, layers.Lambda(lambda x: x * 2.0, name="twice"), layers.LSTM(3, name="lstm")
    )


def convolved(keras):
    layers = keras.layers
    return functional(keras, layers.Conv1D(3, 1, name="conv"), layers.LSTM(3, name="lstm"))


def flattened(keras):
    return fixed(keras, keras.layers.Flatten(name="flat"), keras.layers.Dense(2, name="dense"))


def highest(keras):
    return functional(keras, keras.layers.GlobalMaxPooling1D(name="highest"))


def without_flag(keras):
    return functional(keras, own_layer(keras), keras.layers.LSTM(3, name="lstm"))


def summed_in_lambda(keras):
    return functional(
        keras, keras.layers.Lambda(lambda x: keras.ops.sum(x * x, axis=1), name="summed")
    )


def between_layers(keras):
    layers = {
        "first": keras.layers.Dense(4, name="first"),
        "lstm": keras.layers.LSTM(3, name="lstm"),
    }
    return subclassed(keras, layers, lambda self, x: self.lstm(self.first(self.embed(x)) * 2.0))


def summed_in_code(keras):
    layers = {"dense": keras.layers.Dense(2, name="dense")}
    return subclassed(
        keras, layers, lambda self, x: self.dense(keras.ops.sum(self.embed(x), axis=1))
    )


def in_a_nested_model(keras):
    layers = keras.layers
    inner = keras.Input((None, 4))
    block = keras.Model(inner, layers.Conv1D(4, 1, name="conv")(inner), name="block")
    return functional(keras, block, layers.LSTM(3, name="lstm"))


def added(keras):
    inputs = keras.Input((None,), dtype="int32")
    embed = keras.layers.Embedding(10, 4, mask_zero=True, name="embed")
    plain = keras.layers.Embedding(10, 4, name="plain")
    x = keras.layers.Add(name="add")([embed(inputs), plain(inputs)])
    return keras.Model(inputs, keras.layers.LSTM(3, name="lstm")(x))


BROKEN = [
    (operation, 1, ["lstm"]),
    (lambda_layer, ["twice"], ["lstm"]),
    (convolved, ["conv"], ["lstm"]),
    (flattened, ["flat"], ["dense"]),
    (highest, [], ["highest"]),
    (without_flag, ["doubled"], ["lstm"]),
    (summed_in_lambda, [], ["summed"]),
    (between_layers, ["between first"], ["lstm"]),
    (summed_in_code, [], ["the code of mine"]),
    (in_a_nested_model, ["conv"], ["lstm"]),
]


@pytest.mark.parametrize("build, lost, leaks", BROKEN, ids=[b[0].__name__ for b in BROKEN])
def test_a_broken_model_is_found_out_and_the_place_is_named(keras, build, lost, leaks):
    found = trace(build(keras), IDS)
    if lost == 1:
        assert len(found.lost) == 1, str(found)
    else:
        assert places(found.lost) == lost, str(found)
    assert places(found.leaks) == leaks, str(found)
    assert found.status == 1
    assert found.outputs[0].change > 0
    assert found.changes_gradients > 0
    assert all(one.why and one.page and one.instead for one in found.findings), str(found)


def test_the_mask_that_a_layer_did_not_get_is_named_as_the_cause(keras):
    found = trace(operation(keras), IDS)
    assert "arithmetic" not in found.lost[0].what
    assert found.lost[0].page.endswith("#subclassing.operation-drops-the-mask")
    assert found.leaks[0].page.endswith("#consumption.only-with-a-mask")
    assert "which has no mask" in found.leaks[0].what


def test_what_a_pooling_layer_ignores_is_said_to_be_without_effect(keras):
    found = trace(highest(keras), IDS)
    assert found.leaks[0].page.endswith("#consumption.convolution-and-pooling-ignore-the-mask")
    assert "without effect, LEAK begins here" in str(found)


def test_a_layer_of_ones_own_is_told_of_the_flag(keras):
    found = trace(without_flag(keras), IDS)
    assert found.lost[0].page.endswith("#custom-layers.default-destroys-mask")
    assert "supports_masking" in found.lost[0].instead


def test_whether_a_layer_uses_its_mask_is_seen_from_its_results(keras):
    found = trace(pooled(keras), IDS)
    used = {step.call.kind: step.used for step in found.steps if step.call.masks_in}
    assert used == {"Dense": False, "GlobalAveragePooling1D": True}


# --- losses and metrics -------------------------------------------------------------------------


def compiled(keras, model, loss="mse", metrics=()):
    model.compile("sgd", loss, metrics=list(metrics))
    return model


def targets():
    return np.random.RandomState(1).uniform(0, 1, (*IDS.shape, 2)).astype("float32")


def test_a_loss_behind_a_mask_leaves_padding_out(keras):
    found = trace(compiled(keras, sequence(keras)), IDS, targets())
    loss = found.counted[0]
    assert (loss.name, loss.counts_padding) == ("loss", False), str(found)
    claims = {
        "the number of valid steps": "loss.mean-over-valid-steps",
        "the number of all steps": "loss.sum-over-valid-by-all-steps",
    }
    assert loss.page.endswith(claims[loss.divides_by])
    assert found.changes_loss == 0.0


def test_a_loss_without_a_mask_counts_padding(keras):
    model = compiled(keras, functional(keras, keras.layers.Conv1D(2, 1, name="conv")))
    found = trace(model, IDS, targets())
    assert found.counted[0].counts_padding is True
    assert [one.where for one in found.leaks][-1:] == ["loss"]
    assert found.changes_loss > 0


def test_a_step_of_ones_own_that_takes_the_mean_counts_padding(keras):
    if FRAMEWORK.backend == "jax":
        pytest.skip("steps on JAX have other arguments")

    class Own(keras.Model):
        def train_step(self, data):
            x, y = data
            loss = keras.ops.mean((self(x, training=True) - y) ** 2)
            return {"loss": loss}

    inner = sequence(keras)
    model = Own(inner.inputs, inner.outputs)
    model.compile("sgd", "mse")
    found = trace(model, IDS, targets())
    assert found.counted[0].counts_padding is True, str(found)
    assert found.leaks[0].page.endswith("#loss.own-step-counts-masked-steps")


def test_a_metric_that_counts_padding_is_named(keras):
    model = compiled(
        keras, sequence(keras), metrics=[keras.metrics.RootMeanSquaredError(name="rmse")]
    )
    found = trace(model, IDS, targets())
    rmse = next(one for one in found.counted if one.name == "rmse")
    assert rmse.counts_padding is any(one.where == "rmse" for one in found.leaks)


def test_targets_are_made_up_where_none_are_given(keras):
    model = functional(keras, keras.layers.Dense(7))
    found = trace(compiled(keras, model, "sparse_categorical_crossentropy"), IDS)
    assert found.counted[0].counts_padding is False, str(found)
    assert any("made up" in note for note in found.notes)


def two_outputs(keras):
    """A model whose outputs are a dict in another order than that of the alphabet."""
    layers = keras.layers
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(inputs)
    tags = layers.Dense(3, activation="softmax", name="tags")(x)
    cls = layers.Dense(1, name="cls")(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, {"tags": tags, "cls": cls})
    model.compile("sgd", {"tags": "sparse_categorical_crossentropy", "cls": "mse"})
    return model


@pytest.mark.parametrize("given", [None, {"cls": np.zeros((4, 1), "float32"), "tags": IDS % 3}],
                         ids=["made-up", "given"])  # fmt: skip
def test_outputs_in_a_dict_go_by_name(keras, given):
    found = trace(two_outputs(keras), IDS, given)
    masked = {one.name: one.mask is not None for one in found.outputs}
    assert masked == {"tags": True, "cls": False}
    counts = {one.name: one.counts_padding for one in found.counted}
    assert (counts["tags_loss"], counts["cls_loss"]) == (False, None), str(found)


def test_targets_may_be_a_plain_list(keras):
    found = trace(compiled(keras, sequence(keras)), IDS, targets().tolist())
    assert found.loss is not None, str(found)


def test_accuracy_counts_padding_whatever_the_targets_there_are(keras):
    layers = keras.layers
    model = functional(keras, layers.Conv1D(3, 1, activation="softmax"))
    compiled(keras, model, "sparse_categorical_crossentropy", ["accuracy"])
    found = trace(model, IDS, np.where(VALID, IDS % 3, 5 % 3))
    counts = {one.name: one.counts_padding for one in found.counted}
    assert counts == {"loss": True, "accuracy": True}, str(found)


def test_gradients_of_the_loss_feel_padding_that_no_valid_output_shows(keras):
    found = trace(compiled(keras, functional(keras, keras.layers.Conv1D(2, 1))), IDS, targets())
    assert (found.outputs[0].change, found.gradients_of) == (0.0, "the loss")
    assert found.changes_gradients > 0, str(found)


def test_gradients_of_a_loss_behind_a_mask_do_not(keras):
    found = trace(compiled(keras, sequence(keras)), IDS, targets())
    assert (found.changes_gradients, found.gradients_of) == (0.0, "the loss"), str(found)


def test_what_a_layer_adds_to_the_loss_counts_padding(keras):
    class Penalty(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            self.add_loss(keras.ops.mean(inputs**2))
            return inputs * 1.0

    found = trace(compiled(keras, functional(keras, Penalty())), IDS)
    assert [one.page.partition("#")[2] for one in found.leaks] == [
        "loss.add-loss-counts-masked-steps"
    ], str(found)


def test_a_loss_that_cannot_be_measured_is_not_called_sound_without_a_word(keras):
    found = trace(compiled(keras, sequence(keras)), IDS, targets()[..., :0])
    assert str(found).endswith("no padding leaks; the loss was not measured."), str(found)


# --- nothing is changed -------------------------------------------------------------------------


def busy(keras):
    """A model with all that may change when it runs."""
    layers = keras.layers
    inputs = keras.Input((5,), batch_size=4, dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(inputs)
    x = layers.BatchNormalization()(layers.Dropout(0.5)(x))
    x = layers.LSTM(4, return_sequences=True, stateful=True)(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    return compiled(keras, model, metrics=["mae"])


def state(keras, model):
    from maskspec.checking.trace_state import variables_of

    return [np.array(keras.numpy(v)) for v in variables_of(model)]


def test_weights_states_and_metrics_are_what_they_were(keras):
    model = busy(keras)
    model.train_on_batch(IDS, targets())
    before = state(keras, model)
    found = trace(model, IDS, targets())
    after = state(keras, model)
    assert len(before) == len(after) > 8
    assert all(map(np.array_equal, before, after))
    assert found.outputs[0].change == 0.0, str(found)


def test_no_patch_is_left_after_an_error(keras):
    class Failing(keras.layers.Layer):
        def call(self, inputs):
            if inputs.shape[0] == 4:
                raise RuntimeError("not on such a batch")
            return inputs

    before = [c.__dict__.get("__call__") for c in keras.layers.Dense.__mro__]
    model = subclassed_failing(keras, Failing())
    with pytest.raises(CannotTrace, match=r"mine cannot be called on this batch: .*not on such"):
        trace(model, IDS)
    assert before == [c.__dict__.get("__call__") for c in keras.layers.Dense.__mro__]


def subclassed_failing(keras, layer):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__(name="mine")
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs)

    model = Mine()
    model(IDS[:2])
    return model


# --- answers of their own -----------------------------------------------------------------------


def test_a_batch_without_padding_is_said_to_have_none(keras):
    found = trace(sequence(keras), IDS[2:3])
    assert found.answer.startswith("the batch has no padding")
    assert found.outputs[0].change is None
    assert str(found).endswith("No mask is lost.")


def test_a_model_without_sequences_is_said_to_take_none(keras):
    inputs = keras.Input((3,))
    found = trace(keras.Model(inputs, keras.layers.Dense(2)(inputs)), np.zeros((2, 3), "float32"))
    assert found.answer.startswith("the model takes no sequence")
    assert found.status == 0


def test_a_model_without_a_mask_is_told_how_to_make_one(keras):
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.LSTM(3)(keras.layers.Embedding(10, 4)(inputs))
    found = trace(keras.Model(inputs, x), IDS)
    assert found.answer.startswith("nothing in the model makes a mask")
    assert "mask_zero=True" in found.answer


def test_a_model_that_is_not_built_is_refused_unless_it_may_be_built(keras):
    def unbuilt():
        return keras.Sequential([keras.layers.Masking(), keras.layers.GRU(2)])

    x = np.ones((2, 3, 4), "float32") * VALID[:2, 1:4, None]
    with pytest.raises(CannotTrace, match="is not built, and to build it would change it"):
        trace(unbuilt(), x)
    assert trace(unbuilt(), x, build=True).is_sound


def test_what_is_no_model_is_refused(keras):
    with pytest.raises(CannotTrace, match="dict is no model of Keras"):
        trace({}, IDS)
    with pytest.raises(CannotTrace, match="the batch holds no array"):
        trace(sequence(keras), "text")


def two_inputs(keras):
    layers = keras.layers
    a, b = (
        keras.Input((None,), dtype="int32", name="a"),
        keras.Input((None,), dtype="int32", name="b"),
    )
    x = layers.LSTM(3)(layers.Embedding(10, 4, mask_zero=True)(a))
    y = layers.Conv1D(3, 1, name="conv")(layers.Embedding(10, 4, mask_zero=True)(b))
    return keras.Model([a, b], layers.Concatenate()([x, layers.GRU(2, name="gru")(y)]))


def test_a_batch_is_made_up_for_inputs_in_a_dict(keras):
    from maskspec.checking.trace_models import made_up

    layers = keras.layers
    text = keras.Input((None,), dtype="int32", name="text")
    meta = keras.Input((3,), name="meta")
    x = layers.LSTM(2)(layers.Embedding(10, 4, mask_zero=True)(text))
    model = keras.Model({"text": text, "meta": meta}, layers.Concatenate()([x, meta]))
    batch = made_up(model)
    assert {name: array.shape[1:] for name, array in batch.items()} == {"text": (6,), "meta": (3,)}
    assert trace(model, batch).is_sound


@pytest.mark.parametrize("batch, says", [
    ([[1, 2], [3]], "rows of several lengths: pad them"),
    ((one for one in [IDS]), "give one batch of it, such as next"),
], ids=["ragged", "generator"])  # fmt: skip
def test_a_batch_that_is_none_says_what_to_give(keras, batch, says):
    with pytest.raises(CannotTrace, match=says):
        trace(sequence(keras), batch)


def test_targets_in_the_batch_are_told_from_it(keras):
    class Single(keras.Model):
        def call(self, inputs):
            return inputs[:, 1:]

    model = Single()
    model(IDS)
    with pytest.raises(CannotTrace, match="targets are an argument of their own"):
        trace(model, (IDS, IDS))


def test_targets_have_the_rows_of_the_batch(keras):
    with pytest.raises(CannotTrace, match="the targets have 1 row, and the batch has 4"):
        trace(compiled(keras, sequence(keras)), IDS, targets()[:1])


def test_what_builds_a_model_is_told_from_the_model(keras):
    with pytest.raises(CannotTrace, match="give the model itself"):
        trace(lambda: sequence(keras), IDS)


@pytest.mark.parametrize(
    "pack", [lambda a, b: [a, b], lambda a, b: {"a": a, "b": b}], ids=["list", "dict"]
)
def test_several_inputs_may_be_a_list_or_a_dict(keras, pack):
    found = trace(two_inputs(keras), pack(IDS, IDS[:, ::-1].copy()))
    assert (places(found.lost), places(found.leaks)) == (["conv"], ["gru"]), str(found)


def attention(keras):
    layers = keras.layers
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(inputs)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)])
    return keras.Model(inputs, layers.GlobalAveragePooling1D(name="pool")(x))


def test_attention_over_a_mask_is_followed(keras):
    try:
        model = attention(keras)
    except Unavailable:
        pytest.skip("no MultiHeadAttention here")
    found = trace(model, IDS)
    assert (found.outputs[0].change == 0) == found.is_sound, str(found)
    used = {step.call.kind: step.used for step in found.steps if step.call.masks_in}
    if "MultiHeadAttention" in used and FRAMEWORK.implementation == "keras":
        assert used["MultiHeadAttention"] is True


def masked_by_an_input(keras, *layers):
    x, mask = keras.Input((None, 4)), keras.Input((None,), dtype="bool")
    y = x
    for layer in layers:
        y = layer(y)
    return keras.Model([x, mask], keras.layers.LSTM(3, name="lstm")(y, mask=mask))


def test_a_mask_that_is_an_input_of_its_own_is_taken_for_what_it_says(keras):
    x = np.random.RandomState(0).uniform(-1, 1, (*IDS.shape, 4)).astype("float32")
    assert trace(masked_by_an_input(keras), [x, VALID]).is_sound
    wide = keras.layers.Conv1D(4, 3, padding="same", name="wide")
    found = trace(masked_by_an_input(keras, wide), [x, VALID])
    assert places(found.leaks) == ["wide"], str(found)


def test_inputs_and_outputs_may_be_dicts(keras):
    def call(self, inputs):
        x = self.dense(self.embed(inputs["ids"]))
        x = x + self.dense(x)
        return {"pooled": self.pool(x), "steps": x}

    layers = {"dense": keras.layers.Dense(4, name="dense")}
    layers["pool"] = keras.layers.GlobalAveragePooling1D(name="pool")
    model = subclassed(keras, layers, call, {"ids": IDS})
    found = trace(model, {"ids": IDS})
    assert places(found.lost) == ["between dense"], str(found)
    assert places(found.leaks) == ["pool"], str(found)
    assert [one.change > 0 for one in found.outputs] == [True, False]


def test_a_block_that_hands_the_mask_on_and_does_not_use_it_inside_leaks(keras):
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="block")
            self.supports_masking = True
            self.gru = keras.layers.GRU(4, go_backwards=True, return_sequences=True, name="gru")

        def call(self, inputs):
            return self.gru(inputs * 1.0)

    found = trace(functional(keras, Block(), keras.layers.LSTM(3)), IDS)
    assert not found.lost, str(found)
    assert places(found.leaks) == ["gru"], str(found)


def test_who_took_the_mask_off_is_named(keras):
    layers = keras.layers

    def block(x):
        attended = attention(1, 4, name="attention")(x, x)
        x = layers.Add(name="add")([x, attended])
        return attention(1, 4)(x, x)

    try:
        attention = layers.MultiHeadAttention
    except Unavailable:
        pytest.skip("there is no such layer in this release")
    found = trace(functional(keras, block), IDS)
    attention = step_named(found, "attention")
    if not attention.call.taken:
        pytest.skip("attention leaves the masks where they are")
    assert "attention (MultiHeadAttention) took the mask off" in found.lost[0].what, str(found)
    assert "attention(normal, normal)" in found.lost[0].instead


def test_an_output_that_is_not_finite_is_noted(keras):
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Masking()(inputs)))
    batch = np.ones((2, 3, 2), "float32")
    batch[:, 2], batch[0, 0] = 0, np.nan
    found = trace(model, batch)
    assert any("is NaN or infinite in 1 of 4 numbers" in note for note in found.notes), str(found)


def test_branches_that_are_joined_are_followed(keras):
    found = trace(added(keras), IDS)
    add = step_named(found, "add")
    assert len(add.call.inputs) == 2
    assert (found.outputs[0].change > 0) == bool(found.leaks), str(found)


def test_a_decoder_that_loses_sight_of_its_mask_is_noted(keras):
    layers = keras.layers
    a, b = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    _, h, c = layers.LSTM(4, return_state=True)(layers.Embedding(10, 4, mask_zero=True)(a))
    x = layers.Embedding(10, 4, mask_zero=True)(b)
    x = layers.LSTM(4, return_sequences=True, name="decoder")(x, initial_state=[h, c])
    found = trace(keras.Model([a, b], x), [IDS, IDS[:, ::-1].copy()])
    decoder = step_named(found, "decoder")
    told = any(note.startswith("decoder (LSTM) did not use") for note in found.notes)
    assert told is (decoder.used is False), str(found)


def test_a_nested_model_is_unfolded(keras):
    found = trace(nested(keras), IDS)
    depths = {step.call.kind: step.call.depth for step in found.steps}
    assert depths["Embedding"] == 1
    assert max(depths.values()) == 2


def test_the_html_says_what_the_text_says_and_escapes_it(keras):
    html = trace(operation(keras), IDS)._repr_html_()
    assert "A mask is lost at 1 place; padding counts at 1 place." in html
    assert "LEAK begins here" in html
    assert html.count("<table") == html.count("</table>") == 1


# --- the command --------------------------------------------------------------------------------

MODELS = """
import numpy as np
from maskspec.catalogue import cells
from maskspec.catalogue.home import home
from maskspec.running import adapter
from maskspec.running.discovery import discover
keras = adapter.load(discover(cells.load(home()))[0])

def broken():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, keras.layers.GlobalMaxPooling1D()(x))

def sound():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, keras.layers.LSTM(2)(x))
"""


def command(folder, *arguments):
    path = os.pathsep.join([str(home()), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "maskspec", "trace", *arguments],
        cwd=str(folder), env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip


def test_the_command_traces_a_function_and_a_file(keras, tmp_path):
    (tmp_path / "mine.py").write_text(MODELS)
    np.savez(str(tmp_path / "data.npz"), x=IDS)
    done = command(tmp_path, "mine:broken", "--batch", "data.npz")
    assert (done.returncode, "LEAK begins here" in done.stdout) == (1, True), done.stderr
    sound = sequence(keras)
    sound.save(str(tmp_path / f"sound{keras.file_ending}"))
    done = command(tmp_path, f"sound{keras.file_ending}")
    if keras.file_ending == ".keras":
        assert (done.returncode, done.stdout.splitlines()[-1]) == (
            0, "No mask is lost, and no padding leaks.",
        ), done.stderr  # fmt: skip


def test_the_command_says_what_it_could_not_do(tmp_path):
    done = command(tmp_path, "nowhere:model")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No module named 'nowhere'" in done.stderr
