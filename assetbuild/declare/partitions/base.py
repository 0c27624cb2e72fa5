"""``PartitionsDefinition``: what every definition of partitions can do."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from assetbuild.declare.partitions.keysets import KeySet
from assetbuild.errors import Problem, closest

__all__ = ["PartitionsDefinition", "Window", "close_key"]

_LISTED = 8
_COMPARED = 20_000  # Above it, looking for the closest key by its letters takes more than a second.


class Window(NamedTuple):
    """The time that a partition is about: from ``start``, up to and without ``end``; both know their time zone."""

    start: datetime
    end: datetime


class PartitionsDefinition:
    """How an asset is split. Base of ``Static``, ``Daily`` and the others; not made by itself."""

    __slots__ = ()

    def key_set(self, now: datetime) -> KeySet:
        """Return the keys there are at ``now``; TypeError when only a build can know them (``Dynamic``)."""
        raise NotImplementedError

    def window(self, key: str) -> Window | None:
        """Return the window of a key; None when the definition has no windows, or the key is none of its form."""
        del key
        return None

    def describe(self) -> str:
        """Return the whole definition as text, the same for equal definitions."""
        raise NotImplementedError

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the arguments, as sentences without a full stop."""
        return ()

    def problem_of(self, key: str, keys: KeySet) -> Problem:
        """Return what to tell about a key that is not one of these."""
        if not len(keys):
            return Problem(
                f"partition {key!r} does not exist: there are no partitions yet",
                (("of", self.describe()),),
                "Add keys, or wait until the first one has begun.",
            )
        known = ", ".join(keys[:_LISTED]) + (f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else "")
        near = close_key(key, keys)
        facts = [("keys", known)] + ([("closest", near)] if near else [])
        return Problem(f"partition {key!r} does not exist", tuple(facts), f"Say {near!r}." if near else "Say a key.")


def close_key(key: str, keys: KeySet) -> str | None:
    """Return the key most like this one, or None when none is near or there are too many to compare."""
    return closest(key, keys) if len(keys) <= _COMPARED else None
