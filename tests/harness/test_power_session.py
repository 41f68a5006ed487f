"""Power: which tests are run on which fault."""

from types import SimpleNamespace

import pytest

from maskspec.power.planting import Fault, Place
from maskspec.power.session import (
    Before,
    Explored,
    Outcome,
    _added,
    _asked_again,
    _idle,
    _measure,
)
from maskspec.power.suites import CLAIM, FACT, FIRST, OURS, Change, Test, changed

PLACE = Place("layer.py", "Layer.call")


def fault(id, statement=0):
    return Fault(id, PLACE, 1, "constant", "1 in place of 0", (statement, 0, 0))


def explored(kind, name, answers, statement=0):
    item = SimpleNamespace(nodeid=name)
    return Explored(Test(item, kind, name, name), answers, {(str(PLACE), statement)})


def noticed(**names):
    return Outcome(names, {})


LSTM = explored(FACT, "LSTM", {"carry.mask": "own", "leak.valid": "no"})
CLAIMED = explored(CLAIM, "rnn.skips", {"": "holds"})

UNKNOWN = Before().is_silent


def test_what_has_noticed_a_fault_is_not_asked_again():
    seen = {"negated": noticed(claim=["rnn.skips"], fact=["LSTM carry.mask", "GRU leak.valid"])}
    assert _idle([LSTM, CLAIMED], seen, UNKNOWN) == []


def test_a_subject_is_asked_again_for_its_silent_aspects_alone():
    [again] = _idle([LSTM], {"negated": noticed(fact=["GRU carry.mask"])}, UNKNOWN)
    assert again.answers == {"leak.valid": "no"}


def test_a_claim_that_has_noticed_nothing_is_run_again():
    seen = {"negated": noticed(claim=["rnn.states"])}
    assert _idle([CLAIMED], seen, UNKNOWN) == [CLAIMED]


@pytest.mark.parametrize("known, left", [("rnn.skips", [LSTM]), ("carry.mask", [CLAIMED])])
def test_what_is_known_to_notice_nothing_is_not_run_again(known, left):
    one = LSTM._replace(answers={"carry.mask": "own"})
    found = _idle([one, CLAIMED], {}, lambda name: name == known)
    assert [again.test for again in found] == [again.test for again in left]


def test_what_is_silent_is_run_only_where_it_comes_to_the_fault():
    faults = [fault("here", 0), fault("there", 1)]
    asked = _asked_again([LSTM, CLAIMED], faults, {one.id: noticed() for one in faults})
    assert asked == {"here": [LSTM, CLAIMED]}


def test_the_faults_that_the_same_subject_has_noticed_come_first(monkeypatch):
    monkeypatch.setattr("maskspec.power.session.AGAIN", 1)
    faults = [fault("plain"), fault("seen")]
    outcomes = {"plain": noticed(), "seen": noticed(fact=["LSTM carry.mask"])}
    assert list(_asked_again([LSTM], faults, outcomes)) == ["seen"]


@pytest.mark.parametrize("suite, runs", [(OURS, {CLAIM: 1, FACT: 1}), (FIRST, {CLAIM: 1, FACT: 0})])
def test_one_that_notices_is_enough_for_the_first_and_not_for_the_record(monkeypatch, suite, runs):
    monkeypatch.setattr(
        "maskspec.power.session.changed", lambda test, before: Change([test.name], [])
    )
    assert _measure(suite, [LSTM, CLAIMED])[1] == runs


def test_claims_and_subjects_are_asked_by_turns_for_one_that_notices(monkeypatch):
    asked = []

    def notices_nothing(test, before):
        asked.append(test.name)
        return Change([], [])

    monkeypatch.setattr("maskspec.power.session.changed", notices_nothing)
    monkeypatch.setattr("maskspec.power.session.A_TURN", {CLAIM: 1, FACT: 1})
    tests = [explored(kind, f"{kind} {i}", {"": ""}) for kind in (FACT, CLAIM) for i in range(3)]
    _measure(OURS._replace(first={CLAIM: 1, FACT: 1}, more={CLAIM: 9, FACT: 1}), tests)
    assert asked == ["claim 0", "fact 0", "claim 1", "fact 1", "claim 2"]


@pytest.mark.parametrize(
    "before, now, errors",
    [
        ("no", "raises ValueError", ["LSTM leak"]),
        ("raises ValueError", "no", []),
        ("no", "yes", []),
    ],
)
def test_a_fact_that_ends_in_an_error_is_counted_apart(monkeypatch, before, now, errors):
    monkeypatch.setattr("maskspec.power.suites.answers", lambda item: {"leak": now})
    test = Test(None, FACT, "LSTM", "LSTM")
    assert changed(test, {"leak": before}) == Change(["LSTM leak"], errors)


def test_a_claim_is_named_once_however_many_of_its_cases_notice_a_fault():
    before = Outcome({CLAIM: ["a.b"], FACT: ["LSTM out.mask"]}, {}, ["a.b"])
    after = _added(before, {CLAIM: ["c.d", "a.b", "c.d"], FACT: []}, ["c.d", "c.d"])
    assert after.noticed == {CLAIM: ["a.b", "c.d"], FACT: ["LSTM out.mask"]}
    assert after.errors == ["a.b", "c.d"]
