"""What changes from one record to another, claim by claim, and how a user notices it."""

import re
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import HOLDS, REFUTED, UNAVAILABLE, Row, verdict_of
from maskspec.records.results import Record
from maskspec.records.specification import Specification

# How a change is noticed, the gravest first.
SILENT = "silently different"
RAISES = "raising now"
UNDECIDED = "no longer decidable"
GONE = "gone"
MENDED = "no longer raising"
NEW = "new"
WORDS = "worded otherwise"
KINDS = {
    SILENT: "no error says so: values, masks, losses or metrics are others",
    RAISES: "an error where there was none",
    UNDECIDED: "what the claim takes for granted is not so any more",
    GONE: "the API is not there any more",
    MENDED: "no error where there was one",
    NEW: "the API is there now",
    WORDS: "the same verdict, but another error or another observation",
}

_ERROR = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning))\b")
_SPEAKS_OF_ERRORS = re.compile(
    r"(?<!\bno )(?<!without an )\b(?:raises?|refuses?|fails?|errors?|\w+Error)\b"
)


class Change(NamedTuple):
    """A claim that fares differently in the second record.

    ``cases`` maps a case to its two verdicts, ``vanished`` are the cases that only the first
    record has, ``observed`` maps a case with the same verdict to its two observations.
    """

    claim: Claim
    kind: str
    before: str
    after: str
    cases: Dict[str, Tuple[str, str]]
    vanished: List[str]
    observed: Dict[str, Tuple[str, str]]
    instead: List[Claim]
    of: int  # how many cases the claim has in the first record


def compare(project: Specification, before: Record, after: Record) -> List[Change]:
    """Every claim of the first record that changes, in reading order; nothing is left out."""
    found = (_change(project, claim, before, after) for claim in project.book.claims)
    return [change for change in found if change is not None]


def verdict_changes(project: Specification, before: Record, after: Record) -> List[Change]:
    """Those of ``compare`` in which the verdict of a case changes."""
    return [change for change in compare(project, before, after) if change.cases]


def claims_of(record: Record) -> int:
    return len(record.verdicts)


def error_in(observed: str) -> str:
    """The class of the error that an observation tells of, or ""."""
    found = _ERROR.search(observed)
    return found.group(1) if found else ""


def speaks_of_errors(sentence: str) -> bool:
    """Whether a claim says that something raises, so that an error is what it promises."""
    return bool(_SPEAKS_OF_ERRORS.search(sentence))


def _change(
    project: Specification, claim: Claim, before: Record, after: Record
) -> Optional[Change]:
    was, now = (record.by_claim.get(claim.id, {}) for record in (before, after))
    both = [case for case in was if case in now]
    cases = {
        case: (was[case].verdict, now[case].verdict)
        for case in both
        if was[case].verdict != now[case].verdict
    }
    vanished = [case for case in was if case not in now]
    observed = {
        case: (was[case].observed, now[case].observed)
        for case in both
        if case not in cases and error_in(was[case].observed) != error_in(now[case].observed)
    }
    if not (cases or vanished or observed):
        return None
    kinds = {_kind(claim, was[case], now[case]) for case in cases}
    kinds |= {UNDECIDED} if vanished else set()
    kinds |= {WORDS} if observed else set()
    return Change(
        claim,
        min(kinds, key=list(KINDS).index),
        _verdict(was),
        _verdict(now),
        cases,
        vanished,
        observed,
        _instead(project, claim, after, cases),
        len(was),
    )


def _kind(claim: Claim, was: Row, now: Row) -> str:
    """How a case whose verdict changes is noticed."""
    if now.verdict == UNAVAILABLE:
        return GONE
    if was.verdict == UNAVAILABLE:
        return NEW
    if speaks_of_errors(claim.sentence):
        return RAISES if now.verdict == HOLDS else MENDED
    if error_in(now.observed):
        return RAISES
    return MENDED if error_in(was.observed) else SILENT


def _verdict(rows: Dict[str, Row]) -> str:
    return verdict_of([row.verdict for row in rows.values()]) if rows else "undecided"


def _instead(
    project: Specification, claim: Claim, after: Record, cases: Dict[str, Tuple[str, str]]
) -> List[Claim]:
    """The findings that hold in ``after`` and say what is so, if the claim is refuted there."""
    if REFUTED not in {now for _, now in cases.values()}:
        return []
    known = project.book.by_id()
    names: Set[str] = {id for case in project.cases(claim.id) for id in case.instead}
    held = [id for id in names if set(after.verdicts.get(id, {}).values()) == {HOLDS}]
    return [known[id] for id in sorted(held) if id in known]
