"""The releases that this project knows, and what to call one: ``spec/releases/cells.json``."""

import difflib
import json
from pathlib import Path
from typing import Any, Container, Dict, Iterable, List, NamedTuple, Tuple

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
RELEASES = ROOT / "spec" / "releases"


PRE = "-pre"


class Cell(NamedTuple):
    """One recorded environment: its implementation and backend, a Python, pins known to work."""

    name: str
    implementation: str
    release: str
    backend: str
    python: str
    pins: Tuple[str, ...]

    @property
    def is_pre(self) -> bool:
        """Whether it runs a pre-release, which may differ from what is expected."""
        return self.name.endswith(PRE)


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


def dump(releases: Releases) -> str:
    """``releases`` in the form of ``cells.json``: one line a list, three a cell."""
    known = [f"  {json.dumps(name)}: {json.dumps(all_)}" for name, all_ in releases.known.items()]
    cells = []
    for cell in releases.cells.values():
        about = {"implementation": cell.implementation, "release": cell.release}
        if cell.implementation == "keras":
            about["backend"] = cell.backend
        about["python"] = cell.python
        head = ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in about.items())
        pins = json.dumps(list(cell.pins))
        cells.append(f'  {json.dumps(cell.name)}: {{\n   {head},\n   "pins": {pins}\n  }}')
    lists = ",\n".join(known), ",\n".join(cells)
    return '{{\n "releases": {{\n{}\n }},\n "cells": {{\n{}\n }}\n}}\n'.format(*lists)


def with_release(releases: Releases, implementation: str, release: str) -> Releases:
    """``releases`` with a new one: a cell like each of the newest release before it."""
    before = releases.newest(implementation)
    cells = {}
    for name, cell in releases.cells.items():
        cells[name] = cell
        if (cell.implementation, cell.release) == (implementation, before) and not cell.is_pre:
            pins = [pin.replace(f"=={before}.", f"=={release}.") for pin in cell.pins]
            new = cell._replace(
                name=name.replace(before, release), release=release, pins=tuple(pins)
            )
            cells[new.name] = new
    known = {**releases.known, implementation: [*releases.known[implementation], release]}
    return Releases(cells, known)


def minor(version: str) -> str:
    """``2.15.1`` -> ``2.15``."""
    return ".".join(str(part) for part in Version(version).release[:2])


def cell_name(
    implementation: str,
    version: str,
    backend: str,
    backend_version: str,
    cells: Container[str] = (),
) -> str:
    """The name of the cell of a release: ``tf2.15``, ``tf_keras2.21``, ``keras3.15-tensorflow``.

    A patch release has the cell of its minor release, unless ``cells`` has one of its own
    (``keras3.0.0-tensorflow``). A pre-release of Keras or of its backend has ``-pre`` at the end.
    """
    start = "tf" if implementation == "tf.keras" else implementation
    end = f"-{backend}" if implementation == "keras" else ""
    if is_pre(version) or is_pre(backend_version):
        return f"{start}{minor(version)}{end}{PRE}"
    own = f"{start}{version}{end}"
    return own if own in cells else f"{start}{minor(version)}{end}"


def is_pre(version: str) -> bool:
    """Whether ``version`` is a pre-release: ``2.22.0rc0``, ``3.16.0.dev20261027``."""
    try:
        return Version(version).is_prerelease
    except InvalidVersion:  # of a backend that does not say its version
        return False


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean a, b?`` for an unknown name, or the first few known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
