"""Losses that are called by hand: which masks they see, and what they divide by."""

from functools import partial
from typing import Dict, Optional

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import (
    ROWS,
    STEP_WEIGHTS,
    STEPS,
    VALID,
    WEIGHTS,
    Given,
    LossTrial,
)
from maskspec.atlas.losses import Loss

UNUSED, NO_WEIGHTS, ELSE = "the mask is not used", "the weights are not used", "something else"
VALID_STEPS, ALL_STEPS, NOTHING = "the valid steps", "all steps", "nothing: it is the sum"
EACH_ROW = "the valid steps of each row, then the rows"
DIVISORS = (VALID_STEPS, ALL_STEPS, EACH_ROW, NOTHING, UNUSED, ELSE)
WEIGHTED = (
    VALID_STEPS,
    ALL_STEPS,
    "the weights of valid steps",
    "the weights of all steps",
    NOTHING,
    UNUSED,
    NO_WEIGHTS,
    ELSE,
)


def ignores_a_class(subject: Loss) -> bool:
    return "ignore_class" in dict(subject.arguments)


def is_a_class(subject: Loss) -> bool:
    """A class that takes all steps: one that ignores some is asked apart."""
    return not subject.is_function and not ignores_a_class(subject)


def is_the_first(subject: Loss) -> bool:
    """A class without arguments of its own: not every set-up needs every question."""
    return is_a_class(subject) and not subject.is_variant


def is_any(subject: Loss) -> bool:
    return not ignores_a_class(subject)


of_all = partial(aspect, applies=is_any)
of_classes = partial(aspect, applies=is_a_class)
of_first = partial(aspect, applies=is_the_first)


def elements(trial: LossTrial) -> Array:
    """The loss of each step, (3, 5), without a mask; raise ``NotAsked`` if there is none."""
    found = trial.elements
    if found.shape != (ROWS, STEPS):
        raise NotAsked("the loss has no number for each step")
    return found


def name_of(value: Array, known: Dict[str, Array]) -> str:
    """Which of the ``known`` numbers ``value`` is: the first that is the same."""
    for name, number in known.items():
        if same(np.asarray(value, "float32"), np.asarray(number, "float32")):
            return name
    return ELSE


def divisors(each: Array, mask: Array = VALID) -> Dict[str, Array]:
    """What the loss of steps that cost ``each`` is, by what it is divided by."""
    total = (each * mask).sum()
    return {
        VALID_STEPS: total / mask.sum(),
        ALL_STEPS: total / mask.size,
        EACH_ROW: ((each * mask).sum(1) / mask.sum(1)).mean(),
        NOTHING: total,
        UNUSED: each.mean(),
    }


def weighted_divisors(each: Array, weights: Array) -> Dict[str, Array]:
    """The same for steps with ``weights`` (3, 5), behind the mask of the trial."""
    total = (each * weights * VALID).sum()
    return {
        VALID_STEPS: total / VALID.sum(),
        ALL_STEPS: total / VALID.size,
        "the weights of valid steps": total / (weights * VALID).sum(),
        "the weights of all steps": total / weights.sum(),
        NOTHING: total,
        UNUSED: (each * weights).mean(),
        NO_WEIGHTS: (each * VALID).sum() / VALID.sum(),
    }


def per_step(weights: Array) -> Array:
    """``weights`` of samples or of steps, for each step: float32 (3, 5)."""
    return weights.reshape(ROWS, -1) * np.ones((ROWS, STEPS), "float32")


def by_mask(trial: LossTrial, what: str, mask: Optional[Array], targets: Optional[Array]) -> str:
    each = elements(trial)
    found = trial.by_hand(what, trial.given._replace(mask=mask, targets_mask=targets))
    return name_of(found, divisors(each))


@of_classes(
    "loss-hand.mask",
    "Called by hand, by what is the loss divided if the predictions carry a mask?",
    DIVISORS,
)
def mask_of_predictions(trial: LossTrial) -> str:
    return by_mask(trial, "predictions' mask", VALID, None)


@of_classes(
    "loss-hand.targets-mask",
    "Called by hand, by what is the loss divided if the targets carry a mask?",
    DIVISORS,
)
def mask_of_targets(trial: LossTrial) -> str:
    return by_mask(trial, "targets' mask", None, VALID)


OTHER_MASK = np.arange(STEPS) >= np.array([[2], [1], [0]])  # bool (3, 5): 3, 4 and 5 valid steps
BOTH = ("steps valid in both", "the predictions'", "the targets'", "neither", ELSE)


@of_first(
    "loss-hand.both-masks",
    "Called by hand, which mask is used if predictions and targets carry one each?",
    BOTH,
)
def both_masks(trial: LossTrial) -> str:
    each, given = elements(trial), trial.given
    found = trial.by_hand("both", given._replace(mask=VALID, targets_mask=OTHER_MASK))
    masks = (VALID & OTHER_MASK, VALID, OTHER_MASK, np.ones_like(VALID))
    return name_of(found, {name: (each * m).sum() / m.sum() for name, m in zip(BOTH, masks)})


