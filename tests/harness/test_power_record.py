"""The record of power: written and read, rendered, and refused where it is out of date."""

import json
from types import SimpleNamespace

import pytest
from miniature import ROOT

from maskspec.__main__ import main
from maskspec.catalogue.cases import cases_of
from maskspec.power.power import Recorded, _installed, _with_theirs
from maskspec.power.session import AGAIN, Outcome
from maskspec.power.suites import CLAIM, OURS, TEST, Test
from maskspec.records import power
from maskspec.records.power import FaultRow, NoticedRow, PowerRecord
from maskspec.records.results import BrokenRecord
from maskspec.rendering.power import of_claim

NEGATED = "layer.py:Layer.call:comparison-1"
SAME = "layer.py:Layer.call:constant-1"
UNSEEN = "loss.py:mean:arithmetic-1"
NOTHING = {"claims": {}, "subjects": {}, "aspects": {}}
RECORD = "spec/power/keras.jsonl"
PAGE = "spec/power/README.md"


def a_record(hashes):
    faults = [
        FaultRow(
            NEGATED,
            7,
            "'!=' in place of '=='",
            ["demo.pads-last"],
            [],
            ["demo.pads-last"],
            "a_test",
            "",
            "",
        ),
        FaultRow(SAME, 8, "2 in place of 1", [], [], [], None, "", "both are true"),
        FaultRow(UNSEEN, 9, "'-' in place of '+'", [], [], [], "", "", ""),
    ]
    claims = [NoticedRow("demo.pads-last", 1, NEGATED), NoticedRow("demo.twice", 0, "")]
    header = {"schema": 1, "implementation": "keras", "version": "3.15.0",
              "backend": "tensorflow", "python": "3.11.7",
              "asked": {**OURS.most, "again": AGAIN}, **hashes}  # fmt: skip
    return PowerRecord(header, faults, claims, [])


def measured(mini):
    """A miniature with a record of power and its page."""
    hashes = power.hashes(cases_of(mini.load().collection.cases, "keras"))
    power.write(mini.root, a_record(hashes))
    excuses = {"equivalent.json": {SAME: "both are true"}, "idle.json": {"demo.twice": "Python"}}
    for file, reasons in excuses.items():
        mini.write(f"spec/power/{file}", json.dumps({"keras": reasons}))
    assert main(["--root", str(mini.root), "sync"]) == 0


def cut_short(mini):
    measured(mini)
    mini.write(RECORD, "".join(mini.read(RECORD).splitlines(keepends=True)[:-1]))


def another_test(mini):
    measured(mini)
    mini.edit("tests/test_demo.py", "keras.padding() == 0", "keras.padding() == 0 + 0")


def excuse(file, name, implementation="keras"):
    def change(mini):
        measured(mini)
        mini.write(f"spec/power/{file}", json.dumps({implementation: {name: "why not"}}))

    return change


CHANGES = [
    ("broken-power", cut_short, "cut short"),
    ("stale-power", another_test, "measured with 1 other test: demo.pads-with-zero"),
    ("dead-excuse", excuse("equivalent.json", UNSEEN), f"has the excuse of {UNSEEN}"),
    ("dead-excuse", excuse("equivalent.json", "gone.py:f:unary-1"), "has the excuse of gone.py"),
    ("dead-excuse", excuse("equivalent.json", SAME, "kera"), f"has the excuse of {SAME}"),
    ("dead-excuse", excuse("idle.json", "demo.pads-last"), "demo.pads-last of keras is not idle"),
]


def test_a_measured_miniature_trips_no_rule(mini):
    measured(mini)
    assert mini.problems() == []


def test_excuses_may_be_there_before_anything_is_measured(mini):
    mini.write("spec/power/equivalent.json", json.dumps({"tf_keras": {SAME: "why"}}))
    assert mini.problems() == []


def test_what_is_read_is_what_was_written(tmp_path):
    record = a_record({"claims": {}, "subjects": {}, "aspects": {}})
    assert power.read(power.write(tmp_path, record)) == record


def test_a_record_names_each_claim_and_fact_of_a_fault_once():
    records, problems = power.read_all(ROOT)
    assert not problems and len(records) == 2
    named = [names for record in records for row in record.faults for names in row[3:6]]
    assert [names for names in named if len(set(names)) < len(names)] == []


def test_counts_leave_out_what_is_equivalent():
    counts = a_record({}).counts
    assert (counts["faults"], counts["equivalent"], counts["noticed"]) == (3, 1, 1)
    assert (counts["by_claims"], counts["by_facts"], counts["by_theirs"]) == (1, 0, 1)


@pytest.mark.parametrize(
    "old, new, part",
    [
        ('"faults": 3', '"faults": 2', ":7: the footer counts 2 faults; there are 3"),
        ('["fault", ', '["foul", ', ":2: a row begins with one of fault, claim, aspect"),
        (', "both are true"]', "]", ":3: this fault has another length"),
    ],
)
def test_a_broken_record_is_refused_by_line(tmp_path, old, new, part):
    path = power.write(tmp_path, a_record({"claims": {}, "subjects": {}, "aspects": {}}))
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BrokenRecord, match=part):
        power.read(path)


def test_the_page_counts_by_module_and_lists_what_nothing_notices(mini):
    measured(mini)
    page = mini.read(PAGE)
    assert "Of the other 2, **1 are noticed (50.0 %)**: 1 by claims, 0 by facts; " in page
    assert "; 1 by errors alone." in page
    assert "those of the same modules, notice 1 (50.0 %)." in page
    assert "| `layer.py` | 2 | 1 | 1 | 1 | 0 | 1 | 1 |" in page
    assert "- `mean` (loss.py:9): '-' in place of '+'" in page
    assert "- Python: [demo.twice](../demo.md#demo.twice)" in page


