"""Which facts of the atlas change from one cell to another."""

from collections import Counter
from typing import Dict, List, NamedTuple, Sequence, Tuple

from maskspec.atlas.aspects import RAISES, Aspect
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load
from maskspec.atlas.subject import Subject
from maskspec.records.specification import Specification


class FactChange(NamedTuple):
    """A fact that is another in the second cell; "" stands for a question that is not asked."""

    subject: Subject
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
        for subject in SUBJECTS
        if subject.name in was and subject.name in now
        if not layers or subject.layer in layers
        for aspect in aspects
        for old in [was[subject.name].get(aspect.id, "")]
        for new in [now[subject.name].get(aspect.id, "")]
        if old != new
        if (old and new) or subject.name not in broken
    ]


def in_words(changes: Sequence[FactChange]) -> List[str]:
    """One sentence for all questions about a subject that change alike: the first, and how many
    more."""
    groups: Dict[Tuple[str, str, str], List[FactChange]] = {}
    for change in changes:
        groups.setdefault((change.subject.name, change.before, change.after), []).append(change)
    return [
        str(group[0]) + (f" ({len(group) - 1} more alike)" if len(group) > 1 else "")
        for group in groups.values()
    ]


def layers_that_change(changes: Sequence[FactChange]) -> Dict[str, int]:
    """How many facts change, by layer, most first."""
    counts = Counter(change.subject.layer for change in changes)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
