"""What subjects are fed: arrays of known shape, and the masks that they carry.

Every batch has five rows. With n steps: row 0 is padded at the end (n - 2 valid steps), row 1 at
the end and further (one valid step; one more for each further input), row 2 not at all or by
little, row 3 at the start and row 4 in the middle (n - 2 valid steps each). So rows 0, 3 and 4,
their padding cut out, are one batch again. Rows, steps, features and units are of different number.
"""

from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np

Array = np.ndarray
ROWS = 5
CUT = (0, 3, 4)  # the rows with two padded steps: at the end, at the start, in the middle


class Feed(NamedTuple):
    """One input of a subject: an array of shape (batch, steps, *features).

    ``masked``: whether the input carries a mask; if not, its padded steps hold zeros all the same.
    ``is_deep``: whether the mask has three axes, the third one that of the first features, of
    which the last one is masked at every step.
    """

    features: Tuple[int, ...] = (6,)
    dtype: str = "float32"
    steps: int = 4
    masked: bool = True
    is_deep: bool = False

    @property
    def mask_axes(self) -> Tuple[int, ...]:
        """The sizes of the mask's axes after that of the steps."""
        return self.features[:1] if self.is_deep else ()


class Batch(NamedTuple):
    """One array for each input, and its mask, bool (batch, steps, …), or None."""

    inputs: Tuple[Array, ...]
    masks: Tuple[Optional[Array], ...]

    def unmasked(self) -> "Batch":
        return self._replace(masks=(None,) * len(self.inputs))

    def rows(self, *rows: int) -> "Batch":
        """Only these rows."""
        chosen = list(rows)
        return self.map(lambda x: x[chosen])

    def map(self, f: Callable[[Array], Array]) -> "Batch":
        """``f`` of each input and each mask."""
        masks = tuple(None if m is None else f(m) for m in self.masks)
        return Batch(tuple(map(f, self.inputs)), masks)

    def with_masks(self, f: Callable[[Array], Array]) -> "Batch":
        """``f`` of each mask that there is."""
        return self._replace(masks=tuple(None if m is None else f(m) for m in self.masks))


def validity(feed: Feed, place: int) -> Array:
    """Which steps of the input at ``place`` are valid: bool (5, steps); see the module.

    Of a deep feed, which features of which steps: bool (5, steps, features).
    """
    steps = np.arange(feed.steps)
    valid = np.stack(
        [
            steps < feed.steps - 2,
            steps < 1 + place,
            steps < feed.steps - place,
            steps >= 2,
            (steps < 1) | (steps >= 3),
        ]
    )
    if not feed.is_deep:
        return valid
    inner = np.arange(feed.features[0]) < feed.features[0] - 1
    found: Array = valid[:, :, None] & inner
    return found


def padded(feeds: Tuple[Feed, ...], padding: float = 0.0) -> Batch:
    """A batch for ``feeds``, with ``padding`` at the padded steps of inputs that carry a mask."""
    inputs, masks = [], []
    for place, feed in enumerate(feeds):
        random = np.random.RandomState(100 + place)
        shape = (ROWS, feed.steps, *feed.features)
        valid = validity(feed, place)
        if feed.dtype == "int32":
            values = random.randint(1, 9, shape).astype("int32")
        else:
            values = random.uniform(-1, 1, shape).astype(feed.dtype)
        values[~valid] = padding if feed.masked else 0
        inputs.append(values)
        masks.append(valid if feed.masked else None)
    return Batch(tuple(inputs), tuple(masks))


def cut_out(batch: Batch) -> Batch:
    """Rows 0, 3 and 4 of ``batch`` without their padded steps, and without a mask."""
    inputs = []
    for place, values in enumerate(batch.inputs):
        valid = validity(Feed(steps=values.shape[1]), place)
        inputs.append(np.stack([values[row][valid[row]] for row in CUT]))
    return Batch(tuple(inputs), (None,) * len(inputs))