def test_evidence_names_the_plainest_fault(mini):
    measured(mini)
    line = of_claim(mini.load().power, "demo.pads-last")
    assert line.endswith("1 fault planted in Keras 3.15.0; the plainest, in `Layer.call`: "
                         "'!=' in place of '=='.")  # fmt: skip
    assert line in mini.read("spec/evidence/demo.md")


@pytest.mark.parametrize("ran, told", [(0, "a_test"), (3, "")])
def test_some_of_their_tests_say_nothing_of_faults_that_they_do_not_come_to(ran, told):
    outcomes = {NEGATED: Outcome({TEST: []}, {TEST: ran})}
    assert _with_theirs(a_record({}), outcomes).by_id[NEGATED].theirs == told


@pytest.mark.parametrize("text, part", [("{", "not JSON"), ("[]", "not an object of reasons")])
def test_broken_excuses_are_refused_by_file(mini, text, part):
    mini.write("spec/power/equivalent.json", text)
    with pytest.raises(BrokenRecord, match=rf"equivalent\.json: {part}"):
        power.equivalent(mini.root, "keras")


@pytest.mark.parametrize(
    "name, said",
    [("tf_keras", "it is not installed here; there is keras"), (None, "say with --implementation")],
)
def test_an_implementation_that_cannot_be_meant_is_named(name, said):
    found = [SimpleNamespace(implementation="keras")] * (1 if name else 2)
    with pytest.raises(ValueError, match=said):
        _installed(found, name)


def test_less_than_one_process_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["power", "--jobs", "0"])
    assert "argument --jobs: 0 is none; say 1 or more" in capsys.readouterr().err


def test_a_number_of_processes_in_words_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["power", "--jobs", "two"])
    assert "argument --jobs: two is no whole number" in capsys.readouterr().err


@pytest.mark.parametrize("edited, standing", [(None, {NEGATED, UNSEEN}), ("twice", {NEGATED}),
                                              ("pads-last", set())])  # fmt: skip
def test_what_the_record_says_stands_as_long_as_the_tests_are_the_same(edited, standing):
    then = {"claims": {"demo.pads-last": "1", "demo.twice": "2"}, "subjects": {}, "aspects": {}}
    record, now = a_record(then), {**then, "claims": {**then["claims"], f"demo.{edited}": "3"}}
    known = Recorded(record, now if edited else then)
    faults = [SimpleNamespace(id=r.fault, line=r.line, words=r.does) for r in record.faults]
    assert {fault.id for fault in faults if known.outcome(fault)} == standing
    assert known.is_silent("demo.twice") == (edited != "twice")


def test_a_fault_with_other_words_is_another_one():
    known = Recorded(a_record(NOTHING), NOTHING)
    assert known.outcome(SimpleNamespace(id=UNSEEN, line=9, words="'*' in place of '+'")) is None


@pytest.mark.parametrize("errors, only", [(["a", "b"], True), (["a"], False), ([], False)])
def test_one_other_answer_makes_it_more_than_an_error(errors, only):
    assert FaultRow("", 1, "", ["a"], ["b"], errors, None, "", "").only_errors is only


@pytest.mark.parametrize("edited, new", [("demo.twice", False), ("demo.pads-last", True)])
def test_on_what_nothing_noticed_only_other_tests_are_run(edited, new):
    then = {**NOTHING, "claims": {"demo.pads-last": "1", "demo.twice": "2"}}
    now = {**NOTHING, "claims": {**then["claims"], edited: "3"}}
    known, test = Recorded(a_record(then), now), Test(None, CLAIM, "demo.pads-last", "")
    assert (
        known.is_new(SimpleNamespace(id=UNSEEN, line=9, words="'-' in place of '+'"), test) is new
    )
    seen = SimpleNamespace(id=NEGATED, line=7, words="'!=' in place of '=='")
    assert known.is_new(seen, test), "which others notice it is not all known"


@pytest.mark.parametrize("fewer, measured", [(0, set()), (1, {UNSEEN})])
def test_what_nothing_noticed_is_measured_again_where_it_was_put_to_fewer_tests(fewer, measured):
    record, test = a_record(NOTHING), Test(None, CLAIM, "demo.pads-last", "")
    record.header["asked"] = {**record.header["asked"], CLAIM: OURS.most[CLAIM] - fewer}
    known = Recorded(record, NOTHING)
    faults = [
        SimpleNamespace(id=r.fault, line=r.line, words=r.does)
        for r in record.faults
        if not r.equivalent
    ]
    assert {fault.id for fault in faults if known.outcome(fault) is None} == measured
    assert known.is_new(faults[-1], test) is bool(fewer)


@pytest.mark.parametrize("again, silent", [(AGAIN, True), (0, False)])
def test_a_claim_is_known_to_notice_nothing_only_where_it_was_asked_again(again, silent):
    record = a_record(NOTHING)
    record.header["asked"]["again"] = again
    assert Recorded(record, NOTHING).is_silent("demo.twice") is silent


def test_a_case_that_is_collected_for_two_implementations_counts_once(mini):
    cases = mini.load().collection.cases
    assert power.hashes([*cases, *cases])["claims"] == power.hashes(cases)["claims"]
