"""``schedule``: a build at the ticks of a cron text, of a selection or of what a function asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, overload

from assetbuild.declare.assets import described
from assetbuild.declare.automation import (
    Function,
    ScheduleDefinition,
    Selection,
    declared_function,
    declared_name,
    declared_origin,
    declared_seconds,
    selected,
)
from assetbuild.declare.collect import caller_origin, declare
from assetbuild.declare.definitions import Origin

__all__ = ["ScheduleContext", "schedule"]


class ScheduleContext:
    """What a schedule is told at one tick.

    ``scheduled_at`` is the tick, in the schedule's time zone; ``now`` the time, in UTC; ``log`` a logger whose lines
    are kept with the tick.
    """

    def __init__(
        self, *, name: str = "schedule", scheduled_at: datetime | None = None, now: datetime | None = None
    ) -> None:
        """Make a context by hand, as a unit test of a schedule does."""
        self.name = name
        self.now = datetime.now(UTC) if now is None else now
        self.scheduled_at = self.now if scheduled_at is None else scheduled_at
        self.log = logging.getLogger(f"assetbuild.schedule.{name}")


@overload
def schedule(
    name: str,
    cron: str,
    /,
    *,
    timezone: str = "UTC",
    selection: Selection = None,
    catch_up: str = "once",
    description: str | None = None,
) -> ScheduleDefinition: ...
@overload
def schedule(
    cron: str,
    /,
    *,
    timezone: str = "UTC",
    selection: Selection = None,
    catch_up: str = "once",
    name: str | None = None,
    timeout: Any = "60s",
    description: str | None = None,
) -> Callable[[Function], ScheduleDefinition]: ...
def schedule(  # noqa: PLR0913  # what users may say, by keyword
    first: str,
    second: str | None = None,
    /,
    *,
    timezone: str = "UTC",
    selection: Selection = None,
    catch_up: str = "once",
    name: str | None = None,
    timeout: Any = "60s",
    description: str | None = None,
) -> ScheduleDefinition | Callable[[Function], ScheduleDefinition]:
    """Declare a schedule: a build at every tick of a cron text.

    ``schedule("nightly", "0 6 * * *", selection="group:reports")`` asks for that selection. With the cron text alone it
    is a decorator of a function that takes a ``ScheduleContext``, or nothing, and returns or yields ``RunRequest``.
    Ticks that went by while nothing watched are made up for ``"once"``, or with ``catch_up="skip"`` are not.
    """

    def declared(
        named: str, text: str, function: Function | None, origin: Origin, problems: list[str]
    ) -> ScheduleDefinition:
        if catch_up not in {"once", "skip"}:
            problems.append(f"catch_up={catch_up!r} is not known: write 'once' or 'skip'")
        definition = ScheduleDefinition(
            name=named,
            origin=origin,
            cron=text,
            timezone=timezone,
            catch_up=catch_up,
            function=function,
            selection=selected(selection, problems),
            timeout_s=declared_seconds("timeout", timeout, problems),
            description=description if description is not None or function is None else described(function),
            problems=tuple(problems),
        )
        declare(definition)
        return definition

    def decorate(function: Function) -> ScheduleDefinition:
        problems: list[str] = []
        function = declared_function(function, problems)
        return declared(
            declared_name(function, name), first, function, declared_origin(function, caller_origin(1)), problems
        )

    if second is None:
        return decorate
    problems = [] if name is None else ["its name is said twice"]
    return declared(first, second, None, caller_origin(1), problems)
