"""The pytest plugin that measures: what each test runs through, and which fault it notices.

It takes the place of pytest's own loop. The framework is imported and the tests are collected
once; then each fault is planted in a child process, which runs the tests that come to it.
"""

import gc
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import pytest

from maskspec.power.forks import DIED, HUNG, each
from maskspec.power.planting import Code, Fault
from maskspec.power.suites import CLAIM, FACT, TEST, Suite, Test, answers, changed
from maskspec.power.work import Work

PARTS = 4  # in which everything is run once, to see what it runs through
AGAIN = 40  # faults on which a claim or aspect is run that has noticed nothing
ALIKE = 2  # subjects to which such an aspect is put again
A_TURN = {CLAIM: 10, FACT: 2, TEST: 10}  # of each kind, in the search for one that notices
EVERY = 20  # faults from one line of progress to the next
Say = Callable[[str], None]
Reached = Tuple[str, int]  # a place, and the number of one of its statements


class Explored(NamedTuple):
    """A test, what it says of the framework as it is, and the statements that it runs through."""

    test: Test
    answers: Dict[str, str]
    reaches: Set[Reached]

    @property
    def order(self) -> Tuple[int, int, str]:
        """First what runs through least and says least: it is about that code, and costs least."""
        return len(self.reaches), len(self.answers), self.test.item.nodeid


class Outcome(NamedTuple):
    """What came of a fault: by kind of test, the names of what changed and how many were run.

    ``errors`` are those of the names that end in an error. ``end`` says how the process ended,
    where it did not end as it should.
    """

    noticed: Dict[str, List[str]]
    ran: Dict[str, int]
    errors: Sequence[str] = ()
    end: str = ""

    @property
    def is_noticed(self) -> bool:
        return any(self.noticed.values()) or bool(self.end)


class Before:
    """What is known without measuring; this one knows nothing."""

    def outcome(self, fault: Fault) -> Optional[Outcome]:
        """What came of ``fault``, if the tests that said so are the same."""
        return None

    def is_new(self, fault: Fault, test: Test) -> bool:
        """Whether ``test`` has not been run on ``fault`` as it is now, as far as is known."""
        return True

    def is_silent(self, name: str) -> bool:
        """Whether the claim or aspect ``name`` is known to notice nothing."""
        return False


