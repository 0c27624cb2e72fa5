"""What becomes of each output of a call: published, recorded, told, and passed on to what waits for it.

In: the results of tasks, and decisions that need no task. Out: outcomes, each recorded when its value is in place. A
failure blocks what depends on it. Publishing is done in the lane's thread, all else in the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any, NamedTuple

from assetbuild.dataclass import replace
from assetbuild.errors import AssetbuildError, RecordError
from assetbuild.graph.model import Source
from assetbuild.materialize.events import AssetFinished, Event
from assetbuild.materialize.jobs import Job, Output, ReadyQueue
from assetbuild.materialize.lane import Lane
from assetbuild.materialize.ledger import Built, Ledger
from assetbuild.materialize.report import Outcome, OutcomeName
from assetbuild.materialize.shared import SharedFiles
from assetbuild.materialize.task import OutputResult, TaskResult
from assetbuild.plan.model import FRESH, Cause, Decision
from assetbuild.plan.planner import Planner
from assetbuild.plan.states import SourcePlaces
from assetbuild.record.lock import AssetLocks
from assetbuild.record.pointers import Place

__all__ = ["Settlement"]


class _Published(NamedTuple):
    """An output of a job whose value is in place."""

    job: Job
    output: Output
    written: OutputResult
    metadata: Mapping[str, Any]


class Settlement:
    """Brings the jobs of one plan to their outcomes."""

    def __init__(  # noqa: PLR0913, PLR0917  # the seams: of what, on record, alone, where shared, what next, who listens
        self,
        planner: Planner,
        ledger: Ledger,
        locks: AssetLocks,
        shared: SharedFiles,
        ready: ReadyQueue,
        on_event: Callable[[Event], None],
        on_failure: Callable[[Job], None],
    ) -> None:
        """Take where outcomes go; jobs that may start now are put into ``ready``."""
        self.planner = planner
        self.facts = planner.facts
        self.ledger = ledger
        self.locks = locks
        self.shared = shared
        self.ready = ready
        self.on_event = on_event
        self.on_failure = on_failure
        self.lane = Lane()
        self.outcomes: dict[Place, Outcome] = {}
        self._restored_again: set[Output] = set()

    def prepare(self, outputs: Iterable[Output]) -> None:
        """Record what is known already of the outputs that will surely be built."""
        states = self.planner.states
        surely = {key for key, place in outputs if states[key].decisions.get(place, FRESH).action == "run"}
        self.ledger.prepare({key: self.facts.recipe(key) for key in surely})

    def settle(self, job: Job, places: Sequence[int]) -> None:
        """Settle the outputs that need no task, in these places: restored or fresh."""
        for (key, place), decision in list(job.decisions.items()):
            if place not in places or (key, place) not in job.left:
                continue
            if decision.action == "restore":
                self._restore(job, (key, place), decision)
            else:
                self._finish(job, (key, place), self._outcome((key, place), "fresh", version=decision.data_version))

    def arrived(self, results: Iterable[tuple[Job, TaskResult]]) -> None:
        """Publish and record what tasks wrote: what they have published themselves in one transaction."""
        published: list[_Published] = []
        for job, result in results:
            # Of a call for many partitions, each took its share.
            job.seconds = result.seconds / max(len({partition for _, partition in result.outputs}), 1)
            for (key, partition), written in result.outputs.items():
                where = (key, self.planner.states[key].place(partition) or 0)
                value = _Published(job, where, written, result.metadata.get(key, {}))
                if written.location is None and written.object is not None:
                    outcome = self._outcome(where, "built")
                    self._put_in_lane(("publish", value), outcome, written.object, written.io_manager)
                else:
                    published.append(value)
        self._built(published)

    def fail(self, job: Job, error: str) -> None:
        """Record that a job failed, with all its outputs that have no outcome yet."""
        job.failed = True
        for output in list(job.left):
            outcome = replace(
                self._outcome(output, "failed", _final(job.decisions[output])),
                seconds=job.seconds,
                error=error,
                attempts=job.attempt,
            )
            with suppress(RecordError):  # a full disk may be why it failed: the report still says so
                self.ledger.ended(outcome)
            self._finish(job, output, outcome)
        self.on_failure(job)

    def skip(self, job: Job, error: str) -> None:
        """Say of a job that was not reached, or not finished, that it was skipped."""
        for output in job.outputs:
            if output in job.left:
                job.left.discard(output)
                self._skip(output, error, job.attempt)

    def leave_out(self, job: Job, before: Outcome, output: Output) -> None:
        """Leave out an output that an earlier plan of this run has settled; block what needs one that failed."""
        if output not in job.left:
            return
        job.left.discard(output)
        job.failed |= before.outcome in {"failed", "skipped"}
        if not job.left:
            self._pass_on(job)

    def end_batch(self) -> None:
        """Close shared files that are open while nothing more is to be published into them."""
        if self.shared.is_open and not self.lane.waiting:
            self.lane.put(("end of batch",), self.shared.end_batch)

    def read_lane(self) -> None:
        """Take what was published."""
        for handle, value in self.lane.results():
            self._published(handle, value)

    def close(self) -> None:
        """Publish what is queued, take it, and close shared files."""
        self.lane.finish()
        with closing(self.lane):
            self.read_lane()
            with suppress(AssetbuildError):
                self.shared.end_batch()

    def _restore(self, job: Job, output: Output, decision: Decision) -> None:
        restored = decision.restore
        assert restored is not None  # noqa: S101
        outcome = self._outcome(output, "restored", decision.causes, version=restored.data_version)
        if restored.object is None:
            self._restored(job, output, outcome, decision, ("", None))
            return
        handle = ("restore", job, output, outcome, decision)
        self._put_in_lane(handle, outcome, restored.object, restored.io_manager)

    def _put_in_lane(self, handle: Any, outcome: Outcome, object_name: str, io_manager: str) -> None:
        outputs = self.facts.outputs
        with suppress(AssetbuildError):  # the lane meets it too, and reports it
            place = outputs.place(outcome.asset, outcome.partition, object_name)
            manager = outputs.io_managers.get(io_manager)
            if manager.one_writer:
                self.shared.announce(manager, place, outputs.objects.path(object_name))
        self.lane.put(handle, partial(self._publish, outcome, object_name, io_manager))

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
        published: _Published = handle[1]
        if isinstance(value, AssetbuildError):
            self.fail(published.job, str(value))
            return
        location, stamp = value
        self._built([published._replace(written=replace(published.written, location=location, stamp=stamp))])

    def _restore_failed(self, job: Job, output: Output, decision: Decision, error: AssetbuildError) -> None:
        name = decision.restore.object if decision.restore is not None else None
        if name is not None and self.facts.outputs.objects.verify(name):
            if output not in self._restored_again:
                # It may have been damaged then, and made anew meanwhile by another asset of the same value.
                self._restored_again.add(output)
                self._restore(job, output, decision)
                return
        elif name is not None:
            # The object is damaged: it is worth nothing, and the asset runs after all.
            self.facts.outputs.objects.discard(name)
            job.decisions = {
                where: replace(found, action="run", restore=None)
                if where in job.left and where[1] == output[1]
                else found
                for where, found in job.decisions.items()
            }
            job.places = tuple(sorted({place for _, place in job.left}))
            self.ready.put(job)
            return
        self.fail(job, str(error))

    # -- outcomes

    def _restored(
        self, job: Job, output: Output, outcome: Outcome, decision: Decision, published: tuple[str, str | None]
    ) -> None:
        try:
            self.facts.pointers[outcome.asset, outcome.partition] = self.ledger.restored(
                outcome, decision, self.facts.recipe(outcome.asset), *published
            )
        except RecordError as error:
            self.fail(job, str(error))
            return
        self.shared.settled((outcome.asset, outcome.partition))
        self._finish(job, output, outcome)

    def _built(self, published: Sequence[_Published]) -> None:
        if not published:
            return
        try:
            built = [self._to_record(*value) for value in published]
            pointers = self.ledger.built(built)
        except AssetbuildError as error:
            if len(published) == 1:
                self.fail(published[0].job, str(error))
                return
            for value in published:  # each by itself: one may be the reason
                self._built([value])
            return
        for (job, output, *_), (outcome, *_), pointer in zip(published, built, pointers, strict=True):
            self.facts.pointers[outcome.asset, outcome.partition] = pointer
            self.shared.settled((outcome.asset, outcome.partition))
            self._finish(job, output, outcome)

    def _to_record(self, job: Job, output: Output, written: OutputResult, metadata: Mapping[str, Any]) -> Built:
        decision = job.decisions[output]
        key, place = output
        outcome = Outcome(
            key,
            self.planner.states[key].key(place),
            "built",
            _final(decision),
            written.data_version or decision.build_key,
            job.seconds,
            attempts=job.attempt,
            rows=written.rows,
            size_bytes=written.size_bytes,
            location=written.location,
        )
        is_traced = self.facts.sources.moved(self._read_sources(output)) is None
        return Built(outcome, decision, self.facts.recipe(key), written, is_traced, metadata)

    def _read_sources(self, output: Output) -> Iterator[tuple[Source, Sequence[int]]]:
        key, place = output
        where = None if self.planner.states[key].keys is None else place
        for edge in self.planner.edges[key]:
            if isinstance(edge.up, SourcePlaces):
                yield self.facts.graph.sources[edge.given.key], edge.places(where)

    def _finish(self, job: Job, output: Output, outcome: Outcome) -> None:
        if output not in job.left:  # it failed with others of its job, while this one was being published
            return
        self.outcomes[outcome.asset, outcome.partition] = outcome
        key, place = output
        self.planner.states[key].settle(place, outcome.data_version)
        self.on_event(AssetFinished(outcome))
        job.left.discard(output)
        if not job.left:
            self._pass_on(job)

    def _pass_on(self, job: Job) -> None:
        """Give back the locks of a job that is done, and let go, or block, what waited for it."""
        if not job.failed:  # else something of it may still be published
            job.decisions = {}
        if job.is_locked:
            job.is_locked = False
            for name in job.locks:
                self.locks.release(name)
        for after in job.then:
            after.waits -= 1
            if job.failed:
                self._block(after, job.name)
            elif after.waits == 0 and after.left:
                self.ready.put(after)

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
        self.on_event(AssetFinished(outcome))

    def _outcome(
        self, output: Output, outcome: OutcomeName, causes: tuple[Cause, ...] = (), *, version: str | None = None
    ) -> Outcome:
        key, place = output
        return Outcome(key, self.planner.states[key].key(place), outcome, causes, version)


def _final(decision: Decision) -> tuple[Any, ...]:
    return tuple(cause for cause in decision.causes if cause.kind != "upstream")
