"""Mappings bound to the keys of one moment: from the index of a key to the indices of the upstream keys that it reads.

In: a downstream and an upstream ``KeySet``. Out: ranges wherever it can be, computed when asked for; nothing is kept
for each key. ``graph/mapping.py`` says which mapping an input has.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from assetbuild.declare.partitions.keysets import SEPARATOR, KeySet, MultiKeys, TimeKeys, joined
from assetbuild.declare.partitions.windows import WindowedPartitions
from assetbuild.errors import DefinitionError, Problem

__all__ = [
    "BoundMapping",
    "ByDimension",
    "ByFunction",
    "ByName",
    "Containing",
    "Fixed",
    "Same",
    "Shifted",
    "Within",
    "earlier_only",
    "first_not_earlier",
    "named",
]

_NONE = range(0)


class BoundMapping:
    """What each key of an asset reads of one upstream. An index of None stands for an asset without partitions."""

    is_identity = False
    """Every key reads the key at its own index, so that ``of(i)`` is ``range(i, i + 1)``."""
    allow_missing = False
    """Names that do not exist are no error."""
    unknown: tuple[str, ...] = ()
    """Keys of this side that the mapping names and that do not exist."""

    def of(self, index: int | None) -> Sequence[int]:
        """Return the indices of the upstream keys, ascending."""
        raise NotImplementedError

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the names of keys that are asked for and do not exist."""
        del index
        return ()


class Fixed(BoundMapping):
    """The same upstream keys for every key."""

    def __init__(self, indices: Sequence[int], absent: tuple[str, ...] = ()) -> None:
        """Take the indices, ascending, and the names that do not exist."""
        self._indices = indices
        self._absent = absent

    def of(self, index: int | None) -> Sequence[int]:
        """Return the same indices for every key."""
        del index
        return self._indices

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the same names for every key."""
        del index
        return self._absent


def named(keys: KeySet, names: Sequence[str]) -> Fixed:
    """Return the keys of these names, for every key."""
    return Fixed(_indices(keys, names), _missing(keys, names))


class Same(BoundMapping):
    """The upstream key of the same name."""

    def __init__(self, down: KeySet, up: KeySet) -> None:
        """Take the keys of both sides."""
        self._down, self._up = down, up
        self.is_identity = down == up

    def of(self, index: int | None) -> Sequence[int]:
        """Return the index of the same key."""
        if self.is_identity:
            return _one(index)
        found = self._up.index_of(_key(self._down, index))
        return _NONE if found is None else _one(found)

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the key itself, when upstream has none of its name."""
        return () if self.of(index) else (_key(self._down, index),)


class Shifted(BoundMapping):
    """A run of upstream keys, counted from the same key, or from the window that contains this one's start."""

    def __init__(self, down: KeySet, up: KeySet, shift: tuple[int, int], upstream: Any) -> None:
        """Take the keys of both sides, the first and last offset, and the upstream definition."""
        self._down, self._up, self._upstream = down, up, upstream
        self.first, self.last = shift
        self.is_same = down == up
        self._apart = None if self.is_same else _apart(down, up)

    def of(self, index: int | None) -> Sequence[int]:
        """Return the run, as far as it exists."""
        base = self._base(index)
        if base is None:
            return _NONE
        return range(max(base + self.first, 0), max(min(base + self.last, len(self._up) - 1) + 1, 0))

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return a name for the keys, when nothing is left of the run."""
        if self.of(index):
            return ()
        base = self._base(index)
        if base is None or not len(self._up):
            return (_key(self._down, index),)
        return (f"before {self._up[0]}",) if base + self.last < 0 else (f"after {self._up[-1]}",)

    def _base(self, index: int | None) -> int | None:
        """Return where the same key is, or would be before the first or after the last."""
        if index is None:
            return None
        if self.is_same:
            return index
        found = self._up.index_of(self._down[index])
        if found is not None:
            return found
        if self._apart is not None:
            return index + self._apart
        down, up = self._down, self._up
        if not (isinstance(down, TimeKeys) and isinstance(up, TimeKeys) and len(up)):
            return None
        start = down.bounds[index]
        if start < up.bounds[0]:
            return None
        if start < up.bounds[-1]:
            return bisect_right(up.bounds, start) - 1
        # Windows that are not over yet have no key, and are counted all the same: the month before this one.
        return len(up) + len(self._upstream.bounds(up.bounds[-1], start)) - 1


def _apart(down: KeySet, up: KeySet) -> int | None:
    """Return how far the indices of windows of one kind lie apart; None when they do not meet, or are not windows."""
    if not (isinstance(down, TimeKeys) and isinstance(up, TimeKeys) and len(down) and len(up)):
        return None
    if (found := down.index_of(up[0])) is not None:
        return -found
    if (found := up.index_of(down[0])) is not None:
        return found
    return None


class Within(BoundMapping):
    """The upstream windows that start in the window of the key: the days of a month."""

    def __init__(self, down: KeySet, up: KeySet, definitions: tuple[WindowedPartitions, WindowedPartitions]) -> None:
        """Take keys and definitions of both sides."""
        self._down, self._up = down, up
        self._spans = _spans(down, definitions[0])
        self._starts, self._order = _starts(up, definitions[1])

    def of(self, index: int | None) -> Sequence[int]:
        """Return the windows that start in it."""
        if index is None:
            return _NONE
        start, end = self._spans(index)
        found = range(bisect_left(self._starts, start), bisect_left(self._starts, end))
        return found if self._order is None else sorted(self._order[at] for at in found)

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the key itself, when no upstream window starts in its own."""
        return () if self.of(index) else (_key(self._down, index),)


