"""The verdict of a check: each way it can end, and what is noted of it."""

import contextlib
import re

import pytest

from maskspec import Precondition, Unavailable, observe, raises, refuted_by, require
from maskspec.running.judging import OBSERVED_MAX, judge, origin


def foreign(tmp_path, code):
    """The function ``f`` of a module outside the project."""
    path = tmp_path / "framework.py"
    path.write_text(code, encoding="utf-8")
    names = {}
    exec(compile(code, str(path), "exec"), names)
    return names["f"]


def raising(error):
    def check():
        raise error

    return check


def test_a_check_that_ends_holds():
    assert judge(lambda: None) == ("holds", "", "")


def test_a_failing_assert_refutes_and_its_text_is_observed():
    def check():
        assert sorted("ba") == ["b"]

    verdict, observed, _ = judge(check)
    assert (verdict, observed) == ("refuted", "not so: sorted('ba') == ['b']".replace("'", '"'))


def test_the_message_of_an_assert_is_observed_rather_than_its_text():
    def check():
        assert not 1, "the mask is gone"

    assert judge(check).observed == "the mask is gone"


def test_an_assert_inside_a_framework_is_no_refutation(tmp_path):
    insist = foreign(tmp_path, "def f():\n    assert False, 'invariant'\n")
    with pytest.raises(AssertionError, match="invariant"):
        judge(lambda: insist())


def test_an_assert_in_site_packages_below_the_project_is_no_refutation(tmp_path):
    home = tmp_path / ".venv" / "site-packages"
    home.mkdir(parents=True)
    insist = foreign(home, "def f():\n    assert False, 'invariant'\n")
    with pytest.raises(AssertionError, match="invariant"):
        judge(lambda: insist(), root=tmp_path)


def test_an_assert_below_the_root_that_is_given_refutes(tmp_path):
    check = foreign(tmp_path, "def f():\n    assert False, 'so it is'\n")
    assert judge(check, root=tmp_path).verdict == "refuted"


def test_a_precondition_decides_nothing():
    with pytest.raises(Precondition, match="precondition not met: the batch has padding"):
        judge(lambda: require([], "the batch has padding"))
    assert judge(lambda: require([0], "the batch has padding")).verdict == "holds"


def test_an_api_that_is_not_there_is_unavailable():
    assert judge(raising(Unavailable("there is no keras.ops"))) == (
        "unavailable",
        "there is no keras.ops",
        "",
    )


def test_any_other_exception_propagates():
    with pytest.raises(KeyError):
        judge(raising(KeyError("x")))


def test_the_exception_that_the_claim_names_refutes():
    def check():
        with refuted_by(ValueError, TypeError, match="no.* mask"):
            raise TypeError("there is no such mask")

    assert judge(check)[:2] == ("refuted", "TypeError: there is no such mask")


@pytest.mark.parametrize("error", [KeyError("no mask"), ValueError("something else")])
def test_another_type_or_message_than_the_claim_names_is_an_error(error):
    def check():
        with refuted_by(ValueError, match="no mask"):
            raise error

    with pytest.raises(type(error)):
        judge(check)


@pytest.mark.parametrize("error", [Unavailable("no"), Precondition("no"), AssertionError("no")])
def test_naming_every_exception_does_not_hide_what_else_can_end_a_check(error):
    with pytest.raises(type(error)), refuted_by(Exception):
        raise error


@pytest.mark.parametrize("error", [Unavailable("no"), Precondition("no")])
def test_a_check_that_catches_every_error_lets_these_pass(error):
    def check():
        with contextlib.suppress(Exception):
            raise error
        raise ValueError("it was swallowed")

    with pytest.raises(type(error)):
        check()


def test_a_block_that_raises_nothing_is_not_refuted():
    def check():
        with refuted_by(ValueError):
            pass

    assert judge(check).verdict == "holds"


@pytest.mark.parametrize("fails", [False, True], ids=["holds", "refuted"])
def test_what_a_check_observes_is_its_observation(fails):
    def check():
        observe(3)
        observe("masked")
        assert not fails

    assert judge(check).observed == "3; masked"


def test_observations_of_an_earlier_check_are_forgotten():
    judge(lambda: observe("earlier"))
    assert judge(lambda: None).observed == ""


@pytest.mark.parametrize(
    "seen, noted",
    [
        ("<object at 0x7f3a>", "<object>"),
        ("layer lstm_cell_12 of model_3", "layer lstm_cell of model"),
        ("0.123456789 and 1.5", "0.123 and 1.5"),
        ("1.23456e-08", "1.23e-08"),
        ("two\n  lines", "two lines"),
        ("keras 3.15.12345", "keras 3.15.12345"),
    ],
)
def test_what_differs_from_run_to_run_is_not_noted(seen, noted):
    assert judge(lambda: observe(seen)).observed == noted


def test_a_long_observation_is_cut():
    observed = judge(lambda: observe("x" * 1000)).observed
    assert len(observed) == OBSERVED_MAX
    assert observed.endswith("x…")


def test_the_origin_of_an_error_is_the_innermost_line_of_the_project(tmp_path):
    crash = foreign(tmp_path, "def f():\n    raise KeyError('x')\n")

    def innermost():
        crash()

    with pytest.raises(KeyError) as caught:
        judge(lambda: innermost())
    line = innermost.__code__.co_firstlineno + 1
    assert origin(caught.value) == f"tests/harness/test_judging.py:{line}"


def test_the_origin_of_a_precondition_is_the_line_that_requires_it():
    with pytest.raises(Precondition) as caught:
        require(False, "anything")
    assert re.fullmatch(r"tests/harness/test_judging\.py:\d+", origin(caught.value))


def test_an_error_without_a_line_of_the_project_says_so(tmp_path):
    crash = foreign(tmp_path, "def f():\n    raise KeyError('x')\n")
    with pytest.raises(KeyError) as caught:
        crash()
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    assert origin(caught.value) == "outside the project"


def test_of_a_long_message_the_line_that_the_claim_names_is_observed():
    def check():
        with refuted_by(ValueError, match="None"):
            message = "in user code:\n  \x1b[1mNone values not supported.\x1b[0m\n  • mask=None"
            raise ValueError(message)

    assert judge(check).observed == "ValueError: None values not supported."


def test_the_exception_that_the_claim_is_about_is_observed_and_holds():
    def check():
        with raises(ValueError, match="no mask") as raised:
            raise ValueError("a trace\nthere is no mask\nwhat was given")
        assert raised.error.args[0].startswith("a trace")

    assert judge(check)[:2] == ("holds", "ValueError: there is no mask")


def test_where_nothing_is_raised_a_claim_of_an_error_is_refuted():
    def check():
        with raises(ValueError):
            pass

    assert judge(check)[:2] == ("refuted", "nothing was raised")


@pytest.mark.parametrize("error", [KeyError("no mask"), ValueError("something else")])
def test_another_error_than_the_claim_is_about_decides_nothing(error):
    def check():
        with raises(ValueError, match="no mask"):
            raise error

    with pytest.raises(type(error)):
        judge(check)


def test_the_count_in_the_name_of_a_graph_is_not_observed():
    assert judge(lambda: observe("Op:__inference_one_step_on_data_148")).observed == (
        "Op:__inference_one_step_on_data"
    )
