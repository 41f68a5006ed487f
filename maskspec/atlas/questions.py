"""All subjects and all aspects of the atlas, in the order of the pages."""

from typing import Any, Dict, List, NamedTuple

from maskspec.atlas import layers, losses, metrics, models
from maskspec.atlas.asking import (
    attention,
    by_hand,
    dtypes,
    extremes,
    kernels,
    layouts,
    life,
    loss_by_hand,
    loss_extremes,
    loss_in_model,
    loss_targets,
    making,
    metric_batches,
    metric_by_hand,
    metric_extremes,
    metric_in_model,
    model_added,
    model_constants,
    model_dtypes,
    model_layers,
    model_life,
    model_loss,
    model_ragged,
    model_results,
    model_roads,
    model_texts,
    odd_masks,
    output,
    results,
    saying,
    sizes,
    statistics,
)
from maskspec.atlas.aspects import ASPECTS, Aspect
from maskspec.atlas.loss_trial import LossTrial
from maskspec.atlas.metric_trial import MetricTrial
from maskspec.atlas.model_trial import ModelTrial
from maskspec.atlas.trial import Trial

# Each registers some aspects.
MODULES = (output, making, results, statistics, extremes, dtypes,
           by_hand, attention, odd_masks, layouts, sizes, life, saying, kernels,
           loss_by_hand, loss_targets, loss_in_model, loss_extremes,
           metric_by_hand, metric_in_model, metric_batches, metric_extremes,
           model_results, model_loss, model_added, model_roads, model_ragged, model_texts,
           model_life, model_constants, model_dtypes, model_layers)  # fmt: skip
KINDS = {  # what the ids of aspects begin with, in order, and the title of such a group
    "out": "On the way out",
    "results": "In the results",
    "extremes": "Extremes",
    "dtypes": "Dtypes",
    "hand": "Masks given by hand",
    "layouts": "Inputs of other layouts",
    "sizes": "Batches of several sizes",
    "life": "Copies, subclasses, saved models",
    "says": "What it says of itself",
    "kernels": "GPU kernels",
    "loss-hand": "Called by hand",
    "loss-fit": "In a compiled model",
    "loss-extremes": "Extremes",
    "metric-hand": "Called by hand",
    "metric-fit": "In metrics=",
    "metric-weighted": "In weighted_metrics=",
    "metric-batches": "Over several batches",
    "metric-extremes": "Extremes",
    "model-results": "What it returns",
    "model-loss": "Its loss",
    "model-train": "A step of training",
    "model-roads": "Roads to the same",
    "model-graph": "Compiled graphs",
    "model-ragged": "Ragged batches",
    "model-texts": "Texts",
    "model-life": "Copies, saved models",
    "model-constants": "Constant masks",
    "model-dtypes": "Policies of dtypes",
    "model-layers": "Policies of single layers",
}


class Family(NamedTuple):
    """Subjects of one sort: their table, what tries one of them, and its name in a sentence."""

    subjects: List[Any]
    trial: Any
    noun: str


FAMILIES: Dict[str, Family] = {
    "layers": Family(layers.SUBJECTS, Trial, "layer"),
    "losses": Family(losses.SUBJECTS, LossTrial, "loss"),
    "metrics": Family(metrics.SUBJECTS, MetricTrial, "metric"),
    "models": Family(models.SUBJECTS, ModelTrial, "model"),
}


def load() -> List[Aspect]:
    """Every aspect, in reading order."""
    kinds = list(KINDS)
    return sorted(ASPECTS.values(), key=lambda one: kinds.index(one.kind))


def subjects() -> List[Any]:
    """Every subject, family by family."""
    return [subject for family in FAMILIES.values() for subject in family.subjects]


def page_of(public: str) -> str:
    """The name of the page of a subject, without its ending.

    Some file systems do not tell ``losses.Huber`` from ``losses.huber``: the function yields.
    """
    names = {subject.public for subject in subjects()}
    is_twin = any(name != public and name.lower() == public for name in names)
    return f"{public}-function" if is_twin else public


def trial_of(keras: Any, subject: Any) -> Any:
    """What tries ``subject`` on an implementation."""
    return FAMILIES[subject.family].trial(keras, subject)
