"""By hand: masks that are given as arguments, alone and beside those that inputs carry."""

from typing import Any, List, Optional

import numpy as np

from maskspec.atlas.asking.extremes import OTHERWISE
from maskspec.atlas.asking.output import MASKS, name_of
from maskspec.atlas.asking.results import differ
from maskspec.atlas.aspects import NotAsked, aspect, is_masked, is_plain
from maskspec.atlas.batches import ROWS, Array, Batch, padded
from maskspec.atlas.building import flat
from maskspec.atlas.comparing import both
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import OTHER, Seen, Trial


def masks_of(batch: Batch) -> Any:
    """The masks of ``batch`` as an argument: one, or a list."""
    return batch.masks[0] if len(batch.masks) == 1 else list(batch.masks)


def fewer(mask: Array) -> Array:
    """Another mask of the same shape, one step valid in each row less, the first."""
    return mask & (np.arange(mask.shape[1]) > 0)


def needs(trial: Trial, argument: str) -> None:
    if argument not in trial.arguments:
        raise NotAsked(f"there is no argument {argument}")


@aspect("hand.takes", "Can the layer be called with mask=?", ("yes", "no"))
def takes(trial: Trial) -> str:
    return "yes" if "mask" in trial.arguments else "no"


def by_keyword(trial: Trial) -> Seen:
    needs(trial, "mask")
    batch = padded(trial.subject.feeds)
    return trial.by_hand("mask=", batch.unmasked, mask=masks_of(batch))


def counts(trial: Trial, seen: Seen) -> str:
    if both(seen.outputs, trial.padded().outputs, trial.valid):
        return OTHERWISE[0]
    return (
        OTHERWISE[1] if both(seen.outputs, trial.unmasked().outputs, trial.valid) else OTHERWISE[2]
    )


GIVEN, CARRIED, NEITHER, ELSE = "the one given", "the one carried", "neither", "something else"
WHICH = (GIVEN, CARRIED, NEITHER, ELSE)


def which(trial: Trial, seen: Seen, given: Seen) -> str:
    """Which mask ``seen`` used: the one of ``given``, or the one of the padded batch."""
    valid = trial.valid & fewer(np.ones_like(trial.valid))
    carried, none = trial.padded(), trial.unmasked()
    if both(given.outputs, carried.outputs, valid):
        raise NotAsked("the mask does not change the results")
    for name, other in ((GIVEN, given), (CARRIED, carried), (NEITHER, none)):
        if both(seen.outputs, other.outputs, valid):
            return name
    return ELSE


@aspect("hand.keyword", "How does a mask count that is given as mask=?", OTHERWISE, is_plain)
def keyword(trial: Trial) -> str:
    return counts(trial, by_keyword(trial))


@aspect("hand.travels", "Which mask does the output carry after mask=?", MASKS, is_plain)
def travels(trial: Trial) -> str:
    return name_of(by_keyword(trial).mask, padded(trial.subject.feeds).masks)


@aspect("hand.over", "Which mask is used if mask= is given over a carried one?", WHICH, is_plain)
def over(trial: Trial) -> str:
    needs(trial, "mask")
    other = padded(trial.subject.feeds).with_masks(fewer)
    batch = lambda: padded(trial.subject.feeds)  # noqa: E731
    seen = trial.by_hand("mask= over", batch, mask=masks_of(other))
    return which(trial, seen, trial.values("fewer", lambda: other))


@aspect(
    "hand.none", "Which mask is used if mask=None is given over a carried one?", WHICH[1:], is_plain
)
def none(trial: Trial) -> str:
    needs(trial, "mask")
    if both(trial.padded().outputs, trial.unmasked().outputs, trial.valid):
        raise NotAsked("the mask does not change the results")
    seen = trial.by_hand("mask=None", lambda: padded(trial.subject.feeds), mask=None)
    if both(seen.outputs, trial.padded().outputs, trial.valid):
        return CARRIED
    return NEITHER if both(seen.outputs, trial.unmasked().outputs, trial.valid) else ELSE


# --- further arguments -----------------------------------------------------------------------


def attends(subject: Subject) -> bool:
    return is_masked(subject) and "Attention" in subject.layer


SEE_VALID_STEPS = (0, 1, 4)  # rows in which the first step is valid, which every query sees
BESIDE = ("both", "only the argument", "only the carried masks", "neither", "something else")


def attended(batch: Batch) -> Array:
    """The mask of what is attended to: of the value and, if it is another input, of the key."""
    masks = [mask for mask in batch.masks[1:] or batch.masks if mask is not None]
    if not masks:
        raise NotAsked("what is attended to carries no mask")
    found: Array = np.all(masks, 0)
    return found


def forbidding(batch: Batch) -> Array:
    """An attention mask of shape (batch, queries, keys) that forbids the second key."""
    queries, keys = batch.inputs[0].shape[1], batch.inputs[-1].shape[1]
    allowed = np.ones((len(batch.inputs[0]), queries, keys), bool)
    allowed[:, :, 1] = False
    return allowed


