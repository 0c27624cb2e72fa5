"""The ticks of a cron text in a time zone; pure arithmetic, no clock.

    minute hour day-of-month month day-of-week      "30 6 * * MON-FRI"
    @hourly @daily @weekly @monthly @yearly

``cronsim`` does the arithmetic as Debian's cron does. When clocks go forward, a tick at a time that does not exist that
day comes once, at the first moment that does; when they go back, a tick at a time that exists twice comes once, the
first time. A text whose minute or hour begins with ``*`` goes by time passed, not by the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["cron_problem", "latest_tick", "next_tick", "ticks_after"]

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = 5
_DAY = 86400.0
_SPANS = (3600.0, _DAY, 32 * _DAY, 400 * _DAY, 4000 * _DAY)


def cron_problem(text: Any, timezone: Any) -> str:
    """Say what is wrong with a cron text and its time zone; empty when nothing is."""
    # Imported here: a project without schedules pays for neither.
    from cronsim import CronSimError  # noqa: PLC0415

    if not isinstance(text, str):
        return f"a cron text is text, such as '0 6 * * *', not {type(text).__name__}"
    if len(_plain(text).split()) != _FIELDS:
        return f"the cron text {text!r} needs five fields: minute, hour, day of month, month, day of week"
    if zone := _zone_problem(timezone):
        return zone
    try:
        found = next_tick(text, timezone, 0)
    except CronSimError as error:
        said = str(error)
        return f"the cron text {text!r} cannot be used: {said[:1].lower()}{said[1:]}"
    return "" if found is not None else f"the cron text {text!r} never ticks"


def next_tick(text: str, timezone: str, after: float) -> float | None:
    """Return the first tick later than ``after`` (seconds since 1970); None when there is none within 50 years."""
    return next(ticks_after(text, timezone, after), None)


def latest_tick(text: str, timezone: str, after: float, until: float) -> float | None:
    """Return the last tick later than ``after`` and not later than ``until``; None when there is none."""
    # Looked for near the end first: a text that ticks each minute ticks half a million times a year.
    for span in _SPANS:
        start = max(after, until - span)
        found = None
        for tick in ticks_after(text, timezone, start):
            if tick > until:
                break
            found = tick
        if found is not None or start == after:
            return found
    return None


def ticks_after(text: str, timezone: str, after: float) -> Iterator[float]:
    """Yield the ticks later than ``after``, in order and each once."""
    from datetime import datetime  # noqa: PLC0415
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from cronsim import CronSim  # noqa: PLC0415

    last = after
    for tick in CronSim(_plain(text), datetime.fromtimestamp(after, ZoneInfo(timezone))):
        # In the second of two equal hours the library begins with ticks of the first; where clocks go forward, two
        # ticks can fall on one moment.
        if (at := tick.timestamp()) > last:
            yield at
            last = at


def _plain(text: str) -> str:
    return _NAMED.get(text.strip().lower(), text)


def _zone_problem(timezone: Any) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError, AttributeError):
        return f"the time zone {timezone!r} is not known: write one such as 'UTC' or 'Europe/Berlin'"
    return ""
