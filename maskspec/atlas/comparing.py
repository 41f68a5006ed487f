"""When two results count as the same, and at which steps they are looked at."""

from typing import Any, Optional, Tuple

import numpy as np

from maskspec.atlas.batches import Array


def same(a: Array, b: Array) -> bool:
    """Whether two results agree up to rounding, NaN with NaN.

    What padding does to a result is larger than a hundredth here: padded steps hold 0 or 3, where
    valid ones lie between -1 and 1. Float32 rounds sums of a few dozen such numbers by less than
    1e-5; float16 and bfloat16 carry 11 and 8 bits, so that theirs may be off by two hundredths.
    """
    if a.shape != b.shape:
        return False
    fine = min(a.dtype.itemsize, b.dtype.itemsize) >= 4
    tolerance = 1e-5 if fine else 2e-2
    wide = np.float64
    return bool(
        np.allclose(a.astype(wide), b.astype(wide), rtol=tolerance, atol=tolerance, equal_nan=True)
    )


def alike(one: Any, other: Any) -> bool:
    """The same of numbers, arrays or not, whatever their dtypes."""
    return same(np.asarray(one, "float32"), np.asarray(other, "float32"))


def same_mask(one: Optional[Array], other: Optional[Array]) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def at(output: Array, valid: Array) -> Array:
    """``output`` where ``valid``: of as many of the axes of ``valid`` as it has itself.

    Of an output without an axis of these steps, these are the rows with a valid step.
    """
    while valid.ndim and not has_steps(output, valid):
        valid = np.asarray(valid.any(-1))
    return output[valid] if valid.ndim else output


def has_steps(output: Array, valid: Array) -> bool:
    return output.shape[: valid.ndim] == valid.shape


def both(one: Tuple[Array, ...], other: Tuple[Array, ...], valid: Array) -> bool:
    """Whether all outputs agree where ``valid``."""
    return all(same(at(a, valid), at(b, valid)) for a, b in zip(one, other))
