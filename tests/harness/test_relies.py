"""``relies_on``: what the tests of other people take for granted."""

import json
import subprocess
import sys

import pytest
from miniature import ROOT

from maskspec.__main__ import main
from maskspec.catalogue import cells
from maskspec.catalogue.home import like
from maskspec.checking import relies
from maskspec.checking.relies import NotSo, relies_on
from maskspec.running.discovery import Installed

ALONE = {"PYTHONPATH": str(ROOT), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
HOLDS_SINCE_2_11 = "loss.mean-over-valid-steps"


def installed(monkeypatch, implementation, version, backend="tensorflow"):
    one = Installed(implementation, version, backend, "?", version, "")
    monkeypatch.setattr(relies, "discover", lambda releases: [one])


def test_what_holds_is_relied_on(monkeypatch):
    installed(monkeypatch, "tf.keras", "2.15.0")
    relies_on(HOLDS_SINCE_2_11, "custom-layers.default-destroys-mask")


def test_what_does_not_hold_fails_with_all_that_there_is_to_say(monkeypatch):
    installed(monkeypatch, "tf.keras", "2.10.0")
    with pytest.raises(NotSo) as caught:
        relies_on(HOLDS_SINCE_2_11)
    assert str(caught.value).splitlines() == [
        f"{HOLDS_SINCE_2_11} does not hold on tf.keras 2.10.0, as recorded of tf2.10",
        "  relied on: With a mask, a compiled loss is the mean over the valid steps.",
        "  where:     Differs; now holds in tf.keras >= 2.11, tf_keras, Keras 3 on TensorFlow and "
        "PyTorch and Keras >= 3.6 on JAX",
        "  instead:   With a mask, a compiled loss is the sum over the valid steps, divided by the "
        "number of all steps. (loss.sum-over-valid-by-all-steps)",
        f"  page:      spec/loss.md#{HOLDS_SINCE_2_11}",
    ]


def test_a_claim_that_holds_in_part_names_the_cases_and_one_case_can_be_relied_on(monkeypatch):
    installed(monkeypatch, "tf.keras", "2.2.0")
    with pytest.raises(NotSo, match="holds in part only") as caught:
        relies_on("propagation.automatic-in-models")
    case = str(caught.value).partition("not for:   ")[2].split(",")[0].split(";")[0]
    with pytest.raises(NotSo, match="does not hold"):
        relies_on(f"propagation.automatic-in-models[{case}]")
    relies_on("propagation.automatic-in-models[functional-Embedding-Dense]")


def test_a_release_that_is_not_recorded_is_judged_by_the_one_most_like_it(monkeypatch):
    installed(monkeypatch, "keras", "3.99.0")
    with pytest.raises(NotSo, match="as recorded of keras3.15-tensorflow, the recorded"):
        relies_on("loss.sum-over-valid-by-all-steps")


def test_the_cell_most_like_a_release_comes_first():
    known = cells.load(ROOT).cells.values()

    def first(*release):
        return like(known, *release)[0].name

    assert first("keras", "3.5.0", "jax") == "keras3.5-jax"
    assert first("keras", "3.8.0", "jax") == "keras3.7-jax"
    assert first("keras", "3.99", "torch") == "keras3.15-torch"
    assert first("tf.keras", "2.1.0", "tensorflow") == "tf2.2"
    assert first("keras", "3.16.0.dev1", "tensorflow") == "keras3.15-tensorflow"


def test_a_claim_that_there_is_not_is_an_error_with_the_nearest(monkeypatch):
    installed(monkeypatch, "keras", "3.15.0")
    with pytest.raises(
        ValueError, match="no claim loss.mean-over-valid; did you mean loss.mean-over"
    ):
        relies_on("loss.mean-over-valid")


def test_an_implementation_that_is_not_installed_is_an_error(monkeypatch):
    installed(monkeypatch, "keras", "3.15.0")
    with pytest.raises(ValueError, match="tf_keras is not installed here; there is keras"):
        relies_on(HOLDS_SINCE_2_11, implementation="tf_keras")


SUITE = """
import pytest
from maskspec.checking import relies
from maskspec.running.discovery import Installed

HERE = Installed("tf.keras", "2.10.0", "tensorflow", "?", "2.10.0", "")
relies.discover = lambda releases: [HERE]

@pytest.mark.relies_on("loss.mean-over-valid-steps")
@pytest.mark.parametrize("x", [1, 2])
def test_marked(x):
    pass

@pytest.mark.relies_on("loss.sum-over-valid-by-all-steps")
def test_fine():
    pass

def test_called():
    relies.relies_on("custom-layers.default-destroys-mask")
"""


def run(folder, *arguments, suite=SUITE):
    (folder / "test_mine.py").write_text(suite)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "maskspec_relied", "-p", "no:cacheprovider",
         "--strict-markers", "test_mine.py", *arguments],
        cwd=str(folder), env=ALONE,
        capture_output=True, text=True,
    )  # fmt: skip


