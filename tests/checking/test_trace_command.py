"""The command ``trace``."""

import os
import subprocess
import sys

import numpy as np
from traced import IDS, sequence

from maskspec.catalogue.home import home

MODELS = """
import numpy as np
from maskspec.catalogue import cells
from maskspec.catalogue.home import home
from maskspec.running import adapter
from maskspec.running.discovery import discover
keras = adapter.load(discover(cells.load(home()))[0])

def broken():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, keras.layers.GlobalMaxPooling1D()(x))

def sound():
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, keras.layers.LSTM(2)(x))
"""


def command(folder, *arguments):
    path = os.pathsep.join([str(home()), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "maskspec", "trace", *arguments],
        cwd=str(folder), env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip


def test_the_command_traces_a_function_and_a_file(keras, tmp_path):
    (tmp_path / "mine.py").write_text(MODELS)
    np.savez(str(tmp_path / "data.npz"), x=IDS)
    done = command(tmp_path, "mine:broken", "--batch", "data.npz")
    assert (done.returncode, "LEAK begins here" in done.stdout) == (1, True), done.stderr
    sound = sequence(keras)
    sound.save(str(tmp_path / f"sound{keras.file_ending}"))
    done = command(tmp_path, f"sound{keras.file_ending}")
    if keras.file_ending == ".keras":
        assert (done.returncode, done.stdout.splitlines()[-1]) == (
            0, "No mask is lost, and no padding leaks.",
        ), done.stderr  # fmt: skip


def test_the_command_says_what_it_could_not_do(tmp_path):
    done = command(tmp_path, "nowhere:model")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No module named 'nowhere'" in done.stderr
