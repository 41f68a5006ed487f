"""The atlas: aspects and their outcomes, records of facts, and what a run says of them."""

import json

import numpy as np
import pytest
from miniature import CELLS, ROOT

from maskspec.__main__ import main
from maskspec.atlas.asking.output import whose
from maskspec.atlas.aspects import NotAsked, aspect, facts
from maskspec.atlas.batches import CUT, Feed, cut_out, padded, validity
from maskspec.atlas.comparing import at
from maskspec.atlas.excused import EXCUSED
from maskspec.atlas.fingerprints import of_aspects, of_subjects
from maskspec.atlas.questions import FAMILIES, load, subjects, trial_of
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Raised, Seen
from maskspec.catalogue import cells
from maskspec.records import facts as records
from maskspec.records.results import BrokenRecord
from maskspec.rendering.facts import fact_changes, in_words
from maskspec.rendering.wording import marks
from maskspec.running.judging import Unavailable

CELL = "keras3.15-tensorflow"
REAL = cells.load(ROOT).cells  # and not those of the miniature
SUBJECT = Subject("Plain()")
TOY = """
import os
from maskspec.atlas import aspects, layers, questions
from maskspec.atlas.subject import Subject

for family in questions.FAMILIES.values():
    family.subjects.clear()
layers.SUBJECTS[:] = [Subject("Plain()"), Subject("Fancy()")]
ASPECT = aspects.Aspect(
    "toy.answer", "What is the answer?", ("yes", "no"), lambda subject: True,
    lambda trial: os.environ.get(trial.subject.layer, "yes"),
)
questions.load = lambda: [ASPECT]
aspects.OF_ALL = (ASPECT.id,)
"""
TEST = "def test_layer(atlas, subject):\n    atlas(subject)\n"


def answering(ask):
    """The facts of one aspect that ``ask`` answers."""
    one = load()[0]._replace(outcomes=("yes", "no"), ask=ask)
    return facts(trial_of(None, SUBJECT), [one])


def throwing(error):
    def ask(trial):
        raise error

    return ask


def test_a_fact_is_the_outcome_of_an_aspect():
    assert answering(lambda trial: "yes") == {"out.mask": "yes"}


def test_an_outcome_that_the_aspect_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="out.mask of Plain.*'perhaps' is none of yes, no"):
        answering(lambda trial: "perhaps")


def test_an_error_of_the_subject_is_an_outcome():
    assert answering(throwing(Raised("TypeError"))) == {"out.mask": "raises TypeError"}


@pytest.mark.parametrize("error", [NotAsked("no steps"), Unavailable("no graph")], ids=repr)
def test_what_cannot_be_asked_is_no_fact(error):
    assert answering(throwing(error)) == {}


def test_an_aspect_is_asked_only_of_subjects_that_it_applies_to():
    unmasked = Subject("Plain()", (Feed(masked=False),))
    asked = facts(trial_of(None, unmasked), [load()[0]._replace(ask=throwing(AssertionError()))])
    assert asked == {}


def test_two_aspects_of_one_name_are_refused():
    with pytest.raises(ValueError, match="there are two aspects"):
        aspect(load()[0].id, "Again?", ("yes",))(lambda trial: "yes")


def test_the_padding_that_is_cut_out_leaves_the_valid_steps():
    batch = padded((Feed(),), padding=9.0)
    assert cut_out(batch).inputs[0].shape == (3, 2, 6)
    assert (abs(cut_out(batch).inputs[0]) < 1).all()
    assert [validity(Feed(), 0)[row].sum() for row in CUT] == [2, 2, 2]


