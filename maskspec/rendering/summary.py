"""What a run ends with, in one screen: what nobody expected first, then what is so here."""

import platform
from collections import defaultdict
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Set, Tuple

import pytest
from packaging.version import Version

from maskspec.catalogue.addresses import home, link
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE, Key, verdict_of
from maskspec.catalogue.words import case_named, count
from maskspec.records import results
from maskspec.rendering.wording import describe
from maskspec.running.discovery import Installed
from maskspec.running.judging import Result
from maskspec.running.plugin import Session, rerun

Line = Tuple[str, Dict[str, bool]]
Records = Mapping[str, results.Record]
MOST = 10  # refuted claims that are shown unasked


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("maskspec").addoption(
        "--verdicts",
        action="store_true",
        help="at the end, list every claim that is not simply true here",
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line, markup in render(Session.of(config), config.option.verdicts):
        terminalreporter.write_line(line, **markup)


def render(session: Session, everything: bool) -> Iterator[Line]:
    """The summary, line by line, each with pytest's markup for it."""
    records: Records = {}
    if any(r.is_unexpected for r in session.results) or any(i.is_new for i in session.installed):
        names = [name for name, cell in session.releases.cells.items() if not cell.stands_aside]
        records = results.read_all(session.config.rootpath, names)[0]
    unexpected = [r for r in session.results if r.is_unexpected]
    if unexpected:
        yield "", {}
        yield f"{len(unexpected)} unexpected", {"red": True, "bold": True}
        for result in unexpected:
            for line in _explain(result, session, records):
                yield line, {"red": True}
    for one in session.installed:
        mine = [r for r in session.results if r.cell == one.cell]
        if mine:
            yield "", {}
            yield from _of_one(one, mine, session, records, everything)


def _of_one(
    one: Installed, ran: Sequence[Result], session: Session, records: Records, everything: bool
) -> Iterator[Line]:
    seen: Dict[str, Set[str]] = defaultdict(set)
    for result in ran:
        seen[result.row.claim].add("error" if result.is_error else result.row.verdict)
    verdicts = {id: verdict_of(tuple(v)) for id, v in seen.items() if "error" not in v}
    python = platform.python_version()
    what = f"{count(len(seen), 'claim')}, {count(len(ran), 'case')}"
    yield f"{one}, Python {python}: {what}", {"bold": True}
    if one.is_new:
        yield from _news(one, ran, records)
    odd = {r.row.claim for r in ran if r.is_unexpected}
    tail = f"{len(odd)} of them unexpectedly" if odd else "as expected of this release"
    counts = [
        f"{list(verdicts.values()).count(verdict)} {words}"
        for verdict, words in (
            (HOLDS, "hold"), (PARTLY, "hold in part"), (REFUTED, "refuted"),
            (UNAVAILABLE, "without their API"),
        )
    ]  # fmt: skip
    errors = len(seen) - len(verdicts)
    yield f"  {', '.join(counts)}: {tail}" + (f"; NO VERDICT on {errors}" if errors else ""), {}
    known = {id: session.claims[id] for id in verdicts if id in session.claims}
    if len(seen) > 1:
        yield from _by_source(known, verdicts)
        yield (
            "  A refuted claim is no failure: a document says it, and the page says what is so.",
            {},
        )
    if everything or len(seen) == 1:
        yield from _everything(known, verdicts, ran)
    else:
        yield from _most_said(known, verdicts, session)
        yield f"  All of them: pytest --verdicts; why, and what to do instead: {home()}", {}


def _by_source(claims: Mapping[str, Claim], verdicts: Mapping[str, str]) -> Iterator[Line]:
    """One line a source: how its statements fare."""
    of: Dict[str, Dict[str, Set[str]]] = defaultdict(lambda: defaultdict(set))
    for id, claim in claims.items():
        for statement in claim.statements:
            of[statement.partition("-")[0]][statement].add(verdicts[id])
    for source, statements in sorted(of.items()):
        fares = [verdict_of(tuple(v)) if PARTLY not in v else PARTLY for v in statements.values()]
        numbers = ", ".join(
            f"{fares.count(verdict)} {words}"
            for verdict, words in ((HOLDS, "true"), (PARTLY, "in part"), (REFUTED, "not true"))
        )
        yield f"  {source}: {numbers}, of {count(len(fares), 'statement')} tested", {}


def _most_said(
    claims: Mapping[str, Claim], verdicts: Mapping[str, str], session: Session
) -> Iterator[Line]:
    """The refuted claims that most statements make, and what is so instead."""
    wrong = [c for id, c in claims.items() if verdicts[id] == REFUTED and c.statements]
    wrong.sort(
        key=lambda c: (-len({s.partition("-")[0] for s in c.statements}), -len(c.statements))
    )
    for claim in wrong[:MOST]:
        yield f"  not so: {claim.sentence} ({link(claim)})", {}


def _everything(
    claims: Mapping[str, Claim], verdicts: Mapping[str, str], ran: Sequence[Result]
) -> Iterator[Line]:
    for verdict, heading in (
        (REFUTED, "not so"), (PARTLY, "so in part"), (UNAVAILABLE, "no such API here"),
    ):  # fmt: skip
        for id in sorted(id for id, v in verdicts.items() if v == verdict and id in claims):
            yield f"  {heading}: {claims[id].sentence} ({link(claims[id])})", {}
            if verdict == PARTLY or len(claims) == 1:
                rows = [r.row for r in ran if r.row.claim == id]
                cases = [r.case for r in rows if r.verdict == REFUTED and r.case]
                if cases:
                    yield f"      not for: {', '.join(cases)}", {}


def _news(one: Installed, ran: Sequence[Result], records: Records) -> Iterator[Line]:
    """What differs from the newest record of the same implementation and backend."""
    yield (
        f"  newer than any recorded release; judged by what is expected of {one.judged_as}",
        {"yellow": True},
    )
    mine = {
        Version(record.header["version"]): record
        for record in records.values()
        if (record.header["implementation"], record.header["backend"])
        == (one.implementation, one.backend)
    }
    if not mine:
        yield f"  no release of {one.implementation} on {one.backend} is recorded", {"yellow": True}
        return
    newest = mine[max(mine)]
    new = {r.row.key: r.row.verdict for r in ran}
    old = {key: row.verdict for key, row in newest.by_key.items() if key in new}
    differ: List[Key] = sorted(key for key in old if old[key] != new[key])
    number = len(differ) or "none"
    yield f"  verdicts that differ from {newest.cell}, the newest recorded: {number}", {}
    for key in differ:
        yield f"    {case_named(key)}: {old[key]} -> {new[key]}", {"yellow": True}


def _explain(result: Result, session: Session, records: Records) -> Iterator[str]:
    row, claim = result.row, session.claims.get(result.row.claim)
    same = {cell: r.by_key[row.key].verdict for cell, r in records.items() if row.key in r.by_key}
    yield f"  {case_named(row.key)}"
    if claim:
        yield f"    claim:    {claim.sentence}"
        yield f"    said in:  {', '.join(claim.statements) or 'no source (a finding)'}"
        yield f"    page:     {link(claim)}"
    yield f"    test:     {result.place}"
    yield f"    expected: {result.expected} on {result.cell}"
    yield f"    observed: {row.verdict}: {row.observed or 'the claim as it is said'}"
    yield from (f"      {line}" for line in result.detail.splitlines()[:8])
    yield f"    recorded: {describe(same, [session.releases.cells[cell] for cell in same])}"
    yield f"    rerun:    {rerun(result)}"
