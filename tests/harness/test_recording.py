"""``--record``: the same bytes however the run is ordered, and nothing from an incomplete run."""

import re

import pytest

from maskspec.catalogue.cases import collect
from maskspec.records.recording import suite
from maskspec.records.staleness import of_cell

CELL = "keras3.15-tensorflow"
TESTS = "tests/test_demo.py"
BACKWARDS = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"


SWALLOWED = """
    import os, signal
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        pass"""


def record_again(mini, *arguments):
    """Record in another folder; what the run printed, and the bytes of the record."""
    done = mini.run(*arguments, "--record=again")
    assert done.code == 0, done.output
    assert f"recorded again/{CELL}/results.jsonl" in done.output
    return mini.path(f"again/{CELL}/results.jsonl").read_bytes()


@pytest.mark.parametrize("how", [(), ("-p", "xdist", "-n", "2"), ("-p", "backwards")], ids=str)
def test_a_record_is_the_same_in_every_order(mini, how):
    mini.write("backwards.py", BACKWARDS)
    assert record_again(mini, *how) == mini.record_path(CELL).read_bytes()


def test_a_record_says_what_ran_and_where(prepared):
    record = prepared.record(CELL)
    header = record.header
    assert (header["cell"], header["implementation"], header["version"]) == (
        CELL,
        "keras",
        "3.15.1",
    )
    cases = collect(prepared.root).cases
    assert header["suite"] == suite(cases)
    assert not {"pip", "setuptools"} & set(header["packages"])
    assert [(r.claim, r.case) for r in record.rows] == sorted((c.claim, c.case) for c in cases)


def test_the_revision_of_the_suite_is_that_of_all_cases_in_any_order(prepared):
    cases = collect(prepared.root).cases
    assert suite(cases) == suite(cases[::-1])
    assert len({suite(some) for some in ([], cases[:1], cases[1:], cases)}) == 4


def test_a_record_has_the_verdict_and_the_observation_of_each_case(prepared):
    rows = {(r.claim, r.case): (r.verdict, r.observed) for r in prepared.record("tf2.15").rows}
    assert rows["demo.pads-last", ""] == ("refuted", "first")
    assert rows["demo.kinds-keep", "copy"] == ("holds", "")
    assert rows["demo.twice", ""] == ("unavailable", "there is no ops.twice")


def test_an_unexpected_verdict_is_recorded(mini):
    mini.edit(TESTS, "keras.padding() == 0", "keras.padding() == 2")
    done = mini.run("--record=spec/releases")
    assert done.code == 1
    rows = {r.claim: r.verdict for r in mini.record(CELL).rows}
    assert rows["demo.pads-with-zero"] == "refuted"


def refuses(mini, *arguments):
    """Run with ``--record``; what was printed, provided that the earlier record stayed."""
    path = mini.record_path(CELL)
    before = path.read_bytes()
    done = mini.run(*arguments, "--record=spec/releases")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []
    assert "NOT RECORDED, what was there stays: " in done.output
    return done


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--claim", "demo.twice", "--record=again"], "leave out --claim"),
        (["-k", "twice", "--record=again"], "leave out -k"),
        (["--record=tox.ini/again"], "tox.ini/again cannot be written"),
        (["--stale"], "say with --record=DIR which record is meant"),
    ],
    ids=["claim", "keyword", "unwritable", "stale-alone"],
)
def test_what_cannot_be_recorded_is_said_before_anything_runs(mini, arguments, complaint):
    done = mini.run(*arguments)
    assert (done.code, "passed" in done.output) == (4, False)
    assert complaint in done.output


def test_a_run_of_some_tests_is_not_recorded(mini):
    done = refuses(mini, f"{TESTS}::test_twice")
    assert done.code == 4
    assert f"{CELL}: 1 of 8 cases ran; record a whole run" in done.output


