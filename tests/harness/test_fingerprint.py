"""The hash of what a case runs: what changes it, and what leaves it as it is."""

import importlib.util
import itertools
import re
import sys

import pytest

from maskspec.catalogue import fingerprint as module_of
from maskspec.catalogue.fingerprint import fingerprint

MODULE = """
import functools
import re

import numpy as np

from maskspec import claim
from tests.support.probes import same

SIZE = 3
KINDS = {"b", "a"}


def helper(x):
    return deeper(x) + 1


def deeper(x):
    return [x for _ in range(SIZE)]


class Layer:
    def call(self, x):
        return scale(x)


def scale(x):
    return 2 * x


def further(x):
    return x


def unrelated(x):
    return further(x)


def made(change, times):
    return lambda x: change(x) * times


made_here = made(lambda x: x + 1, times=2)


STEP = 4


def less(x):
    return x - 1


def by_default(x, other=less, *, step=STEP):
    return other(x) + step


DIVISOR = 8


def part(x):
    return x / DIVISOR


WAYS = {"parts": [part]}
ROWS = np.array([[0.5, 6.0]])
WORD = re.compile("word")


@claim("demo.first")
def test_it(keras, kind):
    assert WAYS["parts"][0](1) in ROWS and WORD.match(kind)
    inner = lambda: helper(kind)
    assert same(inner(), Layer().call(1))
    assert kind in KINDS
    assert made_here(1) == by_default(1)
"""
_names = (f"fingerprinted_{i}" for i in itertools.count())


@pytest.fixture
def hash_of(tmp_path, monkeypatch):
    """The fingerprint of ``test_it`` in a module, after replacing text of it."""

    def hash_of(old="", new="", also=("", ""), **parameters):
        assert old in MODULE
        assert also[0] in MODULE
        path = tmp_path / f"{next(_names)}.py"
        text = MODULE.replace(old, new, 1).replace(*also, 1)
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("test_fingerprinted", str(path))
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        spec.loader.exec_module(module)
        there = {name: getattr(module, str(value), value) for name, value in parameters.items()}
        return fingerprint(module.test_it, there)

    return hash_of


