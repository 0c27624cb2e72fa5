"""``KeySet``: the keys of a partitions definition at one moment, as an immutable sequence of texts.

Everything above passes indices into a key set, mostly as ``range``, and asks for a key's text when it is shown or
stored. A set of 10,000 days takes 0.7 MB once, however many assets share the definition; the product of ``Multi`` is
never made: an index is the mixed-radix number of its dimensions' indices, the first dimension the most significant.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, overload

from assetbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    from assetbuild.declare.partitions.base import PartitionsDefinition

__all__ = ["KeySet", "MultiKeys", "TimeKeys", "joined", "ranges_text"]

SEPARATOR = "|"
_EVERY = "*"
_RANGE = ".."
_SHOWN = 4
_PAIR = 2


class KeySet(Sequence[str]):
    """Keys in order, each once. ``index_of`` is the way back from a key to its index."""

    __slots__ = ("_indices", "_keys")

    def __init__(self, keys: Iterable[str]) -> None:
        """Take the keys; that they are usable and differ is for ``key_problems`` to say."""
        self._keys = tuple(keys)
        self._indices: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return the key at an index, or the keys of a slice as a tuple."""
        return self._keys[index]

    def __iter__(self) -> Iterator[str]:
        """Give the keys in order."""
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        """Return whether this is one of the keys."""
        return isinstance(key, str) and self.index_of(key) is not None

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the same keys in the same order."""
        if self is other:
            return True
        if isinstance(other, MultiKeys) or not isinstance(other, KeySet):
            return NotImplemented
        return self._keys == other._keys

    def __hash__(self) -> int:
        """Return a hash that costs nothing: key sets are compared by identity first."""
        return hash((len(self), self[0] if len(self) else None))

    def __repr__(self) -> str:
        """Show the keys as ranges."""
        return f"{type(self).__name__}({ranges_text(self, range(len(self)))})"

    def index_of(self, key: str) -> int | None:
        """Return the index of a key, or None when it is not one of these."""
        if self._indices is None:
            self._indices = {known: index for index, known in enumerate(self._keys)}
        return self._indices.get(key)

    def parse(self, text: str, definition: PartitionsDefinition) -> range | tuple[int, ...]:
        """Return the indices, ascending, that ``KEY``, ``A..B``, ``A..`` or ``..B`` names; both ends are included.

        Raises UsageError for unknown keys (showing the closest) and for ranges that are none.
        """
        text = text.strip()
        found = self.index_of(text)
        if found is not None:
            return range(found, found + 1)
        low, dots, high = text.partition(_RANGE)
        if not dots:
            raise UsageError(definition.problem_of(text, self))
        if not (low or high) or _RANGE in high or high.startswith(".") or low.endswith("."):
            raise UsageError(
                Problem(
                    f"{text!r} is no range of partitions",
                    (("forms", "KEY, FIRST..LAST, FIRST.. or ..LAST"),),
                    "Both ends are keys, and both are included.",
                )
            )
        first = self._index(low.strip(), definition) if low else 0
        last = self._index(high.strip(), definition) if high else len(self) - 1
        if first > last:
            raise UsageError(
                Problem(f"the range {text!r} ends before it starts", (), f"Write {high.strip()}..{low.strip()}.")
            )
        return range(first, last + 1)

    def _index(self, key: str, definition: PartitionsDefinition) -> int:
        found = self.index_of(key)
        if found is None:
            raise UsageError(definition.problem_of(key, self))
        return found


class TimeKeys(KeySet):
    """The keys of windows that follow each other without a gap.

    ``bounds`` are seconds since 1970: window ``i`` goes from ``bounds[i]`` to ``bounds[i + 1]``.
    """

    __slots__ = ("bounds",)

    def __init__(self, keys: Iterable[str], bounds: array[int]) -> None:
        """Take the keys and one bound more than there are keys; without keys, none is needed."""
        super().__init__(keys)
        self.bounds = bounds


class MultiKeys(KeySet):
    """The keys of several dimensions: every combination, written ``a|b``."""

    __slots__ = ("dimensions", "sizes")

    def __init__(self, dimensions: Iterable[tuple[str, KeySet]]) -> None:
        """Take the key set of each dimension, by name and in declared order."""
        super().__init__(())
        self.dimensions = tuple(dimensions)
        self.sizes = tuple(len(keys) for _, keys in self.dimensions)

    def __len__(self) -> int:
        """Return how many combinations there are."""
        return prod(self.sizes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return the key at an index, or the keys of a slice as a tuple."""
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        places = self.places(index)
        return SEPARATOR.join(keys[place] for (_, keys), place in zip(self.dimensions, places, strict=True))

    def __iter__(self) -> Iterator[str]:
        """Give the keys in order."""
        return map(SEPARATOR.join, product(*(keys for _, keys in self.dimensions)))

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the same keys in the same order."""
        if isinstance(other, MultiKeys):
            return [keys for _, keys in self.dimensions] == [keys for _, keys in other.dimensions]
        if not isinstance(other, KeySet):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    def __hash__(self) -> int:
        """Return the hash of any key set."""
        return super().__hash__()

    def places(self, index: int) -> tuple[int, ...]:
        """Return the index in each dimension of the key at this index."""
        size = len(self)
        if index < 0:
            index += size
        if not 0 <= index < size:
            message = "the index is not one of this key set"
            raise IndexError(message)
        places = []
        for size in reversed(self.sizes):
            index, place = divmod(index, size)
            places.append(place)
        return tuple(reversed(places))

    def index_of(self, key: str) -> int | None:
        """Return the index of a key, or None when it is not one of these."""
        parts = key.split(SEPARATOR)
        if len(parts) != len(self.dimensions):
            return None
        index = 0
        for part, (_, keys) in zip(parts, self.dimensions, strict=True):
            place = keys.index_of(part)
            if place is None:
                return None
            index = index * len(keys) + place
        return index

    def parse(self, text: str, definition: PartitionsDefinition) -> range | tuple[int, ...]:
        """Return the indices of a key, or of a range in any dimension: ``2013-01-01..2013-01-05|UA``, ``*|UA``."""
        parts = text.strip().split(SEPARATOR)
        inner = getattr(definition, "dimensions", ())
        if len(parts) != len(self.dimensions) or len(inner) != len(parts):
            raise UsageError(definition.problem_of(text.strip(), self))
        found: list[Sequence[int]] = []
        for part, (name, keys), (_, of) in zip(parts, self.dimensions, inner, strict=True):
            if part.strip() == _EVERY:
                found.append(range(len(keys)))
                continue
            try:
                found.append(keys.parse(part, of))
            except UsageError as error:
                problem = error.problems[0]
                facts = (("dimension", name), *problem.facts)
                raise UsageError(Problem(problem.headline, facts, problem.advice)) from None
        indices = joined(found, self.sizes)
        return indices if isinstance(indices, range) else tuple(indices)


def joined(parts: Sequence[Sequence[int]], sizes: Sequence[int]) -> Sequence[int]:
    """Return the indices, ascending, of every combination of indices of the dimensions: a range where it is one."""
    whole: Sequence[int] = range(1)
    for part, size in zip(parts, sizes, strict=True):
        if not part or not whole:
            return range(0)
        if len(part) == 1 and isinstance(whole, range):
            first, last = whole[0] * size + part[0], whole[-1] * size + part[0]
            whole = range(first, last + 1, whole.step * size if len(whole) > 1 else 1)
        elif len(whole) == 1 and isinstance(part, range):
            base = whole[0] * size
            whole = range(base + part.start, base + part.stop, part.step)
        elif part == range(size) and isinstance(whole, range) and whole.step == 1:
            whole = range(whole.start * size, whole.stop * size)
        else:
            whole = tuple(outer * size + inner for outer in whole for inner in part)
    return whole


def ranges_text(keys: KeySet, indices: Iterable[int], *, limit: int = _SHOWN) -> str:
    """Return indices for people: ``2013-01-01..2013-03-31, 2013-04-02 and 3 more``.

    Keys of several dimensions run along the first: ``2013-01-01..2013-01-31|UA``, with ``*`` for whole rows.
    """
    runs = list(_rows(keys, indices) if isinstance(keys, MultiKeys) else _named_runs(keys, _runs(indices)))
    left = sum(count for _, _, _, count in runs)
    texts: list[str] = []
    for low, high, rest, count in runs:
        # Two keys are said one by one: a range of two reads like more.
        parts = [low + rest, high + rest] if low != high and count == _PAIR else [_ranged(low, high) + rest]
        for part in parts:
            if len(texts) == limit:
                return f"{', '.join(texts)} and {left} more"
            texts.append(part)
            left -= count // len(parts)
    return ", ".join(texts)


def _ranged(low: str, high: str) -> str:
    return low if low == high else f"{low}{_RANGE}{high}"


def _runs(indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    if isinstance(indices, range) and indices.step == 1:
        if indices:
            yield indices[0], indices[-1]
        return
    first = last = -2
    for index in sorted(set(indices)):
        if index != last + 1:
            if last >= 0:
                yield first, last
            first = index
        last = index
    if last >= 0:
        yield first, last


_Run = tuple[str, str, str, int]
"""First and last key of a run, what every key of it has after that, and how many keys it has."""


def _named_runs(keys: KeySet, runs: Iterable[tuple[int, int]]) -> Iterator[_Run]:
    for first, last in runs:
        yield keys[first], keys[last], "", last - first + 1


def _rows(keys: MultiKeys, indices: Iterable[int]) -> Iterator[_Run]:
    """Give runs along the first dimension: of whole rows, and of what is left by the other dimensions' keys."""
    outer, inner = keys.dimensions[0][1], MultiKeys(keys.dimensions[1:])
    row, found, left = len(inner), list[tuple[int, int, int]](), dict[int, list[int]]()
    for first, last in _runs(indices):
        head, tail = -(-first // row), (last + 1) // row
        if head < tail:
            found.append((head, tail - 1, -1))
        for index in (
            range(first, last + 1) if head >= tail else (*range(first, head * row), *range(tail * row, last + 1))
        ):
            left.setdefault(index % row, []).append(index // row)
    found += [(first, last, rest) for rest, places in left.items() for first, last in _runs(places)]
    for first, last, rest in sorted(found, key=lambda run: (run[0], run[2])):
        whole = SEPARATOR + SEPARATOR.join([_EVERY] * len(inner.dimensions)) if rest < 0 else SEPARATOR + inner[rest]
        yield outer[first], outer[last], whole, (last - first + 1) * (row if rest < 0 else 1)
