"""The jobs of a build and the order in which they come: what waits for what, and what is most urgent.

One job is one asset function with all its outputs. Nothing here knows what is stale.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from assetbuild.graph.model import Graph
from assetbuild.plan.planner import Decision, Planned

__all__ = ["Job", "ReadyQueue", "make_jobs"]


@dataclass(slots=True)
class Job:
    """One asset function on its way: its outputs, what it waits for, and the outcome of each output."""

    group: tuple[str, ...]
    waits: int = 0
    then: list[Job] = field(default_factory=list)
    priority: float = 0.0
    urgency: float = 0.0
    place: int = 0
    decisions: dict[str, Decision] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    attempt: int = 0
    seconds: float = 0.0
    failed: bool = False
    is_locked: bool = False

    def needs(self, action: str) -> bool:
        """Return whether an output is to be run or restored."""
        return any(decision.action == action for decision in self.decisions.values())


def make_jobs(planned: Planned, graph: Graph, duration: Callable[[str], float]) -> dict[str, Job]:
    """Return the job of each planned asset, with what it waits for, and its urgency.

    Urgency is the priority that the asset declares, then the critical path: the longest recorded way to the
    end of the graph, own duration included (Coffman, "Computer and Job-Shop Scheduling Theory", 1976).
    """
    jobs = [Job(group, place=place, left=set(group)) for place, group in enumerate(planned.groups)]
    by_key = {key: job for job in jobs for key in job.group}
    for job in jobs:
        upstream = {by_key[up].place: by_key[up] for key in job.group for up in graph.upstream(key) if up in by_key}
        job.waits = len(upstream)
        for other in upstream.values():
            other.then.append(job)
    for job in reversed(jobs):
        own = max(duration(key) for key in job.group)
        job.urgency = own + max((after.urgency for after in job.then), default=0.0)
        job.priority = graph.assets[job.group[0]].definition.priority
    return by_key


class ReadyQueue:
    """Jobs whose inputs are there, most urgent first; and those that are to be looked at again later."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        """Begin with the jobs that wait for nothing."""
        self._ready: list[tuple[float, float, int, Job]] = []
        self._later: list[tuple[float, int, Job]] = []
        for job in {job.place: job for job in jobs}.values():
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
        heapq.heappush(self._ready, (-job.priority, -job.urgency, job.place, job))

    def put_later(self, job: Job, delay_s: float) -> None:
        """Add a job that may start after a delay."""
        heapq.heappush(self._later, (time.monotonic() + delay_s, job.place, job))

    def pop(self) -> Job | None:
        """Return the most urgent job that may start now, or None."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self.put(heapq.heappop(self._later)[2])
        return heapq.heappop(self._ready)[3] if self._ready else None

    def seconds_to_next(self) -> float | None:
        """Return how long until a delayed job may start; None without one."""
        return max(self._later[0][0] - time.monotonic(), 0.0) if self._later else None

    def drop_later(self) -> None:
        """Forget the delayed jobs."""
        self._later.clear()
