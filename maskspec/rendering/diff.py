"""What changes from one cell to another: ``python -m maskspec diff tf2.15 keras3.15-tensorflow``.

With ``--json`` it prints ``{"from", "to", "claims", "facts", "changes"}``: the two cells, how many
claims the first decides, the facts of the atlas that change as a list of ``{"subject", "aspect",
"question", "before", "after"}`` ("" where it is not asked), and the claims that change as a list of
``{"claim", "chapter", "sentence", "kind", "before", "after", "cases", "vanished", "observed",
"otherwise", "instead", "advice", "causes", "page"}``. There ``kind`` says how the change is
noticed, ``cases`` maps a case to its two verdicts, ``vanished`` lists the cases without a verdict
in the second cell, ``observed`` maps a case with the same verdict to its two observations,
``instead`` maps the findings that hold in the second cell to their sentences, ``advice`` is what
the page says to do, and ``causes`` are pull requests or commits.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from maskspec.atlas.layers import SUBJECTS
from maskspec.catalogue.addresses import link
from maskspec.catalogue.cells import nearest
from maskspec.catalogue.verdicts import HOLDS
from maskspec.records import facts, results
from maskspec.records.results import Record
from maskspec.records.specification import Specification, load
from maskspec.rendering.compare import (
    KINDS,
    RAISES,
    SILENT,
    UNDECIDED,
    Change,
    claims_of,
    compare,
)
from maskspec.rendering.facts import fact_changes, layers_that_change
from maskspec.rendering.facts import in_words as facts_in_words
from maskspec.rendering.history import causes, path
from maskspec.running.discovery import NotUsable, discover

INSTALLED = "installed"
WIDE = 120  # characters of a line of the table
AT_FIRST = (SILENT, RAISES, UNDECIDED)  # what a user has to know; the rest is unfolded by --all


def record_of(project: Specification, name: str, implementation: str = "") -> Record:
    """The record of a cell, or of what is ``installed``; raise ValueError if there is none."""
    if name == INSTALLED:
        return _run_here(project, implementation)
    recorded = project.all_records
    if name not in recorded:
        raise ValueError(f"{name} is not recorded; {nearest(name, recorded)}")
    return recorded[name]


def about(changes: Sequence[Change], words: Sequence[str]) -> List[Change]:
    """Those of ``changes`` whose claim names one of ``words``: in its id, text, or cases."""
    forms = [re.compile(rf"(?<![A-Za-z0-9]){re.escape(w)}(?![A-Za-z0-9])", re.I) for w in words]
    found = []
    for change in changes:
        claim = change.claim
        text = (claim.id, claim.sentence, claim.otherwise, claim.explanation, *change.cases)
        if not forms or any(form.search("\n".join(text)) for form in forms):
            found.append(change)
    return found


def in_words(
    project: Specification,
    before: Record,
    after: Record,
    words: Sequence[str] = (),
    everything: bool = False,
    layers: Sequence[str] = (),
) -> Iterator[str]:
    """The comparison for a reader: a table, then the gravest changes, or all of them.

    With ``layers``, it is what changes for these: the facts of the atlas alone.
    """
    changes = about(compare(project, before, after), words)
    if layers:
        yield from _facts(project, before, after, layers, everything=True)
        return
    what = f" that name {' or '.join(words)}" if words else ""
    yield (
        f"{_name(before)} -> {_name(after)}: {len(changes) or 'none'} of {claims_of(before)} "
        f"claims change{what}"
    )
    yield from _facts(project, before, after, (), everything)
    if not changes:
        return
    yield ""
    yield from _table(project, changes)
    shown = [kind for kind in KINDS if everything or kind in AT_FIRST]
    known = causes(project, path(project, before.cell, after.cell))
    for kind in shown:
        mine = [change for change in changes if change.kind == kind]
        if mine:
            yield from ["", f"{kind.capitalize()} ({len(mine)}): {KINDS[kind]}"]
        for change in mine:
            yield from ["", *_entry(change, known.get(change.claim.id, []))]
    rest = Counter(change.kind for change in changes if change.kind not in shown)
    if rest:
        told = ", ".join(f"{count} {kind}" for kind, count in rest.items())
        yield from ["", f"and {sum(rest.values())} more ({told}): add --all"]


def known_layers(names: Sequence[str]) -> Sequence[str]:
    """``names``, if all are layers of the atlas; raise ``ValueError`` with the nearest if not."""
    known = {subject.layer for subject in SUBJECTS}
    for name in names:
        if name not in known:
            raise ValueError(f"the atlas has no layer {name}; {nearest(name, known)}")
    return names


def as_data(
    project: Specification,
    before: Record,
    after: Record,
    words: Sequence[str] = (),
    layers: Sequence[str] = (),
) -> Dict[str, Any]:
    """The comparison for a program; see the module's docstring."""
    known = causes(project, path(project, before.cell, after.cell))
    return {
        "from": before.cell,
        "to": after.cell,
        "claims": claims_of(before),
        "facts": [
            {
                "subject": change.subject.name,
                "aspect": change.aspect.id,
                "question": change.aspect.question,
                "before": change.before,
                "after": change.after,
            }
            for change in fact_changes(project, before.cell, after.cell, layers)
        ],
        "changes": [
            {
                "claim": c.claim.id,
                "chapter": c.claim.chapter,
                "sentence": c.claim.sentence,
                "kind": c.kind,
                "before": c.before,
                "after": c.after,
                "cases": {case: list(verdicts) for case, verdicts in c.cases.items()},
                "vanished": c.vanished,
                "observed": {case: list(texts) for case, texts in c.observed.items()},
                "otherwise": c.claim.otherwise,
                "instead": {finding.id: finding.sentence for finding in c.instead},
                "advice": " ".join(" ".join(_advice(c)).split()),
                "causes": known.get(c.claim.id, []),
                "page": c.claim.page,
            }
            for c in about(compare(project, before, after), words)
        ],
    }


