"""``spec/CHANGES.md``: what changed from each release to the next, newest first."""

from typing import Iterator, List, Tuple

from maskspec.atlas.questions import page_of
from maskspec.catalogue.cells import Cell
from maskspec.catalogue.verdicts import PARTLY, REFUTED
from maskspec.records.specification import Specification
from maskspec.rendering.compare import (
    KINDS,
    Change,
    by_gravity,
    claims_of,
    compare,
)
from maskspec.rendering.facts import fact_changes, in_words, layers_that_change
from maskspec.rendering.history import address, ahead, causes, pairs, title

NAMED_CASES = 4
FEW_FACTS = 25  # at most so many lines of facts are listed


def page(project: Specification) -> str:
    """The whole page."""
    lines = [
        "<!-- written by `maskspec sync`; do not edit -->",
        "# What changed when",
        "",
        "Each section compares two recorded releases that follow each other and lists every claim",
        "and finding that fares differently, the gravest changes first, with the cause where it is",
        "known. `python -m maskspec diff A B` compares any two cells, with advice.",
    ]
    for before, after in ahead(project):
        version = project.prereleases[after.name].header["version"]
        lines += ["", f"## Ahead: {title(before)} to the pre-release {version}", ""]
        lines += section(project, before, after)
    for before, after in pairs(project):
        lines += ["", f"## {title(before)} to {title(after)}", ""]
        lines += section(project, before, after)
    return "\n".join(lines) + "\n"


def section(project: Specification, before: Cell, after: Cell) -> Iterator[str]:
    """The Markdown of one step, without its heading; links as on ``spec/CHANGES.md``."""
    records = project.all_records[before.name], project.all_records[after.name]
    changes, total = compare(project, *records), claims_of(records[0])
    known = causes(project, [(before.name, after.name)])
    facts = list(_facts(project, before, after))
    if not changes:
        yield f"None of {total} claims changed."
        yield from facts
        return
    yield f"{len(changes)} of {total} claims changed."
    yield from facts
    for kind in KINDS:
        mine = [change for change in by_gravity(changes) if change.kind == kind]
        if mine:
            yield from ["", f"**{kind[0].upper()}{kind[1:]}**: {KINDS[kind]}.", ""]
            yield from (_bullet(change, known.get(change.claim.id, [])) for change in mine)


def _facts(project: Specification, before: Cell, after: Cell) -> Iterator[str]:
    """Which facts of the atlas change: each, if they are few, else how many of which layers."""
    found = fact_changes(project, before.name, after.name)
    if before.name not in project.atlases or after.name not in project.atlases:
        return
    total = len(project.atlases[before.name].facts)
    if not found:
        yield from ["", f"None of {total} [facts](atlas/README.md) changed."]
        return
    told = f"{len(found)} of {total} [facts](atlas/README.md) changed"
    words = in_words(found)
    if len(words) <= FEW_FACTS:
        yield from ["", f"{told}:", "", *(f"- {change}" for change in words)]
        return
    counts = layers_that_change(found)
    named = [f"[{layer}](atlas/{page_of(layer)}.md) {count}" for layer, count in counts.items()]
    yield from ["", f"{told}, by layer: {', '.join(named)}."]


def _bullet(change: Change, cause: List[str]) -> str:
    claim = change.claim
    page = claim.path.rpartition("/")[2]
    told = now_so(change)
    links = ", ".join(f"[{one}]({address(one)})" for one in cause)
    return f"- [{claim.id}]({page}#{claim.id}): {in_short(change)}. {told}" + (
        f" Cause: {links}." if cause else ""
    )


def in_short(change: Change) -> str:
    """Both verdicts, and which cases change where that does not say it all."""
    verdicts = f"{change.before} → {change.after}"
    if change.before != change.after and not change.vanished:
        return verdicts
    cases = [f"{_named(case)}{' → '.join(v)}" for case, v in change.cases.items()]
    cases += [f"{_named(case)}an error, no verdict" for case in change.vanished]
    cases += [f"{_named(case)}{_seen(v)}" for case, v in change.observed.items()]
    more = len(cases) - NAMED_CASES
    tail = f" and {more} more" if more > 0 else ""
    return f"{verdicts} ({'; '.join(cases[:NAMED_CASES])}{tail})"


def now_so(change: Change) -> str:
    """The claim, and what is so where it holds no longer."""
    claim = change.claim
    is_refuted = change.after in (REFUTED, PARTLY)
    otherwise = f" Instead: {claim.otherwise}" if claim.otherwise and is_refuted else ""
    return f"{change.lead}{claim.sentence}{otherwise}"


def _named(case: str) -> str:
    return f"`{case}`: " if case else ""


def _seen(pair: Tuple[str, str]) -> str:
    """Two observations, each in quotes, as they may have any sign in them."""
    return "seen " + " → ".join(f'"{text}"' if text else "nothing" for text in pair)
