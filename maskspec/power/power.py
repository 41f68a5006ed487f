"""Plant faults in an installed framework, and say what notices them: ``python -m maskspec power``.

Without words that choose faults, all are measured, and ``spec/power/`` is written. What that says
already is not measured again as long as the tests that noticed a fault are the same. What was
broken off goes on where it was.
"""

import argparse
import contextlib
import os
import platform
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

from maskspec.catalogue.cases import cases_of
from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.catalogue.words import count
from maskspec.power.planting import Fault
from maskspec.power.session import AGAIN, Before, Outcome, Power
from maskspec.power.suites import CLAIM, FACT, FIRST, OURS, TEST, THEIRS, Test
from maskspec.power.work import Work
from maskspec.records import power as records
from maskspec.records.power import FaultRow, NoticedRow, PowerRecord
from maskspec.records.specification import load as specification
from maskspec.records.survey import Survey
from maskspec.running import adapter
from maskspec.running.discovery import Installed, discover
from maskspec.running.plugin import Session

FEW = 3  # so many of what notices a fault are named


class Recorded(Before):
    """What the record says, where it still stands."""

    def __init__(self, record: PowerRecord, now: Dict[str, Dict[str, str]]) -> None:
        self.record, self.now = record, now
        asked = record.header["asked"]
        self.asked_fewer = any(asked[kind] < most for kind, most in OURS.most.items())
        self.silent = {row.name for row in (*record.claims, *record.aspects) if not row.faults}

    def outcome(self, fault: Fault) -> Optional[Outcome]:
        row = self._row(fault)
        if row is None or not records.stands(self.record, row, self.now):
            return None
        if self.asked_fewer and not row.is_noticed:
            return None
        return Outcome({CLAIM: [*row.claims], FACT: [*row.facts]}, {}, row.errors, row.end)

    def is_new(self, fault: Fault, test: Test) -> bool:
        row = self._row(fault)
        if row is None or row.is_noticed or self.asked_fewer:
            return True
        if test.kind == FACT and self.record.header["aspects"] != self.now["aspects"]:
            return True
        now = records.hash_of(self.now, test.name)
        return records.hash_of(self.record.header, test.name) != now

    def _row(self, fault: Fault) -> Optional[FaultRow]:
        row = self.record.by_id.get(fault.id)
        is_it = row and not row.equivalent and (row.line, row.does) == (fault.line, fault.words)
        return row if is_it else None

    def is_silent(self, name: str) -> bool:
        now = records.hash_of(self.now, name)
        was_asked = self.record.header["asked"]["again"] >= AGAIN
        return (
            was_asked and name in self.silent and records.hash_of(self.record.header, name) == now
        )


def main(asked: argparse.Namespace) -> int:
    """Measure; print what was asked for, or write the record."""
    project = specification(asked.root)
    installed = _installed(discover(project.releases), asked.implementation)
    excused = records.equivalent(asked.root, installed.implementation)

    def wanted(fault: Fault) -> bool:
        if asked.faults:
            return any(word in fault.id for word in asked.faults)
        return fault.id not in excused

    few = [f"--{kind}={name}" for kind in ("claim", "subject") for name in getattr(asked, kind)]
    is_whole = not (asked.faults or few)
    suite = THEIRS if asked.theirs else FIRST if asked.first else OURS
    suite = suite._replace(looks_again=suite.looks_again and is_whole)
    for path in asked.theirs or ():
        if not os.path.exists(path):
            raise ValueError(f"--theirs {path}: there is no such file or folder")
    hashes = records.hashes(cases_of(project.collection.cases, installed.implementation))

    def work(about: str) -> Work:
        asks = " ".join([about, *(["--first"] if asked.first else []), *few, *(asked.theirs or ())])
        if asked.anew:
            asks += " anew"
        return Work(asked.root, asks, lambda name: records.hash_of(hashes, name))

    old = records.path_of(asked.root, installed.implementation)
    before = records.read(old) if old.exists() else None
    known = Before()
    if before is not None and suite.looks_again and not asked.anew:
        header = _header(installed, hashes)
        of_tests = "asked", *records.KINDS
        if all(before.header[key] == header[key] for key in header if key not in of_tests):
            known = Recorded(before, hashes)
    power = Power(suite, _load(suite.name, installed), work, wanted, known, _say, asked.jobs)
    paths = asked.theirs or [str(asked.root / "tests")]
    chosen = [] if asked.theirs else ["--implementation", installed.implementation, *few]
    _run([*paths, *chosen], power, cwd=None if not asked.theirs else str(asked.root))
    if not is_whole:
        _print(power, excused)
        return 0
    if asked.first:
        return 0  # the last line of progress says all
    if asked.theirs:
        if before is None:
            raise ValueError("measure this project's own tests first: leave out --theirs")
        record = _with_theirs(before, power.outcomes)
    else:
        record = _record(installed, power, excused, before, hashes)
    print(f"wrote {records.write(asked.root, record).relative_to(asked.root)}: {_counted(record)}")
    if power.work is not None:
        power.work.forget()  # the record has it now
    return 0


def _installed(found: Sequence[Installed], name: Optional[str]) -> Installed:
    mine = [one for one in found if name in (None, one.implementation)]
    here = ", ".join(one.implementation for one in found)
    if not mine:
        raise ValueError(f"--implementation {name}: it is not installed here; there is {here}")
    if len(mine) > 1:
        raise ValueError(f"say with --implementation which of those installed is meant: {here}")
    return mine[0]


