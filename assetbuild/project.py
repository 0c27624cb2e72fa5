"""The page that shows the flow: open a project, plan it, materialize it. Only this module knows every stage."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from assetbuild.errors import BusyError, Problem, RecordError, UsageError, closest
from assetbuild.graph.model import Graph
from assetbuild.load.settings import Settings, find_root, read_settings
from assetbuild.load.stage import Stage, load_stage
from assetbuild.materialize.ahead import Ahead
from assetbuild.materialize.build import (
    BuildOptions,
    Loaded,
    new_run_id,
    others_at_work,
    prepare_state_folder,
    run_build,
)
from assetbuild.materialize.collection import no_collections, old_objects_aside
from assetbuild.materialize.events import Event, Waiting
from assetbuild.plan.asked import Asked
from assetbuild.plan.facts import Facts
from assetbuild.plan.keys import KeySets
from assetbuild.plan.outputs import Outputs
from assetbuild.plan.planner import Planned, Planner
from assetbuild.plan.sources import SourceObserver
from assetbuild.record.database import is_damage, note_damage
from assetbuild.record.lock import busy, project_lock, run_lock
from assetbuild.record.model import RunRow
from assetbuild.record.stamps import StampCache
from assetbuild.record.state import Record, open_whole
from assetbuild.store.io import InputContext
from assetbuild.store.objects import Objects

if TYPE_CHECKING:
    from assetbuild.declare.automation import AutomationDefinition
    from assetbuild.graph.selection import Verdict
    from assetbuild.materialize.cancel import Cancel
    from assetbuild.materialize.pool import WorkerPool
    from assetbuild.materialize.report import Report
    from assetbuild.materialize.upkeep import GcReport
    from assetbuild.plan.details import AssetDetails
    from assetbuild.plan.doctor import Finding
    from assetbuild.plan.explain import Explanation
    from assetbuild.plan.model import Plan

__all__ = ["AssetLog", "Project"]

_LOADING = threading.RLock()
"""Modules and the ways to import them belong to the process: one thread at a time loads a project."""

_NOW = "ASSETBUILD_NOW"


@dataclass(frozen=True, slots=True)
class AssetLog:
    """What one asset wrote in one run, and how that ended."""

    asset: str
    partition: str | None
    outcome: str
    error: str | None
    text: str


class Project:
    """A project folder: its graph, its plan, its builds.

    Definitions are loaded on first use, and again when one of their files changed.
    """

    def __init__(self, root: Path, *, config_file: Path | None = None, settings: Sequence[str] = ()) -> None:
        """Use ``Project.open``."""
        self.root = root
        self.warnings: list[str] = []
        self._config_file = config_file
        self._assignments = tuple(settings)
        self._stage: Stage | None = None
        self._ahead: Ahead | None = None
        self._local = threading.local()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        config_file: str | os.PathLike[str] | None = None,
        settings: Sequence[str] = (),
    ) -> Self:
        """Open the project in the folder ``path``, or, without one, at or above the working directory.

        ``config_file`` (TOML or JSON) and ``settings`` (``"ASSET.KEY=VALUE"``) go over the config of the project file.
        Raises ProjectNotFoundError, and UsageError for bad settings; definitions are loaded later.
        """
        root = find_root() if path is None else Path(path).absolute()
        read_settings(root)
        return cls(root, config_file=None if config_file is None else Path(config_file), settings=settings)

    @property
    def _pinned(self) -> Stage | None:
        """The stage that the command of this thread works on."""
        return getattr(self._local, "stage", None)

    @_pinned.setter
    def _pinned(self, stage: Stage | None) -> None:
        self._local.stage = stage

    @property
    def graph(self) -> Graph:
        """The validated graph; raises DefinitionError with every problem of the definitions."""
        return self._loaded().graph

    @property
    def settings(self) -> Settings:
        """What the project's settings file says."""
        return self._loaded().settings

    def reload(self, *, functions: bool = False, anew: bool = False) -> Stage:
        """Load the definitions as they are now, whatever the stamps of their files say.

        Modules that no change affects stay as they are, unless all are to be loaded ``anew``. The next plan or build
        keeps the manifest.
        Raises DefinitionError and UsageError; what was loaded before then stays.
        """
        with _LOADING:
            previous = None if anew else self._stage
            self._stage = load_stage(
                self.root, self._config_file, self._assignments, functions=functions, previous=previous, keep=False
            )
            return self._stage

    def with_settings(self, settings: Sequence[str]) -> Self:
        """Return this project with more settings (``"ASSET.KEY=VALUE"``) over those that it has."""
        return type(self)(self.root, config_file=self._config_file, settings=(*self._assignments, *settings))

    def automations(self, *, functions: bool = False) -> Mapping[str, AutomationDefinition]:
        """Return the sensors and schedules by name; with ``functions`` those that have one can be called."""
        return self._loaded(functions=functions).graph.automations

    def poller(self, key: str) -> Callable[[], str]:
        """Return what asks the observe function of a source, in any thread, for the version of its data."""
        stage = self._loaded(functions=True)

        def poll() -> str:
            stamps = StampCache(stage.settings.state_folder / "stamps.db")
            state = SourceObserver(self.root, stamps, stage.io_managers).state(stage.graph.sources[key])
            return state.version or state.problem

        return poll

    def partition_counts(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how many partitions assets and sources have now; without those that have none, or none known yet."""
        with self._facts() as facts:
            return facts.keys.counts(keys, lambda key: facts.pointers.get((key, None)))

    # -- plan

    def select(self, selection: str | Sequence[str] = ()) -> frozenset[str]:
        """Return the keys of the assets that a selection means; no selection means all."""
        chosen = (selection,) if isinstance(selection, str) else tuple(selection)
        if not chosen:
            return frozenset(self.graph.assets)
        from assetbuild.graph.selection import select  # noqa: PLC0415  # the grammar: most commands are about all

        return select(self.graph, chosen, verdicts=self._verdicts)

    def plan(
        self,
        selection: str | Sequence[str] = (),
        *,
        only: bool = False,
        force: bool = False,
        partition: str | None = None,
        missing_only: bool = False,
        latest: int | None = None,
    ) -> Plan:
        """Return what is stale in the selection and upstream of it, and why. Changes nothing.

        ``partition`` is a key, or a range such as ``2013-01-01..2013-03-31`` with both its ends; ``latest`` counts
        keys from the end; with ``missing_only`` what was built before is left as it is.
        """
        asked = Asked(partition, missing_only, latest)
        began_ns = time.time_ns()
        with self._facts() as facts:
            plan = self._planner(facts, selection, only=only, force=force, asked=asked).plan().plan
            stage = self._loaded()
        if stage.keep is not None:
            stage.keep()
        if not (selection or only or force) and asked == Asked():
            self._note_standstill(stage, plan, began_ns)
        return plan

    def _note_standstill(self, stage: Stage, plan: Plan, began_ns: int) -> None:
        """Note how the project lies, when a plan of all of it found nothing to do and nothing to tell."""
        if plan.is_fresh and not (plan.warnings or plan.orphans or self.warnings):
            from assetbuild.load.standstill import keep_standstill  # noqa: PLC0415  # only when nothing is to do

            keep_standstill(stage, began_ns=began_ns)

    def status(self, selection: str | Sequence[str] = (), *, partition: str | None = None) -> Plan:
        """Return the plan of the selection: each asset, and each partition, with its status and causes."""
        return self.plan(selection, partition=partition)

    # -- materialize

    def materialize(  # noqa: PLR0913  # the flags of the command
        self,
        selection: str | Sequence[str] = (),
        *,
        jobs: int | None = None,
        keep_going: bool = False,
        force: bool = False,
        only: bool = False,
        partition: str | None = None,
        missing_only: bool = False,
        latest: int | None = None,
        wait: bool = True,
        on_event: Callable[[Event], None] | None = None,
        pool: WorkerPool | None = None,
        cancel: Cancel | None = None,
    ) -> Report:
        """Build what is stale in the selection and upstream of it, and report every outcome.

        ``partition``, ``missing_only`` and ``latest`` are as in ``plan``.
        ``jobs=0`` runs in this process, for debugging. The workers of a ``pool`` live on for the next call, and
        ``cancel`` may end running work. Assets that fail are in the report; what raises is bad usage, bad definitions,
        BusyError without ``wait``, and trouble with the state database.
        """
        asked = Asked(partition, missing_only, latest)
        options = BuildOptions(
            jobs, keep_going, on_event if on_event is not None else lambda _event: None, pool, cancel
        )
        with no_collections(), self._ahead_of(options) as ahead:
            self._loaded(functions=jobs == 0)
            self.select(selection)  # a typo is reported before anything is written
            try:
                report = None
                while report is None:
                    report = self._build(selection, ahead.options, only=only, force=force, wait=wait, asked=asked)
            except (OSError, RecordError) as error:
                return self._nothing_to_do(error, selection, only=only, force=force, asked=asked)
            return report

    @contextmanager
    def _ahead_of(self, options: BuildOptions) -> Iterator[Ahead]:
        with Ahead.of(options) as ahead:
            self._ahead = ahead
            try:
                yield ahead
            finally:
                self._ahead = None

    def _build(  # the flags of the command
        self,
        selection: str | Sequence[str],
        options: BuildOptions,
        *,
        only: bool,
        force: bool,
        wait: bool,
        asked: Asked,
    ) -> Report | None:
        """Plan and run under the lock; return None when the code changed before it could be handed to workers."""
        began_ns = time.time_ns()
        stage = self._loaded(functions=options.jobs == 0)
        prepare_state_folder(stage.settings)
        keep = stage.keep if stage.keep is not None else lambda: None
        with (
            self._project_lock(options.on_event, alone=False, wait=wait),
            self._facts(write=True, functions=options.jobs == 0) as facts,
        ):
            planner = self._planner(facts, selection, only=only, force=force, asked=asked)
            planned = _without_lost(planner)
            if not wait and not planned.plan.is_fresh and (holder := others_at_work(facts.record)):
                raise BusyError(busy(holder))
            stage = self._loaded()
            bundle = {} if planned.plan.is_fresh else stage.bundle()
            if bundle is None:
                self._stage = None
                return None
            codes = stage.codes() if bundle else {}
            loaded = Loaded(stage.settings, stage.graph, bundle, codes, stage.config)
            with old_objects_aside():
                report = run_build(planner, planned, loaded, replace(options, meanwhile=keep), new_run_id())
        if planned.plan.is_fresh:  # no worker was started, beside which it could be done
            keep()
        if not (selection or only or force) and asked == Asked():  # the record is closed now, and lies as it will
            self._note_standstill(stage, planned.plan, began_ns)
        return report

    def _nothing_to_do(
        self, error: Exception, selection: str | Sequence[str], *, only: bool, force: bool, asked: Asked
    ) -> Report:
        """Answer for a folder that cannot be written: when all is fresh nothing has to be."""
        from assetbuild.materialize.report import Outcomes, Report  # noqa: PLC0415  # only on this path

        with self._facts() as facts:
            planned = self._planner(facts, selection, only=only, force=force, asked=asked).plan()
        if not planned.plan.is_fresh:
            raise (
                error
                if isinstance(error, RecordError)
                else RecordError(f"the project folder cannot be written: {error}")
            )
        return Report(None, "success", Outcomes(planned.plan, {}), 0.0, planned.plan.warnings)

    def load(self, key: str, type: str | None = None, *, partition: str | None = None) -> Any:  # noqa: A002  # reads best at the call
        """Return the value of an asset as it is materialized now.

        ``type`` names a type to load it as, such as ``"pandas.DataFrame"`` or ``"polars.LazyFrame"``. Of an asset with
        partitions it is one table of all that are built, or the value of one ``partition``.

        Raises UsageError for an unknown or never built asset or partition.
        """
        with self._facts() as facts:
            key = self._one(key, facts)
            if partition is None and facts.graph.assets[key].partitions is not None:
                return self._load_all(key, type, facts)
            pointer = facts.pointers.get((key, partition))
            if pointer is None:
                name = key if partition is None else f"{key}[{partition}]"
                raise UsageError(
                    Problem(f"asset {name!r} was never built", (), f"Build it: assetbuild materialize '{key}'")
                )
            if pointer.object is None:
                return None
            if not facts.outputs.readopt(pointer):
                raise UsageError(
                    Problem(f"the stored value of {key!r} is gone", (), f"Build it: assetbuild materialize '{key}'")
                )
            path = facts.outputs.objects.path(pointer.object)
            manager = self._loaded().io_managers.get(pointer.io_manager)
            return manager.load(InputContext(asset_key=key, path=path, load=type))

    def _load_all(self, key: str, load: str | None, facts: Facts) -> Any:
        from assetbuild.store.partitions import load_partitions  # noqa: PLC0415  # only where there are partitions

        planner = self._planner(facts, (f'key:"{key}"',))
        found = facts.pointers.of(key)
        there = [pointer for pointer in found.values() if pointer.object is not None and planner.is_declared(pointer)]
        order = planner.states[key].place if there else lambda _partition: None
        there.sort(key=lambda pointer: order(pointer.partition) or 0)
        if not there:
            raise UsageError(Problem(f"asset {key!r} was never built", (), f"Build it: assetbuild materialize '{key}'"))
        parts = [(pointer.partition or "", facts.outputs.objects.path(pointer.object or "")) for pointer in there]
        manager = self._loaded().io_managers.get(there[0].io_manager)
        return load_partitions(manager, key, parts, load=load, columns=None, key_column=None, as_mapping=False)

    # -- explain

    def why(self, asset: str, partition: str | None = None) -> Explanation:
        """Explain everything about one asset's staleness: causes with diffs, and the chain to the root.

        Of an asset with partitions one is explained: ``partition``, or the first that is not fresh.
        """
        from assetbuild.plan.explain import explain  # noqa: PLC0415  # only for this command

        with self._facts() as facts:
            key = self._one(asset, facts)
            planned = self._planner(facts, (f'key:"{key}"',), asked=Asked(partition)).plan()
            return explain(key, partition, planned, facts, self._loaded().recipes.widened(key))

    def show(self, key: str) -> AssetDetails:
        """Return everything that can be shown about an asset or a source."""
        from assetbuild.plan.details import describe_asset  # noqa: PLC0415  # only for this command

        with self._facts() as facts:
            if key in facts.graph.sources:
                return describe_asset(key, facts, None)
            key = self._one(key, facts)
            planned = self._planner(facts, (f'key:"{key}"',)).plan()
            steps = [step for step in planned.plan if step.asset == key]
            # Of many partitions the first that is not fresh tells most; when all are, the last one does.
            step = next((step for step in steps if step.status != "fresh"), steps[-1] if steps else None)
            statuses: dict[str, int] = {}
            if step is not None and step.partition is not None:
                statuses = dict(Counter(str(step.status) for step in steps))
            return describe_asset(key, facts, step, statuses)

    def runs(self, limit: int | None = 50) -> list[RunRow]:
        """Return past runs, newest first."""
        with self._reading() as record:
            return record.runs(limit)

    def log(self, run: str = "last", asset: str | None = None) -> list[AssetLog]:
        """Return what the assets of a run wrote; ``run`` is an id, the beginning of one, or ``last``.

        Raises UsageError for an unknown run, or an asset that did not run in it.
        """
        from assetbuild.materialize.logs import captured_output  # noqa: PLC0415  # only for this command

        with self._reading() as record:
            runs = record.runs()
            if asset is not None and run in {"last", "latest"}:  # the last run in which that asset did anything
                runs = [
                    row
                    for row in runs
                    if any(row.run_id == past.run_id for past in record.materializations(asset=asset, limit=1))
                ]
            run_id = _run_id(run, runs)
            rows = [
                row for row in reversed(record.materializations(run_id=run_id)) if asset is None or row.asset == asset
            ]
        if asset is not None and not rows:
            raise UsageError(Problem(f"asset {asset!r} did not run in run {run_id}", (), "See 'assetbuild runs'."))
        settings = self._loaded().settings
        return [
            AssetLog(
                row.asset,
                row.partition,
                row.outcome,
                row.error,
                captured_output(settings, run_id, row.asset, row.partition),
            )
            for row in rows
        ]

    def doctor(self) -> list[Finding]:
        """Look for trouble, and say what is well."""
        from assetbuild.plan.doctor import findings  # noqa: PLC0415  # only for this command

        with self._facts(functions=True) as facts:
            stage = self._loaded()
            return findings(facts, stage.recipes.widened, stage.unkept)

    # -- upkeep

    def accept(self, selection: str | Sequence[str], reason: str) -> list[str]:
        """Adopt the current values of exactly the selection under today's build keys, on record with the reason.

        Raises UsageError when one was never built, or something stale upstream is not in the selection.
        """
        from assetbuild.materialize.upkeep import accept  # noqa: PLC0415  # only for this command

        if not reason.strip():
            raise UsageError(Problem("a reason is needed", (), "Say in a few words why the value is still right."))
        selected = self.select(selection)
        with self._locked("accept") as (facts, run_id):
            planner = self._planner(facts, selection)
            return accept(planner, planner.plan(), selected, reason, run_id)

    def clean(self, selection: str | Sequence[str]) -> list[str]:
        """Forget pointer, value and traces of exactly the selection."""
        from assetbuild.materialize.upkeep import clean  # noqa: PLC0415  # only for this command

        selected = self.select(selection)
        with self._locked("clean") as (facts, _):
            return clean(facts, selected)

    def gc(
        self,
        *,
        keep_days: float | None = None,
        keep_last: int | None = None,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> GcReport:
        """Remove orphans and objects that nothing needs; with limits, also old versions beyond them."""
        from assetbuild.materialize.upkeep import Limits, collect  # noqa: PLC0415  # only for this command

        limits = Limits(keep_days, keep_last, max_bytes)
        if dry_run:
            with self._facts() as facts:
                return collect(facts, self._planner(facts, ()).is_declared, limits, dry_run=True)
        with self._locked("gc") as (facts, _):
            return collect(facts, self._planner(facts, ()).is_declared, limits, dry_run=False)

    # -- the stages, in the order in which data flows

    def _loaded(self, *, functions: bool = False) -> Stage:
        if self._pinned is not None and (self._pinned.has_functions or not functions):
            return self._pinned
        with _LOADING:
            stage = self._stage
            if stage is None or not stage.is_current or (functions and not stage.has_functions):
                stage = self._stage = load_stage(
                    self.root,
                    self._config_file,
                    self._assignments,
                    functions=functions,
                    follower=self._ahead,
                    keep=self._ahead is None,  # a build does it while its workers start
                )
            return stage

    @contextmanager
    def _facts(self, *, write: bool = False, functions: bool = False) -> Iterator[Facts]:
        stage = self._loaded(functions=functions)
        folder = stage.settings.state_folder
        record, pointers = open_whole(folder / "state.db", write=write)
        self.warnings.extend(warning for warning in record.warnings if warning not in self.warnings)
        stamps = StampCache(folder / "stamps.db")
        # One command works on one state of the code, also when a file is saved in its midst.
        outer, self._pinned = self._pinned, stage
        sources = SourceObserver(self.root, stamps, stage.io_managers)
        warehouse = self.root / stage.settings.warehouse
        outputs = Outputs(warehouse, stage.graph, stage.io_managers, Objects(folder / "objects"), stamps, record)
        keys = KeySets(stage.graph, self.root, _now(), sources, outputs, stamps)
        try:
            recipes = stage.recipes
            yield Facts(
                stage.graph, recipes.recipe, record, pointers, sources, outputs, keys, recipes.stem, recipes.plain
            )
            stamps.flush()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            note_damage(record.path, error)
            problem = f"the state database is damaged: {error}"
            advice = "Run 'assetbuild materialize': it sets the database aside, and builds again what is needed."
            raise RecordError(Problem(problem, (("file", str(record.path)),), advice)) from error
        finally:
            self._pinned = outer
            record.close()

    @contextmanager
    def _locked(self, command: str) -> Iterator[tuple[Facts, str]]:
        """Hold the build lock, and record a run for what is done under it."""
        settings = self._loaded().settings
        prepare_state_folder(settings)
        run_id = new_run_id()
        with (
            self._project_lock(self._note_wait, alone=True),
            run_lock(settings.state_folder, run_id),
            self._facts(write=True) as facts,
        ):
            facts.record.begin_run(run_id, command)
            status = "failed"
            try:
                yield facts, run_id
                status = "success"
            finally:
                facts.record.finish_run(run_id, status, {})

    def _note_wait(self, event: Event) -> None:
        self.warnings.append(f"waited for another build ({getattr(event, 'holder', '')})")

    def _project_lock(
        self, listen: Callable[[Event], None], *, alone: bool, wait: bool = True
    ) -> AbstractContextManager[None]:
        def holder() -> str:
            with self._reading() as record:
                return others_at_work(record) or "another process"

        folder = self._loaded().settings.state_folder
        return project_lock(folder, alone=alone, holder=holder, wait=wait, on_wait=lambda held: listen(Waiting(held)))

    @contextmanager
    def _reading(self) -> Iterator[Record]:
        record = Record.read(self._loaded().settings.state_folder / "state.db")
        try:
            yield record
        finally:
            record.close()

    def _one(self, key: str, facts: Facts) -> str:
        if key in facts.graph.assets:
            return key
        near = closest(key, facts.graph.assets)
        if key in facts.graph.sources:
            raise UsageError(
                Problem(f"{key!r} is a source, not an asset", (), "Sources are not built: name an asset that reads it.")
            )
        raise UsageError(
            Problem(f"no asset is called {key!r}", (("closest", near),) if near else (), "See 'assetbuild list'.")
        )

    def _planner(
        self,
        facts: Facts,
        selection: str | Sequence[str],
        *,
        only: bool = False,
        force: bool = False,
        asked: Asked | None = None,
    ) -> Planner:
        selected = self.select(selection)
        self._loaded().recipes.check(facts.graph.closure(selected))
        return Planner(facts, selected, only=only, force=force, asked=asked or Asked())

    def _verdicts(self) -> Mapping[str, Verdict]:
        from assetbuild.graph.selection import Verdict  # noqa: PLC0415  # as in select

        return {
            part.asset: Verdict(
                frozenset(status for status, number in part.counts().items() if number),
                frozenset(cause.kind for decision in part.decisions.values() for cause in decision.causes),
            )
            for part in self.plan().assets
        }


def _run_id(run: str, runs: Sequence[RunRow]) -> str:
    if run in {"last", "latest"} and runs:
        return runs[0].run_id
    found = [row.run_id for row in runs if row.run_id.startswith(run)]
    if len(found) == 1 or run in found:
        return run if run in found else found[0]
    near = closest(run, [row.run_id for row in runs])
    headline = f"{len(found)} runs begin with {run!r}" if found else f"no run is called {run!r}"
    facts = (("candidates", ", ".join(found[:5])),) if found else (("closest", near),) if near else ()
    raise UsageError(Problem(headline, facts, "See 'assetbuild runs'."))


def _without_lost(planner: Planner) -> Planned:
    planned = planner.plan()
    while planner.find_lost(planned):
        planned = planner.plan()
    return planned


def _now() -> datetime:
    """Return the time up to which windows are complete; a variable sets it, for tests and for building as of a day."""
    said = os.environ.get(_NOW)
    if said is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as error:
        raise UsageError(Problem(f"{_NOW}={said!r} is no time", (), "Write 2024-01-31T12:00:00+00:00.")) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
