"""The two doors: what ``check_layer`` takes and says, and what pytest makes of a list of layers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from broken import broken

from maskspec.checking import MaskingError, check_layer, parametrize_with_checks
from maskspec.checking.implementation import UnknownLayer
from maskspec.checking.inputs import InputsError
from maskspec.checking.layers import CannotBuild

ROOT = Path(__file__).resolve().parents[2]
LEAK = "padding-does-not-leak"


@pytest.fixture
def plain_mean(keras):
    return broken(keras)["PlainMean"].make


def test_expected_failure_passes(plain_mean):
    results = check_layer(plain_mean, expected_failures={LEAK: "it takes no mask yet"})
    assert [r.expected for r in results if not r.passed] == ["it takes no mask yet"]


def test_what_passes_although_it_is_expected_to_fail_is_an_error(keras):
    with pytest.raises(MaskingError, match="passes, but was expected to fail: it leaks"):
        check_layer(keras.layers.Dense(3), expected_failures={LEAK: "it leaks"})


@pytest.mark.parametrize("given, says", [
    ({"checks": []}, "checks= names no check"),
    ({"expected_failures": [LEAK]}, "maps names of checks to reasons"),
], ids=["checks", "expected_failures"])  # fmt: skip
def test_arguments_of_another_kind_say_what_to_give(keras, given, says):
    with pytest.raises(ValueError, match=says):
        check_layer(lambda: keras.layers.Dense(3), **given)


def test_one_check_may_be_named_without_a_list(keras):
    assert [one.check for one in check_layer(keras.layers.Dense(3), checks=LEAK)] == [LEAK]


def test_what_is_expected_to_fail_and_not_asked_is_an_error(plain_mean):
    expected = {LEAK: "…", "mask-argument-counts": "…"}
    with pytest.raises(MaskingError, match="expected to fail, but not asked: PlainMean takes no"):
        check_layer(plain_mean, expected_failures=expected)


@pytest.mark.parametrize("argument", ["checks", "expected_failures"])
def test_unknown_check_is_an_error(keras, argument):
    value = {"padding-does-not-leek": "…"}
    with pytest.raises(ValueError, match="did you mean 'padding-does-not-leak'"):
        check_layer(keras.layers.Dense(3), **{argument: value})


@pytest.mark.parametrize("thing", [3, "LSTM", lambda: 3, object()], ids=str)
def test_what_is_no_layer_is_said_to_be_none(thing):
    with pytest.raises(UnknownLayer, match="is no layer of tf.keras, tf_keras or Keras 3"):
        check_layer(thing)


def test_layer_that_cannot_be_copied_needs_a_builder(keras):
    class NeedsUnits(keras.layers.Layer):
        def __init__(self, units):
            super().__init__()

        def call(self, inputs):
            return inputs

        def get_config(self):
            return {}

    with pytest.raises(CannotBuild, match=r"give a function that builds it, check_layer\(lambda"):
        check_layer(NeedsUnits(3))
    assert check_layer(lambda: NeedsUnits(3), checks=[LEAK])


def test_a_function_has_to_build_a_fresh_layer_each_time(keras):
    layer = keras.layers.Dense(3)
    with pytest.raises(CannotBuild, match="returned the same Dense twice"):
        check_layer(lambda: layer)


def test_a_class_that_a_function_returns_is_said_to_be_one(keras):
    with pytest.raises(UnknownLayer, match="the class Dense is no layer"):
        check_layer(lambda: keras.layers.Dense)


@pytest.mark.parametrize("given", ["instance", "pinned"])
def test_a_layer_that_comes_with_its_dtype_is_not_asked_of_others(keras, given):
    """Under any policy it works in float32, so that the check could not fail."""
    layers = {
        "instance": keras.layers.LSTM(3),
        "pinned": lambda: keras.layers.LSTM(3, dtype="float32"),
    }
    asked = [one.check for one in check_layer(layers[given])]
    assert LEAK in asked
    assert not [name for name in asked if "float16" in name]


INPUTS = {  # and how many axes such an input has
    "shape": ((None, 8), 3),
    "shape of ids": (((None,), "int32"), 2),
    "fixed length": ((10, 8), 3),
    "example": (np.zeros((2, 5, 8), "float32"), 3),
    "images": ((None, 5, 5, 2), 5),
}


@pytest.mark.parametrize("inputs, axes", INPUTS.values(), ids=INPUTS)
def test_inputs_may_be_said(keras, inputs, axes):
    class Doubles(keras.layers.Layer):
        def call(self, inputs):
            seen.add(len(inputs.shape))
            return inputs * 2

    seen = set()
    check_layer(Doubles, inputs=inputs, checks=[LEAK])
    assert seen == {axes}


@pytest.mark.parametrize("inputs, says", [
    ((6,), "no axis of steps"),
    ((2, 6), "takes 4"),
    ((None, 0), "not understood"),
    ((None, 6.5), "not understood"),
], ids=repr)  # fmt: skip
def test_inputs_that_cannot_be_padded_are_refused(keras, inputs, says):
    with pytest.raises(InputsError, match=says):
        check_layer(lambda: keras.layers.Dense(3), inputs=inputs)


def test_a_tensor_may_be_an_example(keras):
    example = keras.tensor(np.zeros((2, 5, 8), "float32"))
    assert check_layer(lambda: keras.layers.Dense(3), inputs=example, checks=[LEAK])


def test_ids_that_are_said_are_as_ids_that_are_guessed(keras):
    class Encoder(keras.layers.Layer):
        def __init__(self, **more):
            super().__init__(**more)
            self.table = keras.layers.Embedding(10, 3, mask_zero=True)
            self.rnn = keras.layers.GRU(2)

        def call(self, inputs):
            return self.rnn(self.table(inputs))

    guessed = [one.check for one in check_layer(Encoder)]
    assert [one.check for one in check_layer(Encoder, inputs=((None,), "int32"))] == guessed


def test_inputs_in_a_dict_go_by_name(keras):
    class Adds(keras.layers.Layer):
        def call(self, inputs):
            return inputs["left"] + inputs["right"]

    found = check_layer(Adds, inputs={"left": (None, 6), "right": (None, 6)}, checks=[LEAK])
    assert found[0].passed


def test_arguments_go_by_name(keras):
    class Adds(keras.layers.Layer):
        def call(self, left, right):
            return left + right

    assert check_layer(Adds, inputs={"left": (None, 6), "right": (None, 6)}, checks=[LEAK])


@pytest.mark.parametrize("inputs", [3, (None, None), (), "ids", ((None,), "text")], ids=repr)
def test_senseless_inputs_are_refused(keras, inputs):
    with pytest.raises(InputsError, match="is not understood: give a shape"):
        check_layer(lambda: keras.layers.Dense(3), inputs=inputs)


def test_layer_that_takes_nothing_usual_says_what_was_tried(keras):
    class Refuses(keras.layers.Layer):
        def call(self, inputs):
            raise ValueError("no, thank you")

    with pytest.raises(InputsError, match=r"say which with inputs=[\s\S]*no, thank you"):
        check_layer(Refuses)


def test_ids_read_well(keras):
    mark = parametrize_with_checks([keras.layers.Dense(3), lambda: keras.layers.Dense(4)])
    ids = [parameter.id for parameter in mark.args[1]]
    assert f"Dense-{LEAK}" in ids
    assert len(ids) == 2 * len(set(ids))


TESTS = """
{imported}
from maskspec.checking import parametrize_with_checks

