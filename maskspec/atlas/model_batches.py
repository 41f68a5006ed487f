"""What models are fed: four rows of five steps, padded at the end, at the start, and targets."""

from typing import Any, Dict, NamedTuple, Tuple

import numpy as np

from maskspec.atlas.batches import Array

# Rows of 5, 3, 3 and 1 valid steps: 12 of 20. Row 2 is padded at the start.
VALID = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0]], bool)
# The same of a second sequence of four steps.
SOURCE = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0]], bool)
# The same of the words of each sentence.
LENGTHS = np.array([[4, 2, 3, 1, 4], [2, 4, 3, 0, 0], [0, 0, 4, 1, 2], [3, 0, 0, 0, 0]])
WORDS = np.arange(4) < LENGTHS[:, :, None]
TOKENS = {"tokens": VALID, "source": SOURCE, "documents": WORDS}  # inputs of tokens
ROWS, STEPS = VALID.shape
CUT = (1, 2)  # rows of three valid steps: padded at the end, at the start
# What stands for padding: else 0, or False.
PADDING: Dict[str, Any] = {"NaN": float("nan"), "infinity": float("inf"), "strings": " "}
MORE = 2  # padded steps behind a batch that is made longer


def values(kind: str, seed: int = 0) -> Array:
    """A padded input: tokens with 0 for padding, floats with 0 or NaN, strings, features, …"""
    random = np.random.RandomState(70 + seed)
    if kind in TOKENS:
        tokens: Array = random.randint(1, 9, TOKENS[kind].shape) * TOKENS[kind]
        return tokens.astype("int32")
    if kind == "mask":
        return VALID.copy()
    if kind == "strings":  # "x" is in no vocabulary
        strings: Array = np.array(list(" abcdefgx"))[random.randint(1, 9, VALID.shape) * VALID]
        return strings
    found = random.uniform(-1, 1, (*VALID.shape, 2 if kind == "features" else 4))
    found[~VALID] = PADDING.get(kind, 0)
    return found.astype("float32")


class Given(NamedTuple):
    """The inputs of one call, by what they are: ``tokens``, ``floats``, …; see ``values``."""

    kinds: Tuple[str, ...]
    inputs: Tuple[Array, ...]

    def rows(self, *rows: int) -> "Given":
        return self._replace(inputs=tuple(x[list(rows)] for x in self.inputs))

    def longer(self) -> "Given":
        """With two padded steps more at the end of every row."""
        return self._replace(inputs=tuple(map(_longer, self.kinds, self.inputs)))

    def cut(self) -> "Given":
        """Rows 1 and 2 without their padding."""
        valid = [SOURCE if kind == "source" else VALID for kind in self.kinds]
        inputs = (np.stack([x[r][v[r]] for r in CUT]) for x, v in zip(self.inputs, valid))
        return self._replace(inputs=tuple(inputs))

    def padding_only(self, *rows: int) -> "Given":
        """With nothing but padding in these rows."""
        inputs = []
        for kind, x in zip(self.kinds, self.inputs):
            inputs.append(x.copy())
            inputs[-1][list(rows)] = PADDING.get(kind, 0)
        return self._replace(inputs=tuple(inputs))


def _longer(kind: str, x: Array) -> Array:
    widths = [(0, 0), (0, MORE), *[(0, 0)] * (x.ndim - 2)]
    return np.pad(x, widths, constant_values=PADDING.get(kind, 0))


def batch(kinds: Tuple[str, ...]) -> Given:
    """The batch of a subject whose inputs are of ``kinds``."""
    return Given(kinds, tuple(values(kind, place) for place, kind in enumerate(kinds)))


def targets(output: Array) -> Array:
    """Targets for ``output``, of its shape."""
    return np.random.RandomState(90 + output.ndim).uniform(-1, 1, output.shape).astype("float32")


def others(target: Array) -> Array:
    """``target`` with other values at masked steps, if it has steps."""
    found = target.copy()
    if found.shape[:2] == VALID.shape:
        found[~VALID] += 3
    return found


def longer_targets(target: Array) -> Array:
    """``target`` for a longer batch: one more value at each further step, if it has steps."""
    if target.shape[:2] != VALID.shape:
        return target
    return np.pad(target, [(0, 0), (0, MORE), (0, 0)], constant_values=0.5)
