"""All aspects, in the order of the pages."""

from typing import List

from maskspec.atlas.asking import (
    by_hand,
    dtypes,
    extremes,
    layouts,
    life,
    output,
    results,
    saying,
    sizes,
)
from maskspec.atlas.aspects import ASPECTS, Aspect

MODULES = (
    output,
    results,
    extremes,
    dtypes,
    by_hand,
    layouts,
    sizes,
    life,
    saying,
)  # each registers some
ORDER = ("out", "results", "extremes", "dtypes", "hand", "layouts", "sizes", "life", "says")


def load() -> List[Aspect]:
    """Every aspect, in reading order."""
    return sorted(ASPECTS.values(), key=lambda one: ORDER.index(one.kind))
