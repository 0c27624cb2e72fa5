"""``Static``: partitions by names that are written down; and what makes a key unusable."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from assetbuild.dataclass import dataclass
from assetbuild.declare.keys import path_part
from assetbuild.declare.partitions.base import PartitionsDefinition
from assetbuild.declare.partitions.keysets import KeySet

__all__ = ["Static", "key_problems", "usable_problem"]

_KEY_BYTES = 180  # As for a part of an asset key: a file name may have 255 bytes.
_REPORTED = 5


@dataclass(frozen=True, slots=True, init=False)
class Static(PartitionsDefinition):
    """Partitions with these names, in this order: ``Static(["AA", "UA"])``."""

    keys: tuple[str, ...]

    def __init__(self, keys: Iterable[str]) -> None:
        """Take the names; ``problems`` says what is wrong with them."""
        said: Iterable[object] = keys if isinstance(keys, Iterable) else (keys,)
        # One text is a list that was forgotten: kept whole, so that it is reported and not split into letters.
        names = (keys,) if isinstance(keys, str) else tuple(said)
        object.__setattr__(
            self,
            "keys",
            tuple(unicodedata.normalize("NFC", name) if isinstance(name, str) else name for name in names)
            if not isinstance(keys, str)
            else (_Text(keys),),
        )

    def key_set(self, now: datetime) -> KeySet:
        """Return the names; they are the same at any time."""
        del now
        return _key_set(self)

    def describe(self) -> str:
        """Return the whole definition as text."""
        return f"Static({', '.join(map(str, self.keys))})"

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the names."""
        if self.keys and isinstance(self.keys[0], _Text):
            return (f"the keys of Static are a list, not text: write Static([{str(self.keys[0])!r}])",)
        if not self.keys:
            return ("Static has no keys",)
        return key_problems(self.keys)


class _Text(str):
    """A text that was given where a list of texts belongs."""

    __slots__ = ()


@lru_cache(maxsize=256)
def _key_set(definition: Static) -> KeySet:
    return KeySet(definition.keys)


def key_problems(keys: Sequence[object]) -> tuple[str, ...]:
    """Return what is wrong with keys that a user, a function or a value gave: none may be unusable or come twice."""
    found = [problem for key in keys if (problem := usable_problem(key))]
    texts = [key for key in keys if isinstance(key, str)]
    if len(set(texts)) < len(texts):
        found += [f"the partition key {key!r} is there {count} times" for key, count in _often(texts)]
    folded = Counter(key.casefold() for key in set(texts))
    if len(folded) < len(set(texts)):
        for shared in sorted(key for key, count in folded.items() if count > 1):
            names = sorted(key for key in set(texts) if key.casefold() == shared)
            found.append(f"the partition keys {names[0]!r} and {names[1]!r} share a file on disks that fold case")
    more = len(found) - _REPORTED
    return tuple(found[:_REPORTED]) + ((f"{more} more keys like these",) if more > 0 else ())


def _often(keys: Sequence[str]) -> list[tuple[str, int]]:
    return [(key, count) for key, count in Counter(keys).items() if count > 1]


def usable_problem(key: object) -> str:
    """Return why this cannot be the key of a partition, or ''."""
    if not isinstance(key, str):
        return f"a partition key is text, not {type(key).__name__}: {key!r}"
    if not key:
        return "a partition key is empty"
    if key in {".", "*"} or ".." in key:
        return f"the partition key {key!r} cannot be used: '.', '*' and '..' have another meaning"
    if "/" in key or "\\" in key:
        return f"the partition key {key!r} cannot be used: a slash would be a folder"
    if key != key.strip():
        return f"the partition key {key!r} begins or ends with a space"
    if not key.isprintable():
        return f"the partition key {key!r} has a control character"
    if len(key) * 12 > _KEY_BYTES and len(path_part(key)) > _KEY_BYTES:
        return f"the partition key {key[:24] + '...'!r} is too long for a file name"
    return ""
