"""What is kept from one measurement to the next: ``.power/`` in the checkout.

What tests run through is kept as long as no code is another one. What came of a fault is kept as
long as the tests that notice it are the same; what nothing notices is measured again as soon as
there are other tests.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List

EXPLORES = ("tests", "maskspec/atlas", "maskspec/running", "maskspec/power/masking.py",
            "maskspec/power/planting.py")  # fmt: skip
PLANTS = ("maskspec/power/masking.py", "maskspec/power/planting.py", "maskspec/power/operators.py",
          "maskspec/power/whole.py", "maskspec/power/session.py",
          "maskspec/power/suites.py")  # fmt: skip


class Work:
    """What a run that was broken off has found of one installed framework.

    ``hash_of`` gives, by the name of what notices a fault, the hash of its code as it is now.
    """

    def __init__(self, root: Path, installed: str, hash_of: Callable[[str], str]) -> None:
        self.folder = root / ".power"
        self.folder.mkdir(exist_ok=True)
        self.hash_of = hash_of
        self.code = _hash(root, installed, EXPLORES)
        self._tests = self.folder / f"tests-{self.code}.json"
        self._faults = self.folder / f"faults-{_hash(root, installed, PLANTS)}.jsonl"

    def tests(self) -> List[Any]:
        """What each test says and runs through; empty if it is not known."""
        if not self._tests.exists():
            return []
        found = _parsed(self._tests.read_text(), self._tests)
        return [_checked(row, self._tests, 3) for row in found]

    def keep_tests(self, tests: List[Any]) -> None:
        new = self._tests.with_suffix(".new")
        new.write_text(json.dumps(tests))
        new.replace(self._tests)  # in one step: half a file would be taken for damaged

    def faults(self) -> Dict[str, Any]:
        """What is known of faults, by id, and still stands."""
        if not self._faults.exists():
            return {}
        lines = self._faults.read_text().splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # a run was ended while it wrote this
            self._faults.write_text("".join(lines))
        rows = [_parsed(text, f"{self._faults}:{i}", 4) for i, text in enumerate(lines, 1)]
        return {
            id: answer
            for id, answer, code, names in rows
            if code == self.code or (names and names == self._hashes_of(names))
        }

    def keep_fault(self, id: str, answer: Any, noticed: Iterable[str]) -> None:
        """Keep what came of a fault, and the names of what ``noticed`` it."""
        row = [id, answer, self.code, self._hashes_of(noticed)]
        with self._faults.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def forget(self) -> None:
        """Keep nothing for a next time."""
        for path in (self._tests, self._faults):
            if path.exists():
                path.unlink()

    def _hashes_of(self, names: Iterable[str]) -> Dict[str, str]:
        return {name: self.hash_of(name) for name in names}


def _parsed(text: str, place: object, fields: int = 0) -> List[Any]:
    """The list that ``text`` holds; raise ``ValueError`` if it holds none of so many fields."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return _checked(found, place, fields)


def _checked(found: Any, place: object, fields: int) -> List[Any]:
    if not isinstance(found, list) or (fields and len(found) != fields):
        raise ValueError(f"{place} is damaged: delete the file, and measure again")
    return found


def _hash(root: Path, installed: str, parts: Iterable[str]) -> str:
    digest = hashlib.sha256(installed.encode())
    for part in parts:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
