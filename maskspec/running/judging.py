"""From a check to a verdict: run it once and say ``holds``, ``refuted`` or ``unavailable``."""

import contextlib
import re
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Match, NamedTuple, Optional, Type

from maskspec.catalogue.verdicts import HOLDS, REFUTED, UNAVAILABLE, Row

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1]  # the harness, wherever it is installed
OBSERVED_MAX = 160
_observations: List[str] = []


# The first two are no ``Exception``: a check or a framework that catches every error has to let
# them pass, as they decide nothing.


class Unavailable(BaseException):
    """An API that a claim needs does not exist in this implementation."""


class Precondition(BaseException):
    """What a check takes for granted is not so; this decides nothing about the claim."""


class Refuted(Exception):
    """The exception that a claim names as its refutation was raised."""


ERROR = "error"  # stands for a verdict where there is none


class Result(NamedTuple):
    """What came of one case here: the row as a record has it, and what a reader has to know.

    ``expected`` is a verdict, ``place`` the ``path:line`` of the test, ``detail`` what failed.
    """

    row: Row
    cell: str
    implementation: str
    expected: str
    place: str
    detail: str = ""

    @property
    def is_error(self) -> bool:
        return self.row.verdict == ERROR

    @property
    def is_unexpected(self) -> bool:
        return self.row.verdict not in (self.expected, ERROR)

    def dump(self) -> Dict[str, Any]:
        """As plain values, to travel between processes; ``load`` reads them."""
        return {**self._asdict(), "row": list(self.row)}

    @classmethod
    def load(cls, values: Dict[str, Any]) -> "Result":
        return cls(**{**values, "row": Row(*values["row"])})


class Outcome(NamedTuple):
    """The verdict of one case, and what was seen: in short for the record, in full for a reader."""

    verdict: str
    observed: str
    detail: str = ""


def require(condition: object, what: str) -> None:
    """Take ``what`` for granted: raise ``Precondition`` (an error, no verdict) if it is not so."""
    if not condition:
        raise Precondition(f"precondition not met: {what}")


def observe(value: object) -> None:
    """Note what was seen, for the record and the page: short, and the same in every run."""
    _observations.append(str(value))


@contextlib.contextmanager
def refuted_by(*errors: Type[BaseException], match: str = "") -> Iterator[None]:
    """State that the block raises none of ``errors`` with a message that ``match`` finds.

    Raising one refutes the claim; any other exception stays an error.
    """
    try:
        yield
    except AssertionError:
        raise
    except errors as error:
        text = str(error)
        if not re.search(match, text):
            raise
        raise Refuted(f"{type(error).__name__}: {_telling_line(text, match)}") from error


class Raised:
    """What a block of ``raises`` raised: ``error``, once the block has ended."""

    error: Optional[BaseException] = None

    def __str__(self) -> str:
        return str(self.error)


@contextlib.contextmanager
def raises(*errors: Type[BaseException], match: str = "") -> Iterator[Raised]:
    """State that the block raises one of ``errors`` with a message that ``match`` finds.

    What was raised is noted as observed. If nothing is raised, the claim is refuted; any other
    exception stays an error.
    """
    raised = Raised()
    try:
        yield raised
    except errors as error:
        text = str(error)
        if not re.search(match, text):
            raise
        raised.error = error
        observe(f"{type(error).__name__}: {_telling_line(text, match)}")
        return
    raise AssertionError("nothing was raised")


def judge(check: Callable[[], Any], root: Path = ROOT) -> Outcome:
    """Run ``check`` and return its outcome; a fault of the harness or the test propagates.

    Only an assert below ``root`` (or in the harness) states a claim: one that fails inside a
    framework is a fault.
    """
    _observations.clear()
    try:
        check()
    except Unavailable as error:
        return Outcome(UNAVAILABLE, _short(str(error)))
    except Refuted as error:
        return Outcome(REFUTED, _seen(str(error)), str(error))
    except AssertionError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        if not _is_ours(frame.filename, root):
            raise
        return Outcome(REFUTED, _seen(_stated(error, frame.line)), str(error))
    return Outcome(HOLDS, _seen(""))


def origin(error: BaseException, root: Path = ROOT) -> str:
    """``path:line`` of the innermost frame of ``error`` in the project's own code."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_ours(frame.filename, root) and frame.filename != __file__:
            path = Path(frame.filename)
            base = root if root in path.parents else ROOT
            return f"{path.relative_to(base).as_posix()}:{frame.lineno}"
    return "outside the project"


def _telling_line(text: str, match: str) -> str:
    """The line that ``match`` finds; frameworks add a trace above and the arguments below it."""
    lines = [line.strip() for line in text.splitlines() if re.search(match, line)]
    return ([line for line in lines if not line.startswith("•")] or lines or [text])[-1]


def _is_ours(filename: str, root: Path) -> bool:
    path = Path(filename)
    for ours in (root, PACKAGE):  # which stand in site-packages themselves, if a wheel brought them
        if ours in path.parents:
            return "site-packages" not in path.relative_to(ours).parts
    return False


def _stated(error: AssertionError, source_line: Optional[str]) -> str:
    # pytest's explanation differs with its version and verbosity: prefer the author's message,
    # else the assert itself.
    message = str(error).partition("\n")[0]
    if message and not message.startswith("assert "):
        return message
    return f"not so: {(source_line or '').replace('assert ', '', 1)}"


def _seen(fallback: str) -> str:
    return _short("; ".join(_observations) or fallback)


def _short(text: str) -> str:
    """One line, without what differs between runs: addresses, folders, name counts, last digits."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(text.split()))
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    text = re.sub(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+)+[\\/]([\w.-]+)", r"\1", text)
    text = re.sub(r"\b(_*[A-Za-z]+(?:_[A-Za-z]+)*)_\d+\b", r"\1", text)
    text = re.sub(r"(?<![\w.])\d+\.\d{4,}(?:e[-+]?\d+)?(?![\w.])", _three_digits, text)
    return text if len(text) <= OBSERVED_MAX else text[: OBSERVED_MAX - 1] + "…"


def _three_digits(number: Match[str]) -> str:
    return f"{float(number.group()):.3g}"
