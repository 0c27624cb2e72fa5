"""Partition mappings: which keys of an upstream each key of an asset reads.

In: what ``Input(partitions=...)`` says, or nothing, and the definitions of both sides. Out: a ``Mapping``, frozen,
which ``bind`` turns into indices once the keys are known. Without a word, a key reads

    same kind of definition           the same key
    no partitions over partitions     all keys
    a coarser window over a finer     the windows that start in it (a month: its days)
    a finer window over a coarser     the window that contains its start (a day: its month)
    several dimensions                each by the dimension of its name or kind; the others whole
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.partitions import (
    Cron,
    Dynamic,
    Keys,
    KeySet,
    Multi,
    MultiKeys,
    Offset,
    PartitionsDefinition,
    Static,
    Weekly,
    WindowedPartitions,
)
from assetbuild.errors import closest
from assetbuild.graph import bound
from assetbuild.graph.bound import BoundMapping, earlier_only, first_not_earlier

__all__ = ["BoundMapping", "Mapping", "earlier_only", "first_not_earlier", "resolve_mapping"]

_WORDS = ("same", "all", "last")
_ALIKE = 0.1
_ASKED = 3


@dataclass(frozen=True, slots=True)
class Mapping:
    """A resolved mapping. Which keys it names is part of a build key by itself; ``kind`` says how it came to them."""

    kind: str
    """whole, same, all, last, offset, time, keys, function or dimensions."""
    text: str
    """The whole mapping, canonical."""
    is_many: bool
    """Many keys are loaded, as one table or a mapping of key to value; else exactly one, as its value."""

    @property
    def needs_function(self) -> bool:
        """Return whether binding needs the user's function, which a kept graph does not have."""
        return False

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        """Return the mapping between these keys; None for a side without partitions, whose one value has index 0."""
        del down
        if self.kind == "last" and up is not None:
            count = int(self.text.partition(" ")[2] or 1)
            missing = () if len(up) else ("last",)
            return bound.Fixed(range(max(len(up) - count, 0), len(up)), missing)
        return bound.Fixed(range(1 if up is None else len(up)))


@dataclass(frozen=True, slots=True)
class _Same(Mapping):
    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        return bound.Same(_keys(down), _keys(up))


@dataclass(frozen=True, slots=True)
class _Shifted(Mapping):
    shift: tuple[int, int]
    upstream: PartitionsDefinition

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        return bound.Shifted(_keys(down), _keys(up), self.shift, self.upstream)


@dataclass(frozen=True, slots=True)
class _Time(Mapping):
    definitions: tuple[WindowedPartitions, WindowedPartitions]

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        kind = bound.Within if self.is_many else bound.Containing
        return kind(_keys(down), _keys(up), self.definitions)


@dataclass(frozen=True, slots=True)
class _Listed(Mapping):
    names: tuple[str, ...]

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        del down
        return bound.named(_keys(up), self.names)


@dataclass(frozen=True, slots=True)
class _ByName(Mapping):
    said: tuple[tuple[str, tuple[str, ...]], ...]
    allow_missing: bool

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        return bound.ByName(_keys(down), _keys(up), dict(self.said), allow_missing=self.allow_missing)


@dataclass(frozen=True, slots=True)
class _ByFunction(Mapping):
    name: str
    function: Callable[[str], Any] | None = field(compare=False)

    @property
    def needs_function(self) -> bool:
        return True

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        return bound.ByFunction(_keys(down), _keys(up), self.function, self.name, is_many=self.is_many)

    def __reduce__(self) -> tuple[Any, ...]:
        # A kept graph has no functions.
        return _ByFunction, (self.kind, self.text, self.is_many, self.name, None)