class Containing(BoundMapping):
    """The one upstream window that contains the start of the key's window: the month of a day."""

    def __init__(self, down: KeySet, up: KeySet, definitions: tuple[WindowedPartitions, WindowedPartitions]) -> None:
        """Take keys and definitions of both sides."""
        self._down, self._up = down, up
        self._down_spans, self._up_spans = _spans(down, definitions[0]), _spans(up, definitions[1])
        self._starts, self._order = _starts(up, definitions[1])

    def of(self, index: int | None) -> Sequence[int]:
        """Return the window that contains its start."""
        if index is None:
            return _NONE
        start, _ = self._down_spans(index)
        at = bisect_right(self._starts, start) - 1
        if at < 0:
            return _NONE
        at = at if self._order is None else self._order[at]
        return _one(at) if start < self._up_spans(at)[1] else _NONE

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the key itself, when no upstream window contains its start."""
        return () if self.of(index) else (_key(self._down, index),)


def _spans(keys: KeySet, definition: WindowedPartitions) -> Callable[[int], tuple[int, int]]:
    if isinstance(keys, TimeKeys):
        bounds = keys.bounds
        return lambda index: (bounds[index], bounds[index + 1])
    # A source that is partitioned by time has the keys of the files that are there.
    return lambda index: definition.span(keys[index]) or (0, 0)


def _starts(keys: KeySet, definition: WindowedPartitions) -> tuple[Sequence[int], list[int] | None]:
    """Return where windows start, ascending, and which index each is when they do not ascend themselves."""
    if isinstance(keys, TimeKeys):
        return (keys.bounds[:-1] if len(keys) else array("q")), None
    starts = array("q", ((definition.span(key) or (0, 0))[0] for key in keys))
    order = sorted(range(len(keys)), key=starts.__getitem__)
    return array("q", (starts[at] for at in order)), order


class ByName(BoundMapping):
    """Upstream keys that are written down for each key."""

    def __init__(self, down: KeySet, up: KeySet, said: dict[str, tuple[str, ...]], *, allow_missing: bool) -> None:
        """Take the keys of both sides, and what was written down."""
        self._down, self._up, self._said = down, up, said
        self.allow_missing = allow_missing
        self.unknown = () if allow_missing else tuple(key for key in said if down.index_of(key) is None)

    def of(self, index: int | None) -> Sequence[int]:
        """Return the keys that are written down and exist."""
        return _indices(self._up, self._said.get(_key(self._down, index), ()))

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the names that do not exist, and the key itself when nothing is written down for it."""
        key = _key(self._down, index)
        if key not in self._said:
            return () if self.allow_missing else (key,)
        return () if self.allow_missing else _missing(self._up, self._said[key])


