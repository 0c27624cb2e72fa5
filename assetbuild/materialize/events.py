"""The events of a build: one typed stream for the terminal, the log, the record and the tests."""

from __future__ import annotations

import json
import time
from typing import Any

from assetbuild.dataclass import dataclass
from assetbuild.materialize.report import Outcome
from assetbuild.plan.model import Plan

__all__ = [
    "AssetFinished",
    "AssetOutput",
    "AssetProgress",
    "AssetRetried",
    "AssetStarted",
    "Event",
    "RunFinished",
    "RunPlanned",
    "RunStarted",
    "RunStopping",
    "Waiting",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a build."""

    def as_json(self) -> dict[str, Any]:
        """Return the event as a JSON object with its name under ``event``."""
        from dataclasses import asdict  # noqa: PLC0415  # only for --json and --events

        return {"event": type(self).__name__, **asdict(self)}

    def as_line(self) -> str:
        """Return the event, as of now, as one line of JSON."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        said = self.as_json()
        return json.dumps({"event": said.pop("event"), "time": stamp, **said}, default=str)


@dataclass(frozen=True, slots=True)
class Waiting(Event):
    """Another build holds the project; ``holder`` names it."""

    holder: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run has begun."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunPlanned(Event):
    """The plan is made; nothing has run yet."""

    plan: Plan

    def as_json(self) -> dict[str, Any]:
        """Return the counts of the plan."""
        return {"event": "RunPlanned", "counts": self.plan.counts()}


@dataclass(frozen=True, slots=True)
class AssetStarted(Event):
    """An asset function is about to be called; ``expected_s`` is the last duration, None when never built."""

    asset: str
    partition: str | None
    attempt: int = 1
    expected_s: float | None = None


@dataclass(frozen=True, slots=True)
class AssetProgress(Event):
    """A running asset says how far it is."""

    asset: str
    partition: str | None
    done: float
    total: float | None


@dataclass(frozen=True, slots=True)
class AssetOutput(Event):
    """What an asset wrote to stdout, stderr and its log in an attempt that has ended; of much, the last 64 KB."""

    asset: str
    partition: str | None
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class AssetRetried(Event):
    """An attempt failed and another follows."""

    asset: str
    partition: str | None
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class AssetFinished(Event):
    """An asset has its outcome: built, restored, fresh, failed or skipped."""

    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """Return the outcome's fields."""
        return {"event": "AssetFinished", **self.outcome.as_json()}


@dataclass(frozen=True, slots=True)
class RunStopping(Event):
    """The user asked to stop: nothing new starts, and what runs, ``assets``, is ended unless it finishes in time."""

    run_id: str
    assets: tuple[str, ...]
    grace_s: float


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The run is over."""

    run_id: str
    status: str
    seconds: float
