"""Hides the frameworks that are really installed: the harness is tested on stand-ins alone.

A Python with this folder on its path runs this module when it starts.
"""

import importlib.metadata
import importlib.util
import sysconfig
from pathlib import Path

FRAMEWORKS = ("tensorflow", "tf-nightly", "keras", "tf-keras", "tf_keras", "jax", "torch")
REAL = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}

_version, _find_spec = importlib.metadata.version, importlib.util.find_spec


def version(name):
    """``importlib.metadata.version``, for which no real framework is installed."""
    if name.startswith(FRAMEWORKS):
        home = Path(str(importlib.metadata.distribution(name).locate_file("")))
        if home.resolve() in REAL:
            raise importlib.metadata.PackageNotFoundError(name)
    return _version(name)


def find_spec(name, package=None):
    """``importlib.util.find_spec``, which finds no real framework."""
    found = _find_spec(name, package)
    origin = Path(found.origin).resolve() if found and found.origin else Path()
    return None if name in FRAMEWORKS and REAL & set(origin.parents) else found


importlib.metadata.version = version
importlib.util.find_spec = find_spec
