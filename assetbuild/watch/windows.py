"""New keys: when the next window of a calendar is over, and which assets have a partition more then.

No file tells of it. The loop sleeps until the first of these moments, and owes what it touches as if it had changed.
The clock is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assetbuild.graph.model import Graph

if TYPE_CHECKING:
    from assetbuild.declare.partitions import WindowedPartitions

__all__ = ["NewKeys"]


class NewKeys:
    """The windows of the assets and sources of a graph, and when the next of each is over."""

    def __init__(self, graph: Graph, now: float) -> None:
        """Look at what has partitions by time and no end."""
        self._owners: dict[WindowedPartitions, set[str]] = {}
        named = [(key, asset.partitions) for key, asset in graph.assets.items()]
        named += [(key, source.partitions) for key, source in graph.sources.items()]
        for key, partitions in named:
            for definition in _windowed(partitions):
                self._owners.setdefault(definition, set()).add(key)
        self._next: dict[WindowedPartitions, float | None] = {}
        self.plan(now)

    def plan(self, now: float) -> None:
        """Say anew when each is over, such as after the clock was set back."""
        moment = datetime.fromtimestamp(now, UTC)
        self._next = {definition: definition.next_key_s(moment) for definition in self._owners}

    def next_at(self) -> float | None:
        """Return when the first of them is over; None when none ever is."""
        return min((at for at in self._next.values() if at is not None), default=None)

    def take(self, now: float) -> frozenset[str]:
        """Return the assets and sources that have a key more since this was asked last."""
        found = {definition for definition, at in self._next.items() if at is not None and at <= now}
        if found:
            self.plan(now)
        return frozenset().union(*(self._owners[definition] for definition in found))


def _windowed(partitions: Any) -> Iterator[WindowedPartitions]:
    """Yield a definition without an end, or those of its dimensions."""
    if hasattr(partitions, "next_key_s") and partitions.end is None:
        yield partitions
    for _, dimension in getattr(partitions, "dimensions", ()):
        yield from _windowed(dimension)
