"""Options: how to watch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from assetbuild.dataclass import dataclass
from assetbuild.materialize.events import Event
from assetbuild.project import Project

__all__ = ["Keys", "WatchOptions"]


class Keys(Protocol):
    """Keys that a person presses: ``r`` rebuild, ``f`` force, ``q`` quit; others go to ``on_key``."""

    @property
    def ready(self) -> Any:
        """What to wait on: it has ``fileno`` and ``poll``."""

    def take(self) -> str:
        """Return the keys that were pressed since."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How to watch. ``poll_s`` looks for changes in intervals, ``quiet_s`` is how long a burst must be over.

    ``partition``, ``latest`` and ``missing_only`` are as in ``Project.materialize``.
    """

    selection: tuple[str, ...] = ()
    partition: str | None = None
    latest: int | None = None
    missing_only: bool = False
    jobs: int | None = None
    keep_going: bool = True
    on_change: Literal["finish", "restart"] = "finish"
    poll_s: float | None = None
    quiet_s: float = 0.03
    config_file: Path | None = None
    health: Path | None = None
    health_port: int | None = None
    on_event: Callable[[Event], None] = lambda _event: None
    keys: Keys | None = None
    on_key: Callable[[str, Project], None] = lambda _key, _project: None

    @property
    def has_keys(self) -> bool:
        """Whether only some partitions of each asset are watched."""
        return self.partition is not None or self.latest is not None

    @property
    def choice(self) -> dict[str, Any]:
        """Which partitions to build, as ``Project.plan`` and ``Project.materialize`` take them."""
        return {"partition": self.partition, "latest": self.latest, "missing_only": self.missing_only}
