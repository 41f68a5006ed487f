"""Verdicts over the releases, in words: since when, until when, and on which backend."""

import itertools
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from maskspec.catalogue.cells import Cell, numbers
from maskspec.catalogue.implementations import BACKEND_LABELS, IMPLEMENTATIONS, TABLE
from maskspec.catalogue.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE

SIGNS = {HOLDS: "●", PARTLY: "◐", REFUTED: "○", UNAVAILABLE: "·"}


class Line(NamedTuple):
    """One line of releases, or several backends of it that agree: (release, verdict), in order.

    ``on`` names the backends, where they do not all agree.
    """

    implementation: str
    on: str
    verdicts: Tuple[Tuple[str, str], ...]
    backends: Tuple[str, ...]

    @property
    def label(self) -> str:
        return IMPLEMENTATIONS[self.implementation].label + self.on


def describe(verdicts: Mapping[str, str], cells: Sequence[Cell], silent: str = "") -> str:
    """Verdicts by cell in words: ``refuted in tf.keras <= 2.3; holds in Keras 3``.

    ``cells`` are those that decide the claim, in order; where some have not run it, how many did
    stands at the end. Where the verdict is ``silent``, nothing is said.
    """
    if not verdicts:
        return "not run"
    ran = f"{len(verdicts)} of {len(cells)} cells"
    if len(set(verdicts.values())) == 1 and len(verdicts) == len(cells):
        return f"{next(iter(verdicts.values()))} on all {len(cells)} cells"
    groups: Dict[str, List[str]] = {}
    for line in lines(verdicts, cells):
        for verdict, where in _by_verdict(line).items():
            groups.setdefault(verdict, []).append(where)
    groups.pop(silent, None)
    words = "; ".join(f"{verdict} in {_listed(where)}" for verdict, where in groups.items())
    return words if len(verdicts) == len(cells) else f"{words} (run on {ran})"


def by_implementation(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> Dict[str, str]:
    """The same, apart for each implementation: ``{"tf.keras": "refuted <= 2.3, holds >= 2.4"}``."""
    found: Dict[str, List[str]] = {}
    for line in lines(verdicts, cells):
        when = _when(line)
        words = [f"{verdict} {' and '.join(spans)}".strip() for verdict, spans in when.items()]
        found.setdefault(line.implementation, []).append(f"{', '.join(words)}{line.on}")
    return {implementation: "; ".join(words) for implementation, words in found.items()}


def newest(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> str:
    """The verdict on the newest release of each line: ``holds in tf.keras 2.15 and Keras 3.15``."""
    return _by_end(lines(verdicts, cells), lambda line: f" {line.verdicts[-1][0]}")


def lately(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> str:
    """The verdict on the newest releases, and since when: ``holds in tf.keras >= 2.4``."""

    def since(line: Line) -> str:
        spans = _when(line)[line.verdicts[-1][1]]
        return f" {spans[-1]}" if spans else ""

    return _by_end(lines(verdicts, cells), since)


def _by_end(found: Sequence[Line], releases: Callable[[Line], str]) -> str:
    """The last verdict of each line, those of one verdict together.

    Backends are named where those of one implementation do not all end alike.
    """
    groups: Dict[str, Dict[Tuple[str, str], List[Line]]] = {}
    for line in found:
        ends = groups.setdefault(line.verdicts[-1][1], {})
        ends.setdefault((line.implementation, releases(line)), []).append(line)
    words = []
    for verdict, ends in groups.items():
        where = []
        for (implementation, when), alike in ends.items():
            every = [line for line in found if line.implementation == implementation]
            backends = [backend for line in alike for backend in line.backends]
            on = "" if len(alike) == len(every) else f" on {_listed(backends)}"
            name = _short(implementation) if when else IMPLEMENTATIONS[implementation].label
            where.append(f"{name}{when}{on}")
        words.append(f"{verdict} in {_listed(where)}")
    return "; ".join(words)


def strip(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> str:
    """One sign a release: ``tf.keras 2.2 ○○●● 2.5 | tf_keras 2.21 ●``; "" if all are alike."""
    if len(set(verdicts.values())) < 2:
        return ""
    parts = []
    for line in lines(verdicts, cells):
        first, last = line.verdicts[0][0], line.verdicts[-1][0]
        signs = "".join(SIGNS[verdict] for _, verdict in line.verdicts)
        parts.append(f"{line.label} {first} {signs}" + (f" {last}" if last != first else ""))
    return " | ".join(parts)


def lines(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> List[Line]:
    """The verdicts line by line; backends that agree wherever both were run are one line."""
    ran = [cell for cell in cells if cell.name in verdicts]
    found = []
    for implementation in (one.name for one in TABLE):
        mine = [cell for cell in ran if cell.implementation == implementation]
        groups: List[Tuple[List[str], Dict[str, str]]] = []
        for backend in dict.fromkeys(cell.backend for cell in mine):
            here = {c.release: verdicts[c.name] for c in mine if c.backend == backend}
            for backends, merged in groups:
                if all(merged.get(release, v) == v for release, v in here.items()):
                    backends.append(BACKEND_LABELS[backend])
                    merged.update(here)
                    break
            else:
                groups.append(([BACKEND_LABELS[backend]], here))
        for backends, merged in groups:
            on = f" on {_listed(backends)}" if len(groups) > 1 else ""
            order = sorted(merged, key=numbers)
            ends = tuple((r, merged[r]) for r in order)
            found.append(Line(implementation, on, ends, tuple(backends)))
    return found


def _by_verdict(line: Line) -> Dict[str, str]:
    """Where in a line each verdict was found: ``{"holds": "Keras 3.0.0 and >= 3.12"}``."""
    found = {}
    for verdict, spans in _when(line).items():
        where = " and ".join(spans)
        name = f"{_short(line.implementation)} {where}{line.on}" if where else line.label
        found[verdict] = name
    return found


def _when(line: Line) -> Dict[str, List[str]]:
    """The releases of a line that have each verdict, as spans; none if all have the same."""
    runs = [
        (verdict, [release for release, _ in group])
        for verdict, group in itertools.groupby(line.verdicts, key=lambda pair: pair[1])
    ]
    found: Dict[str, List[str]] = {}
    for number, (verdict, releases) in enumerate(runs):
        spans = found.setdefault(verdict, [])
        if len(runs) == 1:
            continue
        first, last = releases[0], releases[-1]
        if number == len(runs) - 1:
            spans.append(f">= {first}")
        elif first == last:
            spans.append(first)
        else:
            spans.append(f"<= {last}" if number == 0 else f"{first} to {last}")
    return found


def _short(implementation: str) -> str:
    """The label before a release: ``Keras 3`` is ``Keras`` there, as in ``Keras 3.4``."""
    return IMPLEMENTATIONS[implementation].label.replace("Keras 3", "Keras")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def marks(name: str) -> Tuple[str, str]:
    """The lines before and after what is generated by that name on a page that people write."""
    return f"<!-- {name}: written by `maskspec sync` -->", f"<!-- /{name} -->"


def between(name: str, lines: Iterable[str], text: str) -> str:
    """``text`` with ``lines`` between the marks of ``name``; raise ``ValueError`` without them."""
    start, end = marks(name)
    if start not in text or end not in text:
        raise ValueError(f"what is generated as {name} has no place: write {start} and {end}")
    before, after = text.partition(start)[0], text.partition(end)[2]
    return "\n".join([before + start, *lines, end + after])
