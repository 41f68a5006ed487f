"""The table of checks, and what importing costs; no framework is needed."""

import subprocess
import sys

import pytest
from miniature import ROOT

from maskspec.atlas.aspects import ASPECTS
from maskspec.atlas.questions import load
from maskspec.catalogue import addresses, pages
from maskspec.checking import snippets
from maskspec.checking.checks import CHECKS, ENDS_IT, NO_COPIES, NO_STEPS, TABLE, WHOM, AsIn

assert load()
CLAIMS = pages.read(ROOT).by_id()
each_check = pytest.mark.parametrize("check", TABLE, ids=str)


def test_no_two_checks_have_one_name():
    assert len(CHECKS) == len(TABLE)


@each_check
def test_asks_an_aspect_and_accepts_outcomes_that_it_has(check):
    aspect = ASPECTS[check.aspect]
    if isinstance(check.accepts, AsIn):
        assert ASPECTS[check.accepts.aspect].outcomes == aspect.outcomes
    else:
        known = {*aspect.outcomes, NO_STEPS, ENDS_IT, NO_COPIES}
        assert set(check.accepts) <= known
        assert check.accepts


@each_check
def test_something_can_fail_it(check):
    assert (
        isinstance(check.accepts, AsIn)
        or check.name == "works-with-a-mask"
        or (
            check.name == "works-without-a-mask"  # these fail where the layer raises an error
            or set(ASPECTS[check.aspect].outcomes) - set(check.accepts)
        )
    )


@each_check
def test_comes_after_checks_that_stand_above_it(check):
    names = [one.name for one in TABLE]
    assert set(check.after) <= set(names)
    assert check.name not in check.after
    assert check.whom in WHOM


@each_check
def test_leads_to_a_claim_and_has_a_program(check):
    assert check.claim in CLAIMS
    assert check.aspect in snippets.BODIES


def test_no_program_is_of_an_aspect_without_a_check():
    assert set(snippets.BODIES) == {check.aspect for check in TABLE}


@each_check
def test_page_on_the_checks_has_each_of_them(check):
    page = (ROOT / "maskspec" / "checking" / "README.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{check.name}`"))
    assert f"| {ASPECTS[check.aspect].question} |" in row


def test_page_is_the_sites_if_there_is_one(monkeypatch):
    assert addresses.of_claim("rnn.state-held") == "spec/rnn.md#rnn.state-held"
    monkeypatch.setattr(addresses, "SITE", "https://example.org/")
    assert addresses.of_claim("rnn.state-held") == "https://example.org/c/rnn.state-held.html"


def test_importing_costs_no_framework_and_no_numpy():
    code = "import sys, maskspec.checking as c; print(*sys.modules); c.check_layer"
    code += "; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=str(ROOT), capture_output=True, text=True, check=True
    )
    at_first, later = (set(line.split()) for line in done.stdout.splitlines())
    frameworks = {"tensorflow", "keras", "tf_keras", "jax", "torch", "pytest"}
    assert not at_first & {"numpy", *frameworks}
    assert not later & frameworks
    assert "numpy" in later
