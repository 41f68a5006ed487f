"""What ``trace`` says of losses and metrics, and that it leaves a model as it was."""

import numpy as np
import pytest
from traced import IDS, VALID, compiled, functional, sequence, targets

from maskspec.checking import CannotTrace, trace

# --- losses and metrics -------------------------------------------------------------------------


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
    if keras.backend_name == "jax":
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
