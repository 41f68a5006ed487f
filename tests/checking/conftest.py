"""Fixtures of the tests of checks, which run on what is installed, as the claims do."""

import pytest

from maskspec.running import adapter
from maskspec.running.plugin import Session


def pytest_generate_tests(metafunc):
    if "keras" in metafunc.fixturenames:
        installed = Session.of(metafunc.config).installed
        metafunc.parametrize(
            "keras", installed[:1], ids=[i.cell for i in installed[:1]], indirect=True
        )


@pytest.fixture
def keras(request):
    """The installed implementation; its policy of dtypes is what it was before."""
    implementation = adapter.load(request.param)
    implementation.reset()
    with implementation.policy("float32"):
        yield implementation
