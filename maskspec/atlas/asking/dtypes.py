"""Dtypes: inputs of another dtype than the layer computes in, and policies of mixed precision."""

from maskspec.atlas.asking.extremes import DEAD, numbers, without_valid
from maskspec.atlas.asking.output import MASKS, whose
from maskspec.atlas.asking.results import END, YES_NO, differ
from maskspec.atlas.aspects import aspect, is_plain, takes_floats, takes_floats_plainly
from maskspec.atlas.batches import Batch, padded
from maskspec.atlas.trial import OTHER, Seen, Trial

INPUTS = ("float64", "float16", "int32")
POLICIES = ("mixed_float16", "mixed_bfloat16")


def of_dtype(trial: Trial, dtype: str, padding: float = 0.0) -> Seen:
    """The padded batch as ``dtype``; as integers, its values are tens."""

    def batch() -> Batch:
        made = padded(trial.subject.feeds, padding)
        times = 10 if dtype == "int32" else 1
        return made._replace(inputs=tuple((x * times).astype(dtype) for x in made.inputs))

    return trial.seen(f"{dtype} {padding}", batch)


def ask_input(dtype: str) -> None:
    @aspect(
        f"dtypes.{dtype}-input",
        f"Which mask does the output carry if the input is of dtype {dtype}?",
        MASKS,
        takes_floats_plainly,
    )
    def kept(trial: Trial) -> str:
        return whose(trial, lambda padding: of_dtype(trial, dtype, padding))

    @aspect(
        f"dtypes.{dtype}-input-leak",
        f"Do masked steps of an input of dtype {dtype} change the results at valid steps?",
        YES_NO,
        takes_floats_plainly,
    )
    def leak(trial: Trial) -> str:
        return differ(trial, of_dtype(trial, dtype), of_dtype(trial, dtype, OTHER), END)


def ask_policy(policy: str) -> None:
    @aspect(
        f"dtypes.{policy}", f"Which mask does the output carry under {policy}?", MASKS, is_plain
    )
    def kept(trial: Trial) -> str:
        return whose(trial, lambda padding: trial.under(policy, padding))

    @aspect(
        f"dtypes.{policy}-leak",
        f"Do masked steps change the results at valid steps under {policy}?",
        YES_NO,
        is_plain,
    )
    def leak(trial: Trial) -> str:
        return differ(trial, trial.under(policy), trial.under(policy, OTHER), END)


@aspect(
    "dtypes.mixed_float16-dead-row",
    "What is the result of a row without a valid step under mixed_float16?",
    DEAD,
    takes_floats,
)
def dead_row(trial: Trial) -> str:
    """The numbers that stand for minus infinity in float32 are too large for float16."""

    def batch() -> Batch:
        made = without_valid(1)(padded(trial.subject.feeds))
        halves = (x.astype("float16") if x.dtype == "float32" else x for x in made.inputs)
        return made._replace(inputs=tuple(halves))

    with trial.keras.policy("mixed_float16"):
        seen = Trial(trial.keras, trial.subject, trial.build).seen("dead row", batch)
    return numbers(seen.output[1])


for name in INPUTS:
    ask_input(name)
for name in POLICIES:
    ask_policy(name)
