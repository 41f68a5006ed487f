"""What is recorded of the release that is most like an installed one."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Optional

from maskspec.catalogue import cells
from maskspec.catalogue.cells import minor
from maskspec.catalogue.home import like
from maskspec.catalogue.verdicts import verdict_of
from maskspec.records import facts, results


def nearest(root: Path, installed: Any, file: str = "results.jsonl") -> str:
    """The name of the cell most like ``installed`` that has ``file``; "" if there is none."""
    known = cells.load(root).cells.values()
    near = like(known, installed.implementation, installed.version, installed.backend)
    folder = root / "spec" / "releases"
    return next((cell.name for cell in near if (folder / cell.name / file).exists()), "")


@lru_cache(maxsize=4)
def record(root: Path, cell: str) -> results.Record:
    """The verdicts of a cell."""
    return results.read(root / "spec" / "releases" / cell / "results.jsonl")


@lru_cache(maxsize=4)
def atlas(root: Path, cell: str) -> Dict[str, Dict[str, str]]:
    """The facts of a cell: the outcome by subject and aspect."""
    return facts.read(root / "spec" / "releases" / cell / facts.FILE).by_subject


def verdict(root: Path, cell: str, claim: str, case: Optional[str] = None) -> str:
    """The recorded verdict of a claim on a cell, or of one case of it; "" if it did not run."""
    cases = record(root, cell).verdicts.get(claim, {})
    if case is not None:
        return cases.get(case, "")
    return verdict_of(tuple(cases.values())) if cases else ""


def is_same_release(root: Path, cell: str, version: str) -> bool:
    """Whether a cell is of the minor release of ``version``."""
    return minor(cells.load(root).cells[cell].release) == minor(version)
