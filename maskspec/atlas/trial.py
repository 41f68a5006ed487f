"""One subject under trial: it is built and called in many ways, and each call is made once.

An aspect asks a ``Trial`` what was seen of some call; many aspects share the same calls.
"""

import inspect
import warnings
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from maskspec.atlas.batches import Array, Batch, padded
from maskspec.atlas.building import Namespace, carrier, flat, settle, spy
from maskspec.atlas.comparing import has_steps, same, same_mask
from maskspec.atlas.subject import Subject
from maskspec.running.judging import Unavailable

OTHER = 3.0  # what padded steps hold instead of 0; valid steps lie between -1 and 1


class Seen(NamedTuple):
    """What came of one call: outputs and their masks, in order, or the error that it raised.

    ``kept`` says whether the first input still carried a mask afterwards.
    """

    outputs: Tuple[Array, ...] = ()
    masks: Tuple[Optional[Array], ...] = ()
    kept: bool = False
    error: str = ""
    warned: Tuple[str, ...] = ()

    @property
    def output(self) -> Array:
        return self.outputs[0]

    @property
    def mask(self) -> Optional[Array]:
        return self.masks[0]


SAME = "the same"
AGREEMENT = (SAME, "other results", "another mask")


def agreement(one: Seen, other: Seen) -> str:
    """Whether two ways to call a subject gave the same: one of ``AGREEMENT``."""
    if not all(map(same, one.outputs, other.outputs)):
        return AGREEMENT[1]
    return SAME if all(map(same_mask, one.masks, other.masks)) else AGREEMENT[2]


class Raised(Exception):
    """The call that an aspect asks about raised an error of the class that the message names."""


