"""Look at published values: whether what lies at an asset's place is still what the pointer says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from assetbuild.record.model import Pointer
from assetbuild.record.stamps import StampCache
from assetbuild.store.io import Place
from assetbuild.store.objects import Objects
from assetbuild.store.publish import copy_value, path_of
from assetbuild.store.registry import IOManagers

__all__ = ["OutputState", "Outputs", "extension_of"]

OutputState = Literal["intact", "gone", "changed"]


class Outputs:
    """Answers by one stat where nothing moved; by content, once, where a stamp did."""

    def __init__(
        self, warehouse: Path, io_managers: IOManagers, objects: Objects, stamps: StampCache, shared: Mapping[str, str]
    ) -> None:
        """Take the folder of published values and the recorded stamps of shared files."""
        self.warehouse = warehouse
        self.io_managers = io_managers
        self.objects = objects
        self.stamps = stamps
        self.shared = shared
        self.moved: dict[tuple[str, str | None], str] = {}
        """New stamps of values that were touched but are intact, for a build to write back."""

    def place(self, asset: str, partition: str | None, object_name: str | None) -> Place:
        """Return the place of an asset's value whose object has this name."""
        return Place(
            warehouse=self.warehouse,
            asset_key=asset,
            partition_key=partition,
            extension=extension_of(object_name or ""),
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
        expected = pointer.stamp if shared is None else self.shared.get(str(shared))
        if stamp == expected:
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

    def readopt(self, pointer: Pointer) -> bool:
        """Return whether the pointer's object is there, after taking it back in from an intact published file."""
        assert pointer.object is not None  # noqa: S101  # the caller asks for a value
        if self.objects.has(pointer.object):
            return True
        manager = self.io_managers.get(pointer.io_manager)
        place = self.place(pointer.asset, pointer.partition, pointer.object)
        published = path_of(place)
        if manager.shared_stamp_path(place) is not None or not published.exists():
            return False
        staging = self.objects.staging(pointer.asset)
        copy_value(published, staging)
        return self.objects.add(staging, place.extension) == pointer.object


def extension_of(object_name: str) -> str:
    """Return the extension of an object's name, without the dot."""
    return object_name.partition(".")[2]
