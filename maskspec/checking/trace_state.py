"""Everything that running a model may change, kept and put back."""

import contextlib
import random
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np


def layers_in(model: Any) -> List[Any]:
    """``model`` and all layers in it."""
    if hasattr(model, "_flatten_layers"):
        return list(model._flatten_layers())
    modules = getattr(model, "submodules", ())  # before TF 2.5
    return [model, *(one for one in modules if hasattr(one, "call"))]


def variables_of(model: Any) -> List[Any]:
    """The variables of a model: weights, states of layers and generators, those of metrics."""
    found: List[Any] = list(getattr(model, "variables", ()))
    for layer in layers_in(model):
        found += _flat(getattr(layer, "states", None))
        generator = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        found += _flat(getattr(generator, "state", None))
    found += list(getattr(model, "metrics_variables", ()))
    for metric in metrics_of(model):
        found += list(getattr(metric, "variables", ()))
    keyed = {id(v): v for v in found if hasattr(v, "assign")}
    return list(keyed.values())


def metrics_of(model: Any) -> List[Any]:
    with contextlib.suppress(Exception):  # of a model that is not compiled, in some releases
        return list(model.metrics)
    return []


def _flat(nest: Any) -> List[Any]:
    if isinstance(nest, (list, tuple)):
        return [leaf for one in nest for leaf in _flat(one)]
    return [] if nest is None else [nest]


class State:
    """The values of a model's variables, and of the generators of Python and numpy."""

    def __init__(self, keras: Any, model: Any) -> None:
        self.keras = keras
        self.model = model
        self._kept: Dict[int, Tuple[Any, Any]] = {}
        for variable in variables_of(model):
            self._kept[id(variable)] = (variable, np.array(self._values(variable)))
        self._random = random.getstate(), np.random.get_state()

    def _values(self, variable: Any) -> Any:
        value = getattr(variable, "value", variable)
        return self.keras.numpy(variable if callable(value) else value)

    def put_back(self) -> None:
        """Give every variable the value that it had; one that is untouched is left alone."""
        for variable, value in self._kept.values():
            now = self._values(variable)
            if now.shape != value.shape or now.tobytes() != value.tobytes():
                variable.assign(value)
        for metric in metrics_of(self.model):  # those that were only made by running
            made = [v for v in getattr(metric, "variables", ()) if id(v) not in self._kept]
            if made:
                reset = getattr(metric, "reset_state", None) or metric.reset_states
                reset()
        random.setstate(self._random[0])
        np.random.set_state(self._random[1])


@contextlib.contextmanager
def kept(keras: Any, model: Any) -> Iterator[State]:
    """Within this, ``put_back`` brings the state back; so does the end, also after an error."""
    state = State(keras, model)
    try:
        yield state
    finally:
        state.put_back()


@contextlib.contextmanager
def without_training(model: Any) -> Iterator[None]:
    """Within this, no optimizer of ``model`` changes any weight."""
    optimizers = [
        value for value in {id(v): v for v in vars(model).values()}.values()
        if any(c.__name__ in ("Optimizer", "OptimizerV2", "BaseOptimizer")
               for c in type(value).__mro__)
    ]  # fmt: skip
    optimizer = getattr(model, "optimizer", None)
    optimizers += [optimizer] if optimizer is not None else []
    patched: List[Tuple[type, str, Any]] = []

    def nothing(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    def unchanged(self: Any, optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
        return trainable_variables, optimizer_variables

    for one in optimizers:
        for name, stub in (
            ("apply", nothing), ("apply_gradients", nothing), ("stateless_apply", unchanged),
        ):  # fmt: skip
            owner = next((c for c in type(one).__mro__ if name in vars(c)), None)
            if owner is not None and (owner, name) not in [(o, n) for o, n, _ in patched]:
                patched.append((owner, name, vars(owner)[name]))
                setattr(owner, name, stub)
    try:
        yield
    finally:
        for owner, name, was in reversed(patched):
            setattr(owner, name, was)
