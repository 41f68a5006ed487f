"""Bring records that were made elsewhere into ``spec/releases``: ``python -m maskspec merge DIR``.

The result depends on which records there are, not on their order, and a second time changes
nothing: a record is taken only if it is whole and ran the tests as they are now, and where two
such records of one cell differ, neither is.
"""

import argparse
import shutil
from pathlib import Path
from typing import Callable, Dict, Iterable, List, NamedTuple, Set, Tuple

from maskspec.records import facts, results
from maskspec.records.specification import Specification, load
from maskspec.records.staleness import of_atlas, of_cell, wanting

Complain = Callable[[Specification, Path], Tuple[str, str]]


class Merged(NamedTuple):
    """The cells whose record was taken, what was refused and why, and the cells still wanting."""

    taken: List[str]
    refused: List[str]
    wanting: List[str]


def merge(project: Specification, folders: Iterable[Path]) -> Merged:
    """Copy each sound record and atlas anywhere below ``folders`` to its cell's folder."""
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder}")
    taken: Dict[str, None] = {}
    refused: List[str] = []
    for file, complain in (("results.jsonl", _record_amiss), (facts.FILE, _atlas_amiss)):
        paths = sorted({path for folder in folders for path in folder.rglob(file)})
        sound, complaints = _sound(project, paths, complain)
        refused += complaints
        for cell, path in sound.items():
            there = project.root / "spec" / "releases" / cell / file
            if not there.exists() or there.read_bytes() != path.read_bytes():
                shutil.copyfile(str(path), str(there))
                taken[cell] = None
    return Merged(sorted(taken), sorted(refused), wanting(load(project.root)))


def _sound(
    project: Specification, paths: Iterable[Path], complain: Complain
) -> Tuple[Dict[str, Path], Set[str]]:
    """The one file of each cell that may be taken, and why others may not."""
    contents: Dict[str, Set[bytes]] = {}
    origin: Dict[str, Path] = {}
    refused: Set[str] = set()
    for path in paths:
        try:
            cell, complaint = complain(project, path)
        except results.BrokenRecord as error:
            refused.add(str(error))
            continue
        if complaint:
            refused.add(f"{path}:1: {complaint}")
            continue
        contents.setdefault(cell, set()).add(path.read_bytes())
        origin[cell] = path
    for cell in [cell for cell, found in contents.items() if len(found) > 1]:
        refused.add(f"{origin[cell]}:1: there are {len(contents[cell])} different ones of {cell}")
        del origin[cell]
    return dict(sorted(origin.items())), refused


def _record_amiss(project: Specification, path: Path) -> Tuple[str, str]:
    """The cell of a record, and why it does not speak for the tests as they are now, or ""."""
    record = results.read(path)
    if record.cell not in project.releases.cells:
        return record.cell, f"{record.cell} is no cell of this project"
    return record.cell, str(of_cell(project, record.cell, record))


def _atlas_amiss(project: Specification, path: Path) -> Tuple[str, str]:
    """The same of an atlas."""
    atlas = facts.read(path)
    if atlas.cell not in project.releases.cells:
        return atlas.cell, f"{atlas.cell} is no cell of this project"
    return atlas.cell, of_atlas(atlas)


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
