"""Which releases the package index has that no cell is for: ``python -m maskspec releases``.

It asks through pip, so that the index is the one that pip is set up to use; where pip is not
installed, through the one that Python itself carries. pip lists what the Python that asks could
install, which is enough to notice what is new.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

from packaging.version import Version

from maskspec.catalogue.cells import Releases, dump, load, minor, with_release
from maskspec.catalogue.implementations import STANDALONE, TABLE

ASKED = tuple(i for i in TABLE if i.name != STANDALONE)  # that one has ended


class NoIndex(RuntimeError):
    """The package index did not answer; the message says why."""


def minors_on_index(package: str) -> List[str]:
    """Every minor release of ``package``, newest first; raise ``NoIndex`` without an answer."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", package],
        env=_with_pip(), capture_output=True, encoding="utf-8",
    )  # fmt: skip
    found = re.search(r"^Available versions: (.*)$", done.stdout, flags=re.MULTILINE)
    if found is None:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["no answer"]
        raise NoIndex(f"the package index does not tell the releases of {package}: {said[-1]}")
    return list(dict.fromkeys(minor(v.strip()) for v in found[1].split(",")))


def _with_pip() -> Dict[str, str]:
    """An environment for a Python that has pip; raise ``NoIndex`` if there is none to be had."""
    if importlib.util.find_spec("pip") is not None:
        return dict(os.environ)
    ensurepip = importlib.util.find_spec("ensurepip")
    home = Path(ensurepip.origin).parent if ensurepip and ensurepip.origin else Path()
    wheels = sorted(home.glob("_bundled/pip-*.whl"))
    if not wheels:
        raise NoIndex("pip is not installed here, and the index is asked through it: install pip")
    return {**os.environ, "PYTHONPATH": str(wheels[-1])}


def without_cell(known: Releases) -> Dict[str, List[str]]:
    """By implementation, the minor releases on the index that no cell is for, oldest first."""
    have = {(cell.implementation, minor(cell.release)) for cell in known.cells.values()}
    return {
        one.name: [
            release
            for release in reversed(minors_on_index(one.package))
            if Version(one.first) <= Version(release)
            and one.has(release)
            and (one.name, release) not in have
        ]
        for one in ASKED
    }


def adopt(root: Path) -> List[str]:
    """Add a cell for each release on the index that is newer than all known ones, to
    ``cells.json`` and ``tox.ini``; return the names of the new cells."""
    before = known = load(root)
    for implementation, found in without_cell(known).items():
        newest = Version(known.newest(implementation))
        for release in (r for r in found if Version(r) > newest):
            known = with_release(known, implementation, release)
    new = [name for name in known.cells if name not in before.cells]
    if new:
        path = root / "spec" / "releases" / "cells.json"
        path.write_text(dump(known), encoding="utf-8")
        tox = root / "tox.ini"
        text = tox.read_text(encoding="utf-8")
        names = "".join(f"    {name}\n" for name in known.cells)
        text = re.sub(r"(?<=^env_list =\n)(?:    .*\n)+", names, text, flags=re.MULTILINE)
        tox.write_text(text, encoding="utf-8")
    return new


def in_words(known: Releases, found: Dict[str, List[str]]) -> Iterator[str]:
    """Which cells there are, and what has none, line by line."""
    for one in TABLE:
        cells = [c.name for c in known.cells.values() if c.implementation == one.name]
        yield f"{one.name}: {len(cells)} cells: {', '.join(cells) or 'none'}"
    for implementation, releases in found.items():
        if releases:
            yield f"{implementation}: on the index, without a cell: {', '.join(releases)}"
    if not any(found.values()):
        yield "every release on the index has a cell"


def main(asked: argparse.Namespace) -> int:
    """List what has no cell, exit status 1 if there is any; or, with ``--add``, give it one."""
    if asked.add:
        print("\n".join(adopt(asked.root)))
        return 0
    known = load(asked.root)
    found = without_cell(known)
    print("\n".join(in_words(known, found)))
    return 1 if any(found.values()) else 0
