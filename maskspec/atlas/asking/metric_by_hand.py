"""Metrics that are called by hand: with masked predictions, and with the mask as weights."""

from functools import partial
from typing import Dict, Optional

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import ROWS, STEPS, VALID, WEIGHTS
from maskspec.atlas.metric_trial import EVERY, Given, MetricTrial
from maskspec.atlas.metrics import Metric

ELSE = "something else"
VALID_STEPS, ALL_STEPS = "the valid steps", "all steps: the mask is not used"
BY_ALL, EACH_ROW = "the valid steps, divided by all steps", "each row's valid steps, then the rows"
SUM, KEPT = "the valid steps, divided by nothing", "the valid steps of other classes"
STEPS_OF = (VALID_STEPS, ALL_STEPS, BY_ALL, EACH_ROW, SUM, KEPT, ELSE)
WEIGHTED = "the valid steps, weighted"
WEIGHTED_OF = (
    WEIGHTED,
    "all steps, weighted: the mask is not used",
    "the valid steps: the weights are not used",
    "all steps: neither is used",
    "the valid steps, weighted, divided by the valid steps",
    "the valid steps, weighted, divided by all steps",
    "the valid steps, weighted, divided by the weights of all steps",
    "each row's valid steps, then the rows, weighted",
    ELSE,
)
LAID_OUT = {  # weights, in a question
    "step": "a weight for each step",
    "sample": "a weight for each sample, (batch,)",
    "sample-column": "a column of weights for samples, (batch, 1)",
}


def is_a_class(subject: Metric) -> bool:
    return subject.is_class


def is_the_first(subject: Metric) -> bool:
    """A class in its first set-up: not every one needs every question."""
    return subject.is_class and not subject.is_variant


of_first = partial(aspect, applies=is_the_first)


def name_of(value: Array, known: Dict[str, Array]) -> str:
    """Which of the ``known`` values ``value`` is; raise ``NotAsked`` if two of them are alike."""
    names = [name for name, one in known.items() if same(value, np.asarray(one, "float32"))]
    if len(names) > 1:
        raise NotAsked(f"nothing tells {' from '.join(names)}")
    return names[0] if names else ELSE


def known_of(trial: MetricTrial, given: Given) -> Dict[str, Array]:
    """What the metric of ``given`` is, by the steps that count and what it is divided by."""
    mask = VALID if given.mask is None else given.mask
    valid = trial.of(given, mask)
    found = {VALID_STEPS: valid, ALL_STEPS: trial.of(given, EVERY)}
    if trial.is_a_mean:
        rows = [trial.of(given, mask & row) for row in alone()]
        found.update({BY_ALL: valid * mask.sum() / mask.size, SUM: valid * mask.sum(),
                      EACH_ROW: np.mean(rows, 0)})  # fmt: skip
    ignored = dict(trial.subject.arguments).get("ignore_class")
    if ignored is not None:
        one_hot = given.targets.size > mask.size
        classes = given.targets.argmax(-1) if one_hot else given.targets.reshape(mask.shape)
        kept = trial.of(given, mask & (classes != ignored))
        if not same(kept, valid):  # of valid steps alone, the metric may count those as zero
            found[KEPT] = kept
    return found


def alone() -> Array:
    """For each row, where it is: bool (3, 3, 5)."""
    return np.eye(ROWS, dtype=bool)[:, :, None] & EVERY


def weighted_of(trial: MetricTrial, weights: Array) -> Dict[str, Array]:
    """The same of the trial's call with ``weights`` (3, 5)."""
    given = trial.given
    valid = trial.of(given, VALID, weights)
    values = [valid, trial.of(given, EVERY, weights), trial.of(given, VALID),
              trial.of(given, EVERY)]  # fmt: skip
    if trial.is_a_mean:
        total = valid * weights[VALID].sum()
        rows = [trial.of(given, VALID & row) for row in alone()]
        shares = weights.mean(1) / weights.mean(1).sum()
        values += [total / VALID.sum(), total / VALID.size, total / weights.sum(),
                   np.tensordot(shares, np.array(rows), 1)]  # fmt: skip
    return dict(zip(WEIGHTED_OF, values))


def per_step(weights: Array) -> Array:
    """``weights`` of samples or of steps, for each step: float32 (3, 5)."""
    return weights.reshape(ROWS, -1) * np.ones((ROWS, STEPS), "float32")


def masked(trial: MetricTrial) -> Given:
    return trial.given._replace(mask=VALID)


def ask_steps(name: str, question: str, what: str, weights: Optional[Array] = None) -> None:
    """Ask what the metric is that gets the mask with the predictions, or as ``weights``."""

    @aspect(name, question, STEPS_OF, is_the_first if "booleans" in name else is_a_class)
    def ask(trial: MetricTrial) -> str:
        given = trial.given if weights is not None else masked(trial)
        return name_of(trial.by_hand(what, given, weights=weights), known_of(trial, trial.given))


ask_steps(
    "metric-hand.mask",
    "Called by hand, of which steps is the metric if the predictions carry a mask?",
    "predictions' mask",
)
ask_steps(
    "metric-hand.mask-as-weights",
    "Called by hand, of which steps is the metric if sample_weight= is the mask as floats?",
    "mask as floats",
    VALID.astype("float32"),
)
ask_steps(
    "metric-hand.mask-of-booleans",
    "Called by hand, of which steps is the metric if sample_weight= is the mask of booleans?",
    "mask of booleans",
    VALID,
)


def ask_weights(kind: str, weights: Array) -> None:
    @of_first(
        f"metric-hand.{kind}-weights",
        f"Called by hand, of what is the metric of masked predictions with {LAID_OUT[kind]}?",
        WEIGHTED_OF,
    )
    def ask(trial: MetricTrial) -> str:
        found = trial.by_hand(f"{kind} weights", masked(trial), weights=weights)
        return name_of(found, weighted_of(trial, per_step(weights)))


for layout, values in WEIGHTS.items():
    ask_weights(layout, values)


def has_single_features(subject: Metric) -> bool:
    """Whether a step may be one number, without an axis of features."""
    kinds = ("fractions", "signs", "labels", "numbers")
    return subject.targets in kinds and not subject.is_variant


def flat(given: Given) -> Given:
    """``given`` with the first feature of each step alone, and no axis of features."""
    return given._replace(targets=given.targets[..., 0], predictions=given.predictions[..., 0])


def single(given: Given) -> Given:
    """The same with an axis of one feature."""
    return given._replace(targets=given.targets[..., :1], predictions=given.predictions[..., :1])


def is_a_class_of_single_features(subject: Metric) -> bool:
    return subject.is_class and has_single_features(subject)


@aspect(
    "metric-hand.no-features",
    "Called by hand on (batch, steps), of which steps is it if sample_weight= is the mask?",
    STEPS_OF,
    is_a_class_of_single_features,
)
def no_features(trial: MetricTrial) -> str:
    found = trial.by_hand("no features", flat(trial.given), weights=VALID.astype("float32"))
    return name_of(found, known_of(trial, single(trial.given)))


def is_a_function(subject: Metric) -> bool:
    return subject.is_function


@aspect(
    "metric-hand.function",
    "Does the function, called by hand, use the mask that the predictions carry?",
    ("no", "yes"),
    is_a_function,
)
def function(trial: MetricTrial) -> str:
    plain, found = trial.called("plain", trial.given), trial.called("masked", masked(trial))
    return "no" if same(plain, found) else "yes"
