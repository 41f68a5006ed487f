"""One metric under trial: called by hand, and in compiled models, with masks and weights.

Predictions and targets have 3 rows and 5 steps, of which 6 of 15 are valid, as losses have them.
"""

from hashlib import md5
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from maskspec.atlas.batches import Array
from maskspec.atlas.building import carrier
from maskspec.atlas.comparing import same
from maskspec.atlas.loss_trial import ROWS, STEPS, VALID
from maskspec.atlas.metrics import OWN, Metric
from maskspec.atlas.once import Once
from maskspec.atlas.trial import Raised
from maskspec.running.judging import Unavailable

CLASSES = 6  # features of a step, or classes that it may be of
PLACES = ("metrics", "weighted_metrics")  # arguments of compile that take metrics
# Of predictions drawn with these, (almost) no two answers to a question are the same number.
SEEDS = {
    "fractions": 70,
    "signs": 70,
    "labels": 301,
    "many labels": 14,
    "one-hot": 410,
    "classes": 6,
    "numbers": 188,
    "values": 6,
}
EVERY = np.ones((ROWS, STEPS), bool)


class Given(NamedTuple):
    """What a metric is called with: targets, predictions, and the mask that those carry."""

    targets: Array
    predictions: Array
    mask: Optional[Array] = None


def batch(targets: str, number: int = 0) -> Given:
    """Targets of a kind and predictions for them, near them at every other step or so."""
    random = np.random.RandomState(SEEDS[targets] + 1000 * number)
    steps = (ROWS, STEPS)
    if targets == "fractions":
        return Given(*random.uniform(0.1, 0.9, (2, *steps, CLASSES)).astype("float32"))
    if targets == "signs":
        signs = random.choice([-1.0, 1.0], (*steps, CLASSES)).astype("float32")
        return Given(signs, random.uniform(0.1, 0.9, signs.shape).astype("float32"))
    if "labels" in targets:
        width = CLASSES if targets == "many labels" else 1
        labels = random.randint(0, 2, (*steps, width)).astype("float32")
        noise = random.uniform(0.02, 0.98, labels.shape).astype("float32")
        return Given(labels, (0.8 * noise + 0.2 * labels).astype("float32"))
    classes = random.randint(0, CLASSES, steps)
    guesses = np.where(random.uniform(size=steps) < 0.5, classes, random.randint(0, CLASSES, steps))
    if targets == "numbers":
        return Given(classes[..., None].astype("int32"), guesses[..., None].astype("float32"))
    shares = random.uniform(0.1, 0.5, (*steps, CLASSES)) + 0.5 * np.eye(CLASSES)[guesses]
    predictions = (shares / shares.sum(-1, keepdims=True)).astype("float32")
    if targets == "values":
        return Given(classes.astype("int32"), predictions[..., 0])
    if targets == "one-hot":
        return Given(np.eye(CLASSES, dtype="float32")[classes], predictions)
    return Given(classes.astype("int32"), predictions)


