"""What a test of somebody's own relies on: ``relies_on("loss.mean-over-valid-steps")``.

It fails where the installed release does not hold the claim, by the verdicts that are recorded of
that release, or of the one most like it. As a marker it is ``@pytest.mark.relies_on("…")``.
"""

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Sequence

from maskspec.catalogue import cells, pages
from maskspec.catalogue.addresses import link
from maskspec.catalogue.cells import nearest as nearest_name
from maskspec.catalogue.home import home
from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.catalogue.seen import where
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE
from maskspec.records import nearest
from maskspec.running.discovery import Installed, NotUsable, discover

WORDS = {
    REFUTED: "does not hold",
    PARTLY: "holds in part only",
    UNAVAILABLE: "speaks of what does not exist",
    "": "was never decided",
}


class NotSo(AssertionError):
    """The installed release does not hold what a test relies on."""


def relies_on(*claims: str, implementation: str = "") -> None:
    """Fail unless each of ``claims`` holds on what is installed.

    A claim is named by its id, or one case of it by ``id[case]``. Of several implementations, those
    count that are imported already, or all where none is; or only ``implementation``. Raise
    ``NotSo``, which says what is claimed, where it holds, and what holds instead. Raise
    ``ValueError`` for a claim that there is not.
    """
    told = [
        said
        for one in claims
        for installed in _meant(implementation)
        for said in [_why_not(one, installed)]
        if said
    ]
    if told:
        raise NotSo("\n\n".join(told))


def known(name: str) -> str:
    """The id of the claim that ``name`` names; raise ``ValueError`` if there is none."""
    id = name.partition("[")[0]
    book = _book(home())
    if id in _by_id(home()):
        return id
    now = book.renamed.get(id)
    near = f"it is {now} now" if now else nearest_name(id, _by_id(home()))
    raise ValueError(f"there is no claim {id}; {near}")


def _why_not(name: str, installed: Installed) -> str:
    """Why ``name`` cannot be relied on; "" if it can."""
    root, id = home(), known(name)
    case = name.partition("[")[2].rstrip("]") if "[" in name else None
    cell = nearest.nearest(root, installed)
    if not cell:
        raise ValueError(f"no release of {installed.implementation} is recorded")
    verdict = nearest.verdict(root, cell, id, case)
    if verdict == HOLDS:
        return ""
    claim = _by_id(root)[id]
    seen = where(root, claim)
    lines = [
        f"{name} {WORDS[verdict]} on {installed.implementation} {installed.version}, "
        f"as recorded of {cell}{_how_near(root, cell, installed)}",
        f"  relied on: {claim.sentence}",
    ]
    if seen.words:
        lines.append(f"  where:     {seen.words}")
    if verdict == PARTLY:
        lines += _cases(root, cell, id)
    if claim.otherwise and verdict in (REFUTED, PARTLY):
        lines.append(f"  instead:   {claim.otherwise}")
    for other in seen.instead:
        if nearest.verdict(root, cell, other) == HOLDS and other in _by_id(root):
            lines.append(f"  instead:   {_by_id(root)[other].sentence} ({other})")
    lines.append(f"  page:      {link(claim)}")
    return "\n".join(lines)


def _how_near(root: Path, cell: str, installed: Installed) -> str:
    if nearest.is_same_release(root, cell, installed.version):
        return ""
    return ", the recorded release most like it"


def _cases(root: Path, cell: str, id: str) -> List[str]:
    """Which cases of a claim are refuted."""
    verdicts: Dict[str, str] = nearest.record(root, cell).verdicts[id]
    cases = [case for case, verdict in verdicts.items() if verdict == REFUTED]
    return [f"  not for:   {', '.join(cases)}; rely on one case with {id}[case]"] * bool(cases)


def _meant(implementation: str) -> Sequence[Installed]:
    """The installed implementations that a test means."""
    try:
        here = discover(cells.load(home()))
    except NotUsable as error:
        raise ValueError(str(error)) from None
    if implementation:
        found = [one for one in here if one.implementation == implementation]
        if not found:
            names = ", ".join(one.implementation for one in here)
            raise ValueError(f"{implementation} is not installed here; there is {names}")
        return found
    imported = [one for one in here if _is_imported(one)]
    return imported or here


def _is_imported(installed: Installed) -> bool:
    return IMPLEMENTATIONS[installed.implementation].module in sys.modules


@lru_cache(maxsize=2)
def _book(root: Path) -> pages.Book:
    return pages.read(root)


@lru_cache(maxsize=2)
def _by_id(root: Path) -> Dict[str, Any]:
    return _book(root).by_id()
