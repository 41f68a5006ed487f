"""A mask that a functional model was built with, as a constant: whether it is used and saved."""

import os
import tempfile
from functools import partial
from typing import Any, Callable

import numpy as np

from maskspec.atlas.asking.model_life import load
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.comparing import same
from maskspec.atlas.model_batches import VALID
from maskspec.atlas.model_builders import FEATURES, dense, rnn
from maskspec.atlas.model_trial import ModelTrial
from maskspec.atlas.models import Model

USED = ("as with that mask", "as without a mask", "other results")
Road = Callable[[Any, str], Any]  # from the model, and a path to write to


def takes_a_mask(subject: Model) -> bool:
    """Whose mask is an input: what it does with that mask as a constant is asked as well."""
    return subject.inputs == ("floats", "mask")


of_constants = partial(aspect, applies=takes_a_mask)


def built(trial: ModelTrial, mask: Any) -> Any:
    """The model of the trial with ``mask`` for its second input."""
    keras = trial.keras
    x = keras.Input((None, FEATURES))
    model = keras.Model(x, dense(keras)(rnn(keras)(x, mask=mask)))
    model.set_weights(trial.weights)
    return model


def output_of(trial: ModelTrial, model: Any) -> Array:
    return trial.seen_in(model(trial.keras.tensor(trial.given.inputs[0]))).outputs[0]


def constant(trial: ModelTrial, kind: str) -> Any:
    return trial.keras.tensor(VALID) if kind == "tensor" else np.array(VALID)


def results(trial: ModelTrial, kind: str, what: str, road: Road) -> str:
    """What the model with a constant of a kind returns that took ``road``, named ``what``."""

    def call() -> str:
        with tempfile.TemporaryDirectory() as folder:
            model = road(built(trial, constant(trial, kind)), os.path.join(folder, "model"))
        found = output_of(trial, model)
        without = trial.once("no mask", lambda: output_of(trial, built(trial, None)))
        if same(found, trial.output):
            return USED[0]
        return USED[1] if same(found, without) else USED[2]

    return trial.once(f"constant {kind}: {what}", call)


def from_file(trial: ModelTrial, kind: str, ending: str) -> str:
    if ending == ".keras" != trial.keras.file_ending:
        raise NotAsked("there is no such format here")

    def road(model: Any, path: str) -> Any:
        model.save(path + ending)
        return load(trial, path + ending)

    return results(trial, kind, ending, road)


def ask_constant(kind: str) -> None:
    @of_constants(
        f"model-constants.{kind}",
        f"With the mask as a constant {kind}, layer(x, mask=…), what does the model return?",
        USED,
    )
    def called(trial: ModelTrial) -> str:
        return results(trial, kind, "called", lambda model, path: model)

    saved = f"What does a model with a constant {kind} as mask return, saved"

    @of_constants(f"model-constants.{kind}-keras-file", f"{saved} as .keras and loaded?", USED)
    def keras_file(trial: ModelTrial) -> str:
        return from_file(trial, kind, ".keras")

    @of_constants(f"model-constants.{kind}-h5", f"{saved} as HDF5 and loaded?", USED)
    def h5(trial: ModelTrial) -> str:
        return from_file(trial, kind, ".h5")

    @of_constants(
        f"model-constants.{kind}-config",
        f"What does a copy from its config return of a model with a constant {kind} as mask?",
        USED,
    )
    def config(trial: ModelTrial) -> str:
        def road(model: Any, path: str) -> Any:
            new = type(model).from_config(model.get_config())
            new.set_weights(trial.weights)
            return new

        return results(trial, kind, "config", road)


for which in ("array", "tensor"):
    ask_constant(which)
