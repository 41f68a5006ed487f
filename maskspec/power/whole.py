"""Faults that no edit of one node makes: an answer that is kept too long, two updates in the wrong
order."""

import ast
import builtins
from typing import Any, Callable, List, NamedTuple, Optional

from maskspec.power.masking import Unit, bodies, names_a_mask
from maskspec.power.operators import named, names


class Whole(NamedTuple):
    """A fault of a whole function. ``statement`` has to be run for it to do anything; ``plant``
    changes the tree of the unit."""

    operator: str
    words: str
    statement: int
    plant: Callable[[Unit], None]


def wholes(unit: Unit) -> List[Whole]:
    """Every such fault of ``unit``, in order."""
    found = []
    if _can_be_kept(unit):
        found.append(Whole("answer-kept", "the first answer is given to every call", 0, _keep))
    numbers = {id(statement): i for i, statement in enumerate(unit.statements)}
    place = 0
    for body in bodies(unit.node):
        for first, second in zip(body, body[1:]):
            if id(first) in numbers and id(second) in numbers and _updates(first, second):
                words = f"{_set_by(second)} is set before {_set_by(first)}"
                found.append(Whole("order", words, numbers[id(first)], _swapper(place)))
                place += 1
    return found


def _can_be_kept(unit: Unit) -> bool:
    inside = list(ast.walk(unit.node))
    returns = any(isinstance(n, ast.Return) and not _is_none(n.value) for n in inside)
    # Without arguments, super() needs to stand in the method itself.
    bare = any(isinstance(n, ast.Name) and n.id == "super" for n in inside)
    return names_a_mask(unit.node.name) and returns and not bare


def _is_none(value: Optional[ast.expr]) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


KEPT = "__maskspec_kept__"  # a list among the builtins, of this process alone


def _keep(unit: Unit) -> None:
    """Have the function do its work once, in a function inside of it, and keep the answer."""
    setattr(builtins, KEPT, [])
    body = unit.node.body
    unit.node.body = ast.parse(
        f"def _work():\n    pass\nif not {KEPT}:\n    {KEPT}.append(_work())"
    ).body
    work: Any = unit.node.body[0]
    work.body = body
    answer: Any = ast.parse(f"{KEPT}[0]").body[0]
    unit.node.body.append(ast.Return(answer.value))


def _updates(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether ``second`` uses what ``first`` makes another value of."""
    if not isinstance(first, ast.Assign) or not isinstance(second, ast.Assign):
        return False
    target = first.targets[0]
    if not isinstance(target, ast.Name) or len(first.targets) > 1:
        return False
    return target.id in names(first.value) and target.id in names(second.value)


def _set_by(statement: ast.stmt) -> str:
    assert isinstance(statement, ast.Assign)
    return named(statement.targets[0])


def _swapper(place: int) -> Callable[[Unit], None]:
    def swap(unit: Unit) -> None:
        numbers = {id(statement) for statement in unit.statements}
        seen = 0
        for body in bodies(unit.node):
            for at in range(len(body) - 1):
                first, second = body[at], body[at + 1]
                if id(first) in numbers and id(second) in numbers and _updates(first, second):
                    if seen == place:
                        body[at], body[at + 1] = second, first
                        return
                    seen += 1

    return swap
