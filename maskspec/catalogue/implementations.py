"""The one table of implementations: what each is called, how it is distributed, since when.

Another implementation is another entry here.
"""

from typing import Dict, NamedTuple, Tuple

from packaging.version import Version

# Each backend of Keras 3: what it is called, and the distributions that may bring it.
BACKEND_LABELS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
BACKENDS = tuple(BACKEND_LABELS)
DISTRIBUTIONS: Dict[str, Tuple[str, ...]] = {
    "tensorflow": (
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-intel",
        "tensorflow-macos",
        "tensorflow-gpu",
        "tensorflow-rocm",
        "tf-nightly",
        "tf-nightly-cpu",
    ),
    "jax": ("jax",),
    "torch": ("torch",),
}


class Implementation(NamedTuple):
    """One implementation of Keras.

    ``name`` is that of ranges and records, ``label`` that of sentences. ``module`` is what is
    imported, ``package`` what the package index calls it, ``distributions`` what it may be
    installed as. A version is of it from ``since`` on and below ``before`` ("" is no bound);
    ``first`` is the oldest release that this project covers. Its cells are named ``prefix``
    followed by the release.
    """

    name: str
    label: str
    module: str
    package: str
    distributions: Tuple[str, ...]
    prefix: str
    since: str
    first: str
    before: str
    backends: Tuple[str, ...] = BACKENDS[:1]

    def has(self, version: str) -> bool:
        """Whether ``version`` of its package is this implementation, pre-releases included."""
        release = Version(version)
        end = self.before and Version(f"{self.before}.dev0")
        return Version(f"{self.since}.dev0") <= release and not (end and release >= end)


STANDALONE = "standalone"  # the old Keras 2.3, a package of its own beside TensorFlow

TABLE = (
    Implementation(
        STANDALONE, "standalone Keras", "keras", "keras", ("keras",), STANDALONE, "0", "2.3", "2.4"
    ),
    Implementation(
        "tf.keras", "tf.keras", "tensorflow.keras", "tensorflow", DISTRIBUTIONS["tensorflow"],
        "tf", "0", "2.2", "2.16",  # from 2.16 on TensorFlow brings Keras 3
    ),
    Implementation(
        "tf_keras", "tf_keras", "tf_keras", "tf-keras",
        ("tf-keras", "tf_keras", "tf-keras-nightly"), "tf_keras", "0", "2.14", "",
    ),
    Implementation(
        "keras", "Keras 3", "keras", "keras", ("keras", "keras-nightly"), "keras", "3.0", "3.0", "",
        BACKENDS,
    ),
)  # fmt: skip

IMPLEMENTATIONS: Dict[str, Implementation] = {i.name: i for i in TABLE}
