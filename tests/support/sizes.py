"""One model of unknown length, asked for batches of several sizes and lengths in turn."""

from typing import Any, Callable, List, Sequence, Tuple

import numpy as np

from tests.support.probes import same, symbolic_batch

SIZES = ((1, 3), (2, 6), (3, 4))  # (rows, timesteps); three of them are valid


def padded_batches() -> List[np.ndarray]:
    """Batches of ids whose rows are the same three valid steps, padded to several lengths."""
    row = np.array([[7, 6, 3]], "int32")
    return [np.repeat(np.pad(row, [(0, 0), (0, steps - 3)]), rows, axis=0) for rows, steps in SIZES]


def functional_model(keras: Any, layers: Sequence[Any]) -> Any:
    """A functional model of ``layers`` one after the other, on ids of unknown length."""
    inputs = x = symbolic_batch(keras)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def odd_sizes(run: Callable, batches: List[np.ndarray]) -> List[Tuple[int, int]]:
    """The sizes at which ``run`` returns another row than for the unpadded sample."""
    results = [run(batch) for batch in batches]
    wanted = results[0][0]
    return [
        size
        for size, result in zip(SIZES, results)
        if not same(result, np.repeat(wanted[None], size[0], axis=0))
    ]
