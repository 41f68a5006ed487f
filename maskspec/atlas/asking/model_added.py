"""Losses of models beside one compiled loss: those of add_loss, and several with loss_weights."""

from typing import Any, Dict, Tuple

import numpy as np

from maskspec.atlas.asking.loss_by_hand import DIVISORS, ELSE, NO_WEIGHTS, divisors, name_of
from maskspec.atlas.asking.model_loss import finite, has_steps_and_takes_all_roads
from maskspec.atlas.asking.model_roads import x_and_y
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.model_batches import ROWS, VALID
from maskspec.atlas.model_trial import RATE, ModelTrial, first
from maskspec.atlas.models import Model

SUMS = ("the sum of both", "the compiled loss", "the added loss", ELSE)
WEIGHTS = (2.0, 0.5)  # of losses
ACTIVITY = (
    "all steps, divided by the rows",
    "all steps, divided by nothing",
    "the valid steps, divided by the rows",
    "the valid steps, divided by nothing",
    ELSE,
)


# --- add_loss -----------------------------------------------------------------------------------


def adds(keras: Any, by_mask: bool) -> Any:
    """A layer that adds the mean square of what it gets as a loss: behind its mask, ``by_mask``."""

    class Adds(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            each = keras.ops.mean(inputs * inputs, -1)
            if mask is None or not by_mask:
                self.add_loss(keras.ops.mean(each))
            else:
                valid = keras.ops.cast(mask, "float32")
                self.add_loss(keras.ops.sum(each * valid) / keras.ops.sum(valid))
            return inputs * 1

    return Adds()


def told(trial: ModelTrial, layer: Any, loss: Any = None) -> float:
    """The loss of the model with ``layer`` behind it, compiled with ``loss`` if there is one."""
    inner = trial.begun(trial.fresh())
    x = inner.input if trial.subject.keys else inner.inputs
    model = trial.keras.Model(x, layer(inner.outputs[0]))
    sgd = trial.keras.optimizers.SGD(learning_rate=RATE)
    model.compile(optimizer=sgd, loss=loss, run_eagerly=True)
    inputs, targets = x_and_y(trial)
    return first(model.test_on_batch(inputs, *([] if loss is None else [targets])))


def of_inputs(trial: ModelTrial) -> None:
    """Raise ``NotAsked`` for a model that no layer can be put behind."""
    if not getattr(trial.model, "inputs", None):
        raise NotAsked("the model is neither functional nor sequential")


def added(trial: ModelTrial, by_mask: bool) -> float:
    of_inputs(trial)
    return trial.once(f"add_loss {by_mask}", lambda: told(trial, adds(trial.keras, by_mask)))


def squares(trial: ModelTrial) -> Array:
    """The mean square of each step of the output: (4, 5)."""
    found: Array = (finite(trial.output) ** 2).mean(-1)
    return found


@aspect(
    "model-loss.add-loss",
    "By what is the loss divided that a layer adds by add_loss, the mean square of what it gets?",
    DIVISORS,
    has_steps_and_takes_all_roads,
)
def add_loss(trial: ModelTrial) -> str:
    return name_of(np.asarray(added(trial, by_mask=False)), divisors(squares(trial), VALID))


@aspect(
    "model-loss.add-loss-by-mask",
    "By what is it divided if the layer takes mask= and averages over the steps valid in it?",
    DIVISORS,
    has_steps_and_takes_all_roads,
)
def add_loss_by_mask(trial: ModelTrial) -> str:
    return name_of(np.asarray(added(trial, by_mask=True)), divisors(squares(trial), VALID))


@aspect(
    "model-loss.add-loss-beside",
    "Which loss is told of a compiled loss and one that a layer adds by add_loss?",
    SUMS,
    has_steps_and_takes_all_roads,
)
def beside(trial: ModelTrial) -> str:
    def call() -> float:
        return told(trial, adds(trial.keras, False), trial.keras.losses.MeanSquaredError())

    alone = added(trial, by_mask=False)
    known = dict(zip(SUMS, np.array([trial.tested + alone, trial.tested, alone])))
    finite(trial.output)
    return name_of(np.asarray(trial.once("add_loss beside", call)), known)


@aspect(
    "model-loss.activity",
    "Of which steps is the loss of ActivityRegularization the sum behind a masked output?",
    ACTIVITY,
    has_steps_and_takes_all_roads,
)
def activity(trial: ModelTrial) -> str:
    def call() -> float:
        return told(trial, trial.keras.layers.ActivityRegularization(l2=1.0))

    of_inputs(trial)
    each = (finite(trial.output) ** 2).sum(-1)
    every, valid = each.sum(), each[VALID].sum()
    known = dict(zip(ACTIVITY, (every / ROWS, every, valid / ROWS, valid)))
    return name_of(np.asarray(trial.once("activity", call)), known)


# --- loss_weights -------------------------------------------------------------------------------


def has_two_outputs(subject: Model) -> bool:
    return subject.summary.startswith("of two outputs")


def by_divisor(trial: ModelTrial, place: int) -> Dict[str, Any]:
    """The loss of one output, by what it is divided by: one number if it has no steps."""
    output, target = trial.called.outputs[place], trial.targets()[place]
    each = ((finite(output) - target) ** 2).mean(-1)
    if each.ndim == 1:
        return dict.fromkeys(DIVISORS[:-1], each.mean())
    return divisors(each, VALID)


def weighted(trial: ModelTrial, weights: Tuple[float, ...]) -> float:
    """The loss that is told with ``weights`` for the losses of the outputs."""

    def call() -> float:
        model, keras = trial.begun(trial.fresh()), trial.keras
        model.compile(
            optimizer=keras.optimizers.SGD(learning_rate=RATE),
            loss=[keras.losses.MeanSquaredError() for _ in weights],
            loss_weights=list(weights),
            run_eagerly=True,
        )
        return first(model.test_on_batch(*x_and_y(trial)))

    return trial.once(f"loss_weights {weights}", call)


@aspect(
    "model-loss.weights",
    "With loss_weights of two outputs, by what is the loss of each masked one divided?",
    (*DIVISORS[:-1], NO_WEIGHTS, ELSE),
    has_two_outputs,
)
def loss_weights(trial: ModelTrial) -> str:
    one, other = by_divisor(trial, 0), by_divisor(trial, 1)
    known = {name: WEIGHTS[0] * one[name] + WEIGHTS[1] * other[name] for name in one}
    plain = weighted(trial, (1.0, 1.0))
    return name_of(np.asarray(weighted(trial, WEIGHTS)), {**known, NO_WEIGHTS: np.array(plain)})
