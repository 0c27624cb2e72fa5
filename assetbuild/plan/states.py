"""What is known of each asset and source while a plan is made and carried out: its partitions and their data versions.

Partitions are places 0, 1, 2 ... in the asset's key set; without partitions there is the one place 0. One takes 17
bytes, and a dictionary entry when it is not fresh. A place is an index, so it means something only beside its key set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assetbuild.plan.model import Decision

if TYPE_CHECKING:
    from assetbuild.declare.partitions import KeySet

__all__ = ["AssetState", "SourcePlaces", "places_in"]

_VERSION_BYTES = 16


class SourcePlaces:
    """A source: the data version of each of its places, the problems with them, and what a reader is given."""

    __slots__ = ("is_open", "key", "keys", "known", "parts", "paths", "problem_text", "problems", "size", "versions")

    def __init__(self, key: str, keys: KeySet | None, versions: Sequence[str]) -> None:
        """Take the version of each place; '' where there is a problem."""
        self.key = key
        self.keys = keys
        self.size = len(versions)
        self.is_open = False
        self.versions = bytearray(b"".join(bytes.fromhex(version or "00" * _VERSION_BYTES) for version in versions))
        self.known = bytearray(bool(version) for version in versions)
        self.problems: dict[int, str] = {}
        self.problem_text = ""
        """The problem with every place."""
        self.parts: Mapping[str, str] = {}
        self.paths: Sequence[tuple[str, ...]] = ()

    def version(self, place: int) -> str | None:
        """Return the data version of a place."""
        return _version(self.versions, self.known, place)

    @property
    def first_problem(self) -> str:
        """What is wrong with it, at one of its places at least, or ''."""
        return self.problem_text or next(iter(self.problems.values()), "")

    def problem(self, place: int) -> str:
        """Return what is wrong with a place, or ''."""
        return self.problem_text or self.problems.get(place, "")


class AssetState:
    """One asset: its places, those that a build is about, their decisions and data versions.

    ``asked`` marks the places that were selected, ``wanted`` also those that selected ones read. ``is_open`` says that
    the keys are known only when something upstream has run: then there is one place for all of them.
    """

    __slots__ = ("asked", "asset", "decisions", "is_open", "keys", "known", "size", "versions", "wanted")

    def __init__(self, asset: str, keys: KeySet | None, *, is_open: bool = False) -> None:
        """Begin with nothing known and nothing wanted."""
        self.asset = asset
        self.keys = keys
        self.is_open = is_open
        self.size = 1 if keys is None else len(keys)
        self.versions = bytearray(_VERSION_BYTES * self.size)
        self.known = bytearray(self.size)
        self.asked = bytearray(self.size)
        self.wanted = bytearray(self.size)
        self.decisions: dict[int, Decision] = {}

    def key(self, place: int) -> str | None:
        """Return the partition key of a place."""
        return None if self.keys is None else self.keys[place]

    def place(self, partition: str | None) -> int | None:
        """Return the place of a partition key; None for one that is not there."""
        if self.keys is None:
            return 0 if partition is None else None
        return None if partition is None else self.keys.index_of(partition)

    def version(self, place: int) -> str | None:
        """Return the data version of a place; None while it is not known."""
        return _version(self.versions, self.known, place)

    def settle(self, place: int, version: str | None) -> None:
        """Note the data version of a place; None takes it back."""
        self.known[place] = version is not None
        if version is not None:
            self.versions[_VERSION_BYTES * place : _VERSION_BYTES * (place + 1)] = bytes.fromhex(version)

    def want(self, places: Iterable[int]) -> None:
        """Mark places that something needs."""
        if isinstance(places, range) and places.step == 1:
            self.wanted[places.start : places.stop] = b"\1" * len(places)
            return
        for place in places:
            self.wanted[place] = 1


def places_in(mask: bytearray) -> Sequence[int]:
    """Return the marked places, ascending; a range where they are without gaps."""
    if len(mask) == 1:
        return range(mask[0])
    first, count = mask.find(1), mask.count(1)
    if count == 0:
        return range(0)
    if mask.rfind(1) - first + 1 == count:
        return range(first, first + count)
    return list(_marked(mask, first))


def _marked(mask: bytearray, place: int) -> Iterator[int]:
    while place >= 0:
        yield place
        place = mask.find(1, place + 1)


def _version(versions: Any, known: Any, place: int) -> str | None:
    if not known[place]:
        return None
    found: str = versions[_VERSION_BYTES * place : _VERSION_BYTES * (place + 1)].hex()
    return found
