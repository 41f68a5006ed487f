"""Rules on the atlas: complete against the public API of each recorded release, and up to date."""

import re
from typing import Set

from maskspec.atlas.aspects import RAISES
from maskspec.atlas.excused import EXCUSED, REASONS, plain, unknown
from maskspec.atlas.questions import load, subjects
from maskspec.checking.trace_explaining import FILE as TRACED
from maskspec.records.facts import FILE
from maskspec.records.specification import Specification
from maskspec.records.staleness import of_atlas
from maskspec.rendering.explained import FILE as EXPLAINED
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History
from maskspec.rules.kinds import Found, rule

DATA = "maskspec/atlas/layers.py"


def where(cell: str) -> str:
    return f"spec/releases/{cell}/{FILE}"


def public_names(project: Specification) -> Set[str]:
    """The public names of all recorded releases, as ``excused`` has them."""
    return {plain(name) for atlas in project.atlases.values() for name in atlas.header["public"]}


@rule("unknown-layer", f"add a line to {DATA}, or an excuse to excused.py beside it")
def unknown_layer(project: Specification) -> Found:
    for name in unknown(public_names(project)):
        yield DATA, 1, f"`{name}` is no subject yet"


@rule("dead-subject", f"take it out of {DATA}, or set it up so that it can be built")
def dead_subject(project: Specification) -> Found:
    if not project.atlases:
        return
    asked = {subject for atlas in project.atlases.values() for subject, _ in atlas.facts}
    for subject in subjects():
        if subject.name not in asked:
            yield DATA, 1, f"{subject.name} has no fact on any release"
    for name in sorted(EXCUSED.keys() - public_names(project)):
        yield DATA, 1, f"{name} is excused, and no release has it"
    for name in sorted(EXCUSED.keys() & {subject.public for subject in subjects()}):
        yield DATA, 1, f"{name} is excused, and a subject"
    for reason in sorted(REASONS.keys() ^ set(EXCUSED.values())):
        yield DATA, 1, f"the reason {reason!r} is unknown, or excuses nothing"


@rule("unknown-outcome", "add it to the outcomes of the aspect, or record the atlas again")
def unknown_outcome(project: Specification) -> Found:
    outcomes = {one.id: one.outcomes for one in load()}
    for cell, atlas in project.atlases.items():
        for number, ((_, aspect), outcome) in enumerate(atlas.facts.items(), 2):
            known = outcomes.get(aspect, (outcome,))
            if outcome not in known and not outcome.startswith(RAISES):
                yield where(cell), number, f"{outcome!r} is no outcome of {aspect}"


@rule("stale-atlas", "run python -m maskspec record")
def stale_atlas(project: Specification) -> Found:
    if not project.has_atlas:
        return
    for cell, atlas in project.atlases.items():
        differ = of_atlas(atlas)
        if differ and cell not in project.gpus:
            yield where(cell), 1, differ


@rule("unknown-explanation", "name a claim that there is, and among the surprising one with facts")
def unknown_explanation(project: Specification) -> Found:
    known, why = project.book.by_id(), Explained(project, History(project))
    for entry in why.entries:
        if entry.claim not in known:
            yield EXPLAINED, entry.line, f"there is no claim {entry.claim}"
    for claim in why.surprising:
        if claim not in {entry.claim for entry in why.entries}:
            yield EXPLAINED, 1, f"{claim} surprises, and explains nothing"
    traced = project.root / TRACED
    lines = traced.read_text(encoding="utf-8").splitlines() if traced.exists() else []
    for number, line in enumerate(lines, 1):
        for claim in re.findall(r'"claim": "([^"]*)"', line):
            if claim not in known:
                yield TRACED, number, f"there is no claim {claim}"


@rule("dead-explanation", "take it out, or name what some fact is recorded of")
def dead_explanation(project: Specification) -> Found:
    for line, name in Explained(project, History(project)).unmatched:
        yield EXPLAINED, line, f"no fact that it explains is of {name!r}"
