"""Losses and their targets: padding of labels, a class that is ignored, a last axis of size one."""

from typing import Any

import numpy as np

from maskspec.atlas.asking.loss_by_hand import elements, ignores_a_class
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import ROWS, Given, LossTrial
from maskspec.atlas.losses import Loss

IGNORED = 1  # the class that the subject ignores
NO_YES, RESULTS = ("no", "yes"), ("the same", "other results")
REACHED = ("no", "the loss", "the gradients", "both")
RETURNED = ("zeros, and what it returns without it", "zeros, and others", "others")


def takes_labels(subject: Loss) -> bool:
    return subject.targets == "sequences"


@aspect(
    "loss-hand.padded-labels",
    "Do zeros behind the labels of a sequence change the loss?",
    NO_YES,
    takes_labels,
)
def padded_labels(trial: LossTrial) -> str:
    given = trial.given
    zeros = np.zeros((ROWS, 2), given.targets.dtype)
    longer = given._replace(targets=np.concatenate([given.targets, zeros], 1))
    found = trial.by_hand("padded labels", longer)
    return NO_YES[not same(found, trial.by_hand("labels", given))]


def takes_classes(subject: Loss) -> bool:
    return subject.targets == "classes"


@aspect(
    "loss-hand.targets-with-an-axis",
    "Do targets of shape (batch, steps, 1) give what those of shape (batch, steps) give?",
    RESULTS,
    takes_classes,
)
def targets_with_an_axis(trial: LossTrial) -> str:
    alike = []
    for rows in (ROWS, 1):  # an axis of one row is none to drop
        targets, predictions = (values[:rows] for values in trial.given[:2])
        deeper = trial.by_hand(f"deeper, {rows}", Given(targets[..., None], predictions))
        alike.append(same(deeper, trial.by_hand(f"plain, {rows}", Given(targets, predictions))))
    return RESULTS[not all(alike)]


def ignoring(trial: LossTrial, what: str, given: Given, ignored: int) -> Array:
    """The loss of ``given`` of a loss that ignores the class ``ignored``."""
    name = trial.subject.public_name

    def call() -> Any:
        loss = getattr(trial.keras.losses, name)(ignore_class=ignored)
        tensors = trial.keras.tensor(given.targets), trial.keras.tensor(given.predictions)
        return np.asarray(trial.keras.numpy(loss(*tensors)))

    found: Array = trial.once(f"ignoring {ignored}: {what}", call)
    return found


@aspect(
    "loss-hand.ignored-negative",
    "Is a class ignored that is no class, -1, as one that is?",
    RESULTS,
    ignores_a_class,
)
def ignored_negative(trial: LossTrial) -> str:
    given = trial.given
    negative = np.where(given.targets == IGNORED, -1, given.targets).astype(given.targets.dtype)
    found = ignoring(trial, "of -1", given._replace(targets=negative), -1)
    return RESULTS[not same(found, ignoring(trial, "of a class", given, IGNORED))]


@aspect(
    "loss-extremes.ignored-nan",
    "Does NaN in the predictions at steps of an ignored class reach the loss or its gradients?",
    REACHED,
    ignores_a_class,
)
def ignored_nan(trial: LossTrial) -> str:
    given, ignored = trial.given, trial.given.targets == IGNORED
    if not ignored.any() or ignored.all():
        raise NotAsked("there is no such step, or there are no others")
    spoilt = np.where(ignored[..., None], np.float32("nan"), given.predictions)
    spoilt_batch = given._replace(predictions=spoilt.astype("float32"))
    loss = np.isnan(ignoring(trial, "of NaN", spoilt_batch, IGNORED)).any()
    gradient = np.isnan(trial.gradient("NaN at ignored", spoilt_batch)).any()
    return REACHED[int(loss) + 2 * int(gradient)]


def can_ignore_a_class(subject: Loss) -> bool:
    return subject.public_name == "sparse_categorical_crossentropy"


@aspect(
    "loss-hand.function-ignore-class",
    "What does the function with ignore_class= return at steps of that class, and elsewhere?",
    RETURNED,
    can_ignore_a_class,
)
def function_ignore_class(trial: LossTrial) -> str:
    given = trial.given

    def call() -> Any:
        tensors = trial.keras.tensor(given.targets), trial.keras.tensor(given.predictions)
        found = trial.keras.losses.sparse_categorical_crossentropy(*tensors, ignore_class=IGNORED)
        return np.asarray(trial.keras.numpy(found))

    found, ignored = trial.once("function, ignoring", call), given.targets == IGNORED
    if found.shape != ignored.shape:
        raise NotAsked("the function has no number for each step")
    if np.abs(found[ignored]).max() > 0:
        return RETURNED[2]
    return RETURNED[not same(found[~ignored], trial.elements[~ignored])]


ALONE = ("the steps of other classes", "all steps", "something else")


@aspect(
    "loss-hand.ignore-class-alone",
    "Called by hand, by what is a loss without a mask divided that ignores a class?",
    ALONE,
    ignores_a_class,
)
def ignore_class_alone(trial: LossTrial) -> str:
    kept = trial.given.targets != IGNORED
    total = (elements(trial) * kept).sum()
    found = trial.by_hand("no mask", trial.given)
    for name, count in zip(ALONE, (kept.sum(), kept.size)):
        if same(np.asarray(found, "float32"), np.asarray(total / count, "float32")):
            return name
    return ALONE[2]
