"""``Hourly``, ``Daily``, ``Weekly``, ``Monthly``, ``Yearly``: windows of the calendar.

Keys: ``2013-01-01T05``, ``2013-01-01``, ``2013-01-07`` (the first day of the week), ``2013-01``, ``2013``. The hour
that a zone has twice when its clocks go back is ``2013-10-27T02`` and then ``2013-10-27T02b``; one that is skipped
has no key. So a key's text depends on nothing but its own window, and keys sort as their windows do.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime
from itertools import pairwise

from assetbuild.dataclass import dataclass
from assetbuild.declare.partitions.clock import DAY_S, EPOCH_DAY, HOUR_S, Moment, local_time, parse_moment, seconds
from assetbuild.declare.partitions.windows import WindowedPartitions

__all__ = ["Daily", "Hourly", "Monthly", "Weekly", "Yearly"]

_WEEK = 7
_MONTHS = 12
_YEAR_S = 365.2425 * DAY_S
_HOUR = re.compile(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3])(b?)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class _CalendarPartitions(WindowedPartitions):
    start: Moment
    end: Moment | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        self.settle()


class _DayPartitions(_CalendarPartitions):
    """Windows that begin and end at midnight of their zone. Days are counted as ``date.toordinal`` does."""

    __slots__ = ()

    def days(self, first: int, stop: int) -> list[int] | range:
        """Return the days on which windows begin, from the first at or after ``first``, up to ``stop`` included."""
        raise NotImplementedError

    def key_of(self, day: int) -> str:
        """Return the key of the window that begins on a day."""
        return date.fromordinal(day).isoformat()

    def day_of(self, key: str) -> int | None:
        """Return the day on which the window of a key begins, or None when this is no key."""
        raise NotImplementedError

    def day_after(self, day: int) -> int:
        """Return the day on which the window after the one that begins on ``day`` does."""
        raise NotImplementedError

    def midnight(self, day: int) -> int:
        """Return the first moment of a day, in seconds since 1970."""
        if self.timezone == "UTC":
            return (day - EPOCH_DAY) * DAY_S
        return seconds(datetime.fromordinal(day), self.zone())

    def bounds(self, first_s: int, stop_s: int) -> array[int]:
        """Return where windows begin."""
        zone = self.zone()
        begin, stop = local_time(first_s, zone).toordinal(), local_time(stop_s, zone).toordinal()
        days = self.days(begin, stop)
        if self.timezone == "UTC":
            moments = [(day - EPOCH_DAY) * DAY_S for day in days]
        else:
            # A zone that crossed the date line left a day out: the day has no length, and no key.
            moments = sorted({seconds(datetime.fromordinal(day), zone) for day in days})
        return array("q", moments[bisect_left(moments, first_s) : bisect_right(moments, stop_s)])

    def texts(self, bounds: array[int]) -> list[str]:
        """Return the key of the window that begins at each bound but the last."""
        if self.timezone == "UTC":
            return [self.key_of(moment // DAY_S + EPOCH_DAY) for moment in bounds[:-1]]
        zone = self.zone()
        return [self.key_of(local_time(moment, zone).toordinal()) for moment in bounds[:-1]]

    def span(self, key: str) -> tuple[int, int] | None:
        """Return where the window of a key begins and ends."""
        day = self.day_of(key)
        try:
            span = None if day is None else (self.midnight(day), self.midnight(self.day_after(day)))
        except (ValueError, OverflowError):
            return None
        return span if span is not None and span[0] < span[1] else None

    def floor_s(self, now_s: int) -> int:
        """Return the midnight before a moment: no window ends between them."""
        return self.midnight(local_time(now_s, self.zone()).toordinal())


class Daily(_DayPartitions):
    """One partition a day: ``Daily("2013-01-01", end="2014-01-01")``, keys like ``2013-01-31``; ``end`` is left out."""

    __slots__ = ()

    @property
    def form(self) -> str:
        """How a key is written."""
        return "YYYY-MM-DD"

    def period_s(self) -> float:
        """Return how long a window is on average."""
        return DAY_S

    def days(self, first: int, stop: int) -> range:
        """Return all days."""
        return range(first, stop + 1)

    def day_of(self, key: str) -> int | None:
        """Return the day that is the key."""
        return _day(key)

    def day_after(self, day: int) -> int:
        """Return the next day."""
        return day + 1


class Weekly(_DayPartitions):
    """One partition a week; weeks begin on the weekday of ``start``. The key is the week's first day."""

    __slots__ = ()

    @property
    def form(self) -> str:
        """How a key is written."""
        return f"YYYY-MM-DD, a {date(2013, 1, 14 + self.weekday):%A}"

    @property
    def weekday(self) -> int:
        """The day on which weeks begin, 0 for Monday."""
        return parse_moment(str(self.start), self.timezone).weekday()

    def period_s(self) -> float:
        """Return how long a window is on average."""
        return _WEEK * DAY_S

    def days(self, first: int, stop: int) -> range:
        """Return every seventh day."""
        return range(first + (self.weekday - _weekday(first)) % _WEEK, stop + 1, _WEEK)

    def day_of(self, key: str) -> int | None:
        """Return the day that is the key, when it begins a week."""
        day = _day(key)
        return day if day is not None and _weekday(day) == self.weekday else None

    def day_after(self, day: int) -> int:
        """Return the first day of the next week."""
        return day + _WEEK


