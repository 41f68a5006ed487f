"""``maskspec record``: cell after cell, with progress, skipping what is up to date."""

import re

import pytest

from maskspec.records.record import Progress

TOX = """
import pathlib, sys
cell = sys.argv[sys.argv.index("-e") + 1]
with open(pathlib.Path(__file__).parent / "calls", "a") as calls:
    calls.write(cell + " " + " ".join(sys.argv[sys.argv.index("--") + 1:]) + "\\n")
if (pathlib.Path(__file__).parent / cell).exists():
    print("\\n1 unexpected\\n  demo.twice\\n    claim:    it doubles\\n\\nkeras 1.0: 1 claim")
    print("it broke")
    sys.exit(3)
"""
CELLS = ("tf2.15", "keras3.14-tensorflow", "keras3.15-tensorflow")


@pytest.fixture
def record(mini):
    """Run ``maskspec record`` with a tox that only notes what it is asked for."""
    (mini.folder / "tox").mkdir()
    (mini.folder / "tox" / "tox.py").write_text(TOX, encoding="utf-8")

    def record(*cells, broken=()):
        for cell in broken:
            (mini.folder / "tox" / cell).touch()
        done = mini.python("-m", "maskspec", "--root", str(mini.root), "record", *cells,
                           on=[str(mini.folder / "tox")])  # fmt: skip
        done.output = re.sub(r", \d+ s$", ", 0 s", done.output, flags=re.MULTILINE)
        calls = mini.folder / "tox" / "calls"
        return done, calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []

    return record


def make_stale(mini):
    mini.edit("tests/test_demo.py", "assert keras.padding() == 0", "assert 0 == keras.padding()")


def test_what_is_up_to_date_is_skipped(record):
    done, calls = record()
    assert (done.code, calls) == (0, [])
    assert "3 of 3 cells up to date, 0 to record" in done.output
    assert done.output.endswith("every cell is recorded\n")


def test_what_is_stale_is_recorded_by_tox(mini, record):
    make_stale(mini)
    done, calls = record()
    assert calls == [f"{cell} -q --stale --record=spec/releases" for cell in CELLS]
    assert "[1/3] tf2.15 …\n1 of 3 done: tf2.15 recorded, 0 s\n" in done.output
    assert "[3/3] keras3.15-tensorflow … (2 done, about 1 min left)\n" in done.output
    assert done.output.endswith(f"still to record: 3 cells: {', '.join(CELLS)}\n")  # a fake tox


def test_one_cell_that_fails_stops_no_other(mini, record):
    make_stale(mini)
    done, calls = record(broken=["tf2.15"])
    assert (done.code, len(calls)) == (1, 3)
    assert (
        "1 of 3 done: tf2.15 FAILED (3): 1 unexpected, 0 s\n      demo.twice\n"
        "        claim:    it doubles\n    all of it: .tox/tf2.15.log\n"
    ) in done.output
    assert "it broke" in mini.read(".tox/tf2.15.log")
    assert "failed: tf2.15\nstill to record: 2 cells: keras3.14" in done.output


def test_only_the_cells_asked_for(mini, record):
    make_stale(mini)
    assert [call.split()[0] for call in record("keras3.14-tensorflow")[1]] == [CELLS[1]]


def test_an_unknown_cell_names_the_nearest(record):
    done, calls = record("tf2.16")
    assert (done.code, calls) == (2, [])
    assert "there is no cell tf2.16; did you mean tf2.15" in done.output


def test_the_time_left_is_that_of_the_cells_left_by_the_mean_of_those_done():
    now, said = [0.0], []
    progress = Progress(7, 2, said.append, clock=lambda: now[0])
    progress.begin("a")
    now[0] = 120.0
    progress.end("a", 0, "")
    progress.begin("b")
    assert said[-1] == "[2/7] b … (1 done, about 6 min left)"
