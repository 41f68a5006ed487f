"""What changes from one cell to another: ``python -m maskspec diff tf2.15 keras3.15-tensorflow``.

With ``--json`` it prints ``{"from", "to", "claims", "not_run", "facts", "changes"}``: the two
cells, how many claims the first decides, by cell the number of cases that only the other has run,
the facts of the atlas that change as a list of ``{"subject", "aspect", "question", "before",
"after"}`` ("" where it is not asked), and the claims that change as a list of ``{"claim",
"chapter", "sentence", "kind", "before", "after", "cases", "vanished", "observed", "otherwise",
"instead", "advice", "causes", "page"}``. There ``kind`` says how the change is noticed, ``cases``
maps a case to its two verdicts, ``vanished`` lists the cases that end in an error in the second
cell, ``observed`` maps a case with the same verdict to its two observations, ``instead`` maps the
findings that hold in the second cell to their sentences, ``advice`` is what the page says to do,
and ``causes`` are pull requests or commits. With ``--subject`` only facts are compared, with
``--relied FILE`` only the claims that the file lists, as ``pytest --maskspec-relied=FILE`` does.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Pattern, Sequence

from maskspec.atlas.questions import subjects
from maskspec.catalogue.addresses import link
from maskspec.catalogue.cells import nearest
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED
from maskspec.catalogue.words import and_more, count
from maskspec.records import facts, results
from maskspec.records.results import Record
from maskspec.records.specification import Specification, load
from maskspec.rendering.compare import (
    KINDS,
    RAISES,
    SILENT,
    UNDECIDED,
    Change,
    by_gravity,
    claims_of,
    compare,
    not_run,
)
from maskspec.rendering.facts import FactChange, fact_changes, layers_that_change
from maskspec.rendering.facts import about as facts_about
from maskspec.rendering.facts import in_words as facts_in_words
from maskspec.rendering.history import causes, path
from maskspec.running.discovery import Installed, NotUsable, discover

INSTALLED = "installed"
ATLAS = "atlas"  # in the header of what ran here: where its facts are, beside those of its cell
WIDE = 120  # characters of a line of the table
EVERY = 10.0  # seconds between two lines of progress
AT_FIRST = (SILENT, RAISES, UNDECIDED)  # what a user has to know; the rest is unfolded by --all


def record_of(
    project: Specification,
    name: str,
    implementation: str = "",
    layers: Sequence[str] = (),
    only_claims: bool = False,
) -> Record:
    """The record of a cell, or of what is ``installed``; raise ValueError if there is none.

    Of what is installed only ``layers`` are asked, if any are named; the record has no rows then.
    With ``only_claims``, no layers are asked.
    """
    if name == INSTALLED:
        return _run_here(project, implementation, layers, only_claims)
    recorded = project.all_records
    if name not in recorded:
        if name not in project.releases.cells:
            raise ValueError(f"{name} is not recorded; {nearest(name, recorded)}")
        why = project.why_unread(name) or ["there is no record of it"]
        raise ValueError(f"{name} cannot be compared: {why[0]}; python -m maskspec record {name}")
    return recorded[name]


def _forms(words: Sequence[str]) -> List[Pattern[str]]:
    """What finds each of ``words`` as a whole word."""
    return [re.compile(rf"(?<![A-Za-z0-9]){re.escape(w)}(?![A-Za-z0-9])", re.I) for w in words]


def about(changes: Sequence[Change], words: Sequence[str]) -> List[Change]:
    """Those of ``changes`` whose claim names one of ``words``: in its id, text, or cases."""
    forms = _forms(words)
    return [
        change
        for change in changes
        if not forms or any(form.search(_text(change.claim, change.cases)) for form in forms)
    ]


def _text(claim: Claim, cases: Iterable[str]) -> str:
    return "\n".join((claim.id, claim.sentence, claim.otherwise, claim.explanation, *cases))


def relied_in(project: Specification, file: Path) -> List[str]:
    """The ids of the claims that ``file`` lists, one at the start of a line; raise ``ValueError``
    with the nearest for one that there is not."""
    ids = []
    for line in file.read_text(encoding="utf-8").splitlines():
        id = line.partition("#")[0].partition("[")[0].strip()
        id = project.book.renamed.get(id, id)
        if id and id not in project.book.by_id():
            raise ValueError(f"{file}: there is no claim {id}; {nearest(id, project.book.by_id())}")
        ids += [id] * bool(id)
    return ids


def only(changes: Sequence[Change], relied: Optional[Sequence[str]]) -> List[Change]:
    """Those of ``changes`` that are of claims relied on; all, where ``relied`` is None."""
    return [one for one in changes if relied is None or one.claim.id in relied]


def known_words(project: Specification, words: Sequence[str]) -> Sequence[str]:
    """``words``, if each is named by a claim or layer; raise ``ValueError`` with the nearest if
    not."""
    texts = [
        _text(one, [case.case for case in project.cases(one.id)]) for one in project.book.claims
    ]
    text = "\n".join([*texts, *(subject.name for subject in subjects())])
    for word, form in zip(words, _forms(words)):
        if not form.search(text):
            names = set(re.findall(r"\b(?=\w*[A-Z_])[A-Za-z]\w{2,}", text))
            raise ValueError(f"no claim and no layer names {word}; {nearest(word, names)}")
    return words


def in_words(
    project: Specification,
    before: Record,
    after: Record,
    words: Sequence[str] = (),
    everything: bool = False,
    layers: Sequence[str] = (),
    relied: Optional[Sequence[str]] = None,
) -> Iterator[str]:
    """The comparison for a reader: a table, then the gravest changes, or all of them.

    With ``layers``, it is what changes for these: the facts of the atlas alone. With ``relied``, it
    is what changes of these claims, every one of them.
    """
    if layers:
        yield from _facts(project, before, after, (), layers, everything=True)
        return
    changes = by_gravity(only(about(compare(project, before, after), words), relied))
    what = f" that name {' or '.join(words)}" if words else ""
    of = claims_of(before) if relied is None else len(set(relied))
    what = " that are relied on" + what if relied is not None else what
    yield (
        f"{_name(before)} -> {_name(after)}: {len(changes) or 'none'} of {of} claims change{what}"
    )
    for cell, number in not_run(project, before, after).items():
        if number:
            yield f"{count(number, 'case')} not compared, as {cell} has not run them"
    if relied is None:
        yield from _facts(project, before, after, words, (), everything)
    if not changes:
        return
    yield ""
    yield from _table(project, changes)
    everything = everything or relied is not None
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
    known = {subject.public for subject in subjects()}
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
    relied: Optional[Sequence[str]] = None,
) -> Dict[str, Any]:
    """The comparison for a program; see the module's docstring."""
    known = causes(project, path(project, before.cell, after.cell))
    return {
        "from": before.cell,
        "to": after.cell,
        "claims": claims_of(before),
        "not_run": {} if layers else not_run(project, before, after),
        "facts": [
            {
                "subject": change.subject.name,
                "aspect": change.aspect.id,
                "question": change.aspect.question,
                "before": change.before,
                "after": change.after,
            }
            for change in (
                _fact_changes(project, before, after, words, layers) if relied is None else ()
            )
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
            for c in ([] if layers else only(about(compare(project, before, after), words), relied))
        ],
    }


