"""Order: assets after what they read, the same on every machine; cycles are reported, the way that data would go."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping

from assetbuild.declare.definitions import Origin
from assetbuild.graph.model import Asset, AssetInput

__all__ = ["Order"]


class Order:
    """The assets of a graph by key, to be put in order."""

    def __init__(
        self, assets: Mapping[str, Asset], problem: Callable[..., None], shown_place: Callable[[Origin], str]
    ) -> None:
        """Take the assets; ``problem`` takes a headline, an origin, facts and an advice."""
        self.assets = assets
        self.problem = problem
        self.shown_place = shown_place

    def sorted(self) -> list[Asset]:
        """Return each asset after all that it reads, and report cycles."""
        assets = self.assets
        # Kahn's algorithm with a heap: among the assets that could come next, the smallest key does.
        # An asset may read earlier partitions of its own.
        waiting = {
            key: {edge.key for edge in asset.inputs if edge.key in assets and not _is_own(asset, edge)}
            for key, asset in assets.items()
        }
        downstream: dict[str, list[str]] = defaultdict(list)
        for key, upstream in waiting.items():
            for up in upstream:
                downstream[up].append(key)
        ready = [key for key, upstream in waiting.items() if not upstream]
        heapq.heapify(ready)
        order: list[Asset] = []
        while ready:
            key = heapq.heappop(ready)
            order.append(assets[key])
            for down in downstream[key]:
                waiting[down].discard(key)
                if not waiting[down]:
                    heapq.heappush(ready, down)
        if len(order) < len(assets):
            done = {asset.key for asset in order}
            self._report_cycles({key: upstream for key, upstream in waiting.items() if key not in done})
        return order

    def _report_cycles(self, waiting: dict[str, set[str]]) -> None:
        assets = self.assets
        reported: set[str] = set()
        for start in sorted(waiting):
            if start in reported:
                continue
            trail: list[str] = []
            at = start
            while at not in trail and at not in reported:
                trail.append(at)
                at = min(waiting[at])
            if at in reported:
                reported.update(trail)
                continue
            cycle = trail[trail.index(at) :]
            reported.update(trail)
            low = cycle.index(min(cycle))
            cycle = cycle[low:] + cycle[:low]
            # Each waits for the next, so data flows the other way round.
            flow = " -> ".join([cycle[0], *reversed(cycle[1:]), cycle[0]])
            self.problem(
                "assets depend on themselves",
                assets[cycle[0]].origin,
                ("cycle", flow),
                *(("through", f"{key} at {self.shown_place(assets[key].origin)}") for key in cycle),
                advice="Break the cycle by dropping one of these dependencies.",
            )


def _is_own(asset: Asset, edge: AssetInput) -> bool:
    return edge.key == asset.key and edge.mapping is not None
