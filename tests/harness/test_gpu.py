"""A cell of a GPU is recorded where there is one, and stands aside; all others run on the CPU."""

import pytest

from maskspec.records import results
from maskspec.records.staleness import of_cell, wanting
from maskspec.rendering import sync
from maskspec.running import adapter, discovery
from maskspec.running.discovery import Installed

CELL = "keras3.15-tensorflow-gpu"
ON_CPU = "keras3.15-tensorflow"
NOTING = """
import os

def pytest_report_header():
    return "GPU " + os.environ["CUDA_VISIBLE_DEVICES"]
"""


@pytest.fixture
def mini_gpu(mini):
    """The miniature, with a cell that runs on a GPU."""
    mini.add_cell(CELL, implementation="keras", release="3.15", backend="tensorflow")
    return mini


def test_the_cell_of_a_gpu_is_named_only_where_one_is_asked_for(mini):
    known = mini.load().releases
    names = [
        discovery._supported(known, "keras", "3.15.1", "tensorflow", on_gpu).cell
        for on_gpu in (False, True)
    ]
    assert names == [ON_CPU, CELL]


@pytest.mark.parametrize("number", [0, 1])
def test_an_implementation_for_a_gpu_is_loaded_only_where_one_is_seen(monkeypatch, number):
    config = type("", (), {"list_physical_devices": staticmethod(lambda kind: [kind] * number)})
    monkeypatch.setitem(adapter.sys.modules, "tensorflow", type("", (), {"config": config}))
    monkeypatch.setattr(adapter, "Keras", lambda installed: "loaded")
    installed = Installed("keras", "3.15.1", "tensorflow", "2.21.0", "3.15.1", CELL)
    if number:
        assert adapter.load(installed) == "loaded"
    else:
        with pytest.raises(RuntimeError, match="tensorflow sees no GPU, which keras3.15-tensor"):
            adapter.load(installed)
    adapter._loaded.pop(installed, None)


@pytest.mark.parametrize("cell, seen", [(ON_CPU, "-1"), (CELL, "0")])
def test_a_gpu_is_hidden_unless_its_cell_is_run(mini_gpu, cell, seen):
    mini_gpu.write("noting.py", NOTING)
    run = ("-p", "noting", "--collect-only", f"--cell={cell}")
    assert f"GPU {seen}\n" in mini_gpu.run(*run, CUDA_VISIBLE_DEVICES="0").output


def record_gpu(mini, **changes):
    """Give the cell of the GPU the record of the CPU, with ``changes`` in each row."""
    record = mini.record(ON_CPU)
    rows = [row._replace(**changes) for row in record.rows]
    header = {**record.header, "cell": CELL}
    results.write(mini.path("spec/releases"), results.Record(header, rows))


def test_what_a_gpu_did_is_never_out_of_date(mini_gpu):
    """A change to a test is then no reason to look for a GPU."""
    assert CELL not in wanting(mini_gpu.load())
    record_gpu(mini_gpu, test="000000000000")
    sync.write(mini_gpu.load())
    assert CELL not in wanting(mini_gpu.load())
    assert mini_gpu.problems() == []


def test_a_gpu_that_is_to_be_recorded_is_asked_for_by_tox(mini_gpu):
    done = mini_gpu.python("-m", "maskspec", "record", CELL)
    assert done.code == 2
    assert (
        f"where there is one, run tox -e {CELL} -- -q -n 16 --record=spec/releases" in done.output
    )


def test_a_record_of_a_gpu_may_lack_a_case(mini_gpu):
    record = mini_gpu.record(ON_CPU)
    fewer = results.Record({**record.header, "cell": CELL}, record.rows[1:])
    assert not any(of_cell(mini_gpu.load(), CELL, fewer))
    assert any(of_cell(mini_gpu.load(), ON_CPU, fewer))


def test_a_plain_run_of_tox_asks_for_no_gpu(mini_gpu):
    record_gpu(mini_gpu)
    sync.write(mini_gpu.load())
    mini_gpu.edit("tox.ini", "env_list =\n", f"env_list =\n    {CELL}\n")
    [found] = mini_gpu.problems()
    assert found.what == f"{CELL} runs on a GPU alone: leave it out of env_list"
    assert CELL not in mini_gpu.python("-m", "maskspec", "cells", "--json").output


def test_no_page_counts_a_gpu_but_the_list_of_cells(mini_gpu):
    before = mini_gpu.read("spec/README.md")
    record_gpu(mini_gpu, verdict="refuted")
    sync.write(mini_gpu.load())
    after = mini_gpu.read("spec/README.md")
    [new] = set(after.splitlines()) - set(before.splitlines())
    assert new.startswith(f"[{CELL}](releases/{CELL}/results.jsonl) was recorded on a GPU")
    assert CELL not in mini_gpu.read("spec/evidence/demo.md") + mini_gpu.read("spec/CHANGES.md")
    assert mini_gpu.problems() == []
