"""Layouts: inputs that come in another shape than one padded array each."""

import numpy as np

from maskspec.atlas.aspects import NotAsked, aspect, is_plain, takes_floats
from maskspec.atlas.batches import Array, padded
from maskspec.atlas.building import flat, settle
from maskspec.atlas.comparing import at, same
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import AGREEMENT, Seen, Trial, agreement

AT_END = [0, 1, 2]  # the rows whose padding, if any, is at the end


def takes_several(subject: Subject) -> bool:
    return is_plain(subject) and len(subject.feeds) > 1 and subject.call == "list"


@aspect("layouts.tuple", "Do inputs in a tuple give what a list gives?", AGREEMENT, takes_several)
def in_a_tuple(trial: Trial) -> str:
    def call() -> Seen:
        return trial.seen_in(trial.layer(tuple(trial.tensors(padded(trial.subject.feeds)))))

    return agreement(trial.padded(), trial.once("tuple", call))


def takes_one_sequence(subject: Subject) -> bool:
    return takes_floats(subject) and len(subject.feeds) == 1 and subject.call == "list"


def takes_vectors(subject: Subject) -> bool:
    return takes_one_sequence(subject) and len(subject.feeds[0].features) == 1


@aspect(
    "layouts.time-major",
    "Does time_major=True, on inputs and masks of (steps, batch), give what batch first gives?",
    AGREEMENT,
    takes_vectors,
)
def time_major(trial: Trial) -> str:
    config = trial.layer.get_config() if hasattr(trial.layer, "cell") else {}
    if "time_major" not in config:
        raise NotAsked("there is no argument time_major")

    def call() -> Seen:
        layer = type(trial.layer).from_config({**config, "time_major": True})
        batch = padded(trial.subject.feeds).map(turned)
        trial.apply(layer, batch.unmasked())
        settle(layer)
        trial.keras.reset_states(layer)
        seen = trial.apply(layer, batch)
        masks = tuple(None if mask is None else turned(mask) for mask in seen.masks)
        steps = tuple(turned(x) if x.ndim > 2 else x for x in seen.outputs)
        return seen._replace(outputs=steps, masks=masks)

    return agreement(trial.padded(), trial.once("time major", call))


def turned(x: Array) -> Array:
    """With the first two axes, of rows and of steps, in each other's place."""
    return np.swapaxes(x, 0, 1)


RAGGED = ("as with a mask", "as without one", "in another way")


@aspect(
    "layouts.ragged",
    "How do steps count that a ragged input leaves out?",
    RAGGED,
    takes_one_sequence,
)
def ragged(trial: Trial) -> str:
    batch, valid = padded(trial.subject.feeds).rows(*AT_END), trial.valid[AT_END]

    def call() -> Seen:
        lengths = valid.sum(1)
        result = trial.layer(trial.keras.ragged_tensor(batch.inputs[0], lengths))
        return trial.seen_in(result.to_tensor() if hasattr(result, "to_tensor") else result)

    return which(trial, trial.once("ragged", call).output)


def which(trial: Trial, found: Array) -> str:
    """As which of the two ways to call the layer the results at valid steps are."""
    masked, bare = (seen.output[AT_END] for seen in (trial.padded(), trial.unmasked()))
    for name, other in zip(RAGGED, (masked, bare)):
        valid = trial.valid[AT_END]
        if found.shape == other.shape and same(at(found, valid), at(other, valid)):
            return name
    return RAGGED[2]


def takes_several_sequences(subject: Subject) -> bool:
    return takes_floats(subject) and len(subject.feeds) > 1


@aspect(
    "layouts.ragged-inputs",
    "How do steps count that several ragged inputs leave out?",
    RAGGED,
    takes_several_sequences,
)
def ragged_inputs(trial: Trial) -> str:
    batch = padded(trial.subject.feeds).rows(*AT_END)
    whole = [np.ones(x.shape[:2], bool) for x in batch.inputs]
    lengths = [(w if m is None else m).sum(1) for w, m in zip(whole, batch.masks)]

    def call() -> Seen:
        tensors = [trial.keras.ragged_tensor(x, n) for x, n in zip(batch.inputs, lengths)]
        result = flat(trial.give(trial.layer, tensors))[0]
        return trial.seen_in(result.to_tensor() if hasattr(result, "to_tensor") else result)

    return which(trial, trial.once("ragged inputs", call).output)
