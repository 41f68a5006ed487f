"""A pre-release is recorded and shown apart: it may differ, and cases may end in an error on it."""

import pytest
from miniature import CELLS

from maskspec.records.staleness import of_cell
from maskspec.rendering import export, sync

CELL = "keras3.16-tensorflow-pre"
ON = ("keras==3.16.0rc1", "tensorflow==2.18.0")
TESTS = "tests/test_demo.py"
CHANGED = 'keras.installed.version != "3.16.0rc1"'


@pytest.fixture
def ahead(mini):
    """The miniature, with a cell that runs a pre-release."""
    mini.add_cell(CELL, implementation="keras", release="3.16", backend="tensorflow")
    return mini


def recorded(mini, code):
    """Run the claims on the pre-release and record them; the run ends with ``code``."""
    done = mini.run("--record=spec/releases", on=ON)
    assert (done.code, f"recorded spec/releases/{CELL}" in done.output) == (code, True), done.output
    return {row.claim: row.verdict for row in mini.record(CELL).rows}


def again_on_releases(mini):
    for on in CELLS.values():
        assert mini.run("--record=spec/releases", on=on).code == 0
    sync.write(mini.load())


def test_a_verdict_that_differs_there_contradicts_nothing(ahead):
    ahead.edit(TESTS, "keras.padding() == 0", CHANGED)
    assert recorded(ahead, 1)["demo.pads-with-zero"] == "refuted"
    again_on_releases(ahead)
    assert ahead.problems() == []
    row = (
        f"| [{CELL}](releases/{CELL}/results.jsonl) | 3.16.0rc1 | keras3.15-tensorflow | 1 | none |"
    )
    assert row in ahead.read("spec/README.md")
    assert CELL not in ahead.read("spec/demo.md")
    exported = export.export(ahead.load())
    assert {cell: about["prerelease"] for cell, about in exported["cells"].items()} == {
        CELL: True,
        **dict.fromkeys(CELLS, False),
    }
    section = ahead.read("spec/CHANGES.md").partition("## ")[2]
    assert section.startswith("Ahead: Keras 3.15 on TensorFlow to the pre-release 3.16.0rc1\n")
    assert "demo.pads-with-zero): holds → refuted" in section.partition("## ")[0]


def test_a_case_that_ends_in_an_error_there_has_no_row(ahead):
    error = f"if not {CHANGED}:\n        keras.fail(KeyError('lost'))\n"
    ahead.edit(TESTS, "assert keras.padding() == 0", error + "    assert keras.padding() == 0")
    assert "demo.pads-with-zero" not in recorded(ahead, 1)
    again_on_releases(ahead)
    assert ahead.problems() == []
    assert "| keras3.15-tensorflow | none | 1 |" in ahead.read("spec/README.md")


def test_a_record_of_other_tests_is_stale_there_too(ahead):
    recorded(ahead, 0)
    ahead.edit(TESTS, "assert keras.padding() == 0", "assert keras.padding() == 1 - 1")
    assert any(of_cell(ahead.load(), CELL))
