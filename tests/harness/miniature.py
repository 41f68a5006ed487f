"""A miniature of the project: one chapter, one source, three cells, run on fake frameworks."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from fakes import fake

from maskspec.__main__ import main
from maskspec.catalogue import project
from maskspec.catalogue.cases import collect
from maskspec.catalogue.sources import digest
from maskspec.records import results, specification
from maskspec.rules.check import check

ROOT = Path(__file__).resolve().parents[2]
HIDING = Path(__file__).resolve().parent / "hiding"
# What each cell of the miniature is run on, by cell.
CELLS = {
    "tf2.15": ("tensorflow==2.15.1",),
    "keras3.14-tensorflow": ("keras==3.14.0", "tensorflow==2.18.0"),
    "keras3.15-tensorflow": ("keras==3.15.1", "tensorflow==2.18.0"),
}
NEWEST = CELLS["keras3.15-tensorflow"]

PAGE = """# Demo

<a id="demo.pads-with-zero"></a>
### demo.pads-with-zero
Padding is zero.

Said in: talk-001

A reader wants to know the value.

<a id="demo.pads-with-one"></a>
### demo.pads-with-one
Padding is one.

Said in: talk-002

It never was; see [zero](#demo.pads-with-zero).

<a id="demo.pads-last"></a>
### demo.pads-last
Padding goes last.

Said in: talk-003

It depends on the release.

<a id="demo.pads-first"></a>
### demo.pads-first
Padding goes first.

Said in: no source; this is a finding.

This is so where it does not go last.

<a id="demo.kinds-keep"></a>
### demo.kinds-keep
Every kind keeps the mask.

Said in: talk-004

Only some kinds do.

<a id="demo.computing-drops"></a>
### demo.computing-drops
Computing drops the mask.

Said in: no source; this is a finding.

So pass the mask by hand.

<a id="demo.twice"></a>
### demo.twice
`ops.twice` doubles.

Said in: talk-005

It is new.
"""

TESTS = '''"""The checks of the chapter."""

import pytest

from maskspec import NEVER, case, claim, observe, refuted_by, require


@claim("demo.pads-with-zero")
def test_pads_with_zero(keras):
    assert keras.padding() == 0


@claim("demo.pads-with-one", holds=NEVER, instead="demo.pads-with-zero")
def test_pads_with_one(keras):
    assert keras.padding() == 1


@claim("demo.pads-last", holds={"keras": ">=3.15"}, instead="demo.pads-first")
def test_pads_last(keras):
    observe(keras.side())
    assert keras.side() == "last"


@claim("demo.pads-first", holds={"keras": "<3.15", "*": ""}, instead="demo.pads-last")
def test_pads_first(keras):
    assert keras.side() == "first"


@claim("demo.kinds-keep", instead="demo.computing-drops")
@pytest.mark.parametrize("kind", ["copy", case("compute", holds=NEVER)])
def test_kinds_keep(keras, kind):
    assert keras.keeps(kind)


@claim("demo.computing-drops")
def test_computing_drops(keras):
    assert not keras.keeps("compute")


@claim("demo.twice", exists={"keras": ">=3.15"})
def test_twice(keras):
    assert keras.ops.twice(2) == 4
'''

TEXT = """The padding is zero. The padding is one.

The padding goes last. Sit down!
```
keep(mask)
```
twice(2)
"""
# (unit, its text, its statement or None)
UNITS = (
    ("L1.s1", "The padding is zero.", "talk-001"),
    ("L1.s2", "The padding is one.", "talk-002"),
    ("L3.s1", "The padding goes last.", "talk-003"),
    ("L3.s2", "Sit down!", None),
    ("L5.c1", "keep(mask)", "talk-004"),
    ("L7.c1", "twice(2)", "talk-005"),
)

TOX = """[tox]
env_list =
    {}
labels =
    quick = tf2.15

[testenv]
base_python =
    tf2.15: python3.11
    !tf2.15: python3.11
"""

README = """# Miniature

See [the chapter](demo.md#demo.pads-with-zero).

## How to read the evidence

<!-- chapters: written by `maskspec sync` -->
<!-- /chapters -->
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def json_lines(objects):
    return "".join(json.dumps(o) + "\n" for o in objects)


def lay_out(root):
    """Write every file of the miniature that a person would write."""
    for name in ("pyproject.toml", "conftest.py"):
        write(root / name, (ROOT / name).read_text(encoding="utf-8"))
    write(root / "tests" / "test_demo.py", TESTS)
    write(root / "spec" / "demo.md", PAGE)
    write(root / "spec" / "README.md", README)
    write(root / "tox.ini", TOX.format("\n    ".join(CELLS)))
    sources = root / "spec" / "sources"
    write(sources / "sources.json", json.dumps({"talk": {"title": "A talk", "date": None}}))
    units, statements = [], []
    for unit, text, statement in UNITS:
        told = {"statements": [statement]} if statement else {"excused": "advice"}
        units.append({"unit": unit, "sha": digest(text), **told})
        if statement:
            statements.append({"id": statement, "units": [unit], "says": text})
    write(sources / "talk.units.jsonl", json_lines(units))
    write(sources / "talk.statements.jsonl", json_lines(statements))
    releases = root / "spec" / "releases"
    cells = {
        name: {
            "implementation": "tf.keras" if name.startswith("tf") else "keras",
            "release": re.sub(r"^\D+|-.*", "", name),
            "python": "3.11",
            "pins": list(frameworks),
        }
        for name, frameworks in CELLS.items()
    }
    known = {"tf.keras": ["2.14", "2.15"], "tf_keras": ["2.17"], "keras": ["3.14", "3.15"]}
    write(releases / "cells.json", json.dumps({"releases": known, "cells": cells}, indent=1))
    for name in CELLS:
        write(releases / name / "constraints.txt", "numpy==1.0\n")


def prepare(folder):
    """A miniature in ``folder`` that is recorded on its cells and synced."""
    lay_out(folder / "project")
    write(folder / "texts" / "talk.txt", TEXT)
    mini = Miniature(folder)
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(mini.run, "--record=spec/releases", on=on) for on in CELLS.values()]
    for run in runs:
        assert run.result().code == 0, run.result().output
    assert main(["--root", str(mini.root), "sync"]) == 0
    return mini


_collections = {}


class Done:
    """How a process ended: its exit code and all that it printed."""

    def __init__(self, code, output):
        self.code = code
        self.output = output

    def count(self, text):
        return self.output.count(text)


class Miniature:
    """A copy of the miniature project, to be edited, run and read."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "project"
        self.fakes = folder / "fakes"

    def copy(self, folder):
        shutil.copytree(str(self.folder), str(folder))
        return Miniature(folder)

    def path(self, name):
        return self.root / name

    def read(self, name):
        return self.path(name).read_text(encoding="utf-8")

    def write(self, name, text):
        write(self.path(name), text)

    def edit(self, name, old, new):
        """Replace ``old``, which stands there, by ``new``."""
        text = self.read(name)
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def add_cell(self, name, **about):
        """Give the project one more cell, not yet recorded."""
        cells = json.loads(self.read("spec/releases/cells.json"))
        cells["cells"][name] = {"python": "3.11", "pins": [], **about}
        known = cells["releases"].setdefault(about["implementation"], [])
        if about["release"] not in known and not name.endswith("-pre"):
            known.append(about["release"])
        self.write("spec/releases/cells.json", json.dumps(cells))
        self.write(f"spec/releases/{name}/constraints.txt", "numpy==1.0\n")
        if not name.endswith("-gpu"):
            self.edit("tox.ini", "env_list =\n", f"env_list =\n    {name}\n")

    def record_path(self, cell):
        return self.path(f"spec/releases/{cell}/results.jsonl")

    def record(self, cell):
        return results.read(self.record_path(cell))

    def env(self, on, **more):
        """An environment in which the frameworks ``on`` are installed and nothing else is set."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "KERAS_", "COV_"))
        }
        homes = [fake(self.fakes, name) if "==" in name else Path(name) for name in on]
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(map(str, [HIDING, ROOT, *homes])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "KERAS_HOME": str(self.folder),
            "COLUMNS": "200",
            **more,
        }

    def run(self, *arguments, on=NEWEST, **env):
        """Run pytest here on the frameworks ``on``."""
        command = ("-m", "pytest", "-p", "no:cacheprovider", *arguments)
        return self.python(*command, on=on, **env)

    def python(self, *arguments, on=NEWEST, **env):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=str(self.root), env=self.env(on, **env),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            # what a shell runs in the background ignores Ctrl-C, and so would this
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        return Done(done.returncode, done.stdout)

    def load(self):
        """What ``specification.load`` reads here; equal tests are collected only once."""
        tests = tuple(p.read_bytes() for p in sorted(self.path("tests").glob("*.py")))
        if tests not in _collections:
            _collections[tests] = collect(self.root)
        with mock.patch.object(project, "collect", return_value=_collections[tests]):
            return specification.load(self.root)

    def problems(self):
        """What ``maskspec check`` finds here."""
        project = self.load()
        project.texts = self.folder / "texts"
        return check(project)
