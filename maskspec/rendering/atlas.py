"""``spec/atlas/``: what each layer does with a mask, one page a layer; generated but for its
README, which has a generated table."""

import re
from pathlib import Path
from typing import Dict, Iterator, List, Mapping

from maskspec.atlas.aspects import Aspect
from maskspec.atlas.layers import SUBJECTS
from maskspec.atlas.questions import load
from maskspec.atlas.subject import Subject
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.wording import describe, newest

START = "<!-- layers: written by `maskspec sync` -->"
END = "<!-- /layers -->"
TABLE = re.compile(re.escape(START) + r"\n.*?" + re.escape(END), flags=re.DOTALL)
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


def pages(project: Specification) -> Dict[Path, str]:
    """The right text of every page of the atlas, by path; none without a recorded atlas."""
    if not project.atlases:
        return {}
    folder = project.root / "spec" / "atlas"
    found = {folder / "README.md": _readme(project, folder / "README.md")}
    known = History(project)
    for layer in dict.fromkeys(subject.layer for subject in SUBJECTS):
        found[folder / f"{layer}.md"] = "\n".join(_page(layer, known)) + "\n"
    return found


class History:
    """The outcomes of each fact over the releases."""

    def __init__(self, project: Specification) -> None:
        self.cells: List[Cell] = [
            cell
            for name, cell in project.releases.cells.items()
            if name in project.atlases and not cell.is_pre
        ]
        self._by_fact: Dict[str, Dict[str, Dict[str, str]]] = {}
        for cell in self.cells:
            for subject, outcomes in project.atlases[cell.name].by_subject.items():
                facts = self._by_fact.setdefault(subject, {})
                for aspect, outcome in outcomes.items():
                    facts.setdefault(aspect, {})[cell.name] = outcome

    def of(self, subject: Subject, aspect: str) -> Mapping[str, str]:
        """The outcome by cell, in release order; nothing for a cell that could not be asked."""
        return self._by_fact.get(subject.name, {}).get(aspect, {})

    def cells_of(self, subject: Subject) -> List[Cell]:
        """The cells that have the subject at all."""
        had = {cell for facts in self._by_fact.get(subject.name, {}).values() for cell in facts}
        return [cell for cell in self.cells if cell.name in had]


def _page(layer: str, known: History) -> Iterator[str]:
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
        yield from _facts(subject, cells, known)


def _facts(subject: Subject, cells: List[Cell], known: History) -> Iterator[str]:
    for kind, title in KINDS.items():
        rows = []
        for aspect in (one for one in load() if one.kind == kind):
            outcomes = known.of(subject, aspect.id)
            if outcomes:
                rows.append(_row(aspect, outcomes, cells))
        if rows:
            yield from [f"**{title}**", "", "| question | newest releases | all |", "|---|---|---|"]
            yield from rows
            yield ""


def _row(aspect: Aspect, outcomes: Mapping[str, str], cells: List[Cell]) -> str:
    ran = [cell for cell in cells if cell.name in outcomes]
    if len(set(outcomes.values())) == 1:
        only = next(iter(outcomes.values()))
        everywhere = "" if len(ran) == len(cells) else f"asked on {len(ran)} of {len(cells)} cells"
        return f"| {aspect.question} | {only} | {everywhere} |"
    return f"| {aspect.question} | {newest(outcomes, ran)} | {describe(outcomes, ran)} |"


def _readme(project: Specification, path: Path) -> str:
    known, text = History(project), path.read_text(encoding="utf-8")
    last = [cell.name for cell in known.cells if cell.implementation == "keras"]
    newest_cell = [name for name in last if name.endswith("-tensorflow")][-1]
    lines = [
        f"On `{newest_cell}`, the newest release:",
        "",
        f"| layer | {' | '.join(FIRST.values())} |",
        f"|---|{'---|' * len(FIRST)}",
    ]
    for subject in SUBJECTS:
        answers = [known.of(subject, aspect).get(newest_cell, "") for aspect in FIRST]
        if any(answers):
            link = f"[{subject.name}]({subject.layer}.md)"
            lines.append(f"| {link} | {' | '.join(answers)} |")
    block = "\n".join([START, *lines, END])
    return TABLE.sub(lambda _: block, text)
