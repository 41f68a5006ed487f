"""Everything the project says of itself, read once: pages, tests, sources, releases, records."""

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from maskspec import pages, releases, results, sources
from maskspec.collecting import Case, Collection, collect
from maskspec.verdicts import REFUTED, UNAVAILABLE

PARTLY = "partly"


class Project(NamedTuple):
    """The catalogue (pages and tests), the inventory of the sources, and the recorded cells."""

    root: Path
    book: pages.Book
    collection: Collection
    sources: Dict[str, sources.Source]
    releases: releases.Releases
    records: Dict[str, results.Record]
    broken_records: List[str]

    def cases(self, claim: str) -> List[Case]:
        return [case for case in self.collection.cases if case.claim == claim]

    def statements(self) -> Dict[str, sources.Statement]:
        return {s.id: s for source in self.sources.values() for s in source.statements}

    def verdicts(self, claim: str) -> Dict[str, Dict[str, str]]:
        """The recorded verdict of each case of ``claim`` by cell, cells in release order."""
        return {
            cell: {row.case: row.verdict for row in record.rows if row.claim == claim}
            for cell, record in self.records.items()
        }

    def claim_verdicts(self, claim: str) -> Dict[str, str]:
        """The verdict of ``claim`` on each recorded cell that ran it."""
        by_cell = self.verdicts(claim).items()
        return {cell: verdict_of(cases.values()) for cell, cases in by_cell if cases}


def load(root: Path) -> Project:
    """Read the project at ``root``; what is broken is kept for the rules to name."""
    known = releases.load(root / "spec" / "releases")
    records, broken = results.read_all(root / "spec" / "releases", known.cells)
    return Project(
        root, pages.read(root), collect(root), sources.read(root), known, records, broken
    )


def verdict_of(verdicts: Sequence[str]) -> str:
    """The verdict of a claim from those of its cases: they agree, or it is ``partly``.

    A case whose API does not exist says nothing about the others.
    """
    decided = set(verdicts) - {UNAVAILABLE}
    if not decided:
        return UNAVAILABLE
    return decided.pop() if len(decided) == 1 else PARTLY


def describe(verdicts: Mapping[str, str], cells: Sequence[str]) -> str:
    """Verdicts by cell in words: ``holds on all 4 cells``, ``refuted on tf2.2; holds on …``."""
    groups: Dict[str, List[str]] = {}
    for cell in cells:
        if cell in verdicts:
            groups.setdefault(verdicts[cell], []).append(cell)
    if not groups:
        return "not run"
    if len(groups) == 1 and len(verdicts) == len(cells):
        return f"{next(iter(groups))} on all {len(cells)} cells"
    return "; ".join(f"{verdict} on {', '.join(where)}" for verdict, where in groups.items())


def is_simply_true(verdicts: Mapping[str, str]) -> bool:
    """Whether a claim holds on every cell where what it speaks of exists."""
    return not {REFUTED, PARTLY} & set(verdicts.values())


def group_cases(
    verdicts: Mapping[str, Mapping[str, str]], cells: Sequence[str]
) -> List[Tuple[str, List[str]]]:
    """Cases that fare alike on every cell, as (description, case names), in order of the cases."""
    names = sorted({case for cases in verdicts.values() for case in cases})
    groups: Dict[str, List[str]] = {}
    for name in names:
        mine = {cell: cases[name] for cell, cases in verdicts.items() if name in cases}
        groups.setdefault(describe(mine, cells), []).append(name)
    return list(groups.items())
