"""Single keys from a terminal, without Enter and without echo."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty

__all__ = ["TerminalKeys", "keys_of_terminal"]


class TerminalKeys:
    """Reads single keys from stdin; something to wait on, and what was pressed."""

    def __init__(self) -> None:
        """Take the terminal out of line mode. Ctrl-C stays what it is."""
        self._descriptor = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSANOW)

    @property
    def ready(self) -> TerminalKeys:
        """What to wait on."""
        return self

    def fileno(self) -> int:
        """Return the file descriptor that becomes readable."""
        return self._descriptor

    def poll(self) -> bool:
        """Return whether a key was pressed."""
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def take(self) -> str:
        """Return the keys that were pressed."""
        try:
            return os.read(self._descriptor, 64).decode("ascii", "ignore").lower()
        except OSError:  # the terminal is gone
            return "q"

    def close(self) -> None:
        """Put the terminal back as it was."""
        termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)


def keys_of_terminal() -> TerminalKeys | None:
    """Return the keys of stdin, or None where it is no terminal or this process is in the background."""
    try:
        if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
            return None
        return TerminalKeys()
    except (OSError, ValueError, termios.error):
        return None
