"""``spec/atlas/``: what each layer does with a mask, one page a layer; generated but for its
README, which has a generated table and list."""

import re
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from maskspec.atlas.aspects import RAISES, Aspect, is_masked, is_plain
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
USES_START = "<!-- uses: written by `maskspec sync` -->"
USES_END = "<!-- /uses -->"
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
DEPENDS, HERE = "it depends", ", in this set-up"
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


def with_uses(known: History, text: str) -> str:
    """The text of a chapter page with the table of what each layer does, if it has one.

    A layer stands there in its first set-up, and as it is on every release: its results at valid
    steps are others with a mask, and its output carries one, always, never, or it depends.
    """
    if not known.cells or USES_START not in text:
        return text
    return _between(USES_START, _uses(known), USES_END, text)


def _uses(known: History) -> Iterator[str]:
    columns = (("results.use", "no"), ("out.mask", "none"))
    rows: Dict[Tuple[str, ...], List[str]] = {}
    for subject in (one for one in SUBJECTS if is_plain(one) and one.layer != "Sequential"):
        answers = tuple(_answer(known, subject, *column) for column in columns)
        if all(answers):
            name = subject.code if any(HERE in answer for answer in answers) else subject.layer
            rows.setdefault(answers, []).append(f"[`{name}`](atlas/{subject.layer}.md)")
    yield from ["| layers | use it | hand it on |", "|---|---|---|"]
    for answers in sorted(rows, key=lambda row: [(one == DEPENDS, one[:1] != "y") for one in row]):
        yield f"| {', '.join(rows[answers])} | {' | '.join(answers)} |"


def _answer(known: History, subject: Subject, aspect: str, no: str) -> str:
    """What a layer does, in one word, and whether its other set-ups do that too; "" if not asked.

    ``no`` is the outcome that means that it does not.
    """
    mine = _always(known, subject, aspect, no)
    others = (one for one in SUBJECTS if one.layer == subject.layer and is_masked(one))
    differ = {_always(known, one, aspect, no) for one in others} - {mine, ""}
    return mine + HERE if differ and mine != DEPENDS else mine


def _always(known: History, subject: Subject, aspect: str, no: str) -> str:
    """Whether it does that on all releases on which it works without a mask."""
    broken = {c for c, o in known.of(subject, "out.unmasked").items() if o.startswith(RAISES)}
    outcomes = {o for cell, o in known.of(subject, aspect).items() if cell not in broken}
    raised = {one for one in outcomes if one.startswith(RAISES)}
    if outcomes == raised:
        return ""
    if outcomes == {no}:
        return "no"
    return DEPENDS if raised or no in outcomes else "yes"


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
