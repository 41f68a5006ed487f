"""Texts that ``TextVectorization`` makes padded tokens of, in front of a model of tokens."""

from functools import partial
from typing import Any, Optional, Tuple

import numpy as np

from maskspec.atlas.asking.loss_by_hand import DIVISORS, divisors, name_of
from maskspec.atlas.asking.model_roads import RESULTS
from maskspec.atlas.aspects import aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.building import Namespace
from maskspec.atlas.comparing import same
from maskspec.atlas.model_batches import VALID
from maskspec.atlas.model_trial import ModelTrial, first
from maskspec.atlas.models import Model

VOCABULARY = list("abcdefg")
MASKS = ("the steps of each text", "none", "every step", "another mask")


def is_of_strings(subject: Model) -> bool:
    return subject.inputs == ("strings",)


of_strings = partial(aspect, applies=is_of_strings)


def at_front() -> Array:
    """The valid steps of the texts: each is padded at the end, however it was padded before."""
    found: Array = np.arange(VALID.shape[1]) < VALID.sum(1)[:, None]
    return found


def texts(trial: ModelTrial) -> Array:
    """The strings of each row as one text, in which padding is a space more: (batch, 1)."""
    return np.array([" ".join(row) for row in trial.given.inputs[0]])[:, None]


def built(trial: ModelTrial) -> Any:
    """The model with ``TextVectorization`` for ``StringLookup``, compiled; its ids are the same."""
    keras = trial.keras
    split = Namespace(keras)["TextVectorization"]()
    split.set_vocabulary(VOCABULARY)
    text = keras.Input((1,), dtype="string")
    rest = trial.begun(trial.fresh()).layers[1:]  # behind StringLookup
    return trial.compiled(keras.Sequential([text, split, *rest]))


def called(trial: ModelTrial) -> Tuple[Array, Optional[Array]]:
    """What the model returns for the texts, and the mask of it."""

    def call() -> Tuple[Array, Optional[Array]]:
        seen = trial.seen_in(built(trial)(trial.keras.tensor(texts(trial))))
        return seen.outputs[0], seen.masks[0]

    return trial.once("texts: called", call)


@of_strings(
    "model-texts.results",
    "With TextVectorization of whole texts for StringLookup, are results at valid steps the same?",
    RESULTS,
)
def results(trial: ModelTrial) -> str:
    output, _ = called(trial)
    return RESULTS[not same(output[at_front()], trial.output[VALID])]


@of_strings(
    "model-texts.mask",
    "Which mask does the output carry of a model that begins with TextVectorization?",
    MASKS,
)
def mask(trial: ModelTrial) -> str:
    _, found = called(trial)
    if found is None:
        return MASKS[1]
    if np.array_equal(found, at_front()):
        return MASKS[0]
    return MASKS[2] if found.all() else MASKS[3]


@of_strings(
    "model-texts.loss",
    "By what is the loss divided of a model that begins with TextVectorization?",
    DIVISORS,
)
def loss(trial: ModelTrial) -> str:
    def call() -> float:
        return first(built(trial).test_on_batch(texts(trial), trial.targets()))

    each = ((called(trial)[0] - trial.targets()) ** 2).mean(-1)
    return name_of(np.asarray(trial.once("texts: loss", call)), divisors(each, at_front()))
