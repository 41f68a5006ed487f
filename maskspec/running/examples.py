"""The examples on the pages: each ```python block is a test that it runs and prints as shown.

What a ``print`` shows is the comment on its last line and on the comment lines right below it.
"""

import ast
import contextlib
import io
import tokenize
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

OPEN, CLOSE = "```python", "```"


class ExampleFailed(Exception):
    """A block that does not run, or prints something else than it says."""


class ExamplePage(pytest.File):
    """A page of the specification; its blocks are one program, from the top of the page."""

    def collect(self) -> Iterator["Examples"]:
        if any(blocks(self.path.read_text(encoding="utf-8"))):
            yield Examples.from_parent(self, name="examples")


class Examples(pytest.Item):
    """The blocks of one page, run in their order."""

    def runtest(self) -> None:
        names: Dict[str, Any] = {"__name__": "__main__"}
        for line, code in blocks(self.path.read_text(encoding="utf-8")):
            place = f"{self.path.relative_to(self.config.rootpath).as_posix()}:{line}"
            try:
                said = shown(code)
                printed = run(code, names)
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                raise ExampleFailed(f"{place}: the example does not run: {what}") from error
            if printed.split() != said.split():
                raise ExampleFailed(
                    f"{place}: the example prints\n{printed.rstrip()}\nand the page says\n{said}"
                )

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if excinfo.errisinstance(ExampleFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> Tuple[Path, int, str]:
        return self.path, 0, self.name


def blocks(text: str) -> Iterator[Tuple[int, str]]:
    """Each block of Python of a page: the number of its first line, and its code."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if line == OPEN:
            end = lines.index(CLOSE, start)
            yield start + 2, "\n".join(lines[start + 1 : end]) + "\n"


def shown(code: str) -> str:
    """What the comments behind and below each ``print`` of ``code`` say that it prints."""
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    comments = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    lines = code.splitlines()
    said: List[str] = []
    calls = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)]
    prints = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    for last in sorted(c.end_lineno or c.lineno for c in prints):
        said.append(comments.get(last, ""))
        while last < len(lines) and lines[last].lstrip().startswith("#"):
            last += 1
            said.append(comments[last])
    return "\n".join(said)


def run(code: str, names: Dict[str, Any]) -> str:
    """Run ``code`` among ``names``, and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<example>", "exec"), names)
    return printed.getvalue()
