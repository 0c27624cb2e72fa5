"""Ctrl-C: the first one asks the build to stop, the second one stops it now."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from types import FrameType

__all__ = ["Interrupt", "catching_interrupts"]


class Interrupt:
    """Whether the user asked to stop; ``signal`` becomes ready at that moment, to end a wait."""

    def __init__(self) -> None:
        """Begin without an interrupt."""
        self.signal, self._wake = Pipe(duplex=False)
        self.requested = False
        self._is_raised = False

    def request(self) -> None:
        """Ask to stop; asking again ends the process at once."""
        if self.requested:
            os._exit(130)
        self.requested = True
        self._wake.send_bytes(b"1")
        if self._is_raised:
            raise KeyboardInterrupt

    @contextmanager
    def raised_here(self) -> Iterator[None]:
        """Raise in the block when the user asks to stop, and end it: the user's function runs in this very thread."""
        self._is_raised = True
        try:
            yield
        except KeyboardInterrupt:
            if not self.requested:
                raise  # the function's own
        finally:
            self._is_raised = False

    @property
    def connections(self) -> list[Connection]:
        """What to wait on beside other things; ready for ever after a request, so that none is missed."""
        return [self.signal]

    def close(self) -> None:
        """Close the pipe."""
        self.signal.close()
        self._wake.close()


@contextmanager
def catching_interrupts() -> Iterator[Interrupt]:
    """Turn SIGINT and SIGTERM into a request while the block runs; only the main thread can."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        interrupt.close()
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        interrupt.request()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        interrupt.close()
