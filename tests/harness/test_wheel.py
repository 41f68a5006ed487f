"""The wheel: what it carries, and that its command works from any folder without a checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from miniature import ROOT

from maskspec.__main__ import USERS, VERBS
from maskspec.catalogue import pages
from maskspec.catalogue.home import home
from maskspec.running import judging

MOST = 8_000_000  # bytes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="the build backend builds it")
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=str(ROOT), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(str(wheel)) as archive:
        archive.extractall(str(folder))
    return folder


def command(unpacked, folder, *arguments):
    code = "import sys; from maskspec.__main__ import console; sys.exit(console())"
    env = {**os.environ, "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=str(folder), env=env, capture_output=True, text=True,
    )  # fmt: skip


def test_it_is_small_and_carries_what_the_verbs_read(wheel):
    assert wheel.stat().st_size < MOST
    names = zipfile.ZipFile(str(wheel)).namelist()
    data = {name[len("maskspec/data/") :] for name in names if name.startswith("maskspec/data/")}
    for name in ("spec/loss.md", "spec/traced.json", "spec/atlas/explained.json",
                 "spec/releases/cells.json", "spec/releases/tf2.2/results.jsonl",
                 "spec/releases/tf2.2/atlas.jsonl", "spec/sources/guide.units.jsonl",
                 "tests/test_loss.py", "tests/support/probes.py", "tests/atlas/test_layers.py",
                 "conftest.py", "pyproject.toml"):  # fmt: skip
        if (ROOT / name).exists():
            assert name in data, name
    assert not [name for name in data if "harness" in name or "/evidence/" in name]
    assert not [name for name in names if "__pycache__" in name]


def test_its_commands_are_those_that_need_no_checkout(unpacked, tmp_path):
    done = command(unpacked, tmp_path, "--help")
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")}
    assert listed & VERBS.keys() == set(USERS)


def test_explain_export_and_diff_work_from_anywhere(unpacked, tmp_path):
    done = command(unpacked, tmp_path, "explain", "loss.mean-over-valid-steps")
    assert done.stdout.startswith("1. With a mask, a compiled loss is the mean"), done.stderr
    done = command(unpacked, tmp_path, "export")
    assert done.returncode == 0, done.stderr
    claims = {one["id"] for one in json.loads(done.stdout)["claims"]}
    assert claims == pages.read(ROOT).by_id().keys()
    done = command(unpacked, tmp_path, "diff", "tf2.10", "tf2.15")
    assert (done.returncode, "loss.mean-over-valid-steps" in done.stdout) == (1, True)


def test_nothing_is_written_beside_the_code(unpacked, tmp_path):
    before = sorted(unpacked.rglob("*"))
    command(unpacked, tmp_path, "export")
    command(unpacked, tmp_path, "verify", "--", "--collect-only")
    assert sorted(unpacked.rglob("*")) == before


def test_in_the_checkout_it_is_the_checkout_that_is_read():
    assert home() == ROOT


@pytest.mark.parametrize(
    "place, is_ours",
    [
        ("maskspec/data/tests/test_loss.py", True),
        ("maskspec/running/judging.py", True),  # where `raises` states that nothing was raised
        ("keras/src/layers/layer.py", False),
    ],
    ids=["claim", "harness", "framework"],
)
@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_what_a_wheel_brought_is_ours_and_the_framework_beside_it_is_not(
    monkeypatch, folder, place, is_ours
):
    packages = Path("/env/lib/python3.11") / folder
    monkeypatch.setattr(judging, "ROOT", packages)
    monkeypatch.setattr(judging, "PACKAGE", packages / "maskspec")
    assert judging._is_ours(str(packages / place), packages / "maskspec" / "data") is is_ours