def _facts(
    project: Specification,
    before: Record,
    after: Record,
    words: Sequence[str],
    layers: Sequence[str],
    everything: bool,
) -> Iterator[str]:
    """How many facts of the atlas change, of which layers, and if asked for each of them."""
    pair = _atlas_of(before), _atlas_of(after)
    if not project.has_atlas:
        return
    lacking = [cell for cell in pair if cell not in project.atlases]
    if lacking:
        why = project.why_unread(lacking[0]) or [f"{lacking[0]} has no atlas"]
        yield f"facts are not compared: {why[0]}"
        return
    for layer in layers:
        for cell in pair:
            if not any(s.public == layer for s in subjects() if s.name in _asked(project, cell)):
                yield f"{cell} has no facts of {layer}"
    changes = _fact_changes(project, before, after, words, layers)
    of = f" of {', '.join(layers)}" if layers else ""
    of += f" that name {' or '.join(words)}" if words else ""
    yield f"{pair[0]} -> {pair[1]}: {len(changes) or 'none'} of the facts{of} change"
    if everything:
        for words in facts_in_words(changes):
            yield from _filled(words.replace("*", ""))
    elif changes:
        counts = layers_that_change(changes)
        named = ", ".join(f"{layer} {count}" for layer, count in counts.items())
        yield from _filled(f"{named}; see them with --subject {next(iter(counts))}, or --all")


def _atlas_of(record: Record) -> str:
    """The name of the atlas that goes with ``record``."""
    return str(record.header.get(ATLAS, record.cell))


def _asked(project: Specification, cell: str) -> Iterable[str]:
    """The names of the subjects that have facts on ``cell``."""
    return project.atlases[cell].by_subject


def _fact_changes(
    project: Specification,
    before: Record,
    after: Record,
    words: Sequence[str],
    layers: Sequence[str],
) -> List[FactChange]:
    changes = fact_changes(project, _atlas_of(before), _atlas_of(after), layers)
    return facts_about(changes, _forms(words))


