"""Where the catalogue is that this installation carries, and where its pages are to be read."""

from pathlib import Path
from typing import Iterable, List, Tuple

from packaging.version import Version

from maskspec.catalogue.cells import Cell
from maskspec.catalogue.project import NoCheckout, is_checkout

PACKAGE = Path(__file__).resolve().parents[1]
DATA = PACKAGE / "data"  # what the build backend puts beside the code; see hatch_build.py


def home() -> Path:
    """The folder with ``spec/`` and ``tests/``: the wheel's own, or the checkout of this code.

    Raise ``NoCheckout`` if there is neither.
    """
    for folder in (DATA, PACKAGE.parent):
        if is_checkout(folder):
            return folder
    raise NoCheckout(
        f"{PACKAGE} was installed without its pages and records; install it again from its wheel"
    )


def like(cells: Iterable[Cell], implementation: str, version: str, backend: str) -> List[Cell]:
    """``cells`` of an implementation, the one most like a release first.

    Its own backend comes before others, then its own release, then the newest before it, then the
    oldest after it. Pre-releases are left out.
    """
    release = Version(Version(version).base_version)

    def order(cell: Cell) -> Tuple[int, ...]:
        mine = Version(cell.release)
        is_own = mine.release[:2] == release.release[:2]
        rank = _rank(mine)
        return (
            cell.backend != backend,
            not is_own,
            mine > release,
            rank if mine > release else -rank,
        )

    known = [c for c in cells if c.implementation == implementation and not c.stands_aside]
    return sorted(known, key=order)


def _rank(version: Version) -> int:
    major, minor, micro = (*version.release, 0, 0)[:3]
    return (major * 1000 + minor) * 1000 + micro
