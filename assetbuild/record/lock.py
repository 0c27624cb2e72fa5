"""The locks of a project: who may build what, at the same time as whom. All are gone with the process that holds them.

    build.lock    flock; builders share it, ``gc``, ``clean`` and ``accept`` hold it alone
    assets.lock   one byte for each asset, and for each file with many values, locked while that is being built
    state.lock    flock; held while the state database is opened, made or replaced
    running/RUN   flock; held for as long as the run goes on, and removed at its end

So two builds go on side by side, and an asset that both want is built by one of them while the other waits. The
kernel drops the locks of a dead process: nobody ever has to unlock by hand. A byte's place is a hash of the name; that
two names share a byte costs a wait, never more.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import xxhash

from assetbuild.errors import BusyError, Problem, RecordError

__all__ = [
    "AssetLocks",
    "busy",
    "forget_dead_runs",
    "is_alive",
    "is_running",
    "opening_lock",
    "project_lock",
    "run_lock",
]

_PLACES = 1 << 40
_guard = threading.Lock()
_in_process: dict[str, threading.Lock] = {}
"""By state folder: held by the thread that builds there."""


@contextmanager
def project_lock(
    folder: Path, *, alone: bool, holder: Callable[[], str], wait: bool = True, on_wait: Callable[[str], None]
) -> Iterator[None]:
    """Hold the project's lock while the block runs, shared with other builders or ``alone``.

    ``holder`` names who else is at work, for the one who waits. Raises BusyError without ``wait``, and RecordError
    when the folder cannot be written. Threads of one process come one after the other.
    """
    with _alone_here(folder, wait=wait, on_wait=on_wait), _held(folder, alone, holder, wait, on_wait):
        yield


@contextmanager
def _alone_here(folder: Path, *, wait: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Let one thread of this process in at a time.

    The locks on assets are the process's and tell two of its threads nothing; worse, when one of them closes the file,
    the kernel drops those of the other.
    """
    with _guard:
        lock = _in_process.setdefault(os.path.realpath(folder), threading.Lock())
    if not lock.acquire(blocking=False):
        us = f"pid {os.getpid()}, another thread of this process"
        if not wait:
            raise BusyError(busy(us))
        on_wait(us)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _held(
    folder: Path,
    alone: bool,  # noqa: FBT001  # as said by ``project_lock``
    holder: Callable[[], str],
    wait: bool,  # noqa: FBT001
    on_wait: Callable[[str], None],
) -> Iterator[None]:
    descriptor = _opened(folder / "build.lock")
    try:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise BusyError(busy(holder())) from None
            on_wait(holder())
            fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def opening_lock(folder: Path) -> Iterator[None]:
    """Hold the lock under which the state database is opened; made by the first who does."""
    descriptor = _opened(folder / "state.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def busy(holder: str) -> Problem:
    """Return the problem of one who does not want to wait."""
    return Problem("another build is running in this project", (("holder", holder),), "Wait for it, or drop --no-wait.")


class AssetLocks:
    """The locks on single assets that one build holds."""

    # POSIX record locks belong to the process, so two builds in two threads of it would not see each other's.
    _held_here: set[tuple[str, int]] = set()  # noqa: RUF012  # shared on purpose
    _guard = threading.Lock()

    def __init__(self, folder: Path) -> None:
        """Open the lock file."""
        self._path = str(folder / "assets.lock")
        self._descriptor = _opened(folder / "assets.lock")

    def take(self, name: str) -> bool:
        """Take the lock of an asset if nobody else holds it; return whether it is ours now."""
        place = _place(name)
        with self._guard:
            if (self._path, place) in self._held_here:
                return False
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):
                return False
            self._held_here.add((self._path, place))
            return True

    def wait_for(self, name: str) -> None:
        """Take the lock of a shared file, however long another process holds it."""
        place = _place(name)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, place)
        with self._guard:
            self._held_here.add((self._path, place))

    def release(self, name: str) -> None:
        """Give a lock back."""
        place = _place(name)
        with self._guard:
            self._held_here.discard((self._path, place))
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        """Give all locks back."""
        with self._guard:
            self._held_here -= {held for held in self._held_here if held[0] == self._path}
            os.close(self._descriptor)


def _place(name: str) -> int:
    return xxhash.xxh3_64_intdigest(name.encode()) % _PLACES


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise RecordError(
            Problem(
                f"the project folder cannot be written: {error.strerror}",
                (("file", str(path)),),
                "Check the folder's permissions and the free space of the disk.",
            )
        ) from error


@contextmanager
def run_lock(folder: Path, run_id: str) -> Iterator[None]:
    """Let others see, while the block runs, that this run goes on."""
    path = folder / "running" / run_id
    descriptors: list[int] = []
    try:  # from here on: Ctrl-C may come as soon as the file is there
        while True:
            descriptors.append(_opened(path))
            fcntl.flock(descriptors[-1], fcntl.LOCK_EX)
            if path.exists():  # else taken for that of a dead run, in the moment before it was locked
                break
        yield
    finally:
        path.unlink(missing_ok=True)
        for descriptor in descriptors:
            os.close(descriptor)


def is_running(folder: Path, run_id: str) -> bool:
    """Return whether a run goes on. Its lock says so and not its process id, which a restarted container has again."""
    try:
        descriptor = os.open(folder / "running" / run_id, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def forget_dead_runs(folder: Path) -> int:
    """Remove what killed runs left of their locks, and return how many those were."""
    dead = 0
    for path in (folder / "running").iterdir():
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                dead += 1
            finally:
                os.close(descriptor)
    return dead


def is_alive(pid: int) -> bool:
    """Return whether a process with this number runs on this machine; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    try:
        with open(f"/proc/{pid}/stat", "rb") as said:
            return said.read().rpartition(b") ")[2][:1] not in {b"Z", b"X"}
    except OSError:  # no such folder on macOS
        return True
