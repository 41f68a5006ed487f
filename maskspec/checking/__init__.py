"""The questions of the atlas, put to anybody's own layers: ``check_layer`` and its pytest door.

Importing this costs nothing: a name is imported when it is first used, and a framework never.
Which Keras is meant, a layer says itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskspec.checking.layers import MaskingError, Result, check_layer
    from maskspec.checking.parametrize import parametrize_with_checks

_HOMES = {  # in which module each name stands
    "MaskingError": "layers",
    "Result": "layers",
    "check_layer": "layers",
    "parametrize_with_checks": "parametrize",
}

__all__ = ["MaskingError", "Result", "check_layer", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