def test_the_marker_fails_a_test_with_what_the_function_says(tmp_path):
    done = run(tmp_path)
    assert "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert f"{HOLDS_SINCE_2_11} does not hold on tf.keras 2.10.0" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_marker_that_names_no_claim_fails_in_one_line(tmp_path):
    suite = SUITE.replace("loss.sum-over-valid-by-all-steps", "loss.sum-over-valid")
    done = run(tmp_path, "-k", "test_fine", suite=suite)
    assert "there is no claim loss.sum-over-valid; did you mean" in done.stdout, done.stdout
    assert "def pytest_runtest_call" not in done.stdout


def test_all_that_a_suite_relies_on_is_listed_without_running_it(tmp_path):
    done = run(tmp_path, "--collect-only", "--maskspec-relied=relied.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "relied.txt").read_text().splitlines() == [
        "custom-layers.default-destroys-mask  # test_mine.py:19",
        "loss.mean-over-valid-steps  # test_mine.py::test_marked",
        "loss.sum-over-valid-by-all-steps  # test_mine.py::test_fine",
    ]
    assert "claims relied on" in done.stdout


def test_the_plugin_imports_nothing_of_ours_for_tests_that_rely_on_nothing(tmp_path):
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert not [m for m in sys.modules if m.startswith('maskspec.') or m == 'maskspec']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "maskspec_relied", "-p", "no:cacheprovider"],
        cwd=str(tmp_path), env=ALONE,
        capture_output=True, text=True,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout


def test_diff_tells_which_of_them_change(tmp_path, capsys):
    file = tmp_path / "relied.txt"
    file.write_text(f"{HOLDS_SINCE_2_11}  # test_mine.py::test_marked\n# words\n\n"
                    "custom-layers.default-destroys-mask[functional]\n")  # fmt: skip
    arguments = ["--root", str(ROOT), "diff", "tf2.10", "tf2.15", "--relied", str(file)]
    assert main(arguments) == 1
    said = capsys.readouterr().out
    assert said.startswith(
        "tf2.10 (tf.keras 2.10.1) -> tf2.15 (tf.keras 2.15.1): 1 of 2 claims change"
    )
    assert f"{HOLDS_SINCE_2_11}: refuted -> holds" in said
    assert "of the facts" not in said
    main([*arguments, "--json"])
    data = json.loads(capsys.readouterr().out)
    assert [one["claim"] for one in data["changes"]] == [HOLDS_SINCE_2_11]
    assert data["facts"] == []


def test_a_file_that_names_no_claim_is_refused(tmp_path, capsys):
    file = tmp_path / "relied.txt"
    file.write_text("loss.mean-over-valid\n")
    assert main(["--root", str(ROOT), "diff", "tf2.10", "tf2.15", "--relied", str(file)]) == 2
    assert "there is no claim loss.mean-over-valid; did you mean" in capsys.readouterr().err
