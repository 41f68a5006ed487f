"""The two suites that are measured: ours, and the tests that come with the framework."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional

import pytest
from _pytest.runner import runtestprotocol

from maskspec.atlas.aspects import RAISES
from maskspec.records.survey import FACTS, Survey
from maskspec.running.judging import ERROR, Result
from maskspec.running.plugin import CASE, RESULT

CLAIM, FACT, TEST = "claim", "fact", "test"


class Test(NamedTuple):
    """One item of pytest: its kind, its name (of a claim or subject), and what that is about."""

    item: Any
    kind: str
    name: str
    about: str


class Change(NamedTuple):
    """The names of what a test notices, and those of them that now end in an error."""

    noticed: List[str]
    errors: List[str]


class Suite(NamedTuple):
    """Whose tests, which items of a run are of it, and how many are asked.

    Of each kind, ``first`` are run to find ``enough`` that notice a fault, and ``more`` to find one
    where nothing has noticed it by then.
    """

    name: str
    test: Callable[[Any], Optional[Test]]
    first: Dict[str, int]
    more: Dict[str, int]
    enough: int
    looks_again: bool = False  # for what a test that noticed nothing might notice
    whole: bool = True  # ask each kind of test, though another kind has noticed the fault

    @property
    def most(self) -> Dict[str, int]:
        """How many tests of each kind a fault is put to at most."""
        return {kind: first + self.more[kind] for kind, first in self.first.items()}


def _ours(item: Any) -> Optional[Test]:
    if CASE in item.stash:
        claim = item.stash[CASE].claim
        return Test(item, CLAIM, claim, claim)
    if "atlas" in getattr(item, "fixturenames", ()):
        subject = item.callspec.params["subject"]
        return Test(item, FACT, subject.name, subject.public)
    return None


def _theirs(item: Any) -> Optional[Test]:
    file = item.nodeid.partition("::")[0]
    return Test(item, TEST, item.nodeid.rpartition("/")[2], file)


OURS = Suite("ours", _ours, {CLAIM: 12, FACT: 4}, {CLAIM: 1000, FACT: 400}, 3, looks_again=True)
FIRST = OURS._replace(enough=1, looks_again=False, whole=False)  # as theirs: one is enough
THEIRS = Suite("theirs", _theirs, {TEST: 60}, {TEST: 240}, 1)


def answers(item: Any) -> Dict[str, str]:
    """Run ``item``, and return what it says: a verdict, facts, or how it ends. An error is an
    answer, too."""
    item.user_properties.clear()
    try:
        reports = runtestprotocol(item, log=False, nextitem=None)
    except (Exception, pytest.exit.Exception, SystemExit) as error:
        return {"": f"{RAISES}{type(error).__name__}"}
    noted = dict(item.user_properties)
    if RESULT in noted:
        return {"": Result.load(noted[RESULT]).row.verdict}
    if FACTS in noted:
        found: Dict[str, str] = noted[FACTS][2]
        return found
    outcomes = {report.outcome for report in reports}
    return {"": next(one for one in ("failed", "skipped", "passed") if one in outcomes)}


def changed(test: Test, before: Dict[str, str], alone: bool = False) -> Change:
    """What ``test`` notices: its claim, or those of its facts that are others than ``before``.

    ``alone`` asks no other aspects of a subject than those.
    """
    if alone and test.kind == FACT:
        Survey.of(test.item.config).ask_only(before)
    now = answers(test.item)
    others = [one for one in {**before, **now} if now.get(one) != before.get(one)]
    names = {one: f"{test.name} {one}".strip() for one in others}
    return Change([*names.values()], [names[one] for one in others if _is_error(now.get(one, ""))])


def _is_error(answer: str) -> bool:
    return answer == ERROR or answer.startswith(RAISES)
