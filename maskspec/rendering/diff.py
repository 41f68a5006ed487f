"""What changes from one record to another: ``python -m maskspec diff tf2.15 keras3.15-tensorflow``.

A claim changes where the verdict of one of its cases does. With ``--json`` it prints
``{"from", "to", "claims", "changes"}``: the two cells, how many claims both decide, and a list of
``{"claim", "chapter", "sentence", "before", "after", "cases", "instead", "advice", "page"}``, in
which ``cases`` maps a case to its two verdicts, ``instead`` maps the findings that hold in the
second cell to their sentences, and ``advice`` is what the page says to do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Set, Tuple

from maskspec.catalogue.cells import nearest
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import HOLDS, REFUTED, verdict_of
from maskspec.records import results
from maskspec.records.results import Record
from maskspec.records.specification import Specification, load

INSTALLED = "installed"


class Change(NamedTuple):
    """A claim that fares differently in the second record."""

    claim: Claim
    before: str
    after: str
    cases: Dict[str, Tuple[str, str]]
    instead: List[Claim]
    of: int  # how many cases the claim has in both records


def compare(project: Specification, before: Record, after: Record) -> List[Change]:
    """Every claim that changes, by chapter.

    A finding is left to the claim that names it, and of two findings that answer each other the
    one that no longer holds to the one that does.
    """
    old, new = before.verdicts, after.verdicts
    changes = []
    for claim in project.book.claims:
        was, now = old.get(claim.id, {}), new.get(claim.id, {})
        both = [case for case in was if case in now]
        cases = {case: (was[case], now[case]) for case in both if was[case] != now[case]}
        if cases:
            verdicts = verdict_of(list(was.values())), verdict_of(list(now.values()))
            refuted = REFUTED in {after for _, after in cases.values()}
            instead = _instead(project, claim, new) if refuted else []
            changes.append(Change(claim, *verdicts, cases, instead, len(both)))
    named = {id for c in changes if not c.claim.is_finding for id in _names(project, c.claim)}
    begun = {c.claim.id for c in changes if c.after == HOLDS}
    return [
        c
        for c in changes
        if not c.claim.is_finding
        or not (c.claim.id in named or (c.after != HOLDS and _names(project, c.claim) & begun))
    ]


def record_of(project: Specification, name: str) -> Record:
    """The record of a cell, or of what is ``installed``; raise ValueError if there is none."""
    if name == INSTALLED:
        return _run_here(project)
    recorded = project.all_records
    if name not in recorded:
        raise ValueError(f"{name} is not recorded; {nearest(name, recorded)}")
    return recorded[name]


def claims_in_both(before: Record, after: Record) -> int:
    return len(before.verdicts.keys() & after.verdicts.keys())


def in_words(project: Specification, before: Record, after: Record) -> Iterator[str]:
    """The comparison for a reader, line by line."""
    changes = compare(project, before, after)
    total = claims_in_both(before, after)
    yield f"{_name(before)} -> {_name(after)}: {len(changes) or 'none'} of {total} claims change"
    chapter = ""
    for change in changes:
        if change.claim.chapter != chapter:
            chapter = change.claim.chapter
            yield from ["", project.book.title(chapter)]
        yield from ["", f"  {change.claim.id}: {change.before} -> {change.after}"]
        yield from _filled(change.claim.sentence)
        yield from _by_cases(change)
        for finding in change.instead:
            yield from _filled(f"instead: {finding.sentence}")
        yield from _filled(f"what to do: {advice(change)}")
        yield f"    {change.claim.page}"


def as_data(project: Specification, before: Record, after: Record) -> Dict[str, Any]:
    """The comparison for a program; see the module's docstring."""
    return {
        "from": before.cell,
        "to": after.cell,
        "claims": claims_in_both(before, after),
        "changes": [
            {
                "claim": c.claim.id,
                "chapter": c.claim.chapter,
                "sentence": c.claim.sentence,
                "before": c.before,
                "after": c.after,
                "cases": {case: list(verdicts) for case, verdicts in c.cases.items()},
                "instead": {finding.id: finding.sentence for finding in c.instead},
                "advice": advice(c),
                "page": c.claim.page,
            }
            for c in compare(project, before, after)
        ],
    }


def advice(change: Change) -> str:
    """What the page says to do: below the finding that holds now, or below the claim itself."""
    told = change.instead[0] if change.instead else change.claim
    return " ".join(" ".join(told.advice).split())


def _instead(project: Specification, claim: Claim, new: Dict[str, Dict[str, str]]) -> List[Claim]:
    known = project.book.by_id()
    held = [i for i in _names(project, claim) if set(new.get(i, {}).values()) == {HOLDS}]
    return [known[id] for id in sorted(held) if id in known]


def _names(project: Specification, claim: Claim) -> Set[str]:
    return {id for case in project.cases(claim.id) for id in case.instead}


def _by_cases(change: Change) -> Iterator[str]:
    """Which cases change how, unless the verdict of the claim says it all."""
    if len(change.cases) == change.of and change.before != change.after:
        return
    for verdicts in sorted(set(change.cases.values())):
        names = [case for case, pair in change.cases.items() if pair == verdicts]
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        yield from _filled(f"{' -> '.join(verdicts)}: {', '.join(names[:6])}{more}")


def _filled(text: str) -> List[str]:
    return textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent="      ")


def _name(record: Record) -> str:
    head = record.header
    return f"{head['cell']} ({head['implementation']} {head['version']})"


def _run_here(project: Specification) -> Record:
    """Run the claims on what is installed, and read what they record."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests", f"--record={folder}"],
            cwd=str(project.root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8",
        )  # fmt: skip
        found = [results.read(path) for path in sorted(Path(folder).glob("*/results.jsonl"))]
    if len(found) != 1:
        said = "; ".join(done.stdout.splitlines()[-3:])
        raise ValueError(f"{len(found)} implementations were recorded here instead of one: {said}")
    return found[0]


def main(asked: argparse.Namespace) -> int:
    """Print what changes, exit status 1 if anything does."""
    project = load(asked.root)
    pair = [record_of(project, name) for name in (asked.before, asked.after)]
    data = as_data(project, *pair)
    if asked.json:
        print(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        print("\n".join(in_words(project, *pair)))
    return 1 if data["changes"] else 0
