"""Record cell after cell with tox: ``python -m maskspec record [CELL ...]``.

A cell that is up to date is skipped and one that fails stops no other, so that a run that was
interrupted goes on where it stopped.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

from maskspec.catalogue.cells import known_cell
from maskspec.catalogue.words import and_more, below, count
from maskspec.records.specification import Specification, load
from maskspec.records.staleness import wanting

Say = Callable[[str], None]
MOST = 24  # lines that are shown of what a cell that fails printed


def record_all(
    project: Specification, cells: Sequence[str], jobs: int, say: Say = print
) -> List[str]:
    """Record each of ``cells`` that is not up to date, ``jobs`` at a time; return those that fail.

    Prints a line when a cell starts and when it ends, with how many are done and about how long
    the rest takes.
    """
    if importlib.util.find_spec("tox") is None:
        raise RuntimeError("tox is not installed here: python -m pip install tox tox-uv")
    due = [cell for cell in wanting(project) if cell in cells]
    say(f"{len(cells) - len(due)} of {count(len(cells), 'cell')} up to date, {len(due)} to record")
    progress = Progress(len(due), jobs, say)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            ends = list(pool.map(lambda cell: _record(project.root, cell, progress), due))
        except KeyboardInterrupt:
            progress.stopped = True
            say("interrupted; the same command goes on where this one stopped")
            raise
    return [cell for cell, code in zip(due, ends) if code and not _may_differ(project, cell, code)]


class Progress:
    """What has been done of ``total`` cells, and about how long the rest takes."""

    def __init__(self, total: int, jobs: int, say: Say, clock: Callable[[], float] = time.time):
        self.total, self.jobs, self.say, self.clock = total, jobs, say, clock
        self.begun: Dict[str, float] = {}
        self.ended: List[Tuple[str, float]] = []
        self.stopped = False
        self._lock = threading.Lock()

    def begin(self, cell: str) -> None:
        with self._lock:
            self.begun[cell] = self.clock()
            self.say(f"[{len(self.begun)}/{self.total}] {cell} …{self._left()}")

    def end(self, cell: str, code: int, last: str, more: Sequence[str] = ()) -> None:
        with self._lock:
            took = self.clock() - self.begun[cell]
            self.ended.append((cell, took))
            word = "recorded" if code == 0 else f"FAILED ({code}): {last}"
            self.say(f"{len(self.ended)} of {self.total} done: {cell} {word}, {took:.0f} s")
            for line in more:
                self.say(f"    {line}")

    def _left(self) -> str:
        if not self.ended:
            return ""
        mean = sum(took for _, took in self.ended) / len(self.ended)
        rest = mean * (self.total - len(self.ended)) / self.jobs
        return f" ({len(self.ended)} done, about {max(1, round(rest / 60))} min left)"


def _may_differ(project: Specification, cell: str, code: int) -> bool:
    return project.releases.cells[cell].is_pre and code == 1  # the run's "tests failed"


def _record(root: Path, cell: str, progress: Progress) -> int:
    if progress.stopped:
        return 1
    progress.begin(cell)
    done = subprocess.run(
        [sys.executable, "-m", "tox", "run", "-q", "-e", cell, "--",
         "-q", "--stale", "--record=spec/releases"],
        cwd=str(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"NOT RECORDED|ERROR|unexpected$", line)]
    last = (telling or lines or ["no output"])[-1].strip()
    more: List[str] = []
    if done.returncode:
        log = root / ".tox" / f"{cell}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(done.stdout, encoding="utf-8")
        more = [*_what_failed(done.stdout), f"all of it: {below(root, str(log))}"]
    progress.end(cell, done.returncode, last, more)
    return done.returncode


def _what_failed(output: str) -> List[str]:
    """What a run says of its first unexpected verdict or fact, as far as it says any."""
    found = re.search(r"^\d+ unexpected\n((?:  .*\n)+)", output, flags=re.MULTILINE)
    found = found or re.search(r"^(`.*` on .* is not as recorded .*\n(?:  .*\n)+)", output, re.M)
    return found.group(1).splitlines()[:MOST] if found else []


def main(asked: argparse.Namespace) -> int:
    """Record the cells that were asked for, or all; exit status 1 if one fails."""
    project = load(asked.root)
    known = project.releases.cells
    for cell in asked.cells:
        known_cell(cell, project.releases)
        if known[cell].is_gpu:
            raise ValueError(
                f"{cell}: the record of a GPU is never out of date; where there is one, run "
                f"tox -e {cell} -- -q -n 16 --record=spec/releases"
            )
    cells = asked.cells or [name for name, cell in known.items() if not cell.is_gpu]
    failed = record_all(project, cells, asked.jobs)
    left = [cell for cell in wanting(load(asked.root)) if cell not in failed]
    if failed:
        print(f"failed: {', '.join(failed)}")
    if left:
        print(f"still to record: {count(len(left), 'cell')}: {and_more(left, 5)}")
    if not failed and not left:
        print("every cell is recorded")
    return 1 if failed else 0
