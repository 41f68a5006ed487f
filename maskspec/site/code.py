"""The code of a test, highlighted, and the helpers that it reaches."""

import ast
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple, Union

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import BashLexer, PythonConsoleLexer, PythonLexer

LEXERS = {"python": PythonLexer, "console": BashLexer, "pycon": PythonConsoleLexer}
Definition = Union[ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign]
Place = Tuple[str, str]  # the path of a module and a name that it defines


class Snippet(NamedTuple):
    """Some lines of a module, highlighted."""

    name: str
    path: str
    line: int
    html: Markup


class Module(NamedTuple):
    """A module's highlighted lines, what it defines, and what it imports of ours."""

    lines: List[str]
    defines: Dict[str, Definition]
    imports: Dict[str, Place]


def highlighted(text: str, language: str) -> str:
    """``text`` as HTML; as it is if the language is another than those of our pages."""
    if language not in LEXERS:
        return escape(text, quote=False)
    return str(highlight(text, LEXERS[language](stripnl=False), HtmlFormatter(nowrap=True)))


class Code:
    """The modules below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.module = lru_cache(maxsize=None)(self._module)
        self._reached = lru_cache(maxsize=None)(lambda place: list(self._reaches(place)))

    def test(self, path: str, name: str) -> Snippet:
        """The code of a test, with its decorators."""
        return self._snippet((path, name))

    def helpers(self, path: str, name: str) -> List[Snippet]:
        """What the test reaches by name in the tests, the nearest first."""
        queue, seen = [(path, name)], {(path, name)}
        for place in queue:
            for found in self._reached(place):
                if found not in seen:
                    seen.add(found)
                    queue.append(found)
        return [self._snippet(place) for place in queue[1:]]

    def whole(self, path: str) -> List[Markup]:
        """Every line of a module."""
        return [Markup(line) for line in self.module(path).lines]

    def _reaches(self, place: Place) -> Iterator[Place]:
        path, name = place
        module = self.module(path)
        for used in _names(module.defines[name]):
            if used in module.defines:
                yield path, used
            elif used in module.imports:
                home, original = module.imports[used]
                if original in self.module(home).defines:
                    yield home, original

    def _snippet(self, place: Place) -> Snippet:
        path, name = place
        module = self.module(path)
        node = module.defines[name]
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        lines = module.lines[first - 1 : node.end_lineno]
        return Snippet(name, path, first, Markup("\n".join(lines)))

    def _module(self, path: str) -> Module:
        text = (self.root / path).read_text(encoding="utf-8")
        found = Module(highlighted(text, "python").rstrip("\n").split("\n"), {}, {})
        for node in ast.parse(text).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.defines[node.name] = node
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                found.defines.update((name, node) for name in _targets(node))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
                home = str(node.module).replace(".", "/") + ".py"
                found.imports.update((a.asname or a.name, (home, a.name)) for a in node.names)
        return found


def _targets(node: Union[ast.Assign, ast.AnnAssign]) -> List[str]:
    """The names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]


def _names(node: ast.AST) -> List[str]:
    """The names that a definition uses, each once."""
    names = (found for found in ast.walk(node) if isinstance(found, ast.Name))
    used = (found.id for found in names if isinstance(found.ctx, ast.Load))
    return list(dict.fromkeys(used))
