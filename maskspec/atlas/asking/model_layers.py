"""One layer of a model under a policy of dtypes: whether the mask is lost where dtypes change.

The model is that of ``Embedding``, ``SimpleRNN`` and ``Dense``, in float32 but for what is named;
own layers, which double their input and hand its mask on, stand between the first two. Rounding
decides nothing: all results that are compared come of batches of one shape.
"""

from functools import partial
from typing import Any, Dict, List, Tuple

from maskspec.atlas.asking.model_results import CHANGES, at_valid
from maskspec.atlas.asking.model_roads import x_and_y
from maskspec.atlas.aspects import aspect
from maskspec.atlas.comparing import alike, same, same_mask
from maskspec.atlas.model_builders import dense, rnn, tagger, tokens, words
from maskspec.atlas.model_trial import ModelTrial, first, weights_of
from maskspec.atlas.models import Model

MASKS = ("as in float32", "none", "another")
REACHED = ("nothing", "results", "the loss", "results and the loss")
PLAIN, HALF, BRAIN, DOUBLE = "float32", "mixed_float16", "mixed_bfloat16", "float64"
LAYERS: Dict[str, Tuple[int, ...]] = {  # which of the three layers has the policy
    "Embedding": (0,),
    "SimpleRNN": (1,),
    "Dense": (2,),
    "all layers but Dense": (0, 1),
}
AUTOCAST = {"an own layer": True, "an own layer with autocast=False": False}
ASKED: Dict[str, Tuple[str, ...]] = {
    "Embedding": (HALF, BRAIN, DOUBLE),
    "SimpleRNN": (HALF, DOUBLE),
    "Dense": (HALF,),
    "all layers but Dense": (HALF, BRAIN),
    "an own layer": (HALF,),
    "an own layer with autocast=False": (HALF,),
}


def is_the_tagger(subject: Model) -> bool:
    return subject.build is tagger


of_the_tagger = partial(aspect, applies=is_the_tagger)


def own(keras: Any, autocast: bool) -> Any:
    class Double(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(autocast=autocast)
            self.supports_masking = True

        def call(self, inputs: Any) -> Any:
            return inputs * 2

    return Double()


def built(trial: ModelTrial, place: str, policy: str) -> Any:
    """The model, compiled, in which ``place`` has the policy and all else is in float32."""
    keras = trial.keras
    layers: List[Any] = []
    for number, make in enumerate((words, rnn, dense)):
        with keras.policy(policy if number in LAYERS.get(place, ()) else PLAIN):
            layers.append(make(keras))
    if place in AUTOCAST:
        with keras.policy(policy):
            layers.insert(1, own(keras, AUTOCAST[place]))
    model = trial.compiled(keras.Sequential([tokens(keras), *layers]))
    model.set_weights(trial.weights)
    return model


def ready(trial: ModelTrial, place: str, policy: str) -> Any:
    """The same, once, as it was before any batch."""
    made = trial.once(f"{place} in {policy}", lambda: built(trial, place, policy))
    made.set_weights(trial.weights)
    made.reset_metrics()
    return made


def mask_under(trial: ModelTrial, place: str, policy: str) -> str:
    found = trial.once(
        f"{place} in {policy}: called",
        lambda: trial.call(ready(trial, place, policy), trial.given),
    )
    if same_mask(found.masks[0], trial.called.masks[0]):
        return MASKS[0]
    return MASKS[1] if found.masks[0] is None else MASKS[2]


def reached_under(trial: ModelTrial, place: str, policy: str) -> str:
    """What changes with targets at masked steps, and with the vector of the token 0."""

    def call() -> str:
        model, x = ready(trial, place, policy), trial.pack(trial.given.inputs)
        one, other = (
            first(model.test_on_batch(x, trial.targets(other=other))) for other in (False, True)
        )
        results = at_valid(trial.call(model, trial.given).outputs[0])
        changed = [w.copy() for w in trial.weights]
        changed[0][0] += 3
        model.set_weights(changed)
        in_results = not same(results, at_valid(trial.call(model, trial.given).outputs[0]))
        return REACHED[in_results + 2 * (not alike(one, other))]

    return trial.once(f"{place} in {policy}: reached", call)


def vector_under(trial: ModelTrial, place: str, policy: str) -> str:
    def call() -> str:
        model = ready(trial, place, policy)
        model.train_on_batch(*x_and_y(trial))
        return CHANGES[not same(trial.weights[0][0], weights_of(model)[0][0])]

    return trial.once(f"{place} in {policy}: trained", call)


def ask_place(place: str, policy: str) -> None:
    id = f"model-layers.{policy}-{place.replace(' ', '-').replace('=', '-')}"
    within = f"With only {place} in {policy}" if place in LAYERS else f"With {place} in {policy}"
    within = within.replace("only all", "all")

    @of_the_tagger(f"{id}-mask", f"{within}, which mask does the output carry?", MASKS)
    def mask(trial: ModelTrial) -> str:
        return mask_under(trial, place, policy)

    @of_the_tagger(f"{id}-reached", f"{within}, what does the padding change?", REACHED)
    def reached(trial: ModelTrial) -> str:
        return reached_under(trial, place, policy)

    @of_the_tagger(
        f"{id}-vector",
        f"{within}, does a step of training change the vector of the token 0?",
        CHANGES,
    )
    def vector(trial: ModelTrial) -> str:
        return vector_under(trial, place, policy)


for where, policies in ASKED.items():
    for which in policies:
        ask_place(where, which)
