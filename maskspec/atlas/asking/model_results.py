"""What models return: whether padding changes it, and which mask is left on it."""

from functools import partial
from typing import Optional

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.model_batches import CUT, ROWS, STEPS, VALID, Given
from maskspec.atlas.model_trial import ModelTrial
from maskspec.atlas.models import Model

MASKS = ("the valid steps", "none", "every step", "another mask")
CHANGES = ("no", "yes")


def is_any(subject: Model) -> bool:
    return True


def takes_other_batches(subject: Model) -> bool:
    """Not a stateful model, whose batches have the same rows always."""
    return not subject.is_stateful


def takes_all_roads(subject: Model) -> bool:
    return subject.takes_all_roads


of_models = partial(aspect, applies=is_any)
of_all_roads = partial(aspect, applies=takes_all_roads)
of_free_models = partial(aspect, applies=takes_other_batches)


def kind_of(mask: Optional[Array]) -> str:
    if mask is None:
        return MASKS[1]
    if np.array_equal(mask, VALID):
        return MASKS[0]
    return MASKS[2] if mask.shape == VALID.shape and mask.all() else MASKS[3]


def at_valid(output: Array) -> Array:
    """``output`` at the valid steps of the batch, the first five; all of it if it has no steps."""
    return output[:, :STEPS][VALID] if output.ndim == 3 else output


def changes(one: Array, other: Array) -> str:
    return CHANGES[0] if same(one, other) else CHANGES[1]


@of_models("model-results.mask", "Which mask does the (first) output of the model carry?", MASKS)
def mask(trial: ModelTrial) -> str:
    return kind_of(trial.called.masks[0])


@of_models(
    "model-results.compute-mask",
    "Which mask does Model.compute_mask(inputs, None) return for the (first) output?",
    MASKS,
)
def compute_mask(trial: ModelTrial) -> str:
    def call() -> str:
        x = trial.pack(tuple(map(trial.keras.tensor, trial.given.inputs)))
        found = trial.model.compute_mask(x, None)
        found = found[0] if isinstance(found, (list, tuple)) else found
        return kind_of(None if found is None else trial.keras.numpy(found))

    return trial.once("compute_mask", call)


NUMBERS = ("finite numbers", "NaN or infinity")


def kind_of_numbers(values: Array) -> str:
    return NUMBERS[0] if np.isfinite(values).all() else NUMBERS[1]


@of_models("model-results.finite", "What does the model return for padded rows?", NUMBERS)
def finite(trial: ModelTrial) -> str:
    return kind_of_numbers(trial.output)


@of_models(
    "model-results.longer",
    "Do two more padded steps at the end change results at valid steps?",
    CHANGES,
)
def longer(trial: ModelTrial) -> str:
    found = trial.apply("longer", trial.given.longer).outputs[0]
    return changes(at_valid(trial.output), at_valid(found))


@of_free_models(
    "model-results.cut",
    "Do rows give the same at valid steps whose padding is cut out?",
    ("the same", "other results"),
)
def cut(trial: ModelTrial) -> str:
    found = trial.apply("cut", trial.given.cut).outputs[0]
    whole = trial.output[list(CUT)]
    if trial.subject.has_steps:
        whole = whole[VALID[list(CUT)]].reshape(found.shape)
    return "the same" if same(whole, found) else "other results"


@of_models(
    "model-results.vector",
    "Does another vector of an Embedding for the token 0 change results at valid steps?",
    CHANGES,
)
def vector(trial: ModelTrial) -> str:
    places = trial.embeddings()

    def call() -> Array:
        model = trial.begun(trial.model)
        changed = [w.copy() for w in trial.weights]
        for place in places:
            changed[place][0] += 3
        model.set_weights(changed)
        return trial.call(model, trial.given).outputs[0]

    return changes(at_valid(trial.output), at_valid(trial.once("another vector", call)))


@of_models(
    "model-results.dead-row",
    "What does the model return for a row of nothing but padding?",
    NUMBERS,
)
def dead_row(trial: ModelTrial) -> str:
    found = trial.apply("a row of padding", partial(trial.given.padding_only, 3)).outputs[0]
    return kind_of_numbers(found[3])


@of_models(
    "model-results.other-rows",
    "Does a row of nothing but padding change the results of other rows?",
    CHANGES,
)
def other_rows(trial: ModelTrial) -> str:
    found = trial.apply("a row of padding", partial(trial.given.padding_only, 3)).outputs[0]
    one, other = (x[:3][VALID[:3]] if x.ndim == 3 else x[:3] for x in (trial.output, found))
    return changes(one, other)


@of_all_roads(
    "model-results.mask-argument",
    "Does a mask that is handed over, model(x, mask=…), change the results?",
    CHANGES,
)
def mask_argument(trial: ModelTrial) -> str:
    if len(trial.subject.inputs) > 1:
        raise NotAsked("there is more than one input")
    given = np.arange(STEPS) < np.ones((ROWS, 1), int)
    found = trial.apply(
        "mask=", lambda: trial.given, mask=trial.keras.tensor(given)
    ).outputs[0]  # fmt: skip
    return changes(trial.output, found)


def is_stateful(subject: Model) -> bool:
    return subject.is_stateful


@aspect(
    "model-results.next-batch",
    "Do more padded steps at the end change what the next batch begins with?",
    CHANGES,
    is_stateful,
)
def next_batch(trial: ModelTrial) -> str:
    def after(given: Given) -> Array:
        model = trial.begun(trial.model)
        trial.call(model, given)
        return trial.call(model, trial.given).outputs[0]

    one = trial.once("after the batch", lambda: after(trial.given))
    return changes(one, trial.once("after the longer one", lambda: after(trial.given.longer())))
