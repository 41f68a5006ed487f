"""Which releases the package index has that no cell records: ``python -m maskspec releases``.

It asks through pip, so that the index is the one that pip is set up to use. pip lists what the
Python that asks could install, which is enough to notice what is new.
"""

import re
import subprocess
import sys
from typing import Dict, Iterator, List

from packaging.version import Version

from maskspec.project import Project
from maskspec.ranges import STANDALONE
from maskspec.releases import dump, minor, with_release

PACKAGES = {"keras": "keras", "tf_keras": "tf-keras", "tf.keras": "tensorflow"}
FIRST = {"keras": "3.0", "tf_keras": "2.14", "tf.keras": "2.2"}
LAST = {"tf.keras": "2.15"}  # from 2.16 on TensorFlow brings Keras 3


class NoIndex(Exception):
    """The package index did not answer; the message says what pip said."""


def minors_on_index(package: str) -> List[str]:
    """Every minor release of ``package``, newest first; raise ``NoIndex`` without an answer."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", package],
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    found = re.search(r"^Available versions: (.*)$", done.stdout, flags=re.MULTILINE)
    if found is None:
        said = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise NoIndex(f"the package index says nothing about {package}; is there a network? {said}")
    return list(dict.fromkeys(minor(v.strip()) for v in found[1].split(",")))


def unrecorded(project: Project) -> Dict[str, List[str]]:
    """By implementation, the minor releases on the index that have no recorded cell."""
    recorded = {
        (cell.implementation, minor(cell.release))
        for cell in project.releases.cells.values()
        if cell.name in project.records
    }
    found = {}
    for implementation, package in PACKAGES.items():
        first = Version(FIRST[implementation])
        last = Version(LAST.get(implementation, "9999"))
        found[implementation] = [
            release
            for release in minors_on_index(package)
            if first <= Version(release) <= last and (implementation, release) not in recorded
        ]
    return found


def adopt(project: Project) -> List[str]:
    """Add a cell for each release on the index that is newer than all known ones, to
    ``cells.json`` and ``tox.ini``; return the names of the new cells."""
    known = project.releases
    for implementation, found in unrecorded(project).items():
        newest = Version(known.newest(implementation))
        for release in sorted((r for r in found if Version(r) > newest), key=Version):
            known = with_release(known, implementation, release)
    new = [name for name in known.cells if name not in project.releases.cells]
    if new:
        path = project.root / "spec" / "releases" / "cells.json"
        path.write_text(dump(known), encoding="utf-8")
        tox = project.root / "tox.ini"
        text = tox.read_text(encoding="utf-8")
        names = "".join(f"    {name}\n" for name in known.cells)
        text = re.sub(r"(?<=^env_list =\n)(?:    .*\n)+", names, text, flags=re.MULTILINE)
        tox.write_text(text, encoding="utf-8")
    return new


def in_words(project: Project) -> Iterator[str]:
    """What is recorded, and what is not, line by line."""
    for implementation in [*PACKAGES, STANDALONE]:
        cells = [
            cell.name
            for cell in project.releases.cells.values()
            if cell.implementation == implementation and cell.name in project.records
        ]
        yield f"{implementation}: recorded in {len(cells)} cells: {', '.join(cells) or 'none'}"
    for implementation, releases in unrecorded(project).items():
        if releases:
            yield f"{implementation}: on the index and not recorded: {', '.join(releases)}"
