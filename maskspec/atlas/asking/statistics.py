"""Statistics: of which steps a layer takes those that it normalizes by, and those that it keeps."""

from typing import Dict, NamedTuple

import numpy as np

from maskspec.atlas.aspects import aspect, is_masked
from maskspec.atlas.batches import Array, padded
from maskspec.atlas.building import flat
from maskspec.atlas.comparing import same
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import OTHER, Seen, Trial

STEPS = ("the valid ones", "all", "none", "something else")


def is_trained(subject: Subject) -> bool:
    return is_masked(subject) and ("training", True) in subject.arguments


class Trained(NamedTuple):
    """One training call: its output, and of each unit mean and variance kept before and after,
    arrays (2, units), with the numbers that the layer works with."""

    output: Array
    before: Array
    after: Array
    scale_and_shift: Array
    momentum: Array
    epsilon: Array
    axis: Array


def trained(trial: Trial) -> Trained:
    def call() -> Seen:
        layer, numpy = trial.layer, trial.keras.numpy
        axis = flat(layer.axis if isinstance(layer.axis, int) else list(layer.axis))[0]

        def kept() -> Array:
            return np.array([numpy(layer.moving_mean), numpy(layer.moving_variance)])

        before = kept()
        output = trial.apply(layer, padded(trial.subject.feeds, OTHER)).output
        numbers = [np.array([numpy(layer.gamma), numpy(layer.beta)]), layer.momentum, layer.epsilon]
        return Seen(tuple(map(np.asarray, (output, before, kept(), *numbers, axis))))

    return Trained(*trial.once("trained", call).outputs)


def statistics_by_steps(trial: Trial, axis: int) -> Dict[str, Array]:
    """Mean and variance (2, units) of the valid steps, and of all, by their names."""
    values = padded(trial.subject.feeds, OTHER).inputs[0].astype("float64")
    valid = np.broadcast_to(trial.valid[:, :, None], values.shape)
    units, counted = np.moveaxis(values, axis, 0), np.moveaxis(valid, axis, 0)
    found = {}
    for name, steps in ((STEPS[0], counted), (STEPS[1], np.ones_like(counted))):
        chosen = [unit[where] for unit, where in zip(units, steps)]
        found[name] = np.array([[one.mean() for one in chosen], [one.var() for one in chosen]])
    return found


@aspect(
    "results.moving-statistics",
    "Of which steps does a training call take the moving mean and variance?",
    STEPS,
    is_trained,
)
def moving_statistics(trial: Trial) -> str:
    call = trained(trial)
    for name, new in statistics_by_steps(trial, int(call.axis)).items():
        if same(call.after, call.momentum * call.before + (1 - call.momentum) * new):
            return name
    return STEPS[2] if same(call.after, call.before) else STEPS[3]


@aspect(
    "results.normalized",
    "By the mean and variance of which steps does a training call normalize?",
    STEPS,
    is_trained,
)
def normalized(trial: Trial) -> str:
    call = trained(trial)
    values = np.moveaxis(padded(trial.subject.feeds, OTHER).inputs[0], int(call.axis), -1)
    output, (scale, shift) = np.moveaxis(call.output, int(call.axis), -1), call.scale_and_shift
    for name, (mean, variance) in statistics_by_steps(trial, int(call.axis)).items():
        if same(output, (values - mean) / np.sqrt(variance + call.epsilon) * scale + shift):
            return name
    return STEPS[2] if same(output, values) else STEPS[3]
