"""Verdicts over the releases, in words."""

import pytest

from maskspec.catalogue.cells import Cell
from maskspec.rendering.wording import by_implementation, describe, lately, newest

TF = ["2.2", "2.3", "2.10", "2.15"]
CELLS = [
    *(Cell(f"tf{r}", "tf.keras", r, "tensorflow", "3.11", ()) for r in TF),
    Cell("standalone2.3", "standalone", "2.3", "tensorflow", "3.8", ()),
    Cell("tf_keras2.21", "tf_keras", "2.21", "tensorflow", "3.11", ()),
    Cell("keras3.9-tensorflow", "keras", "3.9", "tensorflow", "3.11", ()),
    Cell("keras3.15-tensorflow", "keras", "3.15", "tensorflow", "3.11", ()),
    Cell("keras3.15-jax", "keras", "3.15", "jax", "3.11", ()),
    Cell("keras3.15-torch", "keras", "3.15", "torch", "3.11", ()),
]
HOLDS = {cell.name: "holds" for cell in CELLS}


def test_one_verdict_on_every_cell_is_said_in_one_word():
    assert describe(HOLDS, CELLS) == "holds on all 10 cells"


def test_how_many_cells_ran_is_said_where_not_all_did():
    ran = {name: verdict for name, verdict in HOLDS.items() if name != "tf_keras2.21"}
    assert (
        describe(ran, CELLS)
        == "holds in standalone Keras, tf.keras and Keras 3 (run on 9 of 10 cells)"
    )


def test_nothing_has_run():
    assert describe({}, CELLS) == "not run"


@pytest.mark.parametrize(
    "refuted, words",
    [
        (["tf2.2"], "refuted in tf.keras 2.2"),
        (["tf2.2", "tf2.3"], "refuted in tf.keras <= 2.3"),
        (["tf2.15"], "refuted in tf.keras >= 2.15"),
        (["tf2.10"], "refuted in tf.keras 2.10"),
        (["tf2.3", "tf2.10"], "refuted in tf.keras 2.3 to 2.10"),
        (["tf2.2", "tf2.10"], "refuted in tf.keras 2.2 and 2.10"),
        (["tf2.2", "tf2.3", "tf2.10", "tf2.15"], "refuted in tf.keras"),
        (["keras3.9-tensorflow"], "refuted in Keras 3.9"),
        (["keras3.15-jax"], "refuted in Keras 3 on JAX"),
        (["keras3.15-jax", "keras3.15-torch"], "refuted in Keras 3 on JAX and PyTorch"),
        (["standalone2.3"], "refuted in standalone Keras"),
    ],
    ids=str,
)
def test_where_a_verdict_differs_is_said_by_release_and_backend(refuted, words):
    verdicts = {**HOLDS, **dict.fromkeys(refuted, "refuted")}
    assert words in describe(verdicts, CELLS).split("; ")


def test_the_verdict_on_the_newest_releases_names_backends_only_where_they_differ():
    verdicts = {**HOLDS, "keras3.9-tensorflow": "refuted", "tf2.2": "refuted"}
    assert "tf.keras 2.15" in newest(verdicts, CELLS)
    assert "Keras 3.15" in newest(verdicts, CELLS)
    assert " on " not in newest(verdicts, CELLS)
    assert "holds in" in lately(verdicts, CELLS)
    assert "tf.keras >= 2.3" in lately(verdicts, CELLS)
    assert "refuted in Keras 3 on JAX" in lately({**verdicts, "keras3.15-jax": "refuted"}, CELLS)


def test_releases_are_in_the_order_of_their_numbers():
    verdicts = {**HOLDS, "tf2.10": "partly", "tf2.15": "partly"}
    assert "holds <= 2.3, partly >= 2.10" in by_implementation(verdicts, CELLS)["tf.keras"]


def test_backends_that_agree_where_both_ran_are_one_line():
    verdicts = {**HOLDS, "keras3.9-tensorflow": "refuted"}
    assert by_implementation(verdicts, CELLS)["keras"] == "refuted 3.9, holds >= 3.15"


def test_backends_that_differ_are_told_apart():
    verdicts = {**HOLDS, "keras3.15-jax": "refuted"}
    words = by_implementation(verdicts, CELLS)["keras"]
    assert words == "holds on TensorFlow and PyTorch; refuted on JAX"
