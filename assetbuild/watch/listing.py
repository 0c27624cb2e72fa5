"""Look at automation from outside the loop: list it, try it, tick it once by hand.

In: a project. Out: what is declared with how it went last; the requests that a tick would make. ``try_out`` writes
nothing; ``tick_once`` is a tick as the watcher runs it, at the time of asking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assetbuild.dataclass import dataclass
from assetbuild.declare.automation import OnCron, OnFreshness, ScheduleDefinition, SensorDefinition
from assetbuild.declare.cron import latest_tick
from assetbuild.declare.durations import duration_text
from assetbuild.errors import AssetbuildError, BusyError, Problem, UsageError, closest
from assetbuild.graph.places import relative_place
from assetbuild.materialize.report import Report
from assetbuild.project import Project
from assetbuild.record.ticks import AutomationState, Tick
from assetbuild.watch.entries import Entry, entries_of
from assetbuild.watch.evaluation import Call, Evaluation
from assetbuild.watch.journal import Journal
from assetbuild.watch.requests import Request, carry_out
from assetbuild.watch.sensors import context_of, new_requests
from assetbuild.watch.ticker import Ticker

__all__ = ["Listed", "Ticked", "find", "history", "list_automations", "tick_once", "try_out"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One automation as it is listed: what was said about it, its state, and its last tick."""

    kind: str
    name: str
    when: str
    state: AutomationState
    next_at: float | None
    last: Tick | None
    description: str | None = None
    place: str = ""
    catch_up: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``sensors --json`` and ``schedules --json``."""
        last = self.last
        return {
            "name": self.name,
            "kind": self.kind,
            "when": self.when,
            "catch_up": self.catch_up,
            "description": self.description,
            "cursor": self.state.cursor,
            "last_run_key": self.state.last_run_key,
            "failures": self.state.failures,
            "last_tick": None if last is None else last.as_json(),
            "next_at": self.next_at,
            "declared_at": self.place,
        }


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick by hand gave: requests, those asked for before, and the builds with their reports."""

    outcome: str
    message: str
    cursor: str | None
    requests: tuple[Request, ...] = ()
    known: tuple[Request, ...] = ()
    log: str = ""
    reports: tuple[Report, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``--dry-run`` and ``--tick``."""
        return {
            "outcome": self.outcome,
            "message": self.message,
            "cursor": self.cursor,
            "requests": [request.as_json() for request in self.requests],
            "asked_before": [request.as_json() for request in self.known],
            "log": self.log,
            "runs": [report.as_json() for report in self.reports],
        }


def list_automations(project: Project, kinds: Sequence[str], now: float) -> list[Listed]:
    """Return the automations of these kinds, by kind and name."""
    journal = Journal(project.root)
    states, latest = journal.states(), journal.latest()
    project.warnings.extend(journal.troubles)
    found = []
    for kind, name, timed in entries_of(project.graph, ()):
        if kind in kinds:
            entry = Entry(kind, name, timed, states.get((kind, name)) or AutomationState(kind, name))
            entry.plan_next(now)
            found.append(_listed(entry, latest.get((kind, name)), project))
    return sorted(found, key=lambda item: (kinds.index(item.kind), item.name))


def find(project: Project, kinds: Sequence[str], name: str, now: float) -> Listed:
    """Return one automation; raise UsageError when there is none of that name."""
    listed = list_automations(project, kinds, now)
    for item in listed:
        if item.name == name:
            return item
    near = closest(name, [item.name for item in listed])
    facts = (("closest", near),) if near else ()
    raise UsageError(Problem(f"no {kinds[0]} is called {name!r}", facts, f"See 'assetbuild {kinds[0]}s'."))


def history(project: Project, item: Listed) -> list[Tick]:
    """Return the ticks of an automation, newest first."""
    return Journal(project.root).history(item.kind, item.name)


def try_out(project: Project, item: Listed, now: float) -> Ticked:
    """Ask once what a tick now would ask for; nothing is built, and nothing is written, the cursor neither."""
    entry = _entry(project, item, now)
    definition = entry.timed
    assert isinstance(definition, (SensorDefinition, ScheduleDefinition))  # noqa: S101  # _entry lets no other through
    journal = Journal(project.root)
    if definition.function is None:
        request = Request(definition.selection, None, (), entry.reason, entry.name, entry.kind)
        return Ticked("requested", "", None, (request,))
    function = project.automations(functions=True)[entry.name].function
    assert function is not None  # noqa: S101  # it is the same definition
    context = context_of(definition, entry.state, now, entry.scheduled_at)
    call = Call(function, context, definition.timeout_s)
    answer = Evaluation(call, now=now, root=project.root).wait()
    if answer.error:
        return Ticked("failed", answer.error.strip(), entry.state.cursor, log=answer.log)
    try:
        new, known = new_requests(definition, answer, project.graph, journal, reason=entry.reason)
    except AssetbuildError as error:
        return Ticked("failed", str(error), entry.state.cursor, log=answer.log)
    outcome = "requested" if new else "skipped"
    return Ticked(outcome, answer.reason, answer.cursor, tuple(new), tuple(known), answer.log)


def tick_once(project: Project, item: Listed, clock: Callable[[], float], **options: Any) -> Ticked:
    """Tick an automation now, due or not: build what it asks for, and record it as the watcher does.

    Raises BusyError when another process is at the same tick.
    """
    now = clock()
    entry = _entry(project, item, now)
    journal = Journal(project.root)
    ticker = Ticker(project.root, journal)
    if not ticker.lock(entry, now):
        headline = f"another process runs {entry.title} just now"
        raise BusyError(Problem(headline, (), "Wait for it, or stop the watcher."))
    reports: list[Report] = []
    try:
        ticker.read_state(entry)
        requests = ticker.ask(entry, project, now)
        if entry.evaluation is not None:
            requests = ticker.take_answer(entry, entry.evaluation.wait(), project, now)
        for number, request in enumerate(requests):
            report = None
            try:
                if not reports or reports[-1].status != "interrupted":
                    report = carry_out(request, project, **options)
                    reports.append(report)
            except AssetbuildError as error:
                for waiting in requests[number:]:
                    ticker.finished(waiting, None, clock(), str(error))
                raise
            ticker.finished(request, report, clock(), "")
    finally:
        entry.release()
    project.warnings.extend(journal.troubles)
    last = entry.last if entry.last is not None else Tick(entry.kind, entry.name, now, "interrupted")
    return Ticked(last.outcome, last.message, entry.state.cursor, tuple(requests), (), last.log, tuple(reports))


def _listed(entry: Entry, last: Tick | None, project: Project) -> Listed:
    timed = entry.timed
    asked = timed if isinstance(timed, (SensorDefinition, ScheduleDefinition)) else None
    origin = asked.origin if asked is not None else project.graph.assets[entry.name].origin
    file, line = relative_place(origin, project.root)
    return Listed(
        entry.kind,
        entry.name,
        _when(timed),
        entry.state,
        entry.next_at,
        last,
        asked.description if asked is not None else None,
        f"{file}:{line}",
        timed.catch_up if isinstance(timed, ScheduleDefinition) else None,
    )


def _when(timed: Any) -> str:
    if isinstance(timed, SensorDefinition):
        return f"every {duration_text(timed.every_s)}"
    if isinstance(timed, ScheduleDefinition):
        return str(OnCron(timed.cron, timed.timezone))
    return str(timed) if isinstance(timed, (OnCron, OnFreshness)) else ""


def _entry(project: Project, item: Listed, now: float) -> Entry:
    """Return the entry of a tick by hand; a schedule's is for its latest tick."""
    timed = project.graph.automations.get(item.name)
    if timed is None or item.kind == "condition":
        advice = f"Build it: assetbuild materialize '{item.name}'"
        raise UsageError(Problem(f"{item.name!r} is an asset with a condition, and has no function to try", (), advice))
    entry = Entry(item.kind, item.name, timed, item.state)
    if isinstance(timed, ScheduleDefinition):
        entry.scheduled_at = latest_tick(timed.cron, timed.timezone, 0, now)
    return entry
