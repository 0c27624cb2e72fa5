"""Automation in the watch loop: what is due, what it asks for, and what came of it.

The loop asks ``next_due`` how long it may sleep, ``due`` what to build, and tells ``finished`` of each build. The clock
is the caller's. Functions of users run in threads (``evaluation.py``), everything else in the loop's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from assetbuild.dataclass import replace
from assetbuild.declare.durations import duration_text
from assetbuild.errors import AssetbuildError, DefinitionError
from assetbuild.graph.automation import check_selection
from assetbuild.graph.model import Graph
from assetbuild.materialize.report import Report
from assetbuild.project import Project
from assetbuild.watch.conditions import buildable, lacking_partitions, on_change
from assetbuild.watch.entries import Entry, Polled, entries_of
from assetbuild.watch.evaluation import Answer, Call
from assetbuild.watch.journal import Journal
from assetbuild.watch.requests import Request, carry_out
from assetbuild.watch.sensors import problem_line
from assetbuild.watch.ticker import Ticker
from assetbuild.watch.windows import NewKeys

__all__ = ["Automation", "Request", "carry_out"]

_POLL_TIMEOUT_S = 60.0
_OVERDUE_S = 60.0
_SET_BACK_S = 1.0


class Automation:
    """The sensors, schedules, conditions and polled sources of one watcher."""

    def __init__(
        self,
        project: Project,
        *,
        now: float,
        selection: Sequence[str] = (),
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Look at what is declared; ``wake`` is called from a thread when a function has come back."""
        self._selection = tuple(selection)
        self._journal = Journal(project.root)
        self._ticker = Ticker(project.root, self._journal, wake)
        self._entries: dict[tuple[str, str], Entry] = {}
        self._lacking: frozenset[str] = frozenset()
        self._now = now
        self.reload(project, now)

    def reload(self, project: Project, now: float) -> None:
        """Look anew at what is declared; when that is broken, go on with what was."""
        try:
            declared = list(entries_of(project.graph, self._selection))
        except AssetbuildError:
            return
        self._new_keys = NewKeys(project.graph, now)
        before, self._entries = self._entries, {}
        states = self._journal.states() if declared else {}
        for kind, name, timed in declared:
            entry = before.pop((kind, name), None)
            if entry is None:
                state = states.get((kind, name)) or self._journal.state(kind, name)
                entry = Entry(kind, name, timed, state)
                self._begin_life(entry, now)
            else:
                cron, entry.timed = entry.cron, timed
                if entry.cron != cron:  # other ticks: those that went by are not missed ones
                    entry.state = replace(entry.state, scheduled_at=now)
                    self._journal.put(entry.state)
            self._entries[kind, name] = entry
            if not entry.is_busy:
                entry.plan_next(now)
        for gone in before.values():
            if not gone.is_open:  # builds that it asked for are finished and recorded first
                gone.release()

    def next_due(self, now: float) -> float | None:
        """Return when to call ``due`` next; not later than now means at once, None that nothing ever is due."""
        self._notice_time(now)
        times: list[float | None] = [now if self._lacking else None, self._new_keys.next_at()]
        for entry in self._entries.values():
            if entry.evaluation is not None:
                is_answered = entry.evaluation.answer(now) is not None
                times.append(now if is_answered else entry.evaluation.deadline)
            elif not entry.is_open:
                times.append(entry.next_at)
        return min((time for time in times if time is not None), default=None)

    def next_tick(self) -> float | None:
        """Return when the next schedule, asset or window has its time; sensors and polls tick too often to be told."""
        entries = [entry for entry in self._entries.values() if entry.kind in {"schedule", "condition"}]
        times = [self._new_keys.next_at(), *(entry.next_at for entry in entries)]
        return min((time for time in times if time is not None), default=None)

    def new_keys(self, now: float) -> frozenset[str]:
        """Return the assets and sources that have a partition more by now, because a window is over."""
        self._notice_time(now)
        return self._new_keys.take(now)

    def due(self, now: float, project: Project) -> list[Request]:
        """Return what is to be built now; start what is due, and collect what was answered. Never waits."""
        self._notice_time(now)
        requests: list[Request] = []
        conditions: list[Entry] = []
        moved: list[str] = []
        for entry in self.entries():
            try:
                if entry.evaluation is not None:
                    answer = entry.evaluation.answer(now)
                    if answer is not None and isinstance(entry.timed, Polled):
                        moved += self._polled(entry, answer, now)
                    elif answer is not None:
                        requests += self._ticker.take_answer(entry, answer, project, now)
                elif not entry.is_open and entry.next_at is not None and entry.next_at <= now:
                    requests += self._begin(entry, now, project, conditions)
            except AssetbuildError as error:
                self._postpone([entry], now, error)
        try:
            requests += self._of_conditions(conditions, now, project)
            requests += self._of_sources(moved, project)
            requests += self._of_partitions()
        except AssetbuildError as error:
            self._postpone(conditions, now, error)
        return requests

    def finished(self, request: Request, report: Report | None, *, now: float, error: str = "") -> None:
        """Take note of what came of a request: its report, or the error that there was instead.

        Without both it was not taken, and neither was one that was interrupted: it will be asked for again.
        """
        self._ticker.finished(request, report, now, "\n".join(request.errors) or error)

    def on_change(self, project: Project) -> tuple[tuple[str, ...], bool] | None:
        """Return what a change of files may build, as (selection, only) for ``materialize``; None when nothing."""
        self._lacking = lacking_partitions(project, self._selection)
        return on_change(project, self._selection)

    def notices(self) -> list[str]:
        """Return what went wrong or was missed since the last call."""
        notices = [*self._ticker.notices, *self._journal.troubles]
        self._ticker.notices, self._journal.troubles = [], []
        return notices

    def entries(self) -> list[Entry]:
        """Return everything that runs by itself here, the next first."""
        return sorted(self._entries.values(), key=lambda entry: (entry.next_at or float("inf"), entry.kind, entry.name))

    def lines(self, now: float) -> list[str]:
        """Return a line for each: what it is, when it is due, and how its last tick ended."""
        return [f"{entry.title}  {_when(entry, now)}{_last(entry, now)}" for entry in self.entries()]

    def settle(self, timeout_s: float = 60.0) -> None:
        """Wait until the functions that were called have come back: for tests, and for a clean end."""
        for entry in self._entries.values():
            if entry.evaluation is not None:
                entry.evaluation.settle(timeout_s)

    def close(self) -> None:
        """Give the locks back; functions that have not come back are left alone."""
        for entry in self._entries.values():
            entry.release()

    def _notice_time(self, now: float) -> None:
        """Plan anew when the clock was set back, so that nothing sleeps until the old time has come again."""
        if now < self._now - _SET_BACK_S:
            for entry in self._entries.values():
                if not entry.is_busy:
                    entry.plan_next(now)
            self._new_keys.plan(now)
        self._now = now

    def _begin_life(self, entry: Entry, now: float) -> None:
        """Start with a clean slate what is seen for the first time: it has missed nothing."""
        if entry.kind == "source":  # the build at the start looks at it
            entry.state = replace(entry.state, ticked_at=now)
        elif entry.cron is not None and entry.state.scheduled_at is None:
            entry.state = replace(entry.state, scheduled_at=now)
            self._journal.put(entry.state)

    def _begin(self, entry: Entry, now: float, project: Project, conditions: list[Entry]) -> list[Request]:
        if entry.overdue is not None and entry.overdue.is_running:
            entry.next_at = now + _OVERDUE_S
            return []
        entry.overdue = None
        if isinstance(entry.timed, Polled):
            call = Call(project.poller(entry.name), None, _POLL_TIMEOUT_S, is_raw=True)
            self._ticker.call(entry, call, now)
            return []
        if not self._ticker.take(entry, now) or not self._ticker.find_tick(entry, now):
            return []
        if entry.kind == "condition":
            conditions.append(entry)
            return []
        return self._ticker.ask(entry, project, now)

    def _of_conditions(self, due: list[Entry], now: float, project: Project) -> list[Request]:
        """Ask for all assets whose own time it is in one build."""
        if not due:
            return []
        keys = frozenset(entry.name for entry in due)
        chosen, only = buildable(project, keys, keys)
        for entry in [entry for entry in due if entry.name not in chosen]:
            self._ticker.end(entry, Answer(), now, "skipped", "waits for what is upstream")
            due.remove(entry)
        if not due:
            return []
        names = ", ".join(sorted(entry.name for entry in due))
        whose = "asset" if len(due) == 1 else "assets"
        request = Request(tuple(sorted(chosen)), None, (), f"time of {whose} {names}", names, "condition", only=only)
        for entry in due:
            self._ticker.hand_out(entry, Answer(), [request], now)
        return [request]

    def _polled(self, entry: Entry, answer: Answer, now: float) -> Iterable[str]:
        """Return the source when its data moved, or may have: the first look has nothing to compare with."""
        entry.give_up()
        entry.state = replace(entry.state, ticked_at=now)
        entry.plan_next(now)
        version = answer.error or answer.value
        before, entry.version = entry.version, version
        if version == before:
            return ()
        if answer.error:
            self._ticker.note(entry, answer.error.strip().splitlines()[-1])
            return ()
        return (entry.name,)

    def _of_sources(self, moved: Sequence[str], project: Project) -> list[Request]:
        """Ask for what depends on the sources that moved, and may be built at a change."""
        if not moved:
            return []
        graph = project.graph
        chosen = graph.closure(check_selection(graph, self._selection))
        keys, only = buildable(project, _downstream(graph, moved) & chosen)
        if not keys:
            return []
        names = ", ".join(moved)
        what = "source" if len(moved) == 1 else "sources"
        return [Request(tuple(sorted(keys)), None, (), f"{what} {names} moved", names, "source", only=only)]

    def _of_partitions(self) -> list[Request]:
        """Ask for the partitions that are missing of assets which are not to be built when they are stale."""
        keys, self._lacking = tuple(sorted(self._lacking)), frozenset()
        if not keys:
            return []
        names = ", ".join(keys)
        reason = f"missing partitions of {names}"
        return [Request(keys, None, (), reason, names, "condition", only=True, missing_only=True)]

    def _postpone(self, entries: Iterable[Entry], now: float, error: AssetbuildError) -> None:
        # Broken definitions are the loop's to tell of.
        why = "" if isinstance(error, DefinitionError) else problem_line(error)
        for entry in entries:
            self._ticker.postpone(entry, now, why)


def _downstream(graph: Graph, sources: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(sources)
    while waiting:
        for key in graph.downstream(waiting.pop()):
            if key not in found:
                found.add(key)
                waiting.append(key)
    return frozenset(found)


def _when(entry: Entry, now: float) -> str:
    if entry.is_busy:
        return "now"
    if entry.next_at is None:
        return "never"
    return f"in {duration_text(max(round(entry.next_at - now), 1))}"


def _last(entry: Entry, now: float) -> str:
    if entry.last is None:
        return ""
    return f"  last: {entry.last.outcome} {duration_text(max(round(now - entry.last.at), 1))} ago"
