"""What changes from one record to another, claim by claim, and how a user notices it."""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE, Key, Row, verdict_of
from maskspec.records.results import Record
from maskspec.records.specification import Specification
from maskspec.rendering.evidence import findings_instead

# How a change is noticed, the gravest first.
SILENT = "silently different"
RAISES = "raising now"
UNDECIDED = "no longer decidable"
GONE = "gone"
MENDED = "no longer raising"
NEW = "new"
WARNS = "warned otherwise"
WORDS = "worded otherwise"
KINDS = {
    SILENT: "no error says so: values, masks, losses or metrics are others",
    RAISES: "an error where there was none",
    UNDECIDED: "what the claim takes for granted is not so any more",
    GONE: "the API is not there any more",
    MENDED: "no error where there was one",
    NEW: "the API is there now",
    WARNS: "a warning comes or goes; values and masks are the same",
    WORDS: "the same verdict, but another error or another observation",
}

_ERROR = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning))\b")
_NO_SUCH_NAME = re.compile(r"(?:there is no|without) \w+(?:, \w+)*$")  # in an observation
_SPEAKS_OF_WARNINGS = re.compile(r"\b(?:warns|warning)\b")
# What a claim speaks of, the gravest first: results, then masks, then all the rest.
_SPEAKS_OF = (
    re.compile(
        r"\b(?:loss(?:es)?|gradients?|metrics?|weights?|means?|padding|padded|results?|values?|steps?"
        r"|predictions?|statistics|states?|NaN|counts?|skips?|comput\w+)\b",
        re.I,
    ),
    re.compile(r"\bmask(?:s|ed)?\b", re.I),
)
_SPEAKS_OF_ERRORS = re.compile(
    r"(?<!\bno )(?<!without an )\b(?:raises?|refuses?|fails?|errors?|\w+Error)\b"
)


class Change(NamedTuple):
    """A claim that fares differently in the second record.

    ``cases`` maps a case to its two verdicts, ``vanished`` are those that ended in an error in the
    second, ``observed`` maps a case with the same verdict to its two observations.
    """

    claim: Claim
    kind: str
    before: str
    after: str
    cases: Dict[str, Tuple[str, str]]
    vanished: List[str]
    observed: Dict[str, Tuple[str, str]]
    instead: List[Claim]
    of: int  # how many cases of the claim were compared

    @property
    def lead(self) -> str:
        """What introduces the claim's sentence: whether it is so now."""
        if self.before == self.after:
            return ""
        if self.after == HOLDS:
            return "Now so: "
        ends = {
            REFUTED: "No longer so: ",
            PARTLY: "No longer so: ",
            UNAVAILABLE: "No longer there: ",
        }
        return ends.get(self.after, "") if self.before == HOLDS else ""


def compare(project: Specification, before: Record, after: Record) -> List[Change]:
    """Every claim of the first record that changes, in reading order.

    A case that was not run for one of them decides nothing and is left out; ``not_run`` counts
    these.
    """
    undecided = project.undecided(before, after)
    found = (_change(project, claim, before, after, undecided) for claim in project.book.claims)
    return [change for change in found if change is not None]


def not_run(project: Specification, before: Record, after: Record) -> Dict[str, int]:
    """By cell, how many cases of the other record were not run there."""
    gone = before.by_key.keys() - after.by_key.keys() - project.undecided(before, after)
    return {
        before.cell: len(after.by_key.keys() - before.by_key.keys()),
        after.cell: len(gone),
    }


def by_gravity(changes: Sequence[Change]) -> List[Change]:
    """``changes`` by kind; of one kind those first that speak of results, then those of masks."""
    kinds = list(KINDS)
    return sorted(changes, key=lambda c: (kinds.index(c.kind), spoken_of(c.claim.sentence)))


def verdict_changes(project: Specification, before: Record, after: Record) -> List[Change]:
    """Those of ``compare`` in which the verdict of a case changes."""
    return [change for change in compare(project, before, after) if change.cases]


def claims_of(record: Record) -> int:
    return len(record.verdicts)


def error_in(observed: str) -> str:
    """The class of the error that an observation tells of, or ""."""
    found = _ERROR.search(observed)
    return found.group(1) if found else ""


def is_of_no_name(observed: str) -> bool:
    """Whether an observation tells that the API is not there."""
    return bool(_NO_SUCH_NAME.match(observed))


def speaks_of_errors(sentence: str) -> bool:
    """Whether a claim says that something raises, so that an error is what it promises."""
    return bool(_SPEAKS_OF_ERRORS.search(sentence))


def speaks_of_warnings(sentence: str) -> bool:
    """Whether a claim says that something warns, and nothing of results."""
    return bool(_SPEAKS_OF_WARNINGS.search(sentence)) and spoken_of(sentence) > 0


def spoken_of(sentence: str) -> int:
    """What a claim speaks of, the gravest first: 0 for results, 1 for masks, 2 for the rest."""
    levels = (level for level, words in enumerate(_SPEAKS_OF) if words.search(sentence))
    return next(levels, len(_SPEAKS_OF))


def _change(
    project: Specification, claim: Claim, before: Record, after: Record, undecided: Set[Key]
) -> Optional[Change]:
    was, now = (record.by_claim.get(claim.id, {}) for record in (before, after))
    vanished = [case for case in was if (claim.id, case) in undecided]
    was = {case: row for case, row in was.items() if case in now or case in vanished}
    now = {case: row for case, row in now.items() if case in was}
    both = [case for case in was if case in now]
    cases = {
        case: (was[case].verdict, now[case].verdict)
        for case in both
        if was[case].verdict != now[case].verdict
    }
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
    if is_of_no_name(now.observed) or is_of_no_name(was.observed):
        return GONE if now.verdict == REFUTED else NEW
    if speaks_of_errors(claim.sentence):
        return RAISES if now.verdict == HOLDS else MENDED
    if speaks_of_warnings(claim.sentence):
        return WARNS
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
    held = [id for id in findings_instead(project, claim)
            if set(after.verdicts.get(id, {}).values()) == {HOLDS}]  # fmt: skip
    return [known[id] for id in held if id in known]
