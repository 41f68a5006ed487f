"""Bring records that were made elsewhere into ``spec/releases``: ``python -m maskspec merge DIR``.

The result depends on which records there are, not on their order, and a second time changes
nothing: a record is taken only if it is whole and ran the tests as they are now, and where two
such records of one cell differ, neither is.
"""

import argparse
import shutil
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Set

from maskspec.records import results
from maskspec.records.specification import Specification, load
from maskspec.records.staleness import of_cell, wanting


class Merged(NamedTuple):
    """The cells whose record was taken, what was refused and why, and the cells still wanting."""

    taken: List[str]
    refused: List[str]
    wanting: List[str]


def merge(project: Specification, folders: Iterable[Path]) -> Merged:
    """Copy each sound ``results.jsonl`` anywhere below ``folders`` to its cell's folder."""
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder}")
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


def amiss(project: Specification, record: results.Record) -> str:
    """Why ``record`` does not speak for the tests as they are now, or ``""``."""
    if record.cell not in project.releases.cells:
        return f"{record.cell} is no cell of this project"
    return str(of_cell(project, record.cell, record))


def _several(sound: Dict[str, Set[bytes]]) -> Set[str]:
    return {cell for cell, records in sound.items() if len(records) > 1}


def main(asked: argparse.Namespace) -> int:
    """Say what was taken, refused and is wanting; exit status 1 if anything was or is."""
    merged = merge(load(asked.root), asked.folders)
    for cell in merged.taken:
        print(f"took the record of {cell}")
    for complaint in merged.refused:
        print(f"refused: {complaint}")
    for cell in merged.wanting:
        print(f"wanting: {cell} has no record that is whole and up to date")
    return 1 if merged.refused or merged.wanting else 0