def _facts(
    project: Specification,
    before: Record,
    after: Record,
    layers: Sequence[str],
    everything: bool,
) -> Iterator[str]:
    """How many facts of the atlas change, of which layers, and if asked for each of them."""
    pair = before.cell, after.cell
    if not project.has_atlas:
        return
    if not set(pair) <= set(project.atlases):
        yield f"facts of layers: {' or '.join(set(pair) - set(project.atlases))} has no atlas"
        return
    changes = fact_changes(project, *pair, layers)
    of = f" of {', '.join(layers)}" if layers else " of layers"
    yield f"{pair[0]} -> {pair[1]}: {len(changes) or 'none'} of the facts{of} change"
    if everything:
        for words in facts_in_words(changes):
            yield from _filled(words.replace("*", ""))
    elif changes:
        counts = layers_that_change(changes)
        named = ", ".join(f"{layer} {count}" for layer, count in counts.items())
        yield from _filled(f"{named}; see them with --subject {next(iter(counts))}, or --all")


def _table(project: Specification, changes: Sequence[Change]) -> Iterator[str]:
    """How many changes there are of each kind and chapter, and the gravest there in words."""
    counts = Counter(change.kind for change in changes)
    yield "; ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    by_chapter: Dict[str, List[Change]] = {}
    for change in sorted(changes, key=lambda c: list(KINDS).index(c.kind)):
        by_chapter.setdefault(change.claim.chapter, []).append(change)
    wide = max(len(project.book.title(chapter)) for chapter in by_chapter)
    for chapter, mine in sorted(by_chapter.items(), key=lambda pair: -len(pair[1])):
        line = f"  {project.book.title(chapter):{wide}} {len(mine):3}  {now(mine[0])}"
        yield line if len(line) <= WIDE else f"{line[: WIDE - 2]} …"


def now(change: Change) -> str:
    """What is so in the second cell, as far as one sentence says it."""
    if change.after == HOLDS:
        return change.claim.sentence
    if change.claim.otherwise:
        return change.claim.otherwise
    if change.instead:
        return change.instead[0].sentence
    return f"no longer: {change.claim.sentence}"


