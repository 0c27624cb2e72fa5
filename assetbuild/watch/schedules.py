"""When sensors, schedules and conditions are due. Pure functions of a definition, a state and the time."""

from __future__ import annotations

from assetbuild.dataclass import dataclass, replace
from assetbuild.declare.automation import OnCron, OnFreshness, ScheduleDefinition, SensorDefinition
from assetbuild.declare.cron import latest_tick, next_tick, ticks_after
from assetbuild.record.ticks import AutomationState

__all__ = ["DueTick", "due_tick", "next_at", "retry_at"]

_LONGEST_RETRY_S = 3600.0
_LATE_S = 300.0
_COUNTED = 100
_RETRY_S = 60.0

Timed = SensorDefinition | ScheduleDefinition | OnCron | OnFreshness


@dataclass(frozen=True, slots=True)
class DueTick:
    """A tick that is due: its own time, how many went by before it, and whether it is later than it should be."""

    scheduled_at: float
    before: int
    is_late: bool


def next_at(timed: Timed, state: AutomationState, now: float) -> float | None:
    """Return when an automation is due next; not later than now means at once, None never."""
    if isinstance(timed, (ScheduleDefinition, OnCron)):
        tick = next_tick(timed.cron, timed.timezone, now if state.scheduled_at is None else state.scheduled_at)
        if state.failures and tick is not None and state.ticked_at is not None:
            # The tick that failed is tried again; the next one comes in its own time in any case.
            following = next_tick(timed.cron, timed.timezone, state.ticked_at)
            again = retry_at(_RETRY_S, state)
            return max(tick, again if following is None else min(again, following))
        return tick
    if state.ticked_at is None:
        return now
    state = replace(state, ticked_at=min(state.ticked_at, now))  # the clock may have been set back
    if not state.failures:
        return (state.ticked_at or 0.0) + timed.every_s
    return retry_at(timed.every_s if isinstance(timed, SensorDefinition) else min(timed.every_s, _RETRY_S), state)


def retry_at(base_s: float, state: AutomationState) -> float:
    """Return when to try again after failures: each waits twice as long as the one before, up to an hour."""
    waits = max(base_s, min(base_s * 2.0 ** min(state.failures, 30), _LONGEST_RETRY_S))
    return (state.ticked_at or 0.0) + waits


def due_tick(timed: ScheduleDefinition | OnCron, state: AutomationState, now: float) -> DueTick | None:
    """Return the latest tick up to now that was not dealt with; None when there is none.

    It is late when more than five minutes went by since, or half the time to the tick after it: the machine slept, or
    nothing watched. A tick that failed and is tried again is not.
    """
    after = now if state.scheduled_at is None else state.scheduled_at
    tick = latest_tick(timed.cron, timed.timezone, after, now)
    if tick is None:
        return None
    following = next_tick(timed.cron, timed.timezone, tick)
    allowed = _LATE_S if following is None else min(_LATE_S, (following - tick) / 2)
    before = 0
    for earlier in ticks_after(timed.cron, timed.timezone, after):
        if earlier >= tick or before >= _COUNTED:
            break
        before += 1
    return DueTick(tick, before, is_late=now - tick > allowed and not state.failures)