class ByFunction(BoundMapping):
    """Upstream keys that a function gives; it is called when they are asked for, once in a row for the same key."""

    def __init__(
        self, down: KeySet, up: KeySet, function: Callable[[str], Any] | None, name: str, *, is_many: bool
    ) -> None:
        """Take the keys of both sides, the function, its name for messages, and whether it gives lists."""
        self._down, self._up, self._function, self._name, self._is_many = down, up, function, name, is_many
        self._last: tuple[int | None, tuple[str, ...]] | None = None

    def of(self, index: int | None) -> Sequence[int]:
        """Return the keys that the function names and that exist."""
        return _indices(self._up, self._names(index))

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return the names that do not exist."""
        return _missing(self._up, self._names(index))

    def _names(self, index: int | None) -> tuple[str, ...]:
        if self._last is None or self._last[0] != index:
            self._last = (index, self._called(_key(self._down, index)))
        return self._last[1]

    def _called(self, key: str) -> tuple[str, ...]:
        if self._function is None:
            message = f"{self._name} is not loaded: the graph comes from the manifest"
            raise RuntimeError(message)
        try:
            given = self._function(key)
            names = () if given is None else (given,) if isinstance(given, str) else tuple(given)
        except Exception as error:
            raise DefinitionError(
                Problem(
                    f"the partition mapping {self._name} failed for the key {key!r}",
                    (("error", f"{type(error).__name__}: {error}"),),
                    "It takes a key, and returns a key or a list of keys.",
                )
            ) from error
        if not self._is_many and len(names) > 1:
            raise DefinitionError(
                Problem(
                    f"the partition mapping {self._name} gave {len(names)} keys for the key {key!r}",
                    (),
                    "It gave one for another key: return lists for all of them, and annotate it '-> list[str]'.",
                )
            )
        if bad := [name for name in names if not isinstance(name, str)]:
            raise DefinitionError(
                Problem(
                    f"the partition mapping {self._name} gave no key for the key {key!r}",
                    (("gave", repr(bad[0])),),
                    "It takes a key, and returns a key or a list of keys.",
                )
            )
        return names


class ByDimension(BoundMapping):
    """Each upstream dimension by its own mapping, from one dimension of this side or from none."""

    def __init__(self, down: KeySet | None, up: KeySet, pieces: Sequence[tuple[int | None, BoundMapping]]) -> None:
        """Take the keys of both sides, and for each upstream dimension the dimension that it is read by."""
        self._down, self._up, self._pieces = down, up, tuple(pieces)
        self._sizes = up.sizes if isinstance(up, MultiKeys) else (len(up),)
        self.allow_missing = any(piece.allow_missing for _, piece in pieces)

    def of(self, index: int | None) -> Sequence[int]:
        """Return every combination of what the dimensions read."""
        places = self._places(index)
        parts = [piece.of(None if at is None else places[at]) for at, piece in self._pieces]
        return joined(parts, self._sizes)

    def absent(self, index: int | None) -> tuple[str, ...]:
        """Return what does not exist, with ``*`` for the other dimensions."""
        places, found = self._places(index), list[str]()
        for number, (at, piece) in enumerate(self._pieces):
            for name in piece.absent(None if at is None else places[at]):
                parts = ["*"] * len(self._pieces)
                parts[number] = name
                found.append(SEPARATOR.join(parts))
        return tuple(found)

    def _places(self, index: int | None) -> tuple[int, ...]:
        if index is None:
            return ()
        return self._down.places(index) if isinstance(self._down, MultiKeys) else (index,)


def first_not_earlier(bound: BoundMapping, count: int) -> int | None:
    """Return the first key of an asset that reads itself or a later key of the same asset; None when none does."""
    if bound.is_identity:
        return 0 if count else None
    if isinstance(bound, Shifted) and bound.is_same and bound.last < 0:
        return None
    return next((index for index in range(count) if (read := bound.of(index)) and read[-1] >= index), None)


def earlier_only(bound: BoundMapping, count: int) -> bool:
    """Return whether every key of an asset reads only earlier keys of the same asset."""
    return first_not_earlier(bound, count) is None


def _one(index: int | None) -> range:
    return _NONE if index is None else range(index, index + 1)


def _key(keys: KeySet, index: int | None) -> str:
    return "" if index is None else keys[index]


def _indices(keys: KeySet, names: Iterable[str]) -> Sequence[int]:
    found = sorted({index for name in names if (index := keys.index_of(name)) is not None})
    if found and found[-1] - found[0] == len(found) - 1:
        return range(found[0], found[-1] + 1)
    return tuple(found)


def _missing(keys: KeySet, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if keys.index_of(name) is None))
