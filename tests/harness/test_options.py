"""Choosing what to run: a claim, an implementation, a cell; and what cannot be chosen."""

import pytest
from fakes import fake

BOTH = ("keras==3.15.1", "tensorflow==2.18.0", "tf_keras==2.17.0")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--claim", "demo.pad-last"), "--claim demo.pad-last: there is no such claim; did you "
         "mean demo.pads-last, "),
        (("--claim", "x"), "--claim x: there is no such claim; known: demo.computing-drops, "),
        (("--implementation", "tfkeras"), "--implementation tfkeras: there is no such "
         "implementation; did you mean tf_keras, "),
        (("--implementation", "tf.keras"), "--implementation tf.keras: not installed here; there "
         "is keras 3.15.1 (tensorflow 2.18.0) (cell keras3.15-tensorflow)"),
        (("--cell", "keras3.15"), "--cell keras3.15: there is no such cell; did you mean keras3"),
        (("--cell", "tf2.15"), "--cell tf2.15: not installed here; there is keras 3.15.1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_one_line(mini, arguments, message):
    done = mini.run(*arguments)
    assert done.code == 4
    assert message in done.output
    assert len(done.output.splitlines()) <= 2


def test_claims_are_chosen_by_id(mini):
    done = mini.run("--claim", "demo.kinds-keep", "--claim", "demo.twice")
    assert done.code == 0
    assert "2 claims, 3 cases" in done.output
    assert "5 deselected" in done.output


def test_one_of_several_implementations_is_chosen_by_name(mini):
    done = mini.run("--implementation", "tf_keras", on=BOTH)
    assert "tf_keras 2.17.0 (tensorflow 2.18.0), Python" in done.output
    assert "8 passed" in done.output


def test_the_cell_that_is_installed_runs(mini):
    done = mini.run("--cell", "keras3.15-tensorflow", on=BOTH)
    assert done.code == 0
    assert "8 passed" in done.output


def test_without_a_framework_there_is_one_clear_error(mini):
    done = mini.run(on=())
    assert done.code == 4
    assert done.count("no Keras is installed in this environment") == 1
    assert "Traceback" not in done.output


def test_without_a_framework_there_is_one_clear_error_under_xdist(mini):
    done = mini.run("-p", "xdist", "-n", "2", on=())
    assert done.code == 4
    assert done.count("no Keras is installed in this environment") == 1
    assert "Traceback" not in done.output
    assert "INTERNALERROR" not in done.output


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["serial", "xdist"])
def test_a_framework_that_cannot_be_imported_is_one_clear_error(mini, workers):
    broken = fake(mini.folder / "broken", "keras==3.15.1", "raise ImportError('no libfoo')")
    done = mini.run(*workers, on=(str(broken), "tensorflow==2.18.0"))
    assert done.code == 4
    assert done.count("cannot be imported: ImportError: no libfoo") == 1
    assert "Traceback" not in done.output
    assert "INTERNALERROR" not in done.output


def test_a_broken_list_of_cells_is_named(mini):
    mini.write("spec/releases/cells.json", "{")
    done = mini.run()
    assert done.code == 4
    assert "cells.json: cannot be read" in done.output
    assert "Traceback" not in done.output


def test_without_a_framework_the_cases_are_still_listed(mini):
    done = mini.run("--collect-only", "-q", on=())
    assert done.code == 0
    assert "tests/test_demo.py::test_kinds_keep[none-copy]" in done.output


@pytest.mark.parametrize(
    "backend, message",
    [("theano", "not one of tensorflow, jax, torch"), ("jax", "jax is not installed here")],
)
def test_a_backend_that_cannot_be_used_is_one_clear_error(mini, backend, message):
    done = mini.run(KERAS_BACKEND=backend)
    assert done.code == 4
    assert done.count(message) == 1
    assert "Traceback" not in done.output


def test_a_release_before_the_first_is_one_clear_error(mini):
    done = mini.run(on=("keras==3.13.0", "tensorflow==2.18.0"))
    assert done.code == 4
    assert done.count("keras 3.13.0 is older than 3.14, the first release") == 1
