"""What is materialized now, by asset and partition key.

Pointers of assets without partitions are read whole, once. Those of partitions, which may be a million, are read one
asset at a time, and kept only where they were asked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from assetbuild.record.model import Pointer, Standing

if TYPE_CHECKING:
    from assetbuild.record.state import Record

__all__ = ["Place", "Pointers", "pointer_of"]

Place = tuple[str, str | None]
"""An asset key and a partition key."""


class Pointers:
    """The pointers of a project, as they were when they were first read, and as a build then set them."""

    def __init__(self, record: Record) -> None:
        """Read the pointers of assets without partitions."""
        self._record = record
        self._commits = record.commits_of_others()
        self._rows = record.plain_rows()
        """Of assets without partitions, until they are asked for one by one."""
        self._known: dict[Place, Pointer | None] = {}
        self._partitioned = frozenset(record.partitioned_assets())
        self._set: dict[str, set[str | None]] = {}

    @property
    def are_current(self) -> bool:
        """Whether the record has the pointers without partitions as they were read, and as a build then set them."""
        if self._record.commits_of_others() == self._commits:
            return True
        rows = self._record.plain_rows()
        return all(self.get((asset, None)) == pointer_of(row) for asset, row in rows.items())

    def get(self, place: Place) -> Pointer | None:
        """Return one pointer, or None."""
        if place[1] is not None and place not in self._known:
            found = self._record.pointer(*place) if place[0] in self._partitioned else None
            self._known[place] = found
        elif place[1] is None and place[0] in self._rows:
            self._known[place] = pointer_of(self._rows.pop(place[0]))
        return self._known.get(place)

    def read_together(self, asset: str) -> set[Place]:
        """Read the pointers to all partitions of an asset at once; return the places of those not read before."""
        if asset not in self._partitioned:
            return set()
        found = {(asset, pointer.partition): pointer for pointer in self._record.pointers(asset)}
        new = found.keys() - self._known.keys()
        self._known.update((place, found[place]) for place in new)
        return new

    def let_go(self, places: Iterable[Place]) -> None:
        """Forget pointers that ``read_together`` read: they are read again when they are asked for."""
        for place in places:
            self._known.pop(place, None)

    def __getitem__(self, place: Place) -> Pointer:
        """Return one pointer; raise KeyError where nothing was ever built."""
        found = self.get(place)
        if found is None:
            raise KeyError(place)
        return found

    def __setitem__(self, place: Place, pointer: Pointer) -> None:
        """Note a pointer that a build has recorded."""
        if place[1] is None:
            self._rows.pop(place[0], None)
        self._known[place] = pointer
        if place[1] is not None:
            self._set.setdefault(place[0], set()).add(place[1])

    def __contains__(self, place: Place) -> bool:
        """Return whether anything was ever built there."""
        return self.get(place) is not None

    def of(self, asset: str) -> dict[str | None, Pointer]:
        """Return all pointers of an asset by partition key; nothing is kept."""
        found: dict[str | None, Pointer] = {}
        if asset in self._partitioned:
            found = {pointer.partition: pointer for pointer in self._record.pointers(asset)}
        if (plain := self.get((asset, None))) is not None:
            found[None] = plain
        return found

    def keys(self, asset: str) -> frozenset[str | None]:
        """Return the partition keys of which an asset has a value; None among them for one without partitions."""
        found: set[str | None] = set(self._record.partition_keys(asset)) if asset in self._partitioned else set()
        if asset in self._rows or (asset, None) in self:
            found.add(None)
        return frozenset(found | self._set.get(asset, set()))

    def is_partitioned(self, asset: str) -> bool:
        """Return whether values of partitions of the asset are there."""
        return asset in self._partitioned

    def standing(self, asset: str) -> dict[str | None, Standing]:
        """Return what tells whether an asset's traced values are fresh, by partition key; nothing is kept."""
        found: dict[str | None, Standing] = {}
        if asset in self._partitioned:
            found = {row[0]: row for row in self._record.standing(asset, partitioned=True)}
        plain = self.plain_standing(asset)
        if plain is not None:
            found[None] = plain
        return found

    def plain_standing(self, asset: str) -> Standing | None:
        """Return what tells whether the traced value of an asset without partitions is fresh."""
        row = self._rows.get(asset)
        if row is not None:
            return ("", *row[2:8]) if row[12] else None  # as the columns are listed
        plain = self._known.get((asset, None))
        if plain is None or not plain.traced:
            return None
        return (
            "",
            plain.build_key,
            plain.data_version,
            plain.object,
            plain.io_manager,
            plain.location,
            plain.stamp,
        )

    def assets(self) -> frozenset[str]:
        """Return the assets of which anything was built."""
        known = {asset for (asset, _), pointer in self._known.items() if pointer is not None}
        return self._partitioned | known | self._rows.keys()

    def values(self) -> Iterable[Pointer]:
        """Return every pointer, asset by asset."""
        return chain.from_iterable(self.of(asset).values() for asset in sorted(self.assets()))

    def __iter__(self) -> Iterator[Place]:
        """Return the places of all pointers."""
        return ((pointer.asset, pointer.partition) for pointer in self.values())

    def __bool__(self) -> bool:
        """Return whether anything was ever built."""
        return bool(self.assets())


def pointer_of(row: tuple[Any, ...]) -> Pointer:
    """Return the pointer that a row of all columns stands for."""
    asset, partition, *middle, traced = row
    return Pointer(asset, partition or None, *middle, bool(traced))  # type: ignore[call-arg]  # as the columns are listed