def test_a_deep_mask_covers_features_of_a_step_as_well():
    feed = Feed((5, 2), is_deep=True)
    batch = padded((feed,), padding=9.0)
    assert batch.masks[0].shape == (5, 4, 5)
    assert not batch.masks[0][:, :, -1].any()
    assert (batch.inputs[0] == 9.0).all(-1).tolist() == (~batch.masks[0]).tolist()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_valid_steps_are_looked_at_along_the_axes_that_an_output_has(axes):
    valid = validity(Feed((5, 2), is_deep=True), 0)
    output = np.zeros((5, 4, 5)[:axes])
    assert at(output, valid).shape == (valid.reshape((*output.shape, -1)).any(-1).sum(),)


def test_an_output_without_the_rows_of_the_mask_is_looked_at_whole():
    assert at(np.zeros((2, 3)), validity(Feed(), 0)).shape == (2, 3)


@pytest.mark.parametrize(
    "makes_its_own, answer", [(True, "one of its own"), (False, "the input's")]
)
def test_a_mask_that_hangs_on_the_masked_values_is_the_layers_own(makes_its_own, answer):
    mask = padded((Feed(),)).masks[0]

    class Double:
        subject = SUBJECT

        def unmasked(self):
            return Seen(masks=(mask if makes_its_own else None,))

    def ask(padding):
        return Seen(masks=(mask | bool(padding and makes_its_own),))

    assert whose(Double(), ask) == answer


def test_names_of_subjects_are_unique():
    names = [subject.name for subject in subjects()]
    assert len(names) == len(set(names)) > 100


def test_an_edited_question_changes_its_hash_alone():
    one, other = load()[:2]
    before = of_aspects([one, other])
    after = of_aspects([one._replace(outcomes=("yes",)), other])
    assert before[one.id] != after[one.id]
    assert before[other.id] == after[other.id]


def test_an_edited_set_up_changes_its_hash():
    changed = SUBJECT._replace(arguments=(("training", True),))
    assert of_subjects([SUBJECT]) != of_subjects([changed])


# --- records ------------------------------------------------------------------------------------


@pytest.fixture
def written(mini):
    """The path of a small atlas that was written."""
    header = dict.fromkeys(records.ATLAS_KEYS, "")
    header.update(cell=CELL, schema=1, subjects={"A": "1", "B": "2"}, aspects={"x": "3"})
    path = mini.root / "spec" / "releases"
    return records.write(path, records.Atlas(header, {("B", "x"): "no", ("A", "x"): "yes"}))


def test_facts_are_read_as_they_were_written(written):
    assert records.read(written).facts == {("A", "x"): "yes", ("B", "x"): "no"}


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('["A", "x", "yes"]', '["A", "x"]', ":2: a fact is"),
        ('["A", "x", "yes"]', '["C", "x", "yes"]', ":2: the header knows no such"),
        ('["A", "x", "yes"]\n', "", ":3: the footer counts 2 rows; there are 1"),
        ('["A", "x", "yes"]', '["B", "x", "yes"]', "not sorted, or one stands twice"),
        ('{"rows": 2}\n', "", "cut short"),
        ('"schema": 1', '"schema": 2', "schema 2"),
    ],
)  # fmt: skip
def test_a_broken_atlas_is_refused(written, old, new, message):
    text = written.read_text(encoding="utf-8")
    assert old in text
    written.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BrokenRecord, match=message):
        records.read(written)


@pytest.mark.parametrize("cell", [cell for cell in REAL if not records.has_atlas(cell)])
def test_a_cell_that_is_said_to_lack_an_atlas_is_a_cell_and_lacks_one(cell):
    folder = ROOT / "spec" / "releases" / cell
    assert (folder / "results.jsonl").is_file()
    assert not (folder / records.FILE).exists()


# --- a run --------------------------------------------------------------------------------------


@pytest.fixture
def toy(mini):
    """The miniature with an atlas of two subjects and one question, recorded."""
    mini.write("conftest.py", mini.read("conftest.py") + TOY)
    mini.write("tests/atlas/test_layers.py", TEST)
    done = mini.run("--atlas=only", "--record=spec/releases")
    assert done.code == 0, done.output
    return mini


