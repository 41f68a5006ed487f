"""What a rule is: it has a name, what it finds, and how to mend it."""

from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

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


def relative(project: Specification, path: Path) -> str:
    path = path.resolve()
    root = project.root.resolve()
    return path.relative_to(root).as_posix() if root in path.parents else str(path)
