"""Workers: warm processes that run tasks.

A worker is started when there is a task and nobody idle, and kept until the pool is closed: at the end of the build,
or by a caller that keeps the pool for the next build. One that dies fails its task, with the signal named, and is
replaced. Assets that ask for a thread share one more process, which runs any number of them at once.

A worker that lives on loads the project again after each build, while it has nothing to do, and when the code has
changed: whatever its modules hold, such as a cache of what a file said, is as in a new process. One that is not sure
to be as good as new says so, and a new one takes its place and its task.
"""

from __future__ import annotations

import math
import os
import pickle
import select
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from assetbuild.load.outlook import hides
from assetbuild.materialize.cancel import Waitable
from assetbuild.materialize.process import Given, WorkerProcess, start_worker
from assetbuild.materialize.renewal import sets_elsewhere
from assetbuild.materialize.task import Began, Progress, Ready, Secrets, Task, TaskResult, Unfit, WorkerSetup

__all__ = ["WorkerPool"]

Said = tuple[Any, TaskResult | Progress | Began | Secrets]


class WorkerPool:
    """At most ``jobs`` tasks at a time, in as many worker processes, and one more for threads."""

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
        self._workers: list[WorkerProcess] = []

    def warm(self, count: int | None = None, libraries: Sequence[str] = (), *, has_all: bool = False) -> None:
        """Start workers ahead, so that they load the project while nothing runs yet; all of them unless said.

        Before there is a setup they import these libraries, which the project will most likely need; or which are
        all that its modules import.
        """
        for _ in range(len(self._workers), min(self.jobs, self.jobs if count is None else count)):
            self._spawn(libraries=libraries, has_all=has_all)

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
            return
        for worker in self._workers:
            worker.end()

    def _load_again(self, workers: list[WorkerProcess], before: WorkerSetup | None) -> None:
        must_end = before is not None and sets_elsewhere(before.bundle)
        for worker in list(workers):
            if must_end or (self.setup is not None and hides(worker.libraries, self.setup.bundle)):
                self._remove(worker)
                self._spawn(threads=worker.threads)
            elif self.setup is not None:
                worker.set_up(self.setup)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def has_room(self) -> bool:
        """Return whether a task could start now."""
        return sum(len(worker.given) for worker in self._workers) < self.jobs

    @property
    def running(self) -> list[Any]:
        """The handles of the tasks that run."""
        return [given.handle for worker in self._workers for given in worker.given.values()]

    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None:
        """Give a task to an idle worker, to the one for threads, or to a new one."""
        free = [each for each in self._workers if each.threads == task.in_thread and (each.threads or not each.given)]
        worker = max(free, key=lambda each: _known(each, task), default=None)
        if worker is not None and not worker.given and worker.process.poll() is not None:
            self._remove(worker)
            worker = None
        (worker or self._spawn(threads=task.in_thread)).give(Given(handle, task, timeout_s))

    def has_room_ahead(self) -> bool:
        """Return whether a worker would take a task for when it is done with the one that it has."""
        return any(worker.can_look_ahead for worker in self._workers)

    def start_ahead(self, handle: Any, task: Task) -> bool:
        """Give a task to a busy worker for afterwards; return False when none takes it. It has no timeout."""
        able = [worker for worker in self._workers if worker.can_look_ahead]
        worker = max(able, key=lambda each: _known(each, task), default=None)
        return worker is not None and worker.give_ahead(Given(handle, task, None))

    def share_out(self) -> list[Any]:
        """Give idle workers what waits behind busy ones; return the handles of what begins by that."""
        begun: list[Any] = []
        for worker in list(self._workers):
            if self.has_room() and (given := worker.take_back()) is not None:
                self.start(given.handle, given.task, None)
                begun.append(given.handle)
        return begun

    def take_back(self) -> list[Any]:
        """Take back what was given ahead and has not begun; return its handles."""
        taken = [worker.take_back() for worker in self._workers]
        return [given.handle for given in taken if given is not None]

    def wait(self, others: Sequence[Waitable], timeout_s: float | None) -> Iterator[Said]:
        """Wait until something happens, here or on one of ``others``, and yield what the workers said."""
        busy = [worker for worker in self._workers if worker.given]
        deadlines = [given.deadline for worker in busy for given in worker.given.values() if given.deadline is not None]
        limits = [deadline - time.monotonic() for deadline in deadlines]
        if timeout_s is not None:
            limits.append(timeout_s)
        watched = [descriptor for worker in busy for descriptor in worker.descriptors]
        ready = _ready([*watched, *(other.fileno() for other in others)], max(min(limits), 0) if limits else None)
        for worker in busy:
            if not ready.isdisjoint(worker.descriptors):
                yield from self._heard(worker, has_message=worker.pipe.fileno() in ready)
            elif deadlines and any(_is_late(given) for given in worker.given.values()):
                yield from self._end(worker, "timeout")

    def _heard(self, worker: WorkerProcess, *, has_message: bool) -> list[Said]:
        try:
            if not (has_message or worker.pipe.poll()):
                raise EOFError  # noqa: TRY301  # dead, and its pipe held open by a child
            number, said = pickle.loads(worker.pipe.recv_bytes())  # noqa: S301  # our own process
        except (EOFError, OSError):  # an OSError when it died in the middle of a message
            if worker.is_doubtful:
                return self._replace(worker)
            return self._end(worker, f"the worker process died: {worker.fate()}")
        if isinstance(said, Unfit):
            if worker.is_doubtful:
                return self._replace(worker)
            return self._end(worker, f"the worker cannot load the project: {said.reason}")
        if isinstance(said, Ready):
            worker.loaded += 1
            for given in worker.given.values():
                given.since = time.monotonic()
            return []
        given = worker.given[number]
        if isinstance(said, Began):
            given.begin()
            return []
        if isinstance(said, TaskResult):
            del worker.given[number]
            worker.remember(output.object for output in said.outputs.values() if output.object is not None)
            # After a failure it leaves the next one alone: that may not be wanted any more.
            if said.error is None and (begun := worker.begin_next()) is not None:
                return [(given.handle, said), (begun.handle, Began())]
        return [(given.handle, said)]

    def _replace(self, worker: WorkerProcess) -> list[Said]:
        """Let a new worker do what this one was given and has not begun: it could not take over the new code."""
        self._remove(worker)
        if worker.given:
            new = self._spawn(threads=worker.threads)
            for given in worker.given.values():
                new.give(given)
            if worker.ahead is not None:
                new.give_ahead(worker.ahead)
        return []

    def _end(self, worker: WorkerProcess, error: str) -> list[Said]:
        """End a worker, and return how its tasks ended by that."""
        self.has_killed |= bool(worker.given)
        waited = worker.take_back()
        worker.begin_next()  # it had been begun when it could not be taken back
        self._remove(worker)
        beside = [given.task.asset for given in worker.given.values()]
        if len(beside) > 1:
            error += f"; in it ran, in threads, {', '.join(sorted(beside))}"
        now = time.monotonic()
        ended: list[Said] = [
            (given.handle, TaskResult(now - given.since, error=error, is_own=False)) for given in worker.given.values()
        ]
        if waited is not None:
            self.start(waited.handle, waited.task, None)
            ended.append((waited.handle, Began()))
        return ended

    def _remove(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        worker.kill()

    def _spawn(self, *, threads: bool = False, libraries: Sequence[str] = (), has_all: bool = False) -> WorkerProcess:
        worker = start_worker(self._environment, threads=threads, libraries=libraries, has_all=has_all)
        if self.setup is not None and hides(worker.libraries, self.setup.bundle):
            worker.kill()
            worker = start_worker(self._environment, threads=threads)
        self._workers.append(worker)
        if self.setup is not None:
            worker.set_up(self.setup)
        return worker

    def cancel(self, handle: Any) -> None:
        """End the worker that has this task; what runs beside it in threads begins anew."""
        for worker in list(self._workers):
            rest = [given for given in worker.given.values() if given.handle is not handle]
            if len(rest) < len(worker.given):
                self._end(worker, "")
                for given in rest:
                    self.start(given.handle, given.task, given.timeout_s)

    def release(self) -> None:
        """End the workers that are in the middle of a task, whatever they do; the others stay for the next build."""
        self.take_back()
        for worker in [worker for worker in self._workers if worker.given]:
            self._end(worker, "")

    def close(self) -> None:
        """End all workers."""
        self.release()
        for worker in list(self._workers):
            self._remove(worker)


def _known(worker: WorkerProcess, task: Task) -> int:
    """Return how many of a task's inputs a worker may still have in memory."""
    return sum(given.object in worker.recent for given in task.inputs)


def _is_late(given: Given) -> bool:
    return given.deadline is not None and time.monotonic() >= given.deadline


def _ready(descriptors: Iterable[int], timeout_s: float | None) -> set[int]:
    """Return which descriptors can be read, or are closed. multiprocessing's ``wait`` takes five times as long."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))}
