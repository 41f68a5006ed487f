"""Copies of models, and models that were saved and loaded: whether masks work as before."""

import copy
import inspect
import os
import pickle
import tempfile
from typing import Any, Callable, Optional

import numpy as np

from maskspec.atlas.asking.model_results import of_all_roads, of_models
from maskspec.atlas.asking.model_roads import RESULTS, runs_compiled
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.building import flat
from maskspec.atlas.comparing import alike, same, same_mask
from maskspec.atlas.model_trial import ModelTrial, first
from maskspec.atlas.models import Model

RESTORED = ("the same", "other results", "another mask", "another loss")
Road = Callable[[ModelTrial, Any, str], Any]


def restored(trial: ModelTrial, what: str, road: Road) -> str:
    """What of the model ``road`` brings back: given it compiled, and a path to write to."""

    def call() -> str:
        with tempfile.TemporaryDirectory() as folder:
            model = road(trial, trial.ready, os.path.join(folder, "model"))
        trial.forget(model)
        found = trial.call(model, trial.given)
        if not all(map(same, found.outputs, trial.called.outputs)):
            return RESTORED[1]
        if not all(map(same_mask, found.masks, trial.called.masks)):
            return RESTORED[2]
        trial.forget(model)
        if getattr(model, "optimizer", None) is None:
            trial.compiled(model)
        model.run_eagerly = True
        told = first(model.test_on_batch(trial.pack(trial.given.inputs), trial.targets()))
        return RESTORED[0] if alike(told, trial.tested) else RESTORED[3]

    trial.tested  # noqa: B018 # before that
    return trial.once(f"restored: {what}", call)


def load(trial: ModelTrial, path: str, classes: Optional[Any] = None) -> Any:
    function = trial.keras.models.load_model
    more = {"safe_mode": False} if "safe_mode" in inspect.signature(function).parameters else {}
    return function(path, custom_objects=classes, **more)


def ask_file(name: str, ending: str, what: str) -> None:
    @of_models(
        f"model-life.{name}",
        f"Does the model that is saved {what} and loaded give the same?",
        RESTORED,
    )
    def ask(trial: ModelTrial) -> str:
        if ending == ".keras" != trial.keras.file_ending:
            raise NotAsked("there is no such format here")

        def road(trial: ModelTrial, model: Any, path: str) -> Any:
            model.save(path + ending)
            return load(trial, path + ending, trial.own_classes(model))

        return restored(trial, name, road)


ask_file("keras-file", ".keras", "as .keras")
ask_file("h5", ".h5", "as HDF5")


@of_all_roads(
    "model-life.unregistered",
    "Does a saved model with a class of its own give the same, loaded without custom_objects?",
    RESTORED,
)
def unregistered(trial: ModelTrial) -> str:
    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        model.save(path + trial.keras.file_ending)
        return load(trial, path + trial.keras.file_ending)

    if not trial.own_classes(trial.model):
        raise NotAsked("the model has no class of its own")
    return restored(trial, "unregistered", road)


def has_a_registered_class(subject: Model) -> bool:
    return subject.summary.startswith("registered")


@aspect(
    "model-life.registered",
    "Does the saved model with a registered class give the same, loaded without custom_objects?",
    RESTORED,
    has_a_registered_class,
)
def registered(trial: ModelTrial) -> str:
    return unregistered(trial)


@of_all_roads(
    "model-life.weights",
    "Does a new model that loads the weights alone give the same?",
    RESTORED,
)
def weights(trial: ModelTrial) -> str:
    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        model.save_weights(f"{path}.weights.h5")
        new = trial.fresh()
        new.set_weights([np.zeros_like(w) for w in trial.weights])
        new.load_weights(f"{path}.weights.h5")
        return new

    return restored(trial, "weights", road)


@of_all_roads("model-life.config", "Does a copy from its config give the same?", RESTORED)
def config(trial: ModelTrial) -> str:
    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        with trial.keras.utils.custom_object_scope(trial.own_classes(model)):
            new = type(model).from_config(model.get_config())
        return filled(trial, new)

    return restored(trial, "config", road)


def filled(trial: ModelTrial, new: Any) -> Any:
    """``new`` with the weights of the trial, called once so that it has some."""
    trial.call(new, trial.given)
    return trial.begun(new)


@of_all_roads("model-life.clone", "Does what clone_model returns give the same?", RESTORED)
def clone(trial: ModelTrial) -> str:
    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        with trial.keras.utils.custom_object_scope(trial.own_classes(model)):
            return filled(trial, trial.keras.models.clone_model(model))

    return restored(trial, "clone", road)


@of_all_roads("model-life.pickle", "Does a pickled model give the same?", RESTORED)
def pickled(trial: ModelTrial) -> str:
    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        return pickle.loads(pickle.dumps(model))

    if trial.own_classes(trial.model):
        raise NotAsked("pickle finds no class that is defined within a function")
    return restored(trial, "pickle", road)


@of_all_roads("model-life.deepcopy", "Does a deep copy give the same?", RESTORED)
def deepcopy(trial: ModelTrial) -> str:
    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        with trial.keras.utils.custom_object_scope(trial.own_classes(model)):
            return copy.deepcopy(model)

    return restored(trial, "deepcopy", road)


@aspect(
    "model-life.exported",
    "Does the exported model return what the model returns?",
    RESULTS,
    runs_compiled,
)
def exported(trial: ModelTrial) -> str:
    def call() -> str:
        x = trial.pack(tuple(map(trial.keras.tensor, trial.given.inputs)))
        with tempfile.TemporaryDirectory() as folder:
            serve = trial.keras.exported(trial.ready, folder)
            found = flat(serve(x))[0]
        return RESULTS[not same(np.asarray(trial.keras.numpy(found)), trial.output)]

    return trial.once("exported", call)


@aspect(
    "model-life.lite",
    "Does TensorFlow Lite return what the model returns?",
    RESULTS,
    runs_compiled,
)
def lite(trial: ModelTrial) -> str:
    def call() -> str:
        found = trial.keras.lite(trial.ready, trial.given.inputs[0])
        return RESULTS[not same(found, trial.output)]

    return trial.once("lite", call)


@aspect(
    "model-life.saved-model",
    "Does the model that is saved as a SavedModel and loaded give the same?",
    RESTORED,
    runs_compiled,
)
def saved_model(trial: ModelTrial) -> str:
    if trial.keras.implementation == "keras":
        raise NotAsked("Keras 3 has no such format")

    def road(trial: ModelTrial, model: Any, path: str) -> Any:
        model.save(path, save_format="tf")
        return load(trial, path)

    return restored(trial, "SavedModel", road)
