"""``spec/atlas/``: what each layer does with a mask, one page a layer; generated but for its
README, which has a generated table."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from maskspec.atlas.aspects import Aspect
from maskspec.atlas.questions import FAMILIES, KINDS, Family, load, subjects
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.wording import describe, newest

# The aspects that people ask for first, and the head of their column, family by family.
FIRST = {
    "layers": {
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
    },
    "losses": {
        "loss-fit.divisor": "in a compiled model, divided by",
        "loss-fit.step-weights": "with a weight for each step, divided by",
        "loss-fit.sample-weights": "with a weight for each sample, divided by",
        "loss-hand.mask": "called by hand, divided by",
        "loss-extremes.dead-row": "row without a valid step",
        "loss-extremes.dead-batch": "batch without a valid step",
        "loss-extremes.NaN-predictions": "NaN in padding reaches the loss",
    },
    "models": {
        "model-results.mask": "output's mask",
        "model-results.vector": "the padding's vector changes results",
        "model-results.cut": "results without padding",
        "model-loss.divisor": "its loss is divided by",
        "model-train.longer": "more padding changes the training",
        "model-train.vector": "the padding's vector is trained",
        "model-life.keras-file": "saved as .keras",
        "model-life.h5": "saved as HDF5",
    },
}


def pages(project: Specification) -> Dict[Path, str]:
    """The right text of every page of the atlas, by path; none without a recorded atlas."""
    if not project.atlases:
        return {}
    folder = project.root / "spec" / "atlas"
    found = {folder / "README.md": _readme(project, folder / "README.md")}
    known = History(project)
    for name in dict.fromkeys(subject.public for subject in subjects()):
        found[folder / f"{name}.md"] = "\n".join(_page(name, known)) + "\n"
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

    def of(self, subject: Any, aspect: str) -> Mapping[str, str]:
        """The outcome by cell, in release order; nothing for a cell that could not be asked."""
        return self._by_fact.get(subject.name, {}).get(aspect, {})

    def cells_of(self, subject: Any) -> List[Cell]:
        """The cells that have the subject at all."""
        had = {cell for facts in self._by_fact.get(subject.name, {}).values() for cell in facts}
        return [cell for cell in self.cells if cell.name in had]


def _page(name: str, known: History) -> Iterator[str]:
    mine = [subject for subject in subjects() if subject.public == name]
    family = mine[0].family
    yield "<!-- written by `maskspec sync`; do not edit -->"
    yield f"# {name}"
    yield ""
    yield (
        f"What `{name}` does with a mask, as run; [how to read it](README.md), "
        f"[all {family}](README.md#{family})."
    )
    for subject in mine:
        yield from ["", f"## {subject.name}", ""]
        cells = known.cells_of(subject)
        there = describe(dict.fromkeys((cell.name for cell in cells), "there"), known.cells)
        if len(cells) < len(known.cells):
            yield from [f"Releases that have it: {there.partition(' (run')[0]}.", ""]
        yield from _facts(subject, cells, known)


def _facts(subject: Any, cells: List[Cell], known: History) -> Iterator[str]:
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
    for name, family in FAMILIES.items():
        block = "\n".join(_table(name, family, newest_cell, known))
        start, end = marks(name)
        if start not in text or end not in text:
            raise ValueError(f"{path}: the table of {name} has no place: write {start} and {end}")
        before, after = text.partition(start)[0], text.partition(end)[2]
        text = f"{before}{start}\n{block}\n{end}{after}"
    return text


def marks(family: str) -> Tuple[str, str]:
    """The lines before and after the table of ``family``."""
    return f"<!-- {family}: written by `maskspec sync` -->", f"<!-- /{family} -->"


def _table(name: str, family: Family, cell: str, known: History) -> Iterator[str]:
    first = FIRST[name]
    yield from [f"On `{cell}`, the newest release:", ""]
    yield f"| {family.noun} | {' | '.join(first.values())} |"
    yield f"|---|{'---|' * len(first)}"
    for subject in family.subjects:
        answers = [known.of(subject, aspect).get(cell, "") for aspect in first]
        if any(answers):
            yield f"| [{subject.name}]({subject.public}.md) | {' | '.join(answers)} |"