@dataclass(frozen=True, slots=True)
class _ByDimension(Mapping):
    pieces: tuple[tuple[int | None, Mapping], ...]

    @property
    def needs_function(self) -> bool:
        return any(piece.needs_function for _, piece in self.pieces)

    def bind(self, down: KeySet | None, up: KeySet | None) -> BoundMapping:
        downs = [keys for _, keys in down.dimensions] if isinstance(down, MultiKeys) else [down]
        keys = _keys(up)
        ups = [inner for _, inner in keys.dimensions] if isinstance(keys, MultiKeys) else [keys]
        pieces = [
            (at, piece.bind(None if at is None else downs[at], inner))
            for (at, piece), inner in zip(self.pieces, ups, strict=True)
        ]
        return bound.ByDimension(down, keys, pieces)


def _keys(keys: KeySet | None) -> KeySet:
    return KeySet(()) if keys is None else keys


def resolve_mapping(said: Any, down: PartitionsDefinition | None, up: PartitionsDefinition | None) -> Mapping:
    """Return the mapping between an asset and its upstream; ``said`` is None where the input says nothing.

    Raises ValueError, with a sentence for the user, when it makes no sense, or none can be assumed.
    """
    if up is None:
        if said is not None:
            message = f"partitions={_shown(said)} is said of an upstream without partitions: drop it"
            raise ValueError(message)
        return Mapping("whole", "whole", is_many=False)
    if isinstance(said, (list, tuple, set, frozenset)):
        return _listed(said)
    if said == "all" or (said is None and down is None):
        return Mapping("all", "all", is_many=True)
    if isinstance(said, Keys):
        return _by_name(said, down)
    if callable(said):
        return _by_function(said, down)
    if isinstance(up, Multi) or isinstance(down, Multi):
        return _by_dimension(said, down, up)
    if isinstance(said, dict):
        message = "a dict of partitions is for upstreams of several dimensions: write Keys({...}) for names"
        raise ValueError(message)  # noqa: TRY004  # a bad definition, as all others
    return _simple(said, down, up)


def _simple(said: Any, down: PartitionsDefinition | None, up: PartitionsDefinition) -> Mapping:
    """Return the mapping between two definitions of one dimension."""
    if isinstance(said, str):
        if (count := _last(said)) is not None:
            return Mapping("last", said, is_many=count > 1 or said != "last")
        if said != "same":
            near = closest(said, _WORDS)
            hint = f" (closest: {near!r})" if near else ""
            message = f"partitions={said!r} is no mapping{hint}: write 'same', 'all', 'last' or a list of keys"
            raise ValueError(message)
    if said is not None and said != "same" and not isinstance(said, Offset):
        message = (
            f"partitions={_shown(said)} is no mapping: write 'same', 'all', 'last', Offset, Keys, a list or function"
        )
        raise ValueError(message)
    if down is None:
        message = f"partitions={_shown(said)} needs a key to count from, and this asset has no partitions"
        raise ValueError(message)
    relation = _relation(down, up)
    if isinstance(said, Offset):
        return _shifted(said, down, up, relation)
    if relation == "same":
        return _Same("same", "same", is_many=False)
    if said == "same" or relation == "":
        why = "windows of another length" if relation else "keys of another kind"
        if said == "same" and relation == "" and not _both_windows(down, up):
            return _Same("same", "same", is_many=False)
        message = f"{down.describe()} over {up.describe()}: these are {why}; " + (
            "drop partitions='same'" if relation else 'say which are read: partitions="all", Keys({...}) or a function'
        )
        raise ValueError(message)
    assert isinstance(down, WindowedPartitions)  # noqa: S101  # what a relation other than same or none means
    assert isinstance(up, WindowedPartitions)  # noqa: S101
    return _Time("time", "time", is_many=relation == "coarser", definitions=(down, up))


def _both_windows(down: PartitionsDefinition, up: PartitionsDefinition) -> bool:
    return isinstance(down, WindowedPartitions) and isinstance(up, WindowedPartitions)


