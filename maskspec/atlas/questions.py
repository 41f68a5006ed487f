"""All subjects and all aspects of the atlas, in the order of the pages."""

from typing import Any, Dict, List, NamedTuple

from maskspec.atlas import layers, losses
from maskspec.atlas.asking import (
    by_hand,
    dtypes,
    extremes,
    layouts,
    life,
    loss_by_hand,
    loss_extremes,
    loss_in_model,
    output,
    results,
    saying,
    sizes,
)
from maskspec.atlas.aspects import ASPECTS, Aspect
from maskspec.atlas.loss_trial import LossTrial
from maskspec.atlas.trial import Trial

MODULES = (output, results, extremes, dtypes, by_hand, layouts, sizes, life, saying,
           loss_by_hand, loss_in_model, loss_extremes)  # fmt: skip # each registers some
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
    "loss-hand": "Called by hand",
    "loss-fit": "In a compiled model",
    "loss-extremes": "Extremes",
}


class Family(NamedTuple):
    """Subjects of one sort: their table, what tries one of them, and its name in a sentence."""

    subjects: List[Any]
    trial: Any
    noun: str


FAMILIES: Dict[str, Family] = {
    "layers": Family(layers.SUBJECTS, Trial, "layer"),
    "losses": Family(losses.SUBJECTS, LossTrial, "loss"),
}


def load() -> List[Aspect]:
    """Every aspect, in reading order."""
    kinds = list(KINDS)
    return sorted(ASPECTS.values(), key=lambda one: kinds.index(one.kind))


def subjects() -> List[Any]:
    """Every subject, family by family."""
    return [subject for family in FAMILIES.values() for subject in family.subjects]


def trial_of(keras: Any, subject: Any) -> Any:
    """What tries ``subject`` on an implementation."""
    return FAMILIES[subject.family].trial(keras, subject)
