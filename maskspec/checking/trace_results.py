"""What a trace found, as values: findings, outputs, losses and metrics."""

import re
from dataclasses import dataclass, field
from typing import Any, List, NamedTuple, Optional

from maskspec.checking.trace_steps import LOST, Step

LOSES, LEAKS, COUNTS = "the mask is lost", "padding leaks", "padding counts"
LONG = 300  # characters of a message


class CannotTrace(ValueError):
    """The model could not be traced; the message says why."""


def plain(error: Exception) -> str:
    """The class and the message of an error, on one line and without the colours of a terminal."""
    said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    return f"{type(error).__name__}: {said[:LONG]}{' …' * (len(said) > LONG)}"


class Finding(NamedTuple):
    """One thing that is amiss: ``kind`` is ``LOSES``, ``LEAKS`` or ``COUNTS``.

    ``where`` names a call, a loss or a metric, and ``what`` says what happens there. ``why`` is the
    sentence of the claim, or the fact, that explains it, ``page`` where it stands, ``instead`` what
    to write in its place.
    """

    kind: str
    where: str
    what: str
    why: str = ""
    page: str = ""
    instead: str = ""


class Output(NamedTuple):
    """One output of the model.

    ``change`` is how far other values in the padded steps move it at valid steps, ``largest`` its
    largest value there; ``change`` is None where nothing was measured.
    """

    name: str
    shape: Any
    mask: Optional[Any]
    change: Optional[float]
    largest: float


class Counted(NamedTuple):
    """A loss or metric: whether padded steps count in it, and what it divides by.

    ``counts_padding`` is None where it has no steps or could not be asked; ``divides_by`` is "" if
    that is not known.
    """

    name: str
    is_loss: bool
    value: float
    counts_padding: Optional[bool]
    divides_by: str = ""
    why: str = ""
    page: str = ""


@dataclass
class Trace:
    """Where the mask goes in a model, and what padding does to its results.

    ``answer`` is what there is to say where there is nothing to trace or to measure, and "" else.
    ``changes_loss`` is how far other values in the padded steps move the loss, and
    ``changes_gradients`` how far the gradients of the weights, which are those ``gradients_of`` the
    loss, or else of the outputs; None where that was not measured. ``unmeasured`` says why the loss
    of a compiled model was not.
    """

    model: str
    installed: str
    batch: str
    steps: List[Step] = field(default_factory=list)
    findings: List[Finding] = field(default_factory=list)
    outputs: List[Output] = field(default_factory=list)
    counted: List[Counted] = field(default_factory=list)
    changes_loss: Optional[float] = None
    loss: Optional[float] = None
    changes_gradients: Optional[float] = None
    gradients_of: str = ""
    unmeasured: str = ""
    answer: str = ""
    notes: List[str] = field(default_factory=list)

    @property
    def lost(self) -> List[Finding]:
        """Where a mask is lost."""
        return [one for one in self.findings if one.kind == LOSES]

    @property
    def leaks(self) -> List[Finding]:
        """Where padding begins to reach valid results, and which losses and metrics count it."""
        return [one for one in self.findings if one.kind != LOSES]

    @property
    def is_sound(self) -> bool:
        """Whether no mask is lost and no padding leaks."""
        return not self.findings

    @property
    def status(self) -> int:
        """The exit status of the command: 1 where a mask is lost or padding leaks."""
        return 0 if self.is_sound else 1

    def __str__(self) -> str:
        from maskspec.checking.trace_text import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from maskspec.checking.trace_html import as_html

        return as_html(self)


def is_lost(step: Step) -> bool:
    """Whether a mask is lost in a call, or before it, and that does harm."""
    return not step.is_mended and (step.fate == LOST or step.before is not None)
