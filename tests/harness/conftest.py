"""Fixtures of the harness's own tests."""

import sys

import pytest
from atlases import TEST, TOY
from hypothesis import settings
from miniature import HIDING, prepare

sys.path.insert(0, str(HIDING))
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402, F401

settings.register_profile("same-every-time", derandomize=True, deadline=None, database=None)
settings.load_profile("same-every-time")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The recorded and synced miniature; never edit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        patch.delenv("KERAS_BACKEND", raising=False)
        yield prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def mini(prepared, tmp_path):
    """A copy of the miniature to edit and run."""
    return prepared.copy(tmp_path / "mini")


@pytest.fixture
def toy(mini):
    """The miniature with an atlas of two subjects and one question, recorded."""
    mini.write("conftest.py", mini.read("conftest.py") + TOY)
    mini.write("tests/atlas/test_layers.py", TEST)
    done = mini.run("--atlas=only", "--record=spec/releases")
    assert done.code == 0, done.output
    return mini
