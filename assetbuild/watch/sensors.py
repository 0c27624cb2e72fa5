"""Ask sensors and schedules: what they are told, and which of their requests are new."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from assetbuild.declare.automation import ScheduleDefinition, SensorDefinition
from assetbuild.declare.schedules import ScheduleContext
from assetbuild.declare.sensors import SensorContext
from assetbuild.errors import UsageError
from assetbuild.graph.model import Graph
from assetbuild.record.ticks import AutomationState
from assetbuild.watch.evaluation import Answer
from assetbuild.watch.journal import Journal
from assetbuild.watch.requests import Request, requests_of

__all__ = ["Asked", "context_of", "new_requests", "problem_line", "scheduled_text"]

Asked = SensorDefinition | ScheduleDefinition


def context_of(asked: Asked, state: AutomationState, now: float, scheduled_at: float | None) -> Any:
    """Return what the function is told."""
    time = datetime.fromtimestamp(now, UTC)
    if isinstance(asked, SensorDefinition):
        return SensorContext(name=asked.name, cursor=state.cursor, last_run_key=state.last_run_key, now=time)
    tick = datetime.fromtimestamp(now if scheduled_at is None else scheduled_at, ZoneInfo(asked.timezone))
    return ScheduleContext(name=asked.name, scheduled_at=tick, now=time)


def new_requests(
    asked: Asked, answer: Answer, graph: Graph, journal: Journal, *, reason: str
) -> tuple[list[Request], list[Request]]:
    """Return the requests of an answer that are new, and those whose run key was asked for before.

    Raises UsageError when one of them cannot be meant.
    """
    kind = "schedule" if isinstance(asked, ScheduleDefinition) else "sensor"
    requests = requests_of(answer.asked, graph, default=asked.selection, name=asked.name, kind=kind, reason=reason)
    seen = set(journal.seen(kind, asked.name, [request.run_key for request in requests if request.run_key is not None]))
    new: list[Request] = []
    known: list[Request] = []
    for request in requests:
        (known if request.run_key in seen else new).append(request)
        if request.run_key is not None:
            seen.add(request.run_key)
    return new, known


def scheduled_text(scheduled_at: float, timezone: str) -> str:
    """Return a cron tick as people read it, in the time zone of its schedule."""
    return f"{datetime.fromtimestamp(scheduled_at, ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}"


def problem_line(error: Exception) -> str:
    """Return an error in one line."""
    if isinstance(error, UsageError) and error.problems:
        return error.problems[0].headline
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
