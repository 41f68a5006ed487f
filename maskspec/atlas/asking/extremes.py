"""Extremes: rows without a valid step, NaN, sizes of one, masks of another kind.

A batch without rows is not asked: kernels of several TensorFlow releases divide by the number of
rows (pooling, convolutions, fused normalization, while loops of TF 2.2), which ends the process.
"""

from typing import Callable

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect, has_one_axis, is_masked, is_plain, takes_floats
from maskspec.atlas.batches import ROWS, Array, Batch, padded
from maskspec.atlas.comparing import at, same
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Seen, Trial

DEAD = ("zeros", "finite numbers", "NaN")
KEPT = ("yes", "no")


def without_valid(*rows: int) -> Callable[[Batch], Batch]:
    def change(batch: Batch) -> Batch:
        def blank(mask: Array) -> Array:
            mask = mask.copy()
            mask[list(rows)] = False
            return mask

        return batch.with_masks(blank)

    return change


def changed(trial: Trial, what: str, change: Callable[[Batch], Batch]) -> Seen:
    return trial.values(what, lambda: change(padded(trial.subject.feeds)))


def numbers(values: Array) -> str:
    values = values.astype("float64")
    if not np.isfinite(values).all():
        return "NaN"
    return "zeros" if not np.abs(values).max(initial=0) > 1e-6 else "finite numbers"


@aspect("extremes.dead-row", "What is the result of a row without a valid step?", DEAD)
def dead_row(trial: Trial) -> str:
    return numbers(changed(trial, "dead row", without_valid(1)).output[1])


@aspect(
    "extremes.dead-row-others",
    "Does a row without a valid step change the results of other rows?",
    ("no", "yes"),
)
def dead_row_others(trial: Trial) -> str:
    output, rest = changed(trial, "dead row", without_valid(1)).output, [0, 2, 3, 4]
    before = trial.padded().output
    if len(before) != ROWS:
        raise NotAsked("the output has other rows")
    return "no" if same(before[rest], output[rest]) else "yes"


@aspect("extremes.dead-batch", "What is the result of a batch without a valid step?", DEAD)
def dead_batch(trial: Trial) -> str:
    return numbers(changed(trial, "dead batch", without_valid(0, 1, 2, 3, 4)).output)


def reaches(trial: Trial, value: float) -> str:
    found = trial.values(f"padded with {value}", lambda: padded(trial.subject.feeds, value))
    if found.output.dtype.kind != "f" and found.output.dtype.name != "bfloat16":
        raise NotAsked("the output holds no floats")
    return "no" if np.isfinite(at(found.output, trial.valid)).all() else "yes"


@aspect(
    "extremes.nan",
    "Does NaN at masked steps reach results at valid steps?",
    ("no", "yes"),
    takes_floats,
)
def nan(trial: Trial) -> str:
    return reaches(trial, float("nan"))


@aspect(
    "extremes.infinity",
    "Does infinity at masked steps reach results at valid steps?",
    ("no", "yes"),
    takes_floats,
)
def infinity(trial: Trial) -> str:
    return reaches(trial, float("inf"))


@aspect(
    "extremes.large",
    "Do numbers of 100,000 at masked steps change results at valid steps?",
    ("no", "yes"),
    takes_floats,
)
def large(trial: Trial) -> str:
    found = trial.values("padded with 1e5", lambda: padded(trial.subject.feeds, 1e5))
    before = trial.padded().output
    return "no" if same(at(found.output, trial.valid), at(before, trial.valid)) else "yes"


@aspect(
    "extremes.nan-gradient",
    "Does NaN at masked steps reach the gradients of valid steps?",
    ("no", "yes"),
    takes_floats,
)
def nan_gradient(trial: Trial) -> str:
    batch = padded(trial.subject.feeds, float("nan"))
    found, first = trial.gradient("padded with nan", lambda: batch), batch.masks[0]
    if first is None:
        raise NotAsked("the first input carries no mask")
    return "no" if np.isfinite(found[first]).all() else "yes"


@aspect("extremes.one-row", "Does a batch of one row give what the row gives among others?", KEPT)
def one_row(trial: Trial) -> str:
    found, whole = changed(trial, "one row", lambda batch: batch.rows(0)), trial.padded()
    if len(whole.output) != ROWS:
        raise NotAsked("the output has other rows")
    return "yes" if same(found.output, whole.output[:1]) else "no"


