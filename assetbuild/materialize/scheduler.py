"""Carry out a plan: what is ready runs, longest way to go first; each asset is judged when its inputs are known.

In: a ``Planned`` and a ``Planner``. Out: an outcome per (asset, partition) that is not fresh, recorded as it happens.
The order is decided here and staleness is not: ``Planner.decide`` judges, also in the middle of a run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from assetbuild.errors import AssetbuildError, RecordError
from assetbuild.graph.model import Asset, Graph, Source
from assetbuild.materialize.cancel import Cancel
from assetbuild.materialize.events import (
    AssetFinished,
    AssetProgress,
    AssetRetried,
    AssetStarted,
    Event,
    RunStopping,
    Waiting,
)
from assetbuild.materialize.inputs import InputRefs
from assetbuild.materialize.interrupt import Interrupt
from assetbuild.materialize.jobs import Job, Output, ReadyQueue, make_jobs
from assetbuild.materialize.lane import Lane
from assetbuild.materialize.ledger import Ledger
from assetbuild.materialize.logs import log_path
from assetbuild.materialize.report import Outcome, OutcomeName
from assetbuild.materialize.shared import SharedFiles
from assetbuild.materialize.task import OutputResult, Progress, Task, TaskResult
from assetbuild.plan.model import Cause, Decision
from assetbuild.plan.planner import Planned, Planner
from assetbuild.plan.states import AssetState, SourcePlaces
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
    def wait(self, others: list[Connection], timeout_s: float | None) -> Any: ...
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
        self.ledger = ledger
        self.options = options
        self.interrupt = interrupt
        self.facts = planner.facts
        self.graph: Graph = planner.facts.graph
        self.pointers = planner.facts.pointers
        self.outcomes: dict[Place, Outcome] = {}
        self.locks = locks
        self.shared = SharedFiles(self.facts, planned, locks, options.run_id)
        self.lane = Lane()
        self.inputs = InputRefs(self.facts, planner)
        self.stopped_by: str | None = None
        """The job whose failure stopped the run."""
        self._durations: dict[str, float] = {}
        self._log_folders: set[Path] = set()
        self._jobs = make_jobs(planner, planned, self.graph, self._duration)
        self._ready = ReadyQueue(self._jobs.values())
        self.is_cut_off = False
        """Whether the caller found running work obsolete."""
        self._waits_for_other = False
        self._skip_failed(earlier)

    def run(self) -> dict[Place, Outcome]:
        """Run everything that is to run, and return the outcomes by asset and partition key."""
        try:
            while not self.interrupt.requested and (self._ready or self.pool.running or self.lane.waiting):
                self._dispatch()
                if self.pool.running or self.lane.waiting or self._ready.has_later:
                    self._listen(self._ready.seconds_to_next())
            if self.interrupt.requested:
                self._stop()
        finally:
            self.pool.release()
            self.lane.finish()
            with closing(self.lane):
                self._read_lane()
                with suppress(AssetbuildError):
                    self.shared.end_batch()
        self._settle_rest()
        return self.outcomes

    def _stop(self) -> None:
        """Start nothing new, and give what runs a moment to finish; what is finished is kept."""
        self._ready.drop_later()
        running = tuple(sorted({job.group[0] for job in self.pool.running}))
        self.options.on_event(RunStopping(self.options.run_id, running, _GRACE_S))
        until = time.monotonic() + _GRACE_S
        self._listen(0)
        while (self.pool.running or self.lane.waiting) and (left_s := until - time.monotonic()) > 0:
            self._listen(left_s)

    @property
    def has_stopped(self) -> bool:
        """Whether the run ended before it came to its end."""
        return self.interrupt.requested or self.is_cut_off or self.stopped_by is not None

    def _dispatch(self) -> None:
        held: list[Job] = []
        while not self.interrupt.requested and (job := self._ready.pop()) is not None:
            if self.stopped_by is not None or self.is_cut_off or not job.left:
                continue
            if not job.decisions:
                job.decisions = self._decide(job)
            if job.needs("run") and not self.pool.has_room():
                held.append(job)
                break
            if job.needs("run") and not self._fits(job):
                held.append(job)
            elif (job.needs("run") or job.needs("restore")) and not self._take(job):
                self._ready.put_later(job, _LOOK_AGAIN_S)
            elif job.needs("run"):
                self._start(job)
            else:
                self._settle(job, job.places)
        for job in held:
            self._ready.put(job)

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
        definition = self._asset(job).definition
        running = [self._asset(other).definition for other in self.pool.running]
        limit = self.options.pools.get(definition.pool or "")
        if limit is not None and sum(other.pool == definition.pool for other in running) >= limit:
            return False
        taken_bytes = sum(other.memory_bytes for other in running)
        return not running or taken_bytes + definition.memory_bytes <= self.options.memory_bytes

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

    def _settle(self, job: Job, places: Sequence[int]) -> None:
        for (key, place), decision in list(job.decisions.items()):
            if place not in places:
                continue
            if decision.action == "restore":
                self._restore(job, (key, place), decision)
            else:
                self._finish(job, (key, place), self._outcome((key, place), "fresh", version=decision.data_version))

    def _outcome(
        self, output: Output, outcome: OutcomeName, causes: tuple[Cause, ...] = (), *, version: str | None = None
    ) -> Outcome:
        key, place = output
        return Outcome(key, self._state(key).key(place), outcome, causes, version)

    def _restore(self, job: Job, output: Output, decision: Decision) -> None:
        restored = decision.restore
        assert restored is not None  # noqa: S101
        outcome = self._outcome(output, "restored", decision.causes, version=restored.data_version)
        if restored.object is None:
            self._restored(job, output, outcome, decision, ("", None))
            return
        handle = ("restore", job, output, outcome, decision)
        self.lane.put(handle, partial(self._publish, outcome, restored.object, restored.io_manager))

    def _start(self, job: Job) -> None:
        asset = self._asset(job)
        places = job.runs()
        if others := [place for place in job.places if place not in places]:
            self._settle(job, others)
        problems = [d.problem for d in job.decisions.values() if d.problem]
        if problems:
            self._fail(job, problems[0])
            return
        job.attempt += 1
        log = log_path(self.options.logs, asset.key, job.partition) if self.options.capture else None
        if log is not None and log.parent not in self._log_folders:
            with suppress(OSError):  # a full disk: it runs without a log
                log.parent.mkdir(parents=True, exist_ok=True)
                self._log_folders.add(log.parent)
        expected = self._durations.get(asset.key) or None
        self.options.on_event(AssetStarted(asset.key, job.partition, job.attempt, expected))
        keys = tuple(str(job.state.key(place)) for place in places) if job.state.keys is not None else ()
        is_batch = asset.definition.batch is not None
        task = Task(
            asset=asset.key,
            partition=None if is_batch or not keys else keys[0],
            run_id=self.options.run_id,
            attempt=job.attempt,
            inputs=self.inputs.of(asset, places if job.state.keys is not None else (None,), is_batch=is_batch),
            config=self.options.config.get(asset.key, {}),
            log=log,
            has_timeout=asset.definition.timeout is not None,
            partitions=keys if is_batch else (),
            in_thread=asset.definition.executor == "thread",
        )
        self.pool.start(job, task, asset.definition.timeout)

    def _listen(self, timeout_s: float | None) -> None:
        cancel = self.options.cancel if not self.is_cut_off else None
        others = [self.lane.signal, *(cancel.connections if cancel is not None else ())]
        if not self.interrupt.requested:  # its signal stays
            others += self.interrupt.connections
        for job, said in self.pool.wait(others, timeout_s):
            if isinstance(said, Progress):
                self.options.on_event(AssetProgress(job.group[0], job.partition, said.done, said.total))
            elif said.error is None:
                self._arrived(job, said)
            else:
                self._failed(job, said)
        if cancel is not None:
            self._cut_off(cancel.obsolete(lambda: frozenset(key for (key, _), job in self._jobs.items() if job.left)))
        self._read_lane()
        if self.shared.is_open and not self.lane.waiting:
            self.lane.put(("end of batch",), self.shared.end_batch)

    def _cut_off(self, obsolete: frozenset[str]) -> None:
        """End what runs and is obsolete, and start nothing more."""
        if obsolete:
            self.is_cut_off = True
            self._ready.drop_later()
            for job in self.pool.running:
                if not obsolete.isdisjoint(job.group):
                    self.pool.cancel(job)

    def _read_lane(self) -> None:
        for handle, value in self.lane.results():
            self._published(handle, value)

    def _arrived(self, job: Job, result: TaskResult) -> None:
        job.seconds = result.seconds
        for (key, partition), output in result.outputs.items():
            where = (key, self._state(key).place(partition) or 0)
            metadata = result.metadata.get(key, {})
            if output.location is None and output.object is not None:
                handle = ("publish", job, where, output, metadata)
                outcome = self._outcome(where, "built")
                self.lane.put(handle, partial(self._publish, outcome, output.object, output.io_manager))
            else:
                self._built(job, where, output, metadata)

    def _failed(self, job: Job, result: TaskResult) -> None:
        definition = self._asset(job).definition
        error = result.error or ""
        if error == "timeout":
            error = f"timed out after {definition.timeout:g} seconds"
        if job.attempt <= definition.retries:
            # Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff and Jitter").
            delay = random.uniform(0, min(_RETRY_BASE_S * 2**job.attempt, _RETRY_MOST_S))  # noqa: S311
            self.options.on_event(AssetRetried(job.group[0], job.partition, job.attempt, error))
            self._ready.put_later(job, delay)
            return
        job.seconds = result.seconds
        self._fail(job, error)

    def _fail(self, job: Job, error: str) -> None:
        job.failed = True
        for output in list(job.left):
            key, place = output
            outcome = replace(
                self._outcome(output, "failed", _final(job.decisions[output])),
                seconds=job.seconds,
                error=error,
                attempts=job.attempt,
            )
            with suppress(RecordError):  # a full disk may be why it failed: the report still says so
                self.ledger.ended(outcome)
            self._finish(job, output, outcome)
        if not self.options.keep_going:
            self.stopped_by = job.name
            self._ready.drop_later()

    # -- publishing, in the lane's thread

    def _publish(self, outcome: Outcome, object_name: str, io_manager: str) -> tuple[str, str | None]:
        """Publish an object; return its location, and its stamp unless it lies in a shared file."""
        outputs = self.facts.outputs
        manager = outputs.io_managers.get(io_manager)
        place = outputs.place(outcome.asset, outcome.partition, object_name)
        shared = manager.shared_stamp_path(place)
        if shared is None:
            return manager.location(place), manager.publish(place, outputs.objects.path(object_name))
        self.shared.publish(manager, place, shared, outputs.objects.path(object_name))
        return manager.location(place), None

    def _published(self, handle: Any, value: Any) -> None:
        if handle[0] == "end of batch":
            return  # an error changes nothing: what is committed lies in the file's log, and its stamp is not recorded
        if handle[0] == "restore":
            _, job, output, outcome, decision = handle
            if isinstance(value, AssetbuildError):
                self._restore_failed(job, output, decision, value)
                return
            self._restored(job, output, outcome, decision, value)
            return
        _, job, where, written, metadata = handle
        if isinstance(value, AssetbuildError):
            self._fail(job, str(value))
            return
        location, stamp = value
        self._built(job, where, replace(written, location=location, stamp=stamp), metadata)

    def _restore_failed(self, job: Job, output: Output, decision: Decision, error: AssetbuildError) -> None:
        name = decision.restore.object if decision.restore is not None else None
        if name is not None and not self.facts.outputs.objects.verify(name):
            # The object is damaged: it is worth nothing, and the asset runs after all.
            self.facts.outputs.objects.discard(name)
            job.decisions = {
                where: replace(found, action="run", restore=None)
                if where in job.left and where[1] == output[1]
                else found
                for where, found in job.decisions.items()
            }
            job.places = tuple(sorted({place for _, place in job.left}))
            self._ready.put(job)
            return
        self._fail(job, str(error))

    # -- outcomes

    def _restored(
        self, job: Job, output: Output, outcome: Outcome, decision: Decision, published: tuple[str, str | None]
    ) -> None:
        try:
            self.pointers[outcome.asset, outcome.partition] = self.ledger.restored(outcome, decision, *published)
        except RecordError as error:
            self._fail(job, str(error))
            return
        self.shared.settled((outcome.asset, outcome.partition))
        self._finish(job, output, outcome)

    def _built(self, job: Job, output: Output, written: OutputResult, metadata: Mapping[str, Any]) -> None:
        decision = job.decisions[output]
        outcome = replace(
            self._outcome(output, "built", _final(decision), version=written.data_version or decision.build_key),
            seconds=job.seconds,
            attempts=job.attempt,
            rows=written.rows,
            size_bytes=written.size_bytes,
            location=written.location,
        )
        try:
            self.pointers[outcome.asset, outcome.partition] = self.ledger.built(
                outcome,
                decision,
                self.facts.recipe(outcome.asset),
                written,
                traced=self.facts.sources.moved(self._read_sources(output)) is None,
                metadata=metadata,
            )
        except AssetbuildError as error:
            self._fail(job, str(error))
            return
        self.shared.settled((outcome.asset, outcome.partition))
        self._finish(job, output, outcome)

    def _read_sources(self, output: Output) -> Iterator[tuple[Source, Sequence[int]]]:
        key, place = output
        where = None if self._state(key).keys is None else place
        for edge in self.planner.edges[key]:
            if isinstance(edge.up, SourcePlaces):
                yield self.graph.sources[edge.given.key], edge.places(where)

    def _finish(self, job: Job, output: Output, outcome: Outcome) -> None:
        self.outcomes[outcome.asset, outcome.partition] = outcome
        key, place = output
        self._state(key).settle(place, outcome.data_version)
        self.options.on_event(AssetFinished(outcome))
        job.left.discard(output)
        if job.left:
            return
        if job.is_locked:
            job.is_locked = False
            for name in job.locks:
                self.locks.release(name)
        for after in job.then:
            after.waits -= 1
            if job.failed:
                self._block(after, job.name)
            elif after.waits == 0 and after.left:
                self._ready.put(after)

    def _block(self, job: Job, failed: str) -> None:
        # Level by level, not by recursion: a chain of 5,000 assets may hang below one failure.
        waiting = [job]
        while waiting:
            blocked = waiting.pop()
            if not blocked.left or blocked.failed:
                continue
            blocked.failed = True
            for output in blocked.outputs:
                if output in blocked.left:
                    blocked.left.discard(output)
                    self._skip(output, f"upstream {failed!r} failed")
            waiting.extend(blocked.then)

    def _skip(self, output: Output, error: str, attempts: int = 0) -> None:
        outcome = replace(self._outcome(output, "skipped"), error=error, attempts=attempts)
        self.outcomes[outcome.asset, outcome.partition] = outcome
        self.options.on_event(AssetFinished(outcome))

    def _skip_failed(self, earlier: Mapping[Place, Outcome]) -> None:
        """Leave out what has failed already in this run, and what depends on it."""
        for output, job in self._jobs.items():
            key, place = output
            before = earlier.get((key, self._state(key).key(place)))
            if before is not None and output in job.left:
                job.left.discard(output)
                job.failed = before.outcome in {"failed", "skipped"}
                if not job.left:
                    for after in job.then:
                        after.waits -= 1
                        if job.failed:
                            self._block(after, job.name)
                        elif after.waits == 0:
                            self._ready.put(after)

    def _settle_rest(self) -> None:
        """Say what became of the outputs that were never reached."""
        for output, job in self._jobs.items():
            if output not in job.left:
                continue
            job.left.discard(output)
            if self.interrupt.requested:
                self._skip(output, "interrupted", job.attempt)
            elif self.is_cut_off:
                self._skip(output, "cut off", job.attempt)
            else:
                self._skip(output, f"not started, because {self.stopped_by!r} failed")


def _final(decision: Decision) -> tuple[Any, ...]:
    return tuple(cause for cause in decision.causes if cause.kind != "upstream")
