"""Look at published values: whether what lies at an asset's place is still what the pointer says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from assetbuild.graph.model import Graph
from assetbuild.record.lock import is_running
from assetbuild.record.model import Pointer, Standing
from assetbuild.record.stamps import StampCache
from assetbuild.record.state import Record
from assetbuild.store.io import IOManager, Place, ValueState
from assetbuild.store.objects import Objects, extension_of
from assetbuild.store.publish import copy_value, location_stamps, path_of
from assetbuild.store.registry import IOManagers

__all__ = ["DOUBTFUL", "OutputState", "Outputs", "open_mark"]

OutputState = ValueState

DOUBTFUL: Final = "doubtful"
"""In the place of a shared file's stamp: its values have to be looked at."""

_OPEN: Final = "open "


def open_mark(run_id: str) -> str:
    """Return what stands in the place of a shared file's stamp while a run writes it."""
    return f"{_OPEN}{run_id}"


class Outputs:
    """Answers by one stat where nothing moved; by content, once, where a stamp did."""

    def __init__(
        self,
        warehouse: Path,
        graph: Graph,
        io_managers: IOManagers,
        objects: Objects,
        stamps: StampCache,
        record: Record,
    ) -> None:
        """Take the folder of published values, and the record with the stamps of shared files."""
        self.warehouse = warehouse
        self._graph = graph
        self.io_managers = io_managers
        self.objects = objects
        self.stamps = stamps
        self._record = record
        self._shared: Mapping[str, str] = record.shared_stamps()
        self._shares: frozenset[str] | None = None
        """The IO managers in use that keep many values in one file."""
        self._seen: dict[tuple[str, str | None, str], tuple[str, OutputState]] = {}
        """Of values in shared files: under which stamp they were looked at together, and what was found."""
        self._file_managers: dict[str, IOManager | None] = {}
        """The IO managers that keep each value in a file of its own; None for one that does not."""
        self.is_writing = False
        """Whether a build has begun, which moves the stamps of shared files itself."""
        self.moved: dict[tuple[str, str | None], str] = {}
        """New stamps of values that were touched but are intact, for a build to write back."""

    def place(self, asset: str, partition: str | None, object_name: str | None) -> Place:
        """Return the place of an asset's value whose object has this name."""
        return Place(
            warehouse=self.warehouse,
            asset_key=asset,
            partition_key=partition,
            extension=extension_of(object_name or ""),
            dimensions=known.dimensions if (known := self._graph.assets.get(asset)) is not None else (),
        )

    def state(self, pointer: Pointer) -> OutputState:
        """Return whether the published value is intact, gone, or changed by another hand."""
        if pointer.object is None:
            return "intact"
        manager = self.io_managers.get(pointer.io_manager)
        place = self.place(pointer.asset, pointer.partition, pointer.object)
        if manager.location(place) != pointer.location:
            return "gone"  # The settings now name another place, and nothing is published there yet.
        stamp = manager.stamp(place)
        if stamp is None:
            return "gone"
        shared = manager.shared_stamp_path(place)
        value = (pointer.asset, pointer.partition, pointer.data_version)
        if shared is None:
            if stamp == pointer.stamp:
                return "intact"
        elif self.is_recorded(str(shared), stamp) or self.is_recorded(str(shared), manager.stamp(place)):
            return "intact"
        elif (seen := self._seen.get(value)) is not None and (self.is_writing or seen[0] == stamp):
            return seen[1]
        name = f"output:{pointer.location}"
        if self.stamps.version(name, stamp) == pointer.data_version:
            return "intact"
        if not manager.exists(place):
            return "gone"
        if not manager.is_intact(place, self.objects.path(pointer.object), pointer.data_version):
            return "changed"
        self.stamps.keep(name, stamp, pointer.data_version, moved_ns=0)
        self.moved[pointer.asset, pointer.partition] = stamp
        return "intact"

    def untouched(self, asset: str, standing: Sequence[Standing]) -> Sequence[bool]:
        """Return for each value of an asset whether a look at its stamp shows that it is intact.

        False means only that ``state`` has to look closer.
        """
        found = [object_name is None for _, _, _, object_name, *_ in standing]
        by_manager: dict[str, list[int]] = {}
        for index, (_, _, _, object_name, io_manager, _, _) in enumerate(standing):
            if object_name is not None:
                by_manager.setdefault(io_manager, []).append(index)
        for name, indices in by_manager.items():
            manager = self.io_managers.get(name)
            partition, _, _, object_name, _, location, _ = standing[indices[0]]
            place = self.place(asset, partition or None, object_name)
            # The settings may name another place than that of the pointer, for one of an asset's values as for all.
            if manager.location(place) != location:
                continue
            if (shared := manager.shared_stamp_path(place)) is not None:
                stamp = manager.stamp(place)
                is_recorded = self.is_recorded(str(shared), stamp)
                for index in indices if is_recorded else self._intact(asset, standing, indices, stamp):
                    found[index] = True
                continue
            if type(manager).stamp is IOManager.stamp:
                stamps = location_stamps(self.warehouse.parent, [standing[index][5] for index in indices])
            else:
                stamps = manager.stamps([self.place(asset, standing[i][0] or None, standing[i][3]) for i in indices])
            for index, stamp in zip(indices, stamps, strict=True):
                found[index] = stamp is not None and stamp == standing[index][6]
        return found

    def is_untouched(self, asset: str, value: Standing) -> bool:
        """Return what ``untouched`` says of the one value of an asset without partitions."""
        _, _, _, object_name, name, location, stamp = value
        if object_name is None:
            return True
        if name not in self._file_managers:
            kind = type(manager := self.io_managers.get(name))
            has_files = kind.stamp is IOManager.stamp and kind.shared_stamp_path is IOManager.shared_stamp_path
            self._file_managers[name] = manager if has_files else None
        of_files = self._file_managers[name]
        if of_files is None:
            return all(self.untouched(asset, [value]))
        place = Place(
            warehouse=self.warehouse, asset_key=asset, partition_key=None, extension=extension_of(object_name)
        )
        return stamp is not None and of_files.location(place) == location and of_files.stamp(place) == stamp

    def is_told_by_warehouse(self, asset: str, value: Standing) -> bool:
        """Return whether files below the warehouse tell all about a published value, as those of a service do not."""
        manager = self.io_managers.get(value[4])
        place = manager.placed(self.place(asset, value[0] or None, value[3]))
        shared = manager.shared_stamp_path(place)
        path = path_of(place) if shared is None and type(manager).stamp is IOManager.stamp else shared
        return path is not None and path.is_relative_to(self.warehouse)

    def begin_writing(self) -> None:
        """Note that a build begins: what its plan found in shared files holds, though it moves their stamps itself."""
        self.is_writing = True

    def look_together(self, asset: str, standing: Sequence[Standing]) -> None:
        """Look at once at the values of an asset in shared files that ``state`` would have to look at one by one."""
        if self._shares is None:
            self._shares = frozenset(
                name for name in self._record.used_io_managers() if self.io_managers.get(name).one_writer
            )
        for name in self._shares:
            indices = [i for i, value in enumerate(standing) if value[4] == name and value[3] is not None]
            if len(indices) < 2:  # noqa: PLR2004  # one is looked at by itself
                continue
            partition, _, _, object_name, _, location, _ = standing[indices[0]]
            place = self.place(asset, partition or None, object_name)
            manager = self.io_managers.get(name)
            shared, stamp = manager.shared_stamp_path(place), manager.stamp(place)
            if shared is not None and manager.location(place) == location and not self.is_recorded(str(shared), stamp):
                self._intact(asset, standing, indices, stamp)

    def _intact(self, asset: str, standing: Sequence[Standing], indices: Sequence[int], stamp: str | None) -> list[int]:
        """Return which values in one shared file are intact: as a look at this stamp found before, or does now."""
        if stamp is None:
            return []
        seen = [i for i in indices if self.stamps.version(f"output:{standing[i][5]}", stamp) == standing[i][2]]
        known = set(seen)
        for i in seen:
            self._seen[asset, standing[i][0] or None, standing[i][2]] = (stamp, "intact")
        asked = [
            i
            for i in indices
            if i not in known and self._seen.get((asset, standing[i][0] or None, standing[i][2]), ("", ""))[0] != stamp
        ]
        values = [
            (self.place(asset, standing[i][0] or None, name), self.objects.path(name), standing[i][2])
            for i in asked
            if (name := standing[i][3]) is not None
        ]
        manager = self.io_managers.get(standing[indices[0]][4])
        intact: list[int] = []
        for i, state in zip(asked, manager.look_at(values), strict=True):
            partition, _, data_version, _, _, location, _ = standing[i]
            self._seen[asset, partition or None, data_version] = (stamp, state)
            if state != "intact":
                continue
            intact.append(i)
            self.stamps.keep(f"output:{location}", stamp, data_version, moved_ns=0)
            self.moved[asset, partition or None] = stamp
        return seen + intact

    def is_recorded(self, path: str, stamp: str | None) -> bool:
        """Return whether a shared file's stamp says that all values in it are what their pointers say.

        So does the mark of a run that goes on: it has the file open, and nobody else can write it.
        """
        if self._shared.get(path) == stamp:
            return True
        self._shared = self._record.shared_stamps()
        recorded = self._shared.get(path, "")
        return recorded == stamp or (
            recorded.startswith(_OPEN) and is_running(self._record.path.parent, recorded.removeprefix(_OPEN))
        )

    def readopt(self, pointer: Pointer) -> bool:
        """Return whether the pointer's object is there, after taking it back in from an intact published file."""
        assert pointer.object is not None  # noqa: S101  # the caller asks for a value
        if self.objects.has(pointer.object):
            return True
        manager = self.io_managers.get(pointer.io_manager)
        place = self.place(pointer.asset, pointer.partition, pointer.object)
        published = path_of(manager.placed(place))
        if manager.shared_stamp_path(place) is not None or not published.exists():
            return False
        staging = self.objects.staging(pointer.asset)
        copy_value(published, staging)
        return self.objects.add(staging, place.extension) == pointer.object
