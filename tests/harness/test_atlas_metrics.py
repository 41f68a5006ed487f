"""The atlas's metrics: their batches, and which answer a number is."""

import numpy as np
import pytest

from maskspec.atlas.asking import metric_batches, metric_by_hand, metric_in_model
from maskspec.atlas.aspects import NotAsked
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import SAMPLE_WEIGHTS, STEP_WEIGHTS, VALID
from maskspec.atlas.metric_trial import EVERY, SEEDS, MetricTrial, batch, joined
from maskspec.atlas.metrics import CLASSES, OWN, SUBJECTS, Metric


class Total:
    """A metric like those of Keras, of the errors or their squares, weighted by steps."""

    def __init__(self, power=1, root=False):
        self.power, self.root = power, root
        self.reset_state()

    def reset_state(self):
        self.total = self.weight = 0.0

    def update_state(self, targets, predictions, sample_weight=None):
        each = (np.abs(targets - predictions) ** self.power).mean(-1)
        weights = np.ones_like(each) if sample_weight is None else sample_weight
        self.total += (each * weights).sum()
        self.weight += weights.sum()

    def result(self):
        mean = self.total / self.weight
        return np.sqrt(mean) if self.root else mean


class Keras:
    """As much of a framework as references need."""

    class metrics:
        MeanAbsoluteError = Total

        @staticmethod
        def MeanSquaredError():
            return Total(2)

        @staticmethod
        def RootMeanSquaredError():
            return Total(2, root=True)

    tensor = numpy = staticmethod(np.asarray)


def trial(name):
    return MetricTrial(Keras, Metric(name, "fractions"))


def test_a_mean_is_told_from_what_is_none():
    assert trial("MeanSquaredError").is_a_mean
    assert not trial("RootMeanSquaredError").is_a_mean


@pytest.mark.parametrize("name", ["MeanAbsoluteError", "MeanSquaredError", "RootMeanSquaredError"])
@pytest.mark.parametrize(
    "known",
    [
        lambda t: metric_by_hand.known_of(t, t.given),
        lambda t: metric_by_hand.weighted_of(t, STEP_WEIGHTS),
        lambda t: metric_by_hand.weighted_of(t, metric_by_hand.per_step(SAMPLE_WEIGHTS)),
        metric_batches.known_of,
        lambda t: metric_batches.known_of(t, metric_batches.BOTH_WEIGHTS),
    ],
)
def test_no_two_answers_are_the_same_number(name, known):
    answers = known(trial(name))
    assert len(answers) > 1
    assert [metric_by_hand.name_of(value, answers) for value in answers.values()] == list(answers)


def test_the_answers_of_a_mean_are_its_divisors():
    mean = trial("MeanAbsoluteError")
    each = np.abs(mean.given.targets - mean.given.predictions).mean(-1)
    total = (each * VALID).sum()
    known = metric_by_hand.known_of(mean, mean.given)
    wanted = {
        metric_by_hand.VALID_STEPS: total / 6,
        metric_by_hand.ALL_STEPS: each.mean(),
        metric_by_hand.BY_ALL: total / 15,
        metric_by_hand.SUM: total,
        metric_by_hand.EACH_ROW: ((each * VALID).sum(1) / VALID.sum(1)).mean(),
    }
    assert known.keys() == wanted.keys()
    assert all(same(np.float32(known[name]), np.float32(wanted[name])) for name in wanted)


def test_a_number_that_two_answers_share_is_not_asked():
    one = np.float32(1)
    assert metric_by_hand.name_of(one, {"a": one, "b": one + 1}) == "a"
    assert metric_by_hand.name_of(one, {"a": one + 2, "b": one + 1}) == metric_by_hand.ELSE
    with pytest.raises(NotAsked, match="nothing tells a from b"):
        metric_by_hand.name_of(one, {"a": one, "b": one})


@pytest.mark.parametrize("targets", sorted(SEEDS.keys() - {"values"}))
def test_other_predictions_differ_at_masked_steps_only(targets):
    given = batch(targets)
    other = metric_in_model.others(given)
    assert np.array_equal(given.predictions[VALID], other.predictions[VALID])
    assert (given.predictions[~VALID] != other.predictions[~VALID]).reshape(9, -1).any(1).sum() > 6


def test_batches_are_joined_row_by_row():
    one, other = batch("classes")._replace(mask=VALID), batch("classes", number=1)
    both = joined([one, other])
    assert both.predictions.shape == (6, 5, 6)
    assert np.array_equal(both.mask, np.concatenate([VALID, EVERY]))
    assert not np.array_equal(one.targets, other.targets)


def test_every_subject_stands_for_a_class():
    assert {one.targets for one in SUBJECTS} == SEEDS.keys()
    names = {one.stands_for for one in SUBJECTS}
    assert {"TopKCategoricalAccuracy", "PearsonCorrelation", "MeanAbsoluteError"} <= names
    assert {one.given for one in SUBJECTS if one.is_own or one.is_string} == {*OWN, *CLASSES}
