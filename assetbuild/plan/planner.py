"""Make a plan: which places a build is about, and the verdict on each, in build order.

What is wanted flows up: a selected place wants the upstream places that it reads. What is known flows down: each asset
is judged with the versions of its inputs. The judging itself is in ``judge.py``; this module says of what, and in
which order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from assetbuild.dataclass import dataclass, field, replace
from assetbuild.errors import DefinitionError, Problem, UsageError
from assetbuild.fingerprint.recipe import edge_order
from assetbuild.graph.model import Asset, AssetInput
from assetbuild.graph.places import relative_place
from assetbuild.plan.absent import reading_problems
from assetbuild.plan.asked import Asked
from assetbuild.plan.edges import Edge, Edges
from assetbuild.plan.facts import Facts
from assetbuild.plan.judge import Judge
from assetbuild.plan.model import FRESH, AssetPlan, Decision, Plan
from assetbuild.plan.orphans import orphans_of
from assetbuild.plan.quick import PlainAssets, settle_fresh, settle_never_built
from assetbuild.plan.states import AssetState, SourcePlaces, places_in
from assetbuild.record.model import Pointer
from assetbuild.record.pointers import Place

__all__ = ["Planned", "Planner"]

_ALONE: Final = range(1)
"""The places of what has no partitions."""

_MANY: Final = 100
"""Places of an asset from which on their pointers are read at once, when it is a tenth of those that it has."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with the decisions behind it, for the materializer."""

    plan: Plan
    states: Mapping[str, AssetState]
    groups: tuple[tuple[str, ...], ...]
    """The assets to build in order; outputs of one function stand together."""

    def decision(self, asset: str, partition: str | None) -> Decision | None:
        """Return the verdict on one (asset, partition); None when the plan is not about it."""
        state = self.states.get(asset)
        place = state.place(partition) if state is not None else None
        if state is None or place is None or not state.wanted[place]:
            return None
        return state.decisions.get(place, FRESH)


