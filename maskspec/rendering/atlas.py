"""``spec/atlas/``: what each layer does with a mask, one page a layer; generated but for its
README, which has a generated table and list."""

import re
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence

from maskspec.atlas.aspects import Aspect
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load
from maskspec.atlas.subject import Subject
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.evidence import sentence
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History
from maskspec.rendering.wording import describe, newest

START = "<!-- layers: written by `maskspec sync` -->"
END = "<!-- /layers -->"
LIST_START = "<!-- surprises: written by `maskspec sync` -->"
LIST_END = "<!-- /surprises -->"
KINDS = {
    "out": "On the way out",
    "results": "In the results",
    "extremes": "Extremes",
    "dtypes": "Dtypes",
    "hand": "Masks given by hand",
    "sizes": "Batches of several sizes",
    "life": "Copies, subclasses, saved models",
    "says": "What it says of itself",
}
# The aspects that people ask for first, and the head of their column.
FIRST = {
    "out.mask": "output's mask",
    "results.use": "mask changes results",
    "results.leak": "padding leaks",
    "results.at-masked": "at masked steps",
    "extremes.dead-row": "row without a valid step",
    "extremes.nan": "NaN in padding reaches results",
    "dtypes.mixed_float16": "mask under mixed_float16",
    "hand.keyword": "mask= counts",
    "life.saved": "after saving",
    "says.honest": "supports_masking",
}


def pages(project: Specification, known: History, why: Explained) -> Dict[Path, str]:
    """The right text of every page of the atlas, by path; none without a recorded atlas."""
    if not project.atlases:
        return {}
    folder = project.root / "spec" / "atlas"
    readme = folder / "README.md"
    text = _between(START, _table(known), END, readme.read_text(encoding="utf-8"))
    found = {readme: _between(LIST_START, _surprises(project, why), LIST_END, text)}
    for layer in dict.fromkeys(subject.layer for subject in SUBJECTS):
        found[folder / f"{layer}.md"] = "\n".join(_page(layer, known, why)) + "\n"
    return found


def _page(layer: str, known: History, why: Explained) -> Iterator[str]:
    mine = [subject for subject in SUBJECTS if subject.layer == layer]
    yield "<!-- written by `maskspec sync`; do not edit -->"
    yield f"# {layer}"
    yield ""
    yield (
        f"What `{layer}` does with a mask, as run; [how to read it](README.md), "
        "[all layers](README.md#layers)."
    )
    for subject in mine:
        yield from ["", f"## {subject.name}", ""]
        cells = known.cells_of(subject)
        there = describe(dict.fromkeys((cell.name for cell in cells), "there"), known.cells)
        if len(cells) < len(known.cells):
            yield from [f"Releases that have it: {there.partition(' (run')[0]}.", ""]
        yield from _facts(subject, cells, known, why)


def _facts(subject: Subject, cells: List[Cell], known: History, why: Explained) -> Iterator[str]:
    for kind, title in KINDS.items():
        rows = []
        for aspect in (one for one in load() if one.kind == kind):
            outcomes = known.of(subject, aspect.id)
            if outcomes:
                rows.append(_row(aspect, outcomes, cells, why.claims(subject, aspect.id)))
        if rows:
            yield from [f"**{title}**", "", "| question | newest releases | all |", "|---|---|---|"]
            yield from rows
            yield ""


def _row(
    aspect: Aspect, outcomes: Mapping[str, str], cells: List[Cell], claims: Sequence[str]
) -> str:
    ran = [cell for cell in cells if cell.name in outcomes]
    last = newest(outcomes, ran)
    everywhere = describe(outcomes, ran)
    if len(set(outcomes.values())) == 1:
        last = next(iter(outcomes.values()))
        everywhere = "" if len(ran) == len(cells) else f"asked on {len(ran)} of {len(cells)} cells"
    links = [f"[why](../{claim.partition('.')[0]}.md#{claim})" for claim in claims]
    return f"| {aspect.question} | {last} | {' '.join([everywhere, *links]).strip()} |"


def _between(start: str, lines: Iterator[str], end: str, text: str) -> str:
    """``text`` with ``lines`` between two comments."""
    block = "\n".join([start, *lines, end])
    found = re.compile(re.escape(start) + r"\n.*?" + re.escape(end), flags=re.DOTALL)
    return found.sub(lambda _: block, text)


def _table(known: History) -> Iterator[str]:
    last = [cell.name for cell in known.cells if cell.implementation == "keras"]
    newest_cell = [name for name in last if name.endswith("-tensorflow")][-1]
    yield from [f"On `{newest_cell}`, the newest release:", ""]
    yield f"| layer | {' | '.join(FIRST.values())} |"
    yield f"|---|{'---|' * len(FIRST)}"
    for subject in SUBJECTS:
        answers = [known.of(subject, aspect).get(newest_cell, "") for aspect in FIRST]
        if any(answers):
            yield f"| [{subject.name}]({subject.layer}.md) | {' | '.join(answers)} |"


def _surprises(project: Specification, why: Explained) -> Iterator[str]:
    claims = project.book.by_id()
    for claim in (claims[id] for id in why.surprising if id in claims):
        words = describe(project.claim_verdicts(claim.id), project.cells(claim.id))
        otherwise = f" Otherwise: {claim.otherwise}" if claim.otherwise else ""
        link = f"[{sentence(words)}](../{claim.chapter}.md#{claim.id})"
        yield f"1. {claim.sentence}{otherwise} {link}"
