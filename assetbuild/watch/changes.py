"""Changes: events one by one from any thread become one batch, once it is quiet.

A file that was made and not closed yet is still being written: it counts when it is closed, or has not grown for a
while. A burst is longer than one save (format on save, ``git checkout``), so the more paths there are the longer it
must be quiet; while git holds its index, it is not done.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Pipe

from assetbuild.dataclass import dataclass

__all__ = ["Batch", "Changes"]

_MANY = 10
_MANY_TIMES = 4  # as long as after a single save
_AT_MOST_S = 2.0
_GIT_AT_MOST_S = 10.0
_WRITTEN_AFTER_S = 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """Paths that changed, each with whether a name came, went or moved there.

    ``everything`` may have changed when events were lost; ``recheck`` is the same after listening in a new place.
    """

    paths: dict[str, bool]
    everything: bool = False
    recheck: bool = False

    def __bool__(self) -> bool:
        """Return whether anything may have changed."""
        return bool(self.paths) or self.everything or self.recheck

    def __or__(self, other: Batch) -> Batch:
        """Return both as one."""
        paths = dict(self.paths)
        for path, structural in other.paths.items():
            paths[path] = structural or paths.get(path, False)
        return Batch(paths, self.everything or other.everything, self.recheck or other.recheck)


_NOTHING = Batch({})


class Changes:
    """Collects changes; ``ready`` becomes readable when a batch can be taken."""

    def __init__(self, quiet_s: float, is_held: Callable[[], bool] = lambda: False) -> None:
        """Wait until nothing happened for ``quiet_s``, and nobody holds the files back."""
        self.ready, self._wake = Pipe(duplex=False)
        self._quiet_s = quiet_s
        self._is_held = is_held
        self._guard = threading.Condition()
        self._coming = _NOTHING
        self._unwritten: dict[str, float] = {}
        self._settled = _NOTHING
        self._first = self._last = 0.0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="assetbuild-changes", daemon=True)
        self._thread.start()

    def add(self, path: str, *, structural: bool) -> None:
        """Take in one change."""
        self._come(Batch({path: structural}))

    def add_new(self, path: str) -> None:
        """Take in a file that was made, and may still be written."""
        try:
            status = os.lstat(path)
        except OSError:
            self.add(path, structural=True)
            return
        if status.st_nlink > 1 or not _is_young(status):
            self.add(path, structural=True)
            return
        with self._guard:
            self._unwritten[path] = time.monotonic() + _WRITTEN_AFTER_S
            self._guard.notify()

    def closed(self, path: str) -> None:
        """Take in a file that was written and closed."""
        with self._guard:
            structural = self._unwritten.pop(path, None) is not None
        self.add(path, structural=structural)

    def lose(self) -> None:
        """Note that events were lost: anything may have changed."""
        self._come(Batch({}, everything=True))

    def take(self) -> Batch:
        """Return what has changed since the last time."""
        with self._guard:
            taken, self._settled = self._settled, _NOTHING
            while self.ready.poll():
                self.ready.recv_bytes()
            return taken

    def close(self) -> None:
        """End the thread."""
        with self._guard:
            self._is_closed = True
            self._guard.notify()
        self._thread.join()
        self.ready.close()
        self._wake.close()

    def _come(self, batch: Batch) -> None:
        now = time.monotonic()
        with self._guard:
            if not self._coming:
                self._first = now
            self._last = now
            # In place: 100,000 events in a row must not copy what is there each time.
            if self._coming is _NOTHING:
                self._coming = Batch({})
            if batch.everything and not self._coming.everything:
                self._coming |= batch
            for path, structural in batch.paths.items():
                self._coming.paths[path] = structural or self._coming.paths.get(path, False)
            self._guard.notify()

    def _run(self) -> None:
        while True:
            with self._guard:
                wait_s = self._waits_for()
                if self._is_closed:
                    return
                if wait_s is None or wait_s > 0:
                    self._guard.wait(wait_s)
                    continue
                self._settle()

    def _waits_for(self) -> float | None:
        """Return how long it must still be quiet; None while there is nothing."""
        now = time.monotonic()
        waits: list[float] = []
        for path, until in list(self._unwritten.items()):
            if until <= now and not self._still_grows(path):
                del self._unwritten[path]
                if not self._coming:
                    self._first = now
                self._coming |= Batch({path: True})
            else:
                waits.append(max(until - now, 0.01))
        if self._coming:
            many = len(self._coming.paths) > _MANY
            until = min(self._last + self._quiet_s * (_MANY_TIMES if many else 1), self._first + _AT_MOST_S)
            if until <= now and now < self._first + _GIT_AT_MOST_S and self._is_held():
                until = now + self._quiet_s
            waits.append(until - now)
        return min(waits, default=None)

    def _still_grows(self, path: str) -> bool:
        try:
            is_young = _is_young(os.lstat(path))
        except OSError:
            return False
        if is_young:
            self._unwritten[path] = time.monotonic() + _WRITTEN_AFTER_S
        return is_young

    def _settle(self) -> None:
        if not self._coming:
            return
        if not self._settled:
            self._wake.send_bytes(b"1")
        self._settled |= self._coming
        self._coming = _NOTHING


def _is_young(status: os.stat_result) -> bool:
    return abs(time.time() - status.st_mtime) < _WRITTEN_AFTER_S
