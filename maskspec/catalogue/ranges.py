"""Ranges of releases: which releases of which implementation an expectation is for."""

import functools
import re
from typing import Iterator, Mapping, Optional, Sequence, Tuple

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from maskspec.catalogue.implementations import BACKENDS, IMPLEMENTATIONS
from maskspec.catalogue.verdicts import HOLDS, REFUTED, UNAVAILABLE

Range = Mapping[str, Optional[str]]

_FORM = re.compile(r"(>=|<)\d+(\.\d+)*$|(==|!=)\d+(\.\d+)*\.\*$")

ALWAYS: Range = {"*": ""}
NEVER: Range = {}


def validate(range_: Range) -> Range:
    """Return ``range_``; raise ValueError that names the key or specifier that cannot be read."""
    for key, specifier in range_.items():
        implementation, _, backend = key.partition("/")
        if key != "*" and (
            implementation not in IMPLEMENTATIONS or (backend and backend not in BACKENDS)
        ):
            raise ValueError(
                f"unknown implementation {key!r} in a range; use one of "
                f"{', '.join(IMPLEMENTATIONS)}, 'keras/<backend>' or '*'"
            )
        parts = re.split(r",| or ", specifier) if specifier else []
        if not all(_FORM.match(part.strip()) for part in parts):
            raise ValueError(
                f"{specifier!r} (for {key!r}) is no version specifier of the forms '>=2.4', "
                "'<2.15', '!=2.8.*' and '<3.0 or >=3.12'"
            )
    return range_


def contains(range_: Range, implementation: str, version: str, backend: str) -> bool:
    """Whether a release is in ``range_``; the most specific key decides.

    A pre-release counts as the release that it leads to: 2.16.0rc0 is judged as 2.16.0.
    """
    for key in (f"{implementation}/{backend}", implementation, "*"):
        if key in range_:
            specifier = range_[key]
            return specifier is not None and _matches(specifier, version)
    return False


@functools.lru_cache(maxsize=None)
def _matches(specifier: str, version: str) -> bool:
    base = Version(version).base_version
    return any(SpecifierSet(part).contains(base) for part in specifier.split(" or "))


def expected_verdict(
    holds: Sequence[Range],
    exists: Sequence[Range],
    implementation: str,
    version: str,
    backend: str,
) -> str:
    """The verdict that a release is expected to give: every range has to contain it."""
    where = implementation, version, backend
    if not all(contains(range_, *where) for range_ in exists):
        return UNAVAILABLE
    return HOLDS if all(contains(range_, *where) for range_ in holds) else REFUTED


def bounds(range_: Range) -> Iterator[Tuple[str, str]]:
    """Each ``(implementation, version)`` that a specifier of ``range_`` names."""
    for key, specifier in range_.items():
        for part in SpecifierSet((specifier or "").replace(" or ", ",")):
            version = part.version
            yield key.partition("/")[0], version[:-2] if version.endswith(".*") else version
