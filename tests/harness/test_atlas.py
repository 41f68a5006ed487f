"""The atlas: aspects and their outcomes, and records of facts."""

import numpy as np
import pytest
from atlases import CELL
from miniature import ROOT

from maskspec.atlas.asking.output import whose
from maskspec.atlas.aspects import NotAsked, aspect, facts
from maskspec.atlas.batches import CUT, Feed, cut_out, padded, validity
from maskspec.atlas.comparing import at
from maskspec.atlas.fingerprints import of_aspects, of_subjects
from maskspec.atlas.questions import load, subjects, trial_of
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Raised, Seen
from maskspec.catalogue import cells
from maskspec.records import facts as records
from maskspec.records.results import BrokenRecord
from maskspec.running.judging import Unavailable

REAL = cells.load(ROOT).cells  # and not those of the miniature
SUBJECT = Subject("Plain()")


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