CHANGES = {
    "the body": ("in KINDS", "not in KINDS"),
    "a helper": ("deeper(x) + 1", "deeper(x) + 2"),
    "a helper of a helper": ("[x for", "[-x for"),
    "a constant that a helper's comprehension reaches": ("SIZE = 3", "SIZE = 4"),
    "a constant set": ('{"b", "a"}', '{"b", "c"}'),
    "a class": ("return scale(x)", "return scale(-x)"),
    "what a method reaches": ("2 * x", "3 * x"),
    "a function in a closure": ("x + 1, times", "x + 5, times"),
    "a constant in a closure": ("times=2", "times=3"),
    "a function as default": ("x - 1", "x - 2"),
    "a constant as default": ("STEP = 4", "STEP = 5"),
    "a function in a container": ("x / DIVISOR", "x // DIVISOR"),
    "what a function in a container reaches": ("DIVISOR = 8", "DIVISOR = 9"),
    "the values of an array": ("[[0.5, 6.0]]", "[[0.5, 7.0]]"),
    "the shape of an array": ("[[0.5, 6.0]]", "[0.5, 6.0]"),
    "the kind of an array": ("[[0.5, 6.0]]", "[[0.5, 6.0]], complex"),
    "a regular expression": ('"word"', '"sword"'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_what_runs_changes_it(hash_of, change):
    assert hash_of(*CHANGES[change]) != hash_of()


@pytest.mark.parametrize(
    "old, new",
    [
        ('@claim("demo.first")', '@claim("demo.first", holds={"keras": ">=3.1"})'),
        ('@claim("demo.first")', '@claim(\n    "demo.first",\n    holds={},\n)'),
        ("return x\n", "return -x\n"),
        ("import functools", "import functools\nUNUSED = 1"),
        ('{"b", "a"}', '{"a", "b"}'),
        ("in KINDS\n", "in KINDS   \n\n\n"),
        ("SIZE = 3", "\n\nSIZE = 3"),
        ("    inner = lambda", "    # why\n    inner = lambda"),
        ("def helper(x):", 'def helper(x):\n    """Says more."""'),
        ("class Layer:", 'class Layer:\n    """Says more."""'),
        ("def deeper(x):", "def deeper(x: object) -> object:"),
        ("same(inner(), Layer", "same(\n        inner(), Layer"),
    ],
    ids=[
        "range",
        "decorator",
        "unrelated",
        "unused",
        "set-order",
        "blanks",
        "place",
        "comment",
        "docstring",
        "docstring-of-a-class",
        "annotations",
        "layout",
    ],  # fmt: skip
)
def test_a_change_in_nothing_that_runs_leaves_it(hash_of, old, new):
    assert hash_of(old, new) == hash_of()


def test_what_a_parameter_reaches_counts(hash_of):
    assert hash_of("return x\n", "return -x\n", kind="unrelated") != hash_of(kind="unrelated")


@pytest.mark.parametrize("place, counts", [("", True), ("support", True), ("../other", False)])
def test_a_helper_of_another_module_counts_if_it_stands_beside_the_test(
    hash_of, tmp_path, monkeypatch, place, counts
):
    folder = (tmp_path / place).resolve()
    folder.mkdir(exist_ok=True)
    monkeypatch.syspath_prepend(str(folder))
    imported = ("import functools", "from neighbour import helper as deeper")
    without = ("def deeper", "def unused")
    hashes = set()
    for body in ("x", "x + x"):
        (folder / "neighbour.py").write_text(f"def helper(x):\n    return {body}\n")
        monkeypatch.delitem(sys.modules, "neighbour", raising=False)
        hashes.add(hash_of(*imported, also=without))
    assert len(hashes) == (2 if counts else 1)


def test_the_parameters_of_the_case_are_part_of_it(hash_of):
    hashes = {hash_of(kind=kind) for kind in ("a", "b", ["a"], {"a": 1}, 1, 1.5, None)}
    assert len(hashes) == 7


def test_equal_parameters_in_another_order_are_the_same(hash_of):
    assert hash_of(a={"x": 1, "y": {2, 1}}, b=1) == hash_of(b=1, a={"y": {1, 2}, "x": 1})


def test_a_parameter_without_a_stable_repr_counts_by_its_type(hash_of):
    assert hash_of(a=object()) == hash_of(a=object()) != hash_of(a=len)


def test_a_function_as_parameter_counts_by_its_body(hash_of):
    def one(x):
        return x

    def two(x):
        return -x

    assert hash_of(a=one) == hash_of(a=one) != hash_of(a=two)


def test_a_lambda_counts_by_its_lines(hash_of):
    one = lambda x: x  # noqa: E731
    two = lambda x: -x  # noqa: E731
    assert hash_of(a=one) == hash_of(a=one) != hash_of(a=two)


def test_it_is_twelve_hexadecimal_digits(hash_of):
    assert re.fullmatch("[0-9a-f]{12}", hash_of())


@pytest.fixture
def edit_adapter(tmp_path, monkeypatch):
    """Let a copy of the adapter, with some text replaced, stand for it."""

    def edit(old, new):
        text = module_of.ADAPTER.read_text(encoding="utf-8")
        assert old in text
        copy = tmp_path / f"{next(_names)}.py"
        copy.write_text(text.replace(old, new, 1), encoding="utf-8")
        monkeypatch.setattr(module_of, "ADAPTER", copy)

    return edit


@pytest.mark.parametrize("name, everywhere", [("numpy", False), ("reset", True)])
def test_a_changed_method_of_the_adapter_counts_where_it_runs(
    hash_of, edit_adapter, name, everywhere
):
    code = ("same(inner(), Layer().call(1))", "keras.numpy(keras.ops.abs(kind))")
    before, other = hash_of(*code), hash_of()
    edit_adapter(f"def {name}(", f"def {name}(*more, ")
    assert hash_of(*code) != before
    assert (hash_of() != other) == everywhere


def test_a_comment_in_the_adapter_counts_nowhere(hash_of, edit_adapter):
    before = hash_of()
    edit_adapter("    def reset(", "    # why\n    def reset(")
    assert hash_of() == before


@pytest.mark.parametrize(
    "call, old, new",
    [
        ("keras.policy(kind)", "def _get_and_set_policy(", "def _get_and_set_policy(*more, "),
        ("keras.ops.abs(kind)", '"abs": "abs"', '"abs": "negative"'),
    ],
    ids=["a method that another one calls", "a renamed operation"],
)
def test_what_is_behind_a_name_of_the_adapter_counts_where_it_runs(
    hash_of, edit_adapter, call, old, new
):
    code = ("same(inner(), Layer().call(1))", call)
    before, other = hash_of(*code), hash_of()
    edit_adapter(old, new)
    assert hash_of(*code) != before
    assert hash_of() == other


def test_a_module_of_helpers_is_not_reached_through(hash_of, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "helpers.py").write_text("def twice(x):\n    return 2 * x\n")
    with pytest.raises(ValueError, match="import the names instead"):
        hash_of(
            "import functools",
            "import helpers",
            also=("same(inner(), Layer().call(1))", "helpers.twice(1)"),
        )
