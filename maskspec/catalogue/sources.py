"""The inventory of the sources: every statement in our words, every unit of text by hash.

``spec/sources/sources.json`` names the sources covered; ``<slug>.statements.jsonl`` and
``<slug>.units.jsonl`` hold their statements and units. The texts themselves are not in this
repository: ``account`` proves the inventory against a folder that has them.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

# Why a unit of text (a sentence or a line of code) makes no statement.
UNIT_EXCUSES = {
    "about-data": "speaks of some data, not of the framework",
    "advice": "recommends reading or practice",
    "anecdote": "tells of the author's experience",
    "closing": "closes the text or leads to the recap",
    "front-matter": "title, date or id of the document",
    "heading": "a heading; what it announces is stated in its section",
    "import": "an import whose behaviour is stated elsewhere",
    "lead-in": "announces what follows",
    "navigation": "title and links of the page",
    "opinion": "judges what is fitting for people or teams",
    "placeholder": "a comment that stands for code left out",
}
# Why a statement cannot be decided by a test.
STATEMENT_EXCUSES = {
    "design-rationale": "gives a reason for a design; only its consequences show",
    "explanatory-framing": "sums up; its testable parts are statements of their own",
    "frequency-among-users": "counts what people meet, which no software shows",
    "not-reproducible": "prints random numbers",
    "psychology-of-users": "says what people expect",
    "usage-habit": "says what people usually do",
}


class Statement(NamedTuple):
    """One atomic assertion of a source, ``guide-001``, in our words."""

    id: str
    source: str
    units: Tuple[str, ...]
    says: str
    untestable: Optional[str]
    against: Tuple[str, ...]
    line: int


class Unit(NamedTuple):
    """One sentence or code line: its locator (``L14.s2``), hash, and statements or excuse."""

    source: str
    unit: str
    sha: str
    statements: Tuple[str, ...]
    excused: Optional[str]
    line: int


class Source(NamedTuple):
    """A document: slug, title, date (or None), statements and units in its order."""

    slug: str
    title: str
    date: Optional[str]
    statements: List[Statement]
    units: List[Unit]

    def path(self, kind: str) -> str:
        return f"spec/sources/{self.slug}.{kind}.jsonl"


def read(root: Path) -> Dict[str, Source]:
    """Every source that the project covers; raise ValueError with file:line for a broken line."""
    folder = root / "spec" / "sources"
    listed = json.loads((folder / "sources.json").read_text(encoding="utf-8"))
    found = {}
    for slug, about in listed.items():
        statements = [
            Statement(
                s["id"], slug, tuple(s["units"]), s["says"], s.get("untestable"),
                tuple(s.get("against", ())), line,
            )
            for line, s in _lines(folder / f"{slug}.statements.jsonl")
        ]  # fmt: skip
        units = [
            Unit(slug, u["unit"], u["sha"], tuple(u.get("statements", ())), u.get("excused"), line)
            for line, u in _lines(folder / f"{slug}.units.jsonl")
        ]
        found[slug] = Source(slug, about["title"], about["date"], statements, units)
    return found


def account(source: Source, text: str) -> Iterator[Tuple[int, str]]:
    """Where the inventory of ``source`` and its ``text`` differ: (line of units file, what).

    Every line of the text but blank ones and code fences has to be covered, from its first
    character to its last, by the units that the inventory has for it, each of them by hash.
    """
    units: Dict[int, List[Unit]] = {}
    for unit in source.units:
        units.setdefault(int(unit.unit[1:].partition(".")[0]), []).append(unit)
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("```"):
            continue
        for unit in units.pop(number, []):
            rest = _after(line, unit.sha)
            if rest is None:
                yield unit.line, f"{unit.unit} has changed: no text there has the hash {unit.sha}"
                line = ""
                break
            line = rest
        if line:
            yield 1, f"L{number} of the text has a part that is neither stated nor excused"
    for unit in (u for left in units.values() for u in left):
        yield unit.line, f"{unit.unit} is not in the text"


def digest(text: str) -> str:
    """The hash by which the inventory knows a unit."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def _after(line: str, sha: str) -> Optional[str]:
    """What follows the beginning of ``line`` that has the hash ``sha``, or None."""
    ends = [m.start() for m in re.finditer(r"\s", line)] + [len(line)]
    return next((line[end:].lstrip() for end in ends if digest(line[:end]) == sha), None)


def _lines(path: Path) -> Iterator[Tuple[int, Dict[str, Any]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield number, json.loads(line)
        except ValueError:
            raise ValueError(f"{path}:{number}: this line is no JSON") from None
