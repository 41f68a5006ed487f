"""Extremes of metrics: rows and batches without a valid step, NaN and infinity."""

import numpy as np

from maskspec.atlas.asking.loss_extremes import NUMBERS, kind_of, without
from maskspec.atlas.asking.metric_by_hand import is_the_first, masked, name_of
from maskspec.atlas.asking.metric_in_model import ARGUMENTS, MASKED, of_most, seen
from maskspec.atlas.aspects import aspect
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import VALID
from maskspec.atlas.metric_trial import EVERY, Given, MetricTrial

COUNTS = (
    "as no row",
    "as a row of zeros",
    "with all its steps: the mask is not used",
    "NaN or infinity",
    "in another way",
)
REACHES = ("no", "another number", "NaN or infinity")


@of_most(
    "metric-extremes.dead-row",
    "How does a row without a valid step count in the metric in metrics=?",
    COUNTS,
)
def dead_row(trial: MetricTrial) -> str:
    given, mask = trial.given, without(2)
    found = seen(trial, "dead row", given._replace(mask=mask))
    if not np.isfinite(found).all():
        return COUNTS[3]
    rest = trial.of(given, mask)
    known = {COUNTS[0]: rest, COUNTS[2]: trial.of(given, EVERY)}
    if trial.is_a_mean:
        known[COUNTS[1]] = rest * 2 / 3
    name = name_of(found, known)
    return name if name in COUNTS else COUNTS[4]


@of_most(
    "metric-extremes.dead-batch",
    "What is the metric in metrics= of a batch without a valid step?",
    NUMBERS,
)
def dead_batch(trial: MetricTrial) -> str:
    given = trial.given._replace(mask=without(slice(None)))
    return kind_of(seen(trial, "dead batch", given))


def ask_reaches(kind: str, place: str) -> None:
    @of_most(
        f"metric-extremes.NaN-{kind}",
        f"Do predictions of NaN at masked steps reach the metric in {place}=?",
        REACHES,
    )
    def ask(trial: MetricTrial) -> str:
        found = seen(trial, "NaN predictions", predicted(trial), place=place)
        if not np.isfinite(found).all():
            return REACHES[2]
        return REACHES[not same(found, trial.in_a_model(MASKED, masked(trial), place=place))]


for kind, argument in ARGUMENTS.items():
    ask_reaches(kind, argument)


def predicted(trial: MetricTrial) -> Given:
    """The trial's masked call with NaN for each prediction at masked steps."""
    given = masked(trial)
    predictions = given.predictions.copy()
    predictions[~VALID] = np.nan
    return given._replace(predictions=predictions)


@aspect(
    "metric-extremes.NaN-as-weights",
    "Called by hand, do predictions of NaN reach the metric where sample_weight= is zero?",
    REACHES,
    is_the_first,
)
def zero_weights(trial: MetricTrial) -> str:
    weights = VALID.astype("float32")
    given = predicted(trial)._replace(mask=None)
    found = trial.by_hand("NaN and weights", given, weights=weights)
    if not np.isfinite(found).all():
        return REACHES[2]
    return REACHES[not same(found, trial.by_hand("mask as floats", trial.given, weights=weights))]
