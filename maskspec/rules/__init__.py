"""What ``maskspec check`` refuses: each rule has a name, what it finds, and how to mend it."""

from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from maskspec.project import Project
from maskspec.sources import account

Found = Iterator[Tuple[str, int, str]]  # path, line, what


class Rule(NamedTuple):
    """One thing that may not be so; ``find`` yields each place where it is."""

    name: str
    mend: str
    find: Callable[[Project], Found]


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


def rule(name: str, mend: str) -> Callable[[Callable[[Project], Found]], Callable]:
    def register(find: Callable[[Project], Found]) -> Callable[[Project], Found]:
        RULES[name] = Rule(name, mend, find)
        return find

    return register


def check(project: Project, sources: Optional[Path] = None) -> List[Problem]:
    """Every problem of ``project``; with ``sources``, also against the texts in that folder.

    What cannot be read at all hides what depends on it: then only that is reported.
    """
    unreadable = _apply(project, ("broken-page", "broken-test", "empty-input"))
    if unreadable:
        return unreadable
    problems = _apply(project, RULES)
    if sources is not None:
        problems += _accounting(project, sources)
    return problems


def _apply(project: Project, names: Iterable[str]) -> List[Problem]:
    return [
        Problem(path, line, RULES[name].name, what, RULES[name].mend)
        for name in names
        for path, line, what in RULES[name].find(project)
    ]


def _accounting(project: Project, folder: Path) -> List[Problem]:
    mend = "read the text again; mend the inventory in spec/sources"
    problems = []
    for source in project.sources.values():
        text = folder / f"{source.slug}.txt"
        if not text.is_file():
            problems.append(Problem(str(text), 1, "accounting", "there is no such text", mend))
            continue
        for line, what in account(source, text.read_text(encoding="utf-8")):
            problems.append(Problem(source.path("units"), line, "accounting", what, mend))
    return problems


def each_test(project: Project) -> List[Tuple[str, str, int, str]]:
    """Each test once, as (claim, path, line, name)."""
    return sorted({(c.claim, c.path, c.line, c.test) for c in project.collection.cases})


def relative(project: Project, path: Path) -> str:
    path = path.resolve()
    root = project.root.resolve()
    return path.relative_to(root).as_posix() if root in path.parents else str(path)


# Importing these modules registers their rules.
from maskspec.rules import catalogue, expectations, texts  # noqa: E402, F401
