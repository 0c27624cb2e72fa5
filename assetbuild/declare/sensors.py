"""``@sensor``: a function becomes a sensor, which watch mode asks what should be built."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, overload

from assetbuild.declare.assets import described
from assetbuild.declare.automation import (
    Function,
    Selection,
    SensorDefinition,
    declared_function,
    declared_name,
    declared_origin,
    declared_seconds,
    selected,
)
from assetbuild.declare.collect import caller_origin, declare

__all__ = ["SensorContext", "sensor"]


class SensorContext:
    """What a sensor is told, and can say, at one tick.

    ``cursor`` is what it set last: text, None at first. ``last_run_key`` is that of its latest request, ``now`` the
    time, in UTC, and ``log`` a logger whose lines are kept with the tick.
    """

    def __init__(
        self,
        *,
        name: str = "sensor",
        cursor: str | None = None,
        last_run_key: str | None = None,
        now: datetime | None = None,
    ) -> None:
        """Make a context by hand, as a unit test of a sensor does."""
        self.name = name
        self.cursor = cursor
        self.last_run_key = last_run_key
        self.now = datetime.now(UTC) if now is None else now
        self.log = logging.getLogger(f"assetbuild.sensor.{name}")


@overload
def sensor(function: Function, /) -> SensorDefinition: ...
@overload
def sensor(
    *,
    every: Any = "30s",
    name: str | None = None,
    selection: Selection = None,
    timeout: Any = "60s",
    description: str | None = None,
) -> Callable[[Function], SensorDefinition]: ...
def sensor(
    function: Function | None = None,
    /,
    *,
    every: Any = "30s",
    name: str | None = None,
    selection: Selection = None,
    timeout: Any = "60s",
    description: str | None = None,
) -> SensorDefinition | Callable[[Function], SensorDefinition]:
    """Declare a sensor: a function that watch mode asks ``every`` so often what should be built.

    It takes a ``SensorContext``, or nothing, and returns or yields ``RunRequest``, a ``SkipReason``, or nothing.
    ``selection`` is what a request means that names none. It is given ``timeout`` to answer.
    """

    def decorate(decorated: Function, depth: int = 1) -> SensorDefinition:
        problems: list[str] = []
        definition = SensorDefinition(
            name=declared_name(decorated, name),
            origin=declared_origin(decorated, caller_origin(depth)),
            function=declared_function(decorated, problems),
            every_s=declared_seconds("every", every, problems),
            selection=selected(selection, problems),
            timeout_s=declared_seconds("timeout", timeout, problems),
            description=description if description is not None else described(decorated),
            problems=tuple(problems),
        )
        declare(definition)
        return definition

    if function is None:
        return decorate
    return decorate(function, depth=2)
