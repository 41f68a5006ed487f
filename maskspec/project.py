"""Everything the project says of itself, read once: pages, tests, sources, releases, records."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

from maskspec import pages, releases, results, sources
from maskspec.claims import decided_on
from maskspec.collecting import Case, Collection, collect
from maskspec.verdicts import PARTLY, REFUTED, UNAVAILABLE


@dataclass
class Project:
    """The catalogue (pages and tests), the inventory of the sources, and the recorded cells.

    ``records`` are those of releases; those of ``prereleases`` are free to differ.
    """

    root: Path
    book: pages.Book
    collection: Collection
    sources: Dict[str, sources.Source]
    releases: releases.Releases
    records: Dict[str, results.Record]
    prereleases: Dict[str, results.Record]
    broken_records: List[str]

    def cases(self, claim: str) -> List[Case]:
        return self._cases.get(claim, [])

    def cells(self, *claims: str) -> List[releases.Cell]:
        """The recorded cells that decide one of ``claims``, in order."""
        standalone = any(case.standalone for claim in claims for case in self.cases(claim))
        known = [self.releases.cells[name] for name in self.records]
        return [cell for cell in known if decided_on(cell.implementation, standalone)]

    def restating(self, statement: str) -> List[pages.Claim]:
        """The claims that restate ``statement``."""
        return [claim for claim in self.book.claims if statement in claim.statements]

    def statements(self) -> Dict[str, sources.Statement]:
        return {s.id: s for source in self.sources.values() for s in source.statements}

    def verdicts(self, claim: str) -> Dict[str, Dict[str, str]]:
        """The recorded verdict of each case of ``claim`` by cell, cells in release order."""
        return self._verdicts.get(claim, {})

    def claim_verdicts(self, *claims: str) -> Dict[str, str]:
        """The verdict of ``claims``, taken as one, on each recorded cell that ran them."""
        if claims not in self._claim_verdicts:
            found: Dict[str, List[str]] = {}
            for claim in claims:
                for cell, cases in self.verdicts(claim).items():
                    found.setdefault(cell, []).extend(cases.values())
            verdicts = {cell: verdict_of(found[cell]) for cell in self.records if cell in found}
            self._claim_verdicts[claims] = verdicts
        return self._claim_verdicts[claims]

    @cached_property
    def _claim_verdicts(self) -> Dict[Tuple[str, ...], Dict[str, str]]:
        return {}

    @cached_property
    def _cases(self) -> Dict[str, List[Case]]:
        found: Dict[str, List[Case]] = {}
        for case in self.collection.cases:
            found.setdefault(case.claim, []).append(case)
        return found

    @cached_property
    def _verdicts(self) -> Dict[str, Dict[str, Dict[str, str]]]:
        found: Dict[str, Dict[str, Dict[str, str]]] = {}
        for cell, record in self.records.items():
            for claim, cases in record.verdicts.items():
                found.setdefault(claim, {})[cell] = cases
        return found


def load(root: Path) -> Project:
    """Read the project at ``root``; what is broken is kept for the rules to name."""
    known = releases.load(root / "spec" / "releases")
    with ThreadPoolExecutor(max_workers=1) as pool:  # the tests are collected by another process
        collection = pool.submit(collect, root)
        records, broken = results.read_all(root / "spec" / "releases", known.cells)
        book, texts = pages.read(root), sources.read(root)
    released = {name: r for name, r in records.items() if not known.cells[name].is_pre}
    ahead = {name: r for name, r in records.items() if known.cells[name].is_pre}
    return Project(root, book, collection.result(), texts, known, released, ahead, broken)


def verdict_of(verdicts: Sequence[str]) -> str:
    """The verdict of a claim from those of its cases: they agree, or it is ``partly``.

    A case whose API does not exist says nothing about the others.
    """
    decided = set(verdicts) - {UNAVAILABLE}
    if not decided:
        return UNAVAILABLE
    return decided.pop() if len(decided) == 1 else PARTLY


def is_simply_true(verdicts: Mapping[str, str]) -> bool:
    """Whether a claim holds on every cell where what it speaks of exists."""
    return not {REFUTED, PARTLY} & set(verdicts.values())


def group_cases(
    verdicts: Mapping[str, Mapping[str, str]],
) -> List[Tuple[Dict[str, str], List[str]]]:
    """Cases that fare alike on every cell: their verdict by cell, and their names, in order."""
    groups: Dict[Tuple[Tuple[str, str], ...], List[str]] = {}
    for name in sorted({case for cases in verdicts.values() for case in cases}):
        mine = tuple((cell, cases[name]) for cell, cases in verdicts.items() if name in cases)
        groups.setdefault(mine, []).append(name)
    return [(dict(mine), names) for mine, names in groups.items()]
