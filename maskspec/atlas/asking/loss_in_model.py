"""Losses of compiled models: whether masked steps count, and what the loss is divided by."""

from typing import Any

import numpy as np

from maskspec.atlas.asking.loss_by_hand import (
    DIVISORS,
    IGNORING,
    LAID_OUT,
    WEIGHTED,
    by_ignoring,
    divisors,
    elements,
    ignores_a_class,
    is_the_first,
    name_of,
    of_all,
    of_first,
    others,
    per_step,
    weighted_divisors,
)
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import VALID, WEIGHTS, LossTrial
from maskspec.atlas.losses import Loss

MASKED = "masked"


def masked(trial: LossTrial) -> float:
    return trial.in_a_model(MASKED, trial.given._replace(mask=VALID))


@of_all(
    "loss-fit.divisor",
    "By what is the loss of a compiled model divided whose output carries a mask?",
    DIVISORS,
)
def divisor(trial: LossTrial) -> str:
    return name_of(np.asarray(masked(trial)), divisors(elements(trial)))


@of_all(
    "loss-fit.counts",
    "Do masked steps change the loss of a compiled model whose output carries a mask?",
    ("no", "yes"),
)
def counts(trial: LossTrial) -> str:
    other = trial.in_a_model("others", others(trial.given._replace(mask=VALID)))
    return "no" if close(masked(trial), other) else "yes"


def close(one: float, other: float) -> bool:
    return same(np.asarray(one, "float32"), np.asarray(other, "float32"))


@of_first(
    "loss-fit.all-true", "Does a mask that is True everywhere change the loss?", ("no", "yes")
)
def all_true(trial: LossTrial) -> str:
    found = trial.in_a_model("all true", trial.given)
    return (
        "no" if same(np.asarray(found, "float32"), trial.by_hand("plain", trial.given)) else "yes"
    )


def ask_weights(kind: str, weights: Array) -> None:
    @of_first(
        f"loss-fit.{kind}-weights",
        f"By what is the masked loss of a compiled model divided with {LAID_OUT[kind]}?",
        WEIGHTED,
    )
    def ask(trial: LossTrial) -> str:
        known = weighted_divisors(elements(trial), per_step(weights))
        given = trial.given._replace(mask=VALID)
        return name_of(np.asarray(trial.in_a_model(f"{kind} weights", given, weights)), known)


for layout, values in WEIGHTS.items():
    ask_weights(layout, values)


@aspect(
    "loss-fit.ignore-class",
    "By what is the masked loss of a compiled model divided that ignores a class?",
    IGNORING,
    ignores_a_class,
)
def ignore_class(trial: LossTrial) -> str:
    return by_ignoring(trial, np.asarray(masked(trial)))


def has_classes(subject: Loss) -> bool:
    return is_the_first(subject) and subject.targets in ("classes", "one-hot")


CLASS_WEIGHTS = {0: 0.5, 1: 1.5, 2: 1.0}


@aspect(
    "loss-fit.class-weight",
    "By what is the masked loss of a compiled model divided with class_weight=?",
    WEIGHTED,
    has_classes,
)
def class_weight(trial: LossTrial) -> str:
    targets = trial.given.targets
    classes = targets if targets.ndim == 2 else targets.argmax(-1)
    weights = np.vectorize(CLASS_WEIGHTS.get)(classes).astype("float32")
    given = trial.given._replace(mask=VALID)
    found = trial.in_a_model("class weight", given, class_weight=CLASS_WEIGHTS)
    return name_of(np.asarray(found), weighted_divisors(elements(trial), weights))


SPELLED = ("the same", "another number")


@of_first(
    "loss-fit.string",
    "Does the name of the loss as a string give what the object gives behind a mask?",
    SPELLED,
)
def string(trial: LossTrial) -> str:
    name = function_of(trial)
    found = trial.in_a_model("string", trial.given._replace(mask=VALID), name=name)
    return SPELLED[0] if close(found, masked(trial)) else SPELLED[1]


def function_of(trial: LossTrial) -> str:
    """The name of the function behind the class; raise ``NotAsked`` if there is none."""
    loss: Any = trial.build()
    function = getattr(loss, "fn", None)
    if function is None:
        raise NotAsked("the class has no function")
    return str(function.__name__)


def is_simple(subject: Loss) -> bool:
    """One loss stands for all where the framework does not look at which it is."""
    return is_the_first(subject) and subject.public_name in (
        "MeanSquaredError",
        "SparseCategoricalCrossentropy",
    )


@aspect(
    "loss-fit.graph",
    "Does the compiled graph of a model tell the loss that eager execution tells?",
    SPELLED,
    is_simple,
)
def graph(trial: LossTrial) -> str:
    given = trial.given._replace(mask=VALID)
    found = trial.in_a_model("graph", given, eagerly=False)
    return SPELLED[0] if close(found, masked(trial)) else SPELLED[1]
