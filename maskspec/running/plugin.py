"""The pytest plugin: run each claim on each installed implementation and judge the verdict.

An expected ``refuted`` or ``unavailable`` passes; an unexpected verdict, in either direction,
fails. No framework is imported before the first case runs; a worker of pytest-xdist imports when it
has collected. ``records.recording`` records what came of a run, ``rendering.summary`` says it in
words.
"""

import gc
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, Optional, Tuple

import pytest
from packaging.version import Version

from maskspec.catalogue import cells, pages
from maskspec.catalogue.cases import Case, case_of_item
from maskspec.catalogue.claims import (
    NO_IMPLEMENTATION,
    Expectation,
    decided_on,
    expectation_of,
)
from maskspec.catalogue.ranges import expected_verdict
from maskspec.catalogue.verdicts import HOLDS, REFUTED, UNAVAILABLE, Row
from maskspec.catalogue.words import below
from maskspec.running.discovery import Installed, NotUsable, discover
from maskspec.running.examples import ExamplePage
from maskspec.running.judging import ERROR, Precondition, Result, judge, origin

RESULT = "maskspec.result"
CASE = pytest.StashKey[Case]()
LETTERS = {HOLDS: ".", REFUTED: "r", UNAVAILABLE: "u"}
# Collections of garbage, which Python makes for each 700 new objects, take one second in thirty of
# a run: a framework and the tests are millions of objects, and few of them are thrown away.
NEW_OBJECTS = 50_000


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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "narrowed(holds, exists): see maskspec.case")
    if config.args_source == config.ArgsSource.INVOCATION_DIR:  # started in a folder of the project
        config.args[:] = [str(config.rootpath / path) for path in config.getini("testpaths")]
    config.pluginmanager.register(Session(config), Session.NAME)
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])


@pytest.fixture
def keras(request: pytest.FixtureRequest) -> Any:
    """The implementation under test, its names forgotten and its generators seeded."""
    try:
        implementation = loaded(request.param)
    except NotUsable as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    implementation.reset()
    return implementation


def loaded(installed: Installed) -> Any:
    """The implementation; raise ``NotUsable`` if it cannot be imported."""
    from maskspec.running import adapter

    try:
        return adapter.load(installed)
    except Exception as error:
        reason = f"{installed} cannot be imported: {type(error).__name__}: {error}"
        raise NotUsable(" ".join(reason.split())) from None


