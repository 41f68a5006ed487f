"""What ``trace`` answers to odd models and batches."""

import numpy as np
import pytest
from traced import (
    IDS,
    VALID,
    added,
    compiled,
    functional,
    nested,
    operation,
    places,
    sequence,
    step_named,
    subclassed,
    targets,
)

from maskspec.checking import CannotTrace, trace
from maskspec.running.judging import Unavailable


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
    if "MultiHeadAttention" in used and keras.implementation == "keras":
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
