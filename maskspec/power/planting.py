"""Faults: which there are in the loaded modules of a framework, and how one is planted.

A fault swaps the code of one live function; no file of the environment changes. The mutated text
is told to ``linecache`` under a name of its own, so that what reads source (AutoGraph) reads it.
"""

import ast
import builtins
import functools
import gc
import linecache
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from maskspec.power.masking import Unit, bodies, elsewhere, nodes, units
from maskspec.power.operators import edits
from maskspec.power.whole import wholes

REACHED = "__maskspec_reached__"  # what instrumented code calls; lives among the builtins


WHOLE = -1


class Place(NamedTuple):
    """One function or method of a module: its file below the package, and its name."""

    file: str
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.function}"


class Fault(NamedTuple):
    """One edit of one function. ``at`` is where: the number of the statement, of its node, or
    ``WHOLE``, and of the edit."""

    id: str
    place: Place
    line: int
    operator: str
    words: str
    at: Tuple[int, int, int]

    @property
    def reached(self) -> Tuple[str, int]:
        """The statement that has to be run for the fault to do anything."""
        return str(self.place), self.at[0]


class Code:
    """The masking code of one framework: the functions that are loaded, by place."""

    def __init__(self, package: str) -> None:
        """``package`` is the name of an imported package, such as ``keras.src``."""
        self.root = Path(str(sys.modules[package].__file__)).parent
        self._paths: Dict[str, str] = {}
        self.units: Dict[Place, Unit] = {}
        for name, module in sorted(sys.modules.items()):
            path = getattr(module, "__file__", None) or ""
            if name.startswith(f"{package}.") and path.endswith(".py") and not is_a_test(path):
                self._read(path)
        self._live = self._functions()
        # A function that nothing can call is no place for a fault.
        self.units = {place: u for place, u in self.units.items() if place in self._live}

    def _read(self, path: str) -> None:
        file = Path(path).relative_to(self.root).as_posix()
        self._paths[file] = path
        for unit in units(ast.parse(Path(path).read_text(encoding="utf-8"))):
            place = Place(file, unit.name)
            if not elsewhere(file, unit.name):
                self.units.setdefault(place, unit)

    def _functions(self) -> Dict[Place, List[FunctionType]]:
        wanted = {
            (self._paths[place.file], first_line(unit.node)): place
            for place, unit in self.units.items()
        }
        found: Dict[Place, List[FunctionType]] = {}
        gc.unfreeze()  # what the adapter has frozen is not listed
        for one in gc.get_objects():
            if isinstance(one, FunctionType):
                code = one.__code__
                place = wanted.get((code.co_filename, code.co_firstlineno))
                if place is not None and code.co_name == place.function.rpartition(".")[2]:
                    found.setdefault(place, []).append(one)
        return found

    def faults(self) -> List[Fault]:
        """Every fault, in the order of files and lines; ids do not depend on lines."""
        found = []
        for place, unit in sorted(self.units.items()):
            counts: Dict[str, int] = {}
            for i, statement in enumerate(unit.statements):
                for j, node in enumerate(nodes(statement)):
                    for k, edit in enumerate(edits(node)):
                        counts[edit.operator] = counts.get(edit.operator, 0) + 1
                        id = f"{place}:{edit.operator}-{counts[edit.operator]}"
                        line = getattr(node, "lineno", statement.lineno)
                        at = (i, j, k)
                        found.append(Fault(id, place, line, edit.operator, edit.words, at))
            for k, whole in enumerate(wholes(unit)):
                counts[whole.operator] = counts.get(whole.operator, 0) + 1
                id = f"{place}:{whole.operator}-{counts[whole.operator]}"
                line = unit.statements[whole.statement].lineno
                at = (whole.statement, WHOLE, k)
                found.append(Fault(id, place, line, whole.operator, whole.words, at))
        return found

    def plant(self, fault: Fault) -> None:
        """Swap the function of ``fault`` in this process; there is no way back."""

        def change(unit: Unit) -> None:
            i, j, k = fault.at
            if j == WHOLE:
                wholes(unit)[k].plant(unit)
                return
            node = list(nodes(unit.statements[i]))[j]
            _replace(unit.node, node, list(edits(node))[k].node)

        self._swap(fault.place, fault.id, change)

    def instrument(self, reached: Callable[[str, int], None]) -> None:
        """Have every function call ``reached(place, statement)`` before each of its statements."""
        setattr(builtins, REACHED, reached)
        for place in self.units:
            self._swap(place, f"{place}:reached", functools.partial(_mark, file=place.file))

    def _swap(self, place: Place, name: str, change: Callable[[Unit], None]) -> None:
        path = self._paths[place.file]
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        unit = next(u for u in units(tree) if u.name == place.function)
        change(unit)
        live = self._live[place]
        code = _compiled(tree, place, name)
        lost = set(live[0].__code__.co_freevars) - set(code.co_freevars)
        if lost:  # a closure keeps its size: what the edit no longer names is named all the same
            kept = ast.parse(f"if False:\n    ({', '.join(sorted(lost))},)").body
            unit.node.body[:0] = kept
            code = _compiled(tree, place, name)
        for function in live:
            function.__code__ = code


def is_a_test(path: str) -> bool:
    """Whether a module has the framework's own tests, which are loaded where they are measured."""
    return path.endswith(("_test.py", "conftest.py"))


def first_line(node: Any) -> int:
    """The line on which a function begins, as its code names it."""
    return int(min([node.lineno, *(d.lineno for d in node.decorator_list)]))


def _compiled(tree: ast.Module, place: Place, name: str) -> CodeType:
    text = ast.unparse(ast.fix_missing_locations(tree))
    file = f"<maskspec {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    whole = compile(text, file, "exec", dont_inherit=True)
    found = _inside(whole, place.function.split("."))
    assert found is not None, place
    return found


def _inside(code: CodeType, names: List[str]) -> Optional[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == names[0]:
            found = _inside(constant, names[1:]) if names[1:] else constant
            if found is not None:
                return found
    return None


class _Replacer(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def _replace(function: ast.AST, old: ast.AST, new: ast.AST) -> None:
    _Replacer(old, new).generic_visit(function)


def _mark(unit: Unit, file: str) -> None:
    place = str(Place(file, unit.name))
    numbers = {id(statement): i for i, statement in enumerate(unit.statements)}
    for body in bodies(unit.node):
        body[:] = [one for statement in body for one in _marked(statement, place, numbers)]


def _marked(statement: ast.stmt, place: str, numbers: Dict[int, int]) -> Iterator[ast.stmt]:
    if id(statement) in numbers:
        yield from ast.parse(f"{REACHED}({place!r}, {numbers[id(statement)]})").body
    yield statement