class MetricTrial(Once):
    """A metric on an implementation, and all that came of calling it."""

    def __init__(self, keras: Any, subject: Metric) -> None:
        super().__init__()
        self.keras = keras
        self.subject = subject
        self.given = batch(subject.targets)

    @property
    def works(self) -> bool:
        """Whether there is the metric, and calling it without a mask raises nothing."""
        try:
            self.once("metric", self.build)
            return bool(self.of(self.given, EVERY).size)
        except (Raised, Unavailable):
            return False

    def build(self) -> Any:
        """The metric as ``metrics=`` takes it: an object, a function or a string."""
        subject = self.subject
        if subject.is_string:
            return subject.given
        if subject.is_own:
            return self._own
        if subject.is_function:
            return getattr(self.keras.metrics, subject.given)
        return self.reference()

    def reference(self) -> Any:
        """A fresh object of the class that the subject is or stands for."""
        made = getattr(self.keras.metrics, self.subject.stands_for)
        try:
            return made(**dict(self.subject.arguments))
        except (TypeError, ValueError) as error:  # no such argument here
            raise Unavailable(f"{self.subject.name}: {error}") from None

    def _own(self, targets: Any, predictions: Any) -> Any:
        ops = self.keras.ops
        errors = ops.abs(ops.convert_to_tensor(targets) - predictions)
        return ops.mean(errors, axis=(*OWN[self.subject.given], 2))

    # --- what the metric of some steps is -------------------------------------------------------

    def of(self, given: Given, chosen: Array, weights: Optional[Array] = None) -> Array:
        """The metric of the ``chosen`` steps alone, bool (3, 5), one by one in a flat batch."""
        arrays = [given.targets, given.predictions, weights]
        flat = [None if one is None else one[chosen] for one in arrays]
        name = md5(b" ".join(one.tobytes() for one in flat if one is not None)).hexdigest()
        return self.once(f"of {name}", lambda: self._told(*flat))

    @property
    def is_a_mean(self) -> bool:
        """Whether the metric of all steps is the mean of what it is of each."""
        parts = [self.of(self.given, chosen) * chosen.sum() for chosen in (VALID, ~VALID)]
        return same(parts[0] + parts[1], self.of(self.given, EVERY) * EVERY.sum())

    def _told(self, *flat: Any) -> Array:
        metric = self.once("reference", self.reference)
        reset(metric)
        self._update(metric, *flat)
        return np.asarray(self.keras.numpy(metric.result()), "float32")

    def _update(self, metric: Any, targets: Any, predictions: Any, weights: Any = None) -> None:
        if isinstance(targets, np.ndarray):
            targets, predictions = map(self.keras.tensor, (targets, predictions))
        more = {} if weights is None else {"sample_weight": self.keras.tensor(weights)}
        both = (predictions,) if self.subject.is_of_values else (targets, predictions)
        metric.update_state(*both, **more)

    # --- by hand --------------------------------------------------------------------------------

    def by_hand(self, what: str, *givens: Given, weights: Optional[Array] = None) -> Array:
        """What the metric is after a call on each of ``givens``; ``what`` names the calls."""

        def call() -> Array:
            metric = self.build()
            for given in givens:
                targets, predictions = self._tensors(given)
                self._update(metric, targets, predictions, weights)
            return np.asarray(self.keras.numpy(metric.result()), "float32")

        return self.once(f"by hand: {what}", call)

    def called(self, what: str, given: Given) -> Array:
        """What the function returns that is called on ``given``."""
        return self.once(
            f"called: {what}", lambda: self.keras.numpy(self.build()(*self._tensors(given)))
        )

    def after_reset(self, one: Given, other: Given) -> Array:
        """What the metric is of ``other``, after it was of ``one`` and was reset."""

        def call() -> Array:
            metric = self.build()
            self._update(metric, *self._tensors(one))
            reset(metric)
            self._update(metric, *self._tensors(other))
            return np.asarray(self.keras.numpy(metric.result()), "float32")

        return self.once("after a reset", call)

    def _tensors(self, given: Given) -> List[Any]:
        predictions = self.keras.tensor(given.predictions)
        if given.mask is not None:
            predictions = self.keras.carry(predictions, given.mask)
        return [self.keras.tensor(given.targets), predictions]

    # --- in a model -----------------------------------------------------------------------------

    def in_a_model(
        self,
        what: str,
        *givens: Given,
        weights: Optional[Array] = None,
        place: str = "metrics",
        alone: bool = False,
        name: str = "",
        eagerly: bool = True,
    ) -> Array:
        """What a compiled model tells of batches whose predictions carry a mask.

        ``place`` is the argument that the metric is given in, or the string ``name`` for it. The
        same call tells what it is in the other one, unless it is to be there ``alone``.
        """
        if not alone:
            try:
                return self._in_one_model(what, givens, weights, PLACES, name, eagerly)[place]
            except Raised:
                pass  # the other place may be the one that raises
        return self._in_one_model(what, givens, weights, (place,), name, eagerly)[place]

    def _in_one_model(
        self,
        what: str,
        givens: Sequence[Given],
        weights: Optional[Array],
        places: Sequence[str],
        name: str,
        eagerly: bool,
    ) -> Dict[str, Array]:
        """By place, what a model tells that has the metric in all of ``places``."""
        how = f"{places}, {name}, {eagerly}"

        def call() -> Dict[str, Array]:
            given = joined(givens)
            sizes = given.predictions.shape[1:]
            model = self.once(
                f"model of {sizes}, {how}", lambda: self._model(sizes, places, name, eagerly)
            )
            model.reset_metrics()
            more: Dict[str, Any] = {} if weights is None else {"sample_weight": weights}
            inputs = [given.predictions, given.mask]
            if len(givens) == 1:
                found = model.test_on_batch(inputs, given.targets, **more)
            else:
                more["batch_size"] = ROWS
                found = model.evaluate(inputs, given.targets, verbose=0, **more)
            told = found[-len(places) :]
            return {one: np.asarray(value, "float32") for one, value in zip(places, told)}

        return self.once(f"in a model: {what}, {how}", call)

    def _model(self, sizes: Any, places: Sequence[str], name: str, eagerly: bool) -> Any:
        tensors = self.once(f"tensors of {sizes}", lambda: self._tensors_of(sizes))
        model = self.keras.Model(*tensors)
        metrics = {place: [name or self.build()] for place in places}
        model.compile(**metrics, run_eagerly=eagerly)
        return model

    def _tensors_of(self, sizes: Any) -> Any:
        """Inputs and output of a model whose output carries the mask that is its second input."""
        keras = self.keras
        values, mask = keras.Input(sizes), keras.Input((STEPS,), dtype="bool")
        # The one loss is this layer's, so that an error is not one of a compiled loss.
        lossy = keras.layers.ActivityRegularization(0.0)(values)
        return [values, mask], carrier(keras, "float32")([lossy, mask])


def reset(metric: Any) -> None:
    """Forget what ``metric`` has seen; the method lost its s in TensorFlow 2.5."""
    (metric.reset_state if hasattr(metric, "reset_state") else metric.reset_states)()


def joined(givens: Any) -> Given:
    """The rows of all ``givens``, one after the other; a mask that is not there is True."""
    masks = [EVERY if one.mask is None else one.mask for one in givens]
    columns = ([one.targets for one in givens], [one.predictions for one in givens], masks)
    return Given(*map(np.concatenate, columns))
