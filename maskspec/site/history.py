"""Verdicts and outcomes over the releases: strips of one claim, rows of a matrix."""

import itertools
import json
from typing import Container, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from maskspec.catalogue.cells import Cell, numbers
from maskspec.catalogue.implementations import BACKEND_LABELS, IMPLEMENTATIONS, TABLE
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE
from maskspec.records.specification import Specification
from maskspec.rendering.history import ahead, pairs, title
from maskspec.rendering.wording import lines

CLASSES = {HOLDS: "holds", PARTLY: "partly", REFUTED: "refuted", UNAVAILABLE: "unavailable"}
EMPTY = "none"  # the class of a release that has not run it, or where it is not asked


class Stop(NamedTuple):
    """One release of a strip; ``step`` is the cell whose step brought this verdict, or ""."""

    release: str
    word: str
    css: str
    about: str
    step: str


class Track(NamedTuple):
    """A line of releases, and backends that agree."""

    label: str
    stops: List[Stop]

    @property
    def newest(self) -> Stop:
        return self.stops[-1]


class Group(NamedTuple):
    """The columns of a matrix that belong together: one implementation on one backend. ``short``
    is its label where that of the group before it says the rest."""

    key: str
    label: str
    short: str
    cells: List[Cell]


class Run(NamedTuple):
    """Neighbouring columns with the same word."""

    word: str
    css: str
    span: int
    first: bool  # of its group


class Dates:
    """When each recorded release came out, of what is known: ``spec/releases/dates.json``."""

    def __init__(self, project: Specification) -> None:
        path = project.root / "spec" / "releases" / "dates.json"
        self._known: Dict[str, Dict[str, str]] = {}
        if path.exists():
            self._known = json.loads(path.read_text(encoding="utf-8"))
        self._records = project.all_records

    def of(self, cell: str) -> str:
        """``2024-06-26``, or ""."""
        head = self._records[cell].header
        package = IMPLEMENTATIONS[head["implementation"]].package
        return self._known.get(package, {}).get(head["version"], "")


def tracks(
    dates: Dates, steps: Container[str], verdicts: Mapping[str, str], cells: Sequence[Cell]
) -> List[Track]:
    """The whole history of a claim, line by line, oldest first; ``steps`` are the cells that have a
    page of what changed."""
    found = []
    for line in lines(verdicts, cells):
        stops: List[Stop] = []
        for release, verdict in line.verdicts:
            cell = _cell(line.implementation, line.on, release, verdicts, cells)
            changed = bool(stops) and stops[-1].word != verdict
            when = dates.of(cell)
            about = f"{line.label} {release}{f' ({when})' if when else ''}: {verdict}"
            if changed:
                about += f", was {stops[-1].word}"
            step = cell if changed and cell in steps else ""
            stops.append(Stop(release, verdict, CLASSES[verdict], about, step))
        found.append(Track(line.label, stops))
    return found


def _cell(
    implementation: str, on: str, release: str, ran: Mapping[str, str], cells: Sequence[Cell]
) -> str:
    """The first cell that stands for ``release`` in a line of backends that agree."""
    return next(
        cell.name
        for cell in cells
        if (cell.implementation, cell.release) == (implementation, release)
        and cell.name in ran
        and (not on or BACKEND_LABELS[cell.backend] in on)
    )


def columns(project: Specification, names: Iterable[str]) -> List[Group]:
    """The cells of these names, in groups; what stands aside comes last in theirs."""
    known = [project.releases.cells[name] for name in names]
    found = []
    for one in TABLE:
        for place, backend in enumerate(one.backends):
            mine = [c for c in known if (c.implementation, c.backend) == (one.name, backend)]
            on = f"on {BACKEND_LABELS[backend]}" if len(one.backends) > 1 else ""
            label = f"{one.label} {on}".strip()
            key = f"{one.name}-{backend}".replace(".", "")
            if mine:
                mine.sort(key=lambda cell: (cell.stands_aside, numbers(cell.release)))
                found.append(Group(key, label, on if place else label, mine))
    return found


def runs(
    values: Mapping[str, str], groups: Sequence[Group], classes: Mapping[str, str]
) -> Iterator[Run]:
    """The row of a matrix; no word for a cell without a value."""
    for group in groups:
        words = [values.get(cell.name, "") for cell in group.cells]
        for place, (word, same) in enumerate(itertools.groupby(words)):
            yield Run(word, classes.get(word, EMPTY), len(list(same)), place == 0)


def whole_title(cell: Cell) -> str:
    """``Keras 3.16 on TensorFlow, pre-release``, ``Keras 3.15 on JAX, with a GPU``."""
    return title(cell) + (", with a GPU" if cell.is_gpu else ", pre-release" * cell.is_pre)


def steps_of(project: Specification) -> List[Tuple[Cell, Cell]]:
    """Every step between neighbours: those to pre-releases first."""
    return [*ahead(project), *pairs(project)]