def _load(suite: str, installed: Installed) -> Any:
    module = IMPLEMENTATIONS[installed.implementation].module

    def load(session: pytest.Session) -> Tuple[str, str]:
        if suite == OURS.name:
            assert Session.of(session.config).installed == [installed]
            Survey.of(session.config).named = True  # nothing asks for the public names
        adapter.load(installed)
        return f"{module}.src", str(installed)

    return load


def _run(arguments: List[str], power: Power, cwd: Optional[str]) -> None:
    """Run pytest with ``power`` in place of its loop; raise ``RuntimeError`` if it does not run."""
    plain = ["-q", "-s", "-p", "no:cacheprovider"]
    if cwd is not None:  # the framework's tests: not as this project runs its own
        above = os.path.dirname(arguments[0]) or "."
        plain += ["-c", os.devnull, "--rootdir", above, "--confcutdir", above,
                  "-o", "python_files=*_test.py", "--continue-on-collection-errors"]  # fmt: skip
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        status = pytest.main([*plain, *arguments], plugins=[power])
    if status == pytest.ExitCode.INTERRUPTED:
        raise RuntimeError("interrupted; what was measured is kept, and the same command goes on")
    if status == pytest.ExitCode.USAGE_ERROR:
        raise SystemExit(2)  # pytest has said why
    if power.problem or not power.outcomes:
        raise RuntimeError(power.problem or f"nothing was measured; pytest ended with {status!r}")


def _say(text: str) -> None:
    os.write(2, f"{text}\n".encode())  # pytest has taken sys.stderr


def _print(power: Power, excused: Dict[str, str]) -> None:
    for fault in power.faults:
        outcome = power.outcomes[fault.id]
        names = [name for found in outcome.noticed.values() for name in found[:FEW]]
        asked = sum(outcome.ran.values())
        nothing = f"NOTHING of {count(asked, 'test')}" if asked else "none that comes there"
        seen = outcome.end or ", ".join(names) or nothing
        print(f"{fault.id}\n  line {fault.line}: {fault.words}\n  noticed by {seen}")
        if fault.id in excused:
            print(f"  excused: {excused[fault.id]}")


def _record(
    installed: Installed,
    power: Power,
    excused: Dict[str, str],
    before: Optional[PowerRecord],
    hashes: Dict[str, Dict[str, str]],
) -> PowerRecord:
    theirs = {row.fault: row.theirs for row in before.faults} if before else {}
    rows = [_row(f, power.outcomes[f.id], theirs.get(f.id)) for f in power.faults]
    rows += [
        FaultRow(f.id, f.line, f.words, [], [], [], None, "", excused[f.id])
        for f in power.every
        if f.id in excused
    ]
    claims = _noticing(power, CLAIM, hashes["claims"])
    aspects = _noticing(power, FACT, hashes["aspects"])
    return PowerRecord(_header(installed, hashes), rows, claims, aspects)


def _header(installed: Installed, hashes: Dict[str, Dict[str, str]]) -> Dict[str, Any]:
    return {
        "schema": 1,
        "implementation": installed.implementation,
        "version": installed.version,
        "backend": installed.backend,
        "python": platform.python_version(),
        "asked": {**OURS.most, "again": AGAIN},
        **hashes,
    }


def _row(fault: Fault, outcome: Outcome, theirs: Optional[str]) -> FaultRow:
    claims, facts = (outcome.noticed.get(kind, []) for kind in (CLAIM, FACT))
    seen = claims, facts, [*outcome.errors], theirs, outcome.end
    return FaultRow(fault.id, fault.line, fault.words, *seen, equivalent="")


def _noticing(power: Power, kind: str, names: Dict[str, str]) -> List[NoticedRow]:
    """For each of ``names`` the faults that it notices; the plainest is noticed by fewest."""
    found: Dict[str, List[Tuple[int, str]]] = {name: [] for name in names}
    for fault in power.faults:
        seen = power.outcomes[fault.id].noticed.get(kind, [])
        for name in {_name(kind, one) for one in seen}:
            if name in found:
                found[name].append((len(seen), fault.id))
    return [
        NoticedRow(name, len(seen), min(seen)[1] if seen else "") for name, seen in found.items()
    ]


def _name(kind: str, noticed: str) -> str:
    """A claim, or the aspect at the end of a fact."""
    return noticed if kind == CLAIM else noticed.rpartition(" ")[2]


def _with_theirs(record: PowerRecord, outcomes: Dict[str, Outcome]) -> PowerRecord:
    rows = []
    for row in record.faults:
        if row.fault in outcomes and (row.theirs is None or any(outcomes[row.fault].ran.values())):
            seen = outcomes[row.fault].noticed.get(TEST, [])
            row = row._replace(theirs=seen[0] if seen else outcomes[row.fault].end)
        rows.append(row)
    return PowerRecord(record.header, rows, record.claims, record.aspects)


def _counted(record: PowerRecord) -> str:
    counts = record.counts
    real = counts["faults"] - counts["equivalent"]
    return (
        f"{count(counts['faults'], 'fault')}, {counts['equivalent']} of them equivalent; "
        f"{counts['noticed']} of {real} are noticed"
    )