def _entry(change: Change, cause: Sequence[str]) -> Iterator[str]:
    claim = change.claim
    yield f"  {claim.id}: {change.before} -> {change.after}"
    lead = (
        "now so: " if change.after == HOLDS else "no longer so: " if change.before == HOLDS else ""
    )
    yield from _filled(f"{lead}{claim.sentence}")
    yield from _by_cases(change)
    if claim.otherwise and change.after != HOLDS:
        yield from _filled(f"instead: {claim.otherwise}")
    for finding in change.instead:
        yield from _filled(f"instead: {finding.sentence}")
    yield from _what_to_do(_advice(change))
    if cause:
        yield f"    cause: {', '.join(cause)}"
    yield f"    {link(claim)}"


def _advice(change: Change) -> List[str]:
    """What the page says to do: below the finding that holds now, or below the claim itself."""
    return (change.instead[0] if change.instead else change.claim).advice


def _what_to_do(advice: Sequence[str]) -> Iterator[str]:
    """The advice, its paragraphs filled and its code as it is."""
    text: List[str] = ["what to do:"]
    inside = False
    for line in advice:
        fence = line.startswith("```")
        if inside or fence:
            if text:
                yield from _filled(" ".join(text))
                text = []
            if not fence:
                yield f"      {line}"
            inside ^= fence
        elif line.strip():
            text.append(line)
    if text:
        yield from _filled(" ".join(text))


def _by_cases(change: Change) -> Iterator[str]:
    """Which cases change how, unless the verdict of the claim says it all."""
    if change.before == change.after or len(change.cases) != change.of:
        for verdicts in sorted(set(change.cases.values())):
            names = [case for case, pair in change.cases.items() if pair == verdicts]
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            yield from _filled(f"{' -> '.join(verdicts)}: {', '.join(names[:6])}{more}")
    if change.vanished:
        gone = ", ".join(filter(None, change.vanished))
        yield from _filled(f"without a verdict now: {gone or 'its case'}")
    for case, (old, new) in change.observed.items():
        yield from _filled(f"{case or 'seen'}: {old or 'nothing'} -> {new or 'nothing'}")


def _filled(text: str) -> List[str]:
    return textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent="      ")


def _name(record: Record) -> str:
    head = record.header
    return f"{head['cell']} ({head['implementation']} {head['version']})"


def _run_here(project: Specification, implementation: str) -> Record:
    """Run the claims on what is installed, and read what they record."""
    try:
        here = [one.implementation for one in discover(project.releases)]
    except NotUsable as error:
        raise ValueError(str(error)) from None
    if implementation and implementation not in here:
        raise ValueError(f"{implementation} is not installed here; there is {', '.join(here)}")
    if len(here) > 1 and not implementation:
        raise ValueError(f"choose one with --implementation: {', '.join(here)}")
    print(f"running the claims on {implementation or here[0]}, a minute or two", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests", f"--record={folder}",
             "--implementation", implementation or here[0]],
            cwd=str(project.root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8",
        )  # fmt: skip
        found = [results.read(path) for path in sorted(Path(folder).glob("*/results.jsonl"))]
        for path in Path(folder).glob(f"*/{facts.FILE}"):
            project.atlases[path.parent.name] = facts.read(path)
    if len(found) != 1:
        raise ValueError(f"nothing was recorded here: {'; '.join(done.stdout.splitlines()[-3:])}")
    return found[0]


def main(asked: argparse.Namespace) -> int:
    """Print what changes, exit status 1 if anything does."""
    project = load(asked.root)
    words = [word for part in asked.about for word in part.split(",") if word]
    pair = (
        record_of(project, asked.before, asked.implementation),
        record_of(project, asked.after, asked.implementation),
    )
    layers = known_layers([name for part in asked.subject for name in part.split(",") if name])
    data = as_data(project, *pair, words, layers)
    if asked.json:
        print(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        print("\n".join(in_words(project, *pair, words, asked.all, layers)))
    return 1 if (data["facts"] if layers else data["changes"] or data["facts"]) else 0
