"""Files that hold the values of many assets, such as the DuckDB file: one writer, and when their stamp may be trusted.

A batch of publishes opens the file, and the end of the batch closes it, so that other builds get their turn. Each batch
moves the stamp of the whole file; the new stamp is recorded, and that says that *every* value in the file is intact.
So it is recorded only when the file was untouched by others before the batch, or when every value in it was found
intact by content. All of this runs in the lane's thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assetbuild.plan.planner import Facts, Planned
from assetbuild.record.lock import AssetLocks
from assetbuild.record.state import Record
from assetbuild.store.io import IOManager, Place

__all__ = ["SharedFiles"]


@dataclass(slots=True)
class _Open:
    manager: IOManager
    place: Place
    is_trusted: bool


class SharedFiles:
    """The shared files that a build publishes into."""

    def __init__(self, facts: Facts, planned: Planned, locks: AssetLocks) -> None:
        """Look, before anything is published, which files are wholly intact though their stamps say nothing."""
        self._record_path = facts.record.path
        self._locks = locks
        self._open: dict[str, _Open] = {}
        self._verified: dict[str, str | None] = {}
        outputs = facts.outputs
        doubtful: set[str] = set()
        for pointer in facts.pointers.values():
            if pointer.object is None:
                continue
            manager = outputs.io_managers.get(pointer.io_manager)
            place = outputs.place(pointer.asset, pointer.partition, pointer.object)
            path = manager.shared_stamp_path(place)
            if path is None:
                continue
            stamp = manager.stamp(place)
            decision = planned.decisions.get(pointer.asset)
            is_published_anew = decision is not None and decision.action in {"run", "restore"}
            if outputs.shared.get(str(path)) != stamp and not is_published_anew and outputs.state(pointer) != "intact":
                doubtful.add(str(path))
            self._verified[str(path)] = stamp
        for path_text in doubtful:
            del self._verified[path_text]

    def publish(self, manager: IOManager, place: Place, path: Path, published: Path) -> None:
        """Publish an object into the shared file at ``path``."""
        name = str(path)
        if name not in self._open:
            self._locks.wait_for(name)
            stamp = manager.stamp(place)
            is_trusted = stamp is None or stamp in {self._recorded(name), self._verified.get(name)}
            self._open[name] = _Open(manager, place, is_trusted)
        manager.publish(place, published)

    def end_batch(self) -> None:
        """Close the files, record their stamps, and let others write."""
        for name, opened in self._open.items():
            opened.manager.close()
            stamp = opened.manager.stamp(opened.place)
            if stamp is not None and opened.is_trusted:
                self._verified[name] = stamp
                record = Record.open(self._record_path)  # of our own: SQLite connections belong to their thread
                with record.transaction():
                    record.set_shared_stamp(name, stamp)
                record.close()
            self._locks.release(name)
        self._open.clear()

    def _recorded(self, name: str) -> str | None:
        record = Record.read(self._record_path)
        try:
            return record.shared_stamps().get(name)
        finally:
            record.close()
