"""What a terminal is told of a run that goes on."""

from types import SimpleNamespace

from maskspec.rendering.progress import Progress


class Reporter:
    def __init__(self):
        self.lines = []

    def ensure_newline(self):
        pass

    def write_line(self, line):
        self.lines.append(line)


def run(seconds_a_case):
    """The lines that four cases of two chapters bring."""
    time = [0.0]
    progress = Progress(Reporter(), lambda: time[0])
    progress.pytest_collection_finish(SimpleNamespace(items=[None] * 4))
    for file in ("a.py", "a.py", "b.py", "b.py"):
        progress.pytest_runtest_logstart((file, 1, "test"))
        time[0] += seconds_a_case
        progress.pytest_runtest_logfinish()
    return progress.reporter.lines


def test_what_is_left_is_told_when_a_chapter_ends():
    assert run(seconds_a_case=6) == ["2 of 4 cases, about 12 s left"]


def test_a_short_run_is_told_nothing():
    assert run(seconds_a_case=1) == []


def test_without_a_terminal_nothing_is_told(prepared):
    assert " s left" not in prepared.run().output
