"""Which recorded cells follow each other, and what is known to have made a change.

``spec/releases/causes.json`` is a list of ``{"from", "to", "claims", "cause"}``, one a line, in
which ``cause`` names a pull request or commit as ``owner/repository#1`` or
``owner/repository@1a2b3c4``.
"""

import json
from typing import Any, Dict, List, Tuple

from maskspec.catalogue.cells import Cell, numbers
from maskspec.catalogue.implementations import BACKEND_LABELS, BACKENDS, IMPLEMENTATIONS, TABLE
from maskspec.records.specification import Specification

Pair = Tuple[Cell, Cell]
TAKES_OVER = ("tf.keras", "keras")  # the one that ``tensorflow.keras`` was, and the one it became


def pairs(project: Specification) -> List[Pair]:
    """Neighbouring recorded releases of one implementation and backend, newest first, and where
    one implementation takes over from another."""
    ran = [project.releases.cells[name] for name in project.records]
    found: List[Pair] = []
    for implementation in (one.name for one in reversed(TABLE)):
        of_it = [c for c in ran if c.implementation == implementation]
        for backend in dict.fromkeys(c.backend for c in of_it):
            mine = sorted((c for c in of_it if c.backend == backend), key=_age)
            found += list(zip(mine, mine[1:]))[::-1]
            older = [c for c in ran if c.implementation == TAKES_OVER[0]]
            if (implementation, backend) == (TAKES_OVER[1], BACKENDS[0]) and older and mine:
                found.append((max(older, key=_age), mine[0]))
    return found


def ahead(project: Specification) -> List[Pair]:
    """Each pre-release, after the newest recorded release on its implementation and backend."""
    ran = [project.releases.cells[name] for name in project.records]
    found = []
    for cell in (project.releases.cells[name] for name in project.prereleases):
        of_it = [c for c in ran if c[1:2] + c[3:4] == cell[1:2] + cell[3:4]]
        found.append((max(of_it, key=_age), cell))
    return found


def path(project: Specification, before: str, after: str) -> List[Tuple[str, str]]:
    """The steps between neighbours that lead from one cell to another; none if there is no way."""
    back = {b.name: a.name for a, b in reversed([*ahead(project), *pairs(project)])}
    steps: List[Tuple[str, str]] = []
    at = after
    while at != before:
        if at not in back:
            return []
        steps.append((back[at], at))
        at = back[at]
    return steps[::-1]


def read_causes(project: Specification) -> List[Dict[str, Any]]:
    """The entries of ``causes.json``, or none if there is no such file."""
    file = project.root / "spec" / "releases" / "causes.json"
    found: List[Dict[str, Any]] = []
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    return found


def causes(project: Specification, steps: List[Tuple[str, str]]) -> Dict[str, List[str]]:
    """By claim, what is known to have changed it on one of ``steps``."""
    found: Dict[str, List[str]] = {}
    for entry in read_causes(project):
        if (entry["from"], entry["to"]) in steps:
            for claim in entry["claims"]:
                found.setdefault(claim, []).append(entry["cause"])
    return found


def address(cause: str) -> str:
    """The address of a pull request or commit."""
    for sign, kind in (("#", "pull"), ("@", "commit")):
        repository, found, number = cause.partition(sign)
        if found:
            return f"https://github.com/{repository}/{kind}/{number}"
    raise ValueError(f"causes.json: {cause!r} is neither owner/name#1 nor owner/name@1a2b3c4")


def title(cell: Cell) -> str:
    """A cell in words: ``Keras 3.15 on TensorFlow``."""
    about = IMPLEMENTATIONS[cell.implementation]
    backend = f" on {BACKEND_LABELS[cell.backend]}" if len(about.backends) > 1 else ""
    return f"{about.label.replace('Keras 3', 'Keras')} {cell.release}{backend}"


def _age(cell: Cell) -> Tuple[int, ...]:
    return numbers(cell.release)