@dataclass
class Planner:
    """Plans for a selection; ``only`` leaves out what is upstream of it, ``force`` runs all of it.

    ``cone`` are the only assets that may not be fresh, where that is known before they are judged.
    """

    facts: Facts
    selected: frozenset[str]
    only: bool = False
    force: bool = False
    asked: Asked = field(default_factory=Asked)
    cone: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Find what the selection may reach."""
        self.lost: set[Place] = set()
        """Places whose stored value turned out to be gone though what is published is intact: they are built again."""
        self._closure = self.facts.graph.closure(self.selected)
        self._dynamic: dict[str, Pointer | None] = {}
        self._done: frozenset[Place] = frozenset()
        self._begin()

    def _begin(self) -> None:
        self.states: dict[str, AssetState] = {}
        self.edges = Edges(self._edges_of)
        self.judge = Judge(self.facts, self.states, self.edges, self.selected if self.force else frozenset(), self.lost)
        self._parts_of = self.judge.parts_of  # one for all edges

    def plan(self) -> Planned:
        """Judge the selection and everything upstream of it, in build order.

        Raises UsageError when partitions are asked for that do not exist, an input reads some that do not, or
        ``only`` leaves out an upstream asset that was never built.
        """
        self._begin()
        graph = self.facts.graph
        wanted = self._closure
        # The other outputs of a function that runs are built with it, so they are part of the plan.
        wanted |= graph.closure(sibling for key in wanted for sibling in graph.siblings[key])
        order = [key for key in graph.assets if key in wanted]
        judged = self._judged(order)
        for key in judged:
            self._add(key)
        groups = tuple(dict.fromkeys(graph.siblings[key] for key in judged))
        self._want(groups)
        plain = PlainAssets(self.facts, self.states, self.judge.forced, self.lost)
        for group in groups:
            if not plain.settle_fresh(group[0]):
                self._judge(group)
        parts = tuple(filter(None, (self._part(key) for key in order)))
        listed = {part.asset for part in parts}
        warnings: tuple[str, ...] = ()
        if self.only:
            from assetbuild.plan.only import check_only  # noqa: PLC0415  # few plans need it

            warnings = check_only(graph, self.selected, self._closure, self.states)
            groups = tuple(group for group in groups if any(key in listed for key in group))
        orphans = orphans_of(self.facts, self.states) if self.cone is None else ()  # with any, no cone would be known
        return Planned(Plan(parts, warnings, orphans), self.states, groups)

    def find_lost(self, planned: Planned) -> bool:
        """Look for fresh assets whose values something that runs must load, and whose objects are gone.

        An object is taken back in from the published file where that still has its bytes. Returns whether any is
        lost for good: then plan again.
        """
        before = len(self.lost)
        read: set[Place] = set()
        for part in planned.plan.assets:
            for place, decision in part.decisions.items():
                if decision.action in {"run", "check"} and not part.is_open:
                    read.update(self._loaded(part.asset, None if part.keys is None else place))
        for where in sorted(read, key=lambda where: (where[0], where[1] or "")):
            pointer = self.facts.pointers.get(where)
            if pointer is not None and pointer.object is not None and not self.facts.outputs.readopt(pointer):
                self.lost.add(where)
        return len(self.lost) > before

    def again(self, done: frozenset[Place]) -> Planned:
        """Plan once more in the midst of a build, now that it is known which partitions there are.

        What has an outcome already is not forced again.
        """
        self._dynamic.clear()
        self._done = done
        self.lost -= done
        planned = self.plan()
        while self.find_lost(planned):
            planned = self.plan()
        return planned

    def decide(self, group: tuple[str, ...], place: int) -> dict[str, Decision]:
        """Judge one place of the outputs of one function again, now that more is known."""
        return self.judge.decide(group, place)

    def is_declared(self, pointer: Pointer) -> bool:
        """Return whether a value belongs to an asset, and a partition, that is still there."""
        asset = self.facts.graph.assets.get(pointer.asset)
        if asset is None:
            return False
        state = self._state(asset)
        return state.is_open or state.place(pointer.partition) is not None

    # -- what there is, and what is wanted of it

    def _judged(self, order: list[str]) -> list[str]:
        """Return the assets to judge, and settle those that they read and that are known to be fresh."""
        if self.cone is None or self.lost:  # a value that is lost may be that of any asset
            return order
        judged = [key for key in order if key in self.cone]
        for up in dict.fromkeys(up for key in judged for up in self.facts.graph.upstream(key)):
            if up in self.cone or up in self.facts.graph.sources:
                continue
            state = self.states[up] = AssetState(up, None)
            state.want(_ALONE)
            state.settle(0, self._standing_version(up, 0))
        return judged

    def _standing_version(self, key: str, _place: int) -> str | None:
        standing = self.facts.pointers.plain_standing(key)
        return None if standing is None else standing[2]

    def _state(self, asset: Asset) -> AssetState:
        if asset.key not in self.states:
            keys = self.facts.keys.of_asset(asset, self._current) if asset.partitions is not None else None
            self.states[asset.key] = AssetState(asset.key, keys, is_open=keys is None and asset.partitions is not None)
        return self.states[asset.key]

    def _add(self, key: str) -> None:
        if self.facts.plain(key) is not None:
            self.states[key] = AssetState(key, None)
            return
        self._state(self.facts.graph.assets[key])
        self.edges[key] = self._edges_of(key)

    def _edges_of(self, key: str) -> list[Edge]:
        asset = self.facts.graph.assets[key]
        return [self._edge(asset, edge) for edge in edge_order(asset.inputs)]

    def _edge(self, asset: Asset, given: AssetInput) -> Edge:
        source = self.facts.graph.sources.get(given.key)
        up: AssetState | SourcePlaces
        up = self.states[given.key] if source is None else self.facts.keys.of_source(source)
        bound = None
        down = self.states[asset.key]
        if up.keys is not None and given.mapping is not None and not down.is_open:
            bound = given.mapping.bind(down.keys, up.keys)
        return Edge(given, up, bound, self._parts_of, is_own=given.key == asset.key)

    def _current(self, key: str) -> Pointer | None:
        """Return the pointer to an asset's value as the build will leave it; None when it has yet to run."""
        if key not in self._dynamic:
            pointer = self.facts.pointers.get((key, None))
            if not (self.only and key not in self.selected):
                is_forced = self.force and key in self.selected and (key, None) not in self._done
                above = Planner(self.facts, frozenset({key}), force=is_forced)
                above.plan()
                decision = above.states[key].decisions.get(0, FRESH)
                if decision.action == "restore" and decision.restore is not None and pointer is not None:
                    restored = decision.restore
                    pointer = Pointer(
                        key,
                        None,
                        "",
                        restored.data_version,
                        restored.object,
                        restored.io_manager,
                        "",
                        None,
                        "",
                        "",
                        0,
                        0,
                    )
                elif decision.action != "none":
                    pointer = None
            self._dynamic[key] = pointer
        return self._dynamic[key]

    def _want(self, groups: Sequence[tuple[str, ...]]) -> None:
        self.asked.mark({key: self.states[key] for key in self.states if key in self.selected}, self.facts)
        for key, partition in self._done if self.force else ():
            place = self.states[key].place(partition) if key in self.states else None
            if place is not None:
                self.states[key].asked[place] = 0
        problems: list[Problem] = []
        for group in reversed(groups):
            wanted = self.states[group[0]].wanted
            for key in group[1:]:
                for place in places_in(self.states[key].wanted):
                    wanted[place] = 1
            for key in group:
                self.states[key].wanted = wanted
                if (reads := self.facts.plain(key)) is not None:
                    for up in reads if wanted[0] else ():
                        if up in self.states:
                            self.states[up].want(range(self.states[up].size))
                    continue
                asset = self.facts.graph.assets[key]
                try:
                    problems.extend(self._want_upstream(asset))
                except DefinitionError as error:  # a mapping by a function of the user's
                    file, line = relative_place(asset.origin, self.facts.keys.root)
                    problems.extend(replace(problem, file=file, line=line) for problem in error.problems)
        if problems:
            raise UsageError(*problems)

    def _want_upstream(self, asset: Asset) -> Iterator[Problem]:
        state = self.states[asset.key]
        # A place that reads an earlier one of its own asset wants that too, and so on to the first.
        own = [edge for edge in self.edges[asset.key] if edge.is_own]
        if own:
            for place in range(state.size - 1, -1, -1):
                if state.wanted[place]:
                    for edge in own:
                        state.want(edge.places(place))
        places = places_in(state.wanted)
        if not places:
            return
        for given in asset.inputs:
            if given.is_order_only and given.key in self.states:
                self.states[given.key].want(range(self.states[given.key].size))
        for edge in self.edges[asset.key]:
            if isinstance(edge.up, AssetState) and not edge.is_own:
                if edge.bound is None or edge.up.is_open:
                    edge.up.want(range(edge.up.size))
                elif state.keys is None:
                    edge.up.want(edge.places(None))
                elif edge.bound.is_identity and isinstance(places, range):
                    edge.up.want(places)
                else:
                    for place in places:
                        edge.up.want(edge.places(place))
            yield from reading_problems(asset, edge, state, places, self.facts.keys.root)

    # -- the verdicts

    def _judge(self, group: tuple[str, ...]) -> None:
        places = places_in(self.states[group[0]].wanted)
        if not places:
            return
        left = self._left(group, places)
        if not any(key in self.judge.forced for key in group):
            left = settle_never_built(self.facts, [self.states[key] for key in group], self.edges, left)
        interned: dict[tuple[object, ...], Decision] = {}
        read: set[Place] = set()
        if len(left) > _MANY and len(left) * 10 > len(places):
            read.update(*map(self.facts.pointers.read_together, group))
        for place in left:
            for key, decision in self.judge.decide(group, place).items():
                state = self.states[key]
                state.settle(place, decision.version)
                if decision.action == "none" and decision.status == "fresh":
                    continue
                kept = decision if state.keys is None else _light(decision, interned)
                if kept is decision:  # a build carries it out as it is, and compares the pointer with the latest one
                    read.discard((key, state.key(place)))
                state.decisions[place] = kept
        self.facts.pointers.let_go(read)
        if self.only:
            for key in group:
                if key not in self.selected:
                    self._settle_as_it_is(self.states[key], places)

    def _left(self, group: tuple[str, ...], places: Sequence[int]) -> Sequence[int]:
        """Settle the places where all outputs of a function are fresh; return the others."""
        left: set[int] = set()
        for key in group:
            asset, state, edges = self.facts.graph.assets[key], self.states[key], self.edges[key]
            if state.keys is not None:
                self.facts.outputs.look_together(key, list(self.facts.pointers.standing(key).values()))
            # What reads an earlier place of its own is judged in that order, one by one.
            if state.is_open or any(edge.is_own for edge in edges) or key in self.judge.forced:
                return places
            left.update(settle_fresh(self.facts, asset, state, edges, self.judge.stem(asset), places, self.lost))
        return sorted(left)

    def _settle_as_it_is(self, state: AssetState, places: Sequence[int]) -> None:
        for place in places:
            pointer = self.facts.pointers.get((state.asset, state.key(place)))
            state.settle(place, pointer.data_version if pointer is not None else None)

    def _loaded(self, asset: str, place: int | None) -> Iterator[Place]:
        """Yield the upstream places that a place loads and that no build makes anew."""
        for edge in self.edges[asset]:
            up = edge.up
            if edge.given.parameter is None or not isinstance(up, AssetState) or up.is_open:
                continue
            for each in edge.places(place):
                is_read = self.only and up.asset not in self.selected
                if is_read or up.decisions.get(each, FRESH).action == "none":
                    yield up.asset, up.key(each)

    # -- what is told

    def _part(self, key: str) -> AssetPlan | None:
        state = self.states.get(key)
        if state is None:  # outside of the cone
            is_told = key in self._closure
            return AssetPlan(key, None, _ALONE, {}, partial(self._standing_version, key)) if is_told else None
        if self.only and key not in self.selected:
            return None
        listed = places_in(state.wanted if key not in self.selected or not self.only else state.asked)
        if key not in self._closure:  # built together with a selected output
            listed = [place for place in listed if state.decisions.get(place, FRESH).action == "run"]
        if not listed:
            return None
        decisions: Mapping[int, Decision] = state.decisions
        if len(listed) < len(places_in(state.wanted)):
            there = set(listed)
            decisions = {place: decision for place, decision in state.decisions.items() if place in there}
        return AssetPlan(key, state.keys, listed, decisions, state.version, state.is_open)


def _light(decision: Decision, interned: dict[tuple[object, ...], Decision]) -> Decision:
    """Return a decision that many partitions share, without what the build finds out again when its turn comes."""
    if decision.action == "restore" or decision.problem:
        return decision
    light = (decision.status, decision.action, decision.causes)
    return interned.setdefault(light, Decision(*light))
