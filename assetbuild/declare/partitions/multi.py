"""``Multi``: partitions in several dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from assetbuild.dataclass import dataclass, replace
from assetbuild.declare.partitions.base import PartitionsDefinition, Window
from assetbuild.declare.partitions.keysets import SEPARATOR, KeySet, MultiKeys
from assetbuild.errors import Problem

__all__ = ["Multi"]

_DIMENSIONS = 2


@dataclass(frozen=True, slots=True, init=False)
class Multi(PartitionsDefinition):
    """Every combination of the keys of its dimensions, written ``2013-01-01|UA`` in declared order.

    ``Multi(date=Daily("2013-01-01"), carrier=Static(["AA", "UA"]))``.
    """

    dimensions: tuple[tuple[str, PartitionsDefinition], ...]

    def __init__(self, **dimensions: PartitionsDefinition) -> None:
        """Take the dimensions by name; ``problems`` says what is wrong with them."""
        object.__setattr__(self, "dimensions", tuple(dimensions.items()))

    def __reduce__(self) -> tuple[object, ...]:
        """Make it anew from its dimensions."""
        return _made, (self.dimensions,)

    def key_set(self, now: datetime) -> KeySet:
        """Return the combinations of the dimensions' keys; TypeError when a dimension is ``Dynamic``."""
        return _key_set(tuple((name, inner.key_set(now)) for name, inner in self.dimensions))

    def key_set_of(self, sets: Mapping[str, KeySet]) -> KeySet:
        """Return the combinations of these keys, by dimension: for a plan, which knows those of ``Dynamic``."""
        return _key_set(tuple((name, sets[name]) for name, _ in self.dimensions))

    def split(self, key: str) -> dict[str, str] | None:
        """Return the key of each dimension; None when the text has not one part for each."""
        parts = key.split(SEPARATOR)
        if len(parts) != len(self.dimensions):
            return None
        return {name: part for (name, _), part in zip(self.dimensions, parts, strict=True)}

    def window(self, key: str) -> Window | None:
        """Return the window of the one dimension that has windows; None when none has, or several have."""
        parts = self.split(key) or {}
        windows = [inner.window(parts[name]) for name, inner in self.dimensions if name in parts]
        found = [window for window in windows if window is not None]
        return found[0] if len(found) == 1 else None

    def describe(self) -> str:
        """Return the whole definition as text."""
        return f"Multi({', '.join(f'{name}={inner.describe()}' for name, inner in self.dimensions)})"

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the dimensions."""
        found = []
        if len(self.dimensions) < _DIMENSIONS:
            found.append(f"Multi needs two dimensions or more, and has {len(self.dimensions)}")
        for name, inner in self.dimensions:
            if not isinstance(inner, PartitionsDefinition):
                found.append(f"dimension {name!r} of Multi is no definition of partitions: {inner!r}")
            elif isinstance(inner, Multi):
                found.append(f"dimension {name!r} of Multi is a Multi: name its dimensions here")
            else:
                found += [f"dimension {name!r}: {problem}" for problem in inner.problems()]
                bad = [key for key in getattr(inner, "keys", ()) if SEPARATOR in str(key)]
                found += [f"dimension {name!r}: the key {key!r} has a '|', which joins the dimensions" for key in bad]
        return tuple(found)

    def problem_of(self, key: str, keys: KeySet) -> Problem:
        """Return which dimension of a key is wrong, and how."""
        form = SEPARATOR.join(name for name, _ in self.dimensions)
        example = (("example", keys[0]),) if len(keys) else ()
        parts = key.split(SEPARATOR)
        if len(parts) != len(self.dimensions) or not isinstance(keys, MultiKeys):
            return Problem(
                f"{key!r} is no key of {len(self.dimensions)} dimensions",
                (("form", form), *example),
                "Say one key for each dimension, joined by '|'; '*' stands for all of them.",
            )
        for part, (name, inner), (_, inner_keys) in zip(parts, self.dimensions, keys.dimensions, strict=True):
            if inner_keys.index_of(part) is None:
                problem = inner.problem_of(part, inner_keys)
                return replace(problem, facts=(("in", f"{key} (dimension {name!r})"), *problem.facts))
        return PartitionsDefinition.problem_of(self, key, keys)


def _made(dimensions: tuple[tuple[str, PartitionsDefinition], ...]) -> Multi:
    return Multi(**dict(dimensions))


@lru_cache(maxsize=256)
def _key_set(dimensions: tuple[tuple[str, KeySet], ...]) -> MultiKeys:
    return MultiKeys(dimensions)
