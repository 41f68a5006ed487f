"""One child process a task, forked from this one, bounded in time and memory.

What a task does to its process ends with that process.
"""

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

CPU_S = 900  # thrice the CPU time of all tests; a fault that makes a loop endless ends here
WALL_S = 2400  # a fault that makes a process wait for itself ends here
MEMORY = 8 << 30  # bytes of data beyond what the parent holds

DIED = "the process dies"
HUNG = "the process does not end"


class Child(NamedTuple):
    task: Any
    pid: int
    pipe: int
    began: float
    got: List[bytes]


def each(
    tasks: Sequence[Any],
    work: Callable[[Any], Any],
    jobs: int,
    cpu_s: int = CPU_S,
    wall_s: int = WALL_S,
) -> Iterator[Tuple[Any, Any, float]]:
    """For each task, in the order in which they end: the task, what ``work`` returned, CPU seconds.

    ``work`` runs in a child and returns something that JSON can hold. In its place stand ``DIED``
    and ``HUNG``. An error in ``work`` is an error here.
    """
    waiting = list(reversed(tasks))
    running: Dict[int, Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                child = _start(waiting.pop(), work, cpu_s)
                running[child.pipe] = child
            ready, _, _ = select.select(list(running), [], [], 1.0)
            for pipe in ready:
                child = running[pipe]
                data = os.read(pipe, 1 << 16)
                child.got.append(data)
                if not data:
                    del running[pipe]
                    yield (child.task, *_end(child))
            for child in running.values():
                if time.monotonic() - child.began > wall_s:
                    os.kill(child.pid, signal.SIGKILL)
    finally:
        for child in running.values():
            os.kill(child.pid, signal.SIGKILL)
            _end(child)


def _start(task: Any, work: Callable[[Any], Any], cpu_s: int) -> Child:
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(task, pid, reading, time.monotonic(), [])
    try:
        os.close(reading)
        _bound(cpu_s)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        try:
            answer: Dict[str, Any] = {"answer": work(task)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writing, "w", encoding="utf-8") as file:
            json.dump(answer, file)
    finally:
        os._exit(0)


def _bound(cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    with open("/proc/self/status", encoding="ascii") as file:
        held = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end(child: Child) -> Tuple[Any, float]:
    os.close(child.pipe)
    _, status, used = os.wait4(child.pid, 0)
    cpu = used.ru_utime + used.ru_stime
    text = b"".join(child.got)
    if not text:
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return (HUNG if killed in (signal.SIGXCPU, signal.SIGKILL) else DIED), cpu
    said = json.loads(text.decode("utf-8"))
    if "error" in said:
        raise RuntimeError(f"{child.task}: {said['error']}")
    return said["answer"], cpu
