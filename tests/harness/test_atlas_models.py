"""The atlas of models: what they are fed, and that each outcome is told from the others."""

import itertools

import numpy as np
import pytest

from maskspec.atlas.asking.loss_by_hand import divisors
from maskspec.atlas.asking.model_loss import of_batches
from maskspec.atlas.aspects import NotAsked
from maskspec.atlas.comparing import same
from maskspec.atlas.model_batches import (
    CUT,
    PADDING,
    SOURCE,
    STEPS,
    TOKENS,
    VALID,
    WORDS,
    batch,
    longer_targets,
    others,
    targets,
    values,
)
from maskspec.atlas.model_trial import ModelTrial, first
from maskspec.atlas.models import SUBJECTS

KINDS = sorted({kind for subject in SUBJECTS for kind in subject.inputs})
EACH = ((targets(np.zeros((*VALID.shape, 2))) - 0.3) ** 2).mean(-1)


def padding_of(kind, x):
    """Which elements of an input are padding."""
    if kind == "mask":
        return ~x
    return np.isnan(x) if kind == "NaN" else x == PADDING.get(kind, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_is_padding_where_its_steps_are_not_valid(kind):
    valid = TOKENS.get(kind, VALID)
    padding = padding_of(kind, values(kind))
    while padding.ndim > valid.ndim:
        padding = padding.all(-1)
    assert (padding == ~valid).all()


def test_rows_are_padded_at_the_end_and_at_the_start():
    assert VALID.sum(1).tolist() == [5, 3, 3, 1]
    assert VALID[1, 0] and not VALID[2, 0]
    assert (WORDS.any(-1) == VALID).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_batch_has_two_padded_steps_more(kind):
    given = batch((kind,))
    found = given.longer().inputs[0]
    before = given.inputs[0].shape[1]
    assert found.shape[1] == before + 2
    assert padding_of(kind, found[:, before:]).all()
    np.testing.assert_array_equal(found[:, :before], given.inputs[0])


def test_what_is_cut_out_is_the_padding_of_each_input():
    given = batch(("source", "tokens")).cut()
    assert [x.shape for x in given.inputs] == [(2, 2), (2, 3)]
    assert all((x > 0).all() for x in given.inputs)
    assert [SOURCE[row].sum() for row in CUT] == [2, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_padding_holds_nothing_else(kind):
    given = batch((kind,))
    found = given.padding_only(3).inputs[0]
    assert padding_of(kind, found[3]).all()
    np.testing.assert_array_equal(found[:3], given.inputs[0][:3])


def test_other_targets_differ_at_masked_steps_alone():
    target = targets(np.zeros((*VALID.shape, 2)))
    assert ((others(target) != target).any(-1) == ~VALID).all()
    assert (longer_targets(target)[:, :STEPS] == target).all()
    alone = targets(np.zeros((4, 2)))  # of an output without steps
    assert (others(alone) == alone).all() and (longer_targets(alone) == alone).all()


@pytest.mark.parametrize(
    "known", [divisors(EACH, VALID), of_batches(EACH, [[0, 1, 2], [3]])], ids=["one", "two batches"]
)
def test_what_a_loss_is_divided_by_can_be_told_from_its_value(known):
    for one, other in itertools.combinations(known.values(), 2):
        assert not same(np.asarray(one, "float32"), np.asarray(other, "float32"))


@pytest.mark.parametrize("told", [0.5, [0.5, 0.2], np.float32(0.5), {"loss": 0.5, "mae": 1.0}])
def test_the_loss_is_the_first_of_what_a_model_tells(told):
    assert first(told) == 0.5


def test_the_matrices_of_embeddings_are_found_by_their_shape():
    trial = ModelTrial(None, SUBJECTS[0])
    trial.once("weights", lambda: [np.zeros((9, 4)), np.zeros((4, 12)), np.zeros((9, 4))])
    assert trial.embeddings() == [0, 2]
    other = ModelTrial(None, SUBJECTS[0])
    other.once("weights", lambda: [np.zeros((4, 12))])
    with pytest.raises(NotAsked):
        other.embeddings()


def test_models_that_stand_for_others_are_few_and_of_several_sorts():
    roads = [subject for subject in SUBJECTS if subject.takes_all_roads]
    assert 2 < len(roads) < 7
    assert len({subject.page for subject in roads}) > 2
    assert 1 < sum(subject.runs_compiled for subject in SUBJECTS) < 4
