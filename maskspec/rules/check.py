"""Apply the rules: ``python -m maskspec check``."""

import argparse
import itertools
from typing import Iterable, List

from maskspec.records.specification import Specification, load
from maskspec.rules import atlas, claims, expectations, files, sources
from maskspec.rules.kinds import RULES, Problem

MODULES = (claims, expectations, files, sources, atlas)  # importing them registers their rules
UNREADABLE = ("broken-page", "broken-test", "empty-input")
OF_RECORDS = ("stale-record", "unproved-boundary", "instead-does-not-hold", "stale-evidence",
              "stale-atlas", "dead-subject", "dead-explanation")  # fmt: skip


def check(project: Specification, *, unrecorded: bool = False) -> List[Problem]:
    """Every problem of ``project``.

    What cannot be read at all hides what depends on it: then only that is reported. With
    ``unrecorded``, what waits for cells to be recorded is no problem.
    """
    unreadable = _apply(project, UNREADABLE)
    if unreadable:
        return unreadable
    names = [name for name in RULES if not (unrecorded and name in OF_RECORDS)]
    return _apply(project, names)


def _apply(project: Specification, names: Iterable[str]) -> List[Problem]:
    return [
        Problem(path, line, RULES[name].name, what, RULES[name].mend)
        for name in names
        for path, line, what in RULES[name].find(project)
    ]


def main(asked: argparse.Namespace) -> int:
    """Print each problem, with how to mend it, and how much was looked at."""
    project = load(asked.root)
    project.texts = asked.sources
    problems = check(project, unrecorded=asked.unrecorded)
    for (_, mend), group in itertools.groupby(problems, key=lambda p: (p.rule, p.mend)):
        print("\n".join(map(str, group)))
        print(f"    to mend: {mend}")
    units = sum(len(source.units) for source in project.sources.values())
    proved = f", {units} units proved" if asked.sources and not problems else ""
    print(
        f"{len(RULES)} rules, {len(project.book.claims)} claims, "
        f"{len(project.collection.cases)} cases, {len(project.all_records)} cells{proved}: "
        + (f"{len(problems)} problems" if problems else "nothing amiss")
    )
    return 1 if problems else 0
