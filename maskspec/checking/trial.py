"""A layer of somebody else's under trial: the atlas's ``Trial``, with what only a check needs."""

import inspect
import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np

from maskspec.atlas.batches import ROWS, Array, Batch, Feed, validity
from maskspec.atlas.building import flat
from maskspec.atlas.subject import Subject
from maskspec.atlas.trial import Raised, Seen, Trial

Make = Callable[[], Any]


class Given(NamedTuple):
    """What a layer is fed: ``feeds``, and how it takes them, as a ``Subject`` says it.

    ``names`` are the keys of a dict, or, with the call ``keywords``, those of arguments.
    """

    feeds: Tuple[Feed, ...]
    call: str = "list"
    names: Tuple[str, ...] = ()

    def __str__(self) -> str:
        shapes = [
            f"({', '.join(map(str, ('batch', feed.steps, *feed.features)))}) of {feed.dtype}"
            for feed in self.feeds
        ]
        return " and ".join(shapes)


class LayerTrial(Trial):
    """A trial of a layer that ``make`` builds; ``errors`` keeps what each class of error said."""

    def __init__(self, keras: Any, name: str, given: Given, make: Make, has_state: bool) -> None:
        subject = Subject(name, given.feeds, call=given.call, has_state=has_state)
        super().__init__(keras, subject, make)
        self.given = given
        self.errors: Dict[str, str] = {}
        self.paths = [""]  # what picks each output of what the layer returns, such as "[1]"

    def give(self, layer: Any, tensors: List[Any], **arguments: Any) -> Any:
        try:
            result = self._called(layer, tensors, arguments)
        except Exception as error:
            self.errors[type(error).__name__] = _telling(error)
            raise
        self.paths = list(_paths(result))
        return result

    def _called(self, layer: Any, tensors: List[Any], arguments: Dict[str, Any]) -> Any:
        if not self.given.names:
            return super().give(layer, tensors, **arguments)
        named = dict(zip(self.given.names, tensors))
        if self.given.call == "keywords":
            first = self.given.names[0]
            return layer(named.pop(first), **named, **arguments)
        return layer(named, **arguments)

    def gradient(self, what: str, batch: Callable[[], Batch]) -> Array:
        found = super().gradient(what, batch)
        if found.ndim:
            return found
        return np.zeros_like(batch().inputs[0])  # nothing depends on the input: there is none

    @property
    def makes_masks(self) -> bool:
        """Whether the layer makes its masks itself, of ids that stand for padding."""
        return not any(feed.masked for feed in self.given.feeds)

    def valid_of(self, batch: Batch) -> Array:
        """Which steps of the output are valid: those of its own mask if it has other steps."""
        if self.makes_masks:
            feed = Feed(steps=batch.inputs[0].shape[1])
            return validity(feed, 0)[: len(batch.inputs[0])]
        seen = self.padded()
        mask = seen.mask
        has_other_steps = mask is not None and mask.shape[1:2] != batch.inputs[0].shape[1:2]
        if mask is not None and has_other_steps and mask.shape == seen.output.shape[: mask.ndim]:
            return mask
        return super().valid_of(batch)

    @property
    def keeps_steps(self) -> bool:
        """Whether the output has the steps of the first input."""
        return self.padded().output.shape[:2] == (ROWS, self.given.feeds[0].steps)

    @property
    def hands_on(self) -> bool:
        """Whether the output carries a mask if the input does."""
        try:
            return self.padded().mask is not None
        except Raised:
            return False

    @property
    def has_other_steps(self) -> bool:
        """Whether the output is a sequence again, of other steps, and no mask tells which."""
        seen = self.padded()
        is_sequence = seen.output.ndim > 2 and seen.output.shape[1] != 1
        return is_sequence and not self.keeps_steps and seen.mask is None

    @property
    def has_steps_by_chance(self) -> bool:
        """Whether an axis of the output is only by chance as long as the input has steps."""
        if not self.keeps_steps:
            return False
        try:
            shorter = self.smaller().output.shape
        except Raised:
            return False
        return len(shorter) > 1 and shorter[1] == self.padded().output.shape[1]


class OutputTrial(LayerTrial):
    """The trial ``whole`` again, seen as if the layer returned its output at ``place`` alone."""

    def __init__(self, whole: LayerTrial, place: int) -> None:
        super().__init__(
            whole.keras, whole.subject.name, whole.given, whole.build, whole.subject.has_state
        )
        self.place = place
        self._seen, self._parts, self.errors = whole._seen, whole._parts, whole.errors
        self._count = len(whole.paths)
        self._is_alone = False  # whether ``give`` returns that output alone

    def once(self, what: str, call: Callable[[], Seen]) -> Seen:
        seen = super().once(what, call)
        if len(seen.outputs) % self._count:  # a gradient
            return seen
        mine = slice(self.place, None, self._count)  # two, of a model that calls the layer twice
        return seen._replace(outputs=seen.outputs[mine], masks=seen.masks[mine])

    def give(self, layer: Any, tensors: List[Any], **arguments: Any) -> Any:
        result = super().give(layer, tensors, **arguments)
        return flat(result)[self.place] if self._is_alone else result

    def gradient(self, what: str, batch: Callable[[], Batch]) -> Array:
        self._is_alone = True
        try:
            return super().gradient(f"{what}, of output {self.place}", batch)
        finally:
            self._is_alone = False


def _paths(result: Any, path: str = "") -> Iterator[str]:
    """What picks each tensor of a nested result, in the order of ``flat``."""
    if isinstance(result, dict):
        for name in sorted(result):
            yield from _paths(result[name], f"{path}[{name!r}]")
    elif isinstance(result, (list, tuple)):
        for place, one in enumerate(result):
            yield from _paths(one, f"{path}[{place}]")
    else:
        yield path


def _telling(error: BaseException) -> str:
    """What ``error`` says, in one line that is not too long."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.split(r"\n\s*(?:Call arguments|Arguments) received", text)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0] == "in user code:":  # a trace of AutoGraph, and the error at its end
        lines = lines[-1:]
    lines = [line for line in lines if not line.startswith("Exception encountered")]
    said = lines[0] if lines else ""
    return said if len(said) <= 160 else said[:159] + "…"


class Says(NamedTuple):
    """What a layer says of itself.

    ``takes_mask``: ``call`` has an argument for the mask. ``flag``: ``supports_masking``, which is
    true from the start where the class has a ``compute_mask`` of its own, which is ``computes``.
    """

    takes_mask: bool
    flag: bool
    computes: bool


def what_it_says(layer: Any) -> Says:
    names = list(inspect.signature(layer.call).parameters)
    takes = "mask" in names or any(f"{name}_mask" in names for name in names)
    definers = [base.__name__ for base in type(layer).__mro__ if "compute_mask" in vars(base)]
    computes = definers[0] not in ("Layer", "Operation", "Network")
    return Says(takes, bool(getattr(layer, "supports_masking", False)), computes)