class Monthly(_DayPartitions):
    """One partition a month: ``Monthly("2013-01")``, keys like ``2013-01``."""

    __slots__ = ()

    @property
    def form(self) -> str:
        """How a key is written."""
        return "YYYY-MM"

    def period_s(self) -> float:
        """Return how long a window is on average."""
        return _YEAR_S / _MONTHS

    def days(self, first: int, stop: int) -> list[int]:
        """Return the first day of every month."""
        low, high = date.fromordinal(first), date.fromordinal(stop)
        months = range(low.year * _MONTHS + low.month - 1, high.year * _MONTHS + high.month)
        return [date(month // _MONTHS, month % _MONTHS + 1, 1).toordinal() for month in months]

    def key_of(self, day: int) -> str:
        """Return year and month."""
        return date.fromordinal(day).isoformat()[:7]

    def day_of(self, key: str) -> int | None:
        """Return the first day of the month that is the key."""
        match = _MONTH.fullmatch(key)
        return _day(f"{key}-01") if match else None

    def day_after(self, day: int) -> int:
        """Return the first day of the next month."""
        return date.fromordinal(day + 31).replace(day=1).toordinal()


class Yearly(_DayPartitions):
    """One partition a year: ``Yearly("2013")``, keys like ``2013``."""

    __slots__ = ()

    @property
    def form(self) -> str:
        """How a key is written."""
        return "YYYY"

    def period_s(self) -> float:
        """Return how long a window is on average."""
        return _YEAR_S

    def days(self, first: int, stop: int) -> list[int]:
        """Return the first day of every year."""
        years = range(date.fromordinal(first).year, date.fromordinal(stop).year + 1)
        return [date(year, 1, 1).toordinal() for year in years]

    def key_of(self, day: int) -> str:
        """Return the year."""
        return date.fromordinal(day).isoformat()[:4]

    def day_of(self, key: str) -> int | None:
        """Return the first day of the year that is the key."""
        return _day(f"{key}-01-01") if _YEAR.fullmatch(key) else None

    def day_after(self, day: int) -> int:
        """Return the first day of the next year."""
        return date(date.fromordinal(day).year + 1, 1, 1).toordinal()


class Hourly(_CalendarPartitions):
    """One partition an hour of the zone's clock, keys like ``2013-01-01T05``.

    A day has 23 keys when the clocks go forward, and 25 when they go back: ``...T02``, then ``...T02b``.
    """

    __slots__ = ()

    @property
    def form(self) -> str:
        """How a key is written."""
        return "YYYY-MM-DDTHH"

    def period_s(self) -> float:
        """Return how long a window is on average."""
        return HOUR_S

    def bounds(self, first_s: int, stop_s: int) -> array[int]:
        """Return where windows begin: whenever the clock shows a full hour."""
        if self.timezone == "UTC":
            return array("q", range(first_s + -first_s % HOUR_S, stop_s + 1, HOUR_S))
        zone = self.zone()
        begin, stop = local_time(first_s, zone).toordinal(), local_time(stop_s, zone).toordinal()
        midnights = [seconds(datetime.fromordinal(day), zone) for day in range(begin, stop + 2)]
        moments: list[int] = []
        for day, (low, high) in zip(range(begin, stop + 1), pairwise(midnights), strict=True):
            # Only the two days a year on which the clocks change need to be looked at hour by hour.
            moments += range(low, high, HOUR_S) if high - low == DAY_S else self._hours(day)
        return array("q", moments[bisect_left(moments, first_s) : bisect_right(moments, stop_s)])

    def _hours(self, day: int) -> list[int]:
        zone = self.zone()
        midnight, found = datetime.fromordinal(day), set()
        for hour in range(24):
            for fold in (0, 1):
                moment = seconds(midnight.replace(hour=hour), zone, fold)
                shown = local_time(moment, zone)
                if shown.toordinal() == day and (shown.hour, shown.minute, shown.second) == (hour, 0, 0):
                    found.add(moment)
        return sorted(found)

    def texts(self, bounds: array[int]) -> list[str]:
        """Return the key of the window that begins at each bound but the last."""
        zone = self.zone()
        if zone is UTC:
            days: dict[int, str] = {}
            for day in range(bounds[0] // DAY_S, bounds[-1] // DAY_S + 1) if bounds else ():
                days[day] = date.fromordinal(day + EPOCH_DAY).isoformat()
            return [f"{days[moment // DAY_S]}T{moment % DAY_S // HOUR_S:02}" for moment in bounds[:-1]]
        return [_hour_key(local_time(moment, zone)) for moment in bounds[:-1]]

    def span(self, key: str) -> tuple[int, int] | None:
        """Return where the window of a key begins and ends."""
        match = _HOUR.fullmatch(key)
        day = _day(match[1]) if match else None
        if match is None or day is None:
            return None
        zone = self.zone()
        try:
            low, high = (seconds(datetime.fromordinal(at), zone) for at in (day, day + 1))
            if high - low == DAY_S:
                start = low + int(match[2]) * HOUR_S
                return None if match[3] else (start, start + HOUR_S)
            start = seconds(datetime.fromordinal(day).replace(hour=int(match[2])), zone, fold=1 if match[3] else 0)
            if _hour_key(local_time(start, zone)) != key:
                return None
            hours = self._hours(day) + self._hours(day + 1)
        except (ValueError, OverflowError):
            return None
        return start, hours[bisect_right(hours, start)]

    def floor_s(self, now_s: int) -> int:
        """Return a moment at or before this one, with no end of a window between them."""
        # A quarter of an hour: no zone's clock is off by less.
        return now_s - now_s % (HOUR_S // 4)


def _hour_key(local: datetime) -> str:
    return f"{local.date().isoformat()}T{local.hour:02}{'b' if local.fold else ''}"


def _weekday(day: int) -> int:
    return (day - 1) % _WEEK  # day 1 of the calendar was a Monday


def _day(key: str) -> int | None:
    try:
        return date.fromisoformat(key).toordinal() if _DAY.fullmatch(key) else None
    except ValueError:
        return None
