"""Masks that a layer makes itself of values that carry none: which steps they keep."""

from typing import Callable

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array, Batch, padded
from maskspec.atlas.comparing import same_mask
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Seen, Trial

MADE = ("steps that are not zero", "steps without a zero", "others")


def always(subject: Subject) -> bool:
    return True


def with_a_zero(trial: Trial) -> Batch:
    """The padded batch without masks; of one valid step, the first of several features is zero."""
    batch = padded(trial.subject.feeds).unmasked()
    for values in batch.inputs:
        if values.ndim > 2:
            values[2, 0, ..., 0] = 0
    return batch


@aspect(
    "out.made",
    "Which steps are valid in a mask that the layer makes for an input without one?",
    MADE,
    always,
)
def made(trial: Trial) -> str:
    if trial.unmasked().mask is None:
        raise NotAsked("the layer makes no mask")
    batch = with_a_zero(trial)
    mask = trial.seen("with a zero", lambda: batch).mask
    values, is_of_ids = batch.inputs[0], batch.inputs[0].dtype.kind == "i"
    not_zero = values != 0

    def steps(joined: Callable[..., Array]) -> Array:
        return not_zero if is_of_ids else joined(not_zero, -1)

    for name, mask_of in zip(MADE, (np.any, np.all)):
        if same_mask(mask, steps(mask_of)):
            return name
    return MADE[2]


def makes_masks(subject: Subject) -> bool:
    """Whether it is set up to make a mask of its own."""
    return subject.layer == "Masking" or "mask_zero=True" in subject.code


@aspect(
    "out.computed-by-hand",
    "Does compute_mask, called by hand, give the mask that the layer makes?",
    ("yes", "no"),
    makes_masks,
)
def computed_by_hand(trial: Trial) -> str:
    batch = with_a_zero(trial)

    def call() -> Seen:
        mask = trial.layer.compute_mask(trial.tensors(batch)[0], None)
        return Seen((trial.keras.numpy(mask),))

    made_by_call = trial.seen("with a zero", lambda: batch).mask
    return "yes" if same_mask(trial.once("compute_mask", call).output, made_by_call) else "no"
