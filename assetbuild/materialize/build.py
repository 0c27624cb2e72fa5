"""One build, from the lock to the report."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass, field
from assetbuild.errors import RecordError
from assetbuild.graph.model import Graph
from assetbuild.load.settings import Settings
from assetbuild.materialize.events import Event, RunFinished, RunPlanned, RunStarted
from assetbuild.materialize.logs import logs_folder
from assetbuild.materialize.report import Outcome, Outcomes, Report
from assetbuild.plan.facts import Facts
from assetbuild.plan.model import Plan
from assetbuild.plan.planner import Planned, Planner
from assetbuild.record.faults import reach
from assetbuild.record.lock import AssetLocks, forget_dead_runs, is_running, run_lock
from assetbuild.record.pointers import Place
from assetbuild.store.publish import remove_leftovers

if TYPE_CHECKING:
    from assetbuild.load.compiled import Compiled
    from assetbuild.materialize.cancel import Cancel
    from assetbuild.materialize.pool import WorkerPool

__all__ = [
    "BuildOptions",
    "Loaded",
    "new_run_id",
    "prepare_state_folder",
    "run_build",
]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build. ``jobs`` is the number of worker processes; 0 runs in this process, None is one per core.

    With a ``pool`` its workers are used, and kept for the caller's next build. ``cancel`` may end a part of it.
    ``meanwhile`` is called once workers have their first tasks.
    """

    jobs: int | None = None
    keep_going: bool = False
    on_event: Callable[[Event], None] = lambda _event: None
    pool: WorkerPool | None = None
    cancel: Cancel | None = None
    meanwhile: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the build needs of the loaded project."""

    settings: Settings
    graph: Graph
    bundle: Mapping[str, bytes]
    compiled: Compiled | None = None
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def new_run_id() -> str:
    """Return a name for a run; names sort by time."""
    return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.urandom(3).hex()}"


def prepare_state_folder(settings: Settings) -> None:
    """Make ``.assetbuild`` and let it ignore itself in git."""
    folder = settings.state_folder
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def run_build(planner: Planner, planned: Planned, loaded: Loaded, options: BuildOptions, run_id: str) -> Report:
    """Carry out the plan under a lock that the caller holds, record it, and report."""
    with run_lock(loaded.settings.state_folder, run_id):
        return _run_recorded(planner, planned, loaded, options, run_id)


def _run_recorded(planner: Planner, planned: Planned, loaded: Loaded, options: BuildOptions, run_id: str) -> Report:
    record = planner.facts.record
    began = time.monotonic()
    options.on_event(RunStarted(run_id))
    options.on_event(RunPlanned(planned.plan))
    _clean_up_after_the_dead(planner.facts, loaded.settings)
    record.begin_run(run_id, _command())
    if planner.facts.outputs.moved:
        with record.transaction():
            record.set_stamps(planner.facts.outputs.moved)
    status = "failed"
    outcomes: dict[Place, Outcome] = {}
    plan = planned.plan
    try:
        if plan.is_fresh:
            status = "success"
        else:
            plan, outcomes, status = _run(planner, planned, loaded, options, run_id)
    finally:
        report = Report(run_id, status, Outcomes(plan, outcomes), time.monotonic() - began, plan.warnings)  # type: ignore[arg-type]
        reach("before-end")
        with suppress(RecordError):  # the outcomes are recorded; only the row of the run lacks its end
            record.finish_run(run_id, status, report.counts())
    options.on_event(RunFinished(run_id, status, report.seconds))
    return report


def _run(
    planner: Planner, planned: Planned, loaded: Loaded, options: BuildOptions, run_id: str
) -> tuple[Plan, dict[Place, Outcome], str]:
    # Imported here: a build with nothing to do needs neither workers nor what they take (60 ms).
    from assetbuild.materialize.interrupt import catching_interrupts  # noqa: PLC0415
    from assetbuild.materialize.ledger import Ledger  # noqa: PLC0415
    from assetbuild.materialize.machine import usable_cores, usable_memory_bytes  # noqa: PLC0415
    from assetbuild.materialize.pool import WorkerPool  # noqa: PLC0415
    from assetbuild.materialize.scheduler import Options, Scheduler  # noqa: PLC0415
    from assetbuild.materialize.task import WorkerSetup  # noqa: PLC0415

    facts = planner.facts
    jobs = options.jobs if options.jobs is not None else usable_cores()
    has_workers = jobs > 0 or options.pool is not None
    locks = AssetLocks(loaded.settings.state_folder)
    with catching_interrupts() as interrupt, closing(locks):
        if has_workers:
            pool: Any = options.pool or WorkerPool(jobs)
            pool.renew(WorkerSetup(loaded.settings, loaded.bundle, loaded.compiled), loaded.graph)
        else:
            # Imported here: the main process runs no asset otherwise.
            from assetbuild.materialize.inline import InlinePool  # noqa: PLC0415
            from assetbuild.materialize.step import Runtime  # noqa: PLC0415

            outputs = facts.outputs
            runtime = Runtime(loaded.settings, loaded.graph, outputs.io_managers, outputs.objects)
            pool = InlinePool(runtime, interrupt)
            options.meanwhile()  # at once: what runs in this process may change what its modules hold
        how = Options(
            run_id,
            logs_folder(loaded.settings, run_id),
            loaded.config,
            options.keep_going,
            loaded.settings.pools,
            options.on_event,
            usable_memory_bytes() * 9 // 10,
            lambda: facts.record.others_at_work() or "another build",
            capture=has_workers,
            cancel=options.cancel,
            meanwhile=options.meanwhile,
        )
        outcomes: dict[Place, Outcome] = {}
        try:
            while True:
                scheduler = Scheduler(
                    planner, planned, pool, Ledger(facts.record, run_id), locks, how, interrupt, outcomes
                )
                came = scheduler.run()
                outcomes |= came
                if scheduler.has_stopped or not came or not _is_open(planned):
                    break
                planned = planner.again(frozenset(outcomes))
                options.on_event(RunPlanned(planned.plan))
        finally:
            if options.pool is None:
                pool.close()
            else:
                pool.refresh()
        if pool.has_killed:
            _remove_half_written(facts, loaded.settings)
        if interrupt.requested or scheduler.is_cut_off:
            return planned.plan, outcomes, "interrupted"
    ended_well = all(outcome.outcome not in {"failed", "skipped"} for outcome in outcomes.values())
    return planned.plan, outcomes, "success" if ended_well else "failed"


def _is_open(planned: Planned) -> bool:
    """Return whether the keys of some partitions are told by what has run only now: then the rest is planned anew."""
    return any(part.is_open for part in planned.plan.assets)


def _clean_up_after_the_dead(facts: Facts, settings: Settings) -> None:
    """Remove what a killed build left half-written, and say in its row that it was killed."""
    facts.outputs.objects.sweep()
    folder = settings.state_folder
    dead = forget_dead_runs(folder)
    killed = [run_id for run_id, _ in facts.record.running() if not is_running(folder, run_id)]
    if dead or killed:
        remove_leftovers(settings.root / settings.warehouse)
        for run_id in killed:
            facts.record.finish_run(run_id, "killed", {})


def _remove_half_written(facts: Facts, settings: Settings) -> None:
    """Remove what the workers left that died, or were ended, in this build."""
    facts.outputs.objects.sweep()
    remove_leftovers(settings.root / settings.warehouse)


def _command() -> str:
    program = Path(sys.argv[0]).name if sys.argv else ""
    if program in {"__main__.py", "assetbuild"}:
        # Values of --set may be secrets.
        said = [argument.partition("=")[0] + "=..." if "=" in argument else argument for argument in sys.argv[1:]]
        return shlex.join(["assetbuild", *said])
    return "Project.materialize"
