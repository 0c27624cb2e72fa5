"""Ctrl-C: the first one asks the build to stop, the second one stops it now."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from assetbuild.materialize.channel import Channel, pipe

__all__ = ["Interrupt", "catching_interrupts"]


class Interrupt:
    """Whether the user asked to stop; ``signal`` becomes ready at that moment, to end a wait."""

    def __init__(self) -> None:
        """Begin without an interrupt."""
        self.signal, self._wake = pipe()
        tripped, self.tripwire = os.pipe()
        self._tripped = Channel(tripped)
        os.set_blocking(tripped, False)  # takes no keywords
        os.set_blocking(self.tripwire, False)
        self.listener = -1
        """Where signals were written to before."""
        self.requested = False
        self._is_raised = False
        self._once_more: threading.Timer | None = None

    def request(self) -> None:
        """Ask to stop; asking again ends the process at once."""
        if self._once_more is not None:
            self._once_more = None
            raise KeyboardInterrupt
        if self.requested:
            os._exit(130)
        self.requested = True
        self._wake.send_bytes(b"1")
        if self._is_raised:
            raise KeyboardInterrupt

    @contextmanager
    def raised_here(self) -> Iterator[None]:
        """Raise in the block when the user asks to stop, and end it: the user's function runs in this very thread."""
        before, sys.unraisablehook = sys.unraisablehook, self._look_at_unraisable
        self._is_raised = True
        try:
            yield
        except KeyboardInterrupt:
            if not self.requested:
                raise  # the function's own
        finally:
            self._is_raised = False
            sys.unraisablehook = before
            if self._once_more is not None:
                self._once_more.cancel()
                self._once_more = None

    def _look_at_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Raise once more what Python threw away, as it does in ``__del__`` and in weak references' callbacks."""
        if self.requested and isinstance(unraisable.exc_value, KeyboardInterrupt):
            # From another thread and a little later: raised in here it would be thrown away too.
            self._once_more = threading.Timer(0.01, _thread.interrupt_main)
            self._once_more.start()
        else:
            sys.__unraisablehook__(unraisable)

    @property
    def connections(self) -> list[Channel]:
        """What to wait on beside other things; ready for ever after a request, so that none is missed.

        Ask for it right before each wait.
        """
        # A signal that comes between this look and the wait runs no Python code before the wait is over. But
        # the interpreter's own handler writes into the pipe at once, and that ends the wait.
        self.pass_on()
        return [self.signal, self._tripped]

    def pass_on(self) -> None:
        """Give the numbers of the signals that came to who listened before."""
        with suppress(BlockingIOError):
            while numbers := os.read(self._tripped.fileno(), 512):
                if self.listener >= 0:
                    os.write(self.listener, numbers)

    def close(self) -> None:
        """Close the pipe."""
        self.signal.close()
        self._wake.close()
        self._tripped.close()
        os.close(self.tripwire)


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
    interrupt.listener = signal.set_wakeup_fd(interrupt.tripwire, warn_on_full_buffer=False)
    try:
        yield interrupt
    finally:
        signal.set_wakeup_fd(interrupt.listener)
        interrupt.pass_on()
        for number, handler in before.items():
            signal.signal(number, handler)
        interrupt.close()
