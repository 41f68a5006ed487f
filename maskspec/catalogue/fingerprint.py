"""A hash of what a case runs: when it changes, what was recorded for the case is stale.

It covers the code of the test's body, of the project's functions and classes and the values of its
constants that the body reaches by name, in a container, through a closure or a default, of the
methods and operations of the adapter that it names and that these call, and the case's parameters.
Comments, docstrings, annotations and layout do not count, nor do decorators: better words or a
changed expectation ask for no new run.
"""

import ast
import functools
import hashlib
import inspect
import os
import re
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Set, Tuple, Union

ADAPTER = Path(__file__).resolve().parents[1] / "running" / "adapter.py"
ALWAYS_RUN = ("__init__", "reset")  # methods of the adapter that run for every case
Place = Union[str, Tuple[bool, int]]
PLAIN = (str, int, float, bool, bytes, tuple, list, dict, set, frozenset, type(None))


def fingerprint(check: FunctionType, parameters: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits; the same under every supported Python."""
    given = sorted((name, _plain(value)) for name, value in parameters.items())
    text = _reached(check, *_codes(list(parameters.values()))) + repr(given)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def of_functions(functions: Iterable[FunctionType], text: str, home: Path, helper: type) -> str:
    """The same for code that is no test: ``functions``, and ``text`` that says what else counts.

    What they reach below ``home`` counts, and so do the methods of ``helper`` that they name.
    """
    parts: Dict[str, str] = {}
    named = {"__init__"}
    for function in functions:
        _reach(function, home, parts, named)
    members = {name: m for base in reversed(helper.__mro__[:-1]) for name, m in vars(base).items()}
    size = -1
    while size != len(named):  # a method may name further ones
        size = len(named)
        for name in sorted(named & members.keys()):
            found = members[name]
            found = found.fget if isinstance(found, property) else found
            if inspect.isfunction(found):
                _reach(found, home, parts, named)
    return hashlib.sha256((_joined(parts, named) + text).encode("utf-8")).hexdigest()[:12]


@functools.lru_cache(maxsize=None)  # the cases of a test share it
def _reached(check: FunctionType, *parameters: Any) -> str:
    parts: Dict[str, str] = {}
    named = set(ALWAYS_RUN)
    home = Path(check.__code__.co_filename).parent
    _reach(check, home, parts, named)
    for one in filter(lambda one: _is_ours(one, home), parameters):
        _reach(one, home, parts, named)
    return _joined(parts, named)


def _joined(parts: Dict[str, str], named: Set[str]) -> str:
    """All of ``parts``, and what the adapter has by the names that they use."""
    methods, operations = _adapter(ADAPTER, os.stat(str(ADAPTER)).st_mtime_ns)
    rest = sorted(named & methods.keys())
    while rest:
        name = rest.pop()
        code, calls = methods[name]
        parts[f"adapter:{name}"] = code
        rest += [other for other in calls if f"adapter:{other}" not in parts]
    for name in sorted(named & operations.keys()):
        parts[f"ops:{name}"] = operations[name]
    return "\n".join(f"{name}\n{parts[name]}" for name in sorted(parts))


def _reach(value: Any, home: Path, parts: Dict[str, str], named: Set[str]) -> None:
    key = f"{value.__module__}.{value.__qualname__}"
    if "<" in value.__qualname__:  # made by a function: others made by it have the same name
        key += f" {_body(value)}{[_plain(found) for _, found in _enclosed(value)]}"
    if key in parts:
        return
    parts[key] = _body(value)
    for function in _functions(value):
        names = _names(function.__code__)
        named |= names
        module = function.__module__
        there = [(f"{module}:{name}", function.__globals__.get(name)) for name in sorted(names)]
        for name, found in [*there, *((f"{key}:{n}", found) for n, found in _enclosed(function))]:
            found = getattr(found, "__wrapped__", found)  # of a function that remembers answers
            if inspect.ismodule(found) and home in Path(getattr(found, "__file__", "")).parents:
                raise ValueError(f"{key} reaches into a module, {name}: import the names instead")
            for code in _codes(found):
                if _is_ours(code, home):
                    _reach(code, home, parts, named)
            if _is_constant(found):
                if isinstance(found, PLAIN) and type(found).__module__ == "numpy":
                    raise ValueError(f"{key} uses {name}, a number of numpy: make it a Python one")
                parts[name] = repr(_plain(found))


def _enclosed(function: Any) -> Iterator[Tuple[str, Any]]:
    """What ``function`` reads of the function that made it, and its defaults, by name."""
    if not inspect.isfunction(function):
        return
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not set yet
            continue
    code, defaults = function.__code__, function.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(defaults) :], defaults)
    yield from sorted((function.__kwdefaults__ or {}).items())


def _is_constant(value: Any) -> bool:
    is_array = type(value).__module__ == "numpy" and hasattr(value, "tolist")
    return is_array or (isinstance(value, (*PLAIN, re.Pattern)) and value is not None)


def _codes(value: Any) -> Iterator[Any]:
    """The functions and classes that ``value`` is or, as a plain container, holds."""
    if inspect.isfunction(value) or inspect.isclass(value):
        yield value
    elif isinstance(value, dict):
        yield from _codes(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _codes(one)


def _is_ours(value: Any, home: Path) -> bool:
    """Whether ``value`` is defined in the folder of the test, or below it."""
    try:
        return home in Path(inspect.getfile(value)).parents
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
    """The code of a function or class, without its decorators."""
    path = inspect.getfile(value)
    at: Place = value.__qualname__
    if inspect.isfunction(value):
        at = (value.__name__ == "<lambda>", value.__code__.co_firstlineno)
    return "\n".join(map(_code, _nodes(path, os.stat(path).st_mtime_ns)[at]))


@functools.lru_cache(maxsize=None)
def _nodes(path: str, changed: int) -> Dict[Place, List[ast.AST]]:
    """The functions, lambdas and classes in a file, by place.

    The place of a class is its name; that of a function is whether it is a lambda, and the line on
    which it or its decorators begin, as its code names it (lambdas may share one). One parse a file
    is much cheaper than ``inspect.getsource`` for each function. With another ``changed``, the time
    of the last edit, the file is read again.
    """
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    found: Dict[Place, List[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            found.setdefault((True, node.lineno), []).append(node)
    for name, node in _definitions(tree, ""):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        found[name if isinstance(node, ast.ClassDef) else (False, first)] = [node]
    return found


@functools.lru_cache(maxsize=None)
def _adapter(path: Path, changed: int) -> Tuple[Dict[str, Tuple[str, List[str]]], Dict[str, str]]:
    """Each method of the adapter, its code and the methods that it names; and its operations.

    All is read and not imported.
    """
    methods, operations = {}, {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == "Keras":
            bodies = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}
            methods = {
                name: (_code(body), sorted(_attributes(body) & bodies.keys()))
                for name, body in bodies.items()
            }
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "TENSORFLOW_OPS":
            operations = ast.literal_eval(node.value)
    if not methods or not operations:
        raise ValueError(f"{path}: no class Keras with methods, or no TENSORFLOW_OPS")
    return methods, operations


def _attributes(node: ast.AST) -> Set[str]:
    return {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


# What a version of Python adds to a tree, or what only says something to a reader.
UNSEEN = ("decorator_list", "type_params", "kind", "ctx", "type_comment", "annotation", "returns")


def _code(node: ast.AST) -> str:
    """The code of a function or class as text, the same under every Python."""
    return _dump(node, top=True)


def _dump(node: Any, top: bool = False) -> str:
    if isinstance(node, list):
        return f"[{', '.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    kind = type(node).__name__
    if kind == "Index":  # around a subscript, up to Python 3.8
        return _dump(node.value)  # type: ignore[attr-defined]
    if kind == "ExtSlice":  # a tuple of subscripts, up to Python 3.8
        return f"Tuple(elts={_dump(node.dims)})"  # type: ignore[attr-defined]
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list) and _is_docstring(node, value):
            value = value[1:]
        if value and (name not in UNSEEN or (name == "decorator_list" and not top)):
            fields.append(f"{name}={_dump(value)}")
        elif name == "value" and value is not None:  # of a constant: 0, False, ""
            fields.append(f"{name}={value!r}")
    return f"{kind}({', '.join(fields)})"


def _is_docstring(node: ast.AST, body: List[Any]) -> bool:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    first = body[0].value if body and isinstance(body[0], ast.Expr) else None
    return isinstance(first, ast.Constant) and isinstance(first.value, str)


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
    if isinstance(value, re.Pattern):
        return value.pattern
    if hasattr(value, "tolist"):  # an array; how wide its numbers are depends on the machine
        return [value.dtype.kind, list(value.shape), value.tolist()]
    return value if isinstance(value, PLAIN) else type(value).__name__
