"""What one plan is asked for, and the plan: selection, flags and partitions go through a command together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from assetbuild.dataclass import replace
from assetbuild.errors import Problem, UsageError, closest
from assetbuild.graph.selection import Verdict, select
from assetbuild.plan.asked import Asked
from assetbuild.plan.facts import Facts
from assetbuild.plan.planner import Planner
from assetbuild.project.opened import Opened

if TYPE_CHECKING:
    from assetbuild.graph.model import Graph
    from assetbuild.load.stage import Stage
    from assetbuild.plan.model import Plan

__all__ = ["Planning", "asset_key"]

_EVERY = Asked()


class Planning:
    """A selection, what it is planned with, and the project that it is planned in."""

    def __init__(
        self,
        opened: Opened,
        selection: str | Sequence[str] = (),
        *,
        only: bool = False,
        force: bool = False,
        asked: Asked = _EVERY,
    ) -> None:
        """No selection means all assets."""
        self.opened = opened
        self._selection = (selection,) if isinstance(selection, str) else tuple(selection)
        self._only = only
        self._force = force
        self._asked = asked

    @classmethod
    def of_asset(cls, opened: Opened, key: str, partition: str | None = None) -> Planning:
        """Plan one asset, and what lies upstream of it."""
        return cls(opened, key, asked=Asked(partition))

    def selected(self) -> frozenset[str]:
        """Return the keys that the selection means; raises UsageError for a typo."""
        return select(self.opened.loaded().graph, self._selection, verdicts=self._verdicts)

    def planner(self, facts: Facts, *, whole: bool = True) -> Planner:
        """Return what makes the plan from the facts; raises DefinitionError for code that cannot be told.

        Unless the ``whole`` is wanted, it judges only what may not be fresh, where that is known.
        """
        selected = self.selected()
        stage = self.opened.loaded()
        stage.recipes.check(facts.graph.closure(selected))
        cone = None
        if not (whole or self._only or self._force or self._asked != _EVERY):
            from assetbuild.plan.cone import cone_of  # noqa: PLC0415  # only where a plan is made

            cone = cone_of(stage)
        return Planner(facts, selected, only=self._only, force=self._force, asked=self._asked, cone=cone)

    def plan(self) -> Plan:
        """Return the plan; changes nothing but the notes that make the next command quick."""
        began_ns = time.time_ns()
        with self.opened.facts() as facts:
            plan = self.planner(facts, whole=False).plan().plan
            stage = self.opened.loaded()
            widened = tuple(part.asset for part in plan.assets if part.decisions and stage.recipes.widened(part.asset))
            if widened:
                plan = replace(plan, widened=widened)
            note = self.standstill(stage, plan, facts, began_ns) if plan.is_fresh else None
        if stage.keep is not None:
            stage.keep()
        if note is not None:
            note()
        return plan

    def standstill(self, stage: Stage, plan: Plan, facts: Facts, began_ns: int) -> Callable[[], None] | None:
        """Return what notes how the project lies, now that this plan of all of it leaves nothing to do and to tell.

        It is to be called when the record is closed, and lies as it will. None where nothing can be noted.
        """
        if self._selection or self._only or self._force or self._asked != _EVERY:
            return None
        if plan.warnings or plan.orphans or self.opened.warnings or facts.record.others_at_work():
            return None
        # Imported here: only when nothing is to do.
        from assetbuild.load.standstill import can_stand_still, keep_standstill  # noqa: PLC0415
        from assetbuild.plan.published import tree_as_recorded  # noqa: PLC0415

        published = tree_as_recorded(facts) if can_stand_still(stage) else None
        return None if published is None else partial(keep_standstill, stage, published, began_ns=began_ns)

    def _verdicts(self) -> Mapping[str, Verdict]:
        return {
            part.asset: Verdict(
                frozenset(status for status, number in part.counts().items() if number),
                frozenset(cause.kind for decision in part.decisions.values() for cause in decision.causes),
            )
            for part in Planning(self.opened).plan().assets
        }


def asset_key(key: str, graph: Graph) -> str:
    """Return the key of an asset; raises UsageError for that of a source, and for one that there is not."""
    if key in graph.assets:
        return key
    if key in graph.sources:
        raise UsageError(
            Problem(f"{key!r} is a source, not an asset", (), "Sources are not built: name an asset that reads it.")
        )
    near = closest(key, graph.assets)
    raise UsageError(
        Problem(f"no asset is called {key!r}", (("closest", near),) if near else (), "See 'assetbuild list'.")
    )
