"""The pytest plugin that runs the atlas: every subject is asked, and compared with the record.

``tests/atlas`` has one test a kind of subject; an item is one subject on one implementation. A
fact that differs from what was recorded of this release fails; a fact that no record has, or whose
question or set-up was another then, passes and is counted at the end.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set

import pytest

from maskspec.catalogue.cells import nearest, numbers
from maskspec.catalogue.words import and_more, below, count
from maskspec.records import facts, results
from maskspec.records.header import NotRecorded, about, header_differs
from maskspec.running.discovery import Installed
from maskspec.running.plugin import Session, deselect

FACTS = "maskspec.facts"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maskspec")
    option = group.addoption
    option("--atlas", choices=("yes", "no", "only"), default="yes", help="run the atlas as well")
    option("--subject", action="append", default=[], metavar="NAME",
           help="ask only of this layer or losses.Loss (repeatable)")  # fmt: skip
    option("--aspect", action="append", default=[], metavar="ID",
           help="ask only this aspect, or this kind of aspects (repeatable)")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    survey = Survey(config)
    config.pluginmanager.register(survey, Survey.NAME)
    if config.option.subject or config.option.aspect:
        survey.check_names()
    if config.option.record is not None and survey.is_on:
        assert survey.hashes  # now, while the files are those that are imported


@pytest.fixture
def atlas(request: pytest.FixtureRequest) -> Any:
    """Asks one subject on the installed implementation that the parameter names."""
    survey = Survey.of(request.config)
    return lambda subject: survey.ask(request.param, subject, request.node)


class Asked(NamedTuple):
    """The facts of one subject that were asked here."""

    cell: str
    subject: str
    facts: Dict[str, str]
    public: List[str]  # the public names of layers, once a process


class Difference(NamedTuple):
    """A fact that is not what is recorded; "" stands for a question that is not asked."""

    aspect: str
    question: str
    recorded: str
    here: str

    def __str__(self) -> str:
        return (
            f"  {self.question} ({self.aspect})\n"
            f"    recorded: {self.recorded or 'not asked'}\n"
            f"    observed: {self.here or 'not asked'}"
        )


class Survey:
    """One run of the atlas: what is asked, what is recorded, and what differs."""

    NAME = "maskspec-survey"

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.asked: List[Asked] = []
        self.failed: Set[str] = set()
        self.unanswered: List[str] = []  # tests without an answer
        self.broken: List[str] = []  # records that cannot be read, and why
        self._atlases: Dict[Path, Optional[facts.Atlas]] = {}
        self.named = False  # whether this process has told the public names

    @classmethod
    def of(cls, config: pytest.Config) -> "Survey":
        """The survey of this run."""
        survey = config.pluginmanager.get_plugin(cls.NAME)
        assert isinstance(survey, cls)
        return survey

    @property
    def is_on(self) -> bool:
        """Whether this run asks the atlas, and this project has one."""
        there = (self.config.rootpath / "tests" / "atlas").is_dir()
        return there and self.config.option.atlas != "no"

    @cached_property
    def hashes(self) -> "Hashes":
        from maskspec.atlas import fingerprints, questions

        return Hashes(
            fingerprints.of_subjects(questions.subjects()),
            fingerprints.of_aspects(questions.load()),
        )

    # --- what there is to ask -----------------------------------------------------------------

    @cached_property
    def subjects(self) -> List[Any]:
        from maskspec.atlas.questions import subjects

        wanted = self.config.option.subject
        return [one for one in subjects() if not wanted or one.public in wanted]

    @cached_property
    def aspects(self) -> List[Any]:
        from maskspec.atlas.questions import load

        wanted = self.config.option.aspect
        return [one for one in load() if not wanted or {one.id, one.kind} & set(wanted)]

    def ask_only(self, ids: Iterable[str]) -> None:
        """From now on, ask these aspects and no others."""
        from maskspec.atlas.questions import load

        self.aspects = [one for one in load() if one.id in ids]

    def check_names(self) -> None:
        """Raise ``UsageError`` if ``--subject`` or ``--aspect`` names what there is not."""
        from maskspec.atlas import questions

        asked = questions.load()
        for option, known in (
            ("subject", {one.public for one in questions.subjects()}),
            ("aspect", {name for one in asked for name in (one.id, one.kind)}),
        ):
            for name in getattr(self.config.option, option):
                if name not in known:
                    near = nearest(name, known)
                    raise pytest.UsageError(f"--{option} {name}: there is no such {option}; {near}")

    def pytest_sessionstart(self) -> None:
        """Refuse to compare with a record that cannot be read; to record mends it."""
        chosen = self.config.option
        if not self.is_on or chosen.claim or chosen.record is not None:
            return
        for installed in Session.of(self.config).installed:
            self._expected(installed)
        if self.broken:
            raise pytest.UsageError(
                f"{'; '.join(self.broken)}\n"
                "so no fact can be compared; git restore that file, record the cell again with "
                "pytest --atlas only --record=spec/releases, or leave the atlas out: --atlas no"
            )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "atlas" not in metafunc.fixturenames:
            return
        installed = [one for one in Session.of(self.config).installed if facts.has_atlas(one.cell)]
        subjects = self.subjects
        names = [f"{one.implementation}-{s.name}" for one in installed for s in subjects]
        pairs = [(one, subject) for one in installed for subject in subjects]
        metafunc.parametrize(("atlas", "subject"), pairs, ids=names, indirect=["atlas"])

    def pytest_collection_modifyitems(self, items: List[Any]) -> None:
        deselect(self.config, items, [self._is_wanted(item) for item in items])

    def _is_wanted(self, item: Any) -> bool:
        chosen = self.config.option
        if "atlas" not in getattr(item, "fixturenames", ()):
            return not (chosen.atlas == "only" or chosen.subject or chosen.aspect)
        if chosen.atlas == "no" or chosen.claim or "subject" not in item.callspec.params:
            return False
        installed, subject = item.callspec.params["atlas"], item.callspec.params["subject"]
        if not isinstance(installed, Installed):  # nothing installed has an atlas
            return False
        return not chosen.stale or bool(self.stale(installed, subject))

    # --- one subject --------------------------------------------------------------------------

    def ask(self, installed: Installed, subject: Any, node: Any) -> None:
        """Ask the aspects of ``subject``, note the facts on ``node``, and compare them."""
        from maskspec.atlas.aspects import facts as facts_of
        from maskspec.atlas.questions import trial_of
        from maskspec.running import adapter

        asked = self.stale(installed, subject) if self.config.option.stale else self.aspects
        keras = adapter.load(installed)
        found = facts_of(trial_of(keras, subject), asked)
        public = [] if self.named else keras.public_names()
        self.named = True
        node.user_properties.append((FACTS, [installed.cell, subject.name, found, public]))
        differ = self.differences(installed, subject, asked, found)
        if differ:
            raise pytest.fail.Exception(self._explain(installed, subject, differ), pytrace=False)

    def _explain(self, installed: Installed, subject: Any, differ: List[Difference]) -> str:
        """What differs from the record, how to ask just that again, and what to do about it."""
        from maskspec.atlas.questions import page_of

        judge = self._judge(installed)
        which = " ".join(f"--aspect {one.aspect}" for one in differ)
        mend = (
            "python -m pytest --atlas only --record=spec/releases"
            if judge == installed.cell
            else "give this release a cell; see CONTRIBUTING.md"
        )
        return "\n".join(
            [
                f"`{subject.name}` on {installed} is not as recorded for {judge}",
                *map(str, differ),
                f"  record:   spec/releases/{judge}/{facts.FILE}",
                f"  page:     spec/atlas/{page_of(subject.public)}.md",
                f"  rerun:    pytest --subject {subject.public} {which} "
                f"--implementation {installed.implementation}",
                f"  if what is observed is right: {mend}",
            ]
        )

    def stale(self, installed: Installed, subject: Any) -> List[Any]:
        """The aspects whose fact for ``subject`` is not in the record to be brought up to date."""
        there = self._read(self.config.option.record / installed.cell)
        if there is None or header_differs(there.header, about(installed)):
            return self.aspects
        mine = [a for a in self.aspects if a.family == subject.family and a.applies(subject)]
        return [one for one in mine if not self.hashes.agree(there, subject.name, one.id)]

    def differences(
        self, installed: Installed, subject: Any, asked: List[Any], found: Dict[str, str]
    ) -> List[Difference]:
        """Where ``found`` is not what was recorded with the same question and set-up."""
        atlas = self._expected(installed)
        if atlas is None:
            return []
        return [
            Difference(one.id, one.question, was, found.get(one.id, ""))
            for one in asked
            if self.hashes.agree(atlas, subject.name, one.id)
            for was in [atlas.facts.get((subject.name, one.id), "")]
            if was != found.get(one.id, "")
        ]

    def _judge(self, installed: Installed) -> str:
        """The cell whose record says what is expected: the installed one, or the newest before."""
        known = Session.of(self.config).releases.cells
        if installed.cell in known or not installed.is_new:
            return installed.cell
        mine = [
            cell
            for cell in known.values()
            if (cell.implementation, cell.backend) == (installed.implementation, installed.backend)
            and not cell.stands_aside
        ]
        return max(mine, key=lambda cell: numbers(cell.release)).name if mine else ""

    def _expected(self, installed: Installed) -> Optional[facts.Atlas]:
        """The atlas that says what is expected of ``installed``, if one is recorded."""
        return self._read(self.config.rootpath / "spec" / "releases" / self._judge(installed))

    def _read(self, folder: Path) -> Optional[facts.Atlas]:
        """The atlas in ``folder``; None if there is none, or none that can be read."""
        if folder not in self._atlases:
            self._atlases[folder] = None
            try:
                self._atlases[folder] = facts.read(folder / facts.FILE)
            except FileNotFoundError:
                pass
            except (OSError, results.BrokenRecord) as error:
                self.broken.append(below(self.config.rootpath, str(error)))
        return self._atlases[folder]

    # --- what is said at the end --------------------------------------------------------------

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for installed in Session.of(self.config).installed:
            for line in self.summary(installed):
                terminalreporter.write_line(line)

    def summary(self, installed: Installed) -> Iterator[str]:
        """How many facts were asked, how they compare, and which layers are no subject yet."""
        mine = [one for one in self.asked if one.cell == installed.cell]
        if not mine:
            return
        here = [one for one in mine if one.facts]
        nothing = [one.subject for one in mine if not one.facts]
        why = "the questions do not fit" if self.config.option.aspect else "not in this release"
        told = []
        if here:
            asked = sum(len(one.facts) for one in here)
            compared = self._compared(installed, here)
            told.append(f"{count(asked, 'fact')} of {count(len(here), 'subject')}{compared}")
        if nothing:
            left_out = count(len(nothing), "subject") if here else and_more(nothing, 3)
            told.append(f"nothing to ask of {left_out}: {why}")
        yield f"atlas of {installed}: {'; '.join(told)}"
        from maskspec.atlas.excused import unknown

        public = {name for one in mine for name in one.public}
        yield from (f"`{name}` is no subject yet" for name in unknown(public))

    def _compared(self, installed: Installed, here: List[Asked]) -> str:
        """How the facts ``here`` compare with those recorded."""
        judge, atlas = self._judge(installed), self._expected(installed)
        if atlas is None:
            unread = [why for why in self.broken if f"/{judge}/" in why]
            return (
                f"; not compared: {unread[0]}" if unread else "; none is recorded for this release"
            )
        known = atlas.current(*self.hashes)
        new = sum((one.subject, a) not in known for one in here for a in one.facts)
        failed = sum(one.subject in self.failed for one in here)
        return (
            (f", {failed} not as recorded for {judge}" if failed else "")
            + (f"; {count(new, 'fact')} that no record has" if new else "")
            + ("" if failed or new else f", all as recorded for {judge}")
        )

    # --- the record ---------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: Any) -> None:
        noted = dict(report.user_properties) if report.when == "call" else {}
        if FACTS in noted:
            self.asked.append(Asked(*noted[FACTS]))
            self.failed |= {noted[FACTS][1]} if report.failed else set()
        elif report.when == "call" and report.failed and "tests/atlas" in report.nodeid:
            self.unanswered.append(report.nodeid)

    def record(self, installed: Installed) -> Path:
        """Write the atlas of ``installed``; raise ``NotRecorded`` if the run was not whole.

        With ``--stale``, facts of the record there that are up to date stand for what was not
        asked.
        """
        folder: Path = self.config.option.record
        if self.unanswered:
            raise NotRecorded(f"{installed.cell}: no answer from {', '.join(self.unanswered)}")
        there = self._read(folder / installed.cell)
        header = about(installed)
        kept: Dict[facts.Place, str] = {}
        if self.config.option.stale and there and not header_differs(there.header, header):
            kept = there.current(*self.hashes)
        asked = {one.subject: one.facts for one in self.asked if one.cell == installed.cell}
        due = [s.name for s in self.subjects if not kept or self.stale(installed, s)]
        missing = [name for name in due if name not in asked]
        if missing:
            raise NotRecorded(f"{installed.cell}: {', '.join(missing[:3])} was not asked")
        for subject, found in asked.items():
            kept.update({(subject, aspect): outcome for aspect, outcome in found.items()})
        told = [one.public for one in self.asked if one.cell == installed.cell and one.public]
        public = told[0] if told else there.header["public"] if there else []
        more = {"public": public, "subjects": self.hashes.subjects, "aspects": self.hashes.aspects}
        return facts.write(folder, facts.Atlas({**header, **more}, kept))


class Hashes(NamedTuple):
    """What is asked now: the hash of each subject and of each aspect."""

    subjects: Dict[str, str]
    aspects: Dict[str, str]

    def agree(self, atlas: facts.Atlas, subject: str, aspect: str) -> bool:
        """Whether ``atlas`` was recorded with this subject and this aspect as they are now."""
        then = atlas.header["subjects"].get(subject), atlas.header["aspects"].get(aspect)
        return then == (self.subjects[subject], self.aspects[aspect])
