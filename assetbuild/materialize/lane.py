"""The publishing lane: one thread that publishes objects, one after the other.

It carries restores, which copy files, and the IO managers with one shared file: a DuckDB file has one writer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from assetbuild.errors import AssetbuildError
from assetbuild.materialize.channel import pipe

__all__ = ["Lane"]


class Lane:
    """Runs callables in order in one thread; ``results`` are read in the main thread when ``signal`` is ready."""

    def __init__(self) -> None:
        """Start nothing yet: the thread begins with the first callable."""
        self.signal, self._wake = pipe()
        # An executor of the standard library imports logging, which takes longer than an edited asset's plan.
        self._thread: threading.Thread | None = None
        self._queue: SimpleQueue[tuple[Any, Callable[[], Any]] | None] = SimpleQueue()
        self._results: list[tuple[Any, Any]] = []
        self.waiting = 0

    def put(self, handle: Any, work: Callable[[], Any]) -> None:
        """Queue a callable; its value, or the AssetbuildError that it raised, comes back with ``handle``."""
        self.waiting += 1
        self._queue.put((handle, work))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="assetbuild-lane", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (given := self._queue.get()) is not None:
            handle, work = given
            self._results.append((handle, _attempt(work)))
            self._wake.send_bytes(b"1")

    def results(self) -> list[tuple[Any, Any]]:
        """Return what is done."""
        found: list[tuple[Any, Any]] = []
        while self.waiting and self.signal.poll():
            self.signal.recv_bytes()
            found.append(self._results.pop(0))
            self.waiting -= 1
        return found

    def finish(self) -> None:
        """Finish what is queued; the results can still be read."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def close(self) -> None:
        """Close the pipe."""
        self.signal.close()
        self._wake.close()


def _attempt(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except AssetbuildError as error:
        return error
    except Exception as error:  # noqa: BLE001  # a user's IO manager may raise anything; it fails one asset
        return AssetbuildError(f"{type(error).__name__}: {error}")
