"""What the definitions with windows share: start, end and time zone, their checks, and what to say about a bad key."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from assetbuild.declare.partitions.base import PartitionsDefinition, Window, close_key
from assetbuild.declare.partitions.clock import DAY_S, Moment, canonical, local_time, parse_moment, seconds, zone_of
from assetbuild.declare.partitions.keysets import KeySet, TimeKeys
from assetbuild.errors import Problem

__all__ = ["WindowedPartitions"]


_FAR_S = 100 * 366 * DAY_S


class WindowedPartitions(PartitionsDefinition):
    """Windows of time that follow each other: those that lie whole between ``start`` and ``end``.

    Without an end, those that are over when a plan is made.
    """

    __slots__ = ()

    start: Moment
    end: Moment | None
    timezone: str

    def settle(self) -> None:
        """Make ``start`` and ``end`` canonical texts, so that equal definitions are equal."""
        object.__setattr__(self, "start", canonical(self.start, self.timezone))
        if self.end is not None:
            object.__setattr__(self, "end", canonical(self.end, self.timezone))

    @property
    def form(self) -> str:
        """How a key is written."""
        raise NotImplementedError

    def period_s(self) -> float:
        """Return how long a window is on average, in seconds."""
        raise NotImplementedError

    def bounds(self, first_s: int, stop_s: int) -> array[int]:
        """Return where windows begin, from the first that begins at ``first_s`` or later, up to ``stop_s`` included."""
        raise NotImplementedError

    def texts(self, bounds: array[int]) -> list[str]:
        """Return the key of the window that begins at each bound but the last."""
        raise NotImplementedError

    def span(self, key: str) -> tuple[int, int] | None:
        """Return where the window of a key begins and ends; None when no window has this key, at any time."""
        raise NotImplementedError

    def floor_s(self, now_s: int) -> int:
        """Return a moment at or before this one, with no end of a window between them."""
        return now_s

    def zone(self) -> tzinfo:
        """Return the time zone; raise ValueError with a sentence when there is none of that name."""
        return zone_of(self.timezone)

    def start_s(self) -> int:
        """Return the start in seconds since 1970."""
        return seconds(parse_moment(str(self.start), self.timezone), self.zone())

    def end_s(self) -> int | None:
        """Return the end in seconds since 1970, or None without one."""
        return None if self.end is None else seconds(parse_moment(str(self.end), self.timezone), self.zone())

    def key_set(self, now: datetime) -> TimeKeys:
        """Return the keys of the windows up to the end, or without one, of those that are over at ``now``."""
        stop_s = self.end_s()
        if stop_s is None:
            stop_s = self.floor_s(int((now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()))
        return _key_set(self, stop_s)

    def next_key_s(self, now: datetime) -> int | None:
        """Return when the next window is over, in seconds since 1970; None when there is none, or it has an end."""
        if self.end is not None:
            return None
        now_s = int(now.timestamp())
        # The next bound ends a window, unless it is the first of all, with which one begins.
        place = 0 if len(self.key_set(now).bounds) else 1
        reach_s = 2 * int(self.period_s()) + DAY_S
        first_s = max(self.start_s(), now_s + 1)
        while reach_s < _FAR_S:
            try:
                found = self.bounds(first_s, first_s + reach_s)
            except (ValueError, OverflowError):  # the calendar ends
                return None
            if len(found) > place:
                return found[place]
            reach_s *= 4
        return None

    def window(self, key: str) -> Window | None:
        """Return the window of a key; None when no window has this key, at any time."""
        span = self.span(key)
        zone = self.zone()
        return None if span is None else Window(local_time(span[0], zone), local_time(span[1], zone))

    def describe(self) -> str:
        """Return the whole definition as text."""
        return f"{type(self).__name__}({self.start}..{self.end or ''}, {self.timezone})"

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the arguments."""
        name, found = type(self).__name__, list[str]()
        try:
            self.zone()
        except ValueError as error:
            return (f"{name}: {error}",)
        for which, said in (("start", self.start), ("end", self.end)):
            try:
                if said is not None:
                    parse_moment(str(said), self.timezone)
            except (ValueError, OverflowError) as error:
                found.append(f"{name}: {which}: {error}")
        if found:
            return tuple(found)
        stop_s = self.end_s()
        if stop_s is not None and stop_s <= self.start_s():
            return (f"{name}: the end {self.end} is not after the start {self.start}",)
        if stop_s is not None and not _key_set(self, stop_s):
            return (f"{name}: there is no whole window between {self.start} and {self.end}",)
        return ()

    def problem_of(self, key: str, keys: KeySet) -> Problem:
        """Return whether a key has another form, or lies outside; and the nearest that exists."""
        if not len(keys):
            advice = "A window becomes a partition when it is over." if self.end is None else ""
            headline = f"partition {key!r} does not exist: there are no partitions yet"
            return Problem(headline, (("of", self.describe()),), advice)
        span = self.span(key)
        facts = [("partitions", f"{keys[0]}..{keys[-1]}" if len(keys) > 1 else keys[0])]
        if span is None:
            # Most often a date that somebody wrote without its zeros, or with slashes.
            meant = re.sub(r"\d+", lambda digits: digits[0].zfill(2), key).replace("/", "-")
            near = meant if meant in keys else close_key(key, keys)
            facts = [("form", self.form), *facts] + ([("closest", near)] if near else [])
            return Problem(f"{key!r} is no key of {self.describe()}", tuple(facts), f"Say {near!r}." if near else "")
        bounds = keys.bounds if isinstance(keys, TimeKeys) else array("q")
        near = keys[min(max(bisect_right(bounds, span[0]) - 1, 0), len(keys) - 1)]
        facts.append(("closest", near))
        advice = f"Say {near!r}, or change the definition."
        if self.end is None and span[0] >= bounds[-1]:
            advice = "A window becomes a partition when it is over."
        return Problem(f"partition {key!r} lies outside {self.describe()}", tuple(facts), advice)


@lru_cache(maxsize=256)
def _key_set(definition: WindowedPartitions, stop_s: int) -> TimeKeys:
    bounds = definition.bounds(definition.start_s(), stop_s)
    return TimeKeys(definition.texts(bounds), bounds)
