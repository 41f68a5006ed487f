"""``maskspec diff`` and ``spec/CHANGES.md``: what changes from one cell to another."""

import json

import pytest

from maskspec.__main__ import main
from maskspec.records import results
from maskspec.rendering import changes, chapters
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
    _, out, _ = diff(prepared, OLD, NEW, "--about", "first,Dense")
    assert "1 of 7 claims change that name first or Dense" in out
    assert "demo.pads-last:" not in out
    code, out, _ = diff(prepared, OLD, NEW, "--about", "doubles")
    assert (code, out.count("none of 7")) == (1, 0)
    code, out, _ = diff(prepared, NEW, NEW, "--about", "kind")
    assert (code, out.count("none of 7")) == (0, 1)


def test_a_word_that_nothing_names_is_refused_with_the_nearest(prepared, diff):
    code, _, err = diff(prepared, OLD, NEW, "--about", "LSTMM")
    assert code == 2
    assert err.startswith("maskspec: no claim and no layer names LSTMM; did you mean LSTM, ")
    assert diff(prepared, OLD, NEW, "--about", "padd")[0] == 2  # whole words only


def change_row(mini, cell, claim, **new):
    """Edit the row of ``claim`` in the record of ``cell``; without ``new`` drop it."""
    record = mini.record(cell)
    rows = [row._replace(**new) if row.claim == claim else row for row in record.rows]
    record.rows = rows if new else [row for row in rows if row.claim != claim]
    results.write(mini.path("spec/releases"), record)


def test_a_case_that_was_not_run_changes_nothing_and_is_counted(mini, diff):
    change_row(mini, NEW, "demo.pads-with-zero")
    _, out, _ = diff(mini, OLD, NEW)
    assert "3 of 7 claims change\n1 case not compared, as keras3.15-tensorflow has not" in out
    assert "demo.pads-with-zero" not in out
    _, out, _ = diff(mini, NEW, OLD)
    assert "3 of 6 claims change\n1 case not compared, as keras3.15-tensorflow has not" in out
    assert "undecided" not in changes.page(mini.load())


AHEAD = "keras3.16-tensorflow-pre"


@pytest.fixture
def ahead(mini):
    """The miniature with a pre-release whose record is that of the newest, but for one row."""
    mini.add_cell(AHEAD, implementation="keras", release="3.16")
    record = mini.record(NEW)
    record.header.update(cell=AHEAD, version="3.16.0rc1")
    record.rows = [row for row in record.rows if row.claim != "demo.pads-with-zero"]
    results.write(mini.path("spec/releases"), record)
    return mini


def test_a_case_that_ends_in_an_error_on_a_pre_release_is_told(ahead, diff):
    _, out, _ = diff(ahead, OLD, AHEAD)
    assert "No longer decidable (1): what the claim takes for granted is not so any more\n" in out
    assert "demo.pads-with-zero: holds -> undecided\n" in out
    assert "    an error, no verdict now\n" in out
    assert "undecided (an error, no verdict)" in changes.page(ahead.load())


def test_a_case_that_a_pre_release_has_not_run_yet_is_no_error(ahead, diff):
    record = ahead.record(AHEAD)
    record.header["suite"] = "another"
    results.write(ahead.path("spec/releases"), record)
    _, out, _ = diff(ahead, OLD, AHEAD)
    assert f"1 case not compared, as {AHEAD} has not run them" in out
    assert "undecided" not in out
    assert "| keras3.15-tensorflow | none | none |" in chapters.index(ahead.load(), INDEX)


INDEX = f"{chapters.INDEX_START}\n{chapters.INDEX_END}"


def test_another_error_is_told_on_request(mini, diff):
    change_row(mini, OLD, "demo.pads-with-one", observed="TypeError: no")
    change_row(mini, NEW, "demo.pads-with-one", observed="ValueError: no")
    _, out, _ = diff(mini, OLD, NEW, "--all")
    assert "Worded otherwise (1)" in out
    assert '    seen "TypeError: no" -> "ValueError: no"\n' in out
    told = 'refuted → refuted (seen "TypeError: no" → "ValueError: no")'
    assert told in changes.page(mini.load())


def test_what_is_not_there_is_gone_and_a_warning_is_no_change_of_values(mini, diff):
    mini.edit("spec/demo.md", "Padding is one.\n", "The call warns.\n")
    for cell, verdict in ((OLD, "holds"), (NEW, "refuted")):
        change_row(mini, cell, "demo.pads-with-one", verdict=verdict)
        seen = "without twice, half" if verdict == "refuted" else ""
        change_row(mini, cell, "demo.kinds-keep", verdict=verdict, observed=seen)
    kinds = {
        c["claim"]: c["kind"] for c in json.loads(diff(mini, OLD, NEW, "--json")[1])["changes"]
    }
    assert kinds["demo.pads-with-one"] == "warned otherwise"
    assert kinds["demo.kinds-keep"] == "gone"


def test_of_one_kind_results_come_before_masks_and_masks_before_the_rest(mini, diff):
    mini.edit("spec/demo.md", "Padding is zero.\n", "The mask is zero.\n")
    change_row(mini, OLD, "demo.pads-with-zero", verdict="refuted")
    _, out, _ = diff(mini, OLD, NEW)
    ids = [line.partition(":")[0].strip() for line in out.splitlines() if line.startswith("  demo")]
    assert ids == ["demo.pads-last", "demo.pads-first", "demo.pads-with-zero"]


def test_what_no_longer_holds_says_what_is_so_and_what_holds_does_not(mini):
    mini.edit("spec/demo.md", "Padding is zero.\n", "Padding is zero.\n\nOtherwise: it is two.\n")
    change_row(mini, OLD, "demo.pads-with-zero", observed="TypeError: no")
    assert "holds → holds" in changes.page(mini.load())
    assert "it is two" not in changes.page(mini.load())
    change_row(mini, NEW, "demo.pads-with-zero", verdict="refuted")
    page = changes.page(mini.load())
    assert "No longer so: Padding is zero. Instead: it is two." in page


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


def test_a_record_that_cannot_be_read_is_named_by_file_and_line(mini, diff):
    mini.edit(f"spec/releases/{OLD}/results.jsonl", '{"claim"', '{"claim')
    code, _, err = diff(mini, OLD, NEW)
    assert code == 2
    told = f"maskspec: {OLD} cannot be compared: spec/releases/{OLD}/results.jsonl:2: no JSON"
    assert err.startswith(told)
    assert err.endswith(f"python -m maskspec record {OLD}\n")


def test_what_is_installed_is_run_and_compared(mini):
    done = mini.python("-m", "maskspec", "--root", str(mini.root), "diff", OLD, "installed")
    assert done.code == 1, done.output
    assert f"{OLD} (keras 3.14.0) -> {NEW} (keras 3.15.1): 3 of 7" in done.output


def test_of_what_is_installed_no_layer_is_asked_where_only_claims_count(mini):
    mini.write("relied.txt", "demo.pads-last\n")
    verb = ("-m", "maskspec", "--root", str(mini.root), "diff", OLD, "installed")
    done = mini.python(*verb, "--relied", "relied.txt")
    assert done.code == 1, done.output
    assert "(tensorflow 2.18.0): the claims, several minutes" in done.output
    assert "1 of 1 claims change that are relied on" in done.output


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
    assert "running on keras 3.15.1 (tensorflow 2.18.0): the claims and the" in done.output
