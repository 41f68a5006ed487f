"""The releases that this project knows, and what to call one: ``spec/releases/cells.json``."""

import difflib
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
RELEASES = ROOT / "spec" / "releases"


class Cell(NamedTuple):
    """One recorded environment: its implementation and backend, a Python, pins known to work."""

    name: str
    implementation: str
    release: str
    backend: str
    python: str
    pins: Tuple[str, ...]


class Releases(NamedTuple):
    """Every cell, and every known release of each implementation, oldest first."""

    cells: Dict[str, Cell]
    known: Dict[str, List[str]]

    def newest(self, implementation: str) -> str:
        return self.known[implementation][-1]

    def oldest(self, implementation: str) -> str:
        return self.known[implementation][0]


def load(folder: Path = RELEASES) -> Releases:
    """Read ``cells.json`` in ``folder``; raise ValueError that names the file if it is broken."""
    path = folder / "cells.json"
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: cannot be read: {type(error).__name__}: {error}") from None


def _parse(data: Dict[str, Any]) -> Releases:
    cells = {
        name: Cell(
            name,
            c["implementation"],
            c["release"],
            c.get("backend", "tensorflow"),
            c["python"],
            tuple(c["pins"]),
        )
        for name, c in data["cells"].items()
    }
    return Releases(cells, data["releases"])


def minor(version: str) -> str:
    """``2.15.1`` -> ``2.15``."""
    return ".".join(str(part) for part in Version(version).release[:2])


def cell_name(implementation: str, version: str, backend: str) -> str:
    """The name of the cell of a release: ``tf2.15``, ``tf_keras2.21``, ``keras3.15-tensorflow``."""
    if implementation == "keras":
        return f"keras{minor(version)}-{backend}"
    return f"{'tf' if implementation == 'tf.keras' else implementation}{minor(version)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean a, b?`` for an unknown name, or the first few known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
