"""How an asset reads its inputs: for each of its places, the upstream places that are read and the version of them.

``Edge.known`` tells all about one place, for a decision and its causes. ``Edge.packed`` tells only the version, for
the many places that turn out fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from assetbuild.dataclass import dataclass, field
from assetbuild.fingerprint.recipe import ABSENT, InputVersion, edge_version, partitions_version
from assetbuild.graph.model import AssetInput
from assetbuild.plan.states import AssetState, SourcePlaces

if TYPE_CHECKING:
    from assetbuild.graph.mapping import BoundMapping

__all__ = ["Edge", "Edges", "Known"]

_ABSENT = bytes.fromhex(ABSENT)
_ONLY = (0,)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an input before its reader is judged.

    ``version`` is None while upstream may still run; ``waits`` then names the partitions that it waits for, if any.
    """

    version: str | None
    parts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    keys: tuple[str, ...] | None = None
    waits: tuple[str, ...] = ()


class Edge:
    """One input of an asset, bound to the places of both sides."""

    __slots__ = ("_columns", "bound", "given", "is_own", "parts_of", "up")

    def __init__(
        self,
        given: AssetInput,
        up: AssetState | SourcePlaces,
        bound: BoundMapping | None,
        parts_of: Callable[[str], Mapping[str, str]],
        *,
        is_own: bool,
    ) -> None:
        """Take both sides; ``bound`` is None where the upstream has no partitions, ``is_own`` when it is the asset."""
        self.given = given
        self.up = up
        self.bound = bound
        self.parts_of = parts_of
        self.is_own = is_own
        self._columns: dict[str, bytes] | None = None if given.columns is None else {}

    @property
    def is_aligned(self) -> bool:
        """Each place reads the whole of the same place upstream."""
        given = self.given
        return self.bound is not None and self.bound.is_identity and not given.is_many and given.columns is None

    def places(self, place: int | None) -> Sequence[int]:
        """Return the upstream places that a place reads."""
        if self.up.is_open:
            return _ONLY
        return _ONLY if self.bound is None else self.bound.of(place)

    def known(self, place: int | None) -> Known:
        """Return what is known of the input for one place."""
        up = self.up
        if up.is_open:
            return Known(None)
        if self.bound is None:
            return self._whole()
        places = self.bound.of(place)
        names = tuple(up.keys[each] for each in places) if up.keys is not None else ()
        if isinstance(up, SourcePlaces) and (problem := self._source_problem(up, place, places)):
            return Known("", problem=problem, keys=names)
        if not self.given.is_many and not places:
            return Known(ABSENT, keys=())
        waits = tuple(name for name, each in zip(names, places, strict=True) if not up.known[each])
        if waits:
            return Known(None, keys=names, waits=waits)
        if not self.given.is_many:
            return Known(up.version(places[0]), keys=names)
        versions = {name: self._counted(up.version(each) or "").hex() for name, each in zip(names, places, strict=True)}
        return Known(self._many(places).hex(), versions, keys=names)

    def packed(self, place: int | None) -> bytes | None:
        """Return the version that counts for one place; None when it is not known, or there is a problem."""
        up = self.up
        if up.is_open:
            return None
        places = _ONLY if self.bound is None else self.bound.of(place)
        if isinstance(up, SourcePlaces) and self._source_problem(up, place, places):
            return None
        if not self.given.is_many:
            if not places:
                return _ABSENT
            first = places[0]
            if not up.known[first]:
                return None
            if self.given.columns is None:
                return bytes(up.versions[16 * first : 16 * first + 16])
            return self._counted(up.version(first) or "")
        if not all(up.known[each] for each in places):
            return None
        return self._many(places)

    def _whole(self) -> Known:
        up = self.up
        if isinstance(up, SourcePlaces):
            return Known(up.version(0) or "", up.parts, up.problem(0))
        return Known(up.version(0))

    def _many(self, places: Sequence[int]) -> bytes:
        up = self.up
        names = (up.keys[each] for each in places) if up.keys is not None else iter(())
        if self.given.columns is not None:
            versions: bytes | bytearray = b"".join(self._counted(up.version(each) or "") for each in places)
        elif isinstance(places, range) and places.step == 1:
            versions = up.versions[16 * places.start : 16 * places.stop]
        else:
            versions = b"".join(up.versions[16 * each : 16 * each + 16] for each in places)
        return partitions_version(names, versions)

    def _counted(self, version: str) -> bytes:
        """Return the version that counts of one partition, or value: of the columns that are read."""
        if self._columns is None:
            return bytes.fromhex(version)
        if version not in self._columns:
            parts = self.up.parts if isinstance(self.up, SourcePlaces) and self.up.parts else self.parts_of(version)
            one = InputVersion(self.given.one(), version, parts)
            self._columns[version] = bytes.fromhex(edge_version(one))
        return self._columns[version]

    def _source_problem(self, up: SourcePlaces, place: int | None, places: Sequence[int]) -> str:
        if up.problem_text:
            return up.problem_text
        if self.bound is not None and not self.given.is_optional and (absent := self.bound.absent(place)):
            return f"source {up.key!r} has no file for {', '.join(absent[:5])}"
        if up.problems:
            return next((up.problems[each] for each in places if each in up.problems), "")
        return ""


class Edges(dict[str, list[Edge]]):
    """The edges of each asset, made when they are asked for."""

    def __init__(self, make: Callable[[str], list[Edge]]) -> None:
        """Take what makes them."""
        super().__init__()
        self._make = make

    def __missing__(self, key: str) -> list[Edge]:
        """Make the edges of an asset."""
        made = self[key] = self._make(key)
        return made
