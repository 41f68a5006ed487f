"""Metrics of compiled models, in ``metrics=`` and in ``weighted_metrics=``."""

from functools import partial
from typing import Any

from maskspec.atlas.asking.metric_by_hand import (
    LAID_OUT,
    STEPS_OF,
    WEIGHTED_OF,
    flat,
    has_single_features,
    is_the_first,
    known_of,
    masked,
    name_of,
    per_step,
    single,
    weighted_of,
)
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import STEP_WEIGHTS, VALID, WEIGHTS
from maskspec.atlas.metric_trial import EVERY, Given, MetricTrial
from maskspec.atlas.metrics import OWN, Metric
from maskspec.atlas.trial import Raised

MASKED = "masked"
ARGUMENTS = {"fit": "metrics", "weighted": "weighted_metrics"}  # by kind, the argument of compile
YES = ("no", "yes")
SPELLED = ("the same", "another number")


def compares(subject: Metric) -> bool:
    """Whether it compares targets and predictions, as one in a compiled model has to."""
    return not subject.is_of_values


def compares_in_model(subject: Metric) -> bool:
    """A class in its first set-up, a function of one's own or a string."""
    return compares(subject) and not (subject.is_function or subject.is_variant)


of_all = partial(aspect, applies=compares)
of_most = partial(aspect, applies=compares_in_model)


def seen(trial: MetricTrial, what: str, *givens: Given, **more: Any) -> Array:
    """What a model tells; raise ``NotAsked`` if the plain call behind a mask raises already."""
    try:
        trial.in_a_model(MASKED, masked(trial), place=more.get("place", "metrics"))
    except Raised as error:
        raise NotAsked(f"it raises {error} behind any mask") from None
    return trial.in_a_model(what, *givens, **more)


def ask_in(kind: str, place: str) -> None:
    """Ask of the metric that is given in the argument ``place``."""

    @of_all(
        f"metric-{kind}.steps",
        f"Of which steps is the metric in {place}= if the output carries a mask?",
        STEPS_OF,
    )
    def steps(trial: MetricTrial) -> str:
        found = trial.in_a_model(MASKED, masked(trial), place=place)
        return name_of(found, known_of(trial, trial.given))


SINGLE = (  # some of each way that metrics treat weights, and functions of one's own
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "MeanIoU",
    "MeanSquaredError",
    "RootMeanSquaredError",
    "TruePositives",
    *OWN,
)


def single_in_model(subject: Metric) -> bool:
    return has_single_features(subject) and subject.given in SINGLE


@aspect(
    "metric-fit.no-features",
    "Of which steps is the metric in metrics= of an output of (batch, steps)?",
    STEPS_OF,
    single_in_model,
)
def no_features(trial: MetricTrial) -> str:
    found = seen(trial, "no features", flat(masked(trial)), alone=True)
    return name_of(found, known_of(trial, single(trial.given)))


@of_most(
    "metric-fit.counts",
    "Do masked steps change the metric in metrics= if the output carries a mask?",
    YES,
)
def counts(trial: MetricTrial) -> str:
    values = [trial.of(one, EVERY) for one in (trial.given, others(trial.given))]
    if same(*values):
        raise NotAsked("other values at these steps do not change what all steps give")
    other = seen(trial, "others", others(masked(trial)))
    return YES[not same(other, trial.in_a_model(MASKED, masked(trial)))]


def others(given: Given) -> Given:
    """``given`` with other predictions at masked steps: of each, the features turned around.

    Of one feature, it is what is missing to one, and of a number the next one of six.
    """
    changed = given.predictions.copy()
    padding = changed[~VALID]
    if padding.shape[-1] > 1:
        changed[~VALID] = padding[:, ::-1]
    elif given.targets.dtype.kind == "f":
        changed[~VALID] = 1 - padding
    else:
        changed[~VALID] = (padding + 1) % 6
    return given._replace(predictions=changed)


def ask_weights(kind: str, layout: str, weights: Array) -> None:
    place = ARGUMENTS[kind]

    @of_most(
        f"metric-{kind}.{layout}-weights",
        f"Of what is the metric in {place}= of a masked output with {LAID_OUT[layout]}?",
        WEIGHTED_OF,
    )
    def ask(trial: MetricTrial) -> str:
        more = {"weights": weights, "place": place, "alone": kind == "weighted"}
        found = seen(trial, f"{layout} weights", masked(trial), **more)
        return name_of(found, weighted_of(trial, per_step(weights)))


for kind_of_metric, argument in ARGUMENTS.items():
    ask_in(kind_of_metric, argument)
for laid_out, values in WEIGHTS.items():
    ask_weights("weighted", laid_out, values)
ask_weights("fit", "step", STEP_WEIGHTS)


@aspect(
    "metric-fit.string",
    "Does the name of the function as a string give what the object gives behind a mask?",
    SPELLED,
    is_the_first,
)
def string(trial: MetricTrial) -> str:
    name = function_of(trial)
    found = seen(trial, "string", masked(trial), name=name, alone=True)
    return SPELLED[not same(found, trial.in_a_model(MASKED, masked(trial)))]


def function_of(trial: MetricTrial) -> str:
    """The name of the function behind the class; raise ``NotAsked`` if there is none."""
    metric: Any = trial.build()
    name = getattr(getattr(metric, "_fn", None), "__name__", "")
    if not name or not hasattr(trial.keras.metrics, name):
        raise NotAsked("the class has no public function")
    return str(name)


def is_simple(subject: Metric) -> bool:
    """One metric that is a mean and one that is none, where the framework looks at no more."""
    return is_the_first(subject) and subject.given in ("MeanSquaredError", "TruePositives")


@aspect(
    "metric-fit.graph",
    "Does the compiled graph of a model tell the metric that eager execution tells?",
    SPELLED,
    is_simple,
)
def graph(trial: MetricTrial) -> str:
    found = seen(trial, "graph", masked(trial), eagerly=False, alone=True)
    return SPELLED[not same(found, trial.in_a_model(MASKED, masked(trial)))]
