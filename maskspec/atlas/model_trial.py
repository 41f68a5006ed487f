"""One model under trial: called, evaluated, trained, copied and saved, each of it once.

Every copy of it has the same weights, and every training step begins with them. It is compiled with
``MeanSquaredError`` and plain gradient descent, and runs eagerly where the graph is not the
question.
"""

from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from maskspec.atlas.aspects import NotAsked
from maskspec.atlas.batches import Array
from maskspec.atlas.building import flat, settle
from maskspec.atlas.model_batches import Given, batch, longer_targets, others, targets
from maskspec.atlas.model_builders import FEATURES, TOKENS
from maskspec.atlas.models import Model
from maskspec.atlas.once import Once
from maskspec.atlas.trial import Raised
from maskspec.running.judging import Unavailable

Weights = List[Array]
RATE = 0.5  # of learning


class Seen(NamedTuple):
    """What a model returned: its outputs, and the mask of each."""

    outputs: Tuple[Array, ...]
    masks: Tuple[Optional[Array], ...]


class Stepped(NamedTuple):
    """What came of one step of training: the loss before it, and the weights after it."""

    loss: float
    weights: Weights


class ModelTrial(Once):
    """A model on an implementation, and all that came of what was done with it."""

    def __init__(self, keras: Any, subject: Model) -> None:
        super().__init__()
        self.keras = keras
        self.subject = subject

    @property
    def works(self) -> bool:
        """Whether the model can be built and called on its batch."""
        try:
            return bool(self.called.outputs)
        except (Raised, Unavailable):
            return False

    # --- the model ----------------------------------------------------------------------------

    def fresh(self) -> Any:
        """The model, newly built, with the weights that every trial of it has."""
        model = self.subject.build(self.keras)
        if not model.built:  # a subclassed model has no weights before its first call
            self.call(model, self.given)
        settle(model)
        self.forget(model)
        return model

    @property
    def model(self) -> Any:
        """The model that most calls share."""
        return self.once("model", self.fresh)

    @property
    def weights(self) -> Weights:
        """What its weights are before each step of training."""
        return self.once("weights", lambda: weights_of(self.model))

    def compiled(self, model: Any, eagerly: bool = True, **more: Any) -> Any:
        losses = self.keras.losses
        loss = [losses.MeanSquaredError() for _ in self.called.outputs]
        several = {"loss_weights": [1.0] + [0.0] * (len(loss) - 1)} if loss[1:] else {}
        model.compile(
            optimizer=self.keras.optimizers.SGD(learning_rate=RATE),
            loss=loss if loss[1:] else loss[0],
            run_eagerly=eagerly,
            **several,
            **more,
        )
        return model

    @property
    def ready(self) -> Any:
        """The shared model, compiled to run eagerly, with its first weights and no state."""
        model = self.once("compiled", lambda: self.compiled(self.model))
        model.reset_metrics()  # else Keras 3 tells the mean over all batches so far
        return self.begun(model)

    def begun(self, model: Any) -> Any:
        """``model`` as it was before any batch."""
        model.set_weights([w.copy() for w in self.weights])
        self.forget(model)
        return model

    def forget(self, model: Any) -> None:
        for layer in model.layers:
            self.keras.reset_states(layer)

    # --- what it is given ---------------------------------------------------------------------

    @property
    def given(self) -> Given:
        return batch(self.subject.inputs)

    def pack(self, arrays: Tuple[Any, ...]) -> Any:
        """Inputs as the model takes them: alone, in a list, or in a dict."""
        if self.subject.keys:
            return dict(zip(self.subject.keys, arrays))
        return list(arrays) if len(arrays) > 1 else arrays[0]

    def targets(
        self, rows: Optional[Sequence[int]] = None, other: bool = False, longer: bool = False
    ) -> Any:
        """Targets of the batch, or of ``rows`` of it: an array, or a list of one an output.

        ``other``: with other values at masked steps; ``longer``: for the longer batch.
        """
        made = [targets(output) for output in self.called.outputs]
        made = [others(one) for one in made] if other else made
        made = [longer_targets(one) for one in made] if longer else made
        chosen = slice(None) if rows is None else list(rows)
        return [one[chosen] for one in made] if made[1:] else made[0][chosen]

    # --- calls --------------------------------------------------------------------------------

    def call(self, model: Any, given: Given, **arguments: Any) -> Seen:
        """What ``model`` returns that is called eagerly on ``given``."""
        tensors = tuple(map(self.keras.tensor, given.inputs))
        return self.seen_in(model(self.pack(tensors), **arguments))

    def seen_in(self, result: Any) -> Seen:
        outputs = flat(result)
        masks = (self.keras.mask_of(output) for output in outputs)
        return Seen(
            tuple(np.asarray(self.keras.numpy(output)) for output in outputs),
            tuple(None if m is None else np.asarray(self.keras.numpy(m)) for m in masks),
        )

    def apply(self, what: str, given: Callable[[], Given], **arguments: Any) -> Seen:
        """The same of the shared model with its first weights; ``what`` names the call."""
        return self.once(
            f"call: {what}", lambda: self.call(self.begun(self.model), given(), **arguments)
        )

    @property
    def called(self) -> Seen:
        """What the model returns for its batch."""

        def call() -> Seen:
            self.forget(self.model)
            return self.call(self.model, self.given)

        return self.once("called", call)

    @property
    def output(self) -> Array:
        return self.called.outputs[0]

    def predict(self, what: str, given: Callable[[], Any], **arguments: Any) -> Array:
        """The first output that ``predict`` returns for ``given()``."""

        def call() -> Array:
            found = flat(self.ready.predict(given(), verbose=0, **arguments))
            return np.asarray(found[0])

        return self.once(f"predict: {what}", call)

    # --- losses and steps of training ---------------------------------------------------------

    @property
    def tested(self) -> float:
        """The loss that ``test_on_batch`` tells."""

        def call() -> float:
            return first(self.ready.test_on_batch(self.pack(self.given.inputs), self.targets()))

        return self.once("tested", call)

    def evaluated(self, what: str, data: Callable[[], Tuple[Any, ...]], **arguments: Any) -> float:
        """The loss that ``evaluate`` tells of ``data()``: of x and y, or of what yields both."""
        return self.once(
            f"evaluate: {what}",
            lambda: first(self.ready.evaluate(*data(), verbose=0, **arguments)),
        )

    def trained(self, other: bool = False, longer: bool = False) -> Stepped:
        """What comes of ``train_on_batch``; ``other`` and ``longer``: see ``targets``."""

        def step(model: Any) -> float:
            given = self.given.longer() if longer else self.given
            y = self.targets(other=other, longer=longer)
            return first(model.train_on_batch(self.pack(given.inputs), y))

        return self.stepped(f"train_on_batch {other} {longer}", step)

    def stepped(self, what: str, step: Callable[[Any], float]) -> Stepped:
        """What comes of ``step``, which trains the compiled model that it gets and tells a loss."""

        def call() -> Stepped:
            model = self.ready
            stepped = Stepped(step(model), weights_of(model))
            if not all(np.isfinite(w).all() for w in stepped.weights):
                self.compiled(model)  # what an optimizer keeps of NaN would reach the next step
            return stepped

        return self.once(f"stepped: {what}", call)

    def loss_by_hand(self, model: Any) -> Any:
        """The loss object, called with the targets and what ``model`` returns: a tensor."""
        tensors = tuple(map(self.keras.tensor, self.given.inputs))
        output = flat(model(self.pack(tensors)))[0]
        target = self.targets()
        target = target[0] if isinstance(target, list) else target
        return self.keras.losses.MeanSquaredError()(self.keras.tensor(target), output)

    # --- own classes --------------------------------------------------------------------------

    def own_classes(self, model: Any) -> Dict[str, Any]:
        """The classes of ``model`` and of its layers that no framework defines, by name."""
        found = {type(one).__name__: type(one) for one in parts(model)}
        return {name: one for name, one in found.items() if one.__module__.startswith("maskspec")}

    def embeddings(self) -> List[int]:
        """Which of the weights are matrices of an ``Embedding``; ``NotAsked`` if none is."""
        found = [i for i, w in enumerate(self.weights) if w.shape == (TOKENS, FEATURES)]
        if not found:
            raise NotAsked("there is no Embedding")
        return found


def parts(model: Any) -> Iterator[Any]:
    """``model``, its layers, and what is inside those that wrap a layer or a cell."""
    yield model
    for layer in getattr(model, "layers", []):
        yield layer
        for name in ("cell", "layer"):
            if hasattr(layer, name):
                yield getattr(layer, name)


def weights_of(model: Any) -> Weights:
    return [np.array(w) for w in model.get_weights()]


def first(told: Any) -> float:
    """The loss among what a model tells."""
    if isinstance(told, dict):
        return float(told["loss"])
    return float(np.ravel(told)[0])
