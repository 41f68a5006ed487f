"""The pytest plugin that turns a whole run into the record of a cell: ``--record``, ``--stale``."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from maskspec.catalogue.cases import Case, cases_of, collect, fingerprinted
from maskspec.catalogue.cells import GPU, PRE
from maskspec.catalogue.verdicts import Key, Row
from maskspec.records import facts, results
from maskspec.records.header import NotRecorded, about, header_differs
from maskspec.records.staleness import current
from maskspec.records.survey import Survey
from maskspec.running.discovery import Installed
from maskspec.running.plugin import CASE, Session, deselect


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maskspec")
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
    option = config.option
    if option.record is None:
        if option.stale:
            raise pytest.UsageError("--stale: say with --record=DIR which record is meant")
        return
    for name, given in (
        ("--claim", option.claim), ("-k", option.keyword), ("-m", option.markexpr),
        ("--subject", option.subject), ("--aspect", option.aspect),
    ):  # fmt: skip
        if given:
            raise pytest.UsageError(f"--record is for a whole run: leave out {name}")
    try:
        option.record.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(option.record)):
            pass
    except OSError as error:
        reason = f"{option.record} cannot be written: {error.strerror}"
        raise pytest.UsageError(f"--record: {reason}; name another folder") from None
    config.pluginmanager.register(Recorder(config), "maskspec-recorder")


class Recorder:
    """Leaves out what is recorded already, and records the rest when the run ends."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.folder: Path = config.option.record
        self.stale: bool = config.option.stale
        self.notes: List[str] = []
        self.there: Dict[Installed, Dict[Key, Row]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: List[Any]) -> None:
        for item in items:
            if CASE in item.stash:  # now, while the files are those that were imported
                item.stash[CASE] = fingerprinted(item.stash[CASE], item)
        if self.stale:
            deselect(self.config, items, [not self._is_recorded(item) for item in items])

    def _is_recorded(self, item: Any) -> bool:
        if CASE not in item.stash:  # an example on a page, or a subject of the atlas
            return False
        installed: Installed = item.callspec.params["keras"]
        row = self._recorded(installed).get(item.stash[CASE].key)
        return row is not None and row.test == item.stash[CASE].fingerprint

    def _recorded(self, installed: Installed) -> Dict[Key, Row]:
        """The rows of the record there, if it was made in an environment like this one."""
        if installed in self.there:
            return self.there[installed]
        self.there[installed] = {}
        try:
            old = results.read(self.folder / installed.cell / "results.jsonl")
        except (FileNotFoundError, results.BrokenRecord) as error:
            self.notes.append(f"all of {installed.cell} was run: {_words(error)}")
            return {}
        differ = header_differs(old.header, about(installed))
        if differ:
            self.notes.append(f"all of {installed.cell} was run: the record there had {differ}")
            return {}
        self.there[installed] = old.by_key
        return old.by_key

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if hasattr(self.config, "workerinput") or Session.of(self.config).fatal:
            return
        try:
            for installed in Session.of(self.config).installed:
                for path in self._record(installed, exitstatus):
                    self.notes.append(f"recorded {path}")
                if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                    session.exitstatus = pytest.ExitCode.OK  # all of it was up to date
        except (NotRecorded, OSError) as error:
            self.notes.append(f"NOT RECORDED, what was there stays: {error}")
            session.exitstatus = exitstatus or pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for note in self.notes:
            terminalreporter.write_line(note, bold=True)

    def _record(self, installed: Installed, exitstatus: int) -> Iterator[Path]:
        """Write what was run of ``installed``; raise ``NotRecorded`` if the run was not whole."""
        nothing = (pytest.ExitCode.NO_TESTS_COLLECTED,) if self.stale else ()
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, *nothing):
            raise NotRecorded("the run was interrupted or could not start")
        if self.config.option.atlas != "only":
            yield self._record_claims(installed)
        survey = Survey.of(self.config)
        if survey.is_on and facts.has_atlas(installed.cell):
            yield survey.record(installed)

    def _record_claims(self, installed: Installed) -> Path:
        """Write the verdicts of ``installed``.

        With ``--stale``, rows of the record there that are up to date stand for cases that have
        not run. An unexpected verdict is recorded (it was observed); an error or a missing case is
        not, but that the record of a pre-release or a GPU may lack the cases that end in an error.
        """
        ran = [r for r in Session.of(self.config).results if r.cell == installed.cell]
        faults = {r.row.key for r in ran if r.is_error}
        if faults and not installed.cell.endswith((PRE, GPU)):
            raise NotRecorded(f"{installed.cell}: no verdict on {', '.join(_claims(faults))}")
        cases = self._cases(installed)
        recorded = current(self._recorded(installed).values(), cases.values()) if self.stale else {}
        for key, row in ((r.row.key, r.row) for r in ran if not r.is_error):
            if key in cases and row.test != cases[key].fingerprint:
                raise NotRecorded(f"{' '.join(key)} was edited while it ran; run it again")
            if key in cases:
                recorded[key] = row
        if recorded.keys() | faults != cases.keys():
            raise NotRecorded(
                f"{installed.cell}: {len(recorded)} of {len(cases)} cases ran; "
                "record a whole run, without a path"
            )
        header = {**about(installed), "suite": suite(cases.values())}
        return results.write(self.folder, results.Record(header, list(recorded.values())))

    def _cases(self, installed: Installed) -> Dict[Key, Case]:
        collection = collect(self.config.rootpath)
        if collection.broken:
            path, line, what = collection.broken[0]
            raise NotRecorded(f"{path}:{line}: {what}; was it edited while it ran?")
        return {case.key: case for case in cases_of(collection.cases, installed.implementation)}


def suite(cases: Any) -> str:
    """The revision of the whole suite: one hash over what all cases run."""
    fingerprints = sorted(case.fingerprint for case in cases)
    return hashlib.sha256("".join(fingerprints).encode()).hexdigest()[:12]


def _words(error: Exception) -> str:
    return "there was no record" if isinstance(error, FileNotFoundError) else str(error)


def _claims(keys: Any) -> List[str]:
    return sorted({claim for claim, _ in keys})
