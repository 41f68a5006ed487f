"""What is kept between runs that are broken off: ``.power/`` in the checkout.

Each file's name has a hash of the code that its content comes from; what is of other code is not
read.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List

EXPLORES = ("tests", "maskspec/atlas", "maskspec/running", "maskspec/power/masking.py",
            "maskspec/power/planting.py")  # fmt: skip
MEASURES = (*EXPLORES, "maskspec/power/operators.py", "maskspec/power/session.py",
            "maskspec/power/suites.py")  # fmt: skip


class Work:
    """The unfinished measurement of one installed framework."""

    def __init__(self, root: Path, installed: str) -> None:
        self.folder = root / ".power"
        self.folder.mkdir(exist_ok=True)
        self._tests = self.folder / f"tests-{_hash(root, installed, EXPLORES)}.json"
        self._faults = self.folder / f"faults-{_hash(root, installed, MEASURES)}.jsonl"

    def tests(self) -> List[Any]:
        """What each test says and runs through; empty if it is not known."""
        return list(json.loads(self._tests.read_text())) if self._tests.exists() else []

    def keep_tests(self, tests: List[Any]) -> None:
        self._tests.write_text(json.dumps(tests))

    def faults(self) -> Dict[str, Any]:
        """What is known of faults, by id."""
        if not self._faults.exists():
            return {}
        lines = self._faults.read_text().splitlines()
        return dict(json.loads(line) for line in lines)

    def keep_fault(self, id: str, answer: Any) -> None:
        with self._faults.open("a") as file:
            file.write(json.dumps([id, answer]) + "\n")


def _hash(root: Path, installed: str, parts: Iterable[str]) -> str:
    digest = hashlib.sha256(installed.encode())
    for part in parts:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
