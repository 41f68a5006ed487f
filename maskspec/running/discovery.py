"""Which implementations are installed, read from package metadata: no framework is imported."""

import importlib.metadata
import importlib.util
import json
import os
from pathlib import Path
from typing import List, NamedTuple, Optional

from packaging.version import Version

from maskspec.catalogue.cells import Releases, cell_name, minor
from maskspec.catalogue.implementations import BACKENDS, DISTRIBUTIONS, IMPLEMENTATIONS, STANDALONE

ORDER = (STANDALONE, "keras", "tf_keras", "tf.keras")  # in which they are run


class NotUsable(RuntimeError):
    """What is installed cannot be tested; the message says what, and what to install."""


class Installed(NamedTuple):
    """One implementation as installed here, the release whose expectations judge it, its cell."""

    implementation: str
    version: str
    backend: str
    backend_version: str
    judged_as: str
    cell: str

    @property
    def is_new(self) -> bool:
        return self.judged_as != self.version

    def __str__(self) -> str:
        return f"{self.implementation} {self.version} ({self.backend} {self.backend_version})"


def discover(releases: Releases, on_gpu: bool = False) -> List[Installed]:
    """The implementations installed here, one entry each; raise ``NotUsable`` if there is none.

    ``tf.keras`` of TF 2.16 and later is Keras 3 itself and is not listed twice. Next to a torch or
    jax backend nothing on TensorFlow is listed: the two do not share a process. With ``on_gpu``
    the cells are those that run on a GPU.
    """
    versions = {name: _version(*one.distributions) for name, one in IMPLEMENTATIONS.items()}
    here = {n: v for n, v in versions.items() if v and IMPLEMENTATIONS[n].has(v)}
    backend = _backend() if "keras" in here else BACKENDS[0]
    if STANDALONE in here and not _version(*DISTRIBUTIONS["tensorflow"]):
        del here[STANDALONE]  # it does not run without
    found = [
        _supported(releases, name, here[name], backend if name == "keras" else BACKENDS[0], on_gpu)
        for name in ORDER
        if name in here and (name == "keras" or backend == BACKENDS[0])
    ]
    if not found:
        raise NotUsable(
            "no Keras is installed in this environment, so there is nothing to verify; install "
            "one, for example: python -m pip install -r "
            "spec/releases/keras3.15-tensorflow/constraints.txt"
        )
    return found


def _supported(
    releases: Releases, implementation: str, version: str, backend: str, on_gpu: bool
) -> Installed:
    here, newest = Version(minor(version)), Version(minor(releases.newest(implementation)))
    oldest = Version(minor(releases.oldest(implementation)))
    if here < oldest:
        raise NotUsable(
            f"{implementation} {version} is older than {oldest}, the first release that this "
            f"specification covers; install {implementation} {oldest} or later"
        )
    runs_on = _version(*DISTRIBUTIONS[backend]) or "?"
    judged_as = str(newest) if here > newest else version
    cell = cell_name(implementation, version, backend, runs_on, releases.cells, on_gpu)
    return Installed(implementation, version, backend, runs_on, judged_as, cell)


def _version(*distributions: str) -> Optional[str]:
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _backend() -> str:
    """The backend that Keras 3 will choose: the environment's, else the user's, else TensorFlow."""
    backend = os.environ.get("KERAS_BACKEND")
    origin = f"KERAS_BACKEND is {backend!r}"
    if not backend:
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        try:
            backend = json.loads((home / "keras.json").read_text(encoding="utf-8"))["backend"]
            origin = f"the keras.json of this user sets the backend {backend!r}"
        except (OSError, ValueError, KeyError):
            backend, origin = "tensorflow", "Keras 3 uses the tensorflow backend by default"
    if backend not in BACKENDS:
        raise NotUsable(f"{origin}, which is not one of {', '.join(BACKENDS)}; set KERAS_BACKEND")
    if importlib.util.find_spec(backend) is None:
        raise NotUsable(
            f"{origin}, but {backend} is not installed here; install it, or set KERAS_BACKEND to "
            "one that is"
        )
    return backend