def survives_one_step(subject: Subject) -> bool:
    """Whether a single step leaves the process whole.

    In TensorFlow, adaptive pooling then divides by a window of size 0; and from 2.16 to 2.21 at
    least, oneDNN's product of a tensor (batch, 1, rows, features) with a matrix writes beyond it.
    """
    is_dense = subject.layer == "Dense" and any(len(feed.features) > 1 for feed in subject.feeds)
    return is_masked(subject) and "Adaptive" not in subject.code and not is_dense


@aspect(
    "extremes.one-step",
    "What is the result of a single step, masked in some rows?",
    DEAD,
    survives_one_step,
)
def one_step(trial: Trial) -> str:
    def last(x: Array) -> Array:
        return x[:, -1:]

    found = trial.seen("one step", lambda: padded(trial.subject.feeds).map(last))
    return numbers(found.output)


OTHERWISE = ("as the mask of booleans", "as no mask", "in another way")


def counts(trial: Trial, what: str, change: Callable[[Array], Array]) -> str:
    """How a mask that is changed so counts."""
    batch = padded(trial.subject.feeds).with_masks(change)
    found = trial.seen(what, lambda: batch).outputs
    if all(map(same, found, trial.padded().outputs)):
        return OTHERWISE[0]
    return OTHERWISE[1] if all(map(same, found, trial.unmasked().outputs)) else OTHERWISE[2]


@aspect("extremes.integer-mask", "How does a mask of integers count?", OTHERWISE, has_one_axis)
def integer_mask(trial: Trial) -> str:
    return counts(trial, "integer mask", lambda mask: mask.astype("int32"))


@aspect("extremes.float-mask", "How does a mask of floats count?", OTHERWISE, is_plain)
def float_mask(trial: Trial) -> str:
    return counts(trial, "float mask", lambda mask: mask.astype("float32"))


@aspect(
    "extremes.short-mask", "How does a mask that is a step too short count?", OTHERWISE, is_plain
)
def short_mask(trial: Trial) -> str:
    return counts(trial, "short mask", lambda mask: mask[:, :-1])


@aspect(
    "extremes.rank-one-mask", "How does a mask without an axis of steps count?", OTHERWISE, is_plain
)
def rank_one_mask(trial: Trial) -> str:
    return counts(trial, "rank one", lambda mask: mask[:, 0])


@aspect(
    "extremes.rank-three-mask",
    "How does a mask with an axis of one feature count?",
    OTHERWISE,
    is_plain,
)
def rank_three_mask(trial: Trial) -> str:
    return counts(trial, "rank three", lambda mask: mask[:, :, None])


def is_plain_or_deep(subject: Subject) -> bool:
    """Also the layers that use masks of each number alone."""
    return is_plain(subject) or (is_masked(subject) and not has_one_axis(subject))


@aspect(
    "extremes.mask-of-more-axes",
    "How does a mask count that has an axis more than the input?",
    OTHERWISE,
    is_plain_or_deep,
)
def mask_of_more_axes(trial: Trial) -> str:
    axes = max(len(feed.features) for feed in trial.subject.feeds) + 3

    def deepen(mask: Array) -> Array:
        if mask.ndim == axes - 1:  # of each number: so that it can still be laid over the input
            return mask[None]
        return mask.reshape(*mask.shape, *[1] * (axes - mask.ndim))

    return counts(trial, "more axes", deepen)


@aspect(
    "extremes.mask-of-fewer-rows",
    "How does a mask count that has a row less than the input?",
    OTHERWISE,
    is_plain_or_deep,
)
def mask_of_fewer_rows(trial: Trial) -> str:
    return counts(trial, "fewer rows", lambda mask: mask[:-1])


@aspect(
    "extremes.fraction-mask",
    "How does a mask count that is 0.4 where a step is valid, and 0 elsewhere?",
    OTHERWISE,
    is_plain_or_deep,
)
def fraction_mask(trial: Trial) -> str:
    return counts(trial, "fractions", lambda mask: mask.astype("float32") * np.float32(0.4))
