"""``spec/CHANGES.md``: what changed from each release to the next, newest first.

``spec/releases/causes.json`` says what made a change: a list of ``{"from", "to", "claims",
"cause"}``, one a line, in which ``cause`` names a pull request or commit as
``owner/repository#1`` or ``owner/repository@1a2b3c4``.
"""

import json
from typing import Any, Dict, Iterator, List, Tuple

from maskspec.catalogue.cells import Cell, numbers
from maskspec.catalogue.implementations import BACKEND_LABELS, IMPLEMENTATIONS, TABLE
from maskspec.records.specification import Specification
from maskspec.rendering.diff import Change, claims_in_both, compare

Pair = Tuple[Cell, Cell]


def page(project: Specification) -> str:
    """The whole page."""
    causes = read_causes(project)
    lines = [
        "<!-- written by `maskspec sync`; do not edit -->",
        "# What changed when",
        "",
        "Each section compares two recorded releases that follow each other, and lists the claims",
        "that fare differently, with what is known of the cause. Findings that merely answer a",
        "claim are left out. `python -m maskspec diff A B` compares any two cells, with advice.",
    ]
    for before, after in ahead(project):
        version = project.prereleases[after.name].header["version"]
        lines += ["", f"## Ahead: {title(before)} to the pre-release {version}", ""]
        lines += _section(project, before, after, causes)
    for before, after in pairs(project):
        lines += ["", f"## {title(before)} to {title(after)}", ""]
        lines += _section(project, before, after, causes)
    return "\n".join(lines) + "\n"


def pairs(project: Specification) -> List[Pair]:
    """Neighbouring recorded releases of one implementation and backend, newest first, and where
    one implementation takes over from another."""
    ran = [project.releases.cells[name] for name in project.records]
    found: List[Pair] = []
    for line in dict.fromkeys((c.implementation, c.backend) for c in _newest_line_first(ran)):
        mine = [c for c in ran if (c.implementation, c.backend) == line]
        mine.sort(key=lambda c: numbers(c.release))
        found += list(zip(mine, mine[1:]))[::-1]
        if line == ("keras", "tensorflow"):
            older = [c for c in ran if c.implementation == "tf.keras"]
            if older and mine:
                found.append((max(older, key=lambda c: numbers(c.release)), mine[0]))
    return found


def ahead(project: Specification) -> List[Pair]:
    """Each pre-release, after the newest recorded release on its implementation and backend."""
    ran = [project.releases.cells[name] for name in project.records]
    found = []
    for cell in (project.releases.cells[name] for name in project.prereleases):
        line = [
            c for c in ran if (c.implementation, c.backend) == (cell.implementation, cell.backend)
        ]
        found.append((max(line, key=lambda c: numbers(c.release)), cell))
    return found


def read_causes(project: Specification) -> List[Dict[str, Any]]:
    """The entries of ``causes.json``, or none if there is no such file."""
    path = project.root / "spec" / "releases" / "causes.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def title(cell: Cell) -> str:
    about = IMPLEMENTATIONS[cell.implementation]
    backend = f" on {BACKEND_LABELS[cell.backend]}" if len(about.backends) > 1 else ""
    return f"{about.label.replace('Keras 3', 'Keras')} {cell.release}{backend}"


def _newest_line_first(cells: List[Cell]) -> List[Cell]:
    order = [one.name for one in reversed(TABLE)]
    return sorted(cells, key=lambda c: order.index(c.implementation))


def _section(
    project: Specification, before: Cell, after: Cell, causes: List[Dict[str, Any]]
) -> Iterator[str]:
    known = project.all_records
    records = known[before.name], known[after.name]
    changes = compare(project, *records)
    total = claims_in_both(*records)
    if not changes:
        yield f"None of {total} claims changed."
        return
    yield f"{len(changes)} of {total} claims changed."
    yield ""
    for change in changes:
        cause = [
            _link(entry["cause"])
            for entry in causes
            if (entry["from"], entry["to"]) == (before.name, after.name)
            and change.claim.id in entry["claims"]
        ]
        yield _bullet(change) + (f" Cause: {', '.join(cause)}." if cause else "")


def _bullet(change: Change) -> str:
    claim = change.claim
    verdicts = f"{change.before} → {change.after}"
    if change.before == change.after:
        cases = [f"`{case}` {' → '.join(v)}" for case, v in list(change.cases.items())[:4]]
        more = len(change.cases) - len(cases)
        verdicts += f" ({', '.join(cases)}{f' and {more} more' if more else ''})"
    page = claim.path.rpartition("/")[2]
    return f"- [{claim.id}]({page}#{claim.id}): {verdicts}. {claim.sentence}"


def _link(cause: str) -> str:
    for sign, kind in (("#", "pull"), ("@", "commit")):
        repository, found, number = cause.partition(sign)
        if found:
            return f"[{cause}](https://github.com/{repository}/{kind}/{number})"
    raise ValueError(f"causes.json: {cause!r} is neither owner/name#1 nor owner/name@1a2b3c4")
