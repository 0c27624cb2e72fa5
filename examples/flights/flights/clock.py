"""Clock times as airlines print them (``517`` is 5:17, ``2400`` is midnight), and the clocks of other time zones."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

NEW_YORK = "America/New_York"
DAY_MINUTES = 24 * 60


def minute_of_day(hhmm: pl.Expr) -> pl.Expr:
    """Return the minutes since midnight of a printed clock time; ``2400`` is the midnight that begins the next day."""
    return (hhmm // 100 * 60 + hhmm % 100) % DAY_MINUTES


def wall_clock(moment: pl.Expr, zone: str) -> pl.Expr:
    """Return the minutes since midnight that a clock in the zone shows at the moment."""
    local = moment.dt.convert_time_zone(zone)
    return local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute().cast(pl.Int64)


def wall_clock_at(moment: pl.Expr, zone: pl.Expr, zones: Iterable[str]) -> pl.Expr:
    """Return ``wall_clock`` where each row names its own zone, one of ``zones``; null for any other zone."""
    return pl.coalesce([pl.when(zone == name).then(wall_clock(moment, name)) for name in sorted(zones)])


def hour_of(moment: pl.Expr) -> pl.Expr:
    """Return the hour of the day in New York, 0 to 23."""
    return moment.dt.convert_time_zone(NEW_YORK).dt.hour()
