"""A run of the plugin from end to end: what passes, what fails, and what it says of it."""

import re
import shlex

import pytest

TESTS = "tests/test_demo.py"
FAULTS = """

@claim("demo.pads-with-zero")
def test_precondition(keras):
    require(keras.padding() == 1, "padding is one")


@claim("demo.pads-with-zero")
def test_other_error(keras):
    with refuted_by(ValueError):
        keras.fail(KeyError("lost"))


@claim("demo.pads-with-zero")
def test_assert_of_the_framework(keras):
    keras.insist(False)


def test_no_claim():
    assert True
"""


@pytest.fixture(scope="module")
def expected(prepared):
    """A run in which everything is as expected."""
    return prepared.run("-v")


@pytest.fixture(scope="module")
def surprise(prepared, tmp_path_factory):
    """A miniature in which one claim is unexpectedly refuted and one unexpectedly holds."""
    mini = prepared.copy(tmp_path_factory.mktemp("surprise") / "mini")
    mini.edit(TESTS, "keras.padding() == 0", "keras.padding() == 2")
    mini.edit(TESTS, "keras.padding() == 1", "keras.padding() == 0")
    return mini


@pytest.fixture(scope="module")
def unexpected(surprise):
    return surprise.run()


@pytest.fixture(scope="module")
def faulty(prepared, tmp_path_factory):
    """A run in which tests are at fault, each in another way."""
    mini = prepared.copy(tmp_path_factory.mktemp("faulty") / "mini")
    mini.write(TESTS, mini.read(TESTS) + FAULTS)
    return mini.run()


def test_expected_verdicts_pass_whatever_they_are(expected):
    assert expected.code == 0
    assert "8 passed" in expected.output
    assert "4 hold, 1 hold in part, 2 refuted, 0 without their API: as expected" in expected.output


def test_the_summary_says_how_each_source_fares(expected):
    line = "  talk: 3 true, 1 in part, 1 not true, of 5 statements tested\n"
    assert line in expected.output


def test_the_summary_names_what_is_said_and_refuted(expected):
    line = "  not so: Padding is one. (spec/demo.md#demo.pads-with-one)\n"
    assert line in expected.output
    assert "Padding goes first." not in expected.output  # a finding about other releases
    assert "Every kind keeps" not in expected.output  # only on request


def test_every_verdict_is_listed_on_request(prepared):
    output = prepared.run("--verdicts").output
    assert "  so in part: Every kind keeps the mask. (spec/demo.md#demo.kinds-keep)\n" in output
    assert "      not for: compute\n" in output
    assert "  not so: Padding goes first. (spec/demo.md#demo.pads-first)\n" in output


@pytest.mark.parametrize(
    "test, verdict",
    [("zero[keras]", "HOLDS"), ("one[keras]", "REFUTED"), ("p[keras-copy]", "HOLDS")],
)
def test_each_case_shows_its_verdict(expected, test, verdict):
    assert re.search(re.escape(test) + f" {verdict} ", expected.output)


def test_the_header_names_what_is_tested(expected):
    assert (
        "maskspec: keras 3.15.1 (tensorflow 2.18.0), cell keras3.15-tensorflow" in expected.output
    )


def test_what_does_not_exist_is_unavailable_and_passes(mini):
    done = mini.run("--claim", "demo.twice", on=("tensorflow==2.15.1",))
    assert done.code == 0
    assert "0 hold, 0 hold in part, 0 refuted, 1 without their API: as expected" in done.output
    assert "no such API here: `ops.twice` doubles. (spec/demo.md#demo.twice)" in done.output


def test_an_unexpected_verdict_in_either_direction_fails(unexpected):
    assert unexpected.code == 1
    assert "2 unexpected" in unexpected.output
    assert "2 of them unexpectedly" in unexpected.output


@pytest.mark.parametrize(
    "line",
    [
        "  demo.pads-with-zero\n",
        "    claim:    Padding is zero.\n",
        "    said in:  talk-001\n",
        "    page:     spec/demo.md#demo.pads-with-zero\n",
        "    test:     tests/test_demo.py:8\n",
        "    expected: holds on keras3.15-tensorflow\n",
        "    observed: refuted: not so: keras.padding() == 2\n",
        "    recorded: holds on all 3 cells\n",
        "    rerun:    pytest --claim demo.pads-with-zero --implementation keras\n",
        "    claim:    Padding is one.\n",
        "    expected: refuted on keras3.15-tensorflow\n",
        "    observed: holds: the claim as it is said\n",
    ],
)
def test_an_unexpected_verdict_is_explained(unexpected, line):
    assert line in unexpected.output


