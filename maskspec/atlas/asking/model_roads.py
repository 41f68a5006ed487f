"""Roads that should lead to the same: predict and a call, fit and a loop by hand, …"""

from typing import Any, Callable, Iterator, List, NamedTuple, Tuple

import numpy as np

from maskspec.atlas.asking.model_loss import agree
from maskspec.atlas.asking.model_results import (
    CHANGES,
    MASKS,
    changes,
    is_stateful,
    kind_of,
    of_all_roads,
)
from maskspec.atlas.aspects import NotAsked, aspect
from maskspec.atlas.batches import Array
from maskspec.atlas.building import flat
from maskspec.atlas.comparing import alike, same
from maskspec.atlas.model_batches import ROWS
from maskspec.atlas.model_trial import RATE, ModelTrial, first, weights_of
from maskspec.atlas.models import Model
from maskspec.running.judging import Unavailable

RESULTS = ("the same", "other results")
LOSSES = ("the same", "another loss")
WEIGHTS = ("the same", "other weights")


def x_and_y(trial: ModelTrial) -> Tuple[Any, Any]:
    return trial.pack(trial.given.inputs), trial.targets()


def predicted(trial: ModelTrial) -> Array:
    x = trial.pack(trial.given.inputs)
    return trial.predict("of three and one", lambda: x, batch_size=ROWS - 1)


@of_all_roads(
    "model-roads.predict",
    "Does predict, in batches of three rows and of one, return what a call returns?",
    RESULTS,
)
def predict(trial: ModelTrial) -> str:
    return RESULTS[not same(predicted(trial), trial.output)]


@of_all_roads("model-roads.predict-mask", "Which mask is left on what predict returns?", MASKS)
def predict_mask(trial: ModelTrial) -> str:
    return kind_of(trial.keras.mask_of(predicted(trial)))


@of_all_roads("model-roads.predict-on-batch", "Does predict_on_batch return the same?", RESULTS)
def predict_on_batch(trial: ModelTrial) -> str:
    def call() -> Any:
        found = trial.ready.predict_on_batch(trial.pack(trial.given.inputs))
        return np.asarray(found[0] if isinstance(found, (list, tuple)) else found)

    return RESULTS[not same(trial.once("predict_on_batch", call), trial.output)]


def batches(trial: ModelTrial) -> Iterator[Any]:
    """The batch of the trial as a generator gives it."""
    x, y = x_and_y(trial)
    as_tuple: Callable[[Any], Any] = lambda z: tuple(z) if isinstance(z, list) else z  # noqa: E731
    while True:
        yield as_tuple(x), as_tuple(y)


def dataset(trial: ModelTrial) -> Any:
    """The batch of the trial as a ``tf.data.Dataset``."""
    return trial.keras.dataset(next(batches(trial))).batch(ROWS)


@of_all_roads("model-roads.evaluate", "Does evaluate tell the loss of test_on_batch?", LOSSES)
def evaluate(trial: ModelTrial) -> str:
    found = trial.evaluated("whole", lambda: x_and_y(trial), batch_size=ROWS)
    return LOSSES[not alike(found, trial.tested)]


@of_all_roads(
    "model-roads.evaluate-dataset",
    "Does evaluate on a tf.data.Dataset tell the loss of test_on_batch?",
    LOSSES,
)
def evaluate_dataset(trial: ModelTrial) -> str:
    found = trial.evaluated("dataset", lambda: (dataset(trial),))
    return LOSSES[not alike(found, trial.tested)]


@of_all_roads(
    "model-roads.train-loss", "Is the loss of train_on_batch that of test_on_batch?", LOSSES
)
def train_loss(trial: ModelTrial) -> str:
    return LOSSES[not alike(trial.trained().loss, trial.tested)]


class Fitted(NamedTuple):
    """What came of ``fit``: the weights, its ``val_loss``, and what ``evaluate`` tells then."""

    weights: List[Array]
    validation: float
    evaluated: float


def fitted(trial: ModelTrial) -> Fitted:
    def fit() -> Fitted:
        model, (x, y) = trial.ready, x_and_y(trial)
        told = model.fit(x, y, batch_size=ROWS, epochs=1, shuffle=False, verbose=0,
                         validation_data=(x, y), validation_batch_size=ROWS)  # fmt: skip
        trial.forget(model)
        after = first(model.evaluate(x, y, batch_size=ROWS, verbose=0))
        return Fitted(weights_of(model), float(told.history["val_loss"][0]), after)

    return trial.once("fit", fit)


@of_all_roads("model-roads.fit", "Does fit leave the weights that train_on_batch leaves?", WEIGHTS)
def fit(trial: ModelTrial) -> str:
    return WEIGHTS[not agree(fitted(trial).weights, trial.trained().weights)]


