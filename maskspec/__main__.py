"""``maskspec VERB``, and ``python -m maskspec VERB`` in a checkout, which has the maintainers' too.

Each verb is the ``main`` of the module of that name. Only ``trace`` imports a framework.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from maskspec.catalogue.home import home
from maskspec.catalogue.project import NoCheckout, find_checkout, is_checkout
from maskspec.catalogue.words import below


class Verb(NamedTuple):
    """The room of a verb's module, what the verb does, and what its exit status says."""

    room: str
    help: str
    status: str = "0"


ABOUT = "What Keras does with a mask, on every release, and in models of your own."
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
    "trace": Verb(
        "rendering",
        "follow the mask through a model of your own",
        "1 if a mask is lost or padding leaks",
    ),
    "explain": Verb("rendering", "find what a message, a name or a question is about",
                    "1 if nothing is found"),
    "verify": Verb("running", "run the claims and the atlas on what is installed",
                   "1 if any is not as recorded"),
    "export": Verb("rendering", "print the whole catalogue as JSON"),
    "site": Verb("site", "build the site to look things up in"),
    "power": Verb("power", "plant faults in an installed framework and say what notices them"),
}  # fmt: skip
USERS = ("trace", "explain", "diff", "verify", "export")  # what needs no checkout


def _parser(names: Sequence[str], prog: str) -> argparse.ArgumentParser:
    """What reads the command line of ``prog``, which has the verbs ``names``."""
    parser = argparse.ArgumentParser(prog=prog, description=ABOUT)
    default = "this one" if "check" in names else "what this installation carries"
    parser.add_argument("--root", type=Path, help=f"the checkout to work on (default: {default})")
    commands = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    verbs = {
        name: commands.add_parser(
            name,
            help=verb.help,
            description=f"{verb.help[0].upper()}{verb.help[1:]}.",
            epilog=f"Exit status: {verb.status}; {FAILED}.",
        )
        for name, verb in VERBS.items()
        if name in names
    }
    _users_options(verbs)
    if "check" in names:
        _maintainers_options(verbs)
    return parser


def _maintainers_options(verbs: Dict[str, argparse.ArgumentParser]) -> None:
    option = verbs["check"].add_argument
    option("--sources", type=Path, help="folder with the texts: prove the inventory")
    option("--unrecorded", action="store_true", help="let cells wait to be recorded")
    verbs["sync"].add_argument("--check", action="store_true", help="write nothing, only compare")
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
    option = verbs["power"].add_argument
    option("faults", nargs="*", metavar="FAULT", help="only faults whose id has one of these")
    option("--jobs", type=_count, default=2, help="how many processes at a time")
    option("--implementation", metavar="NAME", help="which installed one is meant")
    option("--claim", action="append", default=[], metavar="ID", help="run only this claim")
    option("--subject", action="append", default=[], metavar="NAME", help="ask only this subject")
    option("--anew", action="store_true", help="measure again what the record says already")
    option("--first", action="store_true", help="as --theirs does, end at the first that notices")
    option("--theirs", nargs="+", metavar="PATH", help="measure the framework's own tests there")
    verbs["site"].add_argument("out", metavar="OUT", type=Path, help="a new or an earlier folder")


def _count(text: str) -> int:
    """A whole number of 1 or more; argparse would name this function where ``int`` raises."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is none; say 1 or more")
    return number


def _users_options(verbs: Dict[str, argparse.ArgumentParser]) -> None:
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
    option("--relied", type=Path, metavar="FILE", help="only claims that FILE lists: see relies_on")
    option("--json", action="store_true", help="print it for a program")
    option = verbs["trace"].add_argument
    option("model", help="package.module:function that builds one, or a file that holds one")
    option("--batch", metavar="FILE", help="an .npz or .npy file; without, a batch is made up")
    option("--html", action="store_true", help="print a page's table in place of text")
    option = verbs["explain"].add_argument
    option("text", nargs="+", help="an error message, a warning, a name or a question")
    option("--most", type=int, default=5, help="how many answers at most (default: 5)")
    option = verbs["verify"].add_argument
    option("arguments", nargs="*", metavar="ARG", help="for pytest, behind a --: -- --verdicts")


def _root(asked: Optional[Path], verb: str) -> Path:
    """The checkout to work on; raise ``NoCheckout`` where there is none.

    What needs no checkout works on what this installation carries.
    """
    if asked is None:
        try:
            return find_checkout(Path.cwd())
        except NoCheckout:
            if verb not in USERS:
                raise
            return home()
    if not is_checkout(asked):
        raise NoCheckout(f"--root {asked}: there is no spec/releases/cells.json below that folder")
    return asked.resolve()


def console() -> int:
    """The command ``maskspec``: the verbs that need no checkout, on what it carries."""
    return main(None, USERS, "maskspec")


def main(
    arguments: Optional[List[str]] = None,
    names: Sequence[str] = tuple(VERBS),
    prog: str = "python -m maskspec",
) -> int:
    asked = _parser(names, prog).parse_args(arguments)
    try:
        asked.root = _root(asked.root, asked.verb)
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
