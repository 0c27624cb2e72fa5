"""What sensors, schedules and conditions are, as pure data; ``watch`` runs them.

A sensor is a function that is asked again and again whether something should be built; a schedule asks at the ticks
of a cron text; ``on=`` of an asset says when watch mode may build it. Nothing here counts in any version of an asset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assetbuild.dataclass import dataclass
from assetbuild.declare.definitions import Origin
from assetbuild.declare.durations import duration_s, duration_text

__all__ = [
    "AutomationDefinition",
    "OnCron",
    "OnFreshness",
    "RunRequest",
    "ScheduleDefinition",
    "SensorDefinition",
    "SkipReason",
    "cron",
    "declared_function",
    "declared_name",
    "declared_origin",
    "declared_seconds",
    "freshness",
    "selected",
]

Function = Callable[..., Any]
Selection = Any
"""A selection as text, an asset, or a list of these."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Asks for a build: of a selection, of partitions, with config, and at most once for each ``run_key``.

    Without a selection, that of the sensor or schedule is meant. ``config`` maps asset keys to values, which go over
    all other config as ``--set`` does. Only what is stale is built, ever.
    """

    selection: Selection = None
    partitions: str | Sequence[str] | None = None
    config: Mapping[str, Mapping[str, Any]] | None = None
    run_key: str | None = None


@dataclass(frozen=True, slots=True)
class SkipReason:
    """Says why nothing is asked for this time."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SensorDefinition:
    """A function that is asked every ``every_s`` seconds; calling the definition calls it."""

    name: str
    origin: Origin
    function: Function
    every_s: float
    selection: tuple[str, ...] = ()
    timeout_s: float = 60.0
    description: str | None = None
    problems: tuple[str, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the sensor function itself, as a test does."""
        return self.function(*args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScheduleDefinition:
    """A build at the ticks of a cron text: of ``selection``, or of what the function asks for."""

    name: str
    origin: Origin
    cron: str
    timezone: str
    catch_up: str
    function: Function | None = None
    selection: tuple[str, ...] = ()
    timeout_s: float = 60.0
    description: str | None = None
    problems: tuple[str, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the schedule's function itself, as a test does."""
        if self.function is None:
            message = f"schedule {self.name!r} has no function: it asks for its selection"
            raise TypeError(message)
        return self.function(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class OnCron:
    """The condition ``on=cron(...)`` of an asset."""

    cron: str
    timezone: str

    def __str__(self) -> str:
        """Return the condition as it is listed."""
        return f"{self.cron} ({self.timezone})"


@dataclass(frozen=True, slots=True)
class OnFreshness:
    """The condition ``on=freshness(...)`` of an asset; ``problem`` says what is wrong with it."""

    every_s: float
    problem: str = ""

    def __str__(self) -> str:
        """Return the condition as it is listed."""
        return f"freshness {duration_text(self.every_s)}"


AutomationDefinition = SensorDefinition | ScheduleDefinition


def cron(cron: str, *, timezone: str = "UTC") -> OnCron:
    """Return a condition: ``on=cron("0 6 * * *")`` lets watch mode build an asset at these ticks only, when stale."""
    return OnCron(cron, timezone)


def freshness(lag: Any) -> OnFreshness:
    """Return a condition: ``on=freshness("6h")`` lets watch mode look every six hours, and build what is stale then."""
    try:
        return OnFreshness(duration_s(lag))
    except ValueError as error:
        return OnFreshness(0, str(error))


def selected(said: Selection, problems: list[str]) -> tuple[str, ...]:
    """Return a selection as a tuple of texts; None and an empty list mean all."""
    if said is None:
        return ()
    if isinstance(said, str) or not isinstance(said, Sequence):
        said = (said,)
    texts: list[str] = []
    for item in said:
        keys = [out.key for out in getattr(item, "outs", ())]
        if isinstance(item, str):
            texts.append(item)
        elif keys:
            texts.extend(f'key:"{key}"' for key in keys)
        else:
            problems.append(f"a selection is text, an asset, or a list of these, not {type(item).__name__}")
    return tuple(texts)


def declared_name(function: object, name: str | None) -> str:
    """Return the name that was said, or the function's."""
    return name if name is not None else str(getattr(function, "__name__", type(function).__name__))


def declared_function(function: Any, problems: list[str]) -> Function:
    """Return the function; note a problem when it is none, or another definition."""
    if not callable(function):
        problems.append(f"it is a function, not {type(function).__name__}")
    elif hasattr(function, "origin"):
        problems.append("the function is declared already, as something else")
    return function  # type: ignore[no-any-return]  # checked just now; a wrong one is a problem of the graph


def declared_origin(function: object, call_site: Origin) -> Origin:
    """Return where a function stands, or for what has no code of its own the place of the call."""
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__"):
        return call_site
    return Origin(code.co_filename, code.co_firstlineno)


def declared_seconds(what: str, said: Any, problems: list[str]) -> float:
    """Return a length of time in seconds; note a problem when it is none."""
    try:
        return duration_s(said)
    except ValueError as error:
        problems.append(f"{what}: {error}")
        return 60.0
