"""The events of a watcher, in one stream with those of its builds."""

from __future__ import annotations

from typing import Any

from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem
from assetbuild.materialize.events import Event

__all__ = [
    "BuildCutOff",
    "BuildFailed",
    "BuildRequested",
    "DefinitionsBroken",
    "DefinitionsMended",
    "NothingAffected",
    "Noticed",
    "SomethingChanged",
    "WatchIdle",
    "WatchStarted",
    "WatchStopped",
]


@dataclass(frozen=True, slots=True)
class WatchStarted(Event):
    """The watcher watches: so many files and folders, by ``mode`` (``events`` or ``polling``)."""

    pid: int
    project: str
    selection: tuple[str, ...]
    assets: int
    files: int
    folders: int
    mode: str
    health_port: int | None = None


@dataclass(frozen=True, slots=True)
class SomethingChanged(Event):
    """Files changed that the graph reads; ``everything`` when events were lost and all was compared."""

    paths: tuple[str, ...]
    everything: bool = False


@dataclass(frozen=True, slots=True)
class NothingAffected(Event):
    """What changed makes no asset stale, so nothing is built; ``failing`` names assets that still fail."""

    paths: tuple[str, ...]
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinitionsBroken(Event):
    """The project does not load: what is wrong. The last good graph stays, and nothing is built until it is mended."""

    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """Return each problem with its message and place."""
        problems = [{"message": str(one), "file": one.file, "line": one.line} for one in self.problems]
        return {"event": "DefinitionsBroken", "problems": problems}


@dataclass(frozen=True, slots=True)
class DefinitionsMended(Event):
    """The project loads again."""


@dataclass(frozen=True, slots=True)
class BuildRequested(Event):
    """A build begins for a reason: ``start``, ``change``, ``key``, or what a sensor or schedule says."""

    reason: str
    selection: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildCutOff(Event):
    """What was running has become obsolete: these assets were cut off, and are built again."""

    assets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildFailed(Event):
    """A build could not be made at all, such as for a full disk."""

    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the problems as text."""
        return {"event": "BuildFailed", "problems": [{"message": str(one)} for one in self.problems]}


@dataclass(frozen=True, slots=True)
class Noticed(Event):
    """Something that should be said once, such as a sensor that raised."""

    text: str


@dataclass(frozen=True, slots=True)
class WatchIdle(Event):
    """There is nothing left to do; ``state`` is ``fresh``, ``failing`` or ``broken``."""

    state: str
    failing: tuple[str, ...] = ()
    next_tick: float | None = None


@dataclass(frozen=True, slots=True)
class WatchStopped(Event):
    """The watcher ends, and why."""

    reason: str