def test_an_interrupt_that_a_framework_swallows_still_ends_the_run(mini):
    mini.edit(TESTS, "    assert keras.padding() == 0", SWALLOWED)
    done = refuses(mini)
    assert (done.code, "1 passed" in done.output) == (2, True), done.output


def test_a_run_with_an_error_is_not_recorded(mini):
    mini.edit(TESTS, "assert keras.padding() == 0", "keras.fail(KeyError('lost'))")
    done = refuses(mini)
    assert done.code == 1
    assert f"{CELL}: no verdict on demo.pads-with-zero" in done.output


def test_an_interrupted_run_is_not_recorded(mini):
    mini.edit(TESTS, "assert keras.padding() == 0", "keras.fail(KeyboardInterrupt)")
    done = refuses(mini)
    assert done.code == 2
    assert "the run was interrupted or could not start" in done.output


@pytest.mark.parametrize(
    "after, complaint",
    [("== 0 + 0", "demo.pads-with-zero  was edited while it ran; run it again"),
     ("== 0 +", f"{TESTS}:10: SyntaxError: invalid syntax; was it edited"), ],
    ids=["changed", "broken"],
)  # fmt: skip
def test_a_test_that_is_edited_while_it_runs_is_not_recorded(mini, after, complaint):
    edited = mini.read(TESTS).replace("padding() == 0", f"padding() {after}")
    write = f"pathlib.Path({TESTS!r}).write_text({edited!r})"
    mini.write("edits.py", f"import pathlib\ndef pytest_runtest_logfinish():\n    {write}\n")
    assert complaint in refuses(mini, "-p", "edits").output


def test_a_run_with_a_skipped_case_is_not_recorded(mini):
    mini.edit(TESTS, "assert keras.padding() == 0", "pytest.skip('not today')")
    assert refuses(mini).code == 4


def run_stale(mini):
    """Record what is stale; how many cases ran."""
    done = mini.run("--record=spec/releases", "--stale")
    assert done.code == 0, done.output
    ran = re.search(r"(\d+) passed", done.output)
    return int(ran[1]) if ran else 0


def is_stale(mini):
    return any(of_cell(mini.load(), CELL))


def test_stale_runs_nothing_where_the_record_is_up_to_date(mini):
    before = mini.record_path(CELL).read_bytes()
    assert run_stale(mini) == 0
    assert mini.record_path(CELL).read_bytes() == before


def test_stale_runs_only_the_test_that_changed(mini):
    mini.edit(TESTS, "assert keras.padding() == 0", "assert 0 == keras.padding()")
    assert run_stale(mini) == 1
    assert not is_stale(mini)


def test_stale_runs_what_is_missing_and_drops_what_is_gone(mini):
    mini.edit(TESTS, '["copy", case', '["compute", case')
    mini.edit(TESTS, '["compute", case("compute", holds=NEVER)]', '[case("other", holds=NEVER)]')
    assert run_stale(mini) == 1
    rows = [row.case for row in mini.record(CELL).rows if row.claim == "demo.kinds-keep"]
    assert rows == ["other"]


@pytest.mark.parametrize(
    "old, new, why",
    [('"python": "', '"python": "2.', "had python 2"), ('{"rows"', '{"lines"', "no footer")],
)
def test_stale_trusts_no_record_of_another_environment_or_form(mini, old, new, why):
    mini.edit(f"spec/releases/{CELL}/results.jsonl", old, new)
    done = mini.run("--record=spec/releases", "--stale")
    assert (done.code, "8 passed" in done.output) == (0, True)
    assert re.search(f"all of {CELL} was run: .*({why})", done.output)


def test_stale_is_the_same_under_xdist(mini):
    mini.edit(TESTS, "assert keras.padding() == 0", "assert 0 == keras.padding()")
    done = mini.run("-p", "xdist", "-n", "2", "--record=spec/releases", "--stale")
    assert (done.code, "1 passed" in done.output) == (0, True), done.output
    assert not is_stale(mini)
