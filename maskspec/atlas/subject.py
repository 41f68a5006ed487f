"""What a subject is: a layer of the public API, set up in one natural way."""

from typing import Any, Callable, NamedTuple, Optional, Tuple

from maskspec.atlas.batches import Array, Feed


class Subject(NamedTuple):
    """A layer of the public API, set up in one natural way.

    ``code`` builds it, in a namespace of all public layers, and is its name, with ``note`` where
    several subjects share it. ``call`` says how it takes its inputs: several in a ``list``, or in
    a ``dict`` by the letters a and b, or ``each`` as an argument, or one ``itself`` twice.
    ``steps`` gives from the masks of the inputs which steps of the output are valid, where the
    output has other steps than the first input. ``arguments`` go with each call. ``is_variant``:
    another set-up of a layer that is a subject already, so that not everything is asked again.
    ``has_state``: a call changes what the next one returns, so that each is made on a fresh layer.
    """

    code: str
    feeds: Tuple[Feed, ...] = (Feed(),)
    note: str = ""
    call: str = "list"
    steps: Optional[Callable[..., Array]] = None
    arguments: Tuple[Tuple[str, Any], ...] = ()
    is_variant: bool = False
    has_state: bool = False

    @property
    def name(self) -> str:
        return f"{self.code}, {self.note}" if self.note else self.code

    @property
    def layer(self) -> str:
        """The public name of the layer: the class that ``code`` begins with."""
        return self.code.partition("(")[0]

    @property
    def public(self) -> str:
        """The name of its page, and that ``--subject`` takes."""
        return self.layer

    @property
    def family(self) -> str:
        return "layers"
