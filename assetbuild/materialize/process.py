"""One worker process as its parent sees it: how it is started, spoken to and ended."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.materialize.channel import Channel
from assetbuild.materialize.launch import Launched, take_early
from assetbuild.materialize.mailbox import Mailbox
from assetbuild.materialize.task import Task, WorkerSetup

__all__ = ["Given", "WorkerProcess", "start_worker"]

_REMEMBERED = 200
_LAST_MOMENT_S = 0.5


@dataclass(slots=True)
class Given:
    """A task as it was given, to give it once more to another worker; and when it must be done."""

    handle: Any
    task: Task
    timeout_s: float | None
    deadline: float | None = None
    since: float = 0.0

    def begin(self) -> None:
        """Start the clock: loading the project took no time of the asset's."""
        self.since = time.monotonic()
        self.deadline = None if self.timeout_s is None else self.since + self.timeout_s


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A process that runs one task at a time; or, with ``threads``, any number."""

    process: subprocess.Popen[bytes]
    pipe: Channel
    mailbox: Mailbox
    lifeline: int
    alive: int | None
    """A file descriptor that becomes ready when the process ends, on Linux."""
    threads: bool = False
    libraries: tuple[str, ...] = ()
    """What it imports while it waits for its setup."""
    given: dict[int, Given] = field(default_factory=dict)
    """The tasks that it has, by the number under which it answers."""
    ahead: Given | None = None
    """The task that it takes next, without being told."""
    is_used: bool = False
    recent: dict[str, None] = field(default_factory=dict)
    """The objects that it read or wrote last, and may still have in memory."""
    setups: int = 0
    loaded: int = 0
    """How many setups it was sent, and how many it has loaded."""
    _number: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether a new worker may do better if this one fails now: it has not yet taken over the new code."""
        return self.setups > max(self.loaded, 1)

    @property
    def descriptors(self) -> list[int]:
        """What to wait on. A death is seen by the process, not by its pipe: a child of its own may hold that open."""
        return [self.pipe.fileno()] if self.alive is None else [self.pipe.fileno(), self.alive]

    def set_up(self, setup: WorkerSetup) -> None:
        """Let it load the project, once more if it did."""
        self.is_used = False
        self.setups += 1
        self._send(setup)

    def give(self, given: Given) -> None:
        """Give it a task."""
        self._number += 1
        self.is_used = True
        given.since, given.deadline = time.monotonic(), None
        self.given[self._number] = given
        self.remember(ref.object for ref in given.task.inputs if ref.object)
        self._send((self._number, given.task))

    @property
    def can_look_ahead(self) -> bool:
        """Whether it would take one more task when it is done with the one that it has."""
        return (
            len(self.given) == 1
            and self.ahead is None
            and not self.threads
            and all(given.timeout_s is None for given in self.given.values())  # it may be killed, and the next with it
            and not self.mailbox
        )

    def give_ahead(self, given: Given) -> bool:
        """Let it take this task when it is done with the one that it has; return False when that cannot be."""
        if not self.mailbox.put(_pickled((self._number + 1, given.task))):
            return False
        self._number += 1
        self.ahead = given
        return True

    def begin_next(self) -> Given | None:
        """Note that it is done with a task, and goes on with the one that was given ahead."""
        begun, self.ahead = self.ahead, None
        if begun is not None:
            begun.since = time.monotonic()
            self.given[self._number] = begun
            self.remember(ref.object for ref in begun.task.inputs if ref.object)
        return begun

    def take_back(self) -> Given | None:
        """Take back the task that was given ahead, unless it has begun."""
        if self.ahead is None or self.mailbox.take() is None:
            return None
        taken, self.ahead = self.ahead, None
        return taken

    def _send(self, message: object) -> None:
        # That a dead worker cannot get it is seen when its answer is waited for.
        with suppress(ConnectionError):
            self.pipe.send_bytes(_pickled(message))

    def remember(self, objects: Iterable[str]) -> None:
        """Note what the worker had in its hands."""
        self.recent.update(dict.fromkeys(objects))
        while len(self.recent) > _REMEMBERED:
            del self.recent[next(iter(self.recent))]

    def fate(self) -> str:
        """Return how it ended, once its pipe is closed."""
        with suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it ends by itself
            self.process.wait(_LAST_MOMENT_S)
        returncode = self.process.returncode
        if returncode is None:
            return "it closed its pipe"
        if returncode >= 0:
            return f"exit code {returncode}"
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"

    def end(self) -> None:
        """End the worker and every process that it started; it takes some milliseconds to be gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it, and wait until it is gone."""
        self.end()
        self.process.wait()
        self.pipe.close()
        self.mailbox.close()
        os.close(self.lifeline)
        if self.alive is not None:
            os.close(self.alive)


def start_worker(
    environment: Mapping[str, str], *, threads: bool, libraries: Sequence[str] = (), has_all: bool = False
) -> WorkerProcess:
    """Start a process that waits for its setup, and imports these libraries meanwhile."""
    early = None if threads else take_early()
    if early is not None:
        worker = _worker(early)
        if early.environment == environment and early.process.poll() is None:
            return worker
        worker.kill()
    return _worker(Launched(environment, threads=threads, libraries=libraries, has_all=has_all))


def _worker(launched: Launched) -> WorkerProcess:
    process, pipe = launched.process, Channel(launched.pipe)
    alive = _watch(process.pid)
    return WorkerProcess(
        process, pipe, launched.mailbox, launched.lifeline, alive, launched.threads, launched.libraries
    )


def _pickled(message: object) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def _watch(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on macOS, nor on Linux before 5.3: the pipe has to say it
        return None
