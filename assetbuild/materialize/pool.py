"""Workers: warm processes that run tasks, or, with no jobs at all, the main process itself.

A worker is started when there is a task and nobody idle, and kept until the build ends. One that dies fails its
task, with the signal named, and is replaced.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from assetbuild.materialize.interrupt import Interrupt
from assetbuild.materialize.step import Runtime, run_task
from assetbuild.materialize.task import Began, Progress, Task, TaskResult, WorkerSetup

__all__ = ["InlinePool", "WorkerPool"]

_LAST_MOMENT_S = 0.5


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    lifeline: int
    alive: int | None
    """A file descriptor that becomes ready when the process ends, on Linux."""
    task: Any = None
    timeout_s: float | None = None
    deadline: float | None = None

    def kill(self) -> None:
        """End the worker and every process that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.pipe.close()
        os.close(self.lifeline)
        if self.alive is not None:
            os.close(self.alive)


class WorkerPool:
    """At most ``jobs`` worker processes."""

    def __init__(self, jobs: int, setup: WorkerSetup) -> None:
        """Start nothing yet."""
        self.jobs = jobs
        self.setup = setup
        self.has_killed = False
        """Whether a worker ended in the middle of a task, and may have left something half-written."""
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        """Return whether a task could start now."""
        return sum(worker.task is not None for worker in self._workers) < self.jobs

    @property
    def running(self) -> list[Any]:
        """The handles of the tasks that run."""
        return [worker.task for worker in self._workers if worker.task is not None]

    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None:
        """Give a task to an idle worker, or to a new one."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is not None and worker.process.poll() is not None:
            self._workers.remove(worker)
            worker.kill()
            worker = None
        worker = worker or self._spawn()
        worker.task = handle
        worker.deadline = None
        worker.timeout_s = timeout_s
        with suppress(ConnectionError):  # it died this moment, and ``wait`` will say so
            worker.pipe.send(task)

    def wait(self, others: list[Connection], timeout_s: float | None) -> Iterator[tuple[Any, TaskResult | Progress]]:
        """Wait until something happens, here or on one of ``others``, and yield what the workers said."""
        busy = [worker for worker in self._workers if worker.task is not None]
        limits = [worker.deadline - time.monotonic() for worker in busy if worker.deadline is not None]
        if timeout_s is not None:
            limits.append(timeout_s)
        # A worker's death is seen by its process, not by its pipe: a child of its own may hold that open.
        watched = [watch for worker in busy for watch in (worker.pipe, worker.alive) if watch is not None]
        ready = wait([*watched, *others], max(min(limits), 0) if limits else None)
        for worker in busy:
            handle = worker.task
            if worker.pipe in ready or worker.alive in ready:
                said = self._said(worker)
                if said is not None:
                    yield handle, said
            elif worker.deadline is not None and time.monotonic() >= worker.deadline:
                self._end(worker)
                yield handle, TaskResult(0.0, error="timeout")

    def _said(self, worker: _Worker) -> TaskResult | Progress | None:
        try:
            if not worker.pipe.poll():
                raise EOFError  # noqa: TRY301  # dead, and its pipe held open by a child
            said: TaskResult | Progress | Began = worker.pipe.recv()
        except (EOFError, OSError):  # an OSError when it died in the middle of a message
            with suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it ends by itself
                worker.process.wait(_LAST_MOMENT_S)
            self._end(worker)
            return TaskResult(0.0, error=f"the worker process died: {_fate(worker.process.returncode)}")
        if isinstance(said, Began):  # loading the project took no time of the asset's
            worker.deadline = None if worker.timeout_s is None else time.monotonic() + worker.timeout_s
            return None
        if isinstance(said, TaskResult):
            worker.task = None
            worker.deadline = None
        return said

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self.has_killed = True
        worker.kill()

    def _spawn(self) -> _Worker:
        ours, theirs = Pipe()
        lifeline_read, lifeline = os.pipe()
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "assetbuild.materialize.worker", str(theirs.fileno()), str(lifeline_read)],
            pass_fds=(theirs.fileno(), lifeline_read),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        os.close(lifeline_read)
        worker = _Worker(process, ours, lifeline, _watch(process.pid))
        self._workers.append(worker)
        with suppress(ConnectionError):
            ours.send(self.setup)
        return worker

    def close(self) -> None:
        """End all workers, whatever they do."""
        for worker in self._workers:
            self.has_killed |= worker.task is not None
            worker.kill()
        self._workers.clear()


class InlinePool:
    """Runs each task in the main process at once, so that ``breakpoint()`` works."""

    jobs = 1
    has_killed = False

    def __init__(self, runtime: Runtime, interrupt: Interrupt) -> None:
        """Take the project as the main process loaded it."""
        self.runtime = runtime
        self.interrupt = interrupt
        self._done: list[tuple[Any, TaskResult]] = []

    def has_room(self) -> bool:
        """Return whether a task could start now."""
        return not self._done

    @property
    def running(self) -> list[Any]:
        """The handles of the tasks whose results wait."""
        return [handle for handle, _ in self._done]

    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None:  # noqa: ARG002  # nobody can stop this process
        """Run the task now."""
        with self.interrupt.raised_here(), _surroundings(self.runtime.settings.root):
            result = run_task(task, self.runtime)
            if not self.interrupt.requested:
                self._done.append((handle, result))

    def wait(self, others: list[Connection], timeout_s: float | None) -> Iterator[tuple[Any, TaskResult | Progress]]:
        """Yield the results that are there; wait for ``others`` only when there are none."""
        if not self._done:
            wait(others, timeout_s)
        while self._done:
            yield self._done.pop(0)

    def close(self) -> None:
        """Do nothing: there is no process to end."""


@contextmanager
def _surroundings(path: Path) -> Iterator[None]:
    """Work in the project's folder, and put back folder and environment as they were."""
    folder, environment = os.getcwd(), dict(os.environ)
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(folder)
        restore_environment(environment)


def restore_environment(environment: dict[str, str]) -> None:
    """Put back the environment: what one asset sets must not reach the next, which may run elsewhere next time."""
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)


def _watch(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on macOS, nor on Linux before 5.3: the pipe has to say it
        return None


def _fate(returncode: int | None) -> str:
    if returncode is None:
        return "it closed its pipe"
    if returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exit code {returncode}"
