"""Files that hold the values of many assets, such as the DuckDB file: when their stamp may be trusted.

Each publish moves the stamp of the whole file. After a run the new stamp is recorded, which says that *every*
value in the file is intact. So it is recorded only when the file was untouched by others before the run, or every
value in it was found intact by content, or is published anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetbuild.plan.planner import Facts, Planned
from assetbuild.store.io import IOManager, Place

if TYPE_CHECKING:
    from assetbuild.materialize.ledger import Ledger

__all__ = ["SharedFiles"]


class SharedFiles:
    """The shared files that a run publishes into."""

    def __init__(self, facts: Facts, planned: Planned) -> None:
        """Look at the files before anything is published."""
        self._published: dict[str, tuple[IOManager, Place]] = {}
        self._doubtful: set[str] = set()
        outputs = facts.outputs
        for pointer in facts.pointers.values():
            if pointer.object is None:
                continue
            manager = outputs.io_managers.get(pointer.io_manager)
            place = outputs.place(pointer.asset, pointer.partition, pointer.object)
            shared = manager.shared_stamp_path(place)
            if shared is None or outputs.shared.get(str(shared)) == manager.stamp(place):
                continue
            decision = planned.decisions.get(pointer.asset)
            is_published_anew = decision is not None and decision.action in {"run", "restore"}
            if not is_published_anew and outputs.state(pointer) != "intact":
                self._doubtful.add(str(shared))

    def published(self, manager: IOManager, place: Place) -> None:
        """Note that a value was published."""
        self._published[str(manager.shared_stamp_path(place))] = (manager, place)

    def close(self) -> None:
        """Close the files, so that their stamps come to rest."""
        for manager, _ in self._published.values():
            manager.close()

    def record(self, *, ledger: Ledger) -> None:
        """Record the new stamps of the files whose values are all accounted for."""
        for path, (manager, place) in self._published.items():
            stamp = manager.stamp(place)
            if stamp is not None and path not in self._doubtful:
                ledger.shared_stamp(path, stamp)
