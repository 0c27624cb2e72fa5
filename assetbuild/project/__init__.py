"""The page that shows the flow: open a project, plan it, materialize it. Only this package knows every stage.

    opened    definitions as the files are now, and the facts that a command works on
    planning  what a plan is asked for, and the plan
    building  builds, and the lock of what else writes
    values    loading what is materialized
    history   what past runs wrote

A command imports of them what it needs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from assetbuild.errors import Problem, UsageError
from assetbuild.graph.model import Graph
from assetbuild.load.settings import Settings, find_root, read_settings
from assetbuild.plan.asked import Asked
from assetbuild.project.opened import Opened
from assetbuild.project.planning import Planning, asset_key

if TYPE_CHECKING:
    from assetbuild.declare.automation import AutomationDefinition
    from assetbuild.load.stage import Stage
    from assetbuild.materialize.cancel import Cancel
    from assetbuild.materialize.events import Event
    from assetbuild.materialize.pool import WorkerPool
    from assetbuild.materialize.report import Report
    from assetbuild.materialize.upkeep import GcReport
    from assetbuild.plan.details import AssetDetails
    from assetbuild.plan.doctor import Finding
    from assetbuild.plan.explain import Explanation
    from assetbuild.plan.model import Plan
    from assetbuild.project.history import AssetLog
    from assetbuild.record.model import RunRow

__all__ = ["Project"]


class Project:
    """A project folder: its graph, its plan, its builds.

    Definitions are loaded on first use, and again when one of their files changed.
    """

    def __init__(self, root: Path, *, config_file: Path | None = None, settings: Sequence[str] = ()) -> None:
        """Use ``Project.open``."""
        self.root = root
        self._opened = Opened(root, config_file, settings)
        self.warnings = self._opened.warnings

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
    def graph(self) -> Graph:
        """The validated graph; raises DefinitionError with every problem of the definitions."""
        return self._opened.loaded().graph

    @property
    def settings(self) -> Settings:
        """What the project's settings file says."""
        return self._opened.loaded().settings

    def reload(self, *, functions: bool = False, anew: bool = False) -> Stage:
        """Load the definitions as they are now, whatever the stamps of their files say.

        Modules that no change affects stay as they are, unless all are to be loaded ``anew``. The next plan or build
        keeps the manifest.
        Raises DefinitionError and UsageError; what was loaded before then stays.
        """
        return self._opened.reloaded(functions=functions, anew=anew)

    def with_settings(self, settings: Sequence[str]) -> Self:
        """Return this project with more settings (``"ASSET.KEY=VALUE"``) over those that it has."""
        opened = self._opened
        return type(self)(self.root, config_file=opened.config_file, settings=(*opened.assignments, *settings))

    def automations(self, *, functions: bool = False) -> Mapping[str, AutomationDefinition]:
        """Return the sensors and schedules by name; with ``functions`` those that have one can be called."""
        return self._opened.loaded(functions=functions).graph.automations

    def poller(self, key: str) -> Callable[[], str]:
        """Return what asks the observe function of a source, in any thread, for the version of its data."""
        return self._opened.poller(key)

    def partition_counts(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how many partitions assets and sources have now; without those that have none, or none known yet."""
        with self._opened.facts() as facts:
            return facts.keys.counts(keys, lambda key: facts.pointers.get((key, None)))

    # -- plan

    def select(self, selection: str | Sequence[str] = ()) -> frozenset[str]:
        """Return the keys of the assets that a selection means; no selection means all."""
        return Planning(self._opened, selection).selected()

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
        return Planning(self._opened, selection, only=only, force=force, asked=asked).plan()

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
        from assetbuild.project.building import BuildOptions, build  # noqa: PLC0415  # only what writes needs it

        asked = Asked(partition, missing_only, latest)
        planning = Planning(self._opened, selection, only=only, force=force, asked=asked)
        listen = on_event if on_event is not None else lambda _event: None
        return build(planning, BuildOptions(jobs, keep_going, listen, pool, cancel), wait=wait)

    def load(
        self,
        key: str,
        type: type[Any] | str | None = None,  # noqa: A002  # reads best at the call
        *,
        partition: str | None = None,
    ) -> Any:
        """Return the value of an asset as it is materialized now.

        ``type`` is a type to load it as, ``pandas.DataFrame``, or its name, ``"pandas.DataFrame"``. Of an asset with
        partitions it is one table of all that are built, or the value of one ``partition``.

        Raises UsageError for an unknown or never built asset or partition, and for a type that the value cannot be.
        """
        from assetbuild.project.values import load_value  # noqa: PLC0415  # no command needs it

        return load_value(self._opened, key, type, partition)

    # -- explain

    def why(self, asset: str, partition: str | None = None) -> Explanation:
        """Explain everything about one asset's staleness: causes with diffs, and the chain to the root.

        Of an asset with partitions one is explained: ``partition``, or the first that is not fresh.
        """
        from assetbuild.plan.explain import explain  # noqa: PLC0415  # only for this command

        with self._opened.facts() as facts:
            key = asset_key(asset, facts.graph)
            planned = Planning.of_asset(self._opened, key, partition).planner(facts).plan()
            return explain(key, partition, planned, facts, self._opened.loaded().recipes.widened(key))

    def show(self, key: str) -> AssetDetails:
        """Return everything that can be shown about an asset or a source."""
        from assetbuild.plan.details import describe_asset  # noqa: PLC0415  # only for this command

        with self._opened.facts() as facts:
            if key in facts.graph.sources:
                return describe_asset(key, facts, None)
            key = asset_key(key, facts.graph)
            planned = Planning.of_asset(self._opened, key).planner(facts).plan()
            steps = [step for step in planned.plan if step.asset == key]
            # Of many partitions the first that is not fresh tells most; when all are, the last one does.
            step = next((step for step in steps if step.status != "fresh"), steps[-1] if steps else None)
            statuses: dict[str, int] = {}
            if step is not None and step.partition is not None:
                statuses = dict(Counter(str(step.status) for step in steps))
            return describe_asset(key, facts, step, statuses)

    def runs(self, limit: int | None = 50) -> list[RunRow]:
        """Return past runs and those that go on, newest first."""
        from assetbuild.project.history import runs  # noqa: PLC0415  # only for this command

        return runs(self._opened, limit)

    def log(self, run: str = "last", asset: str | None = None) -> list[AssetLog]:
        """Return what the assets of a run wrote; ``run`` is an id, the beginning of one, or ``last``.

        Raises UsageError for an unknown run, or an asset that did not run in it.
        """
        from assetbuild.project.history import logs  # noqa: PLC0415  # only for this command

        return logs(self._opened, run, asset)

    def doctor(self) -> list[Finding]:
        """Look for trouble, and say what is well."""
        from assetbuild.plan.doctor import findings  # noqa: PLC0415  # only for this command

        with self._opened.facts(functions=True) as facts:
            stage = self._opened.loaded()
            return findings(facts, stage.recipes.widened, stage.unkept)

    # -- upkeep

    def accept(self, selection: str | Sequence[str], reason: str) -> list[str]:
        """Adopt the current values of exactly the selection under today's build keys, on record with the reason.

        Raises UsageError when one was never built, or something stale upstream is not in the selection.
        """
        from assetbuild.materialize.upkeep import accept  # noqa: PLC0415  # only for this command
        from assetbuild.project.building import locked  # noqa: PLC0415  # only what writes needs it

        if not reason.strip():
            raise UsageError(Problem("a reason is needed", (), "Say in a few words why the value is still right."))
        planning = Planning(self._opened, selection)
        selected = planning.selected()
        with locked(self._opened, "accept") as (facts, run_id):
            planner = planning.planner(facts)
            return accept(planner, planner.plan(), selected, reason, run_id)

    def clean(self, selection: str | Sequence[str]) -> list[str]:
        """Forget pointer, value and traces of exactly the selection."""
        from assetbuild.materialize.upkeep import clean  # noqa: PLC0415  # only for this command
        from assetbuild.project.building import locked  # noqa: PLC0415  # only what writes needs it

        selected = self.select(selection)
        with locked(self._opened, "clean") as (facts, _):
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
        from assetbuild.project.building import locked  # noqa: PLC0415  # only what writes needs it

        limits, planning = Limits(keep_days, keep_last, max_bytes), Planning(self._opened)
        if dry_run:
            with self._opened.facts() as facts:
                return collect(facts, planning.planner(facts).is_declared, limits, dry_run=True)
        with locked(self._opened, "gc") as (facts, _):
            return collect(facts, planning.planner(facts).is_declared, limits, dry_run=False)
