"""Carry out a plan: what is ready runs, longest way to go first; each asset is judged when its inputs are known.

In: a ``Planned`` and a ``Planner``. Out: one outcome per asset, recorded as it happens. The order is decided here and
staleness is not: ``Planner.decide`` judges, also in the middle of a run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from assetbuild.errors import AssetbuildError, RecordError
from assetbuild.graph.model import Asset, Graph
from assetbuild.materialize.events import (
    AssetFinished,
    AssetProgress,
    AssetRetried,
    AssetStarted,
    Event,
    Waiting,
)
from assetbuild.materialize.inputs import InputRefs
from assetbuild.materialize.interrupt import Interrupt
from assetbuild.materialize.jobs import Job, ReadyQueue, make_jobs
from assetbuild.materialize.lane import Lane
from assetbuild.materialize.ledger import Ledger
from assetbuild.materialize.logs import log_path
from assetbuild.materialize.report import Outcome
from assetbuild.materialize.shared import SharedFiles
from assetbuild.materialize.task import OutputResult, Progress, Task, TaskResult
from assetbuild.plan.planner import Decision, Known, Planned, Planner
from assetbuild.record.lock import AssetLocks

__all__ = ["Options", "Scheduler"]

_RETRY_BASE_S = 0.5
_RETRY_MOST_S = 60.0
_LOOK_AGAIN_S = 0.05  # at a lock that another process holds: the kernel tells nobody when it is given back


class Pool(Protocol):
    """Where tasks run: worker processes, or the main process."""

    jobs: int

    def has_room(self) -> bool: ...
    @property
    def running(self) -> list[Any]: ...
    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None: ...
    def wait(self, others: list[Connection], timeout_s: float | None) -> Any: ...
    def close(self) -> None: ...


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
    ) -> None:
        """Take what is planned and where to run it."""
        self.planner = planner
        self.planned = planned
        self.pool = pool
        self.ledger = ledger
        self.options = options
        self.interrupt = interrupt
        self.facts = planner.facts
        self.graph: Graph = planner.facts.graph
        self.pointers = planner.facts.pointers
        self.outcomes: dict[str, Outcome] = {}
        self.locks = locks
        self.shared = SharedFiles(self.facts, planned, locks, options.run_id)
        self.lane = Lane()
        self.inputs = InputRefs(self.facts, self.pointers)
        self._jobs = make_jobs(planned, self.graph, self._duration)
        self._ready = ReadyQueue(self._jobs.values())
        self._stopped_by: str | None = None
        self._waits_for_other = False

    def run(self) -> dict[str, Outcome]:
        """Run everything that is to run, and return the outcomes by asset key."""
        try:
            while not self.interrupt.requested and (self._ready or self.pool.running or self.lane.waiting):
                self._dispatch()
                if self.pool.running or self.lane.waiting or self._ready.has_later:
                    self._listen(self._ready.seconds_to_next())
            if self.interrupt.requested:  # what is finished by now is kept
                self._listen(0)
        finally:
            self.pool.close()
            self.lane.finish()
            with closing(self.lane):
                self._read_lane()
                with suppress(AssetbuildError):
                    self.shared.end_batch()
        self._settle_rest()
        return self.outcomes

    def _dispatch(self) -> None:
        held: list[Job] = []
        while not self.interrupt.requested and (job := self._ready.pop()) is not None:
            if self._stopped_by is not None:
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
                self._settle(job)
        for job in held:
            self._ready.put(job)

    def _duration(self, key: str) -> float:
        pointer = self.pointers.get((key, None))
        return pointer.duration_s if pointer is not None else 0.0

    def _take(self, job: Job) -> bool:
        """Lock the job's assets against other builds; when one of those built them meanwhile, judge again."""
        if job.is_locked:
            return True
        if not self.locks.take(job.group[0]):
            if not self._waits_for_other:
                self._waits_for_other = True
                self.options.on_event(Waiting(self.options.holder()))
            return False
        job.is_locked = True
        latest = {key: self.facts.record.pointer(key, None) for key in job.group}
        if any(pointer is not None and pointer != self.pointers.get((key, None)) for key, pointer in latest.items()):
            self.pointers.update({(key, None): pointer for key, pointer in latest.items() if pointer is not None})
            job.decisions = self.planner.decide(job.group, self._known)
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

    def _decide(self, job: Job) -> dict[str, Decision]:
        planned = {key: self.planned.decisions[key] for key in job.group}
        if all(decision.build_key is not None or decision.problem for decision in planned.values()):
            return planned
        return self.planner.decide(job.group, self._known)

    def _known(self, key: str) -> Known:
        if key in self.graph.sources:
            return self.planner.known_source(key)
        pointer = self.pointers.get((key, None))
        return self.planner.known_asset(pointer.data_version if pointer is not None else None)

    def _settle(self, job: Job) -> None:
        for key, decision in job.decisions.items():
            if decision.action == "restore":
                self._restore(key, decision)
            else:
                self._finish(Outcome(key, None, "fresh", (), decision.data_version))

    def _restore(self, key: str, decision: Decision) -> None:
        restored = decision.restore
        assert restored is not None  # noqa: S101
        outcome = Outcome(key, None, "restored", decision.causes, restored.data_version)
        if restored.object is None:
            self._restored(outcome, decision, "", None)
            return
        self.lane.put(
            ("restore", outcome, decision), lambda: self._publish(key, restored.object or "", restored.io_manager)
        )

    def _start(self, job: Job) -> None:
        asset = self._asset(job)
        problems = [d.problem for d in job.decisions.values() if d.problem]
        if problems:
            self._fail(job, problems[0])
            return
        job.attempt += 1
        log = log_path(self.options.logs, asset.key) if self.options.capture else None
        if log is not None:
            with suppress(OSError):  # a full disk: it runs without a log
                log.parent.mkdir(parents=True, exist_ok=True)
        expected = self._duration(asset.key) or None
        self.options.on_event(AssetStarted(asset.key, None, job.attempt, expected))
        task = Task(
            asset=asset.key,
            partition=None,
            run_id=self.options.run_id,
            attempt=job.attempt,
            inputs=self.inputs.of(asset),
            config=self.options.config.get(asset.key, {}),
            log=log,
            has_timeout=asset.definition.timeout is not None,
        )
        self.pool.start(job, task, asset.definition.timeout)

    def _listen(self, timeout_s: float | None) -> None:
        others = [self.lane.signal, *self.interrupt.connections]
        for job, said in self.pool.wait(others, timeout_s):
            if isinstance(said, Progress):
                self.options.on_event(AssetProgress(job.group[0], None, said.done, said.total))
            elif said.error is None:
                self._arrived(job, said)
            else:
                self._failed(job, said)
        self._read_lane()
        if self.shared.is_open and not self.lane.waiting:
            self.lane.put(("end of batch",), self.shared.end_batch)

    def _read_lane(self) -> None:
        for handle, value in self.lane.results():
            self._published(handle, value)

    def _arrived(self, job: Job, result: TaskResult) -> None:
        job.seconds = result.seconds
        for (key, _), output in result.outputs.items():
            metadata = result.metadata.get(key, {})
            if output.location is None and output.object is not None:
                handle = ("publish", job, key, output, metadata)
                self.lane.put(handle, partial(self._publish, key, output.object, output.io_manager))
            else:
                self._built(job, key, output, metadata)

    def _failed(self, job: Job, result: TaskResult) -> None:
        definition = self._asset(job).definition
        error = result.error or ""
        if error == "timeout":
            error = f"timed out after {definition.timeout:g} seconds"
        if job.attempt <= definition.retries:
            # Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff and Jitter").
            delay = random.uniform(0, min(_RETRY_BASE_S * 2**job.attempt, _RETRY_MOST_S))  # noqa: S311
            self.options.on_event(AssetRetried(job.group[0], None, job.attempt, error))
            self._ready.put_later(job, delay)
            return
        job.seconds = result.seconds
        self._fail(job, error)

    def _fail(self, job: Job, error: str) -> None:
        job.failed = True
        for key in job.group:
            decision = job.decisions[key]
            outcome = Outcome(key, None, "failed", _final(decision), None, job.seconds, error, job.attempt)
            with suppress(RecordError):  # a full disk may be why it failed: the report still says so
                self.ledger.ended(outcome)
            self._finish(outcome)
        if not self.options.keep_going:
            self._stopped_by = job.group[0]
            self._ready.drop_later()

    # -- publishing, in the lane's thread

    def _publish(self, key: str, object_name: str, io_manager: str) -> tuple[str, str | None]:
        """Publish an object; return its location, and its stamp unless it lies in a shared file."""
        outputs = self.facts.outputs
        manager = outputs.io_managers.get(io_manager)
        place = outputs.place(key, None, object_name)
        shared = manager.shared_stamp_path(place)
        if shared is None:
            return manager.location(place), manager.publish(place, outputs.objects.path(object_name))
        self.shared.publish(manager, place, shared, outputs.objects.path(object_name))
        return manager.location(place), None

    def _published(self, handle: Any, value: Any) -> None:
        if handle[0] == "end of batch":
            return  # an error changes nothing: what is committed lies in the file's log, and its stamp is not recorded
        if handle[0] == "restore":
            _, outcome, decision = handle
            if isinstance(value, AssetbuildError):
                self._restore_failed(outcome, decision, value)
                return
            self._restored(outcome, decision, *value)
            return
        _, job, key, output, metadata = handle
        if isinstance(value, AssetbuildError):
            self._fail(job, str(value))
            return
        location, stamp = value
        self._built(job, key, replace(output, location=location, stamp=stamp), metadata)

    def _restore_failed(self, outcome: Outcome, decision: Decision, error: AssetbuildError) -> None:
        job = self._jobs[outcome.asset]
        name = decision.restore.object if decision.restore is not None else None
        if name is not None and not self.facts.outputs.objects.verify(name):
            # The object is damaged: it is worth nothing, and the asset runs after all.
            self.facts.outputs.objects.discard(name)
            job.decisions = {
                key: replace(found, action="run", restore=None) if key in job.left else found
                for key, found in job.decisions.items()
            }
            self._ready.put(job)
            return
        self._fail(job, str(error))

    # -- outcomes

    def _restored(self, outcome: Outcome, decision: Decision, location: str, stamp: str | None) -> None:
        try:
            self.pointers[outcome.asset, None] = self.ledger.restored(outcome, decision, location, stamp)
        except RecordError as error:
            self._fail(self._jobs[outcome.asset], str(error))
            return
        self.shared.settled(outcome.asset)
        self._finish(outcome)

    def _built(self, job: Job, key: str, output: OutputResult, metadata: Mapping[str, Any]) -> None:
        decision = job.decisions[key]
        version = output.data_version or decision.build_key
        sources = [self.graph.sources[up] for up in self.graph.upstream(key) if up in self.graph.sources]
        outcome = Outcome(
            key,
            None,
            "built",
            _final(decision),
            version,
            job.seconds,
            None,
            job.attempt,
            output.rows,
            output.size_bytes,
            output.location,
        )
        try:
            self.pointers[key, None] = self.ledger.built(
                outcome,
                decision,
                self.facts.recipe(key),
                output,
                traced=self.facts.sources.moved(sources) is None,
                metadata=metadata,
            )
        except AssetbuildError as error:
            self._fail(job, str(error))
            return
        self.shared.settled(key)
        self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
        self.outcomes[outcome.asset] = outcome
        self.options.on_event(AssetFinished(outcome))
        job = self._jobs[outcome.asset]
        job.left.discard(outcome.asset)
        if job.left:
            return
        if job.is_locked:
            job.is_locked = False
            self.locks.release(job.group[0])
        for after in job.then:
            after.waits -= 1
            if job.failed:
                self._block(after, job.group[0])
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
            for key in blocked.group:
                if key in blocked.left:
                    blocked.left.discard(key)
                    self.outcomes[key] = Outcome(key, None, "skipped", (), error=f"upstream {failed!r} failed")
                    self.options.on_event(AssetFinished(self.outcomes[key]))
            waiting.extend(blocked.then)

    def _settle_rest(self) -> None:
        """Say what became of the assets that were never reached: fresh ones are fresh, the others are skipped."""
        for key, job in self._jobs.items():
            if key in self.outcomes:
                continue
            planned = self.planned.decisions[key]
            if planned.status == "fresh" and planned.action == "none":
                outcome = Outcome(key, None, "fresh", (), planned.data_version)
            elif self.interrupt.requested:
                outcome = Outcome(key, None, "skipped", (), error="interrupted", attempts=job.attempt)
            else:
                outcome = Outcome(key, None, "skipped", (), error=f"not started, because {self._stopped_by!r} failed")
            self.outcomes[key] = outcome
            self.options.on_event(AssetFinished(outcome))


def _final(decision: Decision) -> tuple[Any, ...]:
    return tuple(cause for cause in decision.causes if cause.kind != "upstream")
