"""``python -m maskspec <command>``; no command imports a framework into its own process."""

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any, Callable, List, Optional

from maskspec import comparing, gathering, index, matrix, releases
from maskspec.export import export
from maskspec.project import load
from maskspec.rules import RULES
from maskspec.rules import check as problems_of
from maskspec.sync import stale, write

# What every cell needs beside its framework.
TEST_PACKAGES = ("hypothesis", "packaging", "pytest", "pytest-xdist")


def check(asked: argparse.Namespace) -> int:
    project = load(asked.root)
    problems = problems_of(project, asked.sources)
    for rule, group in itertools.groupby(problems, key=lambda p: (p.rule, p.mend)):
        print("\n".join(map(str, group)))
        print(f"    to mend: {rule[1]}")
    units = sum(len(source.units) for source in project.sources.values())
    proved = f", {units} units proved" if asked.sources and not problems else ""
    print(
        f"{len(RULES)} rules, {len(project.book.claims)} claims, "
        f"{len(project.collection.cases)} cases, {len(project.records)} cells{proved}: "
        + (f"{len(problems)} problems" if problems else "nothing amiss")
    )
    return 1 if problems else 0


def sync(asked: argparse.Namespace) -> int:
    project = load(asked.root)
    if asked.check:
        old = list(stale(project))
        for path, line in old:
            print(f"{path.relative_to(asked.root)}:{line}: out of date; python -m maskspec sync")
        return 1 if old else 0
    for path in write(project):
        print(f"wrote {path.relative_to(asked.root)}")
    return 0


def export_(asked: argparse.Namespace) -> int:
    print(json.dumps(export(load(asked.root)), indent=1, ensure_ascii=False))
    return 0


def diff(asked: argparse.Namespace) -> int:
    project = load(asked.root)
    pair = [comparing.record_of(project, name) for name in (asked.before, asked.after)]
    data = comparing.as_data(project, *pair)
    if asked.json:
        print(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        print("\n".join(comparing.in_words(project, *pair)))
    return 1 if data["changes"] else 0


def record(asked: argparse.Namespace) -> int:
    project = load(asked.root)
    cells = asked.cells or list(project.releases.cells)
    for cell in cells:
        _known_cell(cell, project.releases)
    failed = matrix.record_all(project, cells, asked.jobs)
    print(f"failed: {', '.join(failed)}" if failed else "every cell is recorded")
    return 1 if failed else 0


def merge(asked: argparse.Namespace) -> int:
    merged = gathering.merge(load(asked.root), asked.folders)
    for cell in merged.taken:
        print(f"took the record of {cell}")
    for complaint in merged.refused:
        print(f"refused: {complaint}")
    for cell in merged.wanting:
        print(f"wanting: {cell} has no record that is whole and up to date")
    return 1 if merged.refused or merged.wanting else 0


def releases_(asked: argparse.Namespace) -> int:
    project = load(asked.root)
    if asked.add:
        print("\n".join(index.adopt(project)))
        return 0
    print("\n".join(index.in_words(project)))
    return 1 if any(index.unrecorded(project).values()) else 0


def cells(asked: argparse.Namespace) -> int:
    known = releases.load(asked.root / "spec" / "releases").cells.values()
    if asked.json:
        print(json.dumps([{"cell": cell.name, "python": cell.python} for cell in known]))
    else:
        print("\n".join(cell.name for cell in known))
    return 0


def pins(asked: argparse.Namespace) -> int:
    cell = _known_cell(asked.cell, releases.load(asked.root / "spec" / "releases"))
    print("\n".join([*cell.pins, *TEST_PACKAGES]))
    return 0


def _known_cell(name: str, known: releases.Releases) -> releases.Cell:
    if name not in known.cells:
        raise ValueError(f"there is no cell {name}; {releases.nearest(name, known.cells)}")
    return known.cells[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m maskspec", description=__doc__)
    parser.add_argument("--root", type=Path, default=releases.ROOT, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, run: Callable[[argparse.Namespace], int], help: str) -> Callable[..., Any]:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command.add_argument

    option = add("check", check, "refuse what does not fit together")
    option("--sources", type=Path, help="folder with the texts: prove the inventory")
    option = add("sync", sync, "write evidence, index, CHANGES and source pages")
    option("--check", action="store_true", help="write nothing, fail if out of date")
    option = add("diff", diff, "say what changes from one cell to another")
    option("before", metavar="A", help="a recorded cell, or 'installed'")
    option("after", metavar="B", help="a recorded cell, or 'installed'")
    option("--json", action="store_true", help="print it for a program")
    option = add("record", record, "record, with tox, every cell that is not up to date")
    option("cells", nargs="*", metavar="CELL", help="only these cells")
    option("--jobs", type=int, default=1, help="how many cells at a time")
    option = add("merge", merge, "take the records that were made elsewhere")
    option("folders", nargs="+", type=Path, metavar="DIR", help="a folder with records below it")
    option = add("releases", releases_, "say which releases on the index are not recorded")
    option("--add", action="store_true", help="add a cell for each that is newer than all known")
    option = add("cells", cells, "list the cells")
    option("--json", action="store_true", help="print them, with their Python, for a program")
    option = add("pins", pins, "print what the constraints of a cell come from")
    option("cell")
    add("export", export_, "print the whole catalogue as JSON")
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        return asked.run(asked)
    except (OSError, ValueError, RuntimeError, index.NoIndex) as error:
        print(f"maskspec: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
