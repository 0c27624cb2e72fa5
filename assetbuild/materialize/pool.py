"""Workers: warm processes that run tasks.

A worker is started when there is a task and nobody idle, and kept until the pool is closed: at the end of the build,
or by a caller that keeps the pool for the next build. One that dies fails its task, with the signal named, and is
replaced.

A worker that lives on loads the project again after each build, while it has nothing to do, and when the code has
changed: whatever its modules hold, such as a cache of what a file said, is as in a new process. One that is not sure
to be as good as new says so, and a new one takes its place and its task.
"""

from __future__ import annotations

import math
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from typing import Any

from assetbuild.materialize.renewal import sets_elsewhere
from assetbuild.materialize.task import Began, Progress, Ready, Task, TaskResult, Unfit, WorkerSetup

__all__ = ["WorkerPool"]

_LAST_MOMENT_S = 0.5
_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class _Given:
    """A task as it was given, to give it once more to another worker."""

    handle: Any
    task: Task
    timeout_s: float | None


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    lifeline: int
    alive: int | None
    """A file descriptor that becomes ready when the process ends, on Linux."""
    given: _Given | None = None
    deadline: float | None = None
    is_used: bool = False
    recent: dict[str, None] = field(default_factory=dict)
    """The objects that it read or wrote last, and may still have in memory."""
    setups: int = 0
    loaded: int = 0
    """How many setups it was sent, and how many it has loaded."""

    @property
    def is_doubtful(self) -> bool:
        """Whether a new worker may do better if this one fails now: it has not yet taken over the new code."""
        return self.setups > max(self.loaded, 1)

    def send(self, message: Task | WorkerSetup) -> None:
        """Send a message; that a dead worker cannot get it is seen when its answer is waited for."""
        self.setups += isinstance(message, WorkerSetup)
        with suppress(ConnectionError):
            self.pipe.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def remember(self, objects: Iterable[str]) -> None:
        """Note what the worker had in its hands."""
        self.recent.update(dict.fromkeys(objects))
        while len(self.recent) > _REMEMBERED:
            del self.recent[next(iter(self.recent))]

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

    def __init__(self, jobs: int, setup: WorkerSetup | None = None, *, lives_on: bool = True) -> None:
        """Start nothing yet. Without a setup, ``renew`` has to bring one before the first task.

        ``lives_on`` says whether there may be another build after the first.
        """
        self.jobs = jobs
        self._lives_on = lives_on
        self.setup = setup
        self.has_killed = False
        """Whether a worker ended in the middle of a task, and may have left something half-written."""
        self._loaded: object = None
        # The project's modules may set variables where they are loaded, and the main process loads them too.
        self._environment = dict(os.environ)
        self._workers: list[_Worker] = []

    def warm(self, count: int | None = None) -> None:
        """Start workers ahead, so that they load the project while nothing runs yet; all of them unless said."""
        for _ in range(len(self._workers), min(self.jobs, self.jobs if count is None else count)):
            self._spawn()

    def renew(self, setup: WorkerSetup, loaded: object = None) -> None:
        """Begin another build: from now on workers run this code.

        ``loaded`` is what the main process loaded, the graph say. Another object means that it loaded the project
        again, which workers then do as well, for a reason that the bytes of the modules do not show.
        """
        self.has_killed = False
        before, self.setup = self.setup, setup
        is_new = setup != before or loaded is not self._loaded
        self._loaded = loaded
        if is_new:
            self._load_again(self._workers, before)

    def refresh(self) -> None:
        """End a build: what has run something is made as new, while there is nothing to do."""
        self.release()
        if self._lives_on:
            self._load_again([worker for worker in self._workers if worker.is_used], self.setup)

    def _load_again(self, workers: list[_Worker], before: WorkerSetup | None) -> None:
        must_end = before is not None and sets_elsewhere(before.bundle)
        for worker in list(workers):
            if must_end:
                self._remove(worker)
                self._spawn()
            elif self.setup is not None:
                worker.is_used = False
                worker.send(self.setup)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def has_room(self) -> bool:
        """Return whether a task could start now."""
        return sum(worker.given is not None for worker in self._workers) < self.jobs

    @property
    def running(self) -> list[Any]:
        """The handles of the tasks that run."""
        return [worker.given.handle for worker in self._workers if worker.given is not None]

    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None:
        """Give a task to an idle worker, or to a new one."""
        idle = [worker for worker in self._workers if worker.given is None]
        needed = [given.object for given in task.inputs]
        worker = max(idle, key=lambda worker: sum(name in worker.recent for name in needed), default=None)
        if worker is not None and worker.process.poll() is not None:
            self._remove(worker)
            worker = None
        _give(worker or self._spawn(), _Given(handle, task, timeout_s))

    def wait(self, others: list[Connection], timeout_s: float | None) -> Iterator[tuple[Any, TaskResult | Progress]]:
        """Wait until something happens, here or on one of ``others``, and yield what the workers said."""
        busy = [worker for worker in self._workers if worker.given is not None]
        limits = [worker.deadline - time.monotonic() for worker in busy if worker.deadline is not None]
        if timeout_s is not None:
            limits.append(timeout_s)
        # A worker's death is seen by its process, not by its pipe: a child of its own may hold that open.
        watched = [watch for worker in busy for watch in (worker.pipe.fileno(), worker.alive) if watch is not None]
        watched += [other.fileno() for other in others]
        ready = _ready(watched, max(min(limits), 0) if limits else None)
        for worker in busy:
            assert worker.given is not None  # noqa: S101  # it is busy
            handle = worker.given.handle
            if worker.pipe.fileno() in ready or worker.alive in ready:
                said = self._said(worker, worker.pipe.fileno() in ready)
                if said is not None:
                    yield handle, said
            elif worker.deadline is not None and time.monotonic() >= worker.deadline:
                self._end(worker)
                yield handle, TaskResult(0.0, error="timeout")

    def _said(self, worker: _Worker, has_message: bool) -> TaskResult | Progress | None:  # noqa: FBT001  # internal
        try:
            if not (has_message or worker.pipe.poll()):
                raise EOFError  # noqa: TRY301  # dead, and its pipe held open by a child
            said: TaskResult | Progress | Began | Ready | Unfit = pickle.loads(worker.pipe.recv_bytes())  # noqa: S301  # our own process
        except (EOFError, OSError):  # an OSError when it died in the middle of a message
            with suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it ends by itself
                worker.process.wait(_LAST_MOMENT_S)
            if worker.is_doubtful:
                self._replace(worker)
                return None
            self._end(worker)
            return TaskResult(0.0, error=f"the worker process died: {_fate(worker.process.returncode)}")
        if isinstance(said, Unfit):
            if worker.is_doubtful:
                self._replace(worker)
                return None
            self._remove(worker)
            return TaskResult(0.0, error=f"the worker cannot load the project: {said.reason}")
        if isinstance(said, Ready):
            worker.loaded += 1
            return None
        if isinstance(said, Began):  # loading the project took no time of the asset's
            timeout_s = worker.given.timeout_s if worker.given is not None else None
            worker.deadline = None if timeout_s is None else time.monotonic() + timeout_s
            return None
        if isinstance(said, TaskResult):
            worker.given = None
            worker.deadline = None
            worker.remember(output.object for output in said.outputs.values() if output.object is not None)
        return said

    def _replace(self, worker: _Worker) -> None:
        """Let a new worker do what this one was given and has not begun: it could not take over the new code."""
        given = worker.given
        self._remove(worker)
        if given is not None:
            _give(self._spawn(), given)

    def _end(self, worker: _Worker) -> None:
        self.has_killed = True
        self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()

    def _spawn(self) -> _Worker:
        ours, theirs = Pipe()
        lifeline_read, lifeline = os.pipe()
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "assetbuild.materialize.worker", str(theirs.fileno()), str(lifeline_read)],
            pass_fds=(theirs.fileno(), lifeline_read),
            stdin=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        theirs.close()
        os.close(lifeline_read)
        worker = _Worker(process, ours, lifeline, _watch(process.pid))
        self._workers.append(worker)
        if self.setup is not None:
            worker.send(self.setup)
        return worker

    def cancel(self, handle: Any) -> None:
        """End the worker that has this task."""
        for worker in list(self._workers):
            if worker.given is not None and worker.given.handle is handle:
                self._end(worker)

    def release(self) -> None:
        """End the workers that are in the middle of a task, whatever they do; the others stay for the next build."""
        for worker in [worker for worker in self._workers if worker.given is not None]:
            self._end(worker)

    def close(self) -> None:
        """End all workers."""
        self.release()
        for worker in list(self._workers):
            self._remove(worker)


def _give(worker: _Worker, given: _Given) -> None:
    worker.given = given
    worker.is_used = True
    worker.remember(ref.object for ref in given.task.inputs if ref.object)
    worker.deadline = None
    worker.send(given.task)


def _ready(descriptors: Iterable[int], timeout_s: float | None) -> set[int]:
    """Return which descriptors can be read, or are closed. multiprocessing's ``wait`` takes five times as long."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))}


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
