"""The atlas of losses: what an outcome is told from, and what is remembered of a call."""

from itertools import combinations

import numpy as np
import pytest

from maskspec.atlas.asking.loss_by_hand import (
    DIVISORS,
    ELSE,
    REDUCED,
    WEIGHTED,
    divisors,
    name_of,
    others,
    per_step,
    weighted_divisors,
)
from maskspec.atlas.loss_trial import VALID, WEIGHTS, batch
from maskspec.atlas.losses import SUBJECTS
from maskspec.atlas.once import Once
from maskspec.atlas.trial import Raised
from maskspec.running.judging import Unavailable

KINDS = sorted({loss.targets for loss in SUBJECTS})
EACH = np.random.RandomState(1).uniform(0.5, 2, VALID.shape).astype("float32")


def apart(numbers):
    """Whether any two of ``numbers`` differ by a hundredth of the larger, and more."""
    return all(abs(a - b) > 0.01 * max(abs(a), abs(b)) for a, b in combinations(numbers, 2))


def test_each_divisor_gives_another_number():
    known = divisors(EACH)
    assert apart(known.values())
    assert [*known, ELSE] == list(DIVISORS)


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=list(WEIGHTS))
def test_each_divisor_of_weights_gives_another_number(weights):
    known = weighted_divisors(EACH, per_step(weights))
    assert apart(known.values())
    assert [*known, ELSE] == list(WEIGHTED)


def test_a_number_that_no_divisor_gives_is_something_else():
    assert name_of(np.asarray(123.0), divisors(EACH)) == ELSE
    assert len(set(REDUCED)) == len(REDUCED)


@pytest.mark.parametrize("kind", KINDS)
def test_targets_and_predictions_are_the_same_in_every_run(kind):
    one, other = batch(kind), batch(kind)
    assert (one.targets == other.targets).all() and (one.predictions == other.predictions).all()
    assert batch(kind, seed=1).predictions.tolist() != one.predictions.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_other_predictions_differ_at_every_masked_step_alone(kind):
    given = batch(kind)
    differs = (others(given).predictions != given.predictions).any(-1)
    assert (differs == ~VALID).all()


def test_names_of_losses_are_unique():
    names = [loss.name for loss in SUBJECTS]
    assert len(names) == len(set(names)) > 40


def test_what_is_tried_is_tried_once_and_remembered():
    calls, once = [], Once()
    for _ in range(2):
        assert once.once("answer", lambda: calls.append(1) or 42) == 42
    assert len(calls) == 1


@pytest.mark.parametrize(
    "error, seen", [(KeyError("x"), Raised), (Unavailable("no such loss"), Unavailable)], ids=repr
)
def test_an_error_is_remembered_too(error, seen):
    calls, once = [], Once()

    def fail():
        calls.append(1)
        raise error

    for _ in range(2):
        with pytest.raises(seen, match="KeyError|no such loss"):
            once.once("error", fail)
    assert len(calls) == 1
