"""``spec/atlas/``: what each layer does with a mask, one page a layer; generated but for its
README, which has a generated table and list."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from maskspec.atlas.aspects import Aspect
from maskspec.atlas.questions import FAMILIES, KINDS, Family, load, page_of, subjects
from maskspec.catalogue.cells import Cell
from maskspec.records.specification import Specification
from maskspec.rendering.evidence import sentence
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History
from maskspec.rendering.wording import between, describe, newest

NOT_ASKED = "not asked"
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
    "metrics": {
        "metric-fit.steps": "in metrics=, of",
        "metric-weighted.step-weights": "in weighted_metrics= with a weight for each step, of",
        "metric-weighted.sample-weights": "with a weight for each sample, of",
        "metric-hand.mask": "called by hand, of",
        "metric-hand.mask-as-weights": "called by hand with the mask as weights, of",
        "metric-extremes.dead-row": "row without a valid step",
        "metric-extremes.NaN-fit": "NaN in padding reaches metrics=",
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


def pages(project: Specification, known: History, why: Explained) -> Dict[Path, str]:
    """The right text of every page of the atlas, by path; none without a recorded atlas."""
    if not project.atlases:
        return {}
    folder = project.root / "spec" / "atlas"
    readme = folder / "README.md"
    text = between("surprises", _surprises(project, why), readme.read_text(encoding="utf-8"))
    for name, family in FAMILIES.items():
        text = between(name, _table(name, family, known), text)
    found = {readme: text}
    for name in dict.fromkeys(subject.public for subject in subjects()):
        found[folder / f"{page_of(name)}.md"] = "\n".join(_page(name, known, why)) + "\n"
    return found


def _page(name: str, known: History, why: Explained) -> Iterator[str]:
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
        if len(cells) < len(known.cells):
            yield from [f"Releases that have it: {having(cells, known.cells)}.", ""]
        yield from _facts(subject, cells, known, why)


def having(cells: List[Cell], all_cells: List[Cell]) -> str:
    """Which releases ``cells`` are, of all that are recorded."""
    if not cells:
        return "none but a pre-release"
    had = {cell.name: "there" if cell in cells else "missing" for cell in all_cells}
    return describe(had, all_cells, silent="missing").partition(" in ")[2]


def _facts(subject: Any, cells: List[Cell], known: History, why: Explained) -> Iterator[str]:
    for title, answers in by_kind(subject, known):
        yield from [f"**{title}**", "", "| question | newest releases | all |", "|---|---|---|"]
        for aspect, outcomes in answers:
            yield _row(aspect, outcomes, cells, why.claims(subject, aspect.id))
        yield ""


def by_kind(
    subject: Any, known: History
) -> Iterator[Tuple[str, List[Tuple[Aspect, Mapping[str, str]]]]]:
    """What was asked of a subject, and the outcomes by cell, under the title of each kind."""
    asked = [(one, known.of(subject, one.id)) for one in load()]
    for kind, title in KINDS.items():
        answers = [(one, outcomes) for one, outcomes in asked if outcomes and one.kind == kind]
        if answers:
            yield title, answers


def in_words(outcomes: Mapping[str, str], cells: List[Cell]) -> Tuple[str, str]:
    """The outcome on the newest releases, and on all; "" where that is the same."""
    asked = {cell.name: outcomes.get(cell.name, NOT_ASKED) for cell in cells}
    if len(set(asked.values())) == 1:
        return next(iter(asked.values())), ""
    return newest(asked, cells), describe(asked, cells, silent=NOT_ASKED)


def _row(
    aspect: Aspect, outcomes: Mapping[str, str], cells: List[Cell], claims: Sequence[str]
) -> str:
    last, everywhere = in_words(outcomes, cells)
    links = [f"[why](../{claim.partition('.')[0]}.md#{claim})" for claim in claims]
    return f"| {aspect.question} | {last} | {' '.join([everywhere, *links]).strip()} |"


def _table(name: str, family: Family, known: History) -> Iterator[str]:
    cell = known.newest.name
    first = FIRST[name]
    yield from [f"On `{cell}`, the newest release:", ""]
    yield f"| {family.noun} | {' | '.join(first.values())} |"
    yield f"|---|{'---|' * len(first)}"
    for subject in family.subjects:
        answers = [known.of(subject, aspect).get(cell, "") for aspect in first]
        if any(answers):
            yield f"| [{subject.name}]({page_of(subject.public)}.md) | {' | '.join(answers)} |"


def _surprises(project: Specification, why: Explained) -> Iterator[str]:
    claims = project.book.by_id()
    for claim in (claims[id] for id in why.surprising if id in claims):
        words = describe(project.claim_verdicts(claim.id), project.cells(claim.id))
        otherwise = f" Otherwise: {claim.otherwise}" if claim.otherwise else ""
        link = f"[{sentence(words)}](../{claim.chapter}.md#{claim.id})"
        yield f"1. {claim.sentence}{otherwise} {link}"
