"""Cut off: what a running build is told when something happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection

__all__ = ["CutOff"]


class CutOff:
    """Ends the running work that has become obsolete; see ``materialize/cancel.py`` for who asks it."""

    def __init__(self, connections: list[Connection], look: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """Listen on the connections, and ``look`` when one of them is ready."""
        self.connections = connections
        self._look = look

    def obsolete(self, unfinished: Callable[[], frozenset[str]]) -> frozenset[str]:
        """Return which of the unfinished assets are to be cut off; mostly none."""
        if not any(connection.poll() for connection in self.connections):
            return frozenset()
        return self._look(unfinished())