def _relation(down: PartitionsDefinition, up: PartitionsDefinition) -> str:
    """Return how definitions of one dimension relate: same (keys have one form), coarser, finer, or ''."""
    if isinstance(down, WindowedPartitions) and isinstance(up, WindowedPartitions):
        return _windows(down, up)
    if isinstance(down, Dynamic) or isinstance(up, Dynamic):
        return "same"
    if isinstance(down, Static) and isinstance(up, Static):
        return "same" if set(down.keys) & set(up.keys) else ""
    names, other = (down, up) if isinstance(down, Static) else (up, down)
    return "same" if isinstance(names, Static) and all(other.window(key) is not None for key in names.keys) else ""


def _windows(down: WindowedPartitions, up: WindowedPartitions) -> str:
    if type(down) is type(up) and not isinstance(down, (Cron, Weekly)):
        return "same"
    if isinstance(down, Cron) and isinstance(up, Cron) and down.schedule == up.schedule:
        return "same"
    if isinstance(down, Weekly) and isinstance(up, Weekly) and down.weekday == up.weekday:
        return "same"
    ratio = down.period_s() / up.period_s()
    if abs(ratio - 1) < _ALIKE:
        return ""
    return "coarser" if ratio > 1 else "finer"


def _shifted(said: Offset, down: PartitionsDefinition, up: PartitionsDefinition, relation: str) -> Mapping:
    first, last = said.start, said.start if said.end is None else said.end
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in (first, last)) or first > last:
        message = f"{_shown(said)} is no window of keys: write Offset(first, last), with first <= last"
        raise ValueError(message)
    if relation not in {"same", "finer"}:
        message = (
            f"{_shown(said)} counts upstream keys, and {down.describe()} over {up.describe()} has none to count from"
        )
        raise ValueError(message)
    text = f"offset {first}..{last}"
    return _Shifted("offset", text, is_many=said.end is not None, shift=(first, last), upstream=up)


def _last(said: str) -> int | None:
    word, _, count = said.partition(" ")
    if word != "last" or (count and not (count.isdecimal() and int(count))):
        return None
    return int(count or 1)


def _listed(said: typing.Iterable[Any]) -> Mapping:
    names = tuple(said)
    if not names or not all(isinstance(name, str) for name in names):
        message = f"partitions={_shown(said)} is no list of keys"
        raise ValueError(message)
    ordered = sorted(set(names))
    return _Listed("keys", f"keys {_canonical(ordered)}", is_many=True, names=tuple(ordered))


def _by_name(said: Keys, down: PartitionsDefinition | None) -> Mapping:
    if down is None:
        message = "Keys is by the keys of this asset, which has no partitions: write a list of upstream keys"
        raise ValueError(message)
    if not said.said:
        message = "Keys names no keys"
        raise ValueError(message)
    names = tuple((key, (up,) if isinstance(up, str) else up) for key, up in said.said)
    if not all(isinstance(name, str) for key, ups in names for name in (key, *ups)):
        message = "Keys is of texts: a key, and its upstream key or a list of them"
        raise ValueError(message)
    is_many = not all(isinstance(up, str) for _, up in said.said)
    text = f"keys {_canonical({key: sorted(set(ups)) for key, ups in names})}"
    text += ", missing allowed" if said.allow_missing else ""
    return _ByName("keys", text, is_many=is_many, said=names, allow_missing=bool(said.allow_missing))


def _by_function(said: Callable[[str], Any], down: PartitionsDefinition | None) -> Mapping:
    name = getattr(said, "__qualname__", type(said).__name__)
    if down is None:
        message = f"the mapping {name}() takes a key of this asset, which has no partitions"
        raise ValueError(message)
    is_many = _gives_many(said, down)
    return _ByFunction("function", f"function {name}", is_many=is_many, name=f"{name}()", function=said)


def _gives_many(said: Callable[[str], Any], down: PartitionsDefinition) -> bool:
    """Return whether a function gives lists of keys: as it is annotated, or else as it does for a first key."""
    if (returned := getattr(said, "__annotations__", {}).get("return")) is not None:
        return returned not in {str, "str"}
    try:
        keys = down.key_set(datetime.now(UTC))[:_ASKED]
        given = next((given for key in keys if (given := said(key)) is not None), None)
    except Exception:  # noqa: BLE001  # keys that only a plan knows; what the function raises is told when it is used
        return True
    return not isinstance(given, str)


