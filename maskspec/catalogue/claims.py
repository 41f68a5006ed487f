"""Tie a test to the claim it decides: ``@claim`` on the test, ``case`` for one parameter set."""

from typing import Any, Callable, NamedTuple, Optional, Tuple, TypeVar, Union

from maskspec.catalogue.implementations import STANDALONE
from maskspec.catalogue.ranges import ALWAYS, Range, validate

NO_IMPLEMENTATION = "none"  # stands for the implementation in the id of a case that cannot run

Check = TypeVar("Check", bound=Callable[..., None])


class Parameter(str):
    """A value of a parameter that exists on some releases only, with each case that has it.

    ``TF_FUNCTION = Parameter("tf.function", exists={"keras/jax": None, "*": ""})``
    """

    exists: Range

    def __new__(cls, value: str, exists: Range) -> "Parameter":
        made = super().__new__(cls, value)
        made.exists = validate(exists)
        return made


class Expectation(NamedTuple):
    """Where a claim, or one case of it, is expected to hold, and where its API exists at all."""

    claim: str
    holds: Range
    exists: Range
    instead: Tuple[str, ...]
    standalone: bool


def claim(
    id: str,
    holds: Range = ALWAYS,
    *,
    exists: Range = ALWAYS,
    instead: Union[str, Tuple[str, ...]] = (),
    standalone: bool = False,
) -> Callable[[Check], Check]:
    """Make a test the check of claim ``id``; the test asserts the claim as it is said.

    ``holds`` and ``exists`` map an implementation (``"keras"``), one backend of it
    (``"keras/jax"``) or ``"*"`` to a version specifier; the most specific key decides, ``""``
    is every release and ``None`` is none. Where it does not hold, the expected verdict is
    ``refuted``; where it does not exist, ``unavailable``. ``instead`` names the findings that
    hold where the claim is refuted. With ``standalone`` the claim is also decided on the old
    standalone Keras 2.3, which runs no others. Raises ``ValueError`` for a range that cannot be
    read.
    """
    found = instead if isinstance(instead, tuple) else (instead,)
    expectation = Expectation(id, validate(holds), validate(exists), found, standalone)

    def tie(check: Check) -> Check:
        check.__claim__ = expectation  # type: ignore[attr-defined]
        return check

    return tie


def case(
    *values: Any, id: Optional[str] = None, holds: Range = ALWAYS, exists: Range = ALWAYS
) -> Any:
    """A parameter set whose range is narrower than its claim's: it holds where both do."""
    import pytest  # here, so that what only reads the catalogue needs no pytest

    marks = pytest.mark.narrowed(holds=validate(holds), exists=validate(exists))
    return pytest.param(*values, id=id, marks=marks)


def expectation_of(check: Any) -> Optional[Expectation]:
    """The expectation that ``@claim`` left on ``check``, or None."""
    return getattr(check, "__claim__", None)


def decided_on(implementation: str, standalone: bool) -> bool:
    """Whether a claim is decided on ``implementation`` at all, given what it says of itself."""
    return standalone or implementation != STANDALONE


def case_name(item: Any) -> str:
    """The case of a collected item: what its pytest id says after the implementation."""
    installed = item.callspec.params["keras"]
    prefix = NO_IMPLEMENTATION if installed is None else installed.implementation
    return str(item.callspec.id)[len(prefix) + 1 :]


def item_ranges(item: Any, expectation: Expectation) -> Tuple[Tuple[Range, ...], Tuple[Range, ...]]:
    """The ranges that all have to contain a release for the item to hold, and to exist."""
    marks = [mark.kwargs for mark in item.iter_markers("narrowed")]
    exists = [expectation.exists, *(m["exists"] for m in marks)]
    exists += [v.exists for v in item.callspec.params.values() if isinstance(v, Parameter)]
    return (expectation.holds, *(m["holds"] for m in marks)), tuple(exists)
