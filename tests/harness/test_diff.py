"""``maskspec diff`` and ``spec/CHANGES.md``: what changes from one cell to another."""

import json

import pytest

from maskspec.__main__ import main
from maskspec.records import results
from maskspec.rendering import changes
from maskspec.rendering import diff as module

OLD, NEW = "keras3.14-tensorflow", "keras3.15-tensorflow"
CAUSES = "spec/releases/causes.json"


@pytest.fixture
def diff(capsys):
    def diff(mini, *arguments):
        code = main(["--root", str(mini.root), "diff", *arguments])
        return (code, *capsys.readouterr())

    return diff


def test_a_claim_that_changes_is_said_in_words(prepared, diff):
    code, out, _ = diff(prepared, OLD, NEW)
    assert code == 1
    assert out.startswith(f"{OLD} (keras 3.14.0) -> {NEW} (keras 3.15.1): 3 of 7 claims change\n")
    assert "  demo.pads-last: refuted -> holds\n    now so: Padding goes last.\n" in out
    assert "    what to do: It depends on the release.\n    spec/demo.md#demo.pads-last\n" in out


def test_a_table_comes_first(prepared, diff):
    _, out, _ = diff(prepared, OLD, NEW)
    assert out.split("\n")[1:4] == [
        "",
        "2 silently different; 1 new",
        "  Demo   3  Padding goes last.",
    ]


def test_a_finding_that_changes_is_told_like_a_claim(prepared, diff):
    _, out, _ = diff(prepared, OLD, NEW)
    assert "  demo.pads-first: holds -> refuted\n    no longer so: Padding goes first.\n" in out


def test_the_finding_that_holds_is_named_and_its_advice_given(prepared, diff):
    _, out, _ = diff(prepared, NEW, OLD)
    assert "demo.pads-last: holds -> refuted" in out
    assert "    instead: Padding goes first.\n" in out
    assert "    what to do: This is so where it does not go last.\n" in out


def test_what_is_less_grave_is_counted_and_unfolded_on_request(prepared, diff):
    _, out, _ = diff(prepared, OLD, NEW)
    assert out.endswith("\nand 1 more (1 new): add --all\n")
    assert "demo.twice" not in out
    _, out, _ = diff(prepared, OLD, NEW, "--all")
    assert "\nNew (1): the API is there now\n\n  demo.twice: unavailable -> holds\n" in out
    assert "add --all" not in out


def test_only_what_the_reader_uses_is_told(prepared, diff):
    _, out, _ = diff(prepared, OLD, NEW, "--about", "first,Nothing")
    assert "1 of 7 claims change that name first or Nothing" in out
    assert "demo.pads-last:" not in out
    code, out, _ = diff(prepared, OLD, NEW, "--about", "padd")
    assert (code, out.count("none of 7")) == (0, 1)  # whole words only


def change_row(mini, cell, claim, **new):
    """Edit the row of ``claim`` in the record of ``cell``; without ``new`` drop it."""
    record = mini.record(cell)
    rows = [row._replace(**new) if row.claim == claim else row for row in record.rows]
    record.rows = rows if new else [row for row in rows if row.claim != claim]
    results.write(mini.path("spec/releases"), record)


def test_a_row_that_vanishes_is_told(mini, diff):
    change_row(mini, NEW, "demo.pads-with-zero")
    _, out, _ = diff(mini, OLD, NEW)
    assert "No longer decidable (1): what the claim takes for granted is not so any more\n" in out
    assert "demo.pads-with-zero: holds -> undecided\n" in out
    assert "    without a verdict now: its case\n" in out


def test_another_error_is_told_on_request(mini, diff):
    change_row(mini, OLD, "demo.pads-with-one", observed="TypeError: no")
    change_row(mini, NEW, "demo.pads-with-one", observed="ValueError: no")
    _, out, _ = diff(mini, OLD, NEW, "--all")
    assert "Worded otherwise (1)" in out
    assert "    seen: TypeError: no -> ValueError: no\n" in out


@pytest.mark.parametrize(
    "before, after, kind",
    [("", "ValueError: no", "Raising now"), ("ValueError: no", "", "No longer raising")],
)
def test_an_error_that_comes_or_goes_is_told_as_one(mini, diff, before, after, kind):
    verdicts = ("holds", "refuted") if after else ("refuted", "holds")
    change_row(mini, OLD, "demo.pads-with-one", observed=before, verdict=verdicts[0])
    change_row(mini, NEW, "demo.pads-with-one", observed=after, verdict=verdicts[1])
    _, out, _ = diff(mini, OLD, NEW, "--all")
    assert f"\n{kind} (1): " in out


