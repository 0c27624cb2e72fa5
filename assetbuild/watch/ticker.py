"""One tick, from its beginning to its end.

In order: take its lock, so that of several watchers one runs it; read its state anew; ask the function; hand out its
requests; when all of them were carried out, write tick, cursor and run keys in one transaction. A watcher that is
killed before that asks again when it comes back: at least once, and only what is stale is built.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assetbuild.dataclass import dataclass, field, replace
from assetbuild.declare.automation import OnCron, ScheduleDefinition, SensorDefinition
from assetbuild.errors import AssetbuildError
from assetbuild.graph.automation import kind_of
from assetbuild.materialize.report import Report
from assetbuild.project import Project
from assetbuild.record.ticks import Tick
from assetbuild.watch.entries import Entry
from assetbuild.watch.evaluation import Answer, Call, Evaluation
from assetbuild.watch.journal import Journal
from assetbuild.watch.requests import Request
from assetbuild.watch.schedules import due_tick
from assetbuild.watch.sensors import context_of, new_requests, problem_line

__all__ = ["Ticker"]

_BUSY_ELSEWHERE_S = 5.0
_NOT_TAKEN_S = 60.0
_MESSAGE_CHARACTERS = 4_000


@dataclass(slots=True, eq=False)
class _Open:
    """A tick whose builds go on."""

    entry: Entry
    at: float
    answer: Answer
    requests: tuple[Request, ...]
    waiting: set[Request]
    runs: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    is_taken: bool = True
    is_all_fresh: bool = True


class Ticker:
    """Runs ticks of entries, and records what came of them."""

    def __init__(self, root: Path, journal: Journal, wake: Callable[[], None] = lambda: None) -> None:
        """Record in the journal; ``wake`` is called from a thread when a function has come back."""
        self._root = root
        self._journal = journal
        self._wake = wake
        self._open: dict[Request, list[_Open]] = {}
        self.notices: list[str] = []

    def take(self, entry: Entry, now: float) -> bool:
        """Take the lock of a tick, and look again whether it is due: another watcher may just have run it."""
        if not self.lock(entry, now):
            return False
        self.read_state(entry)
        if (entry.state.ticked_at or 0.0) <= now:  # else the clock was set back, and no tick was just now
            entry.plan_next(now)
        if entry.next_at is None or entry.next_at > now:
            entry.release()
            return False
        return True

    def lock(self, entry: Entry, now: float) -> bool:
        """Take the lock of a tick; return whether it is ours now."""
        entry.lock = self._journal.lock(entry.kind, entry.name)
        if entry.lock.take():
            return True
        entry.lock = None
        entry.next_at = now + _BUSY_ELSEWHERE_S
        return False

    def read_state(self, entry: Entry) -> None:
        """Read what another process may have written."""
        state = self._journal.state(entry.kind, entry.name)
        if state.scheduled_at is not None or state.ticked_at is not None:
            entry.state = state

    def find_tick(self, entry: Entry, now: float) -> bool:
        """Find the cron tick that is due; return False when there is none, or it is late and not to be made up for."""
        entry.message, entry.scheduled_at = "", None
        if not isinstance(entry.timed, (ScheduleDefinition, OnCron)):
            return True
        tick = due_tick(entry.timed, entry.state, now)
        if tick is None:
            self.postpone(entry, now)
            return False
        entry.scheduled_at = tick.scheduled_at
        if tick.is_late and getattr(entry.timed, "catch_up", "once") == "skip":
            message = f"{_ticks(tick.before + 1)} missed, not made up for"
            self.note(entry, message)
            self.end(entry, Answer(), now, "missed", message)
            return False
        if tick.before:
            entry.message = f"{_ticks(tick.before)} before it missed"
        return True

    def ask(self, entry: Entry, project: Project, now: float) -> list[Request]:
        """Call the function of a sensor or schedule, or return the request of one without."""
        has_function = getattr(entry.timed, "function", None) is not None
        # As it is declared this moment: it may have been edited, or dropped, since the loop looked.
        definition = project.automations(functions=has_function).get(entry.name)
        if definition is None or kind_of(definition) != entry.kind:
            self.postpone(entry, now)
            return []
        if definition.function is None:
            request = Request(definition.selection, None, (), entry.reason, entry.name, entry.kind)
            return self.hand_out(entry, Answer(), [request], now)
        context = context_of(definition, entry.state, now, entry.scheduled_at)
        self.call(entry, Call(definition.function, context, definition.timeout_s), now)
        return []

    def call(self, entry: Entry, call: Call, now: float) -> None:
        """Call a function of an entry."""
        entry.evaluation = Evaluation(call, now=now, root=self._root, wake=self._wake)

    def take_answer(self, entry: Entry, answer: Answer, project: Project, now: float) -> list[Request]:
        """Return the requests of an answer that are new; record it when there are none."""
        entry.give_up()
        if answer.error:
            return self.fail(entry, answer, now)
        definition = entry.timed
        assert isinstance(definition, (SensorDefinition, ScheduleDefinition))  # noqa: S101  # only these are called
        graph = project.graph
        try:
            new, known = new_requests(definition, answer, graph, self._journal, reason=entry.reason)
        except AssetbuildError as error:
            return self.fail(entry, replace(answer, error=str(error)), now, problem_line(error))
        if new:
            return self.hand_out(entry, answer, new, now)
        seen = ", ".join(str(request.run_key) for request in known)
        self.end(entry, answer, now, "skipped", answer.reason or (f"asked for before: {seen}" if seen else ""))
        return []

    def hand_out(self, entry: Entry, answer: Answer, requests: list[Request], now: float) -> list[Request]:
        """Return the requests, and wait for what comes of them."""
        entry.is_open = True
        tick = _Open(entry, now, answer, tuple(requests), set(requests))
        for request in requests:
            self._open.setdefault(request, []).append(tick)
        return requests

    def finished(self, request: Request, report: Report | None, now: float, error: str) -> None:
        """Take note of what came of a request, and record the ticks of which it was the last."""
        for tick in self._open.pop(request, []):
            tick.waiting.discard(request)
            if error:
                tick.error = tick.error or error
            elif report is None or report.status == "interrupted":
                tick.is_taken = False
            else:
                tick.runs.append({"run_id": report.run_id, "status": report.status})
                tick.is_all_fresh &= all(outcome.outcome == "fresh" for outcome in report.assets)
            if not tick.waiting:
                self._close(tick, now)

    def fail(self, entry: Entry, answer: Answer, now: float, headline: str = "") -> list[Request]:
        """Record a failure: the cursor stays, and the same is tried again, each time later."""
        entry.state = replace(entry.state, ticked_at=now, failures=entry.state.failures + 1)
        message = answer.error.strip()[-_MESSAGE_CHARACTERS:]
        entry.last = self._row(entry, answer, now, "failed", message, None)
        self._journal.add(entry.last, entry.state)
        self.note(entry, headline or (message.splitlines() or ["failed"])[-1])
        self._rest(entry, now)
        return []

    def end(
        self, entry: Entry, answer: Answer, at: float, outcome: str, message: str, tick: _Open | None = None
    ) -> None:
        """Record a tick that went well, with the cursor and the run keys that it leaves."""
        asked = [request.run_key for request in tick.requests if request.run_key is not None] if tick else []
        named = [one.run_key for one in answer.asked if isinstance(one.run_key, str)]
        scheduled = [time for time in (entry.scheduled_at, entry.state.scheduled_at) if time is not None]
        entry.state = replace(
            entry.state,
            cursor=answer.cursor if isinstance(entry.timed, SensorDefinition) else None,
            last_run_key=asked[-1] if asked else entry.state.last_run_key,
            ticked_at=at,
            scheduled_at=max(scheduled, default=None),
            failures=0,
        )
        entry.last = self._row(entry, answer, at, outcome, message, tick)
        self._journal.add(entry.last, entry.state, named)
        self._rest(entry, at)

    def postpone(self, entry: Entry, now: float, why: str = "") -> None:
        """Try again in a while, without a record."""
        if why:
            self.note(entry, why)
        entry.give_up()
        entry.release()
        entry.next_at = now + _NOT_TAKEN_S

    def note(self, entry: Entry, text: str) -> None:
        """Keep a line for the one who watches."""
        self.notices.append(f"{entry.title}: {text}")

    def _close(self, tick: _Open, now: float) -> None:
        entry = tick.entry
        entry.is_open = False
        if tick.error:
            self.fail(entry, replace(tick.answer, error=tick.error), now, tick.error.splitlines()[0])
        elif not tick.is_taken:
            self.postpone(entry, now)
        elif entry.kind == "condition" and tick.is_all_fresh:
            self.end(entry, tick.answer, tick.at, "skipped", "all fresh", tick)
        else:
            self.end(entry, tick.answer, tick.at, "requested", entry.message, tick)

    def _row(self, entry: Entry, answer: Answer, at: float, outcome: str, message: str, tick: _Open | None) -> Tick:
        return Tick(
            entry.kind,
            entry.name,
            at,
            outcome,
            answer.seconds,
            entry.scheduled_at,
            message,
            entry.state.cursor,
            tuple(request.as_json() for request in tick.requests) if tick else (),
            tuple(tick.runs) if tick else (),
            answer.log,
        )

    def _rest(self, entry: Entry, now: float) -> None:
        entry.release()
        entry.plan_next(now)


def _ticks(number: int) -> str:
    return "1 tick" if number == 1 else f"{number} ticks"
