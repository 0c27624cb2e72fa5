"""Wakeups: what else ends the loop's sleep, as something readable: signals, and threads that have news."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["Wakeups", "catching_signals"]


class Wakeups:
    """A pair of sockets: signals and ``wake`` write to one, the loop waits on the other."""

    def __init__(self) -> None:
        """Open both."""
        self.ready, self._wakes = socket.socketpair()
        for end in (self.ready, self._wakes):
            end.setblocking(False)  # noqa: FBT003  # takes no keywords

    def wake(self) -> None:
        """End the sleep; called from any thread."""
        with suppress(OSError):
            self._wakes.send(b"\0")

    def take(self) -> set[int]:
        """Return the numbers of the signals that came."""
        try:
            return set(self.ready.recv(4096)) - {0}
        except BlockingIOError:
            return set()

    def fileno(self) -> int:
        """Return the descriptor that signals are written to."""
        return self._wakes.fileno()

    def close(self) -> None:
        """Close both."""
        self.ready.close()
        self._wakes.close()


@contextmanager
def catching_signals() -> Iterator[Wakeups]:
    """Make SIGINT and SIGTERM readable while the block runs, also where a build has its own handlers for them.

    The second one interrupts whatever goes on, such as a module that takes for ever to import.
    """
    wakeups = Wakeups()
    came: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    descriptor = signal.set_wakeup_fd(wakeups.fileno(), warn_on_full_buffer=False)
    try:
        yield wakeups
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        wakeups.close()
