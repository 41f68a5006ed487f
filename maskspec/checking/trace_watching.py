"""Watch the calls inside a model: what each layer is given, what it returns, with which masks.

``Watch`` patches ``__call__`` of the base class of all layers while the model runs, and takes the
patch away whatever happens. It can also add to what a layer is given or returns.
"""

import contextlib
import inspect
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

Array = Any  # a numpy array
FRAMEWORKS = ("keras", "tf_keras", "tensorflow")
LAYER, OWN, MODEL, OPERATION = "layer", "own layer", "model", "operation"
OPERATION_LAYERS = (  # what tf.keras makes of an operation on symbolic tensors
    "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "InstanceMethod", "ClassMethod",
    "InstanceProperty", "AddMetric", "AddLoss",
)  # fmt: skip


@dataclass
class Seen:
    """A tensor as it was seen: ``key`` tells it from others, ``values`` is None where they cannot
    be read."""

    key: int
    shape: Tuple[int, ...]
    values: Optional[Array] = None
    mask: Optional[Array] = None

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass
class Call:
    """One call of a layer, a model or an operation; ``parent`` is the number of the call around it.

    ``by_hand`` are the masks that were passed as arguments, by their names, ``taken`` the keys of
    the inputs that carried a mask before the call and carry none behind it.
    """

    number: int
    layer: Any
    sort: str
    parent: Optional[int]
    depth: int
    inputs: List[Seen]
    by_hand: Dict[str, Array]
    arguments: Tuple[Sequence[Any], Dict[str, Any]]
    outputs: List[Seen] = field(default_factory=list)
    taken: List[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(getattr(self.layer, "name", type(self.layer).__name__))

    @property
    def kind(self) -> str:
        return type(self.layer).__name__

    @property
    def label(self) -> str:
        return f"{self.name} ({self.kind})"

    @property
    def masks_in(self) -> List[Array]:
        """The masks that came in, carried or by hand."""
        carried = [seen.mask for seen in self.inputs if seen.mask is not None]
        return [*carried, *self.by_hand.values()]

    @property
    def masks_out(self) -> List[Array]:
        return [seen.mask for seen in self.outputs if seen.mask is not None]


def leaves(nest: Any) -> List[Any]:
    """The tensors in ``nest``, in order."""
    if isinstance(nest, dict):
        return [leaf for key in nest for leaf in leaves(nest[key])]
    if isinstance(nest, (list, tuple)):
        return [leaf for one in nest for leaf in leaves(one)]
    return [nest] if hasattr(nest, "shape") and hasattr(nest, "dtype") else []


def mapped(f: Callable[[Any], Any], nest: Any) -> Any:
    """``nest`` with ``f`` of each tensor in its place."""
    if isinstance(nest, dict):
        return {key: mapped(f, value) for key, value in nest.items()}
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*(mapped(f, one) for one in nest))
    if isinstance(nest, (list, tuple)):
        return type(nest)(mapped(f, one) for one in nest)
    return f(nest) if leaves(nest) else nest


def sort_of(layer: Any) -> str:
    """What ``layer`` is: a layer of Keras, one of somebody's own, a model, or an operation."""
    classes = type(layer).__mro__
    theirs = [c for c in classes if c.__module__.partition(".")[0] in FRAMEWORKS]
    names = [c.__name__ for c in theirs]
    if "Layer" not in names or type(layer).__name__ in OPERATION_LAYERS:
        return OPERATION
    if "Model" in names or "Network" in names:
        return MODEL
    return OWN if theirs[0] is not classes[0] and names[0] == "Layer" else LAYER


def base_classes(model: Any) -> List[type]:
    """The classes whose ``__call__`` every layer, and every operation, of the model goes through.

    Raise ``ValueError`` if ``model`` is none of Keras.
    """
    found = [
        c
        for c in type(model).__mro__
        if c.__name__ in ("Layer", "Operation") and "__call__" in vars(c)
        if c.__module__.partition(".")[0] in FRAMEWORKS
    ]
    if not any(c.__name__ == "Layer" for c in found):
        is_builder = isinstance(model, type) or inspect.isroutine(model)
        hint = "; give the model itself, not what builds it" if is_builder else ""
        raise ValueError(f"{type(model).__name__} is no model of Keras{hint}")
    return found


