"""Keep what a user's function prints in one thread out of the watcher's own output.

``sys.stdout`` belongs to the process: a stream is put in its place that looks which thread writes. It is there only
while functions run.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Prints"]

_guard = threading.Lock()


class _Shared:
    """A stream that gives the text of some threads to their keepers, and the rest to the stream that was there."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.keepers: dict[int, Callable[[str], None]] = {}
        self.users = 0

    def write(self, text: str) -> int:
        keep = self.keepers.get(threading.get_ident())
        if keep is None:
            return int(self.stream.write(text) or 0)
        keep(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Prints:
    """One function whose prints are kept: made by the one who starts its thread, begun and ended within it."""

    def __init__(self) -> None:
        """Put the shared stream in place, if it is not."""
        with _guard:
            if not isinstance(sys.stdout, _Shared):
                sys.stdout = _Shared(sys.stdout)
            self._shared = sys.stdout
            self._shared.users += 1

    def begin(self, keep: Callable[[str], None]) -> None:
        """Give what this thread prints to ``keep``."""
        self._shared.keepers[threading.get_ident()] = keep

    def end(self) -> None:
        """Stop keeping; the last one puts the stream back that was there."""
        with _guard:
            self._shared.keepers.pop(threading.get_ident(), None)
            self._shared.users -= 1
            if not self._shared.users and sys.stdout is self._shared:
                sys.stdout = self._shared.stream
