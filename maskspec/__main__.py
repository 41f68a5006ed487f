"""``python -m maskspec VERB``; no verb imports a framework into its own process.

Each verb is the ``main`` of the module of that name.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from maskspec.catalogue.project import NoCheckout, find_checkout, is_checkout
from maskspec.catalogue.words import below


class Verb(NamedTuple):
    """The room of a verb's module, what the verb does, and what its exit status says."""

    room: str
    help: str
    status: str = "0"


FAILED = "2 means that it could not be done"
VERBS: Dict[str, Verb] = {
    "check": Verb("rules", "refuse what does not fit together", "1 if anything is amiss"),
    "sync": Verb("rendering", "write what is generated", "1 if --check finds any out of date"),
    "diff": Verb("rendering", "say what changes from one cell to another", "1 if anything changes"),
    "record": Verb("records", "record every cell that is not up to date", "1 if any fails"),
    "merge": Verb("records", "take the records that were made elsewhere", "1 if any is wanting"),
    "releases": Verb("catalogue", "say which releases have no cell", "1 if there is one"),
    "cells": Verb("catalogue", "list the cells"),
    "pins": Verb("catalogue", "print what the constraints of a cell are compiled from"),
    "export": Verb("rendering", "print the whole catalogue as JSON"),
    "site": Verb("site", "build the site to look things up in"),
}  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m maskspec", description=__doc__)
    parser.add_argument("--root", type=Path, help="the checkout to work on (default: this one)")
    commands = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    verbs = {
        name: commands.add_parser(
            name,
            help=verb.help,
            description=f"{verb.help.capitalize()}.",
            epilog=f"Exit status: {verb.status}; {FAILED}.",
        )
        for name, verb in VERBS.items()
    }
    option = verbs["check"].add_argument
    option("--sources", type=Path, help="folder with the texts: prove the inventory")
    option("--unrecorded", action="store_true", help="let cells wait to be recorded")
    verbs["sync"].add_argument("--check", action="store_true", help="write nothing, only compare")
    option = verbs["diff"].add_argument
    option("before", metavar="A", help="a recorded cell, or 'installed'")
    option("after", metavar="B", help="a recorded cell, or 'installed'")
    option(
        "--about",
        action="append",
        default=[],
        metavar="WORDS",
        help="only claims that name one of these, such as LSTM,Embedding,sample_weight",
    )
    option(
        "--subject",
        action="append",
        default=[],
        metavar="LAYERS",
        help="only what the atlas says of these layers, such as LSTM,Embedding",
    )
    option("--all", action="store_true", help="unfold what is only counted at first")
    option("--implementation", default="", metavar="NAME", help="which installed one is meant")
    option("--json", action="store_true", help="print it for a program")
    option = verbs["record"].add_argument
    option("cells", nargs="*", metavar="CELL", help="only these cells")
    option("--jobs", type=int, default=1, help="how many cells at a time")
    option = verbs["merge"].add_argument
    option("folders", nargs="+", type=Path, metavar="DIR", help="a folder with records below it")
    option = verbs["releases"].add_argument
    option("--add", action="store_true", help="add a cell for each that is newer than all known")
    option = verbs["cells"].add_argument
    option("--json", action="store_true", help="print them, with their Python, for a program")
    verbs["pins"].add_argument("cell")
    verbs["site"].add_argument("out", metavar="OUT", type=Path, help="a new or an earlier folder")
    return parser


def _root(asked: Optional[Path]) -> Path:
    """The checkout to work on; raise ``NoCheckout`` where there is none."""
    if asked is None:
        return find_checkout(Path.cwd())
    if not is_checkout(asked):
        raise NoCheckout(f"--root {asked}: there is no spec/releases/cells.json below that folder")
    return asked.resolve()


def main(arguments: Optional[List[str]] = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        asked.root = _root(asked.root)
        module = importlib.import_module(f"maskspec.{VERBS[asked.verb].room}.{asked.verb}")
        status: int = module.main(asked)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError as error:
        print(
            f"maskspec: {error.name} is not installed here: pip install {error.name}",
            file=sys.stderr,
        )
        return 2
    except (OSError, ValueError, RuntimeError, NoCheckout) as error:
        what = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            what = f"{error.filename}: {error.strerror}"
        print(f"maskspec: {below(asked.root, what) if asked.root else what}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
