"""Well-behaved layers pass every check, and so do the programs that would show a fault."""

import warnings

import pytest
from broken import Nothing
from good import good

from maskspec import Unavailable
from maskspec.checking import check_layer

NAMES = sorted(good(Nothing()))


@pytest.fixture(params=NAMES)
def build(request, keras):
    make = good(keras)[request.param]
    try:
        make()
    except Unavailable:
        pytest.skip("there is no such layer in this release")
    return make


def test_passes_every_check(build):
    assert check_layer(build)


def test_an_instance_is_copied(keras):
    layer = keras.layers.Dense(3)
    assert check_layer(layer)
    assert not layer.built


@pytest.mark.parametrize("name", ["LSTM sequences", "MaskedMean", "SumOfTwo", "Attention"])
def test_programs_pass_where_checks_do(keras, name):
    build = good(keras)[name]
    results = check_layer(build)
    for result in results:
        kind = type(build())
        names = {kind.__name__: kind, "build": build}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exec(compile(result.snippet, "<snippet>", "exec"), names)
            except Exception as error:
                raise AssertionError(f"{result.check}: {error!r}\n{result.snippet}") from error
            finally:
                with keras.policy("float32"):
                    pass


def test_global_average_pooling_divides_by_nothing(keras):
    """Keras's own layer has this fault in every release."""
    reason = "an empty row is 0 / 0"
    check_layer(
        lambda: keras.layers.GlobalAveragePooling1D(),
        expected_failures={"empty-row-gives-no-nan": reason},
    )


def test_a_convolution_needs_a_mask_and_takes_none(keras):
    results = check_layer(lambda: keras.layers.Conv1D(3, 3, padding="same"), raises=False)
    assert [result.check for result in results if not result.passed] == ["padding-does-not-leak"]