def _by_dimension(said: Any, down: PartitionsDefinition | None, up: PartitionsDefinition) -> Mapping:
    """Return the mapping between definitions of which at least one has several dimensions."""
    downs, ups = _dimensions(down), _dimensions(up)
    by_name = _said_by_dimension(said, downs, ups)
    pieces: list[tuple[int | None, Mapping]] = []
    texts = []
    for name, of in ups:
        at = _read_by(name, of, downs)
        inner = by_name.get(name) if name else by_name.get(downs[at][0] if at is not None else "")
        try:
            if at is None:
                if said == "same":
                    message = "nothing of this asset has the same keys"
                    raise ValueError(message)  # noqa: TRY301  # named below, as the others
                piece = resolve_mapping(inner, None, of)
            else:
                piece = resolve_mapping(inner, downs[at][1], of)
        except ValueError as error:
            message = f"dimension {name!r}: {error}" if name else str(error)
            raise ValueError(message) from None
        pieces.append((at, piece))
        read_by = "" if at is None or downs[at][0] in {name, ""} else f" by {downs[at][0]}"
        texts.append(f"{name or 'key'}{read_by}={piece.text}")
    if downs == ups and all(piece.kind == "same" and at == number for number, (at, piece) in enumerate(pieces)):
        return _Same("same", "same", is_many=False)
    is_many = any(piece.is_many for _, piece in pieces)
    return _ByDimension("dimensions", f"dimensions {', '.join(texts)}", is_many=is_many, pieces=tuple(pieces))


def _dimensions(definition: PartitionsDefinition | None) -> Sequence[tuple[str, PartitionsDefinition]]:
    if definition is None:
        return ()
    return definition.dimensions if isinstance(definition, Multi) else (("", definition),)


def _said_by_dimension(said: Any, downs: Sequence[tuple[str, Any]], ups: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return what is said of each dimension: upstream's, or this asset's where upstream has but one."""
    if said is None or said == "same":
        return {}
    names = [name for name, _ in ups if name] or [name for name, _ in downs if name]
    if isinstance(said, dict):
        if unknown := [name for name in said if name not in names]:
            near = closest(str(unknown[0]), names)
            hint = f" (closest: {near!r})" if near else ""
            message = f"there is no dimension {unknown[0]!r}{hint}: there are {', '.join(map(repr, names))}"
            raise ValueError(message)
        return said
    if len(ups) == 1:
        at = _read_by("", ups[0][1], downs)
        return {downs[at][0] if at is not None else "": said}
    if isinstance(said, Offset):
        windowed = [name for name, of in ups if isinstance(of, WindowedPartitions)]
        if len(windowed) == 1:
            return {windowed[0]: said}
    message = f"partitions={_shown(said)} of {len(ups)} dimensions: say it by dimension, {{{names[0]!r}: ...}}"
    raise ValueError(message)


def _read_by(name: str, of: PartitionsDefinition, downs: Sequence[tuple[str, PartitionsDefinition]]) -> int | None:
    """Return which dimension of this side an upstream dimension goes by: of its name, equal, of its kind, related."""
    if name:
        for at, (own, _) in enumerate(downs):
            if own == name:
                return at
    for fits in (
        lambda inner: inner == of,
        lambda inner: type(inner) is type(of) and _relation(inner, of) == "same",
        lambda inner: isinstance(inner, WindowedPartitions) and isinstance(of, WindowedPartitions),
    ):
        found = [at for at, (_, inner) in enumerate(downs) if fits(inner)]
        if len(found) == 1:
            return found[0]
    if not name and len(downs) == 1:
        return 0
    return None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _shown(said: Any) -> str:
    if isinstance(said, Offset):
        return f"Offset({said.start})" if said.end is None else f"Offset({said.start}, {said.end})"
    return repr(sorted(said)) if isinstance(said, (set, frozenset)) else repr(said)
