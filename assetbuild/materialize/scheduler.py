"""Carry out a plan: what is ready runs, longest way to go first; each asset is judged when its inputs are known.

In: a ``Planned`` and a ``Planner``. Out: an outcome per (asset, partition) that is not fresh, recorded as it happens.
The order is decided here and staleness is not: ``Planner.decide`` judges, also in the middle of a run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from assetbuild.dataclass import dataclass, field
from assetbuild.graph.model import Asset, Graph
from assetbuild.materialize.cancel import Cancel, Waitable
from assetbuild.materialize.events import (
    AssetOutput,
    AssetProgress,
    AssetRetried,
    AssetStarted,
    Event,
    RunStopping,
    Waiting,
)
from assetbuild.materialize.inputs import InputRefs
from assetbuild.materialize.interrupt import Interrupt
from assetbuild.materialize.jobs import Job, Need, Output, ReadyQueue, make_jobs
from assetbuild.materialize.ledger import Ledger
from assetbuild.materialize.logs import log_path, mask_log, told_since
from assetbuild.materialize.report import Outcome
from assetbuild.materialize.settlement import Settlement
from assetbuild.materialize.shared import SharedFiles
from assetbuild.materialize.task import Began, Progress, Secrets, Task, TaskResult
from assetbuild.plan.model import Decision
from assetbuild.plan.planner import Planned, Planner
from assetbuild.plan.states import AssetState
from assetbuild.record.lock import AssetLocks
from assetbuild.record.pointers import Place

__all__ = ["Options", "Scheduler"]

_RETRY_BASE_S = 0.5
_RETRY_MOST_S = 60.0
_GRACE_S = 2.0
"""How long assets that run may still take after Ctrl-C."""

_LOOK_AGAIN_S = 0.05  # at a lock that another process holds: the kernel tells nobody when it is given back


class Pool(Protocol):
    """Where tasks run: worker processes, or the main process."""

    jobs: int

    def has_room(self) -> bool: ...
    @property
    def running(self) -> list[Any]: ...
    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None: ...
    def has_room_ahead(self) -> bool: ...
    def start_ahead(self, handle: Any, task: Task) -> bool: ...
    def share_out(self) -> list[Any]: ...
    def take_back(self) -> list[Any]: ...
    def wait(self, others: Sequence[Waitable], timeout_s: float | None) -> Any: ...
    def cancel(self, handle: Any) -> None: ...
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: the config values by asset, whether to go on after failures, the limits of pools, who listens."""

    run_id: str
    logs: Path
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    keep_going: bool = False
    pools: Mapping[str, int] = field(default_factory=dict)
    on_event: Callable[[Event], None] = lambda _event: None
    memory_bytes: int = 0
    """What running assets may take together of the memory that they declare."""
    holder: Callable[[], str] = lambda: "another build"
    capture: bool = True
    cancel: Cancel | None = None
    meanwhile: Callable[[], object] = lambda: None
    """What else is to be done, once workers have something to do."""


