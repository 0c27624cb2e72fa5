"""Build under the lock, and hold the lock for what else writes.

Only commands that write import it, and the stage ``materialize`` with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from assetbuild.dataclass import replace
from assetbuild.errors import BusyError, Problem, RecordError
from assetbuild.materialize.ahead import Ahead
from assetbuild.materialize.build import (
    BuildOptions,
    Loaded,
    new_run_id,
    prepare_state_folder,
    run_build,
)
from assetbuild.materialize.collection import no_collections, old_objects_aside
from assetbuild.materialize.events import Event, Waiting
from assetbuild.materialize.report import Outcomes, Report
from assetbuild.plan.facts import Facts
from assetbuild.plan.planner import Planned, Planner
from assetbuild.project.opened import Opened
from assetbuild.project.planning import Planning
from assetbuild.record.lock import busy, project_lock, run_lock

__all__ = ["BuildOptions", "build", "locked"]


def build(planning: Planning, options: BuildOptions, *, wait: bool) -> Report:
    """Build what the plan says; ``Project.materialize`` tells what is raised."""
    opened = planning.opened
    with no_collections(), Ahead.of(options) as ahead, opened.followed_by(ahead):
        opened.loaded(functions=options.jobs == 0)
        planning.selected()  # a typo is reported before anything is written
        try:
            report = None
            while report is None:
                report = _build(planning, ahead.options, wait=wait, is_last=options.pool is None)
        except (OSError, RecordError) as error:
            return _nothing_to_do(error, planning)
        return report


@contextmanager
def locked(opened: Opened, command: str) -> Iterator[tuple[Facts, str]]:
    """Hold the build lock, and record a run for what is done under it."""
    settings = opened.loaded().settings
    prepare_state_folder(settings)
    run_id = new_run_id()

    def note_wait(event: Event) -> None:
        opened.warnings.append(f"waited for another build ({getattr(event, 'holder', '')})")

    with (
        _project_lock(opened, note_wait, alone=True),
        run_lock(settings.state_folder, run_id),
        opened.facts(write=True) as facts,
    ):
        facts.record.begin_run(run_id, command)
        status = "failed"
        try:
            yield facts, run_id
            status = "success"
        finally:
            facts.record.finish_run(run_id, status, {})


def _build(planning: Planning, options: BuildOptions, *, wait: bool, is_last: bool) -> Report | None:
    """Plan and run under the lock; return None when the code changed before it could be handed to workers.

    ``is_last`` says that the next plan is another command's, which may be spared it.
    """
    began_ns = time.time_ns()
    opened = planning.opened
    stage = opened.loaded(functions=options.jobs == 0)
    prepare_state_folder(stage.settings)
    keep = stage.keep if stage.keep is not None else lambda: None
    with (
        _project_lock(opened, options.on_event, alone=False, wait=wait),
        opened.facts(write=True, functions=options.jobs == 0) as facts,
    ):
        planner = planning.planner(facts, whole=False)
        planned = _without_lost(planner)
        if not wait and not planned.plan.is_fresh and (holder := facts.record.others_at_work()):
            raise BusyError(busy(holder))
        stage = opened.loaded()
        bundle = {} if planned.plan.is_fresh else stage.bundle()
        if bundle is None:
            opened.forget()
            return None
        compiled = stage.compiled() if bundle else None
        loaded = Loaded(stage.settings, stage.graph, bundle, compiled, stage.config)
        with old_objects_aside():
            report = run_build(planner, planned, loaded, replace(options, meanwhile=keep), new_run_id())
        note = None
        if report.status == "success" and (is_last or planned.plan.is_fresh):
            note = planning.standstill(stage, planned.plan, facts, began_ns)
    if planned.plan.is_fresh:  # no worker was started, beside which it could be done
        keep()
    if note is not None:
        note()
    return report


def _nothing_to_do(error: Exception, planning: Planning) -> Report:
    """Answer for a folder that cannot be written: when all is fresh nothing has to be."""
    with planning.opened.facts() as facts:
        planned = planning.planner(facts).plan()
    if not planned.plan.is_fresh:
        raise (
            error
            if isinstance(error, RecordError)
            else RecordError(Problem(f"the project folder cannot be written: {error}", (), "Make it writable."))
        )
    return Report(None, "success", Outcomes(planned.plan, {}), 0.0, planned.plan.warnings)


def _project_lock(
    opened: Opened, listen: Callable[[Event], None], *, alone: bool, wait: bool = True
) -> AbstractContextManager[None]:
    def holder() -> str:
        with opened.record() as record:
            return record.others_at_work() or "another process"

    folder = opened.loaded().settings.state_folder
    return project_lock(folder, alone=alone, holder=holder, wait=wait, on_wait=lambda held: listen(Waiting(held)))


def _without_lost(planner: Planner) -> Planned:
    planned = planner.plan()
    while planner.find_lost(planned):
        planned = planner.plan()
    return planned
