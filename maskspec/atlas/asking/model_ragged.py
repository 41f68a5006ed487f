"""Ragged batches, which leave the padding out: whether models take them for padded, masked ones."""

from typing import Any

import numpy as np

from maskspec.atlas.asking.loss_by_hand import DIVISORS, divisors, name_of
from maskspec.atlas.asking.model_loss import agree, elements
from maskspec.atlas.asking.model_roads import RESULTS, WEIGHTS
from maskspec.atlas.aspects import aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.building import flat
from maskspec.atlas.comparing import same
from maskspec.atlas.model_batches import VALID
from maskspec.atlas.model_builders import FEATURES, TOKENS, lstm
from maskspec.atlas.model_trial import ModelTrial, Stepped, first, weights_of
from maskspec.atlas.models import Model


def takes_ragged(subject: Model) -> bool:
    """A Sequential model that begins with an ``Embedding``, so that it can be built ragged.

    Of the two of ``LSTM``, which takes long, the one that returns the last step alone.
    """
    is_ours = subject.page == "Sequential" and subject.inputs == ("tokens",)
    return is_ours and not subject.is_stateful and subject.build is not lstm


def takes_ragged_and_has_steps(subject: Model) -> bool:
    return takes_ragged(subject) and subject.has_steps


def ragged(trial: ModelTrial, values: Array) -> Any:
    """The valid steps of ``values`` as a ragged tensor."""
    order = np.argsort(~VALID, axis=1, kind="stable")  # rows with the valid steps in front
    order = order.reshape(*order.shape, *[1] * (values.ndim - 2))
    return trial.keras.ragged_tensor(np.take_along_axis(values, order, 1), VALID.sum(1))


def built(trial: ModelTrial, mask_zero: bool = False) -> Any:
    """The model for ragged batches, compiled; they need no mask: without it, it makes none."""
    keras = trial.keras

    def build() -> Any:
        _, *rest = trial.fresh().layers
        try:
            tokens = keras.Input((None,), dtype="int32", ragged=True)
        except TypeError:  # Input has no such argument in this release
            tokens = keras.Input((None,), dtype="int32")
        embedding = keras.layers.Embedding(TOKENS, FEATURES, mask_zero=mask_zero)
        return trial.compiled(keras.Sequential([tokens, embedding, *rest]))

    model = trial.once(f"ragged model {mask_zero}", build)
    model.set_weights(trial.weights)
    return model


def batch(trial: ModelTrial) -> Any:
    return ragged(trial, trial.given.inputs[0])


def compared(trial: ModelTrial, result: Any) -> str:
    """Whether ``result``, ragged or padded at the end, is what the padded batch gives."""
    found = flat(result)[0]
    if hasattr(found, "flat_values"):
        found = found.flat_values
    found = np.asarray(trial.keras.numpy(found))
    if trial.subject.has_steps and found.ndim == 3:
        found = found[np.arange(found.shape[1]) < VALID.sum(1)[:, None]]
    expected = trial.output[VALID] if trial.subject.has_steps else trial.output
    return RESULTS[not same(found, expected)]


def called(trial: ModelTrial, mask_zero: bool) -> str:
    def call() -> str:
        x = batch(trial)
        return compared(trial, built(trial, mask_zero)(x))

    return trial.once(f"ragged: called {mask_zero}", call)


@aspect(
    "model-ragged.call",
    "Called on a ragged batch, without mask_zero, does the model return what the padded one gives?",
    RESULTS,
    takes_ragged,
)
def call(trial: ModelTrial) -> str:
    return called(trial, mask_zero=False)


@aspect(
    "model-ragged.mask-zero",
    "Called on a ragged batch, with mask_zero, does the model return the same?",
    RESULTS,
    takes_ragged,
)
def mask_zero(trial: ModelTrial) -> str:
    return called(trial, mask_zero=True)


@aspect(
    "model-ragged.predict",
    "Does predict return for a ragged batch what the model returns for the padded one?",
    RESULTS,
    takes_ragged,
)
def predict(trial: ModelTrial) -> str:
    def run() -> str:
        x = batch(trial)
        return compared(trial, built(trial).predict(x, verbose=0))

    return trial.once("ragged: predict", run)


def trained(trial: ModelTrial) -> Stepped:
    """What comes of a step of training on the ragged batch, its targets ragged too."""

    def step() -> Stepped:
        x, y = batch(trial), trial.targets()
        y = ragged(trial, y) if trial.subject.has_steps else y
        model = built(trial)
        told = first(model.train_on_batch(x, y))
        return Stepped(told, weights_of(model))

    return trial.once("ragged: trained", step)


@aspect(
    "model-ragged.loss",
    "By what is the loss divided that train_on_batch tells of a ragged batch and ragged targets?",
    DIVISORS,
    takes_ragged_and_has_steps,
)
def loss(trial: ModelTrial) -> str:
    return name_of(np.asarray(trained(trial).loss), divisors(elements(trial), VALID))


@aspect(
    "model-ragged.train",
    "Does a step of training on the ragged batch leave the weights that the padded one leaves?",
    WEIGHTS,
    takes_ragged,
)
def train(trial: ModelTrial) -> str:
    return WEIGHTS[not agree(trained(trial).weights, trial.trained().weights)]
