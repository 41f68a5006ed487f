"""Run the claims and the atlas on what is installed, from any folder: ``maskspec verify``."""

import argparse
import os
import subprocess
import sys


def main(asked: argparse.Namespace) -> int:
    """Run pytest on the tests that this installation carries; its exit status."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "-c", str(asked.root / "pyproject.toml"), "--rootdir", str(asked.root), *asked.arguments,
    ]  # fmt: skip
    paths = [str(asked.root), os.environ.get("PYTHONPATH", "")]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(command, cwd=str(asked.root), env=env).returncode
