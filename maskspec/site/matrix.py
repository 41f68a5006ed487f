"""Claims and releases in one table, and one such table for each question of the atlas."""

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple

from maskspec.atlas.aspects import RAISES, Aspect
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load
from maskspec.catalogue.addresses import claim_page
from maskspec.records.specification import Specification
from maskspec.rendering.atlas import KINDS, History
from maskspec.rendering.history import title
from maskspec.rendering.wording import SIGNS
from maskspec.site.history import CLASSES, Run, columns, runs
from maskspec.site.layers import page_of
from maskspec.site.markdown import plain


class Row(NamedTuple):
    """One claim or one set-up of a layer; the rest is of claims only."""

    page: str
    name: str
    runs: List[Run]
    text: str = ""
    chapter: str = ""
    sources: str = ""


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def of_claims(project: Specification) -> Dict[str, Any]:
    """What the template shows of all claims."""
    groups = columns(project, project.records)
    return {
        "groups": groups,
        "titles": _titles(project, groups),
        "chapters": [(one.name, one.title) for one in project.book.chapters],
        "sources": [(one.slug, one.title) for one in project.sources.values()],
        "verdicts": [(word, CLASSES[word], sign) for word, sign in SIGNS.items()],
        "rows": [
            Row(
                claim_page(claim.id),
                claim.id,
                list(runs(project.claim_verdicts(claim.id), groups, CLASSES)),
                plain(claim.sentence),
                claim.chapter,
                " ".join(sorted({s.partition("-")[0] for s in claim.statements})) or "finding",
            )
            for claim in project.book.claims
        ],
    }


def questions(project: Specification) -> Iterator[Dict[str, Any]]:
    """What the template shows of each question that was put to layers."""
    known = History(project)
    groups = columns(project, (cell.name for cell in known.cells))
    titles = _titles(project, groups)
    for aspect in load():
        rows, seen = [], []
        for subject in SUBJECTS:
            outcomes = known.of(subject, aspect.id)
            seen += [outcome for outcome in outcomes.values() if outcome not in seen]
            if outcomes:
                rows.append((subject, outcomes))
        if rows:
            classes = outcome_classes(aspect, seen)
            yield {
                "aspect": aspect,
                "kind": KINDS.get(aspect.kind, aspect.kind),
                "groups": groups,
                "titles": titles,
                "legend": [(word, classes[word], sign_of(classes[word])) for word in classes],
                "rows": [
                    Row(page_of(subject), subject.name, list(runs(outcomes, groups, classes)))
                    for subject, outcomes in rows
                ],
            }


def outcome_classes(aspect: Aspect, seen: List[str]) -> Mapping[str, str]:
    """A class for each outcome that was seen, in the order of the aspect, errors last."""
    order = [outcome for outcome in aspect.outcomes if outcome in seen]
    found = {outcome: f"o{place}" for place, outcome in enumerate(order)}
    found.update((o, "raises") for o in sorted(seen) if o.startswith(RAISES))
    return found


def sign_of(css: str) -> str:
    return LETTERS[int(css[1:])] if css[1:].isdigit() else "!"


def _titles(project: Specification, groups: Any) -> Dict[str, str]:
    return {
        cell.name: f"{title(cell)} ({project.records[cell.name].header['version']})"
        for group in groups
        for cell in group.cells
        if cell.name in project.records
    }
