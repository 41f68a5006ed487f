"""By hand: no list of masks where one is due, and which steps a causal mask shows."""

from typing import Any, Callable

from maskspec.atlas.asking.by_hand import attends, needs
from maskspec.atlas.asking.extremes import OTHERWISE, counts
from maskspec.atlas.asking.output import MASKS, computed, name_of, with_masks
from maskspec.atlas.aspects import NotAsked, aspect, has_one_axis, is_masked, is_plain
from maskspec.atlas.batches import ROWS, Array, padded
from maskspec.atlas.comparing import both, same
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Seen, Trial

TWO_ROWS = (0, 1)  # as many as there are inputs: one mask is no list of masks by its length, either


def takes_several(subject: Subject) -> bool:
    return has_one_axis(subject) and (len(subject.feeds) > 1 or "itself" in subject.call)


def called(trial: Trial, what: str, mask: Any) -> Seen:
    needs(trial, "mask")
    return trial.by_hand(what, padded(trial.subject.feeds).unmasked, mask=mask)


@aspect(
    "hand.no-list",
    "What comes of mask= that is one mask, for a layer of several inputs?",
    ("as without a mask", "another result"),
    takes_several,
)
def no_list(trial: Trial) -> str:
    needs(trial, "mask")
    batch = padded(trial.subject.feeds).rows(*TWO_ROWS)
    plain = trial.by_hand("no mask, two rows", batch.unmasked)
    seen = trial.by_hand("no list", batch.unmasked, mask=batch.masks[0])
    alike = all(map(same, seen.outputs, plain.outputs))
    return "as without a mask" if alike else "another result"


@aspect(
    "hand.long-list",
    "What comes of mask= that lists more masks than there are inputs?",
    ("as without a mask", "another result"),
    takes_several,
)
def long_list(trial: Trial) -> str:
    masks = padded(trial.subject.feeds).masks
    return against_none(trial, called(trial, "long list", [masks[0]] * 4))


@aspect(
    "hand.tuple",
    "What comes of mask= that is a tuple of masks and no list?",
    ("as a list", "another result"),
    takes_several,
)
def in_a_tuple(trial: Trial) -> str:
    masks = padded(trial.subject.feeds).masks * (2 if "itself" in trial.subject.call else 1)
    tensors = [None if mask is None else trial.keras.tensor(mask) for mask in masks]
    listed = called(trial, "list of masks", tensors)
    found = called(trial, "tuple of masks", tuple(tensors))
    return "as a list" if all(map(same, found.outputs, listed.outputs)) else "another result"


def takes_one_plainly(subject: Subject) -> bool:
    return is_plain(subject) and len(subject.feeds) == 1 and subject.call == "list"


@aspect(
    "hand.list-of-one",
    "What comes of mask= that is a list of one mask, for a layer of one input?",
    ("as with that mask", "as without a mask", "another result"),
    takes_one_plainly,
)
def list_of_one(trial: Trial) -> str:
    masks = list(padded(trial.subject.feeds).masks)
    seen = called(trial, "list of one", masks)
    if both(seen.outputs, trial.padded().outputs, trial.valid):
        return "as with that mask"
    return against_none(trial, seen)


def against_none(trial: Trial, seen: Seen) -> str:
    alike = all(map(same, seen.outputs, trial.unmasked().outputs))
    return "as without a mask" if alike else "another result"


def computes_of_a_list(subject: Subject) -> bool:
    return has_one_axis(subject) and len(subject.feeds) > 1 and subject.call == "list"


def ask_compute_mask(kind: str, what: str, change: Callable[[Any, Any], Any]) -> None:
    @aspect(
        f"out.compute-mask-{kind}",
        f"Which (first) mask does compute_mask return, called by hand with {what}?",
        MASKS,
        computes_of_a_list,
    )
    def ask(trial: Trial) -> str:
        batch = padded(trial.subject.feeds).rows(*TWO_ROWS)

        def call() -> Seen:
            return computed(trial, *change(*with_masks(trial, batch)))

        return name_of(trial.once(f"compute_mask, {kind}", call).mask, batch.masks)


for kind, what, change in (
    ("none", "a list of inputs and no mask", lambda inputs, masks: (inputs, None)),
    ("no-list", "a list of inputs and one mask", lambda inputs, masks: (inputs, masks[0])),
    ("short-list", "a list of inputs and a shorter one of masks",
     lambda inputs, masks: (inputs, masks[:1])),
    ("one-input", "one input and a list of masks", lambda inputs, masks: (inputs[0], masks)),
):  # fmt: skip
    ask_compute_mask(kind, what, change)


def has_more_axes(subject: Subject) -> bool:
    return is_masked(subject) and all(feed.is_deep for feed in subject.feeds)


@aspect(
    "extremes.deep-float-mask",
    "How does a mask of floats count that has an axis of features?",
    OTHERWISE,
    has_more_axes,
)
def deep_float_mask(trial: Trial) -> str:
    return counts(trial, "deep float mask", lambda mask: mask.astype("float32"))


SIGHT = ("earlier ones alone", "later ones alone", "earlier and later ones", "none")


@aspect(
    "hand.causal-order",
    "With use_causal_mask=True and no other mask, which steps change the result at a step?",
    SIGHT,
    attends,
)
def causal_order(trial: Trial) -> str:
    needs(trial, "use_causal_mask")
    before = causal(trial, 0.0, 0).output
    if before.shape[:1] != (ROWS,) or before.ndim < 3:
        raise NotAsked("the output has no steps")
    last = trial.subject.feeds[-1].steps - 1
    sees_earlier = not same(before[:, 1:], causal(trial, 3.0, 0).output[:, 1:])
    sees_later = not same(before[:, :1], causal(trial, 3.0, last).output[:, :1])
    if sees_earlier:
        return SIGHT[2] if sees_later else SIGHT[0]
    return SIGHT[1] if sees_later else SIGHT[3]


@aspect(
    "hand.causal-reach",
    "With use_causal_mask=True alone, does the first step change the result at the last one?",
    ("yes", "no"),
    attends,
)
def causal_reach(trial: Trial) -> str:
    needs(trial, "use_causal_mask")
    before = causal(trial, 0.0, 0).output
    if before.shape[:1] != (ROWS,) or before.ndim < 3:
        raise NotAsked("the output has no steps")
    return "no" if same(before[:, -1], causal(trial, 3.0, 0).output[:, -1]) else "yes"


def causal(trial: Trial, more: float, step: int) -> Seen:
    """What comes of a causal call without other masks, ``more`` added at one step of the keys."""
    batch = padded(trial.subject.feeds).unmasked()

    def changed(x: Array) -> Array:
        x = x.copy()
        x[:, step] += more
        return x

    inputs = (*batch.inputs[:1], *map(changed, batch.inputs[1:]))
    if len(batch.inputs) == 1:
        inputs = (changed(batch.inputs[0]),)
    return trial.by_hand(
        f"causal, {more} at {step}", lambda: batch._replace(inputs=inputs), use_causal_mask=True
    )
