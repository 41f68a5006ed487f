"""In the results: whether the mask is used, whether padding leaks, what stands at masked steps."""

from typing import Sequence

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect, has_one_axis, is_masked, takes_floats
from maskspec.atlas.batches import CUT, ROWS, cut_out, padded, validity
from maskspec.atlas.comparing import at, both, has_steps, same
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import OTHER, Seen, Trial

YES_NO = ("no", "yes")
END, START, MIDDLE = (0, 1), (3,), (4,)  # the rows that are padded there


def differ(trial: Trial, one: Seen, other: Seen, rows: Sequence[int]) -> str:
    """ "yes" if any output differs at a valid step of ``rows``."""
    valid, chosen = trial.valid, list(rows)
    for a, b in zip(one.outputs, other.outputs):
        if a.shape[:1] == valid.shape[:1]:
            a, b = at(a[chosen], valid[chosen]), at(b[chosen], valid[chosen])
        if not same(a, b):
            return "yes"
    return "no"


@aspect(
    "results.padding-counts",
    "Without a mask, do the values at padded steps change the results at valid steps?",
    YES_NO,
)
def padding_counts(trial: Trial) -> str:
    return differ(trial, trial.unmasked(), trial.unmasked(OTHER), END + START + MIDDLE)


@aspect(
    "results.leak",
    "Do values at masked steps at the end change the results at valid steps?",
    YES_NO,
)
def leak(trial: Trial) -> str:
    return differ(trial, trial.padded(), trial.other(), END)


@aspect(
    "results.leak-start",
    "Do values at masked steps at the start change the results at valid steps?",
    YES_NO,
)
def leak_start(trial: Trial) -> str:
    return differ(trial, trial.padded(), trial.other(), START)


@aspect(
    "results.leak-middle",
    "Do values at masked steps in the middle change the results at valid steps?",
    YES_NO,
)
def leak_middle(trial: Trial) -> str:
    return differ(trial, trial.padded(), trial.other(), MIDDLE)


@aspect(
    "results.use",
    "Does the mask change the results?",
    ("no", "at masked steps only", "at valid steps"),
)
def use(trial: Trial) -> str:
    masked, unmasked = trial.padded(), trial.unmasked()
    if not both(masked.outputs, unmasked.outputs, trial.valid):
        return "at valid steps"
    same_all = all(map(same, masked.outputs, unmasked.outputs))
    return "no" if same_all else "at masked steps only"


@aspect("results.all-true", "Does a mask that is True everywhere change the results?", YES_NO)
def all_true(trial: Trial) -> str:
    batch = padded(trial.subject.feeds).with_masks(np.ones_like)
    seen = trial.values("all true", lambda: batch)
    return "no" if all(map(same, seen.outputs, trial.unmasked().outputs)) else "yes"


AT_MASKED = ("zeros", "the last valid step's", "as without a mask", "something else")


@aspect("results.at-masked", "What stands in the output at masked steps?", AT_MASKED, has_one_axis)
def at_masked(trial: Trial) -> str:
    valid, output = trial.valid, trial.other().output  # not of zeros, which give zeros anyway
    if not has_steps(output, valid):
        raise NotAsked("the output has no such steps")
    if same(output[~valid], np.zeros_like(output[~valid])):
        return "zeros"
    if same(output[~valid], trial.unmasked(OTHER).output[~valid]):
        return "as without a mask"
    row = output[0]  # padded at the end
    last = row[valid[0]][-1]
    held = all(same(step, last) for step in row[~valid[0]])
    return "the last valid step's" if held else "something else"


@aspect(
    "results.gradient",
    "Do the inputs at masked steps get gradients from the results at valid steps?",
    YES_NO,
    takes_floats,
)
def gradient(trial: Trial) -> str:
    found = trial.gradient("padded", lambda: padded(trial.subject.feeds))
    first = trial.subject.feeds[0]
    masked = ~validity(first, 0)
    if not first.masked:
        raise NotAsked("the first input carries no mask")
    return "yes" if np.abs(found[masked]).max() > 1e-6 else "no"  # zero is exact where masked


def cut(trial: Trial, row: int) -> str:
    """Whether row ``row`` gives what its valid steps give alone."""
    alone = trial.seen("cut out", lambda: cut_out(padded(trial.subject.feeds)))
    valid, whole = trial.valid, trial.padded().output
    if len(whole) != ROWS:
        raise NotAsked("the output has other rows")
    one, other = whole[row], alone.output[CUT.index(row)]
    if has_steps(whole, valid):
        one = one[valid[row]]
    if one.shape != other.shape:
        raise NotAsked("the shape of the output depends on the number of steps")
    return "yes" if same(one, other) else "no"


@aspect(
    "results.cut-end",
    "Does a sequence padded at the end give what its valid steps alone give?",
    ("yes", "no"),
    has_one_axis,
)
def cut_end(trial: Trial) -> str:
    return cut(trial, 0)


@aspect(
    "results.cut-start",
    "Does a sequence padded at the start give what its valid steps alone give?",
    ("yes", "no"),
    has_one_axis,
)
def cut_start(trial: Trial) -> str:
    return cut(trial, 3)


@aspect(
    "results.cut-middle",
    "Does a sequence padded in the middle give what its valid steps alone give?",
    ("yes", "no"),
    has_one_axis,
)
def cut_middle(trial: Trial) -> str:
    return cut(trial, 4)


HALF = ("no", "of the first input", "of the second input", "of several")


def joins_inputs_of_one_length(subject: Subject) -> bool:
    feeds = subject.feeds
    plain = subject.call == "list" and len(feeds) > 1 and subject.steps is None
    return plain and has_one_axis(subject) and all(feed.masked for feed in feeds)


@aspect(
    "results.half-masked",
    "At a step that is masked in one input and valid in others, does the masked value count?",
    HALF,
    joins_inputs_of_one_length,
)
def half_masked(trial: Trial) -> str:
    masks = [mask for mask in padded(trial.subject.feeds).masks if mask is not None]
    output, other = trial.padded().output, trial.other().output
    if len({mask.shape for mask in masks}) > 1 or output.shape[:2] != masks[0].shape:
        raise NotAsked("the inputs or the output have other steps")
    counted = []
    for place, mask in enumerate(masks):
        rest = np.any(masks[:place] + masks[place + 1 :], 0)
        if not same(output[~mask & rest], other[~mask & rest]):
            counted.append(place)
    if not counted:
        return HALF[0]
    return HALF[counted[0] + 1] if counted in ([0], [1]) else HALF[3]


SUMS = ("features", "steps", "features and steps", "none")


def is_a_softmax(subject: Subject) -> bool:
    return is_masked(subject) and subject.layer == "Softmax"


@aspect(
    "results.sums-to-one",
    "Over which axes do the results at valid places sum to 1?",
    SUMS,
    is_a_softmax,
)
def sums_to_one(trial: Trial) -> str:
    output, valid = trial.padded().output, padded(trial.subject.feeds).masks[0]
    if valid is None or valid.shape != output.shape:
        raise NotAsked("the mask is none of each number")
    for name, axes in zip(SUMS, ((2,), (1,), (1, 2))):
        sums = (output * valid).sum(axes)[valid.any(axes)]
        if same(sums, np.ones_like(sums)):
            return name
    return SUMS[3]
