"""Layouts: inputs that come in another shape than one padded array each."""

from maskspec.atlas.aspects import aspect, is_plain, takes_floats_plainly
from maskspec.atlas.batches import padded
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
    return takes_floats_plainly(subject) and len(subject.feeds) == 1 and subject.call == "list"


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

    found = trial.once("ragged", call).output
    masked, bare = (seen.output[AT_END] for seen in (trial.padded(), trial.unmasked()))
    for name, other in zip(RAGGED, (masked, bare)):
        if found.shape == other.shape and same(at(found, valid), at(other, valid)):
            return name
    return RAGGED[2]