def test_an_unexpected_verdict_shows_no_traceback(unexpected):
    assert "Traceback" not in unexpected.output
    assert "FAILURES" not in unexpected.output


def test_the_rerun_command_gives_the_same_again(surprise, unexpected):
    command = re.search(r"rerun: +pytest (.*zero.*)\n", unexpected.output).group(1)
    again = surprise.run(*shlex.split(command))
    assert again.code == 1
    assert "    observed: refuted: not so: keras.padding() == 2\n" in again.output
    assert "1 claim, 1 case" in again.output


def test_a_fault_is_an_error_and_no_verdict(faulty):
    assert faulty.code == 1
    assert faulty.count("\nERROR, no verdict on demo.pads-with-zero [] on keras3.15-tens") == 3
    assert "as expected of this release; NO VERDICT on 1" in faulty.output
    assert " unexpected\n" not in faulty.output


@pytest.mark.parametrize(
    "line",
    [
        "  Precondition: precondition not met: padding is one\n",
        "  KeyError: 'lost'\n",
        "  AssertionError: a framework's invariant\n",
    ],
)
def test_a_fault_is_told_in_one_short_block(faulty, line):
    block = faulty.output[: faulty.output.index(line)].rpartition("ERROR, ")[2]
    assert re.fullmatch(r"no verdict on .*\n  at tests/test_demo\.py:\d+\n", block)
    assert "Traceback" not in faulty.output


def test_a_fault_shows_its_traceback_on_request(mini):
    mini.edit(TESTS, "keras.padding() == 0", "keras.fail(KeyError('lost'))")
    done = mini.run("--claim", "demo.pads-with-zero", "--tb=short")
    assert "raise error" in done.output  # the line of the framework


def test_a_test_without_a_claim_runs_as_usual(faulty):
    assert "3 failed, 9 passed" in faulty.output


def test_a_newer_release_is_judged_by_the_newest_and_said_to_be_new(mini):
    done = mini.run(on=("keras==3.16.0", "tensorflow==2.18.0"))
    assert done.code == 0
    assert "newer than any recorded release; judged by what is expected of 3.15" in done.output
    assert (
        "verdicts that differ from keras3.15-tensorflow, the newest recorded: none" in done.output
    )


def test_what_a_newer_release_changes_is_listed(mini):
    mini.edit(TESTS, "keras.padding() == 0", 'keras.installed.version != "3.16.0"')
    done = mini.run(on=("keras==3.16.0", "tensorflow==2.18.0"))
    assert done.code == 1
    assert (
        "  verdicts that differ from keras3.15-tensorflow, the newest recorded: 1\n" in done.output
    )
    assert "    demo.pads-with-zero: holds -> refuted\n" in done.output


def test_a_patch_release_may_have_a_cell_of_its_own(mini):
    mini.add_cell("keras3.15.0-tensorflow", implementation="keras", release="3.15.0")
    for version, cell in (("3.15.0", "keras3.15.0"), ("3.15.2", "keras3.15")):
        done = mini.run("-v", "--collect-only", on=(f"keras=={version}", "tensorflow==2.18.0"))
        assert f"keras {version} (tensorflow 2.18.0), cell {cell}-tensorflow\n" in done.output


def test_a_pre_release_is_a_cell_of_its_own(mini):
    done = mini.run("-v", on=("keras==3.16.0rc1", "tensorflow==2.18.0"))
    assert "keras 3.16.0rc1 (tensorflow 2.18.0), cell keras3.16-tensorflow-pre" in done.output


def test_every_implementation_installed_is_tested(mini):
    done = mini.run(on=("keras==3.15.1", "tensorflow==2.18.0", "tf_keras==2.17.0"))
    assert done.code == 0
    assert "16 passed" in done.output
    assert "keras 3.15.1 (tensorflow 2.18.0), Python" in done.output
    assert "tf_keras 2.17.0 (tensorflow 2.18.0), Python" in done.output
    assert "tf.keras" not in done.output
