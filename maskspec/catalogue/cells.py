"""The cells and releases that this project knows: ``spec/releases/cells.json``.

``python -m maskspec cells`` lists them.
"""

import argparse
import difflib
import json
from pathlib import Path
from typing import Any, Container, Dict, Iterable, List, NamedTuple, Tuple

from packaging.version import InvalidVersion, Version

from maskspec.catalogue.implementations import BACKENDS, IMPLEMENTATIONS

PRE, GPU = "-pre", "-gpu"


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

    @property
    def is_gpu(self) -> bool:
        """Whether it runs on a GPU; all others run on the CPU."""
        return self.name.endswith(GPU)

    @property
    def stands_aside(self) -> bool:
        """Whether no range, strip or count has it: it may differ from what a release does."""
        return self.is_pre or self.is_gpu


class Releases(NamedTuple):
    """Every cell, and every known release of each implementation, oldest first."""

    cells: Dict[str, Cell]
    known: Dict[str, List[str]]

    def newest(self, implementation: str) -> str:
        return self.known[implementation][-1]

    def oldest(self, implementation: str) -> str:
        return self.known[implementation][0]


def load(root: Path) -> Releases:
    """Read the cells of the project at ``root``; raise ValueError, naming the file, if broken."""
    path = root / "spec" / "releases" / "cells.json"
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
            c.get("backend", BACKENDS[0]),
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
        if len(IMPLEMENTATIONS[cell.implementation].backends) > 1:
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
        if (cell.implementation, cell.release) == (
            implementation,
            before,
        ) and not cell.stands_aside:
            pins = [pin.replace(f"=={before}.", f"=={release}.") for pin in cell.pins]
            new = cell._replace(
                name=name.replace(before, release), release=release, pins=tuple(pins)
            )
            cells[new.name] = new
    known = {**releases.known, implementation: [*releases.known[implementation], release]}
    return Releases(cells, known)


def numbers(release: str) -> Tuple[int, ...]:
    """``2.15`` -> ``(2, 15)``, to sort by."""
    return tuple(int(part) for part in release.split("."))


def known_cell(name: str, known: Releases) -> Cell:
    """The cell of that name; raise ValueError with the nearest names if there is none."""
    if name not in known.cells:
        raise ValueError(f"there is no cell {name}; {nearest(name, known.cells)}")
    return known.cells[name]


def minor(version: str) -> str:
    """``2.15.1`` -> ``2.15``."""
    return ".".join(str(part) for part in Version(version).release[:2])


def cell_name(
    implementation: str,
    version: str,
    backend: str,
    backend_version: str,
    cells: Container[str] = (),
    on_gpu: bool = False,
) -> str:
    """The name of the cell of a release: ``tf2.15``, ``tf_keras2.21``, ``keras3.15-tensorflow``.

    A patch release has the cell of its minor release, unless ``cells`` has one of its own
    (``keras3.0.0-tensorflow``). A pre-release of Keras or of its backend has ``-pre`` at the
    end, and what runs on a GPU has ``-gpu``.
    """
    about = IMPLEMENTATIONS[implementation]
    start, end = about.prefix, f"-{backend}" if len(about.backends) > 1 else ""
    end += GPU if on_gpu else ""
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
    close = [n for n in names if n.startswith(name)][:3]
    close = close or difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"


def main(asked: argparse.Namespace) -> int:
    """Print each cell, for a reader or, with its Python, those that need no GPU for a program."""
    cells = load(asked.root).cells.values()
    if asked.json:
        anywhere = [cell for cell in cells if not cell.is_gpu]
        print(json.dumps([{"cell": cell.name, "python": cell.python} for cell in anywhere]))
    else:
        print("\n".join(cell.name for cell in cells))
    return 0
