"""The data of the page *Upgrade*: ``data/upgrade.json``, from which the browser compares two
releases as ``python -m maskspec diff`` does.

``schema``: 3. ``cells``: list of ``{name, title, line, pre}``. ``before``: by cell, the one that
comes before it. ``kinds``: by kind of change, what it means, the gravest first; ``first``: those
that everybody has to know. ``codes``: what was seen of a case, ``[verdict, class of the error,
whether the API is not there]``; ``undecided`` is the verdict of a case that only ended in an error.
``claims``: list of ``{id, sentence, otherwise, text, errors, warnings, level, advice, cases,
explains}``:
``text`` is where words are looked for, ``errors`` and ``warnings`` whether the claim speaks of
such, ``level`` is 0 if it speaks of results, 1 if of masks, ``cases`` are the name of each case and
its runs, ``explains`` are the ``public`` names of subjects of which the claim explains facts.
``instead``: by claim, ids of findings. ``causes``: by cell and claim, what made
the change that came with that cell. ``aspects``: by id, the question. ``outcomes``: list.
``subjects``: list of ``{name, public, page, facts}``: ``public`` is what ``--subject`` takes,
``facts`` maps an aspect to runs.
``atlases``: the cells that have an atlas.

Runs are ``[what, how many cells, what, how many, …]`` over ``cells``, where ``what`` is a place in
``codes`` or ``outcomes``, or -1 where there is nothing.
"""

import itertools
from typing import Any, Dict, List, Mapping, Sequence, Set

from maskspec.atlas.questions import load, subjects
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import Key
from maskspec.records.specification import Specification
from maskspec.rendering.compare import (
    KINDS,
    error_in,
    is_of_no_name,
    speaks_of_errors,
    speaks_of_warnings,
    spoken_of,
)
from maskspec.rendering.diff import AT_FIRST
from maskspec.rendering.explained import Explained
from maskspec.rendering.history import read_causes
from maskspec.site.claims import Claims
from maskspec.site.history import columns, steps_of, whole_title
from maskspec.site.markdown import Markdown
from maskspec.site.subjects import place_of

SCHEMA = 3
AT = "upgrade.html"


class Table:
    """Values by number, in the order in which they come."""

    def __init__(self) -> None:
        self.places: Dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self.places.setdefault(value, len(self.places))

    @property
    def values(self) -> List[Any]:
        return list(self.places)


def data(
    project: Specification, markdown: Markdown, claims: Claims, why: Explained
) -> Dict[str, Any]:
    """The whole file."""
    groups = columns(project, project.all_records)
    cells = [cell for group in groups for cell in group.cells]
    names = [cell.name for cell in cells]
    lines = {cell.name: group.label for group in groups for cell in group.cells}
    codes, outcomes, aspects = Table(), Table(), load()
    records = list(project.all_records.values())
    undecided = {
        after.cell: {key for one in records for key in project.undecided(one, after)}
        for after in project.prereleases.values()
    }
    causes: Dict[str, Dict[str, List[str]]] = {}
    for entry in read_causes(project):
        for id in entry["claims"]:
            causes.setdefault(entry["to"], {}).setdefault(id, []).append(entry["cause"])
    return {
        "schema": SCHEMA,
        "cells": [
            {
                "name": cell.name,
                "title": whole_title(cell),
                "line": lines[cell.name],
                "pre": cell.is_pre,
            }
            for cell in cells
        ],
        "before": {after.name: before.name for before, after in reversed(steps_of(project))},
        "kinds": KINDS,
        "first": list(AT_FIRST),
        "claims": [
            {
                **_claim(project, claim, names, codes, markdown, undecided),
                "explains": why.layers.get(claim.id, []),
            }
            for claim in project.book.claims
        ],
        "instead": {
            claim.id: found
            for claim in project.book.claims
            for found in [claims.instead(claim)]
            if found
        },
        "causes": causes,
        "aspects": {one.id: one.question for one in aspects},
        "subjects": [
            {
                "name": subject.name,
                "public": subject.public,
                "page": place_of(subject),
                "facts": _facts(project, subject, names, outcomes),
            }
            for subject in subjects()
        ],
        "codes": codes.values,
        "outcomes": outcomes.values,
        "atlases": [name for name in names if name in project.atlases],
    }


def runs(places: Mapping[str, int], names: Sequence[str]) -> List[int]:
    """What each cell has, neighbours that have the same together."""
    found: List[int] = []
    for place, group in itertools.groupby(places.get(name, -1) for name in names):
        found += [place, len(list(group))]
    return found


def _facts(
    project: Specification, subject: Any, names: Sequence[str], outcomes: Table
) -> Dict[str, List[int]]:
    """By aspect, the outcomes over the cells."""
    found: Dict[str, Dict[str, int]] = {}
    for cell, atlas in project.atlases.items():
        for aspect, outcome in atlas.by_subject.get(subject.name, {}).items():
            found.setdefault(aspect, {})[cell] = outcomes.place(outcome)
    return {one.id: runs(found[one.id], names) for one in load() if one.id in found}


def _claim(
    project: Specification, claim: Claim, names: List[str], codes: Table, markdown: Markdown,
    undecided: Mapping[str, Set[Key]],
) -> Dict[str, Any]:  # fmt: skip
    cases: Dict[str, Dict[str, int]] = {}
    for cell, record in project.all_records.items():
        for case, row in record.by_claim.get(claim.id, {}).items():
            seen = row.verdict, error_in(row.observed), is_of_no_name(row.observed)
            cases.setdefault(case, {})[cell] = codes.place(seen)
    for cell, keys in undecided.items():
        for case in sorted(case for id, case in keys if id == claim.id):
            cases.setdefault(case, {})[cell] = codes.place(("undecided", "", False))
    advice = "\n".join(claim.advice)
    return {
        "id": claim.id,
        "sentence": str(markdown.line(claim.sentence, claim.path, AT)),
        "otherwise": str(markdown.line(claim.otherwise, claim.path, AT)),
        "text": "\n".join((claim.id, claim.sentence, claim.otherwise, claim.explanation)),
        "errors": speaks_of_errors(claim.sentence),
        "warnings": speaks_of_warnings(claim.sentence),
        "level": spoken_of(claim.sentence),
        "advice": str(markdown.page(advice, claim.path, AT)),
        "cases": [[case, runs(places, names)] for case, places in cases.items()],
    }
