"""The whole catalogue as JSON: ``python -m maskspec export``.

The keys are an interface, which ``export.schema.json`` describes.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Dict

from maskspec.atlas.excused import EXCUSED, REASONS
from maskspec.atlas.questions import load as load_aspects
from maskspec.atlas.questions import subjects
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import verdict_of
from maskspec.records.specification import Specification, load

SCHEMA: Dict[str, Any] = json.loads(
    Path(__file__).with_name("export.schema.json").read_text(encoding="utf-8")
)


def export(project: Specification) -> Dict[str, Any]:
    """The catalogue of ``project`` with every recorded verdict, as ``SCHEMA`` has it."""
    return {
        "schema": SCHEMA["properties"]["schema"]["const"],
        "cells": {
            cell: {
                **{
                    key: record.header[key]
                    for key in ("implementation", "version", "backend", "python", "platform")
                },
                "prerelease": cell in project.prereleases,
            }
            for cell, record in project.all_records.items()
        },
        "claims": [_claim(project, claim) for claim in project.book.claims],
        "atlas": {
            "subjects": [{"name": one.name, "class": one.public} for one in subjects()],
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
    for cell, record in project.all_records.items():
        rows = record.by_claim.get(claim.id, {}).values()
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
