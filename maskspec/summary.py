"""The few lines a run ends with: what holds here, what does not, and what nobody expected."""

import platform
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Sequence, Set, Tuple

from packaging.version import Version

from maskspec import results
from maskspec.discovery import Installed
from maskspec.history import describe
from maskspec.pages import Claim
from maskspec.project import verdict_of
from maskspec.releases import Releases
from maskspec.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE

Line = Tuple[str, Dict[str, bool]]
Row = Mapping[str, Any]


def rerun(row: Row) -> str:
    """The command that runs just the claim of ``row`` again."""
    return f"pytest --claim {row['claim']} --implementation {row['implementation']}"


def render(
    installed: Sequence[Installed],
    claims: Mapping[str, Claim],
    rows: Sequence[Row],
    releases: Releases,
    root: Path,
) -> Iterator[Line]:
    """The summary, line by line, each with pytest's markup for it."""
    for one in installed:
        mine = [r for r in rows if r["cell"] == one.cell]
        if mine:
            yield from _render_one(one, claims, mine, releases)
            if one.is_new:
                yield from _news(one, mine, releases, root)
    unexpected = [r for r in rows if r["verdict"] not in (r["expected"], "error")]
    if unexpected:
        known = _recorded(releases, root)
        yield "", {}
        yield f"{len(unexpected)} unexpected", {"red": True, "bold": True}
        for row in unexpected:
            for line in _explain(row, claims, known, releases):
                yield line, {"red": True}


def _render_one(
    one: Installed, claims: Mapping[str, Claim], rows: Sequence[Row], releases: Releases
) -> Iterator[Line]:
    seen: Dict[str, Set[str]] = defaultdict(set)
    for row in rows:
        seen[row["claim"]].add(row["verdict"])
    verdicts = {id: verdict_of(tuple(v)) for id, v in seen.items() if "error" not in v}
    yield "", {}
    python = platform.python_version()
    yield f"{one}, Python {python}: {len(seen)} claims, {len(rows)} cases", {"bold": True}
    if one.is_new:
        yield (
            f"  newer than any recorded release; judged by what is expected of {one.judged_as}",
            {"yellow": True},
        )
    counts = [
        f"{sum(v == verdict for v in verdicts.values())} {words}"
        for verdict, words in (
            (HOLDS, "hold"), (REFUTED, "refuted"), (PARTLY, "partly"), (UNAVAILABLE, "unavailable"),
        )
    ]  # fmt: skip
    errors = len(seen) - len(verdicts)
    odd = {r["claim"] for r in rows if r["verdict"] not in (r["expected"], "error")}
    tail = f"{len(odd)} of them unexpectedly" if odd else "as expected"
    yield f"  {', '.join(counts)}; {tail}" + (f"; NO VERDICT on {errors}" if errors else ""), {}
    for verdict, heading in (
        (REFUTED, "not true here"), (PARTLY, "true only in part"), (UNAVAILABLE, "not there"),
    ):  # fmt: skip
        for id in sorted(id for id, v in verdicts.items() if v == verdict and id in claims):
            if not claims[id].is_finding:
                yield f"  {heading}: {id}: {claims[id].sentence}", {}
    other = [id for id, v in verdicts.items() if v != HOLDS and id in claims and id not in odd]
    elsewhere = sum(claims[id].is_finding for id in other)
    if elsewhere:
        yield f"  and {elsewhere} finding{'s' * (elsewhere > 1)} about other releases", {}


def _news(one: Installed, rows: Sequence[Row], releases: Releases, root: Path) -> Iterator[Line]:
    """What differs from the newest record of the same implementation and backend."""
    mine = {
        Version(record.header["version"]): record
        for record in _recorded(releases, root).values()
        if (record.header["implementation"], record.header["backend"])
        == (one.implementation, one.backend)
    }
    if not mine:
        yield f"  no release of {one.implementation} on {one.backend} is recorded", {"yellow": True}
        return
    newest = mine[max(mine)]
    old = {(row.claim, row.case): row.verdict for row in newest.rows}
    new = {(r["claim"], r["case"]): r["verdict"] for r in rows}
    differ = sorted(key for key in new if old.get(key, new[key]) != new[key])
    count = len(differ) or "none"
    yield f"  verdicts that differ from {newest.cell}, the newest recorded: {count}", {}
    for claim, case in differ:
        change = f"{old[claim, case]} -> {new[claim, case]}"
        yield f"    {claim}{f' [{case}]' if case else ''}: {change}", {"yellow": True}


def _recorded(releases: Releases, root: Path) -> Dict[str, results.Record]:
    """The records of releases, without those of pre-releases."""
    cells = [name for name, cell in releases.cells.items() if not cell.is_pre]
    return results.read_all(root / "spec" / "releases", cells)[0]


def _explain(
    row: Row,
    claims: Mapping[str, Claim],
    known: Mapping[str, results.Record],
    releases: Releases,
) -> Iterator[str]:
    claim = claims.get(row["claim"])
    same = {
        cell: r.verdict
        for cell, record in known.items()
        for r in record.rows
        if (r.claim, r.case) == (row["claim"], row["case"])
    }
    yield f"  {row['claim']} [{row['case']}]" if row["case"] else f"  {row['claim']}"
    if claim:
        yield f"    claim:    {claim.sentence}"
        yield f"    said in:  {', '.join(claim.statements) or 'no source (a finding)'}"
    yield f"    expected: {row['expected']} on {row['cell']}"
    yield f"    observed: {row['verdict']}: {row['observed'] or 'the claim as it is said'}"
    yield from (f"      {line}" for line in row.get("detail", "").splitlines()[:8])
    yield f"    recorded: {describe(same, [releases.cells[cell] for cell in same])}"
    yield f"    rerun:    {rerun(row)}"