def test_a_known_cause_is_told(mini, diff):
    cause = {"from": OLD, "to": NEW, "claims": ["demo.pads-last"], "cause": "demo/demo#7"}
    mini.write(CAUSES, json.dumps([cause]))
    assert "    cause: demo/demo#7\n    spec/demo.md#demo.pads-last" in diff(mini, "tf2.15", NEW)[1]


def test_nothing_changes_between_a_cell_and_itself(prepared, diff):
    code, out, _ = diff(prepared, NEW, NEW)
    assert (code, out) == (0, f"{NEW} (keras 3.15.1) -> {NEW} (keras 3.15.1): none of 7 claims "
                              "change\n")  # fmt: skip


def test_only_the_cases_that_change_are_named(mini, diff):
    rows = mini.record(NEW).rows
    record = mini.record(NEW)
    record.rows = [r._replace(verdict="refuted") if r.case == "copy" else r for r in rows]
    results.write(mini.path("spec/releases"), record)
    _, out, _ = diff(mini, OLD, NEW)
    assert "demo.kinds-keep: partly -> refuted\n" in out
    assert "    holds -> refuted: copy\n" in out


def test_as_data_it_has_exactly_the_documented_keys(prepared, diff):
    code, out, _ = diff(prepared, NEW, OLD, "--json")
    data = json.loads(out)
    assert code == 1
    assert (data["from"], data["to"], data["claims"]) == (NEW, OLD, 7)
    last = next(c for c in data["changes"] if c["claim"] == "demo.pads-last")
    assert last["cases"] == {"": ["holds", "refuted"]}
    assert last["instead"] == {"demo.pads-first": "Padding goes first."}
    for key in {*data, *last}:
        assert f'"{key}"' in module.__doc__


def test_an_unknown_cell_names_the_nearest(prepared, diff):
    code, _, err = diff(prepared, "keras3.16-tensorflow", NEW)
    assert code == 2
    assert "keras3.16-tensorflow is not recorded; did you mean keras3.1" in err


def test_what_is_installed_is_run_and_compared(mini):
    done = mini.python("-m", "maskspec", "--root", str(mini.root), "diff", OLD, "installed")
    assert done.code == 1, done.output
    assert f"{OLD} (keras 3.14.0) -> {NEW} (keras 3.15.1): 3 of 7" in done.output


def test_nothing_installed_is_said_in_one_line(mini):
    done = mini.python("-m", "maskspec", "--root", str(mini.root), "diff", OLD, "installed", on=())
    assert done.code == 2
    assert "maskspec: no Keras is installed in this environment" in done.output


def test_changes_are_listed_newest_first(prepared):
    page = changes.page(prepared.load())
    heads = [line for line in page.splitlines() if line.startswith("## ")]
    assert heads == [
        "## Keras 3.14 on TensorFlow to Keras 3.15 on TensorFlow",
        "## tf.keras 2.15 to Keras 3.14 on TensorFlow",
    ]
    assert (
        "3 of 7 claims changed.\n\n**Silently different**: no error says so: values, masks, losses "
        "or metrics are others.\n\n- [demo.pads-last](demo.md#demo.pads-last): refuted → " in page
    )
    assert "None of 7 claims changed." in page


def test_a_known_cause_is_linked(mini):
    cause = {"from": OLD, "to": NEW, "claims": ["demo.pads-last"], "cause": "demo/demo#7"}
    mini.write(CAUSES, json.dumps([cause]))
    page = changes.page(mini.load())
    assert "Padding goes last. Cause: [demo/demo#7](https://github.com/demo/demo/pull/7)." in page


def test_of_two_that_are_installed_one_has_to_be_chosen(mini):
    on = ("keras==3.15.1", "tensorflow==2.18.0", "tf_keras==2.17.0")
    verb = ("-m", "maskspec", "diff", OLD, "installed")
    done = mini.python(*verb, on=on)
    assert (done.code, "choose one with --implementation: keras, tf_keras" in done.output) == (
        2,
        True,
    )
    done = mini.python(*verb, "--implementation", "keras", on=on)
    assert done.code == 1, done.output
    assert "running the claims on keras" in done.output
