"""The data of the page *Upgrade*: ``data/upgrade.json``, from which the browser compares two
releases as ``python -m maskspec diff`` does.

``schema``: 1. ``cells``: list of ``{name, title, line, pre}``. ``before``: by cell, the one that
comes before it. ``kinds``: by kind of change, what it means, the gravest first; ``first``: those
that everybody has to know. ``codes``: what was seen of a case, ``[verdict, class of the error]``.
``claims``: list of ``{id, sentence, otherwise, text, errors, advice, cases}``: ``text`` is where
words are looked for, ``errors`` whether the claim speaks of errors, ``cases`` are the name of each
case and its runs. ``instead``: by claim, ids of findings. ``causes``: by cell and claim, what made
the change that came with that cell. ``aspects``: by id, the question. ``outcomes``: list.
``subjects``: list of ``{name, layer, page, facts}`` in which ``facts`` maps an aspect to runs.
``atlases``: the cells that have an atlas.

Runs are ``[what, how many cells, what, how many, …]`` over ``cells``, where ``what`` is a place in
``codes`` or ``outcomes``, or -1 where there is nothing.
"""

import itertools
from typing import Any, Dict, List, Mapping, Sequence

from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load
from maskspec.catalogue.pages import Claim
from maskspec.records.specification import Specification
from maskspec.rendering.compare import KINDS, error_in, speaks_of_errors
from maskspec.rendering.diff import AT_FIRST
from maskspec.rendering.history import read_causes, title
from maskspec.site.claims import Claims
from maskspec.site.history import columns, steps_of
from maskspec.site.layers import page_of
from maskspec.site.markdown import Markdown

SCHEMA = 1
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


def data(project: Specification, markdown: Markdown, claims: Claims) -> Dict[str, Any]:
    """The whole file."""
    groups = columns(project, project.all_records)
    cells = [cell for group in groups for cell in group.cells]
    names = [cell.name for cell in cells]
    lines = {cell.name: group.label for group in groups for cell in group.cells}
    codes, outcomes = Table(), Table()
    causes: Dict[str, Dict[str, List[str]]] = {}
    for entry in read_causes(project):
        for id in entry["claims"]:
            causes.setdefault(entry["to"], {}).setdefault(id, []).append(entry["cause"])
    return {
        "schema": SCHEMA,
        "cells": [
            {
                "name": cell.name,
                "title": title(cell) + (", pre-release" if cell.is_pre else ""),
                "line": lines[cell.name],
                "pre": cell.is_pre,
            }
            for cell in cells
        ],
        "before": {after.name: before.name for before, after in reversed(steps_of(project))},
        "kinds": KINDS,
        "first": list(AT_FIRST),
        "claims": [_claim(project, claim, names, codes, markdown) for claim in project.book.claims],
        "instead": {
            claim.id: found
            for claim in project.book.claims
            for found in [claims.instead(claim)]
            if found
        },
        "causes": causes,
        "aspects": {one.id: one.question for one in load()},
        "subjects": [
            {
                "name": subject.name,
                "layer": subject.layer,
                "page": page_of(subject),
                "facts": {
                    one.id: found
                    for one in load()
                    for found in [
                        runs(
                            {
                                cell: outcomes.place(facts[one.id])
                                for cell in project.atlases
                                for facts in [project.atlases[cell].by_subject.get(subject.name)]
                                if facts and one.id in facts
                            },
                            names,
                        )
                    ]
                    if found != [-1, len(names)]
                },
            }
            for subject in SUBJECTS
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


def _claim(
    project: Specification, claim: Claim, names: List[str], codes: Table, markdown: Markdown
) -> Dict[str, Any]:
    cases: Dict[str, Dict[str, int]] = {}
    for cell, record in project.all_records.items():
        for case, row in record.by_claim.get(claim.id, {}).items():
            cases.setdefault(case, {})[cell] = codes.place((row.verdict, error_in(row.observed)))
    advice = "\n".join(claim.advice)
    return {
        "id": claim.id,
        "sentence": str(markdown.line(claim.sentence, claim.path, AT)),
        "otherwise": str(markdown.line(claim.otherwise, claim.path, AT)),
        "text": "\n".join((claim.id, claim.sentence, claim.otherwise, claim.explanation)),
        "errors": speaks_of_errors(claim.sentence),
        "advice": str(markdown.page(advice, claim.path, AT)),
        "cases": [[case, runs(places, names)] for case, places in cases.items()],
    }
