"""``python -m maskspec check | sync | export | pins``; none of them imports a framework."""

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import List, Optional

from maskspec import releases
from maskspec.export import export
from maskspec.project import load
from maskspec.rules import RULES, check
from maskspec.sync import stale, write

# What every cell needs beside its framework.
TEST_PACKAGES = ("hypothesis", "packaging", "pytest", "pytest-xdist")


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m maskspec", description=__doc__)
    parser.add_argument("--root", type=Path, default=releases.ROOT, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    checking = commands.add_parser("check", help="refuse what does not fit together")
    checking.add_argument("--sources", type=Path, help="folder with the texts: prove the inventory")
    syncing = commands.add_parser("sync", help="write evidence, index and source pages")
    syncing.add_argument("--check", action="store_true", help="write nothing, fail if out of date")
    commands.add_parser("export", help="print the whole catalogue as JSON")
    pinning = commands.add_parser("pins", help="print what the constraints of a cell come from")
    pinning.add_argument("cell")
    asked = parser.parse_args(arguments)
    try:
        return run(asked)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"maskspec: {error}", file=sys.stderr)
        return 2


def run(asked: argparse.Namespace) -> int:
    if asked.command == "pins":
        cells = releases.load(asked.root / "spec" / "releases").cells
        if asked.cell not in cells:
            raise ValueError(
                f"there is no cell {asked.cell}; {releases.nearest(asked.cell, cells)}"
            )
        print("\n".join([*cells[asked.cell].pins, *TEST_PACKAGES]))
        return 0
    project = load(asked.root)
    if asked.command == "export":
        print(json.dumps(export(project), indent=1, ensure_ascii=False))
        return 0
    if asked.command == "check":
        problems = check(project, asked.sources)
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
    if asked.check:
        old = list(stale(project))
        for path, line in old:
            print(f"{path.relative_to(asked.root)}:{line}: out of date; python -m maskspec sync")
        return 1 if old else 0
    for path in write(project):
        print(f"wrote {path.relative_to(asked.root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
