"""The old standalone Keras decides only the claims that say so."""

import pytest

BESIDE = ("keras==2.3.1", "tensorflow==2.15.1")
TESTS = "tests/test_demo.py"
ZERO = '@claim("demo.pads-with-zero"'


@pytest.fixture
def old(mini):
    """The miniature, with a claim that is decided on standalone Keras as well."""
    mini.edit(TESTS, ZERO, ZERO + ", standalone=True")
    mini.add_cell("standalone2.3", implementation="standalone", release="2.3")
    return mini


def test_only_claims_that_say_so_run_there(old):
    done = old.run("-v", "--cell", "standalone2.3", on=BESIDE)
    assert done.code == 0, done.output
    assert "standalone 2.3.1 (tensorflow 2.15.1), Python" in done.output
    assert ": 1 claim, 1 case" in done.output


def test_tensorflow_beside_it_runs_them_all(old):
    done = old.run("-v", "--implementation", "tf.keras", on=BESIDE)
    assert ": 7 claims, 8 cases" in done.output


def test_its_record_has_only_their_rows_and_is_complete(old):
    done = old.run("--record=spec/releases", on=BESIDE)
    assert done.code == 0, done.output
    assert [row.claim for row in old.record("standalone2.3").rows] == ["demo.pads-with-zero"]
    assert {problem.rule for problem in old.problems()} == {"stale-evidence"}


def test_a_claim_that_it_need_not_decide_is_not_refuted_there(old):
    old.edit(TESTS, '"keras": "<3.15", "*"', '"keras": "<3.15", "standalone": None, "*"')
    rules = [(p.rule, p.what) for p in old.problems()]
    assert ("unused-expectation", "demo.pads-first holds=: the entry 'standalone' changes "
            "nothing on any known release") in rules  # fmt: skip
