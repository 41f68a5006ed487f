"""GPU kernels: which masks the framework would hand to the fused one, asked without a GPU."""

from typing import Sequence

import numpy as np

from maskspec.atlas.aspects import aspect, is_plain
from maskspec.atlas.batches import Array, padded
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Seen, Trial

AT_END = (0, 1, 2)  # rows of the padded batch
# By the name of the question: which rows, and how many of them have no valid step.
MASKS = {
    "end": ("rows that are padded at the end", AT_END, 0),
    "no-full-row": ("rows that are all padded at the end", (0, 1), 0),
    "start": ("a row that is padded at the start", (2, 3), 0),
    "middle": ("a row that is padded in the middle", (2, 4), 0),
    "dead-row": ("a row without a valid step", AT_END, 1),
    "dead-batch": ("no row with a valid step", AT_END, 3),
}


def has_a_kernel(subject: Subject) -> bool:
    return is_plain(subject) and subject.layer in ("LSTM", "GRU")


def ask_mask(name: str, what: str, rows: Sequence[int], dead: int) -> None:
    @aspect(
        f"kernels.{name}",
        f"On a GPU, would cuDNN's kernel be given a mask of {what}?",
        ("yes", "no"),
        has_a_kernel,
    )
    def ask(trial: Trial) -> str:
        return taken(trial, mask_of(trial, rows, dead))


@aspect(
    "kernels.integer-mask",
    "On a GPU, would cuDNN's kernel be given a mask of integers that pads at the end?",
    ("yes", "no"),
    has_a_kernel,
)
def integer_mask(trial: Trial) -> str:
    return taken(trial, mask_of(trial, AT_END, 0).astype("int32"))


def taken(trial: Trial, mask: Array) -> str:
    """What the framework says; an error that it raises is noted as one."""

    def call() -> Seen:
        return Seen((np.asarray(trial.keras.cudnn_takes(mask)),))

    return "yes" if trial.once(f"kernel: {mask.dtype} {mask.tolist()}", call).output else "no"


def mask_of(trial: Trial, rows: Sequence[int], dead: int) -> Array:
    """The mask of these ``rows`` of the padded batch, the first ``dead`` of them without a step."""
    mask = padded(trial.subject.feeds).masks[0]
    assert mask is not None
    found: Array = mask[list(rows)] & (np.arange(len(rows)) >= dead)[:, None]
    return found


for key, (words, chosen, number) in MASKS.items():
    ask_mask(key, words, chosen, number)
