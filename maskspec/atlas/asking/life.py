"""The life of a layer: its first call, a subclass, from its config, after saving and loading."""

import inspect
import os
import tempfile
from typing import Any, Dict, Optional

from maskspec.atlas.asking.output import MASKS, whose
from maskspec.atlas.aspects import NotAsked, aspect, is_masked, is_plain
from maskspec.atlas.batches import padded
from maskspec.atlas.building import settle
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import AGREEMENT, Seen, Trial, agreement


@aspect("life.first-call", "Does the first call give what a second one gives?", AGREEMENT, is_plain)
def first_call(trial: Trial) -> str:
    batch, fresh = padded(trial.subject.feeds), trial.part("fresh", trial.build)
    first = trial.once("first call", lambda: trial.apply(fresh, batch))
    return agreement(first, trial.once("second call", lambda: trial.apply(fresh, batch)))


def copied(
    trial: Trial, what: str, overriding: Optional[Dict[str, Any]] = None, padding: float = 0.0
) -> Seen:
    """What a copy gives: of the class, or of a subclass ``overriding`` some of its attributes."""

    def call() -> Seen:
        made = type(trial.layer)
        if overriding is not None:
            made = type("Own", (made,), overriding)
        copy = made.from_config(trial.layer.get_config())
        batch = padded(trial.subject.feeds, padding)
        trial.apply(copy, batch.unmasked())
        settle(copy)
        trial.keras.reset_states(copy)
        return trial.apply(copy, batch)

    return trial.once(what, call)


@aspect("life.config", "Does a copy from its config give the same?", AGREEMENT, is_masked)
def config(trial: Trial) -> str:
    return agreement(trial.padded(), copied(trial, "from config"))


@aspect("life.subclass", "Does an unchanged subclass give the same?", AGREEMENT, is_plain)
def subclass(trial: Trial) -> str:
    return agreement(trial.padded(), copied(trial, "subclass", {}))


@aspect(
    "life.compute-mask",
    "Which mask does the output of a subclass carry whose compute_mask returns None?",
    MASKS,
    is_plain,
)
def own_compute_mask(trial: Trial) -> str:
    if trial.padded().mask is None:
        raise NotAsked("the class itself gives no mask")
    none = {"compute_mask": lambda *_, **__: None}

    def ask(padding: float) -> Seen:
        return copied(trial, f"subclass without compute_mask, padded with {padding}", none, padding)

    return whose(trial, ask)


@aspect(
    "life.twice",
    "Does a model that calls the layer twice, with a mask and without, give what each call gives?",
    AGREEMENT,
    is_plain,
)
def twice(trial: Trial) -> str:
    alone = (trial.padded(), trial.unmasked())
    outputs = sum((seen.outputs for seen in alone), ())
    masks = sum((seen.masks for seen in alone), ())
    return agreement(Seen(outputs, masks), trial.padded("functional, twice"))


def behind_masking(subject: Subject) -> bool:
    """Whether a ``Masking`` layer can give the inputs their masks."""
    return is_plain(subject) and all(
        feed.dtype == "float32" and len(feed.features) == 1 for feed in subject.feeds
    )


@aspect("life.saved", "Does a saved and loaded model give the same?", AGREEMENT, behind_masking)
def saved(trial: Trial) -> str:
    def model() -> Any:
        return trial.part("behind Masking", lambda: behind(trial))

    before = trial.once("before saving", lambda: called(trial, model()))
    return agreement(before, trial.once("loaded", lambda: called(trial, loaded(trial, model()))))


def is_a_lambda(subject: Subject) -> bool:
    """Whether loading it runs code of a file, which Keras 3 does only if it is told to."""
    return is_masked(subject) and subject.layer == "Lambda" and subject.call == "list"


LOST, NO_MASK = "no mask any more", "something that is no mask"


@aspect(
    "life.saved-unsafe",
    "Does a saved and loaded model give the same, loaded with safe_mode=False?",
    (*AGREEMENT, LOST, NO_MASK),
    is_a_lambda,
)
def saved_unsafe(trial: Trial) -> str:
    if "safe_mode" not in inspect.signature(trial.keras.models.load_model).parameters:
        raise NotAsked("there is no such argument")

    def model() -> Any:
        return trial.part("behind Masking", lambda: behind(trial))

    def load() -> Seen:
        return called(trial, loaded(trial, model(), safe_mode=False))

    before = trial.once("before saving", lambda: called(trial, model()))
    after = trial.once("loaded, unsafe", load)
    if before.mask is not None and after.mask is None:
        return LOST
    if after.mask is not None and after.mask.dtype.kind not in "biuf":
        return NO_MASK
    return agreement(before, after)


def behind(trial: Trial) -> Any:
    """A functional model of the subject, each masked input behind a ``Masking`` layer."""
    keras, inputs, tensors = trial.keras, [], []
    for feed in trial.subject.feeds:
        inputs.append(keras.Input(shape=(None, *feed.features), dtype=feed.dtype))
        tensors.append(keras.layers.Masking()(inputs[-1]) if feed.masked else inputs[-1])
    layer = trial.build()
    model = keras.Model(inputs, trial.give(layer, tensors))
    settle(layer)
    return model


def loaded(trial: Trial, model: Any, **arguments: Any) -> Any:
    """``model``, saved as ``.keras``, or as HDF5 where there is no such format, and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"model{trial.keras.file_ending}")
        model.save(path)
        return trial.keras.models.load_model(path, **arguments)


def called(trial: Trial, model: Any) -> Seen:
    batch = padded(trial.subject.feeds)
    return trial.seen_in(model([trial.keras.tensor(x) for x in batch.inputs]))
