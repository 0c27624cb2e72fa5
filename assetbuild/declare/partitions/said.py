"""``Offset`` and ``Keys``: what ``Input(partitions=...)`` may say about the upstream keys that a key reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assetbuild.dataclass import dataclass

__all__ = ["Keys", "Offset"]


@dataclass(frozen=True, slots=True)
class Offset:
    """Upstream keys counted from the same key: ``Offset(-1)`` the one before, ``Offset(-6, 0)`` the last seven."""

    start: int
    end: int | None = None


@dataclass(frozen=True, slots=True, init=False)
class Keys:
    """Upstream keys by name: ``Keys({"north": ["de", "dk"], "south": ["it"]})``.

    An upstream key that does not exist is an error, unless ``allow_missing``.
    """

    said: tuple[tuple[str, str | tuple[str, ...]], ...]
    allow_missing: bool = False

    def __init__(self, keys: Mapping[str, str | Sequence[str]], *, allow_missing: bool = False) -> None:
        """Take downstream key to upstream key or keys; the graph checks them."""
        said = tuple((down, up if isinstance(up, str) else tuple(up)) for down, up in keys.items())
        object.__setattr__(self, "said", said)
        object.__setattr__(self, "allow_missing", allow_missing)
