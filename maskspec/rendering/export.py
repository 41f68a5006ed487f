"""The whole catalogue as JSON: ``python -m maskspec export``. The keys are an interface.

``schema``: 1; it grows when a key changes meaning or goes.
``cells``: by cell, ``implementation``, ``version``, ``backend``, ``python``, ``platform``.
``claims``: a list in reading order, each with
  ``id``, ``chapter``, ``sentence``, ``otherwise`` (what is so where it is refuted, or ""),
  ``finding`` (bool), ``statements`` (ids), ``path``, ``line``;
  ``tests``: list of ``{path, line, name}``;
  ``holds``, ``exists``: the claim's ranges, key (implementation, implementation/backend or ``*``)
  to version specifier or null for no release; ``instead``: ids of findings;
  ``cases``: by case name, its own narrower ``holds`` and ``exists`` (lists, may be empty);
  ``verdicts``: by recorded cell, ``{verdict, cases}``, where ``cases`` maps a case name to
  ``{verdict, observed}``.
``atlas``: what each layer does with a mask,
  ``subjects``: list of ``{name, class}``, where ``name`` is the code that builds it and what tells
  it from others, ``class`` its public name in ``keras.layers``;
  ``excused``: public name to reason, ``reasons``: reason to words;
  ``aspects``: by id, ``{question, outcomes}`` (an outcome may also be ``raises`` and the class of
  the error); ``facts``: by cell, subject and aspect, the outcome.
``statements``: by id, ``source``, ``says``, ``units``, ``claims`` (ids), ``untestable`` (or null).
"""

import argparse
import json
from typing import Any, Dict

from maskspec.atlas.excused import EXCUSED, REASONS
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load as load_aspects
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import verdict_of
from maskspec.records.specification import Specification, load

SCHEMA = 1


def export(project: Specification) -> Dict[str, Any]:
    """The catalogue of ``project`` with every recorded verdict; see the module's docstring."""
    return {
        "schema": SCHEMA,
        "cells": {
            cell: {
                key: record.header[key]
                for key in ("implementation", "version", "backend", "python", "platform")
            }
            for cell, record in project.records.items()
        },
        "claims": [_claim(project, claim) for claim in project.book.claims],
        "atlas": {
            "subjects": [{"name": one.name, "class": one.layer} for one in SUBJECTS],
            "excused": EXCUSED,
            "reasons": REASONS,
            "aspects": {
                one.id: {"question": one.question, "outcomes": list(one.outcomes)}
                for one in load_aspects()
            },
            "facts": {cell: atlas.by_subject for cell, atlas in project.atlases.items()},
        },
        "statements": {
            id: {
                "source": statement.source,
                "says": statement.says,
                "units": list(statement.units),
                "claims": [c.id for c in project.book.claims if id in c.statements],
                "untestable": statement.untestable,
            }
            for id, statement in project.statements().items()
        },
    }


def _claim(project: Specification, claim: Claim) -> Dict[str, Any]:
    cases = project.cases(claim.id)
    first = cases[0] if cases else None
    verdicts = {}
    for cell, record in project.records.items():
        rows = list(record.by_claim.get(claim.id, {}).values())
        if rows:
            verdicts[cell] = {
                "verdict": verdict_of([row.verdict for row in rows]),
                "cases": {r.case: {"verdict": r.verdict, "observed": r.observed} for r in rows},
            }
    return {
        "id": claim.id,
        "chapter": claim.chapter,
        "sentence": claim.sentence,
        "otherwise": claim.otherwise,
        "finding": claim.is_finding,
        "statements": list(claim.statements),
        "path": claim.path,
        "line": claim.line,
        "tests": [{"path": first.path, "line": first.line, "name": first.test}] if first else [],
        "holds": first.holds[0] if first else {},
        "exists": first.exists[0] if first else {},
        "instead": list(first.instead) if first else [],
        "cases": {
            c.case: {"holds": list(c.holds[1:]), "exists": list(c.exists[1:])} for c in cases
        },
        "verdicts": verdicts,
    }


def main(asked: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps(export(load(asked.root)), indent=1, ensure_ascii=False))
    return 0
