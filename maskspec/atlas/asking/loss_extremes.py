"""Extremes of losses: rows and batches without a valid step, NaN and infinity."""

from typing import Any

import numpy as np

from maskspec.atlas.asking.loss_by_hand import of_classes, of_first
from maskspec.atlas.aspects import NotAsked
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import VALID, Given, LossTrial

NUMBERS = ("zero", "a finite number", "NaN or infinity")
COUNTS = ("as no row", "as a row of zero loss", "NaN or infinity", "in another way")
REACHES = ("no", "yes")


def kind_of(value: Any) -> str:
    if not np.isfinite(value).all():
        return NUMBERS[2]
    return NUMBERS[0] if np.abs(value).max() < 1e-7 else NUMBERS[1]  # an epsilon in a divisor


def without(rows: Any) -> Array:
    mask = VALID.copy()
    mask[rows] = False
    return mask


@of_first(
    "loss-extremes.dead-row",
    "How does a row without a valid step count in the loss of a compiled model?",
    COUNTS,
)
def dead_row(trial: LossTrial) -> str:
    given = trial.given
    found = trial.in_a_model("dead row", given._replace(mask=without(2)))
    if not np.isfinite(found):
        return COUNTS[2]
    rest = Given(given.targets[:2], given.predictions[:2], VALID[:2])
    alone = trial.in_a_model("without that row", rest)
    for name, times in zip(COUNTS, (1.0, 2 / 3)):
        if same(np.asarray(found, "float32"), np.asarray(alone * times, "float32")):
            return name
    return COUNTS[3]


@of_classes(
    "loss-extremes.dead-batch",
    "What is the loss of a compiled model for a batch without a valid step?",
    NUMBERS,
)
def dead_batch(trial: LossTrial) -> str:
    return kind_of(trial.in_a_model("dead batch", trial.given._replace(mask=without(slice(None)))))


@of_first(
    "loss-extremes.dead-batch-gradient",
    "What are the gradients of the predictions of a batch without a valid step?",
    NUMBERS,
)
def dead_batch_gradient(trial: LossTrial) -> str:
    given = trial.given._replace(mask=without(slice(None)))
    return kind_of(trial.gradient("dead batch", given))


def ask_reaches(what: str, value: float) -> None:
    @of_first(
        f"loss-extremes.{what}-predictions",
        f"Do predictions of {what} at masked steps reach the loss of a compiled model?",
        REACHES,
    )
    def predictions(trial: LossTrial) -> str:
        found = trial.in_a_model(f"{what} predictions", predicted(trial, value))
        return "no" if np.isfinite(found) else "yes"

    @of_first(
        f"loss-extremes.{what}-gradient",
        f"Do predictions of {what} at masked steps reach gradients of the loss?",
        REACHES,
    )
    def gradient(trial: LossTrial) -> str:
        found = trial.gradient(f"{what} predictions", predicted(trial, value))
        return "no" if np.isfinite(found).all() else "yes"


for name, number in (("NaN", float("nan")), ("infinity", float("inf"))):
    ask_reaches(name, number)


def predicted(trial: LossTrial, value: float) -> Given:
    """The trial's masked call with ``value`` for each prediction at masked steps."""
    given = trial.given
    predictions = given.predictions.copy()
    predictions[~VALID] = value
    return given._replace(predictions=predictions, mask=VALID)


@of_first(
    "loss-extremes.NaN-targets",
    "Do targets of NaN at masked steps reach the loss of a compiled model?",
    REACHES,
)
def targets(trial: LossTrial) -> str:
    given = trial.given
    if given.targets.dtype.kind != "f" or given.targets.shape[:2] != VALID.shape:
        raise NotAsked("the targets are no floats for each step")
    values = given.targets.copy()
    values[~VALID] = np.nan
    found = trial.in_a_model("NaN targets", given._replace(targets=values, mask=VALID))
    return "no" if np.isfinite(found) else "yes"