class Session:
    """One run: what is installed, which claims there are, and what came of each case."""

    NAME = "maskspec-session"

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        try:
            self.releases = cells.load(config.rootpath)
        except (OSError, ValueError) as error:
            raise pytest.UsageError(below(config.rootpath, str(error))) from None
        self.book = pages.read(config.rootpath)
        self.claims = self.book.by_id()
        self.results: List[Result] = []
        self.problem: Optional[NotUsable] = None
        self.fatal = ""
        self.interrupted = False
        self.installed: List[Installed] = []
        self.asked = config.option.claim
        for id in self.asked:
            if id not in self.claims:
                now = self.book.renamed.get(id)
                near = f"it is {now} now" if now else cells.nearest(id, self.claims)
                raise pytest.UsageError(f"--claim {id}: there is no such claim; {near}")
        try:
            on_gpu = (config.option.cell or "").endswith(cells.GPU)
            self.installed = self._chosen(discover(self.releases, on_gpu))
            if not on_gpu:  # what is recorded of a release is what it does on a CPU
                os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        except NotUsable as error:
            self.problem = error  # fatal only once a claim is to be run

    @classmethod
    def of(cls, config: pytest.Config) -> "Session":
        """The session of this run."""
        session = config.pluginmanager.get_plugin(cls.NAME)
        assert isinstance(session, cls)
        return session

    def _chosen(self, installed: List[Installed]) -> List[Installed]:
        for option, known in (
            ("implementation", self.releases.known),
            ("cell", self.releases.cells),
        ):
            name = getattr(self.config.option, option)
            if name is None:
                continue
            if name not in known:
                near = cells.nearest(name, known)
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
        if file_path not in pages.paths(self.config.rootpath):
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
        if not self.config.option.collectonly and any(e for _, e in checks):
            if hasattr(self.config, "workerinput"):
                self._import()
            if self.problem and not hasattr(self.config, "workerinput"):
                raise pytest.UsageError(str(self.problem))
            if self.problem:  # under xdist the controller says it
                output: Dict[str, str] = self.config.workeroutput  # type: ignore[attr-defined]
                output["maskspec.problem"] = str(self.problem)
                items.clear()
                return
        for item, e in checks:
            if e is not None:
                item.stash[CASE] = case_of_item(item, e)
        wanted = [self._wanted(item, e) for item, e in checks]
        deselect(self.config, items, wanted)

    def _import(self) -> None:
        """Import what is to be run now: a worker cannot end the run later, during a case."""
        try:
            for installed in self.installed:
                loaded(installed)
        except NotUsable as error:
            self.problem = error

    def _wanted(self, item: Any, expectation: Optional[Expectation]) -> bool:
        if expectation is None:
            return not self.asked
        installed = item.callspec.params["keras"]
        here = installed is None or decided_on(installed.implementation, expectation.standalone)
        return here and (not self.asked or expectation.claim in self.asked)

    def pytest_report_header(self) -> List[str]:
        return [f"maskspec: {i}, cell {i.cell}" for i in self.installed]

    # --- one case -----------------------------------------------------------------------------

    def pytest_runtestloop(self) -> None:
        """Stop at the next case after Ctrl-C, even where a framework swallows the interrupt."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: Optional[FrameType]) -> None:
        self.interrupted = True
        raise KeyboardInterrupt

    def pytest_runtest_setup(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Optional[bool]:
        expectation = expectation_of(pyfuncitem.function)
        if expectation is None:
            return None
        installed, case = pyfuncitem.callspec.params["keras"], pyfuncitem.stash[CASE]
        result = Result(
            Row(case.claim, case.case, ERROR, "", case.fingerprint),
            installed.cell,
            installed.implementation,
            _expected(case, installed),
            f"{case.path}:{case.line}",
        )
        arguments = {a: pyfuncitem.funcargs[a] for a in pyfuncitem._fixtureinfo.argnames}
        try:
            outcome = judge(lambda: pyfuncitem.obj(**arguments), self.config.rootpath)
            row = result.row._replace(verdict=outcome.verdict, observed=outcome.observed)
            result = result._replace(row=row, detail=outcome.detail)
        except (Exception, Precondition) as error:
            if self.config.option.tbstyle != "auto":
                raise
            raise pytest.fail.Exception(self._fault(result, error), pytrace=False) from None
        finally:
            pyfuncitem.user_properties.append((RESULT, result.dump()))
        if result.is_unexpected:
            raise pytest.fail.Exception(f"unexpectedly {outcome.verdict}", pytrace=False)
        return True

    def _fault(self, result: Result, error: BaseException) -> str:
        text = "\n    ".join(str(error).splitlines()[:6])
        return (
            f"ERROR, no verdict on {result.row.claim} [{result.row.case}] on {result.cell}\n"
            f"  at {origin(error, self.config.rootpath)}\n"
            f"  {type(error).__name__}: {text}\n"
            f"  neither the claim's assert nor an exception it names; the whole traceback:\n"
            f"  {rerun(result)} --tb=short"
        )

    # --- reporting ----------------------------------------------------------------------------

    def pytest_report_teststatus(self, report: Any) -> Optional[Tuple[str, str, str]]:
        result = result_of(report)
        if result is None or result.is_error:
            return None
        verdict = result.row.verdict
        if result.is_unexpected:
            return "unexpected", "!", f"UNEXPECTEDLY {verdict}"
        return "passed", LETTERS[verdict], verdict.upper()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.fatal = getattr(node, "workeroutput", {}).get("maskspec.problem", "") or self.fatal

    def pytest_runtest_logreport(self, report: Any) -> None:
        result = result_of(report)
        if result is not None:
            self.results.append(result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.fatal:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.fatal:
            terminalreporter.write_line(f"ERROR: {self.fatal}", bold=True)


def result_of(report: Any) -> Optional[Result]:
    """The result that a report of pytest brings, or None."""
    found: Dict[str, Any] = dict(report.user_properties) if report.when == "call" else {}
    return Result.load(found[RESULT]) if RESULT in found else None


def rerun(result: Result) -> str:
    """The command that runs just the claim of ``result`` again."""
    return f"pytest --claim {result.row.claim} --implementation {result.implementation}"


def deselect(config: pytest.Config, items: List[pytest.Item], wanted: List[bool]) -> None:
    """Leave only the ``wanted`` ones of ``items``."""
    gone = [item for item, w in zip(items, wanted) if not w]
    items[:] = [item for item, w in zip(items, wanted) if w]
    if gone:
        config.hook.pytest_deselected(items=gone)


def _expected(case: Case, installed: Installed) -> str:
    at = installed.implementation, installed.judged_as, installed.backend
    return expected_verdict(case.holds, case.exists, *at)