def atlas_of(mini, folder="spec/releases"):
    return records.read(mini.path(f"{folder}/{CELL}/atlas.jsonl"))


def test_a_run_records_the_facts_and_the_public_names(toy):
    atlas = atlas_of(toy)
    assert atlas.facts == {("Plain()", "toy.answer"): "yes", ("Fancy()", "toy.answer"): "yes"}
    assert atlas.header["public"] == ["Dense", "Wrapper", "losses.Huber"]


@pytest.mark.parametrize("how", [(), ("-p", "xdist", "-n", "2")], ids=str)
def test_an_atlas_is_the_same_in_every_order(toy, how):
    assert toy.run("--record=again", *how).code == 0
    assert toy.path(f"again/{CELL}/results.jsonl").exists()
    again = toy.path(f"again/{CELL}/atlas.jsonl").read_bytes()
    assert again == toy.path(f"spec/releases/{CELL}/atlas.jsonl").read_bytes()


def test_a_fact_that_differs_from_the_record_fails_in_words(toy):
    done = toy.run("--atlas=only", Fancy="no")
    assert done.code == 1
    said = (
        "`Fancy()` on keras 3.15.1 (tensorflow 2.18.0) is not as recorded for keras3.15-tensorflow",
        "  What is the answer? (toy.answer)\n    recorded: yes\n    observed: no\n",
        "  record:   spec/releases/keras3.15-tensorflow/atlas.jsonl\n",
        "  rerun:    pytest --subject Fancy --aspect toy.answer --implementation keras\n",
        "is right: python -m pytest --atlas only --record=spec/releases\n",
    )
    for part in said:
        assert part in done.output
    assert "1 failed, 1 passed" in done.output


def test_what_a_failing_fact_says_to_do_records_the_new_answer(toy):
    toy.run("--atlas=only", "--record=spec/releases", Fancy="no")
    assert toy.run("--atlas=only", Fancy="no").code == 0


DAMAGED = f"spec/releases/{CELL}/atlas.jsonl"


@pytest.mark.parametrize("how", [(), ("-p", "xdist", "-n", "2")], ids=str)
def test_facts_are_not_compared_with_a_damaged_record_and_the_run_fails(toy, how):
    toy.edit(DAMAGED, '["Plain()"', '["Plain()')
    done = toy.run(*how, Fancy="no")
    assert done.code == 4
    assert f"ERROR: {DAMAGED}:3: no JSON" in done.output
    assert "git restore" in done.output
    assert toy.run("--claim=demo.pads-last").code == 0
    assert toy.run("--atlas=only", "--record=spec/releases").code == 0
    assert toy.run("--atlas=only", *how).code == 0


def test_a_subject_that_a_release_lacks_is_counted_apart(toy):
    toy.edit("conftest.py", "lambda subject: True", 'lambda subject: subject.layer != "Plain"')
    toy.run("--atlas=only", "--record=spec/releases")
    told = f"1 fact of 1 subject, all as recorded for {CELL}; nothing to ask of 1 subject: not in "
    assert told in toy.run("--atlas=only").output
    done = toy.run("--subject=Plain")
    assert "2.18.0): nothing to ask of Plain(): not in this release" in done.output
    assert "as recorded" not in done.output


def test_a_fact_whose_question_was_another_then_is_not_compared(toy):
    toy.edit("conftest.py", '("yes", "no")', '("yes", "no", "both")')
    assert toy.run("--atlas=only", Fancy="no").code == 0


def test_a_stale_fact_alone_is_asked_again(toy):
    toy.edit("conftest.py", '[Subject("Plain()")', '[Subject("Plain()", call="each")')
    done = toy.run("--atlas=only", "--stale", "--record=spec/releases", Plain="no", Fancy="no")
    assert "1 passed" in done.output
    assert set(atlas_of(toy).facts.values()) == {"yes", "no"}


