"""``maskspec diff`` and ``spec/CHANGES.md``: what changes from one cell to another."""

import json

import pytest

from maskspec.__main__ import main
from maskspec.rendering import changes
from maskspec.rendering import diff as comparing

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
    assert f"{OLD} (keras 3.14.0) -> {NEW} (keras 3.15.1): 2 of 7 claims change" in out
    assert "\nDemo\n\n  demo.pads-last: refuted -> holds\n    Padding goes last.\n" in out
    assert "    what to do: It depends on the release.\n    spec/demo.md#demo.pads-last\n" in out


def test_the_finding_that_holds_is_named_and_its_advice_given(prepared, diff):
    _, out, _ = diff(prepared, NEW, OLD)
    assert "demo.pads-last: holds -> refuted" in out
    assert "    instead: Padding goes first.\n" in out
    assert "    what to do: This is so where it does not go last.\n" in out
    assert "  demo.pads-first:" not in out


def test_nothing_changes_between_a_cell_and_itself(prepared, diff):
    code, out, _ = diff(prepared, NEW, NEW)
    assert (code, out) == (0, f"{NEW} (keras 3.15.1) -> {NEW} (keras 3.15.1): none of 7 claims "
                              "change\n")  # fmt: skip


def test_only_the_cases_that_change_are_named(mini, diff):
    mini.edit(f"spec/releases/{NEW}/results.jsonl", '"copy", "verdict": "holds"',
              '"copy", "verdict": "refuted"')  # fmt: skip
    footer = mini.read(f"spec/releases/{NEW}/results.jsonl").splitlines()[-1]
    counts = json.loads(footer)
    counts.update(holds=counts["holds"] - 1, refuted=counts["refuted"] + 1)
    mini.edit(f"spec/releases/{NEW}/results.jsonl", footer, json.dumps(counts))
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
        assert f'"{key}"' in comparing.__doc__


def test_an_unknown_cell_names_the_nearest(prepared, diff):
    code, _, err = diff(prepared, "keras3.16-tensorflow", NEW)
    assert code == 2
    assert "keras3.16-tensorflow is not recorded; did you mean keras3.1" in err


def test_what_is_installed_is_run_and_compared(mini):
    done = mini.python("-m", "maskspec", "--root", str(mini.root), "diff", OLD, "installed")
    assert done.code == 1, done.output
    assert f"{OLD} (keras 3.14.0) -> {NEW} (keras 3.15.1): 2 of 7" in done.output


def test_nothing_installed_is_said_in_one_line(mini):
    done = mini.python("-m", "maskspec", "--root", str(mini.root), "diff", OLD, "installed", on=())
    assert done.code == 2
    assert "maskspec: 0 implementations were recorded here instead of one" in done.output


def test_changes_are_listed_newest_first(prepared):
    page = changes.page(prepared.load())
    heads = [line for line in page.splitlines() if line.startswith("## ")]
    assert heads == [
        "## Keras 3.14 on TensorFlow to Keras 3.15 on TensorFlow",
        "## tf.keras 2.15 to Keras 3.14 on TensorFlow",
    ]
    assert (
        "2 of 7 claims changed.\n\n- [demo.pads-last](demo.md#demo.pads-last): refuted → " in page
    )
    assert "None of 7 claims changed." in page


def test_a_known_cause_is_linked(mini):
    cause = {"from": OLD, "to": NEW, "claims": ["demo.pads-last"], "cause": "demo/demo#7"}
    mini.write(CAUSES, json.dumps([cause]))
    page = changes.page(mini.load())
    assert "Padding goes last. Cause: [demo/demo#7](https://github.com/demo/demo/pull/7)." in page
