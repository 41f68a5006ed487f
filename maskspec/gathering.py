"""Bring records that were made elsewhere into ``spec/releases``: ``python -m maskspec merge DIR``.

The result depends on which records there are, not on their order, and a second time changes
nothing: a record is taken only if it is whole and ran the tests as they are now, and where two
such records of one cell differ, neither is.
"""

import shutil
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Set

from maskspec import results
from maskspec.collecting import cases_of
from maskspec.project import Project


class Merged(NamedTuple):
    """The cells whose record was taken, what was refused and why, and the cells still wanting."""

    taken: List[str]
    refused: List[str]
    wanting: List[str]


def merge(project: Project, folders: Iterable[Path]) -> Merged:
    """Copy each sound ``results.jsonl`` anywhere below ``folders`` to its cell's folder."""
    sound: Dict[str, Set[bytes]] = {}
    origin: Dict[str, Path] = {}
    refused: Set[str] = set()
    for path in sorted({p for folder in folders for p in folder.rglob("results.jsonl")}):
        try:
            record = results.read(path)
            complaint = amiss(project, record)
        except results.BrokenRecord as error:
            refused.add(str(error))
            continue
        if complaint:
            refused.add(f"{path}:1: {complaint}")
            continue
        sound.setdefault(record.cell, set()).add(path.read_bytes())
        origin[record.cell] = path
    taken = []
    for cell in sorted(sound):
        if len(sound[cell]) > 1:
            refused.add(f"{origin[cell]}:1: there are {len(sound[cell])} different ones of {cell}")
            continue
        there = project.root / "spec" / "releases" / cell / "results.jsonl"
        if not there.exists() or there.read_bytes() not in sound[cell]:
            shutil.copyfile(str(origin[cell]), str(there))
            taken.append(cell)
    return Merged(taken, sorted(refused), wanting(project, set(sound) - _several(sound)))


def wanting(project: Project, fresh: Iterable[str] = ()) -> List[str]:
    """The cells that have no record which is whole and up to date."""
    recorded = {**project.records, **project.prereleases}
    return [
        cell
        for cell in project.releases.cells
        if cell not in fresh and (cell not in recorded or amiss(project, recorded[cell]))
    ]


def amiss(project: Project, record: results.Record) -> str:
    """Why ``record`` does not speak for the tests as they are now, or ``""``."""
    cell = project.releases.cells.get(record.cell)
    if cell is None:
        return f"{record.cell} is no cell of this project"
    cases = cases_of(project.collection.cases, cell.implementation)
    right = {(c.claim, c.case): c.fingerprint for c in cases}
    rows = {(row.claim, row.case): row.test for row in record.rows}
    if rows == right or (cell.is_pre and rows and rows.items() <= right.items()):
        return ""
    current = sum(right.get(key) == test for key, test in rows.items())
    return f"{current} of {len(right)} cases of {record.cell} are there and up to date"


def _several(sound: Dict[str, Set[bytes]]) -> Set[str]:
    return {cell for cell, records in sound.items() if len(records) > 1}
