"""``maskspec releases``: what the package index has and no cell is for."""

import importlib.util
import re

import pytest
from miniature import ROOT

from maskspec.catalogue import cells, releases

PIP = """
import sys
said = {{"keras": {keras!r}, "tf-keras": "2.17.0, 2.14.1", "tensorflow": "2.17.0, 2.15.1, 2.15.0"}}
assert sys.argv[1:3] == ["index", "versions"]
print(sys.argv[3])
print("Available versions: " + said[sys.argv[3]])
"""


@pytest.fixture
def ask(mini):
    def ask(pip, *arguments):
        home = mini.folder / "pip"
        home.mkdir(exist_ok=True)
        (home / "pip.py").write_text(pip, encoding="utf-8")
        command = ("-m", "maskspec", "--root", str(mini.root), "releases", *arguments)
        return mini.python(*command, on=[str(home)])

    return ask


def test_releases_without_a_cell_are_named(ask):
    done = ask(PIP.format(keras="3.16.1, 3.16.0, 3.15.1, 3.14.0, 2.15.0"))
    assert done.code == 1, done.output
    assert "keras: 2 cells: keras3.14-tensorflow, keras3.15-tensorflow\n" in done.output
    assert "keras: on the index, without a cell: 3.16\n" in done.output
    assert "tf_keras: on the index, without a cell: 2.14, 2.17\n" in done.output
    assert "tf.keras: on the index" not in done.output


def test_no_network_is_one_clear_line(ask):
    done = ask("import sys\nsys.exit('ERROR: no route to host')")
    assert done.code == 2
    assert done.output.splitlines()[-1] == (
        "maskspec: the package index does not tell the releases of tensorflow: "
        "ERROR: no route to host"
    )


def test_without_pip_the_index_is_asked_through_the_one_that_python_carries(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", without("pip"))
    assert re.search(r"ensurepip/_bundled/pip-[\d.]+-.*\.whl$", releases._with_pip()["PYTHONPATH"])


def test_without_any_pip_the_cause_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", without("pip", "ensurepip"))
    with pytest.raises(releases.NoIndex, match="pip is not installed here"):
        releases._with_pip()


def without(*missing):
    find = importlib.util.find_spec
    return lambda name: None if name in missing else find(name)


def test_a_release_newer_than_all_known_gets_a_cell_like_the_one_before(mini, ask):
    text = mini.read("spec/releases/cells.json").replace("keras==3.15.1", "keras==3.15.*")
    mini.write("spec/releases/cells.json", text)
    done = ask(PIP.format(keras="3.16.0, 3.15.1, 3.13.0"), "--add")
    assert (done.code, done.output.split()) == (0, ["keras3.16-tensorflow"]), done.output
    known = cells.load(mini.root)
    assert known.newest("keras") == "3.16"
    assert known.cells["keras3.16-tensorflow"].pins == ("keras==3.16.*", "tensorflow==2.18.0")
    assert "    keras3.15-tensorflow\n    keras3.16-tensorflow\n" in mini.read("tox.ini")
    assert ask(PIP.format(keras="3.16.0"), "--add").output == "\n"


def test_the_list_of_cells_is_written_as_it_is_read():
    text = (ROOT / "spec" / "releases" / "cells.json").read_text(encoding="utf-8")
    assert cells.dump(cells.load(ROOT)) == text
