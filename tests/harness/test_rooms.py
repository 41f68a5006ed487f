"""The rooms of the house: which may use which, and who may touch a framework."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from miniature import ROOT

from maskspec.__main__ import VERBS

HOUSE = ROOT / "maskspec"
# Each may use those before it.
ROOMS = (
    "catalogue", "running", "atlas", "records", "power", "checking", "rendering", "rules", "site",
)  # fmt: skip
FRAMEWORKS = {"tensorflow", "keras", "tf_keras", "jax", "torch"}
MODULES = sorted(HOUSE.rglob("*.py"), key=str)
IDS = [p.relative_to(HOUSE).as_posix() for p in MODULES]


def imports(path):
    """The dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name):
    """The room of a module of ours, or None."""
    parts = name.split(".")
    return parts[1] if parts[0] == "maskspec" and len(parts) > 1 and parts[1] in ROOMS else None


def uses(path):
    return {room(name) for name in imports(path)} - {None}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_room_uses_only_itself_and_those_before_it(path):
    inside = path.relative_to(HOUSE).parts[0]
    if inside == "__init__.py":
        assert uses(path) <= {"catalogue", "running"}
    elif inside in ROOMS:
        assert uses(path) <= set(ROOMS[: ROOMS.index(inside) + 1])


def test_every_room_is_in_the_order():
    assert {p.name for p in HOUSE.iterdir() if p.is_dir() and p.name != "__pycache__"} == {*ROOMS}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_only_the_adapter_imports_a_framework(path):
    imported = {name.partition(".")[0] for name in imports(path)}
    assert not imported & FRAMEWORKS or path == HOUSE / "running" / "adapter.py"


def test_the_catalogue_imports_neither_a_framework_nor_numpy():
    names = [f"maskspec.catalogue.{p.stem}" for p in (HOUSE / "catalogue").glob("[a-z]*.py")]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=str(ROOT), capture_output=True, text=True, check=True
    )
    assert "maskspec.catalogue.project" in done.stdout
    assert not (FRAMEWORKS | {"numpy", "pytest"}) & set(done.stdout.split())


@pytest.mark.parametrize("path", (HOUSE / "atlas").rglob("*.py"), ids=str)
def test_the_atlas_stands_on_the_adapter_alone(path):
    mine = {name for name in imports(path) if name.startswith("maskspec.running")}
    assert mine <= {"maskspec.running.judging.Unavailable"}
    assert "pytest" not in {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", (HOUSE / "checking").rglob("*.py"), ids=str)
def test_checking_stands_on_the_atlas_the_adapter_and_discovery(path):
    mine = {name for name in imports(path) if name.startswith("maskspec.running")}
    ours = ("maskspec.running.adapter", "maskspec.running.discovery")
    assert all(name.startswith((*ours, "maskspec.running.judging.Unavailable")) for name in mine)


def test_nothing_in_tests_reads_pages():
    tests = [p for p in (ROOT / "tests").rglob("*.py") if "harness" not in p.parts]
    assert tests
    assert not [str(p) for p in tests if any("catalogue.pages" in name for name in imports(p))]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_the_main_of_the_module_of_its_name(verb):
    module = importlib.import_module(f"maskspec.{VERBS[verb].room}.{verb}")
    assert callable(module.main)
    assert Path(module.__file__).stem == verb
