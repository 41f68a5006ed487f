"""``parametrize_with_checks``: one test of pytest for each layer and each check."""

from typing import Any, Callable, Iterable, List, Mapping, Optional, Union

from maskspec.checking.checks import Check
from maskspec.checking.layers import Layer, MaskingError, NotAsked, chosen, named, with_reasons

Expected = Union[Mapping[str, str], Callable[[Any], Mapping[str, str]]]


class BoundCheck:
    """A check, to be called with the layer that it was parametrized with, or another."""

    def __init__(self, check: Check, shared: "Shared", expected: str) -> None:
        self.check = check
        self.shared = shared
        self.expected = expected
        self.__name__ = check.name

    def __call__(self, layer: Any) -> None:
        import pytest

        asked = self.shared.layer(layer)
        try:
            result = asked.result(self.check, self.expected)
        except NotAsked as reason:
            if self.expected:
                raise ValueError(
                    f"{self.check} is expected to fail, but not asked: {reason}"
                ) from None
            pytest.skip(f"not asked: {reason}")
        if not result.passed:
            raise MaskingError(str(result), [result])

    def __repr__(self) -> str:
        return f"<check {self.check.name}>"


class Shared:
    """One layer under test, tried when its first check runs and shared by all of its checks."""

    def __init__(self, given: Any, inputs: Any) -> None:
        self.given = given
        self.inputs = inputs
        self._layer: Optional[Layer] = None

    def layer(self, given: Any) -> Layer:
        if given is not self.given:
            return Layer(given, self.inputs)
        if self._layer is None:
            self._layer = Layer(given, self.inputs)
        return self._layer


def parametrize_with_checks(
    layers: Iterable[Any],
    *,
    inputs: Any = None,
    expected_failures: Optional[Expected] = None,
    checks: Optional[Iterable[str]] = None,
) -> Any:
    """Parametrize a test that takes ``layer`` and ``check``, and calls ``check(layer)``.

    ``layers`` are functions that build a layer each, or layers. ``expected_failures`` maps names
    of checks to reasons, for all layers, or is a function of a layer that returns such a map. A
    check that passes although it is expected to fail fails the test, and so does one that is
    not asked. The other arguments are those of ``check_layer``.
    """
    import pytest

    wanted = chosen(checks)
    parameters: List[Any] = []
    for given in layers:
        name, shared = _name(given), Shared(given, inputs)
        expected = with_reasons(
            expected_failures(given) if callable(expected_failures) else expected_failures
        )
        for check in [named(key) for key in expected]:
            if check not in wanted:
                raise ValueError(f"{check} is expected to fail, but is none of the checks to ask")
        for check in wanted:
            reason = expected.get(check.name, "")
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=MaskingError)]
            parameters.append(
                pytest.param(
                    given,
                    BoundCheck(check, shared, reason),
                    id=f"{name}-{check}",
                    marks=marks if reason else [],
                )
            )
    if not parameters:
        raise ValueError("parametrize_with_checks was given no layers")
    return pytest.mark.parametrize("layer, check", parameters)


def _name(given: Any) -> str:
    """What to call a layer in the id of a test: its class, for which a builder is called once."""
    if isinstance(given, type):
        return given.__name__
    if hasattr(given, "get_config") or not callable(given):
        return type(given).__name__
    try:
        return type(given()).__name__
    except Exception:  # the tests say what is wrong
        return str(getattr(given, "__name__", "layer")).strip("<>")
