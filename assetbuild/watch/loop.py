"""The one loop of a watcher: wait, take in what changed, build what is owed, report.

Everything that happens comes as something readable: a batch of changes, a signal, a key, a sensor that has answered.
Builds run in this thread, one after the other; what happens meanwhile is queued, or cuts the build off.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

from assetbuild.errors import DefinitionError, UsageError
from assetbuild.load.settings import Settings, read_settings
from assetbuild.materialize.build import prepare_state_folder
from assetbuild.materialize.events import Event
from assetbuild.materialize.report import Report
from assetbuild.project import Project
from assetbuild.watch.automation import Automation
from assetbuild.watch.builder import Builder
from assetbuild.watch.changes import Batch, Changes
from assetbuild.watch.cutoff import CutOff
from assetbuild.watch.events import Noticed, WatchIdle, WatchStarted, WatchStopped
from assetbuild.watch.health import Health
from assetbuild.watch.holders import Holder
from assetbuild.watch.intake import Intake
from assetbuild.watch.observe import EventObserver, Sweeper
from assetbuild.watch.options import WatchOptions
from assetbuild.watch.requests import Request, carry_out
from assetbuild.watch.wakeups import catching_signals

__all__ = ["PACKAGES_MOVED", "Watcher"]

PACKAGES_MOVED = -1
"""The exit code that means: begin again as a new process."""
_INTERRUPTED = 130
_PACKAGES_QUIET_S = 1.0
_POLL_S = 2.0
_LONGEST_SLEEP_S = 3600.0
"""The system takes no more than 24 days; and while a laptop's lid is closed, a sleep counts no time."""
_TIDY_AFTER_S = 1.0
_LITTER_MOST = 50
_NAMED = 5


class _Stop(Exception):  # noqa: N818  # not an error: the way out of the loop
    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_code = exit_code


