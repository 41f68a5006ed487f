"""Well-behaved layers pass every check, and so do the programs that would show a fault."""

import warnings

import pytest
from broken import Nothing
from good import good

from maskspec import Unavailable
from maskspec.checking import check_layer

NAMES = sorted(good(Nothing()))
FLOAT16 = {"float16-keeps-the-mask": "casts the mask to float32 before TF 2.4"}


def faults(keras, name):
    """What is wrong with a built-in layer in this release."""
    release = tuple(map(int, keras.installed.version.split(".")[:2]))
    is_old = keras.implementation == "tf.keras" and release < (2, 4)
    found = {"GlobalAveragePooling1D": {"empty-row-gives-no-nan": "an empty row is 0 / 0"}}
    faults = dict(found.get(name, {}))
    if is_old and name in ("Attention", "GlobalAveragePooling1D"):
        faults.update(FLOAT16)
    return faults


@pytest.mark.parametrize("name", NAMES)
def test_passes_every_check(keras, name):
    make = good(keras)[name]
    try:
        make()
    except Unavailable:
        pytest.skip("there is no such layer in this release")
    assert check_layer(make, expected_failures=faults(keras, name))


def test_an_instance_is_copied(keras):
    layer = keras.layers.Dense(3)
    assert check_layer(layer)
    assert not layer.built


@pytest.mark.parametrize("name", ["LSTM sequences", "MaskedMean", "SumOfTwo", "Attention"])
def test_programs_pass_where_checks_do(keras, name):
    build = good(keras)[name]
    results = check_layer(build, raises=False)
    for result in (one for one in results if one.passed):
        kind = type(build())
        names = {kind.__name__: kind, "build": build}
        with warnings.catch_warnings(), keras.policy("float32"):
            warnings.simplefilter("ignore")
            try:
                exec(compile(result.snippet, "<snippet>", "exec"), names)
            except Exception as error:
                raise AssertionError(f"{result.check}: {error!r}\n{result.snippet}") from error


def test_global_average_pooling_divides_by_nothing(keras):
    """Keras's own layer has this fault in every release."""
    expected = faults(keras, "GlobalAveragePooling1D")
    check_layer(lambda: keras.layers.GlobalAveragePooling1D(), expected_failures=expected)


def test_a_convolution_needs_a_mask_and_takes_none(keras):
    results = check_layer(lambda: keras.layers.Conv1D(3, 3, padding="same"), raises=False)
    assert [result.check for result in results if not result.passed] == ["padding-does-not-leak"]