@of_all_roads(
    "model-roads.validation",
    "Is val_loss of fit what evaluate tells of the same data afterwards?",
    LOSSES,
)
def validation(trial: ModelTrial) -> str:
    return LOSSES[not alike(fitted(trial).validation, fitted(trial).evaluated)]


def same_weights(trial: ModelTrial, what: str, step: Callable[[Any], float]) -> str:
    return WEIGHTS[not agree(trial.stepped(what, step).weights, trial.trained().weights)]


@of_all_roads(
    "model-roads.fit-generator",
    "Does fit with a generator leave the weights that train_on_batch leaves?",
    WEIGHTS,
)
def fit_generator(trial: ModelTrial) -> str:
    def step(model: Any) -> float:
        told = model.fit(batches(trial), steps_per_epoch=1, epochs=1, verbose=0)
        return float(told.history["loss"][0])

    return same_weights(trial, "fit with a generator", step)


@of_all_roads(
    "model-roads.fit-dataset",
    "Does fit with a tf.data.Dataset leave the weights that train_on_batch leaves?",
    WEIGHTS,
)
def fit_dataset(trial: ModelTrial) -> str:
    def step(model: Any) -> float:
        return float(model.fit(dataset(trial), epochs=1, verbose=0).history["loss"][0])

    return same_weights(trial, "fit with a dataset", step)


@of_all_roads(
    "model-roads.loop",
    "Does a loop by hand, with the loss object, leave the weights that train_on_batch leaves?",
    WEIGHTS,
)
def loop(trial: ModelTrial) -> str:
    def step(model: Any) -> float:
        variables = model.trainable_weights
        gradients = trial.keras.weight_gradients(lambda: trial.loss_by_hand(model), variables)
        for variable, gradient in zip(variables, gradients):
            value = trial.keras.numpy(variable) - RATE * trial.keras.numpy(gradient)
            variable.assign(trial.keras.tensor(value))
        return 0.0

    return same_weights(trial, "loop by hand", step)