class Scheduler:
    """Runs one plan to its end."""

    def __init__(  # noqa: PLR0913, PLR0917  # the seams of a build: what, where, on record, alone, how, until when
        self,
        planner: Planner,
        planned: Planned,
        pool: Pool,
        ledger: Ledger,
        locks: AssetLocks,
        options: Options,
        interrupt: Interrupt,
        earlier: Mapping[Place, Outcome],
    ) -> None:
        """Take what is planned and where to run it; ``earlier`` are the outcomes of this run's earlier plans."""
        self.planner = planner
        self.planned = planned
        self.pool = pool
        self.options = options
        self.interrupt = interrupt
        self.facts = planner.facts
        self.graph: Graph = planner.facts.graph
        self.pointers = planner.facts.pointers
        self.locks = locks
        self.inputs = InputRefs(self.facts, planner)
        self.stopped_by: str | None = None
        """The job whose failure stopped the run."""
        self._durations: dict[str, float] = {}
        self._logs = str(options.logs)
        self._log_folders: set[str] = set()
        self._jobs = make_jobs(planner, planned, self.graph, self._duration)
        self._ready = ReadyQueue(self._jobs.values())
        self.is_cut_off = False
        """Whether the caller found running work obsolete."""
        self._waits_for_other = False
        shared = SharedFiles(self.facts, planned, locks, options.run_id)
        self.settlement = Settlement(planner, ledger, locks, shared, self._ready, options.on_event, self._after_failure)
        for (key, place), job in self._jobs.items():
            if (before := earlier.get((key, self._state(key).key(place)))) is not None:
                self.settlement.leave_out(job, before, (key, place))

    def run(self) -> dict[Place, Outcome]:
        """Run everything that is to run, and return the outcomes by asset and partition key."""
        try:
            self._dispatch()
            self.settlement.prepare(self._jobs)
            self.options.meanwhile()
            while not self.interrupt.requested and (self._ready or self.pool.running or self.settlement.lane.waiting):
                self._dispatch()
                if self.pool.running or self.settlement.lane.waiting or self._ready.has_later:
                    self._listen(self._ready.seconds_to_next(), self.interrupt.connections)
            if self.interrupt.requested:
                self._stop()
        finally:
            ended = self.pool.running
            self.pool.release()
            for job in ended:
                self._mask(job)
            self.settlement.close()
        self._settle_rest()
        return self.settlement.outcomes

    def _stop(self) -> None:
        """Start nothing new, and give what runs a moment to finish; what is finished is kept."""
        # Waits without the interrupt: its signal stays, and a second one ends the process by itself.
        self._ready.drop_later()
        self._take_back()
        running = tuple(sorted({job.group[0] for job in self.pool.running}))
        self.options.on_event(RunStopping(self.options.run_id, running, _GRACE_S))
        until = time.monotonic() + _GRACE_S
        self._listen(0)
        while (self.pool.running or self.settlement.lane.waiting) and (left_s := until - time.monotonic()) > 0:
            self._listen(left_s)

    @property
    def has_stopped(self) -> bool:
        """Whether the run ended before it came to its end."""
        return self.interrupt.requested or self.is_cut_off or self.stopped_by is not None

    def _dispatch(self) -> None:
        held: list[Job] = []
        too_much: set[Need] = set()
        while not self.interrupt.requested and (job := self._ready.pop(too_much)) is not None:
            if self.stopped_by is not None or self.is_cut_off or not job.left:
                continue
            if not job.decisions:
                job.decisions = self._decide(job)
            is_ahead = job.needs("run") and not self.pool.has_room()
            if is_ahead and not self._may_wait(job):
                held.append(job)
                break
            if job.needs("run") and not self._fits(job):
                held.append(job)
                too_much.add(job.need)
            elif (job.needs("run") or job.needs("restore")) and not self._take(job):
                self._ready.put_later(job, _LOOK_AGAIN_S)
            elif job.needs("run"):
                if not self._start(job, is_ahead=is_ahead):
                    held.append(job)
                    break
            else:
                self.settlement.settle(job, job.places)
        for job in held:
            self._ready.put(job)
        for job in self.pool.share_out():
            self._began(job)

    def _duration(self, key: str) -> float:
        if key not in self._durations:
            pointer = self.pointers.get((key, None))
            alone_s = pointer.duration_s if pointer is not None else 0.0
            is_split = self.pointers.is_partitioned(key)
            self._durations[key] = self.facts.record.mean_duration_s(key) if is_split else alone_s
        return self._durations[key]

    def _take(self, job: Job) -> bool:
        """Lock the job's outputs against other builds; when one of those built them meanwhile, judge again."""
        if job.is_locked:
            return True
        taken: list[str] = []
        for name in job.locks:
            if not self.locks.take(name):
                for held in taken:
                    self.locks.release(held)
                if not self._waits_for_other:
                    self._waits_for_other = True
                    self.options.on_event(Waiting(self.options.holder()))
                return False
            taken.append(name)
        job.is_locked = True
        where = [(key, self._state(key).key(place)) for key, place in job.outputs]
        latest = {place: self.facts.record.pointer(*place) for place in where}
        if any(pointer is not None and pointer != self.pointers.get(place) for place, pointer in latest.items()):
            for place, pointer in latest.items():
                if pointer is not None:
                    self.pointers[place] = pointer
            job.decisions = self._judge(job)
        return True

    def _fits(self, job: Job) -> bool:
        """Return whether the job's pool has a place, and the memory that it declares is free."""
        running = [other.need for other in self.pool.running]
        pool, memory_bytes = job.need
        limit = self.options.pools.get(pool or "")
        if limit is not None and sum(other == pool for other, _ in running) >= limit:
            return False
        return not running or sum(taken for _, taken in running) + memory_bytes <= self.options.memory_bytes

    def _may_wait(self, job: Job) -> bool:
        """Return whether a busy worker may have the job for afterwards: not when it is to be timed, or kept apart."""
        definition = self._asset(job).definition
        is_plain = definition.pool is None and not definition.memory_bytes and definition.timeout is None
        return is_plain and definition.executor != "thread" and self.pool.has_room_ahead()

    def _take_back(self) -> None:
        """Let nothing begin any more that waits in a worker."""
        for job in self.pool.take_back():
            job.attempt -= 1
            self._ready.put(job)

    def _asset(self, job: Job) -> Asset:
        return self.graph.assets[job.group[0]]

    # -- one job

    def _decide(self, job: Job) -> dict[Output, Decision]:
        planned = {
            (key, place): found
            for key, place in job.outputs
            if (found := self._state(key).decisions.get(place)) is not None
        }
        is_whole = all(decision.build_key is not None or decision.problem for decision in planned.values())
        if is_whole and len(planned) == len(job.left):
            return planned
        return self._judge(job)

    def _judge(self, job: Job) -> dict[Output, Decision]:
        return {
            (key, place): decision
            for place in job.places
            for key, decision in self.planner.decide(job.group, place).items()
            if (key, place) in job.left
        }

    def _state(self, key: str) -> AssetState:
        return self.planned.states[key]

    def _start(self, job: Job, *, is_ahead: bool) -> bool:
        """Run a job, now or when a busy worker is done; return False when none would take it for afterwards."""
        asset = self._asset(job)
        places = job.runs()
        if others := [place for place in job.places if place not in places]:
            self.settlement.settle(job, others)
        problems = [d.problem for d in job.decisions.values() if d.problem]
        if problems:
            self.settlement.fail(job, problems[0])
            return True
        log = log_path(self._logs, asset.key, job.partition) if self.options.capture else None
        if log is not None and (folder := log.rpartition("/")[0]) not in self._log_folders:
            with suppress(OSError):  # a full disk: it runs without a log
                os.makedirs(folder, exist_ok=True)
                self._log_folders.add(folder)
        keys = tuple(str(job.state.key(place)) for place in places) if job.state.keys is not None else ()
        is_batch = asset.definition.batch is not None
        job.log = log
        task = Task(
            asset=asset.key,
            partition=None if is_batch or not keys else keys[0],
            run_id=self.options.run_id,
            attempt=job.attempt + 1,
            inputs=self.inputs.of(asset, places if job.state.keys is not None else (None,), is_batch=is_batch),
            config=self.options.config.get(asset.key, {}),
            log=log,
            has_timeout=asset.definition.timeout is not None,
            partitions=keys if is_batch else (),
            in_thread=asset.definition.executor == "thread",
            env=tuple(self.facts.recipe(asset.key).env),
        )
        if is_ahead and not self.pool.start_ahead(job, task):
            return False
        job.attempt += 1
        if not is_ahead:
            self._began(job)
            self.pool.start(job, task, asset.definition.timeout)
        return True

    def _began(self, job: Job) -> None:
        key = job.group[0]
        self.options.on_event(AssetStarted(key, job.partition, job.attempt, self._durations.get(key) or None))

    def _listen(self, timeout_s: float | None, interrupts: Iterable[Waitable] = ()) -> None:
        cancel = self.options.cancel if not self.is_cut_off else None
        others = [self.settlement.lane.signal, *(cancel.connections if cancel is not None else ()), *interrupts]
        built: list[tuple[Job, TaskResult]] = []
        for job, said in self.pool.wait(others, timeout_s):
            if isinstance(said, Progress):
                self.options.on_event(AssetProgress(job.group[0], job.partition, said.done, said.total))
            elif isinstance(said, Began):
                self._began(job)
            elif isinstance(said, Secrets):
                job.secrets = said.texts
            else:
                self._tell_output(job, said)
                if said.error is None:
                    built.append((job, said))
                else:
                    self._failed(job, said)
        self.settlement.arrived(built)
        if cancel is not None:
            self._cut_off(cancel.obsolete(lambda: frozenset(key for (key, _), job in self._jobs.items() if job.left)))
        self.settlement.read_lane()
        self.settlement.end_batch()

    def _tell_output(self, job: Job, result: TaskResult) -> None:
        if not result.is_own:
            self._mask(job)
        if job.log is not None:
            text, job.told = told_since(job.log, job.told)
            if text:
                self.options.on_event(AssetOutput(job.group[0], job.partition, job.attempt, text))

    def _mask(self, job: Job) -> None:
        """Mask the secrets in the log of a job whose worker has ended before it could."""
        if job.log is not None and job.secrets:
            with suppress(OSError):
                mask_log(job.log, job.secrets)

    def _cut_off(self, obsolete: frozenset[str]) -> None:
        """End what runs and is obsolete, and start nothing more."""
        if obsolete:
            self.is_cut_off = True
            self._ready.drop_later()
            self._take_back()
            for job in self.pool.running:
                if not obsolete.isdisjoint(job.group):
                    self.pool.cancel(job)
                    self._mask(job)

    def _failed(self, job: Job, result: TaskResult) -> None:
        self._take_back()  # its worker waits for a word
        definition = self._asset(job).definition
        error = result.error or ""
        if error == "timeout":
            error = f"timed out after {definition.timeout:g} second{'' if definition.timeout == 1 else 's'}"
        if job.attempt <= definition.retries:
            # Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff and Jitter").
            delay = random.uniform(0, min(_RETRY_BASE_S * 2**job.attempt, _RETRY_MOST_S))  # noqa: S311
            self.options.on_event(AssetRetried(job.group[0], job.partition, job.attempt, error))
            self._ready.put_later(job, delay)
            return
        job.seconds = result.seconds
        self.settlement.fail(job, error)

    def _after_failure(self, job: Job) -> None:
        if not self.options.keep_going:
            self.stopped_by = job.name
            self._ready.drop_later()
            self._take_back()

    def _settle_rest(self) -> None:
        """Say what became of the outputs that were never reached."""
        why = f"not started, because {self.stopped_by!r} failed"
        if self.interrupt.requested:
            why = "interrupted"
        elif self.is_cut_off:
            why = "cut off"
        for job in self._jobs.values():
            if job.left:
                self.settlement.skip(job, why)
