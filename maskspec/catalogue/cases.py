"""Ask pytest which cases there are: one entry a case, without importing a framework.

Runs as a process of its own, ``python -m maskspec.catalogue.cases``, and prints JSON.
"""

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from maskspec.catalogue.claims import (
    Expectation,
    case_name,
    decided_on,
    expectation_of,
    item_ranges,
)
from maskspec.catalogue.fingerprint import fingerprint
from maskspec.catalogue.ranges import Range
from maskspec.catalogue.verdicts import Key
from maskspec.catalogue.words import below

ROOT = Path(__file__).resolve().parents[2]


class Case(NamedTuple):
    """One parameter set of the test of a claim, with the ranges that all have to contain a cell."""

    claim: str
    case: str
    test: str
    path: str
    line: int
    holds: Tuple[Range, ...]
    exists: Tuple[Range, ...]
    instead: Tuple[str, ...]
    standalone: bool
    fingerprint: str

    @property
    def key(self) -> Key:
        return self.claim, self.case


def cases_of(cases: Iterable[Case], implementation: str) -> List[Case]:
    """Those of ``cases`` that are decided on ``implementation``."""
    return [case for case in cases if decided_on(implementation, case.standalone)]


class Collection(NamedTuple):
    """Every case below ``tests/``; tests that decide no claim as (path, line, name); and what could
    not be collected as (path, line, message)."""

    cases: List[Case]
    unclaimed: List[Tuple[str, int, str]]
    broken: List[Tuple[str, int, str]]


def collect(root: Path) -> Collection:
    """The cases of the project at ``root``."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *env.get("PYTHONPATH", "").split(os.pathsep)])
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "maskspec.catalogue.cases"],
        cwd=str(root), env=env, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    try:
        data = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise RuntimeError(f"pytest could not collect the tests: {said[-1]}") from None
    cases = [_case(values) for values in data["cases"]]
    unclaimed = [(path, line, name) for path, line, name in data["unclaimed"]]
    broken = [(path, line, below(root, what)) for path, line, what in data["broken"]]
    return Collection(cases, unclaimed, broken)


def _last_line(path: str, text: str) -> int:
    """The last line of the file ``path`` that a traceback names, or 1."""
    found = re.findall(rf'{re.escape(path)}(?::|", line )(\d+)', text)
    return int(found[-1]) if found else 1


def _case(values: Dict[str, Any]) -> Case:
    read: Dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Case(**read)


class Collector:
    """A pytest plugin that notes the collected items instead of running them."""

    def __init__(self) -> None:
        self.cases: List[Dict[str, Any]] = []
        self.unclaimed: List[Tuple[str, int, str]] = []
        self.broken: List[Tuple[str, int, str]] = []

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            text = str(getattr(report.longrepr, "reprcrash", None) or report.longrepr)
            said = [line for line in text.splitlines() if line.strip()] or ["?"]
            path = report.nodeid.partition("::")[0]
            what = re.sub(r"^(E\s+|\S+:\d+: )", "", said[-1])
            self.broken.append((path, _last_line(path, text), what))

    def pytest_collection_finish(self, session: Any) -> None:
        for item in session.items:
            expectation = expectation_of(getattr(item, "function", None))
            if expectation is None:
                path, line, name = item.location
                self.unclaimed.append((path, (line or 0) + 1, name))
            else:
                case = fingerprinted(case_of_item(item, expectation), item)
                self.cases.append(case._asdict())


def case_of_item(item: Any, expectation: Expectation) -> Case:
    """What there is to know of a collected check of a claim, but for its fingerprint."""
    holds, exists = item_ranges(item, expectation)
    return Case(
        claim=expectation.claim,
        case=case_name(item),
        test=item.originalname,
        path=item.path.relative_to(item.config.rootpath).as_posix(),
        line=item.function.__code__.co_firstlineno,
        holds=holds,
        exists=exists,
        instead=expectation.instead,
        standalone=expectation.standalone,
        fingerprint="",
    )


def fingerprinted(case: Case, item: Any) -> Case:
    """``case`` with the fingerprint of its item: only a record asks for it, and it takes time."""
    parameters = {k: v for k, v in item.callspec.params.items() if k != "keras"}
    return case._replace(fingerprint=fingerprint(item.function, parameters))


def main() -> None:
    import pytest

    gc.disable()  # a short process
    collector = Collector()
    quiet = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=", "--assert=plain"]
    skip = "--ignore=tests/atlas"  # its tests decide no claim
    status = pytest.main(["--collect-only", *quiet, skip, "tests"], plugins=[collector])
    if status in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR):
        sys.exit(status)
    print("\n" + json.dumps(vars(collector)))


if __name__ == "__main__":
    main()
