"""The metrics of the public API as subjects; ``excused`` says why the others are none.

To add a metric, add a line: its name, in the group that takes the same targets. Beside the public
classes and functions there are functions of one's own, and names that ``metrics=`` takes.
"""

from typing import Any, List, NamedTuple, Tuple

FAMILY = "metrics"
OWN = {  # functions of one's own, and the axes that they take the mean of, besides the features
    "one number": (0, 1),
    "a number for each sample": (1,),
    "a number for each step": (),
}
CLASSES = {  # which class a string stands for, by the targets
    "accuracy": {
        "classes": "SparseCategoricalAccuracy",
        "one-hot": "CategoricalAccuracy",
        "labels": "BinaryAccuracy",
    },
    "crossentropy": {"classes": "SparseCategoricalCrossentropy"},
    "acc": {"classes": "SparseCategoricalAccuracy"},
    "mse": {"fractions": "MeanSquaredError"},
}


class Metric(NamedTuple):
    """A metric: a public class or function, a function of one's own, or a string.

    ``targets`` says what it compares: see ``metric_trial.batch``. ``arguments`` go to the class;
    ``is_variant``: one more set-up of a metric that is a subject already.
    """

    given: str
    targets: str
    arguments: Tuple[Tuple[str, Any], ...] = ()
    is_variant: bool = False

    @property
    def is_own(self) -> bool:
        return self.given in OWN

    @property
    def is_string(self) -> bool:
        return self.given in CLASSES

    @property
    def is_class(self) -> bool:
        return not self.given.islower()

    @property
    def is_function(self) -> bool:
        """A public function."""
        return not (self.is_class or self.is_own or self.is_string)

    @property
    def is_of_values(self) -> bool:
        """Of one array of values, and not of targets and predictions."""
        return self.targets == "values"

    @property
    def stands_for(self) -> str:
        """The public class that tells what the metric of some steps is."""
        if self.is_own:
            return "MeanAbsoluteError"
        if self.is_string:
            return CLASSES[self.given][self.targets]
        if self.is_function:
            return "".join(part.capitalize() for part in self.given.split("_"))
        return self.given

    @property
    def name(self) -> str:
        if self.is_own:
            return f"a function that returns {self.given}"
        if self.is_string:
            return f"{self.given!r} of {self.targets}"
        if self.is_function:
            return self.public
        several = " of many labels" if self.targets == "many labels" else ""
        return f"{self.public}({', '.join(f'{k}={v!r}' for k, v in self.arguments)}){several}"

    @property
    def public(self) -> str:
        """The name of its page, and that ``--subject`` takes."""
        if self.is_own or self.is_string:
            return f"{FAMILY}.{'functions' if self.is_own else 'strings'}"
        return f"{FAMILY}.{self.given}"

    @property
    def family(self) -> str:
        return FAMILY


def of(targets: str, *names: str, **arguments: Any) -> List[Metric]:
    return [Metric(name, targets, tuple(sorted(arguments.items()))) for name in names]


def again(targets: str, name: str, **arguments: Any) -> List[Metric]:
    """One more set-up."""
    return [one._replace(is_variant=True) for one in of(targets, name, **arguments)]


SUBJECTS: List[Metric] = [
    *of(
        "fractions",
        "ConcordanceCorrelation", "CosineSimilarity", "KLDivergence", "LogCoshError",
        "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
        "MeanSquaredLogarithmicError", "PearsonCorrelation", "Poisson", "RootMeanSquaredError",
        "concordance_correlation", "pearson_correlation",
    ),
    *of("fractions", "MeanRelativeError", normalizer=(2.0,)),
    *of("signs", "Hinge", "SquaredHinge"),
    *of(
        "labels",
        "AUC", "BinaryAccuracy", "BinaryCrossentropy", "FalseNegatives", "FalsePositives",
        "Precision", "Recall", "TrueNegatives", "TruePositives", "binary_accuracy",
    ),
    *again("labels", "AUC", curve="PR"),
    *again("labels", "AUC", num_thresholds=5),
    *again("labels", "BinaryCrossentropy", from_logits=True),
    *again("labels", "Precision", thresholds=[0.25, 0.75]),
    *again("many labels", "Precision"),
    *again("many labels", "Recall", class_id=1),
    *again("many labels", "Precision", top_k=2),
    *of("labels", "PrecisionAtRecall", recall=0.5),
    *of("labels", "RecallAtPrecision", precision=0.5),
    *of("labels", "SensitivityAtSpecificity", specificity=0.5),
    *of("labels", "SpecificityAtSensitivity", sensitivity=0.5),
    *of("labels", "BinaryIoU", target_class_ids=[0, 1]),
    *again("labels", "BinaryIoU", target_class_ids=[1]),
    *of(
        "one-hot",
        "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge",
        "categorical_accuracy", "top_k_categorical_accuracy",
    ),
    *again("one-hot", "CategoricalCrossentropy", label_smoothing=0.1),
    *of("one-hot", "TopKCategoricalAccuracy", k=2),
    *of("one-hot", "OneHotIoU", num_classes=6, target_class_ids=[0, 2]),
    *of("one-hot", "OneHotMeanIoU", num_classes=6),
    *again("one-hot", "OneHotMeanIoU", num_classes=6, ignore_class=1),
    *of(
        "classes",
        "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
        "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy",
    ),
    *again("classes", "SparseCategoricalCrossentropy", ignore_class=1),
    *of("classes", "SparseTopKCategoricalAccuracy", k=2),
    *again("classes", "MeanIoU", num_classes=6, sparse_y_pred=False),
    *of("numbers", "Accuracy"),
    *of("numbers", "IoU", num_classes=6, target_class_ids=[0, 2]),
    *of("numbers", "MeanIoU", num_classes=6),
    *again("numbers", "MeanIoU", num_classes=6, ignore_class=1),
    *of("values", "Mean", "Sum"),
    *of("fractions", *OWN),
    *(one for name, classes in CLASSES.items() for targets in classes for one in of(targets, name)),
]  # fmt: skip
