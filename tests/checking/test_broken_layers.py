"""Each broken layer is caught by the check that is meant for it, by its message and its program."""

import pytest
from broken import Nothing, broken

from maskspec.checking import MaskingError, check_layer
from maskspec.checking.checks import CHECKS, TABLE

NAMES = sorted(broken(Nothing()))


@pytest.fixture(params=NAMES)
def layer(request, keras):
    found = broken(keras)[request.param]
    if keras.backend_name not in found.backends:
        pytest.skip(f"nothing is wrong with it on the {keras.backend_name} backend")
    return found


def test_is_caught_by_its_check_alone(layer):
    asked = [c.name for c in TABLE if not c.is_extra] + [layer.check] * layer.is_extra
    results = check_layer(layer.make, checks=asked, raises=False)
    failed = [result for result in results if not result.passed]
    assert [result.check for result in failed] == [layer.check]
    assert layer.says in failed[0].fault


def test_its_program_shows_it_in_plain_keras(layer, keras):
    results = check_layer(layer.make, checks=[layer.check], raises=False)
    kind = type(layer.make())
    names = {kind.__name__: kind, "build": layer.make}
    try:
        exec(compile(results[0].snippet, "<snippet>", "exec"), names)
    except (NameError, SyntaxError, ImportError):
        raise
    except Exception:
        return
    pytest.fail(f"it shows nothing:\n{results[0].snippet}")


def test_every_check_catches_a_layer():
    assert {one.check for one in broken(Nothing()).values()} == set(CHECKS)


def test_one_error_lists_what_failed(keras):
    make = broken(keras)["PlainMean"].make
    with pytest.raises(MaskingError) as caught:
        check_layer(make)
    assert [result.check for result in caught.value.results] == ["padding-does-not-leak"]
    for part in ("PlainMean: 1 of", "seen: yes", "acceptable: no", "takes no mask", "read: "):
        assert part in str(caught.value)
