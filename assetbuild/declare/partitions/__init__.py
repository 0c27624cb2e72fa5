"""Partitions: what a user says about the keys of an asset that is built piece by piece.

    keysets   ``KeySet``: the keys of one definition today, by index; ranges of them as text
    base      ``PartitionsDefinition``: what every definition can do; ``Window``
    static    ``Static``; what makes a key unusable
    clock     moments and time zones, as seconds since 1970
    calendar  ``Hourly``, ``Daily``, ``Weekly``, ``Monthly``, ``Yearly``
    cron      ``Cron``
    dynamic   ``Dynamic``
    multi     ``Multi``
    said      ``Offset`` and ``Keys``: which upstream keys a key reads

Pure data: definitions are frozen, equal by value, can be pickled, and touch no disk.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetbuild.declare.partitions.base import PartitionsDefinition, Window
    from assetbuild.declare.partitions.calendar import Daily, Hourly, Monthly, Weekly, Yearly
    from assetbuild.declare.partitions.cron import Cron
    from assetbuild.declare.partitions.dynamic import Dynamic
    from assetbuild.declare.partitions.keysets import KeySet, MultiKeys, TimeKeys, joined, ranges_text
    from assetbuild.declare.partitions.multi import Multi
    from assetbuild.declare.partitions.said import Keys, Offset
    from assetbuild.declare.partitions.static import Static, key_problems
    from assetbuild.declare.partitions.windows import WindowedPartitions

__all__ = [
    "Cron",
    "Daily",
    "Dynamic",
    "Hourly",
    "KeySet",
    "Keys",
    "Monthly",
    "Multi",
    "MultiKeys",
    "Offset",
    "PartitionsDefinition",
    "Static",
    "TimeKeys",
    "Weekly",
    "Window",
    "WindowedPartitions",
    "Yearly",
    "joined",
    "key_problems",
    "ranges_text",
]

_HOMES = {
    "base": ("PartitionsDefinition", "Window"),
    "calendar": ("Daily", "Hourly", "Monthly", "Weekly", "Yearly"),
    "cron": ("Cron",),
    "dynamic": ("Dynamic",),
    "keysets": ("KeySet", "MultiKeys", "TimeKeys", "joined", "ranges_text"),
    "multi": ("Multi",),
    "said": ("Keys", "Offset"),
    "static": ("Static", "key_problems"),
    "windows": ("WindowedPartitions",),
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: a kept graph with days alone needs the calendar alone.
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"assetbuild.declare.partitions.{home}"), name)
            globals()[name] = value
            return value
    message = f"module 'assetbuild.declare.partitions' has no attribute {name!r}"
    raise AttributeError(message)
