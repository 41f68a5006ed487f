"""The pytest plugin: run each claim on each installed implementation and judge the verdict.

An expected ``refuted`` or ``unavailable`` passes; an unexpected verdict, in either direction,
fails. No framework is imported before the first case runs.
"""

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from packaging.version import Version

from maskspec import pages, recording, releases, summary
from maskspec.claims import (
    NO_IMPLEMENTATION,
    Expectation,
    case_name,
    decided_on,
    expectation_of,
    item_ranges,
)
from maskspec.collecting import case_of_item
from maskspec.discovery import Installed, NotUsable, discover
from maskspec.examples import ExamplePage
from maskspec.ranges import expected_verdict
from maskspec.results import Row
from maskspec.verdicts import Precondition, judge, origin

ROW = "maskspec.row"
FINGERPRINT = pytest.StashKey[str]()
LETTERS = {"holds": ".", "refuted": "r", "unavailable": "u"}


class UnexpectedVerdict(Exception):
    """A verdict other than the expected one; the summary of the run explains it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maskspec", "Keras masking, specified")
    group.addoption(
        "--claim",
        action="append",
        default=[],
        metavar="ID",
        help="run only this claim (repeatable)",
    )
    group.addoption("--implementation", metavar="NAME", help="run only this: keras, tf.keras, …")
    group.addoption("--cell", metavar="CELL", help="run the implementation of this cell, or fail")
    group.addoption(
        "--record",
        type=Path,
        metavar="DIR",
        help="write DIR/<cell>/results.jsonl of a whole run (outside the project: --record=DIR)",
    )
    group.addoption(
        "--stale",
        action="store_true",
        help="with --record: run only the cases whose row there is missing or ran another test",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "narrowed(holds, exists): see maskspec.case")
    config.pluginmanager.register(Session(config), "maskspec-session")


@pytest.fixture
def keras(request: pytest.FixtureRequest) -> Any:
    """The implementation under test, its names forgotten and its generators seeded."""
    from maskspec import adapter

    try:
        implementation = adapter.load(request.param)
        implementation.reset()
    except Exception as error:
        reason = f"{request.param} cannot be imported: {type(error).__name__}: {error}"
        pytest.exit(" ".join(reason.split()), returncode=pytest.ExitCode.USAGE_ERROR)
    return implementation


class Session:
    """One run: what is installed, which claims there are, and what came of each case."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        try:
            self.releases = releases.load(config.rootpath / "spec" / "releases")
        except (OSError, ValueError) as error:
            raise pytest.UsageError(str(error)) from None
        self.claims = pages.read(config.rootpath).by_id()
        self.rows: List[Dict[str, Any]] = []
        self.notes: List[str] = []
        self.recorded: Dict[Installed, Dict[Tuple[str, str], Row]] = {}
        self.problem: Optional[NotUsable] = None
        self.fatal = ""
        self.installed: List[Installed] = []
        self.asked = config.option.claim
        for id in self.asked:
            if id not in self.claims:
                near = releases.nearest(id, self.claims)
                raise pytest.UsageError(f"--claim {id}: there is no such claim; {near}")
        try:
            self.installed = self._chosen(discover(self.releases))
        except NotUsable as error:
            self.problem = error  # fatal only once a claim is to be run

    def _chosen(self, installed: List[Installed]) -> List[Installed]:
        for option, known in (
            ("implementation", self.releases.known),
            ("cell", self.releases.cells),
        ):
            name = getattr(self.config.option, option)
            if name is None:
                continue
            if name not in known:
                near = releases.nearest(name, known)
                raise pytest.UsageError(f"--{option} {name}: there is no such {option}; {near}")
            here = ", ".join(f"{i} (cell {i.cell})" for i in installed)
            installed = [i for i in installed if getattr(i, option) == name]
            if not installed:
                raise pytest.UsageError(f"--{option} {name}: not installed here; there is {here}")
        return installed

    # --- collection ---------------------------------------------------------------------------

    def pytest_collect_file(self, file_path: Path, parent: Any) -> Optional[pytest.File]:
        """The examples on the pages are for the newest release, on the default backend."""
        newest = Version(self.releases.newest("keras"))
        here = (i for i in self.installed if i.cell.endswith("-tensorflow"))
        if file_path not in pages.chapters(self.config.rootpath):
            return None
        if not any(Version(i.version) >= newest for i in here):
            return None
        return ExamplePage.from_parent(parent, path=file_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if expectation_of(metafunc.function) is None:
            return
        values: List[Optional[Installed]] = [*self.installed] or [None]
        names = [i.implementation if i else NO_IMPLEMENTATION for i in values]
        metafunc.parametrize("keras", values, ids=names, indirect=True)

    def pytest_collection_modifyitems(self, items: List[pytest.Item]) -> None:
        checks = [(item, expectation_of(getattr(item, "function", None))) for item in items]
        if self.problem and not self.config.option.collectonly and any(e for _, e in checks):
            if not hasattr(self.config, "workerinput"):
                raise pytest.UsageError(str(self.problem))
            self.config.workeroutput["maskspec.problem"] = True  # xdist: the controller says it
            items.clear()
            return
        if self.config.option.record is not None:  # while the files are those that were imported
            for item, e in checks:
                if e is not None:
                    item.stash[FINGERPRINT] = case_of_item(item, e).fingerprint
        wanted = [self._wanted(item, e) for item, e in checks]
        items[:] = [item for (item, _), w in zip(checks, wanted) if w]
        if not all(wanted):
            gone = [item for (item, _), w in zip(checks, wanted) if not w]
            self.config.hook.pytest_deselected(items=gone)

    def _wanted(self, item: Any, expectation: Optional[Expectation]) -> bool:
        if expectation is None:
            return not self.asked
        installed = item.callspec.params["keras"]
        here = installed is None or decided_on(installed.implementation, expectation.standalone)
        if not here or (self.asked and expectation.claim not in self.asked):
            return False
        return not self._is_recorded(item, expectation, installed)

    def _is_recorded(
        self, item: pytest.Item, expectation: Expectation, installed: Optional[Installed]
    ) -> bool:
        option = self.config.option
        if installed is None or not option.stale or option.record is None:
            return False
        if installed not in self.recorded:
            self.recorded[installed] = recording.up_to_date(option.record, installed)
        row = self.recorded[installed].get((expectation.claim, case_name(item)))
        return row is not None and row.test == item.stash[FINGERPRINT]

    def pytest_report_header(self) -> List[str]:
        return [f"maskspec: {i}, cell {i.cell}" for i in self.installed]

    # --- one case -----------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Optional[bool]:
        expectation = expectation_of(pyfuncitem.function)
        if expectation is None:
            return None
        installed = pyfuncitem.callspec.params["keras"]
        row = {
            "cell": installed.cell,
            "implementation": installed.implementation,
            "claim": expectation.claim,
            "case": case_name(pyfuncitem),
            "expected": _expected(pyfuncitem, expectation, installed),
            "verdict": "error",
            "observed": "",
            "test": pyfuncitem.stash.get(FINGERPRINT, ""),
        }
        pyfuncitem.user_properties.append((ROW, row))
        arguments = {a: pyfuncitem.funcargs[a] for a in pyfuncitem._fixtureinfo.argnames}
        try:
            outcome = judge(lambda: pyfuncitem.obj(**arguments), self.config.rootpath)
        except (Exception, Precondition) as error:
            if self.config.option.tbstyle != "auto":
                raise
            raise pytest.fail.Exception(self._fault(row, error), pytrace=False) from None
        row.update(outcome._asdict())
        if outcome.verdict != row["expected"]:
            raise pytest.fail.Exception(f"unexpectedly {outcome.verdict}", pytrace=False)
        return True

    def _fault(self, row: Dict[str, Any], error: BaseException) -> str:
        text = "\n    ".join(str(error).splitlines()[:6])
        return (
            f"ERROR, no verdict on {row['claim']} [{row['case']}] on {row['cell']}\n"
            f"  at {origin(error, self.config.rootpath)}\n"
            f"  {type(error).__name__}: {text}\n"
            f"  neither the claim's assert nor an exception it names; the whole traceback:\n"
            f"  {summary.rerun(row)} --tb=short"
        )

    # --- reporting ----------------------------------------------------------------------------

    def pytest_report_teststatus(self, report: Any) -> Optional[Tuple[str, str, str]]:
        row = dict(report.user_properties).get(ROW) if report.when == "call" else None
        if row is None or row["verdict"] == "error":
            return None
        if row["verdict"] == row["expected"]:
            return "passed", LETTERS[row["verdict"]], row["verdict"].upper()
        return "unexpected", "!", f"UNEXPECTEDLY {row['verdict']}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        if "maskspec.problem" in getattr(node, "workeroutput", {}):
            self.fatal = str(self.problem)

    def pytest_runtest_logreport(self, report: Any) -> None:
        row = dict(report.user_properties).get(ROW) if report.when == "call" else None
        if row is not None:
            self.rows.append(row)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.fatal:
            self.notes.append(f"ERROR: {self.fatal}")
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        folder = self.config.option.record
        if folder is None or hasattr(self.config, "workerinput"):
            return
        try:
            for installed in self.installed:
                path = recording.record(self.config, folder, installed, self.rows, exitstatus)
                self.notes.append(f"recorded {path}")
                if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                    session.exitstatus = pytest.ExitCode.OK  # all of it was up to date
        except recording.NotRecorded as error:
            self.notes.append(f"NOT RECORDED, what was there stays: {error}")
            session.exitstatus = exitstatus or pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line, markup in summary.render(
            self.installed, self.claims, self.rows, self.releases, self.config.rootpath
        ):
            terminalreporter.write_line(line, **markup)
        for note in self.notes:
            terminalreporter.write_line(note, bold=True)


def _expected(item: Any, expectation: Expectation, installed: Installed) -> str:
    holds, exists = item_ranges(item, expectation)
    return expected_verdict(
        holds, exists, installed.implementation, installed.judged_as, installed.backend
    )