def in_an_own_step(trial: ModelTrial, by_hand: bool) -> str:
    """Of a ``train_step`` of one's own, on a functional model; ``by_hand``: with a loss object."""
    keras = trial.keras
    if keras.backend_name == "jax":
        raise Unavailable("train_step has other arguments on JAX")

    class Own(keras.Model):  # type: ignore[misc, name-defined]
        def train_step(self, data: Any) -> Any:
            x, y = data[:2]

            def loss() -> Any:
                output = self(x, training=True)
                if by_hand:
                    return keras.losses.MeanSquaredError()(y, output)
                if hasattr(self, "compute_loss"):
                    return self.compute_loss(x, y, output)
                return self.compiled_loss(y, output, regularization_losses=self.losses)

            gradients = keras.weight_gradients(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
            return {"loss": 0.0}

    if not getattr(trial.model, "inputs", None):
        raise NotAsked("the model is neither functional nor sequential")

    def call() -> List[Array]:
        inner = trial.begun(trial.fresh())
        x = inner.input if trial.subject.keys else inner.inputs
        model = trial.compiled(Own(x, inner.outputs if inner.outputs[1:] else inner.outputs[0]))
        model.train_on_batch(*x_and_y(trial))
        return weights_of(model)

    found = trial.once(f"own train_step {by_hand}", call)
    return WEIGHTS[not agree(found, trial.trained().weights)]


@of_all_roads(
    "model-roads.own-step",
    "Does a train_step of one's own with the compiled loss leave the weights of train_on_batch?",
    WEIGHTS,
)
def own_step(trial: ModelTrial) -> str:
    return in_an_own_step(trial, by_hand=False)


@of_all_roads(
    "model-roads.own-step-by-hand",
    "Does a train_step of one's own with a loss object leave the weights of train_on_batch?",
    WEIGHTS,
)
def own_step_by_hand(trial: ModelTrial) -> str:
    return in_an_own_step(trial, by_hand=True)


def takes_a_dict(subject: Model) -> bool:
    return subject.keys == ("words", "features")


@aspect(
    "model-roads.nested-inputs",
    "Does a model around it whose inputs are a dict that holds a list return the same?",
    RESULTS,
    takes_a_dict,
)
def nested_inputs(trial: ModelTrial) -> str:
    def call() -> Array:
        inner, keras = trial.begun(trial.fresh()), trial.keras
        words, features = keras.Input((None,), dtype="int32"), keras.Input((None, 2))
        inputs = {"words": words, "more": [features]}
        model = keras.Model(inputs, inner({"words": words, "features": features}))
        one, other = map(keras.tensor, trial.given.inputs)
        return trial.seen_in(model({"words": one, "more": [other]})).outputs[0]

    return RESULTS[not same(trial.once("nested inputs", call), trial.output)]


# --- states -------------------------------------------------------------------------------------


@aspect(
    "model-roads.batches",
    "Does predict of two batches in a row return for the second what a second call returns?",
    RESULTS,
    is_stateful,
)
def two_batches(trial: ModelTrial) -> str:
    def calls() -> Array:
        model = trial.begun(trial.model)
        trial.call(model, trial.given)
        return trial.call(model, trial.given).outputs[0]

    x = np.concatenate([trial.given.inputs[0]] * 2)
    found = trial.predict("two batches", lambda: x, batch_size=ROWS)
    return RESULTS[not same(found[ROWS:], trial.once("two calls", calls))]


@aspect(
    "model-roads.runs",
    "Does a run of predict begin with the states that the run before it left?",
    CHANGES,
    is_stateful,
)
def two_runs(trial: ModelTrial) -> str:
    def runs() -> Tuple[Array, Array]:
        model, x = trial.ready, trial.given.inputs[0]
        one, other = (model.predict(x, batch_size=ROWS, verbose=0) for _ in range(2))
        return np.asarray(one), np.asarray(other)

    return changes(*trial.once("two runs", runs))


# --- compiled graphs ----------------------------------------------------------------------------


def runs_compiled(subject: Model) -> bool:
    return subject.runs_compiled


def compiled(trial: ModelTrial) -> Any:
    """A model that runs as a compiled graph, as it was before any batch."""
    if trial.keras.backend_name == "torch":
        raise Unavailable("nothing is compiled into a graph on the torch backend")
    made = trial.once("graph", lambda: trial.compiled(trial.fresh(), eagerly=False))
    return trial.begun(made)


@aspect(
    "model-graph.predict",
    "Does predict of a compiled graph return what calls return, for batches of several sizes?",
    RESULTS,
    runs_compiled,
)
def graph_predict(trial: ModelTrial) -> str:
    model = compiled(trial)

    def call() -> str:
        for given in (trial.given, trial.given.longer(), trial.given.rows(1, 3)):
            found = model.predict(trial.pack(given.inputs), verbose=0)
            if not same(np.asarray(found), trial.call(trial.begun(trial.model), given).outputs[0]):
                return RESULTS[1]
        return RESULTS[0]

    return trial.once("graph: predict", call)


@aspect(
    "model-graph.mask",
    "Within a compiled graph, which mask does the (first) output of the model carry?",
    MASKS,
    runs_compiled,
)
def graph_mask(trial: ModelTrial) -> str:
    def call() -> str:
        keras, carried = trial.keras, []

        def run(*inputs: Any) -> Any:
            output = flat(trial.model(trial.pack(inputs)))[0]
            found = keras.mask_of(output)
            carried.append(found is not None)
            return output if found is None else found

        specs = [((None,) * x.ndim, str(x.dtype)) for x in trial.given.inputs]
        mask = keras.graph(run, specs)(*map(keras.tensor, trial.given.inputs))
        return kind_of(np.asarray(keras.numpy(mask)) if carried[-1] else None)

    return trial.once("graph: mask", call)


@aspect(
    "model-graph.train",
    "Does train_on_batch of a compiled graph leave the weights that it leaves eagerly?",
    WEIGHTS,
    runs_compiled,
)
def graph_train(trial: ModelTrial) -> str:
    def call() -> List[Array]:
        model = compiled(trial)
        model.train_on_batch(*x_and_y(trial))
        return weights_of(model)

    return WEIGHTS[not agree(trial.once("graph: train", call), trial.trained().weights)]


@aspect(
    "model-graph.evaluate",
    "Does evaluate of a compiled graph tell the loss of test_on_batch in eager execution?",
    LOSSES,
    runs_compiled,
)
def graph_evaluate(trial: ModelTrial) -> str:
    def call() -> float:
        x, y = x_and_y(trial)
        return first(compiled(trial).evaluate(x, y, batch_size=ROWS, verbose=0))

    return LOSSES[not alike(trial.once("graph: evaluate", call), trial.tested)]


@aspect(
    "model-graph.steps-per-execution",
    "Does fit with steps_per_execution=2 leave the weights of two calls of train_on_batch?",
    WEIGHTS,
    runs_compiled,
)
def steps_per_execution(trial: ModelTrial) -> str:
    def fitted() -> List[Array]:
        try:
            model = trial.compiled(compiled(trial), eagerly=False, steps_per_execution=2)
        except (TypeError, ValueError) as error:
            raise Unavailable(f"no steps_per_execution: {error}") from None
        x, y = x_and_y(trial)
        model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
        return weights_of(model)

    def one_by_one() -> List[Array]:
        model = trial.ready
        for rows in ((0, 1), (2, 3)):
            x = trial.pack(trial.given.rows(*rows).inputs)
            model.train_on_batch(x, trial.targets(rows))
        return weights_of(model)

    alone = trial.once("one by one", one_by_one)
    return WEIGHTS[not agree(trial.once("steps_per_execution", fitted), alone)]
