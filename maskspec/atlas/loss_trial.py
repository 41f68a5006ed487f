"""One loss under trial: called by hand, and in compiled models, with masks and weights.

Predictions and targets have 3 rows and 5 steps, and 3 features or classes a step. Rows have 3, 2
and 1 valid steps, at the start: 6 of 15, and two steps are masked in every row.
"""

from typing import Any, NamedTuple, Optional

import numpy as np

from maskspec.atlas.batches import Array
from maskspec.atlas.building import carrier
from maskspec.atlas.losses import Loss
from maskspec.atlas.once import Once
from maskspec.atlas.trial import Raised
from maskspec.running.judging import Unavailable

ROWS, STEPS, FEATURES = 3, 5, 3
VALID = np.arange(STEPS) < np.array([[3], [2], [1]])  # bool (3, 5): which steps are valid
# Weights are of binary fractions, so that products and sums of them are exact.
STEP_WEIGHTS = 0.5 + np.arange(ROWS * STEPS).reshape(ROWS, STEPS).astype("float32") % 7 / 8
SAMPLE_WEIGHTS = np.array([1.5, 0.5, 0.75], "float32")
WEIGHTS = {  # by what there is one for, and how it is laid out
    "step": STEP_WEIGHTS,
    "sample": SAMPLE_WEIGHTS,
    "sample-column": SAMPLE_WEIGHTS[:, None],
}


class Given(NamedTuple):
    """What a loss is called with: targets, predictions, and the masks that they carry."""

    targets: Array
    predictions: Array
    mask: Optional[Array] = None
    targets_mask: Optional[Array] = None


def batch(targets: str, seed: int = 0) -> Given:
    """Targets of a kind and predictions for them, none of them near another; see the module."""
    random = np.random.RandomState(40 + seed)
    shape = (ROWS, STEPS, FEATURES)
    predictions = random.uniform(0.1, 0.9, shape).astype("float32")
    if targets == "fractions":
        return Given(random.uniform(0.1, 0.9, shape).astype("float32"), predictions)
    if targets == "labels":
        return Given(random.randint(0, 2, shape).astype("float32"), predictions)
    if targets == "signs":
        return Given(random.choice([-1.0, 1.0], shape).astype("float32"), predictions)
    classes = random.randint(0, FEATURES, (ROWS, STEPS))
    predictions /= predictions.sum(-1, keepdims=True)
    if targets == "one-hot":
        return Given(np.eye(FEATURES, dtype="float32")[classes], predictions)
    if targets == "sequences":
        return Given(random.randint(1, FEATURES, (ROWS, 2)).astype("int32"), predictions)
    return Given(classes.astype("int32"), predictions)


class LossTrial(Once):
    """A loss on an implementation, and all that came of calling it."""

    def __init__(self, keras: Any, subject: Loss) -> None:
        super().__init__()
        self.keras = keras
        self.subject = subject

    @property
    def works(self) -> bool:
        """Whether there is the loss, and a call without a mask raises nothing."""
        try:
            return bool(self.elements.size)
        except (Raised, Unavailable):
            return False

    def build(self, **arguments: Any) -> Any:
        """The loss: an object, or the function."""
        made = getattr(self.keras.losses, self.subject.public_name)
        if self.subject.is_function:
            return made
        try:
            return made(**dict(self.subject.arguments), **arguments)
        except (TypeError, ValueError) as error:  # no such argument here
            raise Unavailable(f"{self.subject.name}: {error}") from None

    @property
    def given(self) -> Given:
        return batch(self.subject.targets)

    @property
    def elements(self) -> Array:
        """The loss of each step without a mask, float32 (3, 5), if the loss has one of each."""
        arguments = {} if self.subject.is_function else {"reduction": "none"}
        return self.once("elements", lambda: self._called(self.build(**arguments), self.given))

    def by_hand(
        self, what: str, given: Given, weights: Optional[Array] = None, **arguments: Any
    ) -> Array:
        """What the loss returns that is called on ``given``; ``what`` names the call."""
        return self.once(
            f"by hand: {what}", lambda: self._called(self.build(**arguments), given, weights)
        )

    def _called(self, loss: Any, given: Given, weights: Optional[Array] = None) -> Array:
        more = {} if weights is None else {"sample_weight": self.keras.tensor(weights)}
        targets = self._carrying(given.targets, given.targets_mask)
        found = loss(targets, self._carrying(given.predictions, given.mask), **more)
        return np.asarray(self.keras.numpy(found))

    def _carrying(self, values: Array, mask: Optional[Array]) -> Any:
        tensor = self.keras.tensor(values)
        return tensor if mask is None else self.keras.carry(tensor, mask)

    def gradient(self, what: str, given: Given) -> Array:
        """The gradient of the loss by the predictions, of their shape, masked by ``given.mask``."""
        loss = self.build()

        def value(predictions: Any) -> Any:
            if given.mask is not None:
                carries = self.once("carrier", lambda: carrier(self.keras, "float32"))
                predictions = carries([predictions, self.keras.tensor(given.mask)])
            return loss(self.keras.tensor(given.targets), predictions)

        def call() -> Array:
            return np.asarray(self.keras.gradient(value, given.predictions))

        return self.once(f"gradient: {what}", call)

    def in_a_model(
        self,
        what: str,
        given: Given,
        weights: Optional[Array] = None,
        name: str = "",
        eagerly: bool = True,
        **more: Any,
    ) -> float:
        """The loss that a compiled model tells of one batch whose predictions carry a mask.

        Without a mask in ``given``, it is True everywhere. ``name`` stands for the loss where it
        is given as a string.
        """

        def call() -> float:
            made = self.once(f"model {name}, {eagerly}", lambda: self._model(name, eagerly))
            made.reset_metrics()
            mask = given.mask
            if mask is None:
                mask = np.ones(given.predictions.shape[:2], bool)
            run = made.train_on_batch if "class_weight" in more else made.test_on_batch
            weighted = {} if weights is None else {"sample_weight": weights}
            found = run([given.predictions, mask], given.targets, **weighted, **more)
            return float(np.ravel(found)[0])

        return self.once(f"in a model: {what}, {name}, {eagerly}", call)

    def _model(self, name: str, eagerly: bool) -> Any:
        keras = self.keras
        values = keras.Input((STEPS, FEATURES))
        mask = keras.Input((STEPS,), dtype="bool")
        model = keras.Model([values, mask], carrier(keras, "float32")([values, mask]))
        model.compile(optimizer="sgd", loss=name or self.build(), run_eagerly=eagerly)
        return model