class Trial:
    """A subject on an implementation, and all that has been seen of it.

    ``make`` builds the layer, if it is none that the code of the subject builds.
    """

    def __init__(
        self, keras: Any, subject: Subject, make: Optional[Callable[[], Any]] = None
    ) -> None:
        self.keras = keras
        self.subject = subject
        self._make = make
        self._seen: Dict[str, Seen] = {}
        self._parts: Dict[str, Any] = {}

    # --- building -----------------------------------------------------------------------------

    def build(self) -> Any:
        """The layer, fresh and not yet built; raise ``Unavailable`` if there is no such layer."""
        if self._make is not None:
            return self._make()
        try:
            return eval(self.subject.code, {}, Namespace(self.keras))
        except (TypeError, ValueError, ImportError) as error:  # no such argument, or not here
            raise Unavailable(f"{self.subject.name}: {error}") from None

    def part(self, name: str, make: Callable[[], Any]) -> Any:
        """``make()``, made once."""
        if name not in self._parts:
            self._parts[name] = make()
        return self._parts[name]

    @property
    def layer(self) -> Any:
        """The layer that eager calls share; its weights are always the same ones."""
        try:
            return self._built() if self.subject.has_state else self.part("layer", self._built)
        except Exception as error:
            raise Raised(type(error).__name__) from None

    def _built(self) -> Any:
        layer = self.build()
        self.apply(layer, padded(self.subject.feeds).unmasked())
        settle(layer)
        self.keras.reset_states(layer)
        return layer

    @property
    def works(self) -> bool:
        """Whether there is the layer, and the call that most aspects start from raises nothing."""
        try:
            self.padded()
        except (Raised, Unavailable):
            return False
        return True

    # --- calling ------------------------------------------------------------------------------

    def seen(self, what: str, batch: Callable[[], Batch], mode: str = "eager") -> Seen:
        """What comes of calling the subject on ``batch()``, which ``what`` names, in ``mode``.

        Raise ``Raised`` if that raises an error, here and in the methods below.
        """
        if mode != "eager" and what != "padded":
            self.padded(mode)  # so that this call is always the first one, and builds
        return self.once(f"{mode}: {what}", lambda: self._call(batch(), mode))

    def values(self, what: str, batch: Callable[[], Batch]) -> Seen:
        """What comes of the padded batch with other values, other masks or fewer rows.

        A graph is asked in place of the layer where it gave the same on two batches of several
        sizes: step by step, a recurrent layer takes ten times longer.
        """
        return self.seen(what, batch, "graph" if self._graph_agrees else "eager")

    @property
    def _graph_agrees(self) -> bool:
        return not self.subject.has_state and bool(
            self.part("graph agrees", self._compare_with_graph)
        )

    def _compare_with_graph(self) -> bool:
        try:
            asked = (self.padded, self.smaller)
            return all(agreement(ask(), ask("graph")) == SAME for ask in asked)
        except (Raised, Unavailable):
            return False

    def smaller(self, mode: str = "eager") -> Seen:
        """Rows 1 and 3 without the first step: other sizes than the padded batch has."""
        rows = padded(self.subject.feeds).rows(1, 3)
        return self.seen("smaller", lambda: rows.map(lambda x: x[:, 1:]), mode)

    def by_hand(self, what: str, batch: Callable[[], Batch], **arguments: Any) -> Seen:
        """The same, eagerly, with further arguments; arrays among them become tensors."""

        def call() -> Seen:
            given = {name: self._as_tensors(value) for name, value in arguments.items()}
            return self.apply(self.layer, batch(), **given)

        return self.once(f"by hand: {what}", call)

    def under(self, policy: str, padding: float = 0.0) -> Seen:
        """The padded batch, given to a fresh layer under a global policy of dtypes.

        Its inputs come from layers under the same policy, so that they have its dtype.
        """

        def call() -> Seen:
            with self.keras.policy(policy):
                layer = self.part(f"under {policy}", self._built)
                before = self.part(f"before, {policy}", lambda: carrier(self.keras, ""))
                plain = self.part(f"plain, {policy}", lambda: self.keras.layers.Dropout(0.0))
                given = []
                for x, mask in zip(map(self.keras.tensor, batch.inputs), batch.masks):
                    carried = plain(x) if mask is None else before([x, self.keras.tensor(mask)])
                    given.append(carried)
                return self.seen_in(self.give(layer, given))

        batch = padded(self.subject.feeds, padding)
        return self.once(f"under {policy}: {padding}", call)

    def once(self, what: str, call: Callable[[], Seen]) -> Seen:
        """What comes of ``call()``, which ``what`` names; made once."""
        if what not in self._seen:
            self._seen[what] = self._observe(call)
        if self._seen[what].error:
            raise Raised(self._seen[what].error)
        return self._seen[what]

    def padded(self, mode: str = "eager") -> Seen:
        """The call that most aspects start from: padded steps hold 0, masks are carried."""
        return self.seen("padded", lambda: padded(self.subject.feeds), mode)

    def other(self) -> Seen:
        """The same with other values at the padded steps."""
        return self.values(f"padded with {OTHER}", lambda: padded(self.subject.feeds, OTHER))

    def unmasked(self, padding: float = 0.0) -> Seen:
        """The same without any mask."""
        batch = padded(self.subject.feeds, padding).unmasked()
        return self.seen(f"unmasked {padding}", lambda: batch)

    @property
    def valid(self) -> Array:
        """Which steps of the output are valid for a reader: bool (batch, steps)."""
        return self.valid_of(padded(self.subject.feeds))

    def valid_of(self, batch: Batch) -> Array:
        """The same of the output for ``batch``."""
        masks = [
            np.ones(x.shape[:2], bool) if m is None else m
            for x, m in zip(batch.inputs, batch.masks)
        ]
        fitting = [m for m in masks if m.shape == masks[0].shape]
        valid: Array = self.subject.steps(*masks) if self.subject.steps else np.all(fitting, 0)
        return valid

    def gradient(self, what: str, batch: Callable[[], Batch]) -> Array:
        """The gradient of a weighted sum of the first output at valid steps, for ``batch()``.

        It is taken by the first input, and has its shape.
        """
        return self.once(f"gradient: {what}", lambda: Seen((self._gradient(batch()),))).output

    def _gradient(self, batch: Batch) -> Array:
        layer, valid = self.layer, self.valid_of(batch)
        rest = [self._carrying(x, m) for x, m in zip(batch.inputs[1:], batch.masks[1:])]

        def result(x: Any) -> Any:
            mask = batch.masks[0]
            if mask is not None:
                x = self._carrier(batch.inputs[0].dtype.name)([x, self.keras.tensor(mask)])
            output = flat(self.give(layer, [x, *rest]))[0]
            weights = np.random.RandomState(3).uniform(0.5, 1.5, tuple(output.shape))
            if has_steps(weights, valid):
                weights[~valid] = 0
            return self.keras.ops.sum(output * self.keras.tensor(weights.astype("float32")))

        return np.asarray(self.keras.gradient(result, batch.inputs[0]))

    def _observe(self, call: Callable[[], Seen]) -> Seen:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with np.errstate(all="ignore"):
                    seen = call()
            except Raised as error:
                seen = Seen(error=str(error))
            except Exception as error:
                seen = Seen(error=type(error).__name__)
        return seen._replace(warned=tuple(str(w.message) for w in caught))

    def _call(self, batch: Batch, mode: str) -> Seen:
        if mode == "eager":
            return self.apply(self.layer, batch)
        if mode in ("functional", "functional, twice"):
            return self._in_a_model(batch, is_called_twice="twice" in mode)
        if mode == "graph":
            return self._in_a_graph(batch)
        raise ValueError(f"unknown mode {mode!r}")

    def apply(self, layer: Any, batch: Batch, **arguments: Any) -> Seen:
        """Call ``layer`` eagerly on ``batch``; its inputs carry their masks."""
        tensors = self.tensors(batch)
        seen = self.seen_in(self.give(layer, tensors, **arguments))
        return seen._replace(kept=self.keras.mask_of(tensors[0]) is not None)

    def tensors(self, batch: Batch) -> List[Any]:
        """The inputs of ``batch`` as eager tensors that carry their masks."""
        return [self._carrying(x, m) for x, m in zip(batch.inputs, batch.masks)]

    def seen_in(self, result: Any) -> Seen:
        """What is to be seen in the tensors that a call returned."""
        outputs = flat(result)
        masks = [self.keras.mask_of(output) for output in outputs]
        return Seen(
            tuple(map(self.keras.numpy, outputs)),
            tuple(None if m is None else self.keras.numpy(m) for m in masks),
        )

    @property
    def arguments(self) -> List[str]:
        """The names of what the layer can be called with."""
        return list(inspect.signature(self.layer.call).parameters)

    def _as_tensors(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._as_tensors(one) for one in value]
        return self.keras.tensor(value) if isinstance(value, np.ndarray) else value

    def give(self, layer: Any, tensors: List[Any], **arguments: Any) -> Any:
        """Call ``layer`` on tensors as the subject takes them."""
        arguments = {**dict(self.subject.arguments), **arguments}
        if "itself" in self.subject.call:
            tensors = tensors * 2
        if "dict" in self.subject.call:
            return layer(dict(zip("abc", tensors)), **arguments)
        if "each" in self.subject.call:
            return layer(*tensors, **arguments)
        if len(tensors) == 1:
            return layer(tensors[0], **arguments)
        return layer(tensors, **arguments)

    def _carrying(self, values: Array, mask: Optional[Array]) -> Any:
        tensor = self.keras.tensor(values)
        if mask is None:
            return tensor
        return self._carrier(values.dtype.name)([tensor, self.keras.tensor(mask)])

    def _carrier(self, dtype: str) -> Any:
        return self.part(f"carrier {dtype}", lambda: carrier(self.keras, dtype))

    def _in_a_model(self, batch: Batch, is_called_twice: bool) -> Seen:
        name = "model, twice" if is_called_twice else "model"
        model, spies = self.part(name, lambda: self._model(is_called_twice))
        result = flat(model([self.keras.tensor(x) for x in _arrays(batch)]))
        masks = [spy.seen[-1] for spy in spies]
        return Seen(
            tuple(map(self.keras.numpy, result)),
            tuple(None if m is None else self.keras.numpy(m) for m in masks),
        )

    def _model(self, is_called_twice: bool) -> Tuple[Any, List[Any]]:
        """A functional model of unknown length around the subject, and what notes its masks.

        If it calls the subject twice, the second time is on the same inputs without masks.
        """
        keras, inputs, tensors, bare = self.keras, [], [], []
        for feed in self.subject.feeds:
            x = keras.Input(shape=(None, *feed.features), dtype=feed.dtype)
            inputs.append(x)
            bare.append(x)
            if feed.masked:
                inputs.append(keras.Input(shape=(None, *feed.mask_axes), dtype="bool"))
                x = carrier(keras, feed.dtype)([x, inputs[-1]])
            tensors.append(x)
        layer = self.build()
        outputs = flat(self.give(layer, tensors))
        if is_called_twice:
            outputs += flat(self.give(layer, bare))
        spies = [spy(keras) for _ in outputs]
        model = keras.Model(inputs, [s(output) for s, output in zip(spies, outputs)])
        settle(layer)
        return model, spies

    def _in_a_graph(self, batch: Batch) -> Seen:
        function, masked = self.part("graph", self._graph)
        outputs = [self.keras.numpy(y) for y in function(*map(self.keras.tensor, _arrays(batch)))]
        masks = iter(outputs[len(masked) :])
        return Seen(
            tuple(outputs[: len(masked)]), tuple(next(masks) if m else None for m in masked)
        )

    def _graph(self) -> Tuple[Any, List[bool]]:
        masked: List[bool] = []  # which outputs carry a mask, filled while it is traced
        layer = self.layer

        def run(*arrays: Any) -> List[Any]:
            rest, tensors = iter(arrays), []
            for feed in self.subject.feeds:
                x = next(rest)
                tensors.append(carriers[feed.dtype]([x, next(rest)]) if feed.masked else x)
            outputs = flat(self.give(layer, tensors))
            masks = [self.keras.mask_of(output) for output in outputs]
            masked[:] = [m is not None for m in masks]
            return [*outputs, *(m for m in masks if m is not None)]

        carriers = {feed.dtype: self._carrier(feed.dtype) for feed in self.subject.feeds}
        shapes = []
        for feed in self.subject.feeds:
            shapes.append(((None, None, *feed.features), feed.dtype))
            shapes += [((None, None, *feed.mask_axes), "bool")] * feed.masked
        return self.keras.graph(run, shapes), masked


def _arrays(batch: Batch) -> List[Array]:
    """Each input of ``batch``, and after it its mask if it has one."""
    found: List[Array] = []
    for values, mask in zip(batch.inputs, batch.masks):
        found.append(values)
        if mask is not None:
            found.append(mask)
    return found
