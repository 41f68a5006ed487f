"""Puts pages, tests and records into the wheel, below ``maskspec/data``, as they stand in the
checkout; nothing is committed twice."""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("tests", "spec")
# What only people read, or only maintainers run.
LEFT_OUT = ("tests/harness/", "tests/checking/", "tests/browser/", "spec/evidence/")
GENERATED = "spec/atlas/"  # of which the pages are left out
ENDINGS = (".py", ".md", ".json", ".jsonl")
FILES = ("conftest.py", "pyproject.toml")


class DataHook(BuildHookInterface):
    """The hook that ``pyproject.toml`` names."""

    def initialize(self, version, build_data):
        if version == "editable":
            return  # which finds them in the checkout
        root = Path(self.root)
        for name in FILES:
            build_data["force_include"][str(root / name)] = f"maskspec/data/{name}"
        for folder in FOLDERS:
            for path in sorted((root / folder).rglob("*")):
                name = path.relative_to(root).as_posix()
                if path.suffix in ENDINGS and not _is_left_out(name):
                    build_data["force_include"][str(path)] = f"maskspec/data/{name}"


def _is_left_out(name):
    is_page = name.startswith(GENERATED) and name.endswith(".md")
    return is_page or name.startswith(LEFT_OUT) or "__pycache__" in name
