"""The atlas: what a run records of facts, and what it says of them."""

import pytest
from atlases import CELL, DAMAGED, atlas_of
from miniature import CELLS


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
