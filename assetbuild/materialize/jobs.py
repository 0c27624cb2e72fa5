"""The jobs of a build and the order in which they come: what waits for what, and what is most urgent.

One job is one call of an asset function, with all its outputs, for one partition or for a batch of them. Nothing here
knows what is stale.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence

from assetbuild.dataclass import dataclass, field
from assetbuild.graph.model import Graph
from assetbuild.plan.model import Decision
from assetbuild.plan.planner import Planned, Planner
from assetbuild.plan.states import AssetState

__all__ = ["Job", "Need", "Output", "ReadyQueue", "make_jobs"]

Output = tuple[str, int]
"""An asset key, and a place in its key set."""

Need = tuple[str | None, int]
"""The pool that a call takes a place of, and the memory in bytes that it declares: of equals all fit, or none."""


@dataclass(slots=True)
class Job:
    """One call on its way: its outputs, what it waits for, and the outcome of each output.

    ``places`` are in the key set of ``state``, which is that of the first output and as good as that of the others.
    """

    group: tuple[str, ...]
    places: tuple[int, ...]
    state: AssetState
    order: int = 0
    need: Need = (None, 0)
    waits: int = 0
    then: list[Job] = field(default_factory=list)
    priority: float = 0.0
    urgency: float = 0.0
    decisions: dict[Output, Decision] = field(default_factory=dict)
    left: set[Output] = field(default_factory=set)
    attempt: int = 0
    seconds: float = 0.0
    failed: bool = False
    is_locked: bool = False
    log: str | None = None
    told: int = 0
    """How many bytes of its log were told of."""
    secrets: tuple[str, ...] = ()
    """What must not stand in its log."""

    @property
    def outputs(self) -> Iterator[Output]:
        """Every output of the call."""
        return ((key, place) for place in self.places for key in self.group)

    @property
    def partition(self) -> str | None:
        """The partition key, the first one of a batch; None without partitions."""
        return self.state.key(self.places[0])

    @property
    def name(self) -> str:
        """The job as people call it."""
        return self.group[0] if self.partition is None else f"{self.group[0]}[{self.partition}]"

    @property
    def locks(self) -> list[str]:
        """The names under which its outputs are locked against other builds."""
        if self.state.keys is None:
            return [self.group[0]]
        return [f"{self.group[0]}|{self.state.key(place)}" for place in self.places]

    def needs(self, action: str) -> bool:
        """Return whether an output is to be run or restored."""
        return any(decision.action == action for decision in self.decisions.values())

    def runs(self) -> list[int]:
        """Return the places that the function is to be called for."""
        return [place for place in self.places if self.decisions[self.group[0], place].action == "run"]


def make_jobs(planner: Planner, planned: Planned, graph: Graph, duration: Callable[[str], float]) -> dict[Output, Job]:
    """Return the job of each planned output that is not fresh, with what it waits for, and its urgency.

    What lies downstream of an asset whose partitions are not known yet has no job. Urgency is the priority that the
    asset declares, then the critical path: the longest recorded way to the end of the graph, own duration included
    (Coffman, "Computer and Job-Shop Scheduling Theory", 1976).
    """
    jobs: list[Job] = []
    by_output: dict[Output, Job] = {}
    held: set[str] = set()
    may_hold = any(state.is_open for state in planned.states.values())
    for group in planned.groups:
        if may_hold and any(_is_held(planner, key, held) for key in group):
            held.update(group)
            continue
        if not any(planned.states[key].decisions for key in group):
            continue  # fresh: nothing of the asset has to be known
        definition = graph.assets[group[0]].definition
        need = definition.pool, definition.memory_bytes
        for places in _calls(planner, planned, group, definition.batch):
            job = Job(group, places, planned.states[group[0]], order=len(jobs), need=need)
            job.left.update(job.outputs)
            jobs.append(job)
            by_output.update(dict.fromkeys(job.left, job))
    for job in jobs:
        upstream = {other.order: other for other in _upstream(planner, job, by_output)}
        job.waits = len(upstream)
        for other in upstream.values():
            other.then.append(job)
    durations = {key: duration(key) for key in {key for job in jobs for key in job.group}}
    for job in reversed(jobs):
        own = max(durations[key] for key in job.group)
        job.urgency = own + max((after.urgency for after in job.then), default=0.0)
        job.priority = graph.assets[job.group[0]].definition.priority
    return by_output


def _is_held(planner: Planner, key: str, held: set[str]) -> bool:
    state = planner.states[key]
    return state.is_open or any(edge.up.is_open or edge.given.key in held for edge in planner.edges[key])


def _calls(planner: Planner, planned: Planned, group: Sequence[str], batch: int | None) -> Iterator[tuple[int, ...]]:
    """Yield the places of each call of a function: one, or as many as it takes at once."""
    decided = [planned.states[key].decisions for key in group]
    places = sorted({place for decisions in decided for place in decisions})
    # What cannot be built now fails alone.
    hopeless = {place for decisions in decided for place, decision in decisions.items() if decision.problem}
    if batch is None or any(edge.is_own for edge in planner.edges[group[0]]):
        yield from ((place,) for place in places)
        return
    yield from ((place,) for place in places if place in hopeless)
    places = [place for place in places if place not in hopeless]
    size = batch or len(places)
    for first in range(0, len(places), max(size, 1)):
        yield tuple(places[first : first + size])


def _upstream(planner: Planner, job: Job, by_output: dict[Output, Job]) -> Iterator[Job]:
    for key in job.group:
        for edge in planner.edges[key]:
            for place in job.places:
                for up in edge.places(None if job.state.keys is None else place):
                    other = by_output.get((edge.given.key, up))
                    if other is not None and other is not job:
                        yield other


class ReadyQueue:
    """Jobs whose inputs are there, most urgent first; and those that are to be looked at again later."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        """Begin with the jobs that wait for nothing."""
        self._ready: dict[Need, list[tuple[float, float, int, Job]]] = {}
        self._later: list[tuple[float, int, Job]] = []
        for job in {job.order: job for job in jobs}.values():
            if job.waits == 0:
                self.put(job)

    def __bool__(self) -> bool:
        """Return whether any job is here, now or later."""
        return bool(self._ready or self._later)

    @property
    def has_later(self) -> bool:
        """Return whether a job is to be looked at again."""
        return bool(self._later)

    def put(self, job: Job) -> None:
        """Add a job that may start."""
        heapq.heappush(self._ready.setdefault(job.need, []), (-job.priority, -job.urgency, job.order, job))

    def put_later(self, job: Job, delay_s: float) -> None:
        """Add a job that may start after a delay."""
        heapq.heappush(self._later, (time.monotonic() + delay_s, job.order, job))

    def pop(self, passed: Container[Need] = ()) -> Job | None:
        """Return the most urgent job that may start now and has none of the needs that are ``passed`` over."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self.put(heapq.heappop(self._later)[2])
        need = min((need for need in self._ready if need not in passed), key=self._urgency, default=None)
        if need is None:
            return None
        job = heapq.heappop(self._ready[need])[3]
        if not self._ready[need]:
            del self._ready[need]
        return job

    def seconds_to_next(self) -> float | None:
        """Return how long until a delayed job may start; None without one."""
        return max(self._later[0][0] - time.monotonic(), 0.0) if self._later else None

    def drop_later(self) -> None:
        """Forget the delayed jobs."""
        self._later.clear()

    def _urgency(self, need: Need) -> tuple[float, float, int, Job]:
        return self._ready[need][0]
