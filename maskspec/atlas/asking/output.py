"""On the way out: which mask the output carries."""

from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect, is_masked
from maskspec.atlas.batches import Array, Batch, padded
from maskspec.atlas.building import flat
from maskspec.atlas.comparing import same_mask
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import AGREEMENT, OTHER, Seen, Trial, agreement

INPUTS, OWN, NONE = "the input's", "one of its own", "none"
FIRST, SECOND = "the first input's", "the second input's"
ALL, ANY = "steps valid in all inputs", "steps valid in any input"
JOINED = "the inputs' one after the other"
MASKS = (INPUTS, FIRST, SECOND, ALL, ANY, JOINED, OWN, NONE)


def name_of(mask: Optional[Array], masks: Tuple[Optional[Array], ...]) -> str:
    """Which of ``MASKS`` an output carries whose inputs carried ``masks``."""
    if mask is None:
        return NONE
    there = [m for m in masks if m is not None]
    if len(there) == 1:
        return INPUTS if np.array_equal(mask, there[0]) else OWN
    candidates: Dict[str, Array] = {}
    if there:
        candidates = {JOINED: np.concatenate(there, 1), FIRST: there[0], SECOND: there[1]}
    if len({m.shape for m in there}) == 1:
        candidates.update({ALL: np.all(there, 0), ANY: np.any(there, 0)})
    found = [name for name in candidates if np.array_equal(mask, candidates[name])]
    return found[0] if found else OWN


def whose(trial: Trial, ask: Callable[[float], Seen]) -> str:
    """Which of ``MASKS`` the output of ``ask(padding)`` carries, of the padded batch so padded.

    A mask is the layer's own, though it looks like the input's, if other values at masked steps
    change it. Only a layer that makes masks of unmasked inputs is asked twice.
    """
    seen = ask(0.0)
    makes_masks = trial.unmasked().mask is not None
    if makes_masks and not same_mask(seen.mask, ask(OTHER).mask):
        return OWN
    return name_of(seen.mask, padded(trial.subject.feeds).masks)


def carried(trial: Trial, mode: str) -> str:
    def ask(padding: float) -> Seen:
        what = f"padded with {padding}" if padding else "padded"
        return trial.seen(what, lambda: padded(trial.subject.feeds, padding), mode)

    return whose(trial, ask)


@aspect("out.mask", "Which mask does the output carry?", MASKS)
def eagerly(trial: Trial) -> str:
    return carried(trial, "eager")


@aspect("out.functional", "Which mask does the output carry in a functional model?", MASKS)
def functional(trial: Trial) -> str:
    return carried(trial, "functional")


@aspect("out.graph", "Which mask does the output carry in a graph of unknown length?", MASKS)
def graph(trial: Trial) -> str:
    return carried(trial, "graph")


@aspect("out.model-agrees", "Does a functional model give what an eager call gives?", AGREEMENT)
def model_agrees(trial: Trial) -> str:
    return agreement(trial.padded(), trial.padded("functional"))


@aspect("out.graph-agrees", "Does a graph give what an eager call gives?", AGREEMENT)
def graph_agrees(trial: Trial) -> str:
    return agreement(trial.padded(), trial.padded("graph"))


@aspect("out.fits", "Does the output's mask fit the output?", ("yes", "no", "there is no mask"))
def fits(trial: Trial) -> str:
    seen = trial.padded()
    if seen.mask is None:
        return "there is no mask"
    return "yes" if seen.mask.shape == seen.output.shape[: seen.mask.ndim] else "no"


@aspect("out.further", "Which mask do the further outputs carry?", (*MASKS, "several"))
def further(trial: Trial) -> str:
    seen = trial.padded()
    masks = padded(trial.subject.feeds).masks
    found = {name_of(mask, masks) for mask in seen.masks[1:]}
    if not found:
        raise NotAsked("there is one output")
    return found.pop() if len(found) == 1 else "several"


@aspect("out.input-after", "Does the input still carry its mask after the call?", ("yes", "no"))
def input_after(trial: Trial) -> str:
    return "yes" if trial.padded().kept else "no"


def always(subject: Subject) -> bool:
    return True


@aspect(
    "out.unmasked", "Which mask does the output carry if no input has one?", (OWN, NONE), always
)
def unmasked(trial: Trial) -> str:
    return NONE if trial.unmasked().mask is None else OWN


# --- compute_mask by hand ------------------------------------------------------------------------


def takes_its_inputs_as_one(subject: Subject) -> bool:
    return is_masked(subject) and subject.call == "list"


def with_masks(trial: Trial, batch: Batch) -> Tuple[Any, Any]:
    """The inputs and the masks of ``batch`` as tensors: one of each, or two lists."""
    inputs = [trial.keras.tensor(x) for x in batch.inputs]
    masks = [None if m is None else trial.keras.tensor(m) for m in batch.masks]
    return (inputs, masks) if len(inputs) > 1 else (inputs[0], masks[0])


def computed(trial: Trial, *given: Any) -> Seen:
    """What compute_mask returns, as the mask of an output; of a list, the first."""
    mask = flat(trial.layer.compute_mask(*given))[0]
    return Seen((), (None if mask is None else trial.keras.numpy(mask),))


@aspect(
    "out.compute-mask",
    "Which (first) mask does compute_mask return, called by hand with the inputs and their masks?",
    MASKS,
    takes_its_inputs_as_one,
)
def compute_mask(trial: Trial) -> str:
    def ask(padding: float) -> Seen:
        def call() -> Seen:
            return computed(trial, *with_masks(trial, padded(trial.subject.feeds, padding)))

        return trial.once(f"compute_mask {padding}", call)

    return whose(trial, ask)


FORMS = ("None", "one mask", "a list of masks", "a list of masks and None", "a list of None")


@aspect(
    "out.compute-mask-form",
    "Does compute_mask, called by hand with the inputs and their masks, return one mask or a list?",
    FORMS,
    takes_its_inputs_as_one,
)
def compute_mask_form(trial: Trial) -> str:
    def call() -> Seen:
        masks = trial.layer.compute_mask(*with_masks(trial, padded(trial.subject.feeds)))
        if masks is None or not isinstance(masks, (list, tuple)):
            return Seen((np.array(masks is not None),))
        there = {mask is not None for mask in masks}
        return Seen((np.array(4 if there == {False} else 1 + len(there)),))

    return FORMS[int(trial.once("the form of compute_mask", call).output)]


def takes_one(subject: Subject) -> bool:
    return takes_its_inputs_as_one(subject) and len(subject.feeds) == 1


DEEPER = "what it returns for the mask, in a list"


@aspect(
    "out.compute-mask-list-of-one",
    "Which (first) mask does compute_mask return, called by hand with a list of one mask?",
    (*MASKS, DEEPER),
    takes_one,
)
def compute_mask_of_a_list(trial: Trial) -> str:
    def ask(padding: float) -> Seen:
        x, mask = with_masks(trial, padded(trial.subject.feeds, padding))
        return trial.once(f"compute_mask of a list {padding}", lambda: computed(trial, x, [mask]))

    def depths() -> Seen:
        x, mask = with_masks(trial, padded(trial.subject.feeds))
        found = [depth(trial.layer.compute_mask(x, given)) for given in (mask, [mask])]
        return Seen((np.array(found),))

    plain, of_a_list = trial.once("depths of compute_mask", depths).output
    return DEEPER if of_a_list > plain else whose(trial, ask)


def depth(result: Any) -> int:
    """In how many lists the first tensor of a result stands."""
    return 1 + depth(result[0]) if isinstance(result, (list, tuple)) and result else 0