@aspect(
    "hand.attention-mask",
    "What counts if attention_mask= is given beside carried masks?",
    BESIDE,
    attends,
)
def attention_mask(trial: Trial) -> str:
    needs(trial, "attention_mask")
    batch = padded(trial.subject.feeds)
    allowed = forbidding(batch)
    seen = trial.by_hand("attention_mask beside", lambda: batch, attention_mask=allowed)
    alone = trial.by_hand("attention_mask alone", batch.unmasked, attention_mask=allowed)
    combined = allowed & attended(batch)[:, None, :]
    joint = trial.by_hand("attention_mask joint", batch.unmasked, attention_mask=combined)
    for name, other in zip(BESIDE, (joint, alone, trial.padded(), trial.unmasked())):
        if both(seen.outputs, other.outputs, trial.valid):
            return name
    return BESIDE[-1]


@aspect(
    "hand.causal",
    "What counts if use_causal_mask=True is given beside carried masks?",
    BESIDE,
    attends,
)
def causal(trial: Trial) -> str:
    needs(trial, "use_causal_mask")

    def seen(padding: float) -> Seen:
        batch = lambda: padded(trial.subject.feeds, padding)  # noqa: E731
        return trial.by_hand(f"causal {padding}", batch, use_causal_mask=True)

    is_causal = not both(seen(0).outputs, trial.padded().outputs, trial.valid)
    carried = differ(trial, seen(0), seen(OTHER), SEE_VALID_STEPS) == "no"
    if is_causal:
        return "both" if carried else "only the argument"
    return "only the carried masks" if carried else "neither"


@aspect(
    "hand.scores",
    "Are the scores of masked keys zero that return_attention_scores=True returns?",
    ("yes", "no"),
    attends,
)
def scores(trial: Trial) -> str:
    needs(trial, "return_attention_scores")
    batch = padded(trial.subject.feeds)
    seen = trial.by_hand("scores", lambda: batch, return_attention_scores=True)
    found, masked = seen.outputs[1], ~attended(batch)
    if found.shape[-1] != masked.shape[1]:
        raise NotAsked("the keys stand on several axes")
    keys = np.broadcast_to(masked[:, None, :], (len(found), found.shape[-2], found.shape[-1]))
    by_head = found.reshape(len(found), -1, *found.shape[-2:])
    return "yes" if max(np.abs(h[keys]).max() for h in by_head.swapaxes(0, 1)) < 1e-6 else "no"


def ask_mask_of(role: str, place: int) -> None:
    @aspect(
        f"hand.{role}-mask",
        f"How does {role}_mask= count, given alone and to inputs without masks?",
        ("as the mask that the input carries", "as no mask", "in another way"),
        attends,
    )
    def ask(trial: Trial) -> str:
        needs(trial, f"{role}_mask")
        batch = padded(trial.subject.feeds)
        mask = batch.masks[min(place, len(batch.masks) - 1)]
        if mask is None:
            raise NotAsked(f"the {role} carries no mask")
        seen = trial.by_hand(f"{role}_mask", batch.unmasked, **{f"{role}_mask": mask})
        only: List[Optional[Array]] = [None] * len(batch.masks)
        only[min(place, len(only) - 1)] = mask
        carried = trial.seen(f"only {role} carries", lambda: batch._replace(masks=tuple(only)))
        if both(seen.outputs, trial.unmasked().outputs, trial.valid):
            return "as no mask"
        if both(seen.outputs, carried.outputs, trial.valid):
            return "as the mask that the input carries"
        return "in another way"


for name, position in (("query", 0), ("value", 1), ("key", 2)):
    ask_mask_of(name, position)


def states_to_give(trial: Trial) -> List[Array]:
    needs(trial, "initial_state")
    if any(len(feed.features) != 1 for feed in trial.subject.feeds):
        raise NotAsked("the states are no vectors")  # and a wrong shape can end the process
    return zero_states(trial.layer)


def zero_states(layer: Any) -> List[Array]:
    """The states that a recurrent layer begins with by itself, as arrays of zeros."""
    parts = [
        p for p in (getattr(layer, f"{way}_layer", None) for way in ("forward", "backward")) if p
    ]
    sizes: List[Any] = []
    for part in parts or [layer]:
        sizes += flat(getattr(getattr(part, "cell", None), "state_size", None))
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise NotAsked("the states are no vectors")
    return [np.zeros((ROWS, size), "float32") for size in sizes]


@aspect(
    "hand.initial-state",
    "Is the carried mask used if initial_state= is given?",
    ("yes", "no"),
)
def initial_state(trial: Trial) -> str:
    states = states_to_give(trial)
    if both(trial.padded().outputs, trial.unmasked().outputs, trial.valid):
        raise NotAsked("the mask does not change the results")
    seen = trial.by_hand("initial_state", lambda: padded(trial.subject.feeds), initial_state=states)
    return "yes" if both(seen.outputs, trial.padded().outputs, trial.valid) else "no"


@aspect(
    "hand.initial-state-counts",
    "Do other values in initial_state= change the results behind a mask?",
    ("yes", "no"),
)
def initial_state_counts(trial: Trial) -> str:
    states = [state + 0.5 for state in states_to_give(trial)]
    seen = trial.by_hand("other states", lambda: padded(trial.subject.feeds), initial_state=states)
    return "no" if both(seen.outputs, trial.padded().outputs, trial.valid) else "yes"
