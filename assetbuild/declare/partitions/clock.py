"""Moments and time zones: between what a user writes and seconds since 1970.

A day of a zone with daylight saving has 23, 24 or 25 hours; a local time may be skipped, or come twice. Here a time
that is skipped means the moment of the change, and one that comes twice its first.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from assetbuild.errors import closest

__all__ = ["DAY_S", "EPOCH_DAY", "HOUR_S", "Moment", "canonical", "local_time", "parse_moment", "seconds", "zone_of"]

Moment = str | date | datetime
DAY_S = 86_400
HOUR_S = 3_600
EPOCH_DAY = date(1970, 1, 1).toordinal()
_SHORT = re.compile(r"(\d{4})(?:-(\d\d))?")


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by name; raise ValueError with a sentence when there is none."""
    if name == "UTC":
        return UTC
    import zoneinfo  # noqa: PLC0415  # 2 ms, and UTC needs none of it

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        near = closest(str(name), zoneinfo.available_timezones())
        message = f"there is no time zone {name!r}" + (f" (closest: {near!r})" if near else "")
        raise ValueError(message) from None


def canonical(said: Moment, timezone: str) -> str:
    """Return a moment as the one text that means it in this zone; what cannot be read stays as it is."""
    try:
        moment = _local(said, timezone)
    except (ValueError, TypeError, OverflowError):
        return str(said)
    if moment.hour or moment.minute or moment.second:
        return moment.isoformat("T", "seconds" if moment.second else "minutes")
    return moment.date().isoformat()


@lru_cache(maxsize=1024)
def parse_moment(text: str, timezone: str) -> datetime:
    """Return a canonical moment as local time, without a zone; raise ValueError with a sentence when it is none."""
    return _local(text, timezone)


def _local(said: Moment, timezone: str) -> datetime:
    if isinstance(said, datetime):
        moment = said
    elif isinstance(said, date):
        moment = datetime(said.year, said.month, said.day)  # noqa: DTZ001  # local time of the definition's zone
    elif short := _SHORT.fullmatch(str(said).strip()):
        moment = datetime(int(short[1]), int(short[2] or 1), 1)  # noqa: DTZ001
    else:
        try:
            moment = datetime.fromisoformat(str(said).strip())
        except ValueError:
            message = f"{said!r} is no date: write 2013-01-31 or 2013-01-31T06:00"
            raise ValueError(message) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(zone_of(timezone)).replace(tzinfo=None)
    return moment.replace(microsecond=0, fold=0)


def seconds(local: datetime, zone: tzinfo, fold: int = 0) -> int:
    """Return seconds since 1970 of a local time in a zone."""
    return int(local.replace(tzinfo=zone, fold=fold).timestamp())


def local_time(moment_s: int, zone: tzinfo) -> datetime:
    """Return seconds since 1970 as a time that knows its zone."""
    # Not fromtimestamp: it refuses moments before 1970 on some systems.
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment_s)).astimezone(zone)
