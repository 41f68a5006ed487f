"""The atlas: what ``diff`` says of facts, and the pages."""

import pytest
from atlases import CELL, DAMAGED, atlas_of, survey
from miniature import CELLS

from maskspec.__main__ import main
from maskspec.records import facts as records
from maskspec.rendering.facts import fact_changes, in_words
from maskspec.rendering.wording import marks


def changed(mini, cell, subject="Dense(3)", **facts):
    """Give a subject other facts on one cell; the rest is as ``survey`` wrote it."""
    path = mini.path(f"spec/releases/{cell}/atlas.jsonl")
    atlas = records.read(path)
    atlas.facts.update({(subject, aspect): outcome for aspect, outcome in facts.items()})
    records.write(mini.path("spec/releases"), atlas)


def test_questions_that_change_alike_are_told_once(mini):
    survey(mini)
    for cell, outcome in (("keras3.14-tensorflow", "none"), (CELL, "the input's")):
        changed(mini, cell, **{"out.mask": outcome, "out.graph": outcome, "results.use": "no"})
    found = fact_changes(mini.load(), "keras3.14-tensorflow", CELL)
    assert in_words(found) == [
        "`Dense(3)`: Which mask does the output carry? *none* → *the input's*; "
        "likewise 1 more question: `out.graph`"
    ]
    assert fact_changes(mini.load(), "keras3.14-tensorflow", CELL, ["LSTM"]) == []


def test_of_a_subject_that_begins_to_raise_only_that_is_told(mini):
    survey(mini)
    changed(mini, "keras3.14-tensorflow", **{"results.use": "no"})
    changed(mini, CELL, **{"out.mask": "raises ValueError"})
    found = fact_changes(mini.load(), "keras3.14-tensorflow", CELL)
    assert [change.aspect.id for change in found] == ["out.mask"]


def test_diff_says_what_changes_in_a_layer(mini, capsys):
    survey(mini)
    changed(mini, CELL, **{"out.mask": "the input's"})
    asked = ["diff", "keras3.14-tensorflow", CELL, "--subject", "Dense"]
    assert main(["--root", str(mini.root), *asked]) == 1
    out = capsys.readouterr().out
    assert "1 of the facts of Dense change" in out
    assert "Which mask does the output carry? none → the input's" in " ".join(out.split())
    assert main(["--root", str(mini.root), *asked[:-1], "Dens"]) == 2
    assert "no layer Dens; did you mean Dense" in capsys.readouterr().err


def test_diff_keeps_to_the_facts_that_it_is_asked_about(mini, capsys):
    survey(mini)
    changed(mini, CELL, **{"out.mask": "the input's"})
    for word, told in (("Dense", "1 of the facts that"), ("LSTM", "none of the facts that name L")):
        main(["--root", str(mini.root), "diff", "keras3.14-tensorflow", CELL, "--about", word])
        assert told in capsys.readouterr().out


def test_diff_says_which_atlas_cannot_be_read(mini, capsys):
    survey(mini)
    mini.edit(DAMAGED, '["Dense(3)"', '["Dense(3)')
    main(["--root", str(mini.root), "diff", "keras3.14-tensorflow", CELL])
    assert f"facts are not compared: {DAMAGED}:" in capsys.readouterr().out


@pytest.mark.parametrize("layers", [(), ("--subject", "Fancy")], ids=str)
def test_diff_compares_what_is_installed_with_the_record_of_its_own_cell(toy, layers):
    arguments = ["--root", str(toy.root), "diff", CELL, "installed", "--all", *layers]
    run = f"import conftest, sys; from maskspec.__main__ import main; sys.exit(main({arguments}))"
    done = toy.python("-c", run, Fancy="no")
    assert done.code == 1, done.output
    assert f"{CELL} -> installed: 1 of the facts" in done.output
    assert "`Fancy()`: What is the answer? yes → no" in done.output
    assert ("the facts of Fancy" in done.output) == bool(layers)
    assert set(atlas_of(toy).facts.values()) == {"yes"}


def test_sync_writes_a_page_for_each_layer(mini):
    survey(mini)
    assert main(["--root", str(mini.root), "sync"]) == 0
    assert "| Which mask does the output carry? | none |" in mini.read("spec/atlas/Dense.md")
    assert "[Dense(3)](Dense.md)" in mini.read("spec/atlas/README.md")
    mini.write("spec/atlas/Gone.md", "# Gone\n")
    assert main(["--root", str(mini.root), "sync"]) == 0
    assert not mini.path("spec/atlas/Gone.md").exists()


def test_sync_writes_what_each_layer_does_where_a_page_has_the_table(mini):
    sequences = "LSTM(3, return_sequences=True)"
    survey(mini)
    for cell in CELLS:
        changed(mini, cell, **{"results.use": "no"})
        changed(
            mini, cell, sequences, **{"results.use": "at valid steps", "out.mask": "the input's"}
        )
        changed(mini, cell, "ReLU()", **{"results.use": "no"})
    changed(mini, CELL, "ReLU()", **{"out.mask": "the input's"})
    mini.edit("spec/demo.md", "# Demo\n", "\n".join(["# Demo", "", *marks("uses"), ""]))
    assert main(["--root", str(mini.root), "sync"]) == 0
    table = mini.read("spec/demo.md").partition(marks("uses")[1])[0].splitlines()[2:]
    assert table == [
        marks("uses")[0],
        "| layers | use it | hand it on |",
        "|---|---|---|",
        f"| [`{sequences}`](atlas/LSTM.md) | yes | yes, in this set-up |",
        "| [`Dense`](atlas/Dense.md) | no | no |",
        "| [`ReLU`](atlas/ReLU.md) | no | it depends |",
    ]


def test_a_page_says_which_releases_have_a_set_up_and_which_were_not_asked(mini):
    survey(mini)
    for cell, dense in (("tf2.15", False), (CELL, True), ("keras3.14-tensorflow", True)):
        atlas = records.read(mini.path(f"spec/releases/{cell}/{records.FILE}"))
        if not dense:
            del atlas.facts["Dense(3)", "out.mask"]
        if cell == CELL:
            atlas.facts["LSTM(3)", "results.use"] = "no"
        records.write(mini.path("spec/releases"), atlas)
    assert main(["--root", str(mini.root), "sync"]) == 0
    assert "Releases that have it: Keras 3." in mini.read("spec/atlas/Dense.md")
    asked = "not asked in tf.keras 2.15; no in Keras 3.15 | no in Keras >= 3.15 |"
    assert asked in mini.read("spec/atlas/LSTM.md")
