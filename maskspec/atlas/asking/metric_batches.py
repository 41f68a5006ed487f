"""Metrics over several batches that have different numbers of valid steps."""

from typing import Dict, Optional, Tuple

import numpy as np

from maskspec.atlas.asking.metric_by_hand import ELSE, is_the_first, name_of
from maskspec.atlas.asking.metric_in_model import seen
from maskspec.atlas.aspects import aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import ROWS, STEP_WEIGHTS, STEPS, VALID
from maskspec.atlas.metric_trial import Given, MetricTrial, batch, joined
from maskspec.atlas.metrics import OWN, Metric

MANY = np.arange(STEPS) < np.array([[5], [4], [3]])  # bool (3, 5): 12 steps, twice as many
BOTH_WEIGHTS = np.concatenate([STEP_WEIGHTS, STEP_WEIGHTS[::-1] + 1])  # float32 (6, 5)
OVER = (
    "the valid steps of both",
    "all steps of both: the mask is not used",
    "the mean of what each batch's valid steps give",
    "the valid steps of the last batch",
    "the valid steps of both, divided by all steps",
    "all steps of each batch, by the share of its valid steps",
    ELSE,
)


def givens(trial: MetricTrial) -> Tuple[Given, Given]:
    other = batch(trial.subject.targets, number=1)
    return trial.given._replace(mask=VALID), other._replace(mask=MANY)


def known_of(trial: MetricTrial, weights: Optional[Array] = None) -> Dict[str, Array]:
    """What the metric of both batches is, by the steps that count; with ``weights`` of (6, 5)."""
    both, masks = joined(givens(trial)), np.concatenate([VALID, MANY])
    first = np.arange(2 * ROWS)[:, None] < ROWS
    each = [trial.of(both, masks & rows, weights) for rows in (first, ~first)]
    every = trial.of(both, np.ones_like(masks), weights)
    values = [trial.of(both, masks, weights), every, np.mean(each, 0), each[1]]
    found = dict(zip(OVER, values))
    if trial.is_a_mean:
        shares = masks if weights is None else masks * weights
        by_all = [trial.of(both, rows & (masks | True)) for rows in (first, ~first)]
        found[OVER[5]] = np.average(by_all, 0, [shares[:ROWS].sum(), shares[ROWS:].sum()])
        if weights is None:
            found[OVER[4]] = values[0] * masks.sum() / masks.size
    return found


@aspect(
    "metric-batches.hand",
    "Called by hand on two batches of masked predictions, of what is the metric?",
    OVER,
    is_the_first,
)
def by_hand(trial: MetricTrial) -> str:
    return name_of(trial.by_hand("two batches", *givens(trial)), known_of(trial))


def is_one_of_a_sort(subject: Metric) -> bool:
    """Means, and what keeps more than one sum, stand for others: the loop over batches is one."""
    some = ("MeanSquaredError", "RootMeanSquaredError", "AUC", "MeanIoU", "accuracy", *OWN)
    return subject.given in some and not subject.is_variant


@aspect(
    "metric-batches.fit",
    "Of what is the metric in metrics= that evaluate() tells of two batches behind a mask?",
    OVER,
    is_one_of_a_sort,
)
def in_metrics(trial: MetricTrial) -> str:
    return name_of(seen(trial, "two batches", *givens(trial)), known_of(trial))


@aspect(
    "metric-batches.weighted",
    "Of what is that in weighted_metrics= of two batches with a weight for each step?",
    OVER,
    is_one_of_a_sort,
)
def in_weighted_metrics(trial: MetricTrial) -> str:
    more = {"weights": BOTH_WEIGHTS, "place": "weighted_metrics", "alone": True}
    found = seen(trial, "two weighted batches", *givens(trial), **more)
    return name_of(found, known_of(trial, BOTH_WEIGHTS))


RESET = ("what a new metric is", "another number")


@aspect(
    "metric-batches.reset",
    "After reset_state(), what is the metric of the next masked batch?",
    RESET,
    is_the_first,
)
def reset(trial: MetricTrial) -> str:
    one, other = givens(trial)
    fresh = trial.by_hand("the second batch", other)
    return RESET[not same(trial.after_reset(one, other), fresh)]
