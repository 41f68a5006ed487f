"""A hash of what a case runs: when it changes, what was recorded for the case is stale.

It covers the test's body, the project's functions, classes and plain constants that the body
reaches by name, the methods and operations of the adapter that it names, and the case's
parameters; not the decorators, so that a changed expectation asks for no new run.
"""

import ast
import functools
import hashlib
import inspect
import os
import textwrap
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple, Union

from maskspec.adapter import TENSORFLOW_OPS, Keras

PLAIN = (str, int, float, bool, bytes, tuple, list, dict, set, frozenset, type(None))


def fingerprint(check: FunctionType, parameters: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits; the same under every supported Python."""
    text = _reached(check) + repr(sorted((k, _plain(v)) for k, v in parameters.items()))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


@functools.lru_cache(maxsize=None)  # the cases of a test share it
def _reached(check: FunctionType) -> str:
    parts: Dict[str, str] = {}
    named = {"__init__", "reset"}  # of the adapter: they run for every case
    _reach(check, Path(check.__code__.co_filename).parent, parts, named)
    for name in sorted(named):
        if inspect.isfunction(vars(Keras).get(name)):
            parts[f"adapter:{name}"] = _body(vars(Keras)[name])
        if name in TENSORFLOW_OPS:
            parts[f"ops:{name}"] = TENSORFLOW_OPS[name]
    return "\n".join(f"{name}\n{parts[name]}" for name in sorted(parts))


def _reach(value: Any, home: Path, parts: Dict[str, str], named: Set[str]) -> None:
    key = f"{value.__module__}.{value.__qualname__}"
    if key in parts:
        return
    parts[key] = _body(value)
    for function in _functions(value):
        names = _names(function.__code__)
        named |= names
        for name in sorted(names):
            found = function.__globals__.get(name)
            if inspect.isfunction(found) or inspect.isclass(found):
                if _is_ours(found, home):
                    _reach(found, home, parts, named)
            elif isinstance(found, PLAIN) and name in function.__globals__:
                parts[f"{function.__module__}:{name}"] = repr(_plain(found))


def _is_ours(value: Any, home: Path) -> bool:
    """Whether ``value`` is defined beside the test, or is a probe."""
    if value.__module__ == "maskspec.probes":
        return True
    try:
        return home == Path(inspect.getfile(value)).parent
    except TypeError:  # built in
        return False


def _functions(value: Any) -> Iterator[FunctionType]:
    if inspect.isfunction(value):
        yield inspect.unwrap(value)
    else:
        for member in vars(value).values():
            if inspect.isfunction(member):
                yield member


def _names(code: CodeType) -> Set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


@functools.lru_cache(maxsize=None)
def _body(value: Any) -> str:
    """The source of a function or class from its head on, without decorators."""
    path = inspect.getfile(value)
    first = value.__code__.co_firstlineno if inspect.isfunction(value) else value.__qualname__
    lines, spans = _source(path, os.stat(path).st_mtime_ns)
    if first not in spans:  # a lambda
        return inspect.getsource(value).strip()
    start, end = spans[first]
    text = textwrap.dedent("\n".join(lines[start - 1 : end]))
    return "\n".join(line.rstrip() for line in text.splitlines())


@functools.lru_cache(maxsize=None)
def _source(path: str, changed: int) -> Tuple[List[str], Dict[Union[int, str], Tuple[int, int]]]:
    """The lines of a file, and the first and last line of each function and class in it.

    A function is found by the line on which it or its decorators begin, as its code names it, and
    a class by its name. One parse a file is much cheaper than ``inspect.getsource`` for each. With
    another ``changed``, the time of the last edit, the file is read again.
    """
    text = Path(path).read_text(encoding="utf-8")
    spans: Dict[Union[int, str], Tuple[int, int]] = {}
    for name, node in _definitions(ast.parse(text), ""):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        spans[name if isinstance(node, ast.ClassDef) else first] = (node.lineno, node.end_lineno)
    return text.splitlines(), spans


def _definitions(tree: Any, within: str) -> Iterator[Tuple[str, Any]]:
    """Each function and class below ``tree`` with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = within + node.name
            yield name, node
            inner = name if isinstance(node, ast.ClassDef) else f"{name}.<locals>"
            yield from _definitions(node, f"{inner}.")
        elif isinstance(node, ast.stmt):
            yield from _definitions(node, within)


def _plain(value: Any) -> Any:
    """``value`` as something whose repr is the same in every run."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, dict):
        return sorted((repr(k), _plain(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        items: List[Any] = [_plain(v) for v in value]
        return items
    if inspect.isfunction(value):
        return _body(value)
    return value if isinstance(value, PLAIN) else type(value).__name__
