"""On a terminal, how long a run still takes, where pytest says which chapter is running."""

import time
from typing import Any, Callable, Optional, Tuple

import pytest

EVERY = 10.0  # seconds between two lines


def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.isatty and config.option.verbose == 0:
        config.pluginmanager.register(Progress(reporter), "maskspec-progress")


class Progress:
    """Counts the cases that are done; says what is left when a chapter ends."""

    def __init__(self, reporter: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.reporter, self.clock = reporter, clock
        self.total = self.done = 0
        self.file = ""
        self.begun = self.said = 0.0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)
        self.begun = self.said = self.clock()

    def pytest_runtest_logstart(self, location: Tuple[str, Optional[int], str]) -> None:
        now = self.clock()
        if self.done and location[0] != self.file and now - self.said >= EVERY:
            left = (now - self.begun) / self.done * (self.total - self.done)
            self.reporter.ensure_newline()
            self.reporter.write_line(f"{self.done} of {self.total} cases, about {left:.0f} s left")
            self.said = now
        self.file = location[0]

    def pytest_runtest_logfinish(self) -> None:
        self.done += 1
