"""A cell's atlas, ``atlas.jsonl``: a header, one sorted row a fact, a footer with their number.

A row is ``[subject, aspect, outcome]``. The header has, beside what that of ``results.jsonl`` has,
the ``public`` names of the layers of that release, and the hashes of all ``subjects`` and
``aspects`` that were asked: a subject without a row does not exist there.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

from maskspec.catalogue.cells import Cell
from maskspec.catalogue.implementations import STANDALONE
from maskspec.records.results import (
    HEADER_KEYS,
    BrokenRecord,
    footer_differs,
    read_each,
    read_lines,
    write_lines,
)

FILE = "atlas.jsonl"
ATLAS_KEYS = (HEADER_KEYS - {"suite"}) | {"public", "subjects", "aspects"}
Place = Tuple[str, str]  # subject and aspect


@dataclass
class Atlas:
    """The facts of one cell: the outcome by subject and aspect."""

    header: Dict[str, Any]
    facts: Dict[Place, str]

    @property
    def cell(self) -> str:
        return str(self.header["cell"])

    @cached_property
    def by_subject(self) -> Dict[str, Dict[str, str]]:
        """The outcomes by subject and aspect."""
        found: Dict[str, Dict[str, str]] = {}
        for (subject, aspect), outcome in self.facts.items():
            found.setdefault(subject, {})[aspect] = outcome
        return found

    def current(self, subjects: Dict[str, str], aspects: Dict[str, str]) -> Dict[Place, str]:
        """The facts that were recorded with these hashes of subjects and aspects."""
        known, asked = self.header["subjects"], self.header["aspects"]
        return {
            (subject, aspect): outcome
            for (subject, aspect), outcome in self.facts.items()
            if subjects.get(subject) == known[subject] and aspects.get(aspect) == asked[aspect]
        }


def write(folder: Path, atlas: Atlas) -> Path:
    """Write ``folder/<cell>/atlas.jsonl`` in one step: the earlier one stays until then."""
    return write_lines(folder / atlas.cell / FILE, rows_of(atlas))


def rows_of(atlas: Atlas) -> List[Any]:
    """What stands in the file of ``atlas``, line by line."""
    rows = [[*place, outcome] for place, outcome in sorted(atlas.facts.items())]
    return [atlas.header, *rows, {"rows": len(rows)}]


def read(path: Path) -> Atlas:
    """Read one atlas; raise ``BrokenRecord`` with ``path:line`` and what is wrong there."""
    parsed = read_lines(path, list, ATLAS_KEYS)
    header, rows, footer = parsed[0], parsed[1:-1], parsed[-1]
    facts: Dict[Place, str] = {}
    for number, row in enumerate(rows, 2):
        if [type(value) for value in row] != [str, str, str] or isinstance(row, dict):
            raise BrokenRecord(f"{path}:{number}: a fact is [subject, aspect, outcome]")
        if row[0] not in header["subjects"] or row[1] not in header["aspects"]:
            raise BrokenRecord(f"{path}:{number}: the header knows no such subject or aspect")
        facts[row[0], row[1]] = row[2]
    if footer != {"rows": len(rows)}:
        raise BrokenRecord(f"{path}:{len(parsed)}: {footer_differs(footer, {'rows': len(rows)})}")
    if list(facts) != sorted(facts) or len(facts) != len(rows):
        raise BrokenRecord(f"{path}:{len(parsed)}: the rows are not sorted, or one stands twice")
    return Atlas(header, facts)


def has_atlas(cell: str) -> bool:
    """Whether a cell of this name has an atlas: not standalone Keras, which has no eager calls."""
    return not cell.startswith(STANDALONE)


def read_all(root: Path, cells: Iterable[Cell]) -> Tuple[Dict[str, Atlas], List[str], List[str]]:
    """The atlases of ``cells``, as ``results.read_all`` has it of records."""
    names = [cell.name for cell in cells if has_atlas(cell.name)]
    return read_each(root, names, FILE, read, "atlas")