class Watcher:
    """Watches one project until it is told to stop."""

    def __init__(self, project: Project, options: WatchOptions) -> None:
        """Take the project; nothing is watched before ``run``."""
        self.project = project
        self.options = options
        self.intake = Intake(project, options.selection, options.config_file, self._tell, loads_anew=options.jobs == 0)
        self.automation: Automation | None = None
        self._pending = Batch({})
        self._keys = ""
        self._leave: _Stop | None = None
        self._is_warm = False
        self._said: WatchIdle | None = None
        self._litter = 0
        """How many loads and builds there were since garbage was collected: they themselves collect none, for speed."""

    def run(self) -> int:
        """Watch; return the exit code. Raises for what can only be wrong at the start, such as an unknown selection."""
        settings = read_settings(self.project.root)
        with ExitStack() as stack:
            prepare_state_folder(settings)
            self._wakeups = stack.enter_context(catching_signals())
            self._holder = Holder(settings.state_folder, self.options.selection)
            stack.callback(self._holder.close)
            self._health = Health(self.options.health, self.options.health_port)
            stack.callback(self._health.close)
            self._changes = Changes(self.options.quiet_s, is_held=lambda: _git_is_at_work(self.project.root))
            stack.callback(self._changes.close)
            self._sweeper = Sweeper(self._changes, self.options.poll_s)
            stack.callback(self._sweeper.close)
            self._observer: EventObserver | None = None
            self._builder = Builder(self.project, self.intake, self.options, self._health, self._cut_off())
            stack.callback(self._builder.close)
            stack.callback(self._close_parts)
            try:
                self._begin(settings)
                while True:
                    self._turn()
            except _Stop as stop:
                self._tell(WatchStopped(stop.reason))
                return stop.exit_code

    # -- the loop

    def _begin(self, settings: Settings) -> None:
        intake = self.intake
        intake.begin()
        if not intake.is_broken:
            self._builder.check()
        self._holder.take(intake.chosen)
        self._observe()
        folders = self._observer.folders if self._observer is not None else len(intake.watched.folders())
        mode = "polling" if self._observer is None else "events"
        self._tell(
            WatchStarted(
                os.getpid(),
                str(settings.root),
                self.options.selection,
                len(intake.assets),
                intake.watched.files,
                folders,
                mode,
                self._health.port,
            )
        )
        self._reason = "start"
        self._begin_automation()

    def _begin_automation(self) -> None:
        if self.automation is None and not self.intake.is_broken:
            self.automation = Automation(
                self.project, now=time.time(), selection=self.options.selection, wake=self._wakeups.wake
            )

    def _turn(self) -> None:
        """Do the next thing that there is to do; wait when there is none."""
        if self._leave is not None:
            raise self._leave
        try:
            self._do_next()
        except (DefinitionError, UsageError) as error:  # a file was saved this moment, and does not load
            self.intake.fail_to_load(error)
            self._observe()

    def _do_next(self) -> None:
        if self._pending:
            batch, self._pending = self._pending, Batch({})
            self._take_in(batch)
        elif self._keys:
            key, self._keys = self._keys[0], self._keys[1:]
            self._pressed(key)
        elif self.intake.owed and not self.intake.is_broken:
            self._said = None
            self._builder.build_owed(self._reason, self.automation)
            self._after_build()
        elif self._is_due():
            self._serve()
        else:
            self._wait()

    def _wait(self) -> None:
        if self._make_ready():
            return
        due = self._next_due()
        failing = tuple(sorted(self.intake.failing))
        state = "broken" if self.intake.is_broken else "failing" if failing else "fresh"
        idle = WatchIdle(state, failing, None if self.automation is None else self.automation.next_tick())
        if idle != self._said:
            self._said = idle
            self._health.tell(state, failing, idle.next_tick)
            self._tell(idle)
        timeout_s = None if due is None or self.intake.is_broken else min(max(due - time.time(), 0), _LONGEST_SLEEP_S)
        if self._litter and (timeout_s is None or timeout_s > _TIDY_AFTER_S):
            if self._litter >= _LITTER_MOST or not self._hear(_TIDY_AFTER_S):
                gc.collect()
                self._litter = 0
            return
        self._hear(timeout_s)

    def _hear(self, timeout_s: float | None) -> bool:
        """Wait until something happens, and take note of it; return whether anything did."""
        keys = [self.options.keys.ready] if self.options.keys is not None else []
        ready = wait([self._changes.ready, self._wakeups.ready, *keys], timeout_s)
        if self._changes.ready in ready:
            self._pending |= self._changes.take()
        if self._wakeups.ready in ready:
            self._hear_signals()
        if self.options.keys is not None and self.options.keys.ready in ready:
            self._hear_keys()
        return bool(ready)

    def _hear_signals(self) -> None:
        numbers = self._wakeups.take()
        if signal.SIGINT in numbers:
            self._leave = _Stop("interrupted", _INTERRUPTED)
        elif signal.SIGTERM in numbers:
            self._leave = _Stop("terminated", 0)

    def _hear_keys(self) -> None:
        keys = self.options.keys.take() if self.options.keys is not None else ""
        if "q" in keys:
            self._leave = _Stop("quit", 0)
        self._keys += keys.replace("q", "")

    # -- changes

    def _take_in(self, batch: Batch) -> frozenset[str]:
        before = self.intake.stage
        self._litter += 1
        self._said = None
        touched = self.intake.take_in(batch)
        if self.intake.packages_moved:
            self._start_again()
        if not self.intake.is_broken and self.intake.stage is not before:
            if touched:
                self._builder.renew_workers()
            self._holder.take(self.intake.chosen)
            if self.automation is not None:
                self.automation.reload(self.project, time.time())
        self._observe()
        self._reason = "change"
        return touched

    def _observe(self) -> None:
        """Watch what is to be watched now; when a folder is another than before, look at everything once more."""
        watched = self.intake.watched
        if self._observer is None and self._sweeper.interval_s is None:
            self._observer = EventObserver(self._changes)
            self._observer.watched = watched
        is_first = self._sweeper.watched is None
        try:
            is_new = self._observer.arm(watched) if self._observer is not None else False
        except OSError as error:
            self._poll_instead(error)
            is_new = True
        if self._sweeper.watched is not watched:
            self._sweeper.arm(watched)
        stage = self.intake.stage
        is_behind = stage is not None and not self.intake.is_broken and not stage.is_current
        if (is_new and not is_first) or is_behind:
            self._pending |= Batch({}, recheck=True)

    def _poll_instead(self, error: OSError) -> None:
        """Look in intervals from now on: the system has no watches left."""
        assert self._observer is not None  # noqa: S101  # it raised
        self._observer.close()
        self._observer = None
        self._sweeper.interval_s = _POLL_S
        self._tell(Noticed(f"no file events: {error}; looking every {_POLL_S:g} s (raise fs.inotify.max_user_watches)"))

    def _start_again(self) -> None:
        """Let this process become a new one when packages were installed: an imported library stays what it was."""
        self._tell(Noticed("installed packages have changed: starting again"))
        while wait([self._changes.ready], _PACKAGES_QUIET_S):
            self._changes.take()
        reason = "packages"
        raise _Stop(reason, PACKAGES_MOVED)

    # -- while a build runs, and after it

    def _cut_off(self) -> CutOff:
        keys = [self.options.keys.ready] if self.options.keys is not None else []
        return CutOff([self._changes.ready, *keys], self._look_meanwhile)

    def _look_meanwhile(self, unfinished: frozenset[str]) -> frozenset[str]:
        """Return the unfinished assets that are obsolete, by what happened just now."""
        self._hear(0)
        if self._leave is not None:
            return unfinished
        if self.options.on_change == "finish" or not self._pending:
            return frozenset()
        batch, self._pending = self._pending, Batch({})
        return self._take_in(batch) & unfinished

    def _after_build(self) -> None:
        self._litter += 1
        self._hear(0)
        self._observe_if_broken()
        if self._builder.was_interrupted and self._leave is None:
            self._leave = _Stop("interrupted", _INTERRUPTED)

    def _observe_if_broken(self) -> None:
        if self.intake.is_broken:
            self._observe()

    # -- keys, sensors and schedules

    def _pressed(self, key: str) -> None:
        if self.intake.is_broken:
            self._pending |= Batch({}, recheck=key == "r")
        elif key in {"r", "f"}:
            self._said = None
            self.intake.failing, self.intake.owed = frozenset(), frozenset()
            selection = self.options.selection
            self._builder.build("key", selection, partial(self._builder.materialize, selection, force=key == "f"))
            self._after_build()
        else:
            self.options.on_key(key, self.project)

    def _next_due(self) -> float | None:
        if self.automation is None or self.intake.is_broken:
            return None
        return self.automation.next_due(time.time())

    def _is_due(self) -> bool:
        due = self._next_due()
        return due is not None and due <= time.time()

    def _serve(self) -> None:
        assert self.automation is not None  # noqa: S101  # it is due
        new = self.automation.new_keys(time.time())
        if touched := self.intake.owe(new):
            names = sorted(new & touched or new)
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            self._reason = f"new partitions of {', '.join(names[:_NAMED])}{more}"
            return
        requests = self.automation.due(time.time(), self.project)
        for text in self.automation.notices():
            self._tell(Noticed(text))
        for request in requests:  # all of them: one that is not taken any more is told of, too
            self._carry_out(request)

    def _carry_out(self, request: Request) -> None:
        assert self.automation is not None  # noqa: S101  # the request is its own
        error = ""
        report: Report | None = None
        if not self.intake.is_broken and self._leave is None:
            self._said = None
            build = partial(carry_out, request, self.project)
            if request.kind == "source" and self.options.has_keys:
                build = partial(self._builder.materialize, self.options.selection)
            elif request.kind == "source" and self.options.missing_only:
                build = partial(carry_out, request, self.project, missing_only=True)
            report = self._builder.build(request.reason, request.selection, build)
            self._after_build()
            error = "" if report is not None else "the build could not begin"
        self.automation.finished(request, report, now=time.time(), error=error)
        for text in self.automation.notices():
            self._tell(Noticed(text))

    # -- parts

    def _make_ready(self) -> bool:
        """Before the first wait: load the functions and start the workers, so that the first save finds all warm.

        Returns whether that brought something to do.
        """
        self._begin_automation()
        stage = self.intake.stage
        if stage is None or self.intake.is_broken or self._is_warm:
            return False
        self._is_warm = True
        self.intake.load_functions()
        self._observe()
        self._builder.warm_workers()
        return bool(self._pending or self.intake.owed or self.intake.is_broken)

    def _close_parts(self) -> None:
        if self._observer is not None:
            self._observer.close()
        if self.automation is not None:
            self.automation.close()

    def _tell(self, event: Event) -> None:
        self.options.on_event(event)


def _git_is_at_work(root: Path) -> bool:
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return (folder / ".git" / "index.lock").exists()
    return False