def _table(project: Specification, changes: Sequence[Change]) -> Iterator[str]:
    """How many changes there are of each kind and chapter, and the gravest there in words."""
    counts = Counter(change.kind for change in changes)
    yield "; ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    by_chapter: Dict[str, List[Change]] = {}
    for change in by_gravity(changes):
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
    yield from _filled(f"{change.lead.lower()}{claim.sentence}")
    yield from _by_cases(change)
    if claim.otherwise and change.after in (REFUTED, PARTLY):
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
            yield from _filled(f"{' -> '.join(verdicts)}: {and_more(names, 6)}")
    if change.vanished:
        gone = ", ".join(filter(None, change.vanished))
        yield from _filled(f"an error, no verdict now{': ' if gone else ''}{gone}")
    for case, (old, new) in change.observed.items():
        seen = f"{_quoted(old)} -> {_quoted(new)}"
        yield from _filled(f"{case + ': ' if case else ''}seen {seen}")


def _quoted(text: str) -> str:
    return f'"{text}"' if text else "nothing"


def _filled(text: str) -> List[str]:
    return textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent="      ")


def _name(record: Record) -> str:
    head = record.header
    return f"{head['cell']} ({head['implementation']} {head['version']})"


def _run_here(
    project: Specification, implementation: str, layers: Sequence[str], only_claims: bool
) -> Record:
    """Run the claims and the atlas on what is installed, or ask ``layers`` alone, and read what
    that records."""
    try:
        here = {one.implementation: one for one in discover(project.releases)}
    except NotUsable as error:
        raise ValueError(str(error)) from None
    if implementation and implementation not in here:
        raise ValueError(f"{implementation} is not installed here; there is {', '.join(here)}")
    if len(here) > 1 and not implementation:
        raise ValueError(f"choose one with --implementation: {', '.join(here)}")
    name = implementation or next(iter(here))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        if layers:
            found = path / facts.FILE
            said = _run(project, here[name], f"the facts of {', '.join(layers)}",
                 ["tests/atlas", "--atlas=only", "-p", "maskspec.records.partial",
                  f"--facts={found}", *(f"--subject={layer}" for layer in layers)])  # fmt: skip
            if not found.exists():
                raise ValueError(f"nothing was asked here: {'; '.join(said[-3:])}")
            atlas = facts.read(found)
            project.atlases[INSTALLED] = atlas
            return Record({**atlas.header, ATLAS: INSTALLED}, [])
        what = "the claims" if only_claims else "the claims and the atlas"
        atlas_too = ["--atlas=no"] * only_claims
        said = _run(project, here[name], f"{what}, several minutes",
                    ["tests", *atlas_too, f"--record={folder}"])  # fmt: skip
        records = [results.read(found) for found in sorted(path.glob("*/results.jsonl"))]
        for found in path.glob(f"*/{facts.FILE}"):
            project.atlases[INSTALLED] = facts.read(found)
    if len(records) != 1:
        raise ValueError(f"nothing was recorded here: {'; '.join(said[-3:])}")
    records[0].header[ATLAS] = INSTALLED
    return records[0]


def _run(project: Specification, one: Installed, what: str, arguments: Sequence[str]) -> List[str]:
    """Run pytest on an implementation, say on stderr how far it is, and return what it printed."""
    print(f"running on {one}: {what}", file=sys.stderr, flush=True)
    begun = said = time.monotonic()
    lines = []
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "--implementation", one.implementation, *arguments],
        cwd=str(project.root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    ) as run:  # fmt: skip
        assert run.stdout is not None
        for line in run.stdout:
            lines.append(line.rstrip())
            percent, now = re.search(r"\[ *(\d+%)\]$", lines[-1]), time.monotonic()
            if percent and now - said >= EVERY:
                print(f"  {percent[1]} after {now - begun:.0f} s", file=sys.stderr, flush=True)
                said = now
    return lines


def main(asked: argparse.Namespace) -> int:
    """Print what changes, exit status 1 if anything does."""
    project = load(asked.root)
    words = known_words(project, [w for part in asked.about for w in part.split(",") if w])
    layers = known_layers([name for part in asked.subject for name in part.split(",") if name])
    relied = relied_in(project, asked.relied) if asked.relied else None
    pair = (
        record_of(project, asked.before, asked.implementation, layers, relied is not None),
        record_of(project, asked.after, asked.implementation, layers, relied is not None),
    )
    data = as_data(project, *pair, words, layers, relied)
    if asked.json:
        print(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        print("\n".join(in_words(project, *pair, words, asked.all, layers, relied)))
    return 1 if (data["facts"] if layers else data["changes"] or data["facts"]) else 0
