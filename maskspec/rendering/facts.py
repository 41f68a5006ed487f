"""The facts of the atlas over the releases, and which change from one cell to another."""

from collections import Counter
from typing import Any, Dict, List, Mapping, NamedTuple, Pattern, Sequence, Set, Tuple

from maskspec.atlas.aspects import RAISES, Aspect
from maskspec.atlas.questions import load, subjects
from maskspec.catalogue.cells import Cell
from maskspec.catalogue.words import and_more, count
from maskspec.records.specification import Specification


class History:
    """The outcomes of each fact over the releases."""

    def __init__(self, project: Specification) -> None:
        self.cells: List[Cell] = [
            cell
            for name, cell in project.releases.cells.items()
            if name in project.atlases and not cell.stands_aside
        ]
        self.asked: Set[str] = set()  # the aspects that have a fact
        self._by_fact: Dict[str, Dict[str, Dict[str, str]]] = {}
        for cell in self.cells:
            for subject, outcomes in project.atlases[cell.name].by_subject.items():
                facts = self._by_fact.setdefault(subject, {})
                self.asked.update(outcomes)
                for aspect, outcome in outcomes.items():
                    facts.setdefault(aspect, {})[cell.name] = outcome

    @property
    def newest(self) -> Cell:
        """The newest release of Keras on TensorFlow."""
        mine = [c for c in self.cells if c.implementation == "keras" and c.backend == "tensorflow"]
        return mine[-1]

    def of(self, subject: Any, aspect: str) -> Mapping[str, str]:
        """The outcome by cell, in release order; nothing for a cell that could not be asked."""
        return self._by_fact.get(subject.name, {}).get(aspect, {})

    def cells_of(self, subject: Any) -> List[Cell]:
        """The cells that have the subject at all."""
        had = {cell for facts in self._by_fact.get(subject.name, {}).values() for cell in facts}
        return [cell for cell in self.cells if cell.name in had]


class FactChange(NamedTuple):
    """A fact that is another in the second cell; "" stands for a question that is not asked."""

    subject: Any
    aspect: Aspect
    before: str
    after: str

    def __str__(self) -> str:
        was, now = self.before or "not asked", self.after or "not asked"
        return f"`{self.subject.name}`: {self.aspect.question} *{was}* → *{now}*"


def fact_changes(
    project: Specification, before: str, after: str, layers: Sequence[str] = ()
) -> List[FactChange]:
    """Every fact of two cells that differs, of ``layers`` only if any are named, in reading order.

    A subject that only one of them has is left out: a layer that comes or goes is no change of
    what it does.
    """
    if before not in project.atlases or after not in project.atlases:
        return []
    was, now = (project.atlases[cell].by_subject for cell in (before, after))
    broken = {  # here or there, where the rest is not asked
        name
        for facts in (was, now)
        for name, outcomes in facts.items()
        if outcomes.get("out.mask", "").startswith(RAISES)
    }
    aspects = load()
    return [
        FactChange(subject, aspect, old, new)
        for subject in subjects()
        if subject.name in was and subject.name in now
        if was[subject.name] != now[subject.name]
        if not layers or subject.public in layers
        for aspect in aspects
        for old in [was[subject.name].get(aspect.id, "")]
        for new in [now[subject.name].get(aspect.id, "")]
        if old != new
        if (old and new) or subject.name not in broken
    ]


def about(changes: Sequence[FactChange], forms: Sequence[Pattern[str]]) -> List[FactChange]:
    """Those of ``changes`` whose subject or question has one of ``forms``, or all without any."""
    return [
        change
        for change in changes
        if not forms
        or any(form.search(f"{change.subject.name}\n{change.aspect.question}") for form in forms)
    ]


def in_words(changes: Sequence[FactChange]) -> List[str]:
    """One sentence for all questions about a subject that change alike: the first, and which
    others."""
    groups: Dict[Tuple[str, str, str], List[FactChange]] = {}
    for change in changes:
        groups.setdefault((change.subject.name, change.before, change.after), []).append(change)
    return [str(first) + _likewise(others) for first, *others in groups.values()]


def _likewise(others: Sequence[FactChange]) -> str:
    """Which further questions have the same two answers."""
    if not others:
        return ""
    names = and_more([f"`{change.aspect.id}`" for change in others], 3)
    return f"; likewise {count(len(others), 'more question')}: {names}"


def layers_that_change(changes: Sequence[FactChange]) -> Dict[str, int]:
    """How many facts change, by layer, most first."""
    counts = Counter(change.subject.public for change in changes)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
