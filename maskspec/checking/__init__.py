"""The questions of this project, put to other people's layers and models.

Importing this costs nothing: a name is imported when it is first used, and a framework never.
Which Keras is meant, a layer or a model says itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskspec.checking.layers import MaskingError, Result, check_layer
    from maskspec.checking.parametrize import parametrize_with_checks
    from maskspec.checking.relies import NotSo, relies_on
    from maskspec.checking.tracing import CannotTrace, Trace, trace

_HOMES = {  # in which module each name stands
    "CannotTrace": "tracing",
    "MaskingError": "layers",
    "NotSo": "relies",
    "Result": "layers",
    "Trace": "tracing",
    "check_layer": "layers",
    "parametrize_with_checks": "parametrize",
    "relies_on": "relies",
    "trace": "tracing",
}

__all__ = [
    "CannotTrace",
    "MaskingError",
    "NotSo",
    "Result",
    "Trace",
    "check_layer",
    "parametrize_with_checks",
    "relies_on",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
