"""``explain``: from a message, a name or a question to the claims and facts that answer it."""

import argparse

import pytest
from miniature import ROOT

from maskspec.catalogue import pages
from maskspec.rendering import explain
from maskspec.rendering.messages import messages
from maskspec.running.discovery import Installed

KERAS = Installed("keras", "3.15.1", "tensorflow", "2.18", "3.15", "keras3.15-tensorflow")
DESTROYED = (
    "UserWarning: Layer 'own' (of type Own) was passed an input with a mask attached to it. "
    "However, this layer does not support masking and will therefore destroy the mask information."
)
FIRST = [
    ("'tuple' object has no attribute 'layer'", "node-error.reverse-direction"),
    ("AttributeError: 'tuple' object has no attribute 'rank'",
     "node-error.keras-3-tensor-in-tf-keras"),
    ("ValueError: Unknown layer: 'NotEqual'", "custom-layers.h5-with-a-mask-cannot-be-loaded"),
    ("TypeError: Layer own does not support masking, but was passed an input_mask",
     "custom-layers.unflagged-compute-mask-raises"),
    (DESTROYED, "custom-layers.destroyed-mask-warned"),
    (DESTROYED.replace("own", "conv1d").replace("Own", "Conv1D"),
     "custom-layers.destroyed-mask-warned"),
    ("metrics and masked steps", "weights-and-metrics.metrics-skip-masked-steps"),
    ("GlobalAveragePooling1D NaN fully masked row", "consumption.nothing-left"),
    ("mask_zero", "generation.embedding-only-with-mask-zero"),
    ("LSTM cudnn padding", "rnn.post-padding-for-cudnn"),
    ("pad_sequences pre or post", "padding.pre-by-default"),
    ("loss.mean-over-valid-steps", "loss.mean-over-valid-steps"),
]  # fmt: skip


def ids(text):
    return [one.claim.id for one in explain.answers(ROOT, text)]


@pytest.mark.parametrize("text, claim", FIRST, ids=[claim for _, claim in FIRST])
def test_the_best_answer_is_the_claim_about_it(text, claim):
    assert ids(text)[0] == claim


@pytest.mark.parametrize(
    "text, claim",
    [
        ("'Node' object has no attribute 'output_masks'", "node-error.message-exists"),
        ("supports_masking in a custom layer", "custom-layers.supports-masking-forwards"),
        ("does the loss divide by the valid steps", "loss.sum-over-valid-by-all-steps"),
        ("Conv1D mask", "consumption.convolution-and-pooling-ignore-the-mask"),
    ],
)
def test_the_claim_about_it_is_among_the_first_five(text, claim):
    assert claim in ids(text)[:5]


def test_a_message_is_known_from_the_tests_alone():
    known = messages(ROOT)
    claims = pages.read(ROOT).by_id()
    assert len(known) > 50
    assert known.keys() <= claims.keys()
    assert "'tuple' object has no attribute 'layer'" in known["node-error.reverse-direction"][
        0
    ].replace("\\", "")


def test_what_is_found_by_its_message_is_said_to_be():
    told = list(explain.in_words(ROOT, "ValueError: Unknown layer: 'NotEqual'", 1))
    assert "   the test of this claim looks for that message" in told


def test_facts_of_a_layer_that_is_named_are_told_by_the_release_most_like_the_installed_one():
    found = explain.facts(ROOT, "Which mask does the output of LSTM carry?", KERAS, 2)
    assert found[0].question == "Which mask does the output carry?"
    assert (found[0].outcome, found[0].cell) == ("the input's", "keras3.15-tensorflow")
    assert explain.facts(ROOT, "which mask", KERAS, 2) == []


@pytest.mark.parametrize(
    "text, layers",
    [("does dropout keep the mask", ["Dropout(0.5)"]), ("does masking add a mask", [])],
    ids=["name", "words"],
)
def test_a_layer_may_be_named_in_small_letters_unless_that_is_a_word(text, layers):
    found = explain.facts(ROOT, text, KERAS, 9)
    assert list(dict.fromkeys(fact.subject for fact in found)) == layers


def test_what_nothing_is_about_says_so(capsys):
    asked = argparse.Namespace(root=ROOT, text=["zzyzx", "qqq"], most=3)
    assert explain.main(asked) == 1
    assert capsys.readouterr().out == "nothing here is about 'zzyzx qqq'\n"


def test_an_answer_has_its_sentence_where_it_holds_and_its_page(capsys):
    asked = argparse.Namespace(root=ROOT, text=["loss.mean-over-valid-steps"], most=3)
    assert explain.main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1. With a mask, a compiled loss is the mean over the valid steps."
    assert lines[1].startswith("   Differs; now holds in tf.keras >= 2.11, tf_keras")
    assert lines[-1] == "   finding: spec/loss.md#loss.mean-over-valid-steps"


def test_words_of_names_are_found_by_their_parts():
    assert explain.words_of("What does GlobalMaxPooling1D do?") == [
        "globalmaxpooling1d", "global", "max", "pooling",
    ]  # fmt: skip
