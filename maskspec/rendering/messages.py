"""The error messages and warnings that the tests of the claims look for, by claim.

They are read from the source of the tests: what is given as ``match=``, and what is compared with
the text of an error. No other list of messages exists.
"""

import ast
import re
from pathlib import Path
from typing import Dict, Iterator, List, Set

LEAST = 8  # letters that a pattern has to have, to tell one message from another
Patterns = Dict[str, List[str]]  # by claim


def messages(root: Path) -> Patterns:
    """The patterns that decide each claim, as regular expressions."""
    shared = _constants_and_functions(sorted((root / "tests" / "support").glob("*.py")))
    found: Patterns = {}
    for path in sorted((root / "tests").glob("test_*.py")):
        mine = _constants_and_functions([path])
        names = _Names({**shared.texts, **mine.texts}, mine.functions)
        for test in mine.functions.values():
            for claim in _claims(test):
                texts = found.setdefault(claim, [])
                texts += [text for text in names.patterns(test, set()) if text not in texts]
    return {claim: texts for claim, texts in found.items() if texts}


class _Names:
    """What names of a module stand for: constant strings, and functions."""

    def __init__(self, texts: Dict[str, List[str]], functions: Dict[str, ast.FunctionDef]) -> None:
        self.texts = texts
        self.functions = functions

    def patterns(self, node: ast.AST, visited: Set[str]) -> Iterator[str]:
        """The patterns in ``node`` and in the functions that it names."""
        for one in ast.walk(node):
            if isinstance(one, ast.keyword) and one.arg in ("match", "message", "says"):
                yield from self._strings(one.value)
            elif isinstance(one, ast.Compare):
                sides = [one.left, *one.comparators]
                if any(map(_is_text_of_error, sides)):
                    yield from (
                        re.escape(text) for side in sides for text in self._strings(side)
                        if len(text.split()) > 2
                    )  # fmt: skip
            elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
                if one.func.attr in ("search", "match", "fullmatch"):
                    yield from self._strings(one.func.value)
                    yield from self._strings(one.args[0]) if one.args else ()
            elif isinstance(one, ast.Name) and one.id in self.functions.keys() - visited:
                visited.add(one.id)
                yield from self.patterns(self.functions[one.id], visited)

    def _strings(self, node: ast.AST) -> Iterator[str]:
        for one in ast.walk(node):
            texts: List[str] = []
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                texts = [one.value]
            elif isinstance(one, ast.Name):
                texts = self.texts.get(one.id, [])
            for text in texts:
                text = re.sub(
                    r"^((?:\(\?\w+\))?)\^?\w*Error\\?:\\? ?", r"\1", text
                )  # people quote what follows
                if _tells_something(text):
                    yield text


def _tells_something(text: str) -> bool:
    """Whether ``text`` is a pattern that tells one message from another."""
    if len(re.findall(r"[A-Za-z]", re.sub(r"\\.", "", text))) < LEAST:
        return False
    try:
        return re.search(text, "") is None
    except re.error:
        return False


class _Module:
    """The constant strings and the functions of some files."""

    def __init__(self) -> None:
        self.texts: Dict[str, List[str]] = {}
        self.functions: Dict[str, ast.FunctionDef] = {}


def _constants_and_functions(paths: List[Path]) -> _Module:
    found = _Module()
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found.functions[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                texts = [
                    one.value
                    for one in ast.walk(node.value)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                found.texts[node.targets[0].id] = texts
    return found


def _claims(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "claim":
            first = decorator.args[0] if decorator.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _is_text_of_error(node: ast.AST) -> bool:
    """Whether an expression is the text of an error or warning, as far as its names tell."""
    names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
    names += [one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)]
    return any(re.search(r"err|warn|message|caught|said|text|found", name) for name in names)
