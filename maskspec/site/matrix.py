"""Claims and releases in one table, and such tables of what the atlas has."""

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from maskspec.atlas.aspects import RAISES, Aspect
from maskspec.atlas.questions import FAMILIES, KINDS, load
from maskspec.catalogue.addresses import claim_page
from maskspec.records.specification import Specification
from maskspec.rendering.facts import History
from maskspec.rendering.history import title
from maskspec.rendering.wording import SIGNS
from maskspec.site.history import CLASSES, Group, Run, columns, runs
from maskspec.site.markdown import plain
from maskspec.site.subjects import place_of

Options = List[Tuple[str, str]]  # value and label


class Row(NamedTuple):
    """One claim, or one subject; ``chapter`` and ``sources`` are what filters ask for."""

    page: str
    name: str
    runs: List[Run]
    text: str = ""
    chapter: str = ""
    sources: str = ""


class Field(NamedTuple):
    """A filter: its name in the address, its label, and what there is to choose."""

    name: str
    label: str
    options: Options
    any: str = "all"


def of_claims(project: Specification) -> Dict[str, Any]:
    """The view of all claims."""
    groups = columns(project, project.records)
    legend = [(word, CLASSES[word]) for word in SIGNS]
    sources = [(one.slug, one.title) for one in project.sources.values()]
    return {
        **_frame(project, groups),
        "legend": legend,
        "caption": "Claims and releases",
        "noun": "claims",
        "fields": [
            Field("chapter", "Chapter", [(one.name, one.title) for one in project.book.chapters]),
            Field("source", "Said in", [*sources, ("finding", "no source: a finding")]),
            _on(groups),
            Field("verdict", "Verdict somewhere", [(css, word) for word, css in legend], "any"),
        ],
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


def questions(project: Specification, known: History) -> Iterator[Tuple[Aspect, Dict[str, Any]]]:
    """Each question that was put to subjects, with the view of it."""
    groups = columns(project, (cell.name for cell in known.cells))
    frame = _frame(project, groups)
    for aspect in load():
        rows, seen = [], []
        for subject in FAMILIES[aspect.family].subjects:
            outcomes = known.of(subject, aspect.id)
            seen += [outcome for outcome in outcomes.values() if outcome not in seen]
            if outcomes:
                rows.append((subject, outcomes))
        if rows:
            classes = outcome_classes(aspect, seen)
            options = {css: word for word, css in classes.items()}
            options.update({"raises": "raises an error"} if "raises" in options else {})
            yield (
                aspect,
                {
                    **frame,
                    "legend": list(classes.items()),
                    "caption": aspect.question,
                    "noun": "set-ups",
                    "fields": [
                        _on(groups),
                        Field("verdict", "Outcome somewhere", list(options.items()), "any"),
                    ],
                    "rows": [
                        Row(place_of(subject), subject.name, list(runs(outcomes, groups, classes)))
                        for subject, outcomes in rows
                    ],
                },
            )


def of_facts(project: Specification, known: History, family: str) -> Dict[str, Any]:
    """The view of every fact about a family that is not the same on all releases."""
    groups = columns(project, (cell.name for cell in known.cells))
    aspects = [aspect for aspect in load() if aspect.family == family]
    rows = []
    for subject in FAMILIES[family].subjects:
        for aspect in aspects:
            outcomes = known.of(subject, aspect.id)
            order = list(dict.fromkeys(outcomes.values()))
            if len(order) > 1:
                classes = {outcome: f"o{place}" for place, outcome in enumerate(order)}
                rows.append(
                    Row(
                        place_of(subject),
                        subject.name,
                        list(runs(outcomes, groups, classes)),
                        aspect.question,
                        aspect.kind,
                        subject.public,
                    )
                )
    names = sorted({row.sources for row in rows})
    asked = {aspect.kind for aspect in aspects}
    kinds = [(kind, title) for kind, title in KINDS.items() if kind in asked]
    return {
        **_frame(project, groups),
        "legend": [],
        "caption": "Facts that differ, and releases",
        "noun": "facts",
        "fields": [
            Field("source", FAMILIES[family].noun.capitalize(), [(name, name) for name in names]),
            Field("chapter", "Question", kinds),
            _on(groups),
        ],
        "rows": rows,
    }


def outcome_classes(aspect: Aspect, seen: List[str]) -> Mapping[str, str]:
    """A class for each outcome that was seen, in the order of the aspect, errors last."""
    order = [outcome for outcome in aspect.outcomes if outcome in seen]
    found = {outcome: f"o{place}" for place, outcome in enumerate(order)}
    found.update((o, "raises") for o in sorted(seen) if o.startswith(RAISES))
    return found


def _frame(project: Specification, groups: Sequence[Group]) -> Dict[str, Any]:
    """What every table has: its columns, and what each of them is."""
    cells = [cell for group in groups for cell in group.cells]
    heads = {cell.name: project.records[cell.name].header for cell in cells}
    titles = {cell.name: f"{title(cell)} ({heads[cell.name]['version']})" for cell in cells}
    return {"groups": groups, "titles": titles}


def _on(groups: Sequence[Group]) -> Field:
    return Field("on", "Implementation", [(group.key, group.label) for group in groups])
