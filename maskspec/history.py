"""Verdicts over the releases, in words: since when, until when, and on which backend."""

import itertools
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from maskspec.ranges import STANDALONE
from maskspec.releases import Cell
from maskspec.verdicts import HOLDS, PARTLY, REFUTED, UNAVAILABLE

# What the lines of releases are called, in the order in which they are named.
LINES = {STANDALONE: "standalone Keras", "tf.keras": "tf.keras", "tf_keras": "tf_keras"}
KERAS_3 = "Keras 3"


SIGNS = {HOLDS: "●", PARTLY: "◐", REFUTED: "○", UNAVAILABLE: "·"}


class Line(NamedTuple):
    """One line of releases, or several backends of it that agree: (release, verdict), in order."""

    implementation: str
    name: str
    verdicts: Tuple[Tuple[str, str], ...]


def describe(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> str:
    """Verdicts by cell in words: ``refuted in tf.keras up to 2.3; holds in Keras 3``.

    ``cells`` are those that decide the claim, in order; one without a verdict has not run.
    """
    if not verdicts:
        return "not run"
    if len(set(verdicts.values())) == 1 and len(verdicts) == len(cells):
        return f"{next(iter(verdicts.values()))} on all {len(cells)} cells"
    groups: Dict[str, List[str]] = {}
    for line in lines(verdicts, cells):
        for verdict, when in _spans(line):
            groups.setdefault(verdict, []).append(f"{line.name}{when}")
    return "; ".join(f"{verdict} in {', '.join(where)}" for verdict, where in groups.items())


def by_implementation(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> Dict[str, str]:
    """The same, apart for each implementation: ``{"tf.keras": "holds up to 2.3, then partly"}``."""
    found: Dict[str, List[str]] = {}
    for line in lines(verdicts, cells):
        words = ", ".join(verdict + when for verdict, when in _spans(line))
        backend = line.name[len(KERAS_3) :] if line.implementation == "keras" else ""
        found.setdefault(line.implementation, []).append(
            f"{words} ({backend.strip()})" if backend else words
        )
    return {implementation: "; ".join(words) for implementation, words in found.items()}


def strip(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> str:
    """One sign a release: ``tf.keras 2.2 ○○●● 2.5 | tf_keras 2.21 ●``; "" if all are alike."""
    if len(set(verdicts.values())) < 2:
        return ""
    parts = []
    for line in lines(verdicts, cells):
        first, last = line.verdicts[0][0], line.verdicts[-1][0]
        signs = "".join(SIGNS[verdict] for _, verdict in line.verdicts)
        parts.append(f"{line.name} {first} {signs}" + (f" {last}" if last != first else ""))
    return " | ".join(parts)


def lines(verdicts: Mapping[str, str], cells: Sequence[Cell]) -> List[Line]:
    """The verdicts line by line; backends that agree wherever both were run are one line."""
    ran = [cell for cell in cells if cell.name in verdicts]
    found = []
    for implementation in [*LINES, "keras"]:
        mine = [cell for cell in ran if cell.implementation == implementation]
        groups: List[Tuple[List[str], Dict[str, str]]] = []
        for backend in dict.fromkeys(cell.backend for cell in mine):
            here = {c.release: verdicts[c.name] for c in mine if c.backend == backend}
            for backends, merged in groups:
                if all(merged.get(release, v) == v for release, v in here.items()):
                    backends.append(backend)
                    merged.update(here)
                    break
            else:
                groups.append(([backend], here))
        for backends, merged in groups:
            name = LINES.get(implementation, KERAS_3)
            if len(groups) > 1:
                name += f" on {' and '.join(backends)}"
            order = sorted(merged, key=numbers)
            found.append(Line(implementation, name, tuple((r, merged[r]) for r in order)))
    return found


def _spans(line: Line) -> Iterator[Tuple[str, str]]:
    """Each run of releases with one verdict: the verdict, and when, in words (or "" if always)."""
    runs = [
        (verdict, [release for release, _ in group])
        for verdict, group in itertools.groupby(line.verdicts, key=lambda pair: pair[1])
    ]
    for number, (verdict, releases) in enumerate(runs):
        first, last = releases[0], releases[-1]
        if len(runs) == 1:
            when = ""
        elif number == 0:
            when = f" up to {last}"
        elif number == len(runs) - 1:
            when = f" from {first}"
        else:
            when = f" {first}" if first == last else f" {first} to {last}"
        yield verdict, when


def numbers(release: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))
