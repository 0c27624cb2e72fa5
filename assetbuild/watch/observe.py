"""Observe: hear of changes from the operating system (watchdog), or look for them in intervals.

Events only say where to look: what a change means is decided by comparing contents. So it is no harm that an event
comes twice or without need, and what events may have lost (a full queue, a network file system, a file that is
mapped into memory) is found by a sweep now and then, which compares stamps.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import Any

from assetbuild.watch.changes import Changes
from assetbuild.watch.files import Stamps, Watched

__all__ = ["EventObserver", "Sweeper"]

_SWEEP_S = 30.0
_SWEEP_SHARE = 200  # a sweep may take this part of the time: half a percent


class EventObserver:
    """Hears of changes in folders from the operating system."""

    def __init__(self, changes: Changes) -> None:
        """Start to listen, to nothing yet."""
        from watchdog.observers import Observer  # noqa: PLC0415  # 30 ms, and polling does not need it

        self._changes = changes
        self.watched: Watched | None = None
        self._observer: Any = Observer()
        self._observer.start()
        self._armed: dict[str, tuple[Any, bool, tuple[int, int]]] = {}
        self._overflow = _Overflow(changes)
        for name in ("watchdog.observers.inotify", "watchdog.observers.inotify_c"):
            logger = logging.getLogger(name)
            logger.addHandler(self._overflow)
            logger.propagate = False

    def arm(self, watched: Watched) -> bool:
        """Listen where it is needed now; return whether some folder is another than before, and may have changed.

        Raises OSError when the system allows no more watches.
        """
        self.watched = watched
        wanted = watched.folders()
        for folder, (watch, recursive, identity) in list(self._armed.items()):
            if wanted.get(folder) != recursive or _identity(folder) != identity:
                del self._armed[folder]
                self._observer.unschedule(watch)
        is_new = False
        for folder, recursive in wanted.items():
            if folder in self._armed:
                continue
            identity = _identity(folder)
            try:
                watch = self._observer.schedule(
                    _Handler(self, self._changes), folder, recursive=recursive, event_filter=_event_types()
                )
            except OSError:
                if os.path.isdir(folder):
                    raise
                continue  # gone this moment; the folder above tells
            self._armed[folder] = (watch, recursive, identity)
            is_new = True
        return is_new

    @property
    def folders(self) -> int:
        """How many folders it listens in, not counting those below them."""
        return len(self._armed)

    def close(self) -> None:
        """Stop to listen."""
        self._observer.stop()
        self._observer.join()
        for name in ("watchdog.observers.inotify", "watchdog.observers.inotify_c"):
            logger = logging.getLogger(name)
            logger.removeHandler(self._overflow)
            logger.propagate = True


class _Handler:
    """What watchdog calls: asks what a path means, and passes on what means something."""

    def __init__(self, observer: EventObserver, changes: Changes) -> None:
        self._observer = observer
        self._changes = changes

    def dispatch(self, event: Any) -> None:
        watched = self._observer.watched
        if watched is None:
            return
        kind = event.event_type
        structural = kind not in {"closed", "modified"}
        for path in (event.src_path, event.dest_path):
            if not path:
                continue
            name = os.fsdecode(path)
            if not watched.meaning(name, structural=structural):
                continue
            if kind == "created" and not event.is_directory:
                self._changes.add_new(name)
            elif kind == "closed":
                self._changes.closed(name)
            else:
                self._changes.add(name, structural=structural)


class _Overflow(logging.Handler):
    """Hears from watchdog's log that events were lost; it has no event for it."""

    def __init__(self, changes: Changes) -> None:
        super().__init__(logging.WARNING)
        self._changes = changes

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._changes.lose()


class Sweeper:
    """Compares the stamps of all that is watched, in intervals."""

    def __init__(self, changes: Changes, interval_s: float | None) -> None:
        """Look every ``interval_s``; without one, rarely, beside an observer of events."""
        self._changes = changes
        self.interval_s = interval_s
        self._guard = threading.Condition()
        self.watched: Watched | None = None
        self._stamps: Stamps = {}
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="assetbuild-sweep", daemon=True)
        self._thread.start()

    def arm(self, watched: Watched) -> None:
        """Compare with how it is now, from now on; what was watched before, with how it was then."""
        stamps = watched.snapshot()
        with self._guard:
            stamps.update((path, stamp) for path, stamp in self._stamps.items() if path in stamps)
            self.watched, self._stamps = watched, stamps
            self._guard.notify()

    def close(self) -> None:
        """End the thread."""
        with self._guard:
            self._is_closed = True
            self._guard.notify()
        self._thread.join()

    def _run(self) -> None:
        due = 0.0
        took_s = 0.0
        while True:
            with self._guard:
                wait_s = self.interval_s or max(_SWEEP_S, took_s * _SWEEP_SHARE)
                if not self._is_closed:
                    self._guard.wait(wait_s if self.watched is None else max(due - time.monotonic(), 0.0))
                if self._is_closed:
                    return
                watched, before = self.watched, self._stamps
                if watched is None or time.monotonic() < due:
                    due = due or time.monotonic() + wait_s
                    continue
            began = time.monotonic()
            now = watched.snapshot()
            for path in watched.moved(before, now):
                if watched.meaning(path, structural=True):
                    self._changes.add(path, structural=True)
            with self._guard:
                if self.watched is watched:
                    self._stamps = now
            took_s = time.monotonic() - began
            due = time.monotonic() + (self.interval_s or max(_SWEEP_S, took_s * _SWEEP_SHARE))


def _event_types() -> list[type[Any]]:
    # Without a filter watchdog also asks for every opened file, and with thousands of folders its own scan then
    # overflows the queue for ever. A change of owner or permissions is none of the content.
    from watchdog import events  # noqa: PLC0415

    found: list[type[Any]] = [
        events.DirCreatedEvent,
        events.DirDeletedEvent,
        events.DirMovedEvent,
        events.FileClosedEvent,
        events.FileCreatedEvent,
        events.FileDeletedEvent,
        events.FileMovedEvent,
    ]
    if not sys.platform.startswith("linux"):  # elsewhere nothing tells that a file was closed
        found.append(events.FileModifiedEvent)
    return found


def _identity(folder: str) -> tuple[int, int]:
    try:
        status = os.stat(folder)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino
