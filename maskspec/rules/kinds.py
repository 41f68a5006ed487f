"""What a rule is: it has a name, what it finds, and how to mend it."""

import re
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple

from maskspec.catalogue.words import and_more
from maskspec.records.specification import Specification

Found = Iterator[Tuple[str, int, str]]  # path, line, what


class Rule(NamedTuple):
    """One thing that may not be so; ``find`` yields each place where it is."""

    name: str
    mend: str
    find: Callable[[Specification], Found]


class Problem(NamedTuple):
    """One place where a rule is broken."""

    path: str
    line: int
    rule: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


RECORD_OF = r"spec/releases/([^/]+)/"
RULES: Dict[str, Rule] = {}
Find = Callable[[Specification], Found]


def rule(name: str, mend: str) -> Callable[[Find], Find]:
    """Register a function as the rule ``name``."""

    def register(find: Find) -> Find:
        RULES[name] = Rule(name, mend, find)
        return find

    return register


def each_test(project: Specification) -> List[Tuple[str, str, int, str]]:
    """Each test once, as (claim, path, line, name)."""
    return sorted({(c.claim, c.path, c.line, c.test) for c in project.collection.cases})


def place(message: str) -> Tuple[str, int, str]:
    """The file, the line and the rest of a message that begins with them."""
    path, line, what = message.split(":", 2)
    return path, int(line), what.strip()


def folded(problems: Iterable[Problem]) -> List[Problem]:
    """``problems``, of which those that say the same of several cells are one, with a count."""
    groups: Dict[Problem, List[Problem]] = {}
    for problem in problems:
        anywhere = problem._replace(path=re.sub(RECORD_OF, "spec/releases/*/", problem.path))
        groups.setdefault(anywhere, []).append(problem)
    return [
        alike[0]._replace(what=f"{and_more(list(map(cell_of, alike)), 1, 'cell')}: {alike[0].what}")
        if len(alike) > 1 and cell_of(alike[0])
        else problem
        for alike in groups.values()
        for problem in (alike[:1] if cell_of(alike[0]) else alike)
    ]


def cell_of(problem: Problem) -> str:
    """The cell in whose folder a problem is, or ""."""
    found = re.match(RECORD_OF, problem.path)
    return found.group(1) if found else ""


def relative(project: Specification, path: Path) -> str:
    path = path.resolve()
    root = project.root.resolve()
    return path.relative_to(root).as_posix() if root in path.parents else str(path)
