"""Whole models under policies of dtypes: whether the mask is kept, and whether padding counts."""

from functools import partial
from typing import Any, Tuple

import numpy as np

from maskspec.atlas.asking.model_results import (
    CHANGES,
    at_valid,
    changes,
)
from maskspec.atlas.aspects import aspect
from maskspec.atlas.comparing import alike, same_mask
from maskspec.atlas.model_trial import ModelTrial, first
from maskspec.atlas.models import Model


def stands_for_others(subject: Model) -> bool:
    return subject.takes_all_roads or subject.runs_compiled


def has_steps_too(subject: Model) -> bool:
    return subject.has_steps and stands_for_others(subject)


POLICIES = ("mixed_float16", "mixed_bfloat16", "float64")
of_policies = partial(aspect, applies=stands_for_others)
MASKS = ("as in float32", "another")


def under(trial: ModelTrial, policy: str) -> Any:
    """The model, compiled, that was built under a policy; before any batch."""

    def build() -> Any:
        with trial.keras.policy(policy):
            return trial.compiled(trial.fresh())

    trial.called  # noqa: B018 # in float32, first
    made = trial.once(f"under {policy}", build)
    trial.forget(made)
    made.reset_metrics()
    return made


def ask_policy(policy: str) -> None:
    @of_policies(
        f"model-dtypes.{policy}-mask",
        f"Under the policy {policy}, which mask does the (first) output carry?",
        MASKS,
    )
    def mask(trial: ModelTrial) -> str:
        found = trial.once(
            f"{policy}: called", lambda: trial.call(under(trial, policy), trial.given)
        )
        return MASKS[not same_mask(found.masks[0], trial.called.masks[0])]

    @of_policies(
        f"model-dtypes.{policy}-longer",
        f"Under the policy {policy}, do two more padded steps change results at valid steps?",
        CHANGES,
    )
    def longer(trial: ModelTrial) -> str:
        one = trial.once(f"{policy}: called", lambda: trial.call(under(trial, policy), trial.given))
        other = trial.once(
            f"{policy}: longer", lambda: trial.call(under(trial, policy), trial.given.longer())
        )
        return changes(at_valid(one.outputs[0]), at_valid(other.outputs[0]))

    @aspect(
        f"model-dtypes.{policy}-targets",
        f"Under the policy {policy}, do targets at masked steps change the loss?",
        CHANGES,
        has_steps_too,
    )
    def targets(trial: ModelTrial) -> str:
        def told(other: bool) -> float:
            x = trial.pack(trial.given.inputs)
            return first(under(trial, policy).test_on_batch(x, trial.targets(other=other)))

        def both() -> Tuple[float, float]:
            return told(False), told(True)

        one, other = trial.once(f"{policy}: tested", both)
        return CHANGES[0] if np.isfinite(one) and alike(one, other) else CHANGES[1]


for name in POLICIES:
    ask_policy(name)
