"""Attention: what its further arguments do to masks, beside each other and in other forms."""

from typing import Any, Sequence

import numpy as np

from maskspec.atlas.asking.by_hand import SEE_VALID_STEPS, attends, forbidding, needs
from maskspec.atlas.asking.extremes import OTHERWISE
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import ROWS, Array, Batch, padded
from maskspec.atlas.comparing import at, both, same
from maskspec.atlas.trial import Seen, Trial

RESULTS = ("the same", "other results")
CAUSAL_BESIDE = (
    "both",
    "only attention_mask=",
    "only use_causal_mask=",
    "neither",
    "something else",
)


def agrees(trial: Trial, batch: Batch, rows: Sequence[int], **arguments: Any) -> bool:
    """Whether the results at valid steps are the same with the scores as without them."""
    needs(trial, "return_attention_scores")
    what = f"{[m is None for m in batch.masks]}, {sorted(arguments)}"
    plain = trial.by_hand(f"scores off, {what}", lambda: batch, **arguments)
    arguments["return_attention_scores"] = True
    found = trial.by_hand(f"scores on, {what}", lambda: batch, **arguments)
    chosen, valid = list(rows), trial.valid_of(batch)[list(rows)]
    return same(at(plain.output[chosen], valid), at(found.output[chosen], valid))


def agree(trial: Trial, rows: Sequence[int], **arguments: Any) -> str:
    batch = padded(trial.subject.feeds)
    alike = [agrees(trial, one, rows, **arguments) for one in (batch, batch.unmasked())]
    return RESULTS[not all(alike)]


@aspect(
    "hand.scores-results",
    "Are the results with return_attention_scores=True those without it, masked or not?",
    RESULTS,
    attends,
)
def scores_results(trial: Trial) -> str:
    return agree(trial, range(ROWS))


@aspect(
    "hand.scores-causal",
    "With use_causal_mask=True, are the results with return_attention_scores=True the same?",
    RESULTS,
    attends,
)
def scores_causal(trial: Trial) -> str:
    needs(trial, "use_causal_mask")
    return agree(trial, SEE_VALID_STEPS, use_causal_mask=True)


def allowing(trial: Trial, what: str, batch: Batch, allowed: Array, **more: Any) -> Seen:
    needs(trial, "attention_mask")
    return trial.by_hand(what, lambda: batch, attention_mask=allowed, **more)


@aspect(
    "hand.integer-attention-mask",
    "How does attention_mask= of integers count beside carried masks?",
    OTHERWISE,
    attends,
)
def integer_attention_mask(trial: Trial) -> str:
    batch = padded(trial.subject.feeds)
    allowed = forbidding(batch)
    integers = allowing(trial, "integer attention_mask", batch, allowed.astype("int32"))
    return as_(trial, integers, allowing(trial, "attention_mask beside", batch, allowed))


@aspect(
    "hand.attention-mask-of-rows",
    "How does attention_mask= of shape (queries, keys) count, the same for all rows?",
    OTHERWISE,
    attends,
)
def attention_mask_of_rows(trial: Trial) -> str:
    batch = padded(trial.subject.feeds).unmasked()
    allowed = looking_back(batch)
    flat = allowing(trial, "attention_mask of two axes", batch, allowed[0])
    return as_(trial, flat, allowing(trial, "attention_mask of three axes", batch, allowed))


def as_(trial: Trial, seen: Seen, booleans: Seen) -> str:
    if both(seen.outputs, booleans.outputs, trial.valid):
        return OTHERWISE[0]
    alike = both(seen.outputs, trial.unmasked().outputs, trial.valid)
    return OTHERWISE[1] if alike else OTHERWISE[2]


def looking_back(batch: Batch) -> Array:
    """An attention mask of shape (batch, queries, keys) that forbids later keys."""
    rows, queries, keys = len(batch.inputs[0]), batch.inputs[0].shape[1], batch.inputs[-1].shape[1]
    return np.tile(np.tri(queries, keys, dtype=bool), (rows, 1, 1))


@aspect(
    "hand.causal-attention-mask",
    "What counts if use_causal_mask=True is given with attention_mask= and no carried mask?",
    CAUSAL_BESIDE,
    attends,
)
def causal_attention_mask(trial: Trial) -> str:
    needs(trial, "use_causal_mask")
    batch = padded(trial.subject.feeds).unmasked()
    allowed, back = forbidding(batch), looking_back(batch)
    both_given = allowing(trial, "causal and allowed", batch, allowed, use_causal_mask=True)
    joint = allowing(trial, "back and allowed", batch, allowed & back)
    alone = allowing(trial, "allowed", batch, allowed)
    causal = allowing(trial, "back", batch, back)
    for name, other in zip(CAUSAL_BESIDE, (joint, alone, causal, trial.unmasked())):
        if both(both_given.outputs, other.outputs, trial.valid):
            return name
    return CAUSAL_BESIDE[-1]


@aspect(
    "results.query-mask",
    "Does the mask of the query alone change the results?",
    ("no", "at masked steps only", "at valid steps"),
    attends,
)
def query_mask(trial: Trial) -> str:
    batch = padded(trial.subject.feeds)
    if len(batch.masks) == 1 or batch.masks[0] is None:
        raise NotAsked("the query does not carry a mask of its own")
    masks = (batch.masks[0], *[None] * (len(batch.masks) - 1))
    found = trial.seen("query alone", lambda: batch._replace(masks=masks))
    if not both(found.outputs, trial.unmasked().outputs, batch.masks[0]):
        return "at valid steps"
    alike = all(map(same, found.outputs, trial.unmasked().outputs))
    return "no" if alike else "at masked steps only"


@aspect(
    "results.query-mask-beside",
    "Does the mask of the query change the results beside that of the value?",
    ("no", "at masked steps only", "at valid steps"),
    attends,
)
def query_mask_beside(trial: Trial) -> str:
    batch, before = padded(trial.subject.feeds), trial.padded()
    query, *others = batch.masks
    if query is None or not any(mask is not None for mask in others):
        raise NotAsked("there are no two masks")
    without = trial.seen("without the query's", lambda: batch._replace(masks=(None, *others)))
    if not both(before.outputs, without.outputs, query):
        return "at valid steps"
    alike = all(map(same, before.outputs, without.outputs))
    return "no" if alike else "at masked steps only"


@aspect(
    "hand.causal-query-mask",
    "Does the mask of the query alone change the results beside use_causal_mask=True?",
    ("no", "at masked steps only", "at valid steps"),
    attends,
)
def causal_query_mask(trial: Trial) -> str:
    needs(trial, "use_causal_mask")
    batch = padded(trial.subject.feeds)
    query = batch.masks[0]
    if query is None or len(batch.masks) == 1:
        raise NotAsked("the query does not carry a mask of its own")

    def causal(what: str, *masks: Any) -> Seen:
        alone = batch._replace(masks=masks)
        return trial.by_hand(f"causal, {what}", lambda: alone, use_causal_mask=True)

    rest = [None] * (len(batch.masks) - 1)
    masked, plain = causal("query alone", query, *rest), causal("none", None, *rest)
    if not both(masked.outputs, plain.outputs, query):
        return "at valid steps"
    return "no" if all(map(same, masked.outputs, plain.outputs)) else "at masked steps only"
