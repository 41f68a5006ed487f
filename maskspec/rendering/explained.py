"""``spec/atlas/explained.json``: which claim explains which facts of the atlas.

``explained`` is a list of ``{"claim", "layers" or "subjects", "aspects", "outcomes"}``, one a line:
the claim explains each fact of these layers, or subjects, about one of these aspects that has one
of these outcomes on some release. The outcome ``raises`` stands for every error. ``surprising`` is
a list of claims that explain something, the most surprising first.
"""

import json
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from maskspec.atlas.aspects import RAISES
from maskspec.atlas.questions import subjects
from maskspec.records.specification import Specification
from maskspec.rendering.facts import History

FILE = "spec/atlas/explained.json"
LAYERS, NAMES, ASPECTS, OUTCOMES = PARTS = "layers", "subjects", "aspects", "outcomes"


class Entry(NamedTuple):
    """One line of ``explained``: a claim, and for each of ``PARTS`` what is named there."""

    claim: str
    line: int
    named: Dict[str, Tuple[str, ...]]

    def subjects(self) -> List[Any]:
        layers, names = self.named[LAYERS], self.named[NAMES]
        return [one for one in subjects() if one.public in layers or one.name in names]

    def matches(self, known: History) -> Iterator[Tuple[Any, str, str]]:
        """Each fact that the claim explains: subject, aspect, and outcome as the entry names it."""
        for subject in self.subjects():
            for aspect in self.named[ASPECTS]:
                outcomes = known.of(subject, aspect).values()
                seen = {*outcomes, *(RAISES.strip() for o in outcomes if o.startswith(RAISES))}
                for outcome in self.named[OUTCOMES]:
                    if outcome in seen:
                        yield subject, aspect, outcome


class Explained:
    """All entries, and where each leads."""

    def __init__(self, project: Specification, known: History) -> None:
        path = project.root / FILE
        text = path.read_text(encoding="utf-8") if path.exists() else "{}"
        found = json.loads(text)
        places = [n for n, line in enumerate(text.splitlines(), 1) if '"claim"' in line]
        self.surprising: List[str] = found.get("surprising", [])
        self.entries = [
            _entry(given, line) for given, line in zip(found.get("explained", []), places)
        ]
        self.unmatched: List[Tuple[int, str]] = []  # line, and what is named there in vain
        self.layers: Dict[str, List[str]] = {}  # by claim
        self._claims: Dict[Tuple[str, str], List[str]] = {}
        for entry in self.entries:
            self._take_in(entry, known)

    def claims(self, subject: Any, aspect: str) -> Sequence[str]:
        """The claims that explain a fact."""
        return self._claims.get((subject.name, aspect), ())

    def _take_in(self, entry: Entry, known: History) -> None:
        met: Dict[str, Set[str]] = {part: set() for part in PARTS}
        for subject, aspect, outcome in entry.matches(known):
            met[LAYERS].add(subject.public)
            met[NAMES].add(subject.name)
            met[ASPECTS].add(aspect)
            met[OUTCOMES].add(outcome)
            claims = self._claims.setdefault((subject.name, aspect), [])
            claims += [entry.claim] * (entry.claim not in claims)
            layers = self.layers.setdefault(entry.claim, [])
            layers += [subject.public] * (subject.public not in layers)
        self.unmatched += [
            (entry.line, name) for part in PARTS for name in entry.named[part]
            if name not in met[part]
        ]  # fmt: skip


def _entry(given: Dict[str, Any], line: int) -> Entry:
    return Entry(given["claim"], line, {part: tuple(given.get(part, ())) for part in PARTS})
