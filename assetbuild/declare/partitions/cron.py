"""``Cron``: windows between the ticks of a cron schedule.

Keys are the local time of the tick, ``2013-01-01T0600``; a time that comes twice when clocks go back has a ``b`` after
it the second time. Ticks are those of ``cronsim``, which does as Debian's cron: a job at a fixed time that daylight
saving skips runs at the change, and one whose time comes twice runs once.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from assetbuild.dataclass import dataclass
from assetbuild.declare.partitions.clock import DAY_S, Moment, local_time, seconds
from assetbuild.declare.partitions.windows import WindowedPartitions

if TYPE_CHECKING:
    from cronsim import CronSim

__all__ = ["Cron"]

_KEY = re.compile(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3])([0-5]\d)(b?)")
_FIELDS = 5
_MINUTE_S = 60
_SAMPLED = 64


@dataclass(frozen=True, slots=True)
class Cron(WindowedPartitions):
    """One partition from each tick of a cron schedule to the next: ``Cron("0 6 * * *", "2013-01-01")``.

    Five fields: minute, hour, day of the month, month, weekday.
    """

    schedule: str
    start: Moment
    end: Moment | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Make the arguments canonical."""
        self.settle()
        if isinstance(self.schedule, str):
            object.__setattr__(self, "schedule", " ".join(self.schedule.split()))

    @property
    def form(self) -> str:
        """How a key is written."""
        return "YYYY-MM-DDTHHMM"

    def describe(self) -> str:
        """Return the whole definition as text."""
        return f"Cron({self.schedule}, {self.start}..{self.end or ''}, {self.timezone})"

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the arguments."""
        if not isinstance(self.schedule, str) or len(self.schedule.split()) != _FIELDS:
            return (f"Cron: {self.schedule!r} has not five fields: minute, hour, day, month, weekday",)
        import cronsim  # noqa: PLC0415  # for this definition alone

        try:
            next(cronsim.CronSim(self.schedule, datetime(2000, 1, 1, tzinfo=UTC)))
        except cronsim.CronSimError as error:
            return (f"Cron: {self.schedule!r} is no schedule: {str(error).lower()}",)
        except StopIteration:
            return (f"Cron: {self.schedule!r} never ticks",)
        return WindowedPartitions.problems(self)

    def period_s(self) -> float:
        """Return how long a window is on average, over the first ticks."""
        return _period_s(self.schedule)

    def bounds(self, first_s: int, stop_s: int) -> array[int]:
        """Return the ticks."""
        zone = self.zone()
        found = array("q")
        matcher = _simulated(self.schedule, local_time(first_s, zone))
        times = [hour * 60 + minute for hour in sorted(matcher.hours) for minute in sorted(matcher.minutes)]
        begin, stop = local_time(first_s, zone).toordinal(), local_time(stop_s, zone).toordinal()
        for ordinal in range(begin, stop + 1):
            day = date.fromordinal(ordinal)
            midnight, after = _midnight(ordinal, zone), _midnight(ordinal + 1, zone)
            if after - midnight == DAY_S:
                # As cronsim does it, without asking for each minute of a day on which no clock changes.
                if day.month in matcher.months and matcher.match_day(day):
                    found.extend(midnight + minute * _MINUTE_S for minute in times)
            else:
                found.extend(_ticks_between(self.schedule, midnight, after, zone))
        return array("q", [moment for moment in found if first_s <= moment <= stop_s])

    def texts(self, bounds: array[int]) -> list[str]:
        """Return the key of the window that begins at each bound but the last."""
        zone = self.zone()
        return [_key(local_time(moment, zone)) for moment in bounds[:-1]]

    def span(self, key: str) -> tuple[int, int] | None:
        """Return where the window of a key begins and ends."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        zone = self.zone()
        try:
            local = datetime.fromisoformat(match[1]).replace(hour=int(match[2]), minute=int(match[3]))
            moment = seconds(local, zone, fold=1 if match[4] else 0)
            ticks = _simulated(self.schedule, local_time(moment - 1, zone))
            first, second = int(next(ticks).timestamp()), int(next(ticks).timestamp())
        except (ValueError, OverflowError, StopIteration):
            return None
        return (first, second) if first == moment and _key(local_time(moment, zone)) == key else None

    def floor_s(self, now_s: int) -> int:
        """Return a moment at or before this one, with no end of a window between them."""
        return now_s - now_s % _MINUTE_S


def _key(local: datetime) -> str:
    return f"{local.date().isoformat()}T{local.hour:02}{local.minute:02}{'b' if local.fold else ''}"


def _midnight(ordinal: int, zone: tzinfo) -> int:
    return seconds(datetime.fromordinal(ordinal), zone)


def _simulated(schedule: str, after: datetime) -> CronSim:
    import cronsim  # noqa: PLC0415  # for this definition alone

    return cronsim.CronSim(schedule, after)


def _ticks_between(schedule: str, low: int, high: int, zone: tzinfo) -> Iterator[int]:
    last = low - 1
    for tick in _simulated(schedule, local_time(low, zone) - timedelta(minutes=1)):
        moment = int(tick.timestamp())
        if moment >= high:
            return
        if moment > last:
            yield moment
            last = moment


@lru_cache(maxsize=64)
def _period_s(schedule: str) -> float:
    ticks = _simulated(schedule, datetime(2000, 1, 1, tzinfo=UTC))
    first = next(ticks)
    last, count = first, 0
    for last, count in zip(ticks, range(1, _SAMPLED), strict=False):  # noqa: B007  # the last ones are what counts
        pass
    return (last - first).total_seconds() / max(count, 1)
