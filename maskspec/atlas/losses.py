"""The losses of the public API as subjects; ``excused`` says why the others are none.

To add a loss, add a line: its name, in the group that takes the same targets.
"""

from typing import Any, List, NamedTuple, Tuple

FAMILY = "losses"


class Loss(NamedTuple):
    """A loss of the public API: a class, or a function.

    ``targets`` says what it compares: see ``loss_trial.batch``. ``arguments`` go to the class;
    with some, it is one more set-up of a loss that is a subject already.
    """

    public_name: str
    targets: str
    arguments: Tuple[Tuple[str, Any], ...] = ()

    @property
    def is_function(self) -> bool:
        return self.public_name.islower()

    @property
    def is_variant(self) -> bool:
        return bool(self.arguments)

    @property
    def name(self) -> str:
        if self.is_function:
            return self.public
        return f"{self.public}({', '.join(f'{k}={v!r}' for k, v in self.arguments)})"

    @property
    def public(self) -> str:
        """The name of its page, and that ``--subject`` takes."""
        return f"{FAMILY}.{self.public_name}"

    @property
    def family(self) -> str:
        return FAMILY


def of(targets: str, *names: str, **arguments: Any) -> List[Loss]:
    return [Loss(name, targets, tuple(sorted(arguments.items()))) for name in names]


SUBJECTS: List[Loss] = [
    *of(
        "fractions",
        "CosineSimilarity", "Huber", "KLDivergence", "LogCosh", "MeanAbsoluteError",
        "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson",
        "cosine_similarity", "huber", "kl_divergence", "log_cosh", "mean_absolute_error",
        "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
        "poisson",
    ),
    *of("fractions", "CosineSimilarity", axis=1),
    *of("fractions", "MeanSquaredError", dtype="float64"),
    *of(
        "labels",
        "BinaryCrossentropy", "BinaryFocalCrossentropy", "Dice", "Tversky", "binary_crossentropy",
        "binary_focal_crossentropy", "dice", "tversky",
    ),
    *of("labels", "BinaryCrossentropy", label_smoothing=0.1),
    *of("labels", "BinaryCrossentropy", from_logits=True),
    *of("labels", "Dice", axis=(1, 2)),
    *of(
        "one-hot",
        "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge",
        "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge",
    ),
    *of("one-hot", "CategoricalCrossentropy", label_smoothing=0.1),
    *of("classes", "CategoricalGeneralizedCrossEntropy", "SparseCategoricalCrossentropy",
        "SparseCategoricalFocalCrossentropy", "sparse_categorical_crossentropy",
        "sparse_categorical_focal_crossentropy"),
    *of("classes", "SparseCategoricalCrossentropy", from_logits=True),
    *of("classes", "SparseCategoricalCrossentropy", ignore_class=1),
    *of("signs", "Hinge", "SquaredHinge", "hinge", "squared_hinge"),
    *of("sequences", "CTC", "ctc"),
]  # fmt: skip
