"""Builds: what is owed, and what is asked for; with workers that live on, and an account of what came out."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from assetbuild.errors import AssetbuildError, DefinitionError, Problem, UsageError
from assetbuild.materialize.report import Report
from assetbuild.project import Project
from assetbuild.watch.automation import Automation
from assetbuild.watch.conditions import on_change
from assetbuild.watch.cutoff import CutOff
from assetbuild.watch.events import BuildCutOff, BuildFailed, BuildRequested
from assetbuild.watch.health import Health
from assetbuild.watch.intake import Intake
from assetbuild.watch.options import WatchOptions

if TYPE_CHECKING:
    from assetbuild.materialize.pool import WorkerPool

__all__ = ["Builder"]

_WARM = 2
"""Enough for the first asset after a save. The others start when they are needed: each takes the memory of pandas."""


class Builder:
    """Runs the builds of a watcher, one after the other."""

    def __init__(
        self, project: Project, intake: Intake, options: WatchOptions, health: Health, cut_off: CutOff
    ) -> None:
        """Build this project as the options say; ``cut_off`` may end a part of a build."""
        self.project = project
        self.was_interrupted = False
        """Whether the last build was ended by a signal."""
        self._intake = intake
        self._options = options
        self._health = health
        self._cut_off = cut_off
        self._pool = self._new_pool()

    def check(self) -> None:
        """Look whether the partitions that the watcher is for can be built; raise UsageError when not."""
        if self._options.has_keys:
            chosen = on_change(self.project, self._options.selection)
            self._check(only=chosen is not None and chosen[1])
            self.project.plan(self._options.selection, **self._options.choice)

    def build_owed(self, reason: str, automation: Automation | None) -> None:
        """Build what is owed because it changed, or all at the start."""
        intake = self._intake
        targets = self._targets(automation, is_whole=reason == "start" or not intake.failing)
        owed, intake.owed = intake.owed, frozenset()
        if targets is None:
            return
        selection, only = targets
        report = self.build(reason, selection, partial(self.materialize, selection, only=only))
        if report is None and intake.is_broken:
            intake.owed |= owed
        elif report is None:
            intake.failing |= owed & intake.assets  # until they change, or a key asks for them

    def materialize(self, selection: tuple[str, ...], **options: Any) -> Report:
        """Materialize those partitions that the watcher is for."""
        return self.project.materialize(selection, **self._options.choice, **options)

    def build(self, reason: str, selection: tuple[str, ...], materialize: Callable[..., Report]) -> Report | None:
        """Build, and account for what came out; return None when it could not begin, which is told."""
        self._health.tell("building", tuple(sorted(self._intake.failing)))
        self._options.on_event(BuildRequested(reason, selection))
        self._cut_off.assets = frozenset()
        self.was_interrupted = False
        options: dict[str, Any] = {
            "jobs": self._options.jobs,
            "keep_going": self._options.keep_going,
            "on_event": self._options.on_event,
            "pool": self._pool,
            "cancel": self._cut_off,
        }
        try:
            report = materialize(**options)
        except (DefinitionError, UsageError) as error:
            self._intake.fail_to_load(error)
            return None
        except AssetbuildError as error:
            self._options.on_event(BuildFailed(error.problems))
            return None
        self._account_for(report)
        self.was_interrupted = report.status == "interrupted" and not self._cut_off.assets
        return report

    def _targets(self, automation: Automation | None, *, is_whole: bool) -> tuple[tuple[str, ...], bool] | None:
        """Return what to build: the selection; while something fails and did not change, what does not wait for it."""
        chosen: tuple[tuple[str, ...], bool] | None = (self._options.selection, False)
        if automation is not None:
            chosen = automation.on_change(self.project)
        if chosen is None:
            return None
        selection, only = chosen
        self._check(only=only)
        if is_whole:
            return chosen
        keys = self.project.select(selection)
        if not only:
            keys = self.project.graph.closure(keys)
        blocked = self._intake.blocked()
        wanted = (keys & self._intake.owed) - blocked
        if wanted and self._options.has_keys:
            # A key means another one upstream: so only what was selected is asked for, and brings its upstream along.
            wanted = self._intake.chosen - blocked
        named = tuple(f'key:"{key}"' for key in sorted(wanted))
        return (named, only) if wanted and self._has_partition(named) else None

    def _has_partition(self, selection: tuple[str, ...]) -> bool:
        if self._options.partition is None:
            return True
        try:
            self.project.plan(selection, partition=self._options.partition)
        except UsageError:  # those that have it wait for what fails
            return False
        return True

    def _check(self, *, only: bool) -> None:
        if only and self._options.has_keys:
            assets = self.project.graph.assets
            held = next(key for key in sorted(self._intake.assets) if assets[key].definition.on not in {None, "eager"})
            headline = f"--partition and --latest are not for asset {held!r}, which is built at its own time (on=)"
            raise UsageError(Problem(headline, (), "Watch a selection without it, or without these options."))

    def _account_for(self, report: Report) -> None:
        intake = self._intake
        by_outcome: dict[str, set[str]] = {name: set() for name in ("built", "restored", "fresh", "failed", "skipped")}
        for outcome in report.assets:
            by_outcome[outcome.outcome].add(outcome.asset)
        failed, skipped = by_outcome["failed"], by_outcome["skipped"]
        done = (by_outcome["built"] | by_outcome["restored"] | by_outcome["fresh"]) - failed - skipped
        # What was touched meanwhile is owed already, whatever this build made of it.
        obsolete = self._cut_off.assets & intake.owed & skipped
        intake.failing = ((intake.failing - done) | (failed - intake.owed)) & intake.assets
        if report.status == "interrupted":
            intake.owed |= skipped & intake.assets
        else:
            intake.left = ((intake.left | skipped) - done - intake.blocked()) & intake.assets
        if obsolete:
            self._options.on_event(BuildCutOff(tuple(sorted(obsolete))))

    # -- workers

    def warm_workers(self) -> None:
        """Start workers, and let them load the project while nobody waits for them."""
        self.renew_workers()
        if self._pool is not None and self._pool.setup is not None:
            self._pool.warm(_WARM)

    def renew_workers(self) -> None:
        """Let the workers load the new code already, while it is being planned."""
        from assetbuild.materialize.task import WorkerSetup  # noqa: PLC0415

        stage = self._intake.stage
        if self._pool is None or stage is None or not stage.has_functions or self._pool.running:
            return
        bundle = stage.bundle()
        if bundle is not None:
            self._pool.renew(WorkerSetup(stage.settings, bundle), stage.graph)

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.close()

    def _new_pool(self) -> WorkerPool | None:
        from assetbuild.materialize.pool import WorkerPool  # noqa: PLC0415

        jobs = self._options.jobs if self._options.jobs is not None else os.cpu_count() or 1
        return WorkerPool(jobs) if jobs > 0 else None
