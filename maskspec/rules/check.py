"""Apply the rules: ``python -m maskspec check``."""

import argparse
import itertools
from typing import Iterable, List, Sequence

from maskspec.catalogue.words import count
from maskspec.records.specification import Specification, load
from maskspec.rules import atlas, claims, expectations, files, power, sources
from maskspec.rules.kinds import RULES, Problem, cell_of, folded

MODULES = (
    claims,
    expectations,
    files,
    sources,
    atlas,
    power,
)  # importing them registers their rules
UNREADABLE = ("broken-page", "broken-test", "empty-input")
OF_RECORDS = ("missing-record", "stale-record", "unproved-boundary", "instead-does-not-hold",
              "stale-evidence", "stale-atlas", "dead-subject", "dead-explanation", "stale-power",
              "dead-excuse")  # fmt: skip
# These need every record: where one cannot be read, they would say that once a claim and page.
LACKING = ("broken-record", "missing-record")
OF_ALL_RECORDS = ("unproved-boundary", "dead-cause", "stale-evidence", "stale-atlas",
                  "dead-subject", "dead-explanation")  # fmt: skip


def check(project: Specification, *, unrecorded: bool = False) -> List[Problem]:
    """Every problem of ``project``.

    What cannot be read at all hides what depends on it, which ``not_applied`` tells. With
    ``unrecorded``, what waits for cells to be recorded is no problem.
    """
    unreadable = _apply(project, UNREADABLE)
    if unreadable:
        return unreadable
    names = [name for name in RULES if not (unrecorded and name in OF_RECORDS)]
    lacking = _apply(project, [name for name in LACKING if name in names])
    hidden = not_applied(lacking)
    return lacking + _apply(project, [n for n in names if n not in (*LACKING, *hidden)])


def not_applied(problems: Sequence[Problem]) -> List[str]:
    """The rules that were not applied because of ``problems``."""
    found = {problem.rule for problem in problems}
    if found & set(UNREADABLE):
        return [name for name in RULES if name not in UNREADABLE]
    return list(OF_ALL_RECORDS) if found & set(LACKING) else []


def _apply(project: Specification, names: Iterable[str]) -> List[Problem]:
    return folded(
        Problem(path, line, RULES[name].name, what, RULES[name].mend)
        for name in names
        for path, line, what in RULES[name].find(project)
    )


def main(asked: argparse.Namespace) -> int:
    """Print each problem, with how to mend it, and how much was looked at."""
    project = load(asked.root)
    project.texts = asked.sources
    problems = check(project, unrecorded=asked.unrecorded)
    for (_, mend), found in itertools.groupby(problems, key=lambda p: (p.rule, p.mend)):
        group = list(found)
        print("\n".join(map(str, group)))
        cells = dict.fromkeys(cell for cell in map(cell_of, group) if cell)
        print(f"    to mend: {mend.replace('CELLS', ' '.join(cells))}")
    hidden = not_applied(problems)
    if hidden:
        names = ", ".join(hidden) if hidden == list(OF_ALL_RECORDS) else "all other rules"
        print(f"Not applied before that is mended: {names}")
    looked_at = [
        count(len(RULES) - len(hidden), "rule"),
        count(len(project.book.claims), "claim"),
        count(len(project.collection.cases), "case"),
        count(len(project.all_records), "cell"),
    ]
    if asked.sources and not problems:
        units = sum(len(source.units) for source in project.sources.values())
        looked_at.append(f"{count(units, 'unit')} proved")
    amiss = count(len(problems), "problem") if problems else "nothing amiss"
    print(f"{', '.join(looked_at)}: {amiss}")
    return 1 if problems else 0
