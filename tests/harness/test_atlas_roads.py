"""The atlas of models on further roads: that each outcome is told from the others."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from maskspec.atlas.asking import (
    model_added,
    model_constants,
    model_layers,
    model_ragged,
    model_texts,
)
from maskspec.atlas.asking.model_roads import RESULTS
from maskspec.atlas.aspects import ASPECTS
from maskspec.atlas.comparing import same
from maskspec.atlas.model_batches import VALID
from maskspec.atlas.model_trial import ModelTrial, Seen
from maskspec.atlas.models import SUBJECTS

MASK = np.array(VALID)
OUTPUT = np.random.RandomState(3).uniform(-1, 1, (*VALID.shape, 2)).astype("float32")
FRONT = np.arange(VALID.shape[1]) < VALID.sum(1)[:, None]  # the valid steps of texts


def numbers():
    """A framework whose tensors are arrays, and carry the mask that they have as ``mask``."""
    return SimpleNamespace(
        tensor=lambda x, dtype=None: x,
        numpy=np.asarray,
        mask_of=lambda x: getattr(x, "mask", None),
        ragged_tensor=lambda values, lengths: SimpleNamespace(
            flat_values=np.concatenate([row[:n] for row, n in zip(values, lengths)])
        ),
    )


def subject(words):
    return next(one for one in SUBJECTS if words in one.name)


def trial_of(words, outputs=(OUTPUT,), masks=(MASK,)):
    """A trial whose model returns ``outputs`` with ``masks``."""
    trial = ModelTrial(numbers(), subject(words))
    trial.once("called", lambda: Seen(tuple(outputs), tuple(masks)))
    trial.once("weights", lambda: [np.zeros((9, 4), "float32"), np.zeros(3, "float32")])
    return trial


def apart(known):
    return all(
        not same(np.asarray(one, "float32"), np.asarray(other, "float32"))
        for one, other in itertools.combinations(known, 2)
    )


# --- each question is asked of something ---------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["model-ragged", "model-texts", "model-constants", "model-layers", "model-loss"]
)
def test_each_question_is_asked_of_some_model(kind):
    mine = [one for one in ASPECTS.values() if one.kind == kind]
    assert mine
    assert all(any(one.applies(subject) for subject in SUBJECTS) for one in mine)


def test_ragged_batches_are_for_models_of_tokens_with_and_without_steps():
    found = [one for one in SUBJECTS if model_ragged.takes_ragged(one)]
    assert {one.has_steps for one in found} == {True, False}
    assert not any(one.is_stateful or one.inputs != ("tokens",) for one in found)


def test_a_registered_class_is_loaded_without_custom_objects_once():
    assert sum(ASPECTS["model-life.registered"].applies(one) for one in SUBJECTS) == 1


# --- ragged batches and texts --------------------------------------------------------------------


def test_a_ragged_batch_is_the_valid_steps_in_their_order():
    trial = trial_of("models.Sequential of Embedding, SimpleRNN, Dense")
    for values in (OUTPUT, OUTPUT[:, :, 0]):
        np.testing.assert_array_equal(model_ragged.ragged(trial, values).flat_values, values[VALID])


def packed():
    """The valid steps of the output at the front of each row, else 7."""
    found = np.full_like(OUTPUT, 7)
    found[FRONT] = OUTPUT[VALID]
    return found


@pytest.mark.parametrize(
    "result, expected",
    [
        (SimpleNamespace(flat_values=OUTPUT[VALID]), RESULTS[0]),
        (SimpleNamespace(flat_values=OUTPUT[VALID] + 1), RESULTS[1]),
        (packed(), RESULTS[0]),
        (OUTPUT, RESULTS[1]),  # padded where the batch was padded
    ],
    ids=["ragged", "other ragged", "padded at the end", "padded as before"],
)
def test_what_a_ragged_batch_gives_is_compared_at_valid_steps(result, expected):
    trial = trial_of("models.Sequential of Embedding, SimpleRNN, Dense")
    assert model_ragged.compared(trial, result) == expected


def test_a_result_without_steps_is_compared_as_a_whole():
    last = OUTPUT[:, 0]
    trial = trial_of("LSTM without sequences", outputs=[last], masks=[None])
    assert model_ragged.compared(trial, last) == RESULTS[0]
    assert model_ragged.compared(trial, last + 1) == RESULTS[1]


def test_a_text_is_the_strings_of_its_row_without_the_padding():
    trial = trial_of("StringLookup")
    found = model_texts.texts(trial)
    assert found.shape == (4, 1)
    assert [len(text.split()) for text in found[:, 0]] == VALID.sum(1).tolist()
    assert found[2, 0].split() == list(trial.given.inputs[0][2, 2:])


@pytest.mark.parametrize(
    "mask, expected",
    [(FRONT, 0), (None, 1), (np.ones_like(FRONT), 2), (VALID, 3)],
    ids=["each text", "none", "every step", "another"],
)
def test_the_mask_of_texts_has_a_name(mask, expected):
    trial = trial_of("StringLookup")
    trial.once("texts: called", lambda: (packed(), mask))
    assert ASPECTS["model-texts.mask"].ask(trial) == model_texts.MASKS[expected]


def test_results_of_texts_are_compared_at_the_steps_of_the_texts():
    for output, expected in ((packed(), RESULTS[0]), (OUTPUT, RESULTS[1])):
        trial = trial_of("StringLookup")
        trial.once("texts: called", lambda output=output: (output, FRONT))
        assert ASPECTS["model-texts.results"].ask(trial) == expected


# --- constants -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result, expected",
    [(OUTPUT, 0), (OUTPUT + 1, 1), (OUTPUT + 2, 2)],
    ids=model_constants.USED,
)
@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_what_becomes_of_a_constant_mask_is_told(monkeypatch, kind, result, expected):
    trial = trial_of("whose mask is an input")

    def built(trial, mask):
        return lambda x: OUTPUT + 1 if mask is None else result

    monkeypatch.setattr(model_constants, "built", built)
    assert ASPECTS[f"model-constants.{kind}"].ask(trial) == model_constants.USED[expected]


# --- policies of single layers -------------------------------------------------------------------


class Fake:
    """A model of tokens in which padding reaches the results, or the loss, or both."""

    def __init__(self, results, loss):
        self.results, self.loss = results, loss

    def set_weights(self, weights):
        self.vector = weights[0][0]

    def get_weights(self):
        return [np.tile(self.vector, (9, 1)), np.zeros(3)]

    def reset_metrics(self):
        pass

    def __call__(self, inputs):
        return OUTPUT + self.results * self.vector.sum()

    def test_on_batch(self, x, y):
        return 0.5 + self.loss * abs(y[~VALID]).sum()

    def train_on_batch(self, x, y):
        self.vector = self.vector + self.results
        return 0.5


PLACE = "model-layers.mixed_float16-SimpleRNN"


def in_place(monkeypatch, results, loss):
    monkeypatch.setattr(model_layers, "built", lambda *_: Fake(results, loss))
    return trial_of("models.Sequential of Embedding, SimpleRNN, Dense")


@pytest.mark.parametrize(
    "results, loss, expected",
    [(0, 0, 0), (1, 0, 1), (0, 1, 2), (1, 1, 3)],
    ids=model_layers.REACHED,
)
def test_what_the_padding_reaches_is_told(monkeypatch, results, loss, expected):
    trial = in_place(monkeypatch, results, loss)
    assert ASPECTS[f"{PLACE}-reached"].ask(trial) == model_layers.REACHED[expected]


def test_a_trained_vector_of_the_padding_is_noticed(monkeypatch):
    found = [ASPECTS[f"{PLACE}-vector"].ask(in_place(monkeypatch, r, 0)) for r in (0, 1)]
    assert found == ["no", "yes"]


@pytest.mark.parametrize(
    "mask, expected", [(MASK, 0), (None, 1), (~MASK, 2)], ids=model_layers.MASKS
)
def test_a_lost_mask_is_told_from_another(monkeypatch, mask, expected):
    trial = in_place(monkeypatch, 0, 0)
    trial.once("SimpleRNN in mixed_float16: called", lambda: Seen((OUTPUT,), (mask,)))
    assert ASPECTS[f"{PLACE}-mask"].ask(trial) == model_layers.MASKS[expected]


def test_every_place_of_a_policy_is_asked_about():
    assert model_layers.ASKED.keys() == model_layers.LAYERS.keys() | model_layers.AUTOCAST.keys()


# --- losses that are added or weighted -----------------------------------------------------------


def test_what_an_activity_loss_is_divided_by_can_be_told_from_its_value():
    each = (OUTPUT.astype("float64") ** 2).sum(-1)
    every, valid = each.sum(), each[VALID].sum()
    for name, told in zip(model_added.ACTIVITY, (every / 4, every, valid / 4, valid, 0.0)):
        trial = trial_of("models.Sequential of Embedding, SimpleRNN, Dense")
        trial.once("model", lambda: SimpleNamespace(inputs=["x"]))
        trial.once("activity", lambda told=told: told)
        assert ASPECTS["model-loss.activity"].ask(trial) == name


@pytest.mark.parametrize("told", range(4), ids=model_added.SUMS)
def test_a_sum_of_losses_is_told_from_each(told):
    trial = trial_of("models.Sequential of Embedding, SimpleRNN, Dense")
    trial.once("model", lambda: SimpleNamespace(inputs=["x"]))
    trial.once("tested", lambda: 0.5)
    trial.once("add_loss False", lambda: 0.75)
    trial.once("add_loss beside", lambda: (1.25, 0.5, 0.75, 3.0)[told])
    assert ASPECTS["model-loss.add-loss-beside"].ask(trial) == model_added.SUMS[told]


@pytest.mark.parametrize("second", [OUTPUT[::-1], OUTPUT[:, 0]], ids=["masked", "without steps"])
def test_a_weighted_loss_tells_what_each_loss_is_divided_by(second):
    trial = trial_of("of two outputs, both masked", [OUTPUT, second], [MASK, None])
    one, other = (model_added.by_divisor(trial, place) for place in (0, 1))
    expected = {name: 2 * one[name] + other[name] / 2 for name in one}
    plain = one["the valid steps"] + other["the valid steps"]
    assert apart([*expected.values(), plain])
    for name, told in [*expected.items(), (model_added.NO_WEIGHTS, plain), (model_added.ELSE, 9)]:
        mine = trial_of("of two outputs, both masked", [OUTPUT, second], [MASK, None])
        mine.once(f"loss_weights {model_added.WEIGHTS}", lambda told=told: told)
        mine.once("loss_weights (1.0, 1.0)", lambda: plain)
        assert ASPECTS["model-loss.weights"].ask(mine) == name
