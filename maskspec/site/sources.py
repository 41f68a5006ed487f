"""The fact check of a document: a fair summary, then every statement."""

from typing import Any, Dict, List, Sequence

from maskspec.catalogue.pages import Claim
from maskspec.catalogue.sources import STATEMENT_EXCUSES, Source, Statement
from maskspec.catalogue.verdicts import verdict_of
from maskspec.records.specification import Specification
from maskspec.rendering.factcheck import (
    columns_of,
    contradictions,
    judged,
    span,
    verdicts_of,
)
from maskspec.rendering.wording import by_implementation, describe
from maskspec.site import links
from maskspec.site.claims import Claims
from maskspec.site.history import CLASSES


def summary(project: Specification, source: Source) -> Dict[str, Any]:
    """How many of the statements hold, and where."""
    found = judged(project, source)
    true = len(found.tested) - len(found.odd)
    some = len(found.odd) - len(found.nowhere)
    return {
        "source": source,
        "page": links.of_source(source.slug),
        "statements": len(found.statements),
        "tested": len(found.tested),
        "parts": [
            ("holds", "hold everywhere, or wherever what they speak of exists", true),
            ("partly", "hold on some releases, for some cases, or in one of two readings", some),
            ("refuted", "hold nowhere", len(found.nowhere)),
        ],
    }


def view(project: Specification, claims: Claims, source: Source) -> Dict[str, Any]:
    """What the template shows."""
    found = judged(project, source)
    columns = columns_of(found.verdicts, project)
    odd = {s.id for s in found.odd}
    at = links.of_source(source.slug)
    rows = [_row(project, claims, s, found.verdicts[s.id], columns, at) for s in found.statements]
    return {
        **summary(project, source),
        "columns": list(columns.values()),
        "odd": [row for row in rows if row["statement"].id in odd],
        "rows": rows,
        "contradictions": [
            [_side(project, statement) for statement in pair]
            for pair in contradictions(project, found.statements)
        ],
    }


def _row(
    project: Specification,
    claims: Claims,
    s: Statement,
    verdicts: Dict[str, str],
    columns: Dict[str, str],
    at: str,
) -> Dict[str, Any]:
    restating = project.restating(s.id)
    words = by_implementation(verdicts, project.cells(*(c.id for c in restating)))
    kinds = {
        name: verdict_of([v for cell, v in verdicts.items() if _is_of(project, cell, name)])
        for name in words
    }
    findings = sorted({id for claim in restating for id in claims.instead(claim)})
    return {
        "statement": s,
        "where": span(s.units),
        "excuse": STATEMENT_EXCUSES.get(s.untestable, "") if s.untestable else "",
        "verdicts": [(words.get(n, ""), CLASSES.get(kinds.get(n, ""), "none")) for n in columns],
        "claims": restating,
        "otherwise": [claims.markdown.line(c.otherwise, c.path, at) for c in restating],
        "instead": [(claims.known[id], claims.line(id, at)) for id in findings],
    }


def _side(project: Specification, statement: Statement) -> Dict[str, Any]:
    restating: Sequence[Claim] = project.restating(statement.id)
    cells = project.cells(*(claim.id for claim in restating))
    return {
        "statement": statement,
        "page": f"{links.of_source(statement.source)}#{statement.id}",
        "words": describe(verdicts_of(project, statement.id), cells),
        "claims": restating,
    }


def _is_of(project: Specification, cell: str, implementation: str) -> bool:
    return project.releases.cells[cell].implementation == implementation


def in_order(project: Specification) -> List[Dict[str, Any]]:
    """The summary of every document."""
    return [summary(project, source) for source in project.sources.values()]