@of_first(
    "loss-hand.counts",
    "Called by hand, do masked steps change the loss of masked predictions?",
    ("no", "yes"),
)
def counts(trial: LossTrial) -> str:
    given = trial.given._replace(mask=VALID)
    found = (trial.by_hand(what, one) for what, one in (("predictions' mask", given),
                                                       ("others", others(given))))  # fmt: skip
    return "no" if same(*found) else "yes"


def others(given: Given) -> Given:
    """``given`` with other predictions at masked steps."""
    changed = given.predictions.copy()
    changed[~VALID] = changed[~VALID][:, ::-1]  # the features of each step, the other way round
    return given._replace(predictions=changed)


LAID_OUT = {  # weights, in a question
    "step": "a weight for each step",
    "sample": "a weight for each sample, (batch,)",
    "sample-column": "a column of weights for samples, (batch, 1)",
}


def ask_weights(kind: str, weights: Array) -> None:
    @of_first(
        f"loss-hand.{kind}-weights",
        f"Called by hand, by what is a masked loss divided with {LAID_OUT[kind]}?",
        WEIGHTED,
    )
    def ask(trial: LossTrial) -> str:
        known = weighted_divisors(elements(trial), per_step(weights))
        found = trial.by_hand(f"{kind} weights", trial.given._replace(mask=VALID), weights)
        return name_of(found, known)


for layout, values in WEIGHTS.items():
    ask_weights(layout, values)

SCALED = float(VALID.size / VALID.sum())
REDUCED = (
    "the sum over valid steps",
    "the sum over valid steps, scaled as if all were valid",
    "the sum over all steps",
    "each step, masked ones zero",
    "each step, masked ones zero, valid ones scaled",
    "each step, as without a mask",
    "the mean over valid steps",
    "the mean over all steps",
    ELSE,
)


def ask_reduction(reduction: str) -> None:
    @of_first(
        f"loss-hand.{reduction.replace('_', '-')}",
        f"What does reduction={reduction!r} return behind a mask of the predictions?",
        REDUCED,
    )
    def ask(trial: LossTrial) -> str:
        each, given = elements(trial), trial.given._replace(mask=VALID)
        masked = each * VALID
        numbers = (masked.sum(), masked.sum() * SCALED, each.sum(), masked, masked * SCALED, each,
                   masked.sum() / VALID.sum(), each.mean())  # fmt: skip
        found = trial.by_hand(f"reduction {reduction}", given, reduction=reduction)
        return name_of(found, dict(zip(REDUCED, numbers)))


for name in ("sum", "none", "mean", "mean_with_sample_weight"):
    ask_reduction(name)


@of_first(
    "loss-hand.reduction-weights",
    "By what does reduction='mean_with_sample_weight' divide a masked loss with step weights?",
    WEIGHTED,
)
def mean_with_sample_weight(trial: LossTrial) -> str:
    known = weighted_divisors(elements(trial), STEP_WEIGHTS)
    given, reduction = trial.given._replace(mask=VALID), "mean_with_sample_weight"
    found = trial.by_hand("weighted mean", given, STEP_WEIGHTS, reduction=reduction)
    return name_of(found, known)


IGNORING = (
    "valid steps of other classes",
    "the valid steps",
    "all steps of other classes",
    "all steps",
    ELSE,
)


def by_ignoring(trial: LossTrial, value: Array) -> str:
    """What ``value`` is divided by, the masked loss of a subject that ignores a class."""
    kept = trial.given.targets != dict(trial.subject.arguments)["ignore_class"]
    total = (elements(trial) * kept * VALID).sum()
    counts = ((kept & VALID).sum(), VALID.sum(), kept.sum(), kept.size)
    return name_of(value, {name: total / count for name, count in zip(IGNORING, counts)})


@aspect(
    "loss-hand.ignore-class",
    "Called by hand, by what is a masked loss divided that ignores a class?",
    IGNORING,
    ignores_a_class,
)
def ignore_class(trial: LossTrial) -> str:
    return by_ignoring(trial, trial.by_hand("predictions' mask", trial.given._replace(mask=VALID)))


def is_a_function(subject: Loss) -> bool:
    return subject.is_function


@aspect(
    "loss-hand.function",
    "Does the function, called by hand, use the mask that the predictions carry?",
    ("no", "yes"),
    is_a_function,
)
def function(trial: LossTrial) -> str:
    masked = trial.by_hand("masked", trial.given._replace(mask=VALID))
    return "no" if same(masked, trial.elements) else "yes"


GRADIENT = ("no", "yes")


@of_first(
    "loss-hand.gradient",
    "Called by hand, do predictions at masked steps get gradients?",
    GRADIENT,
)
def gradient(trial: LossTrial) -> str:
    found = trial.gradient("masked", trial.given._replace(mask=VALID))
    return "yes" if np.abs(found[~VALID]).max() > 0 else "no"


@of_first(
    "loss-hand.gradient-divisor",
    "By what are the gradients of valid steps divided behind a mask?",
    (VALID_STEPS, ALL_STEPS, ELSE),
)
def gradient_divisor(trial: LossTrial) -> str:
    elements(trial)  # which has a number for each step
    masked = trial.gradient("masked", trial.given._replace(mask=VALID))[VALID]
    plain = trial.gradient("without a mask", trial.given)[VALID]  # divided by all steps
    return name_of(masked, {VALID_STEPS: plain * SCALED, ALL_STEPS: plain})
