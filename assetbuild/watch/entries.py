"""What runs by itself in a project: sensors, schedules, assets with times of their own, and sources to be polled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assetbuild.dataclass import dataclass
from assetbuild.declare.automation import OnCron, OnFreshness, ScheduleDefinition, SensorDefinition
from assetbuild.graph.automation import check_selection, kind_of
from assetbuild.graph.model import Graph
from assetbuild.record.ticks import AutomationState, Tick, TickLock
from assetbuild.watch.conditions import timed_assets
from assetbuild.watch.evaluation import Evaluation
from assetbuild.watch.schedules import next_at
from assetbuild.watch.sensors import scheduled_text

__all__ = ["DEFAULT_POLL_S", "Entry", "Polled", "Timed", "entries_of"]

DEFAULT_POLL_S = 60.0


@dataclass(frozen=True, slots=True)
class Polled:
    """A source with an observe function, polled every ``every_s`` seconds."""

    every_s: float


Timed = SensorDefinition | ScheduleDefinition | OnCron | OnFreshness | Polled


@dataclass(slots=True, eq=False)
class Entry:
    """One thing that runs by itself, and where it stands.

    ``kind`` is ``sensor``, ``schedule``, ``condition`` (``name`` is the asset's key) or ``source``. ``evaluation`` is
    the call of its function that goes on, ``overdue`` one that was given up and has not come back, ``scheduled_at`` the
    cron tick that is dealt with. While the builds that it asked for go on it ``is_open``. ``version`` is what a source
    held last, ``last`` the last tick here.
    """

    kind: str
    name: str
    timed: Timed
    state: AutomationState
    next_at: float | None = None
    evaluation: Evaluation | None = None
    overdue: Evaluation | None = None
    scheduled_at: float | None = None
    message: str = ""
    lock: TickLock | None = None
    is_open: bool = False
    version: str | None = None
    last: Tick | None = None

    @property
    def title(self) -> str:
        """What it is called in a line."""
        return f"{'asset' if self.kind == 'condition' else self.kind} {self.name!r}"

    @property
    def reason(self) -> str:
        """Why something is built at its tick."""
        if self.scheduled_at is None:
            return self.title
        return f"{self.title}, {scheduled_text(self.scheduled_at, getattr(self.timed, 'timezone', 'UTC'))}"

    @property
    def cron(self) -> tuple[str, str] | None:
        """The cron text and its time zone, where there is one."""
        timed = self.timed
        return (timed.cron, timed.timezone) if isinstance(timed, (ScheduleDefinition, OnCron)) else None

    @property
    def is_busy(self) -> bool:
        """Whether a tick goes on."""
        return self.evaluation is not None or self.is_open

    def plan_next(self, now: float) -> None:
        """Say when it is due next."""
        if isinstance(self.timed, Polled):
            self.next_at = min(self.state.ticked_at or now, now) + self.timed.every_s
        else:
            self.next_at = next_at(self.timed, self.state, now)

    def give_up(self) -> None:
        """Let go of the function that was called; while it has not come back it is not called again."""
        if self.evaluation is not None and self.evaluation.is_running:
            self.overdue = self.evaluation
        self.evaluation = None

    def release(self) -> None:
        """Give the lock back."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None


def entries_of(graph: Graph, selection: Sequence[str]) -> Iterator[tuple[str, str, Timed]]:
    """Yield kind, name and times of what a watcher of the selection runs.

    With a selection, sensors and schedules are those whose own selection lies within it and what is upstream of it;
    those that have none, and so may ask for anything, belong to a watcher of everything.
    """
    chosen = graph.closure(check_selection(graph, selection))
    for name, definition in sorted(graph.automations.items()):
        if not selection or (definition.selection and check_selection(graph, definition.selection) <= chosen):
            yield kind_of(definition), name, definition
    for key, on in timed_assets(graph).items():
        if key in chosen:
            yield "condition", key, on
    for key, source in graph.sources.items():
        if source.definition.observe is not None and not chosen.isdisjoint(graph.downstream(key)):
            yield "source", key, Polled(source.definition.every_s or DEFAULT_POLL_S)