class Watch:
    """What happens inside ``model`` while it runs.

    ``before`` and ``after`` map the number of a call to what is added to each tensor that it is
    given, or returns; such a tensor carries the same mask as without. With ``keeps_values`` off,
    nothing is read from tensors, so that the model can be differentiated.
    """

    def __init__(self, keras: Any, model: Any, keeps_values: bool = True) -> None:
        self.keras = keras
        self.model = model
        self.keeps_values = keeps_values
        self.before: Dict[int, List[Any]] = {}
        self.after: Dict[int, List[Any]] = {}
        self.masks: Dict[int, List[Optional[Array]]] = {}  # of what is added to
        self.calls: List[Call] = []
        self.is_hidden = False  # whether a call could not be read, inside a graph say
        self._stack: List[Optional[int]] = []  # None: a layer whose inside is its own affair
        self._number = 0
        self._alive: List[Any] = []  # so that no tensor gets the key of another

    @contextlib.contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Within this, calls are seen."""
        classes = base_classes(self.model)
        before = [c.__dict__["__call__"] for c in classes]
        layer: Any = next(c for c in classes if c.__name__ == "Layer")
        stateless = vars(layer).get("stateless_call")  # of Keras 3, which calls no __call__
        for c, call in zip(classes, before):
            setattr(c, "__call__", self._around(call, c is layer, layer))  # noqa: B010
        if stateless is not None:
            layer.stateless_call = self._around_stateless(stateless)
        try:
            yield self
        finally:
            for c, call in zip(classes, before):
                setattr(c, "__call__", call)  # noqa: B010
            if stateless is not None:
                layer.stateless_call = stateless
            self._stack.clear()

    def _around_stateless(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stateless_call(layer: Any, trained: Any, others: Any, *args: Any, **kwargs: Any) -> Any:
            if self._stack or layer is not self.model:
                return call(layer, trained, others, *args, **kwargs)
            if 0 in self.before:
                args, kwargs = self._with(self.before[0], 0, (args, kwargs))
            self._number, self._stack = 1, [0]
            try:
                return call(layer, trained, others, *args, **kwargs)
            finally:
                self._stack = []

        return stateless_call

    def _around(self, call: Callable[..., Any], is_layer: bool, base: type) -> Callable[..., Any]:
        def __call__(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(layer, base) != is_layer:  # on its way through the other class
                return call(layer, *args, **kwargs)
            return self._call(lambda *a, **k: call(layer, *a, **k), layer, args, kwargs)

        return __call__

    def _call(self, call: Callable[..., Any], layer: Any, args: Any, kwargs: Any) -> Any:
        is_root = not self._stack
        if (is_root and layer is not self.model) or (self._stack and self._stack[-1] is None):
            return call(*args, **kwargs)
        if is_root:
            self._number = 0
            self.calls = []
        number, self._number = self._number, self._number + 1
        sort = sort_of(layer)
        if number in self.before:
            args, kwargs = self._with(self.before[number], number, (args, kwargs))
        seen = self._begin(number, layer, sort, args, kwargs) if self.keeps_values else None
        self._stack.append(number if sort in (MODEL, OWN) else None)
        try:
            result = call(*args, **kwargs)
        finally:
            self._stack.pop()
        if number in self.after:
            result = self._with(self.after[number], number, result)
        if seen is not None:
            masked = {one.key for one in seen.inputs if one.mask is not None}
            seen.taken = [
                id(tensor)
                for tensor in leaves((args, kwargs))
                if id(tensor) in masked and self.keras.mask_of(tensor) is None
            ]
            seen.outputs = [self._see(tensor) for tensor in leaves(result)]
        return result

    def _with(self, added: List[Any], number: int, nest: Any) -> Any:
        """``nest`` with ``added`` to its tensors, each of which carries the mask it is to have."""
        rest = iter(zip(added, self.masks[number]))

        def one(tensor: Any) -> Any:
            more, mask = next(rest)
            if more is None:
                return tensor
            changed = self.keras.tensor(tensor) + self.keras.tensor(more)
            return changed if mask is None else self.keras.carry(changed, mask)

        return mapped(one, nest)

    def _begin(self, number: int, layer: Any, sort: str, args: Any, kwargs: Any) -> Call:
        parent = self._stack[-1] if self._stack else None
        masks = {
            name: self._values(leaves(value)[0])
            for name, value in named(layer, args, kwargs).items()
            if "mask" in name and leaves(value)
        }
        inputs = [self._see(tensor) for tensor in leaves(without_masks(layer, args, kwargs))]
        carried = [seen.mask for seen in inputs if seen.mask is not None]
        by_hand = {
            name: mask
            for name, mask in masks.items()
            if mask is not None
            and not any(mask.shape == c.shape and (mask == c).all() for c in carried)
        }
        call = Call(number, layer, sort, parent, len(self._stack), inputs, by_hand, (args, kwargs))
        self.calls.append(call)
        return call

    def _see(self, tensor: Any) -> Seen:
        self._alive.append(tensor)
        values = self._values(tensor)
        if values is None:
            self.is_hidden = True
            return Seen(id(tensor), ())
        carried = self.keras.mask_of(tensor)
        mask = None if carried is None else self._values(carried)
        return Seen(id(tensor), values.shape, values, None if mask is None else mask.astype(bool))

    def _values(self, tensor: Any) -> Optional[Array]:
        try:
            values = np.array(self.keras.numpy(tensor))
        except Exception:  # a tensor of a graph: each framework has a class of its own for this
            return None
        return None if values.dtype == object else values


def named(layer: Any, args: Any, kwargs: Any) -> Dict[str, Any]:
    """The arguments of a call by name, as far as the signature of the layer's ``call`` tells."""
    names: List[str] = []
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        for parameter in inspect.signature(layer.call).parameters.values():
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                names.append(parameter.name)
    names += [f"#{number}" for number in range(len(names), len(args))]
    return {**dict(zip(names, args)), **kwargs}


def without_masks(layer: Any, args: Any, kwargs: Any) -> Any:
    """The arguments that are no masks, in order."""
    return [value for name, value in named(layer, args, kwargs).items() if "mask" not in name]