def test_a_run_of_some_claims_asks_no_atlas(toy):
    done = toy.run("--claim", "demo.pads-last")
    assert done.code == 0
    assert "1 passed" in done.output


@pytest.mark.parametrize(
    "arguments, passed", [(("--subject", "Fancy"), 1), (("--aspect", "toy"), 2)]
)
def test_a_part_of_the_atlas_can_be_asked(toy, arguments, passed):
    assert f"{passed} passed" in toy.run(*arguments).output


@pytest.mark.parametrize("option", ["--subject=Fanci", "--aspect=toys"])
def test_what_nobody_asks_is_refused_with_the_nearest_name(toy, option):
    done = toy.run(option)
    assert done.code == 4
    assert ("Fancy" if "subject" in option else "toy") in done.output
    assert "Traceback" not in done.output


def test_a_run_says_how_the_facts_compare_and_which_layer_nobody_asks(toy):
    done = toy.run("--atlas=only")
    said = "atlas of keras 3.15.1 (tensorflow 2.18.0): 2 facts of 2 subjects, all as recorded for "
    assert said + CELL in done.output
    assert "`Dense` is no subject yet" in done.output
    assert f"2 subjects, 1 not as recorded for {CELL}" in toy.run("--atlas=only", Fancy="no").output


def test_a_release_without_an_atlas_is_asked_and_said_to_be_new(toy):
    done = toy.run("--atlas=only", on=CELLS["keras3.14-tensorflow"], Fancy="no")
    assert done.code == 0
    assert "2 facts of 2 subjects; none is recorded for this release" in done.output


def test_the_facts_of_a_newer_release_are_compared_with_the_newest_record(toy):
    done = toy.run("--atlas=only", on=("keras==3.99.0", "tensorflow==2.18.0"), Fancy="no")
    assert done.code == 1
    assert (
        "atlas of keras 3.99.0 (tensorflow 2.18.0): 2 facts of 2 subjects, 1 not as " in done.output
    )


def test_where_nothing_installed_has_an_atlas_nothing_is_asked(toy):
    none = "\nfrom maskspec.records import facts\nfacts.has_atlas = lambda cell: False\n"
    toy.write("conftest.py", toy.read("conftest.py") + none)
    done = toy.run("--stale", "--record=seen")
    assert "INTERNALERROR" not in done.output
    assert "atlas of" not in done.output


# --- rules --------------------------------------------------------------------------------------


def survey(mini, public=(), facts=None, **hashes):
    """Give each cell of the miniature an atlas in which every subject has a fact."""
    mini.write("tests/atlas/test_layers.py", TEST)
    places = [line for name in ("surprises", *FAMILIES) for line in marks(name)]
    mini.write("spec/atlas/README.md", "\n".join(places) + "\n")
    known = {subject.name: subject.public for subject in subjects()}
    header = {
        **dict.fromkeys(records.ATLAS_KEYS, ""),
        "schema": 1,
        "public": sorted({*known.values(), *EXCUSED, *public}),
        "subjects": {**of_subjects(subjects()), **hashes.get("subjects", {})},
        "aspects": of_aspects(load()),
    }
    rows = {(name, "out.mask"): "none" for name in known} if facts is None else facts
    for cell in CELLS:
        path = mini.path("spec/releases")
        records.write(path, records.Atlas({**header, "cell": cell}, rows))


def with_survey(**options):
    return lambda mini: survey(mini, **options)


def explaining(claim="demo.computing-drops", surprising="demo.computing-drops", **named):
    """A miniature whose atlas is recorded, and in which a claim explains some facts."""
    what = {"layers": ["Dense"], "aspects": ["out.mask"], "outcomes": ["none"], **named}
    entry = json.dumps({"claim": claim, **what})

    def change(mini):
        survey(mini)
        text = f'{{"surprising": ["{surprising}"],\n"explained": [\n{entry}\n]}}\n'
        mini.write("spec/atlas/explained.json", text)

    return change