class Power:
    """One measurement of one suite on one loaded framework. ``load`` imports that and names it."""

    def __init__(
        self,
        suite: Suite,
        load: Callable[[pytest.Session], Tuple[str, str]],
        work: Callable[[str], Work],
        wanted: Callable[[Fault], bool],
        before: Before,
        say: Say,
        jobs: int,
    ) -> None:
        self.suite, self.load, self.work_on = suite, load, work
        self.wanted, self.before, self.say, self.jobs = wanted, before, say, jobs
        self.work: Optional[Work] = None
        self.every: List[Fault] = []
        self.faults: List[Fault] = []  # those of every that are wanted
        self.outcomes: Dict[str, Outcome] = {}  # by the id of the fault
        self.cpu_s = 0.0
        self.problem = ""  # why nothing could be measured

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure; pytest then runs nothing itself, and says nothing of an error in here."""
        try:
            self._measure_all(session)
        except (OSError, RuntimeError, ValueError) as error:
            self.problem = str(error)
        return True

    def _measure_all(self, session: pytest.Session) -> None:
        package, installed = self.load(session)
        self.work = work = self.work_on(f"{self.suite.name} {installed}")
        code = Code(package)
        self.every = code.faults()
        self.faults = [fault for fault in self.every if self.wanted(fault)]
        tests = list(filter(None, map(self.suite.test, session.items)))
        if not self.faults:
            raise ValueError(f"no fault has such words in its id; one is {self.every[0].id}")
        if not tests:
            raise ValueError("there are no tests to measure")
        self.say(
            f"{len(self.faults)} faults in {len(code.units)} functions of {installed}, "
            f"{len(tests)} tests"
        )
        gc.collect()
        gc.freeze()  # so that no collection in a child writes to what it shares with this process
        explored = self._explored(code, tests, work)
        coming = _coming(explored)
        known = work.faults()
        for fault in self.faults:
            outcome = self.before.outcome(fault)
            if outcome is not None:
                known.setdefault(fault.id, [outcome, 0.0])
        tasks = [fault for fault in self.faults if fault.id not in known]

        def measure(fault: Fault) -> Any:
            code.plant(fault)
            there = coming.get(fault.reached, [])
            new = [one for one in there if self.before.is_new(fault, one.test)]
            return _measure(self.suite, new)

        for done, (fault, answer, cpu) in enumerate(each(tasks, measure, self.jobs), 1):
            self.cpu_s += cpu
            known[fault.id] = [answer, round(cpu, 2)]
            work.keep_fault(fault.id, known[fault.id], _names(answer))
            if done % EVERY == 0 or done == len(tasks):
                self._say_how_far(done, len(tasks), known)
        self.outcomes = {fault.id: _outcome(known[fault.id][0]) for fault in self.faults}
        if self.suite.looks_again:
            self._look_again(code, explored, work)

    def _say_how_far(self, done: int, of: int, known: Dict[str, Any]) -> None:
        mine = [_outcome(known[f.id][0]) for f in self.faults if f.id in known]
        self.say(
            f"{done} of {of}; of {len(mine)} faults so far, "
            f"{sum(one.is_noticed for one in mine)} are noticed; {self.cpu_s:.0f} s of CPU"
        )

    def _look_again(self, code: Code, explored: Sequence[Explored], work: Work) -> None:
        """Have the claims and aspects that have noticed nothing yet run on faults that they come
        to."""
        idle = _idle(explored, self.outcomes, self.before.is_silent)
        asked = _asked_again(idle, self.faults, self.outcomes)
        known = work.faults()
        tasks = [fault for fault in self.faults if fault.id in asked]

        def measure(fault: Fault) -> Any:
            code.plant(fault)
            found: Dict[str, List[str]] = {kind: [] for kind in self.suite.first}
            errors: List[str] = []
            for one in asked[fault.id]:
                new = changed(one.test, one.answers, alone=True)
                found[one.test.kind] += new.noticed
                errors += new.errors
            return [found, errors]

        left = [fault for fault in tasks if f"{fault.id} again" not in known]
        silent = len(set().union(*map(_silent, idle)))
        self.say(f"{silent} claims and aspects have noticed nothing: {len(left)} faults more")
        for done, (fault, answer, cpu) in enumerate(each(left, measure, self.jobs), 1):
            self.cpu_s += cpu
            if done % (5 * EVERY) == 0:
                self.say(f"{done} of {len(left)} more; {self.cpu_s:.0f} s of CPU")
            known[f"{fault.id} again"] = answer if isinstance(answer, list) else [{}, []]
            work.keep_fault(f"{fault.id} again", known[f"{fault.id} again"], [])
        for fault in tasks:
            again, errors = known[f"{fault.id} again"]
            self.outcomes[fault.id] = _added(self.outcomes[fault.id], again, errors)
        self.say(f"{self.cpu_s:.0f} s of CPU in all")

    def _explored(self, code: Code, tests: Sequence[Test], work: Work) -> List[Explored]:
        told = work.tests()
        if not told:
            told = self._explore(code, tests)
            work.keep_tests(told)
        named = {test.item.nodeid: test for test in tests}
        return [
            Explored(named[id], answers, {(place, statement) for place, statement in reached})
            for id, answers, reached in told
            if id in named
        ]

    def _explore(self, code: Code, tests: Sequence[Test]) -> List[Any]:
        """What each test says and runs through, on the framework as it is."""

        def explore(part: int) -> Any:
            reached: Set[Reached] = set()
            code.instrument(lambda place, statement: reached.add((place, statement)))
            found = []
            for test in tests[part::PARTS]:
                reached.clear()
                said = answers(test.item)
                found.append([test.item.nodeid, said, sorted(reached)])
            return found

        told: List[Any] = []
        for _, answer, cpu in each(range(PARTS), explore, self.jobs, cpu_s=7200, wall_s=7200):
            self.cpu_s += cpu
            if not isinstance(answer, list):
                raise RuntimeError(f"the tests cannot be run on the framework as it is: {answer}")
            told += answer
        self.say(f"what {len(told)} tests run through took {self.cpu_s:.0f} s of CPU")
        return told


def _coming(tests: Sequence[Explored]) -> Dict[Reached, List[Explored]]:
    """The tests that run through each statement, in the order in which they are asked.

    What runs through least comes first. No two tests of a claim or class are asked before one of
    each has been.
    """
    found: Dict[Reached, List[Explored]] = {}
    for test in sorted(tests, key=lambda one: one.order):
        for reached in test.reaches:
            found.setdefault(reached, []).append(test)
    return {reached: _by_turns(coming) for reached, coming in found.items()}


def _by_turns(tests: Sequence[Explored]) -> List[Explored]:
    """``tests`` in their order, but no two of a claim or class before one of each."""
    counts: Dict[Tuple[str, str], int] = {}
    turns = []
    for one in tests:
        group = one.test.kind, one.test.about
        counts[group] = counts.get(group, 0) + 1
        turns.append(counts[group])
    return [one for _, one in sorted(zip(turns, tests), key=lambda pair: pair[0])]


def _measure(suite: Suite, tests: Sequence[Explored]) -> Any:
    """Run ``tests`` here, where a fault is planted, until enough of them notice it.

    What the first ones do not notice is put to those that say most, a few of each kind by turns,
    until one notices it.
    """
    noticed: Dict[str, List[str]] = {kind: [] for kind in suite.first}
    errors: List[str] = []
    done: List[Explored] = []

    def ask(kind: str, waiting: Sequence[Explored], limit: int, enough: int) -> None:
        mine = [one for one in waiting if one.test.kind == kind and one not in done]
        for one in mine[:limit]:
            if len(noticed[kind]) >= enough or (any(noticed.values()) and not suite.whole):
                break
            done.append(one)
            new = changed(one.test, one.answers)
            noticed[kind] += [name for name in new.noticed if name not in noticed[kind]]
            errors.extend(name for name in new.errors if name not in errors)

    for kind, limit in suite.first.items():
        ask(kind, tests, limit, suite.enough)
    rest = [one for one in tests if one not in done]
    rest = _by_turns(sorted(rest, key=lambda one: -len(one.answers)))
    left = {
        kind: [one for one in rest if one.test.kind == kind][:limit]
        for kind, limit in suite.more.items()
    }
    while any(left.values()) and not any(noticed.values()):
        for kind in left:
            if not any(noticed.values()):
                ask(kind, left[kind], A_TURN[kind], 1)
            del left[kind][: A_TURN[kind]]
    kinds = [one.test.kind for one in done]
    return [noticed, {kind: kinds.count(kind) for kind in suite.first}, errors]


def _idle(
    explored: Sequence[Explored], outcomes: Dict[str, Outcome], known: Callable[[str], bool]
) -> List[Explored]:
    """The tests of what has noticed no fault: of subjects, with the silent aspects alone.

    Those of which it is ``known`` that they notice none are left out.
    """
    noticed = {
        name for one in outcomes.values() for names in one.noticed.values() for name in names
    }
    about = {name.rpartition(" ")[2] for name in noticed}  # claims, and the aspects of facts
    found = []
    for one in explored:
        if one.test.kind == FACT:
            others = {a: said for a, said in one.answers.items() if a and a not in about}
            silent = {a: said for a, said in others.items() if not known(a)}
            found += [one._replace(answers=silent)] if silent else []
        elif one.test.name not in about and not known(one.test.name):
            found.append(one)
    return found


def _silent(one: Explored) -> Set[str]:
    """The claim, or the aspects, for which a test is run again."""
    return set(one.answers) if one.test.kind == FACT else {one.test.name}


def _asked_again(
    idle: Sequence[Explored], faults: Sequence[Fault], outcomes: Dict[str, Outcome]
) -> Dict[str, List[Explored]]:
    """By fault, the tests of ``idle`` to run: of each claim and each aspect on ``AGAIN`` faults.

    First come those that the same subject has noticed, then those that lie where fewest tests come
    to.
    """
    at: Dict[Reached, List[Fault]] = {}
    for fault in faults:
        at.setdefault(fault.reached, []).append(fault)
    coming: Dict[Reached, int] = {}
    alike: Dict[str, List[Explored]] = {}
    for one in sorted(idle, key=lambda one: one.order):
        for name in _silent(one):
            alike.setdefault(name, []).append(one)
        for reached in one.reaches:
            coming[reached] = coming.get(reached, 0) + 1
    subjects = {
        fault.id: {fact.rpartition(" ")[0] for fact in outcomes[fault.id].noticed.get(FACT, [])}
        for fault in faults
    }
    found: Dict[str, List[Explored]] = {}
    for name in sorted(alike):
        tests = alike[name][:ALIKE] if alike[name][0].test.kind == FACT else alike[name]
        mine = {one.test.name for one in tests}
        ways = {reached for one in tests for reached in one.reaches}
        near = sorted(ways, key=lambda reached: (coming[reached], reached))
        there = [fault for reached in near for fault in at.get(reached, [])]
        there.sort(key=lambda fault: not mine & subjects[fault.id])
        for fault in there[:AGAIN]:
            waiting = found.setdefault(fault.id, [])
            waiting += [one for one in tests if fault.reached in one.reaches and one not in waiting]
    return found


def _added(outcome: Outcome, noticed: Dict[str, List[str]], errors: Sequence[str]) -> Outcome:
    """``outcome`` with what else ``noticed`` the fault: a claim once, however many cases did."""
    both = {
        kind: [*dict.fromkeys([*outcome.noticed.get(kind, []), *names])]
        for kind, names in noticed.items()
    }
    every = [*dict.fromkeys([*outcome.errors, *errors])]
    return outcome._replace(noticed={**outcome.noticed, **both}, errors=every)


def _names(answer: Any) -> List[str]:
    """What notices a fault, by an answer that is kept."""
    return [name for found in _outcome(answer).noticed.values() for name in found]


def _outcome(answer: Any) -> Outcome:
    return Outcome({}, {}, end=answer) if answer in (DIED, HUNG) else Outcome(*answer)
