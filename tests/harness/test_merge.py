"""``maskspec merge``: records that arrive in any order, twice, late, short or not at all."""

import itertools
import shutil

import pytest

from maskspec.__main__ import main

CELLS = ("tf2.15", "keras3.14-tensorflow", "keras3.15-tensorflow")
TESTS = "tests/test_demo.py"


@pytest.fixture
def bare(mini):
    """The miniature without its records, which have arrived in folders of their own."""
    for cell in CELLS:
        folder = mini.folder / "arrived" / cell / cell
        folder.mkdir(parents=True)
        shutil.move(str(mini.record_path(cell)), str(folder / "results.jsonl"))
    return mini


@pytest.fixture
def merge(capsys):
    def merge(mini, *folders):
        arguments = [str(mini.folder / "arrived" / folder) for folder in folders]
        code = main(["--root", str(mini.root), "merge", *arguments])
        return code, capsys.readouterr().out

    return merge


def arrived(mini, cell):
    return mini.folder / "arrived" / cell / cell / "results.jsonl"


def records(mini):
    paths = map(mini.record_path, CELLS)
    return [path.read_bytes() if path.exists() else b"" for path in paths]


def test_records_that_all_arrive_are_taken(bare, merge):
    code, out = merge(bare, *CELLS)
    assert code == 0, out
    assert out.count("took the record of") == 3
    assert records(bare) == [arrived(bare, cell).read_bytes() for cell in CELLS]


def test_their_order_does_not_matter(bare, merge):
    results = set()
    for order in itertools.permutations(CELLS):
        for cell in CELLS:
            bare.record_path(cell).unlink(missing_ok=True)
        merge(bare, *order)
        results.add(tuple(records(bare)))
    assert len(results) == 1


def test_a_second_time_changes_nothing(bare, merge):
    merge(bare, *CELLS)
    before = records(bare)
    assert merge(bare, *CELLS) == (0, "")
    assert records(bare) == before


def test_the_same_record_may_arrive_twice(bare, merge):
    shutil.copytree(str(bare.folder / "arrived" / "tf2.15"), str(bare.folder / "arrived" / "again"))
    code, out = merge(bare, *CELLS, "again")
    assert (code, out.count("took the record of tf2.15")) == (0, 1)


@pytest.mark.parametrize("order", [("tf2.15", "again"), ("again", "tf2.15")], ids=str)
def test_of_two_that_differ_neither_is_taken(bare, merge, order):
    copy = bare.folder / "arrived" / "again" / "results.jsonl"
    copy.parent.mkdir()
    text = arrived(bare, "tf2.15").read_text(encoding="utf-8")
    copy.write_text(text.replace('"python": "', '"python": "9.'), encoding="utf-8")
    code, out = merge(bare, *order)
    assert code == 1
    assert "there are 2 different ones of tf2.15" in out
    assert not bare.record_path("tf2.15").exists()


def test_one_that_is_late_is_refused(bare, merge):
    bare.edit(TESTS, "assert keras.padding() == 0", "assert 0 == keras.padding()")
    code, out = merge(bare, *CELLS)
    assert code == 1
    assert "1 row that ran another test (demo.pads-with-zero)" in out
    assert records(bare) == [b"", b"", b""]


def test_one_that_is_short_is_refused(bare, merge):
    path = arrived(bare, "tf2.15")
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:-2]) + b"\n")
    code, out = merge(bare, *CELLS)
    assert code == 1
    assert f"refused: {path}:8: cut short" in out
    assert [bool(record) for record in records(bare)] == [False, True, True]


def test_one_that_does_not_arrive_is_named(bare, merge):
    code, out = merge(bare, "tf2.15", "keras3.14-tensorflow")
    assert code == 1
    assert "wanting: keras3.15-tensorflow has no record" in out


def test_one_that_does_not_arrive_leaves_what_was_there(mini, merge):
    (mini.folder / "arrived").mkdir()
    assert merge(mini, ".") == (0, "")


def test_one_of_an_unknown_cell_is_refused(bare, merge):
    path = arrived(bare, "tf2.15")
    text = path.read_text(encoding="utf-8").replace('"cell": "tf2.15"', '"cell": "tf9.9"')
    path.write_text(text, encoding="utf-8")
    assert "tf9.9 is no cell of this project" in merge(bare, *CELLS)[1]
