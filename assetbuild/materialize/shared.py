"""Files that hold the values of many assets, such as the DuckDB file: one writer, and when their stamp may be trusted.

A batch of publishes opens the file, and the end of the batch closes it, so that other builds get their turn. Each batch
moves the stamp of the whole file; the new stamp is recorded, and that says that *every* value in the file is what its
pointer says. So it is recorded after the pointers, and only when the file was untouched by others before the batch, or
every value in it was found intact by content, and when no value is *owed*: planned anew because it is not intact, or
published and its pointer not recorded. While a batch is open a mark stands in the stamp's place: after a kill it
matches no file, so the values are looked at; and while its run goes on, plans need not look, and could not.

Publishing and the end of a batch are done in the lane's thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from assetbuild.dataclass import dataclass
from assetbuild.errors import AssetbuildError
from assetbuild.plan.facts import Facts
from assetbuild.plan.outputs import DOUBTFUL, open_mark
from assetbuild.plan.planner import Planned
from assetbuild.record.faults import reach
from assetbuild.record.lock import AssetLocks
from assetbuild.record.pointers import Place
from assetbuild.record.state import Record
from assetbuild.store import io
from assetbuild.store.io import IOManager

__all__ = ["SharedFiles"]

_TOGETHER = 1000


@dataclass(slots=True)
class _Open:
    manager: IOManager
    place: io.Place
    is_trusted: bool


class SharedFiles:
    """The shared files that a build publishes into."""

    def __init__(self, facts: Facts, planned: Planned, locks: AssetLocks, run_id: str) -> None:
        """Look, before anything is published, which files are wholly intact though their stamps say nothing."""
        self._record_path = facts.record.path
        self._locks = locks
        self._mark = open_mark(run_id)
        self._open: dict[str, _Open] = {}
        self._verified: dict[str, str | None] = {}
        self._announced: dict[Place, tuple[IOManager, io.Place, Path]] = {}
        self._done: dict[Place, AssetbuildError | None] = {}
        self._owed: defaultdict[str, set[Place]] = defaultdict(set)
        outputs = facts.outputs
        doubtful: set[str] = set()
        for pointer in facts.pointers.values() if _may_share(facts) else ():
            if pointer.object is None:
                continue
            manager = outputs.io_managers.get(pointer.io_manager)
            place = outputs.place(pointer.asset, pointer.partition, pointer.object)
            path = manager.shared_stamp_path(place)
            if path is None:
                continue
            stamp = manager.stamp(place)
            self._verified[str(path)] = stamp
            if outputs.is_recorded(str(path), stamp):
                continue
            decision = planned.decision(pointer.asset, pointer.partition)
            if decision is not None and decision.action in {"run", "restore"}:
                self._owed[str(path)].add((pointer.asset, pointer.partition))
            elif outputs.state(pointer) != "intact":
                doubtful.add(str(path))
        for path_text in doubtful:
            del self._verified[path_text]
        outputs.begin_writing()

    @property
    def is_open(self) -> bool:
        """Return whether a batch is open."""
        return bool(self._open)

    def announce(self, manager: IOManager, place: io.Place, published: Path) -> None:
        """Note, in any thread, that a partition waits for ``publish``: it may then go along with another one."""
        if place.partition_key is not None:
            self._announced[place.asset_key, place.partition_key] = (manager, place, published)

    def publish(self, manager: IOManager, place: io.Place, path: Path, published: Path) -> None:
        """Publish an object into the shared file at ``path``; the value is owed until ``settled``."""
        name = str(path)
        value = (place.asset_key, place.partition_key)
        if value in self._done:
            self._tell(value)
            return
        if name not in self._open:
            self._begin(name, manager, place)
        together = self._waiting_with(manager, place, published)
        try:
            self._put(name, manager, together)
        except AssetbuildError:
            if len(together) == 1:
                raise
            for other in together:  # one by one, so that only those fail that cannot be published
                self._done[other] = None
                try:
                    self._put(name, manager, {other: together[other]})
                except AssetbuildError as error:
                    self._done[other] = error
        else:
            self._done.update(dict.fromkeys(together))
        self._tell(value)

    def _tell(self, value: Place) -> None:
        """Raise what kept a value from being published, if anything did."""
        failed = self._done.pop(value)
        if failed is not None:
            raise failed

    def _waiting_with(self, manager: IOManager, place: io.Place, published: Path) -> dict[Place, tuple[io.Place, Path]]:
        """Return this value, and partitions of the same asset that wait: one transaction is cheaper than many."""
        found = {(place.asset_key, place.partition_key): (place, published)}
        self._announced.pop((place.asset_key, place.partition_key), None)
        for value, (its, where, what) in list(self._announced.items()):
            if value[0] == place.asset_key and its is manager and len(found) < _TOGETHER:
                found[value] = (where, what)
                del self._announced[value]
        return found

    def _put(self, name: str, manager: IOManager, values: Mapping[Place, tuple[io.Place, Path]]) -> None:
        new = set(values) - self._owed[name]
        self._owed[name] |= new
        try:
            manager.publish_many(list(values.values()))
        except AssetbuildError:
            self._owed[name] -= new  # the values from before are still there
            raise

    def settled(self, value: Place) -> None:
        """Note that the pointer of a published value is recorded."""
        for owed in self._owed.values():
            owed.discard(value)

    def end_batch(self) -> None:
        """Close the files, record their stamps, and let others write."""
        while self._open:
            name, opened = self._open.popitem()
            try:
                reach("before-duckdb-close")
                opened.manager.close()
                stamp = opened.manager.stamp(opened.place)
                if stamp is None or not opened.is_trusted:
                    continue
                self._verified[name] = stamp
                self._write(name, DOUBTFUL if self._owed[name] else stamp)
            finally:
                self._locks.release(name)

    def _begin(self, name: str, manager: IOManager, place: io.Place) -> None:
        if self._open:  # never wait for one file while holding another: two builds could wait for each other
            self.end_batch()
        self._locks.wait_for(name)
        try:
            stamp = manager.stamp(place)
            with closing(Record.read(self._record_path)) as record:
                recorded = record.shared_stamps().get(name)
            is_trusted = stamp is None or stamp in {recorded, self._verified.get(name)}
            self._write(name, DOUBTFUL if self._owed[name] or not is_trusted else self._mark)
        except BaseException:
            self._locks.release(name)
            raise
        self._open[name] = _Open(manager, place, is_trusted)

    def _write(self, name: str, stamp: str) -> None:
        # A connection of its own: those of SQLite belong to their thread.
        with closing(Record.open(self._record_path)) as record, record.transaction():
            record.set_shared_stamp(name, stamp)


def _may_share(facts: Facts) -> bool:
    """Return whether any value may lie in a shared file; else values, perhaps a million, need not be gone through."""
    used = facts.record.used_io_managers()
    return any(facts.outputs.io_managers.get(name).one_writer for name in used)
