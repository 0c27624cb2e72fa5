"""Look at published values: whether what lies at an asset's place is still what the pointer says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from assetbuild.graph.model import Graph
from assetbuild.record.lock import is_running
from assetbuild.record.model import Pointer
from assetbuild.record.stamps import StampCache
from assetbuild.record.state import Record
from assetbuild.store.io import Place
from assetbuild.store.objects import Objects
from assetbuild.store.publish import copy_value, path_of
from assetbuild.store.registry import IOManagers

__all__ = ["DOUBTFUL", "OutputState", "Outputs", "extension_of", "open_mark"]

OutputState = Literal["intact", "gone", "changed"]

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
        if shared is None:
            if stamp == pointer.stamp:
                return "intact"
        elif self.is_recorded(str(shared), stamp) or self.is_recorded(str(shared), manager.stamp(place)):
            return "intact"
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

    def untouched(self, pointers: Sequence[Pointer]) -> Sequence[bool]:
        """Return for each pointer of one asset whether a look at its stamp shows that its value is intact.

        False means only that ``state`` has to look closer.
        """
        found = [pointer.object is None for pointer in pointers]
        by_manager: dict[str, list[int]] = {}
        for index, pointer in enumerate(pointers):
            if pointer.object is not None:
                by_manager.setdefault(pointer.io_manager, []).append(index)
        for name, indices in by_manager.items():
            manager = self.io_managers.get(name)
            places = [self.place(pointers[i].asset, pointers[i].partition, pointers[i].object) for i in indices]
            # The settings may name another place than that of the pointer, for one of an asset's values as for all.
            if manager.location(places[0]) != pointers[indices[0]].location:
                continue
            if (shared := manager.shared_stamp_path(places[0])) is not None:
                if self.is_recorded(str(shared), manager.stamp(places[0])):
                    for index in indices:
                        found[index] = True
                continue
            for index, stamp in zip(indices, manager.stamps(places), strict=True):
                found[index] = stamp is not None and stamp == pointers[index].stamp
        return found

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


def extension_of(object_name: str) -> str:
    """Return the extension of an object's name, without the dot."""
    return object_name.partition(".")[2]