def tracing(claim):
    """A miniature in which a claim explains what a trace finds."""
    return lambda mini: mini.write("spec/traced.json", f'{{"code": {{"claim": "{claim}"}}}}\n')


# (rule, how to change the miniature, part of the message); test_rules.py runs them too
CHANGES = [
    ("unknown-layer", with_survey(public=["experimental.NewThing"]), "`NewThing` is"),
    ("dead-subject", with_survey(facts={}), "Dense(3) has no fact on any release"),
    ("unknown-outcome", with_survey(facts={("Dense(3)", "out.mask"): "?"}), "'?' is no outcome of"),
    ("unknown-explanation", explaining("demo.nothing"), "there is no claim demo.nothing"),
    ("unknown-explanation", tracing("demo.nowhere"), "there is no claim demo.nowhere"),
    ("unknown-explanation", explaining(surprising="demo.twice"), "demo.twice surprises, and"),
    (
        "dead-explanation",
        explaining(layers=["Dense", "Dens"]),
        "no fact that it explains is of 'De",
    ),
    ("dead-explanation", explaining(aspects=["out.mask", "out.graph"]), "is of 'out.graph'"),
    ("dead-explanation", explaining(outcomes=["raises"]), "is of 'raises'"),
    (
        "stale-atlas",
        with_survey(subjects={"Dense(3)": "old"}),
        "recorded with 1 other subject",
    ),
    ("missing-record", lambda mini: mini.write("tests/atlas/test_layers.py", TEST), "no atlas of"),
]


def test_a_whole_atlas_trips_no_rule(mini):
    survey(mini)
    assert not {p.rule for p in mini.problems()} & {change[0] for change in CHANGES}


def test_a_fact_leads_to_the_claim_that_explains_it_and_back(mini):
    explaining()(mini)
    assert not [p for p in mini.problems() if "explanation" in p.rule]
    assert main(["--root", str(mini.root), "sync"]) == 0
    to_claim = (
        "| Which mask does the output carry? | none | [why](../demo.md#demo.computing-drops) |"
    )
    assert mini.read("spec/atlas/Dense.md").count(to_claim) == 3  # each set-up
    assert "[why]" not in mini.read("spec/atlas/LSTM.md")
    assert "Explains facts of [Dense](../atlas/Dense.md)." in mini.read("spec/evidence/demo.md")
    assert "1. Computing drops the mask. [Holds on all 3 cells.](../demo.md#demo" in (
        mini.read("spec/atlas/README.md")
    )


def test_an_entry_that_explains_nothing_is_told_by_its_line(mini):
    explaining(outcomes=["raises"])(mini)
    (told,) = [
        str(p) for p in mini.problems() if p.rule == "dead-explanation" and "'Dense'" in p.what
    ]
    assert told.startswith("spec/atlas/explained.json:3: ")


def test_merge_takes_an_atlas_that_is_up_to_date_and_refuses_another(mini, capsys):
    survey(mini)
    made = mini.path(f"spec/releases/{CELL}/atlas.jsonl")
    again = mini.path(f"again/{CELL}/atlas.jsonl")
    mini.write(f"again/{CELL}/atlas.jsonl", made.read_text(encoding="utf-8"))
    made.unlink()
    assert main(["--root", str(mini.root), "merge", str(mini.path("again"))]) == 0
    assert made.read_bytes() == again.read_bytes()
    survey(mini, subjects={"Dense(3)": "old"})
    mini.write(f"again/{CELL}/atlas.jsonl", made.read_text(encoding="utf-8"))
    capsys.readouterr()
    assert main(["--root", str(mini.root), "merge", str(mini.path("again"))]) == 1
    out = capsys.readouterr().out
    assert "it was recorded with 1 other subject (Dense(3))" in out
    assert f"wanting: {CELL}" in out


# --- what changes -------------------------------------------------------------------------------


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
