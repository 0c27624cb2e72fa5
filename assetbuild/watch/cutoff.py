"""Cut off: what a running build is told when something happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["CutOff"]


class CutOff:
    """Ends the running work that has become obsolete; see ``materialize/cancel.py`` for who asks it."""

    def __init__(self, connections: list[Any], look: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """Listen on the connections, and ``look`` when one of them is ready."""
        self.connections = connections
        self.assets: frozenset[str] = frozenset()
        """What was found obsolete in this build."""
        self._look = look

    def obsolete(self, unfinished: Callable[[], frozenset[str]]) -> frozenset[str]:
        """Return which of the unfinished assets are to be cut off; mostly none."""
        if not any(connection.poll() for connection in self.connections):
            return frozenset()
        self.assets = self._look(unfinished())
        return self.assets
