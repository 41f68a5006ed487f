"""Which Keras a layer is of: its own classes say so, and no other is imported."""

import sys
from typing import Any, Dict

from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.running.adapter import Keras
from maskspec.running.discovery import Installed

_loaded: Dict[str, Keras] = {}


class UnknownLayer(TypeError):
    """What was given is no layer of a Keras that is covered; the message says what it is."""


def keras_of(layer: Any) -> Keras:
    """The implementation of Keras that ``layer`` is of, as the atlas asks it."""
    name = _name_of(layer)
    if name not in _loaded:
        _loaded[name] = Keras(_installed(name))
    return _loaded[name]


def _name_of(layer: Any) -> str:
    bases = [base for base in type(layer).__mro__ if base.__name__ == "Layer"]
    packages = [base.__module__.partition(".")[0] for base in bases]
    package = packages[-1] if packages else ""
    if package == "tensorflow" and _is(_version("tensorflow"), "tf.keras"):
        return "tf.keras"
    if package == "tf_keras":
        return "tf_keras"
    if package == "keras":
        version = _version("keras")
        if _is(version, "keras"):
            return "keras"
        if _is(_version("tensorflow"), "tf.keras") and not _is(version, "standalone"):
            return "tf.keras"
    is_class = isinstance(layer, type)
    what = f"the class {layer.__name__}" if is_class else f"{type(layer).__name__!r} object"
    raise UnknownLayer(
        f"{what} is no layer of tf.keras, tf_keras or Keras 3; give a "
        "layer, or a function without arguments that returns one"
    )


def _is(version: str, name: str) -> bool:
    return bool(version) and IMPLEMENTATIONS[name].has(version)


def _version(package: str) -> str:
    """The version of ``package`` if it is imported, else the empty text."""
    return str(getattr(sys.modules.get(package), "__version__", ""))


def _installed(name: str) -> Installed:
    one = IMPLEMENTATIONS[name]
    version = _version(one.module.partition(".")[0])
    backend = sys.modules["keras"].backend.backend() if name == "keras" else one.backends[0]
    return Installed(name, version, backend, _version(backend), version, cell="")


def is_of_keras(kind: Any) -> bool:
    """Whether a class is one of Keras itself."""
    parts = kind.__module__.split(".")
    return parts[0] in ("keras", "tf_keras") or parts[:2] == ["tensorflow", "python"]