layers = keras.layers


@parametrize_with_checks(
    [lambda: layers.GlobalAveragePooling1D(), lambda: layers.Dense(3)],
    checks=["empty-row-gives-no-nan", "padding-does-not-leak"],
    expected_failures=lambda build: {expected},
)
def test_masking(layer, check):
    check(layer)
"""
IMPORTS = {
    "keras": "import keras",
    "tf.keras": "from tensorflow import keras",
    "tf_keras": "import tf_keras as keras",
}


@pytest.mark.parametrize("expected, came_of_it", [
    ("{}", "1 failed, 3 passed"),
    ('{"empty-row-gives-no-nan": "0 / 0"}', "1 failed, 2 passed, 1 xfailed"),  # Dense passes it
    ('{"empty-row-gives-no-nan": "0 / 0"} if "Glob" in str(build().name) or "glob" in '
     'str(build().name) else {}', "3 passed, 1 xfailed"),
])  # fmt: skip
def test_pytest_runs_every_check(keras, tmp_path, expected, came_of_it):
    text = TESTS.format(imported=IMPORTS[keras.implementation], expected=expected)
    (tmp_path / "test_mine.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=str(tmp_path), env=env, stdout=subprocess.PIPE, text=True)
    assert came_of_it in done.stdout
    if expected == "{}":
        assert "GlobalAveragePooling1D-empty-row-gives-no-nan" in done.stdout
        assert "seen: NaN" in done.stdout
