"""The loss of whole models, and what a step of training does: whether padding counts."""

from typing import Any, List

import numpy as np

from maskspec.atlas.asking.loss_by_hand import DIVISORS, divisors, name_of
from maskspec.atlas.asking.model_results import CHANGES, NUMBERS, of_models
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import alike, same
from maskspec.atlas.model_batches import ROWS, VALID
from maskspec.atlas.model_trial import ModelTrial, Stepped, first
from maskspec.atlas.models import Model

TOGETHER, BY_ROWS, ALIKE = (
    "the valid steps of all batches together",
    "the valid steps of each batch, then by rows",
    "the valid steps of each batch, then the batches",
)
BATCHES = (TOGETHER, BY_ROWS, ALIKE, *DIVISORS[1:])


def has_steps(subject: Model) -> bool:
    return subject.has_steps


def has_steps_and_takes_all_roads(subject: Model) -> bool:
    return subject.has_steps and subject.takes_all_roads


def elements(trial: ModelTrial) -> Array:
    """The loss of each step, (4, 5), from the results of an eager call, if they are numbers."""
    finite(trial.output)
    target = trial.targets()
    target = target[0] if isinstance(target, list) else target
    found: Array = ((trial.output - target) ** 2).mean(-1)
    return found


def finite(values: Array) -> Array:
    """``values``; raise ``NotAsked`` if they are none that can be compared."""
    if not np.isfinite(values).all():
        raise NotAsked("the results are no numbers")
    return values


def agree(one: List[Array], other: List[Array]) -> bool:
    return len(one) == len(other) and all(map(same, one, other))


@aspect(
    "model-loss.divisor",
    "By what is the loss divided that train_on_batch tells?",
    DIVISORS,
    has_steps,
)
def divisor(trial: ModelTrial) -> str:
    return name_of(np.asarray(trial.trained().loss), divisors(elements(trial), VALID))


@aspect(
    "model-loss.targets",
    "Do targets at masked steps change the loss that train_on_batch tells?",
    CHANGES,
    has_steps,
)
def targets(trial: ModelTrial) -> str:
    one, other = trial.trained(), trial.trained(other=True)
    elements(trial)  # which are numbers
    return CHANGES[0] if alike(one.loss, other.loss) else CHANGES[1]


@aspect(
    "model-loss.by-hand",
    "By what is the loss divided of a loss object that is called with what the model returns?",
    DIVISORS,
    has_steps_and_takes_all_roads,
)
def by_hand(trial: ModelTrial) -> str:
    def call() -> Array:
        return np.asarray(trial.keras.numpy(trial.loss_by_hand(trial.begun(trial.model))))

    each = elements(trial)
    return name_of(trial.once("loss by hand", call), divisors(each, VALID))


def of_batches(each: Array, batches: List[List[int]]) -> Any:
    """The loss that is told of several batches, by how they are put together."""
    alone = np.array([each[rows][VALID[rows]].mean() for rows in batches])
    rows = np.array([len(rows) for rows in batches])
    whole = divisors(each, VALID)
    known = {TOGETHER: whole[DIVISORS[0]], BY_ROWS: (alone * rows).sum() / rows.sum(),
             ALIKE: alone.mean()}  # fmt: skip
    return {**known, **{name: whole[name] for name in DIVISORS[1:-1]}}


@aspect(
    "model-loss.partial-batch",
    "By what does evaluate divide the loss of a batch of three rows and a last one of one row?",
    BATCHES,
    has_steps_and_takes_all_roads,
)
def partial_batch(trial: ModelTrial) -> str:
    each = elements(trial)
    found = trial.evaluated(
        "batches of three",
        lambda: (trial.pack(trial.given.inputs), trial.targets()),
        batch_size=ROWS - 1,
    )
    return name_of(np.asarray(found), of_batches(each, [[0, 1, 2], [3]]))


@aspect(
    "model-train.targets",
    "Do targets at masked steps change the weights after a step of training?",
    CHANGES,
    has_steps,
)
def trained_targets(trial: ModelTrial) -> str:
    finite(trial.output)
    return differ(trial.trained(), trial.trained(other=True))


def differ(one: Stepped, other: Stepped) -> str:
    return CHANGES[0] if agree(one.weights, other.weights) else CHANGES[1]


@of_models(
    "model-train.longer",
    "Do two more padded steps at the end change the weights after a step of training?",
    CHANGES,
)
def trained_longer(trial: ModelTrial) -> str:
    finite(trial.output)
    return differ(trial.trained(), trial.trained(longer=True))


@of_models(
    "model-train.vector",
    "Does a step of training change the vector of an Embedding for the token 0?",
    CHANGES,
)
def vector(trial: ModelTrial) -> str:
    before, after = trial.weights, trial.trained().weights
    stay = all(same(before[place][0], after[place][0]) for place in trial.embeddings())
    return CHANGES[0] if stay else CHANGES[1]


@of_models(
    "model-train.finite",
    "What are the weights after a step of training on padded rows?",
    NUMBERS,
)
def trained_finite(trial: ModelTrial) -> str:
    return numbers(trial.trained().weights)


def numbers(weights: List[Array]) -> str:
    return NUMBERS[0] if all(np.isfinite(w).all() for w in weights) else NUMBERS[1]


def divides_by_itself(subject: Model) -> bool:
    """Of the others, the loss shows that a batch without a valid step is divided by no zero."""
    return subject.takes_all_roads or not subject.has_steps


@aspect(
    "model-train.dead-batch",
    "What are the weights after a step of training on nothing but padding?",
    NUMBERS,
    divides_by_itself,
)
def dead_batch(trial: ModelTrial) -> str:
    def step(model: Any) -> float:
        given = trial.given.padding_only(*range(ROWS))
        return first(model.train_on_batch(trial.pack(given.inputs), trial.targets()))

    return numbers(trial.stepped("on padding", step).weights)
