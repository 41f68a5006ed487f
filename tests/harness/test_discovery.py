"""What is installed, by package metadata alone, and which release's expectations judge it."""

import pytest
from fakes import fake

from maskspec.catalogue.cells import Releases
from maskspec.running import discovery
from maskspec.running.discovery import NotUsable

KNOWN = Releases(
    {},
    {
        "standalone": ["2.3"],
        "tf.keras": ["2.2", "2.15"],
        "tf_keras": ["2.14", "2.21"],
        "keras": ["3.1", "3.15"],
    },
)
TF = "tensorflow==2.21.0"
BOOM = "raise SystemExit('a framework was imported')"


@pytest.fixture
def discover(tmp_path, monkeypatch):
    """What is discovered where the named frameworks are installed."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)

    def discover(*requirements):
        for requirement in requirements:
            monkeypatch.syspath_prepend(str(fake(tmp_path, requirement, body=BOOM)))
        return discovery.discover(KNOWN)

    return discover


@pytest.mark.parametrize(
    "requirements, cells",
    [
        (["tensorflow==2.2.3"], ["tf2.2"]),
        (["tensorflow==2.15.1", "keras==2.15.0"], ["tf2.15"]),
        ([TF, "keras==3.15.1"], ["keras3.15-tensorflow"]),
        ([TF, "keras==3.15.1", "tf_keras==2.21.0"], ["keras3.15-tensorflow", "tf_keras2.21"]),
        ([TF, "tf_keras==2.21.0"], ["tf_keras2.21"]),
        (["tensorflow==2.2.3", "keras==2.3.1"], ["standalone2.3", "tf2.2"]),
        (["tensorflow==2.15.1", "keras==3.1.0"], ["keras3.1-tensorflow", "tf2.15"]),
    ],
    ids=" ".join,
)
def test_each_implementation_installed_is_listed_once(discover, requirements, cells):
    assert [i.cell for i in discover(*requirements)] == cells


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_beside_another_backend_nothing_on_tensorflow_is_listed(discover, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    found = discover(TF, "keras==3.15.1", "tf_keras==2.21.0", f"{backend}==9.1.0")
    assert [str(i) for i in found] == [f"keras 3.15.1 ({backend} 9.1.0)"]


def test_the_backend_of_the_users_file_counts(discover, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}', encoding="utf-8")
    assert [i.cell for i in discover("keras==3.15.1", "jax==0.4.0")] == ["keras3.15-jax"]


def test_the_environment_overrules_the_users_file(discover, tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}', encoding="utf-8")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert [i.cell for i in discover("keras==3.15.1", "torch==2.4.0")] == ["keras3.15-torch"]


@pytest.mark.parametrize("text", ["{", '{"epsilon": 1}', ""])
def test_a_users_file_without_a_backend_means_tensorflow(discover, tmp_path, text):
    (tmp_path / "keras.json").write_text(text, encoding="utf-8")
    assert [i.backend for i in discover("keras==3.15.1", TF)] == ["tensorflow"]


def test_an_unknown_backend_is_refused_with_the_known_ones(discover, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(NotUsable, match="KERAS_BACKEND is 'theano'.*tensorflow, jax, torch"):
        discover("keras==3.15.1", TF)


def test_a_backend_that_is_not_installed_is_refused(discover, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(NotUsable, match="'torch', but torch is not installed here; install it"):
        discover("keras==3.15.1", TF)


def test_keras_without_its_default_backend_is_refused(discover):
    with pytest.raises(NotUsable, match="tensorflow backend by default, but tensorflow is not"):
        discover("keras==3.15.1")


@pytest.mark.parametrize(
    "requirements, message",
    [
        (["tensorflow==2.1.0"], r"tf\.keras 2\.1\.0 is older than 2\.2, the first release"),
        ([TF, "tf_keras==2.13.1"], r"tf_keras 2\.13\.1 is older .*install tf_keras 2\.14 or later"),
        ([TF, "keras==3.0.5"], r"keras 3\.0\.5 is older than 3\.1"),
    ],
    ids=["tf.keras", "tf_keras", "keras"],
)
def test_a_release_older_than_the_first_is_refused(discover, requirements, message):
    with pytest.raises(NotUsable, match=message):
        discover(*requirements)


@pytest.mark.parametrize(
    "version, judged_as",
    [("3.1.0", "3.1.0"), ("3.15.9", "3.15.9"), ("3.16.0", "3.15"), ("4.0.0rc1", "3.15")],
)
def test_a_release_newer_than_any_recorded_is_judged_by_the_newest(discover, version, judged_as):
    (found,) = discover(TF, f"keras=={version}")
    assert (found.judged_as, found.is_new) == (judged_as, judged_as != version)


@pytest.mark.parametrize("requirements", [[], [TF], ["keras==2.3.1"]], ids=["none", "tf", "old"])
def test_no_implementation_is_refused_with_what_to_install(discover, requirements):
    with pytest.raises(NotUsable, match="no Keras is installed .* pip install -r"):
        discover(*requirements)
