"""What a layer says of itself: its flag, and warnings."""

from typing import Tuple

from maskspec.atlas.aspects import aspect
from maskspec.atlas.trial import Trial


@aspect("says.flag", "What is supports_masking?", ("True", "False", "missing"))
def flag(trial: Trial) -> str:
    return str(getattr(trial.layer, "supports_masking", "missing"))


HONEST = (
    "True, and the output carries a mask",
    "True, but the output carries none",
    "False, and the output carries none",
    "False, but the output carries a mask",
)


@aspect("says.honest", "What does supports_masking say, and what happens?", HONEST)
def honest(trial: Trial) -> str:
    says = bool(getattr(trial.layer, "supports_masking", False))
    carries = trial.padded().mask is not None
    return f"{says}, {'and' if says == carries else 'but'} the output carries " + (
        "a mask" if carries else "none"
    )


NUMBERS = ("no", "one", "several")


def warnings_in(warned: Tuple[str, ...]) -> str:
    return NUMBERS[min(sum("mask" in text.lower() for text in warned), 2)]


@aspect("says.warnings", "How many warnings speak of masks in an eager call?", NUMBERS)
def warnings(trial: Trial) -> str:
    return warnings_in(trial.padded().warned)


@aspect(
    "says.model-warnings",
    "How many warnings speak of masks in building and calling a functional model?",
    NUMBERS,
)
def model_warnings(trial: Trial) -> str:
    return warnings_in(trial.padded("functional").warned)
