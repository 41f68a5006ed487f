"""The aspects, one module a kind; the order here is that of the pages."""

from maskspec.atlas.asking import (  # noqa: I001
    output,
    results,
    extremes,
    dtypes,
    by_hand,
    sizes,
    life,
    saying,
)

KINDS = (output, results, extremes, dtypes, by_hand, sizes, life, saying)
