"""Decide what is stale, and what a build would do about it.

``Planner.decide`` is the one place where an asset is judged: the plan calls it in build order with the data versions
that are known before anything runs, the materializer calls it again with the versions that upstream really
got. It never asks in which order things run, and nothing here runs user code or writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from assetbuild.errors import Problem, UsageError
from assetbuild.fingerprint.recipe import InputVersion, Recipe, build_key, components
from assetbuild.graph.model import Asset, AssetInput, Graph
from assetbuild.plan.model import Action, Cause, Plan, Status, Step
from assetbuild.plan.outputs import Outputs
from assetbuild.plan.sources import SourceObserver
from assetbuild.plan.staleness import changes
from assetbuild.record.model import Components, Pointer, Trace
from assetbuild.record.state import Record

__all__ = ["Decision", "Facts", "Known", "Planned", "Planner"]

Place = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan reads: the graph, today's recipes, the record, and what lies on the disk."""

    graph: Graph
    recipe: Callable[[str], Recipe]
    record: Record
    pointers: dict[Place, Pointer]
    sources: SourceObserver
    outputs: Outputs


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an input before its reader is judged: its data version, None while upstream may still run."""

    version: str | None
    parts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one (asset, partition), with what a build needs to carry it out.

    ``build_key``, ``inputs`` and ``components`` are set when all inputs are known. ``data_version`` is the version that
    the asset has, or will have after ``restore``.
    """

    status: Status
    action: Action
    causes: tuple[Cause, ...] = ()
    build_key: str | None = None
    inputs: tuple[InputVersion, ...] = ()
    components: Components = field(default_factory=dict)
    data_version: str | None = None
    restore: Trace | Pointer | None = None
    problem: str = ""

    @property
    def version(self) -> str | None:
        """The data version that downstream may count on now; None when it is decided by a run."""
        return self.data_version if self.action in {"none", "restore"} else None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with the decisions behind it, for the materializer."""

    plan: Plan
    decisions: Mapping[str, Decision]
    groups: tuple[tuple[str, ...], ...]
    """The assets to build in order; outputs of one function stand together."""


class Planner:
    """Judges assets against one set of facts."""

    def __init__(self, facts: Facts, *, selected: frozenset[str], only: bool = False, force: bool = False) -> None:
        """Plan for the selection; ``only`` leaves out what is upstream of it, ``force`` runs all of it."""
        self.facts = facts
        self.selected = selected
        self.only = only
        self.forced = selected if force else frozenset[str]()
        self._closure = facts.graph.closure(selected)
        self.lost: set[str] = set()
        """Assets whose stored value turned out to be gone though what is published is intact: they are built again."""

    def plan(self) -> Planned:
        """Judge the selection and everything upstream of it, in build order.

        Raises UsageError when ``only`` leaves out an upstream asset that was never built.
        """
        graph = self.facts.graph
        wanted = self._closure
        # The other outputs of a function that runs are built with it, so they are part of the plan.
        wanted |= graph.closure(sibling for key in wanted for sibling in graph.assets[key].siblings)
        order = [key for key in graph.assets if key in wanted]
        decisions: dict[str, Decision] = {}
        groups: list[tuple[str, ...]] = []
        for key in order:
            if key not in decisions:
                group = graph.assets[key].siblings
                groups.append(group)
                decisions.update(self.decide(group, lambda up: self._known(up, decisions)))
        listed = {key for key in order if self._is_listed(key, decisions)}
        warnings = self._check_only(decisions) if self.only else ()
        if self.only:
            groups = [group for group in groups if any(key in listed for key in group)]
        steps = tuple(_step(key, decisions[key]) for key in order if key in listed)
        return Planned(Plan(steps, warnings, self._orphans()), decisions, tuple(groups))

    def find_lost(self, planned: Planned) -> bool:
        """Look for fresh assets whose values something that runs must load, and whose objects are gone.

        An object is taken back in from the published file where that still has its bytes. Returns whether any is
        lost for good: then plan again.
        """
        before = len(self.lost)
        graph = self.facts.graph
        for step in planned.plan:
            if step.action in {"run", "check"}:
                for edge in graph.assets[step.asset].inputs:
                    pointer = self.facts.pointers.get((edge.key, None))
                    if edge.parameter is None or pointer is None or pointer.object is None:
                        continue
                    decision = planned.decisions.get(edge.key)
                    is_read = self.only and edge.key not in self.selected
                    if (
                        is_read or (decision is not None and decision.action == "none")
                    ) and not self.facts.outputs.readopt(pointer):
                        self.lost.add(edge.key)
        return len(self.lost) > before

    def decide(self, group: tuple[str, ...], known: Callable[[str], Known]) -> dict[str, Decision]:
        """Judge the outputs of one asset function, given what is known of its inputs.

        When one of them must run, all do: values of one function always come from one call.
        """
        decisions = {key: self._decide(self.facts.graph.assets[key], known) for key in group}
        runs = [key for key, decision in decisions.items() if decision.action == "run"]
        if runs:
            for key, decision in decisions.items():
                if decision.action != "run":
                    is_forced = runs[0] in self.forced
                    together = f"forced, with {runs[0]}" if is_forced else f"{runs[0]} is built, by the same function"
                    causes = decision.causes or (Cause("forced" if is_forced else "output", runs[0], message=together),)
                    status: Status = "stale" if decision.status == "fresh" else decision.status
                    decisions[key] = replace(decision, status=status, action="run", causes=causes, restore=None)
        return decisions

    def known_source(self, key: str) -> Known:
        """Return what is known of a source: its content is observed once."""
        state = self.facts.sources.state(self.facts.graph.sources[key])
        return Known(state.version, state.parts, state.problem)

    def known_asset(self, version: str | None) -> Known:
        """Return what is known of an asset with this data version."""
        if version is None:
            return Known(None)
        return Known(version)

    def parts_of(self, data_version: str) -> Mapping[str, str]:
        """Return the versions of the columns or files of a recorded data version."""
        value = self.facts.record.value(data_version)
        return value.parts if value is not None else {}

    def _known(self, key: str, decisions: Mapping[str, Decision]) -> Known:
        if key in self.facts.graph.sources:
            return self.known_source(key)
        if self.only and key not in self.selected:
            pointer = self.facts.pointers.get((key, None))
            return self.known_asset(pointer.data_version if pointer is not None else None)
        return self.known_asset(decisions[key].version)

    def _decide(self, asset: Asset, known: Callable[[str], Known]) -> Decision:
        pointer = self.facts.pointers.get((asset.key, None))
        recipe = self.facts.recipe(asset.key)
        given = {edge.key: known(edge.key) for edge in asset.inputs}
        problems = [found.problem for found in given.values() if found.problem]
        if problems:
            return _blocked(asset, pointer, given, problems)
        if any(found.version is None for found in given.values()):
            decision = self._decide_early(asset, pointer, recipe, given)
        else:
            decision = self._decide_known(asset, pointer, recipe, given)
        if asset.key in self.forced:
            forced = Cause("forced", asset.key, message="forced")
            status: Status = "stale" if decision.status in {"fresh", "pending"} else decision.status
            own = tuple(cause for cause in decision.causes if cause.kind != "upstream")
            return replace(decision, status=status, action="run", causes=(forced, *own), restore=None)
        return decision

    def _decide_known(
        self, asset: Asset, pointer: Pointer | None, recipe: Recipe, given: Mapping[str, Known]
    ) -> Decision:
        inputs = tuple(self._input(edge, given[edge.key]) for edge in asset.inputs)
        key = build_key(asset.key, None, recipe, inputs)
        now = components(recipe, inputs)
        is_current = pointer is not None and pointer.traced and pointer.build_key == key
        traces = [] if is_current else self.facts.record.traces(asset.key, None, key)
        is_current = is_current or (pointer is not None and any(t.data_version == pointer.data_version for t in traces))
        decided = Decision("fresh", "none", (), key, inputs, now)
        if pointer is None:
            causes: tuple[Cause, ...] = (_never_built(asset.key),)
            decided = replace(decided, status="missing")
        else:
            output = self._output_causes(pointer)
            if is_current and not output:
                return replace(decided, data_version=pointer.data_version)
            causes = output + (() if is_current else self._changes(asset, pointer, now))
            decided = replace(decided, status="missing" if output and output[0].after is None else "stale")
        # Prefer the value that is materialized now, else the newest: never ping-pong between two of them.
        candidates: Iterable[Trace | Pointer] = [pointer] if is_current and pointer is not None else traces
        for candidate in candidates:
            if candidate.object is None or self.facts.outputs.objects.has(candidate.object):
                return replace(
                    decided, action="restore", causes=causes, restore=candidate, data_version=candidate.data_version
                )
        return replace(decided, action="run", causes=causes)

    def _decide_early(
        self, asset: Asset, pointer: Pointer | None, recipe: Recipe, given: Mapping[str, Known]
    ) -> Decision:
        if pointer is None:
            return Decision("missing", "run", (_never_built(asset.key),))
        output = self._output_causes(pointer)
        before = self.facts.record.components(pointer.components_id)
        # What is not known yet is taken to stay as it was, so that only the asset's own changes show.
        assumed = {edge["key"]: edge["data_version"] for edge in before.get("inputs", ())}
        now = components(
            recipe,
            [
                self._input(edge, self.known_asset(given[edge.key].version or assumed.get(edge.key, "")))
                if edge.key in self.facts.graph.assets
                else self._input(edge, given[edge.key])
                for edge in asset.inputs
            ],
        )
        own = output + changes(before, now, self.parts_of)
        if not pointer.traced and not own:
            own = (_moved_while_building(asset.key),)
        if own:
            is_gone = bool(output) and output[0].after is None
            return Decision("missing" if is_gone else "stale", "run", own)
        waits = [key for key, found in given.items() if found.version is None]
        return Decision(
            "pending", "check", tuple(Cause("upstream", key, message=f"after {key}") for key in sorted(waits))
        )

    def _input(self, edge: AssetInput, known: Known) -> InputVersion:
        # The columns of an asset's value are looked up only for an edge that reads some of them.
        parts = known.parts if edge.columns is None or known.parts else self.parts_of(known.version or "")
        return InputVersion(edge, known.version or "", parts)

    def _changes(self, asset: Asset, pointer: Pointer, now: Components) -> tuple[Cause, ...]:
        causes = changes(self.facts.record.components(pointer.components_id), now, self.parts_of)
        if causes:
            return causes
        if not pointer.traced:
            return (_moved_while_building(asset.key),)
        return (Cause("code", asset.key, message="the way in which versions are computed changed"),)

    def _output_causes(self, pointer: Pointer) -> tuple[Cause, ...]:
        if pointer.asset in self.lost:
            gone = f"the stored object of {pointer.asset} is gone"
            return (Cause("output", pointer.asset, pointer.data_version, None, gone),)
        state = self.facts.outputs.state(pointer)
        if state == "intact":
            return ()
        if state == "gone":
            return (
                Cause("output", pointer.location, pointer.data_version, None, f"output {pointer.location} is gone"),
            )
        changed = f"output {pointer.location} was changed by another hand"
        return (Cause("output", pointer.location, pointer.data_version, "changed", changed),)

    def _is_listed(self, key: str, decisions: Mapping[str, Decision]) -> bool:
        if self.only:
            return key in self.selected
        if key in self._closure:
            return True
        return decisions[key].action == "run"  # built together with a selected output

    def _check_only(self, decisions: Mapping[str, Decision]) -> tuple[str, ...]:
        graph, problems = self.facts.graph, []
        left_out = {up for key in self.selected for up in graph.upstream(key) if up in graph.assets} - self.selected
        for key in sorted(left_out):
            if (key, None) not in self.facts.pointers:
                readers = ", ".join(sorted(set(graph.downstream(key)) & self.selected))
                problems.append(
                    Problem(
                        f"upstream {key!r} was never built, and --only leaves it out",
                        (("needed by", readers),),
                        f"Build it too: drop --only, or select '{key}'.",
                    )
                )
        if problems:
            raise UsageError(*problems)
        return tuple(
            f"upstream {key!r} is {decisions[key].status}; --only builds on its current value"
            for key in graph.assets
            if key in self._closure and key not in self.selected and decisions[key].status != "fresh"
        )

    def _orphans(self) -> tuple[str, ...]:
        return tuple(sorted({asset for asset, _ in self.facts.pointers} - set(self.facts.graph.assets)))


def _step(key: str, decision: Decision) -> Step:
    return Step(key, None, decision.status, decision.action, decision.causes, decision.problem)


def _never_built(key: str) -> Cause:
    return Cause("missing", key, message="never built")


def _moved_while_building(key: str) -> Cause:
    return Cause("data", key, message="an input changed while it was being built")


def _blocked(asset: Asset, pointer: Pointer | None, given: Mapping[str, Known], problems: list[str]) -> Decision:
    causes = [Cause("data", key, message=found.problem.split("\n")[0]) for key, found in given.items() if found.problem]
    if pointer is None:
        causes.insert(0, _never_built(asset.key))
    return Decision("missing" if pointer is None else "stale", "run", tuple(causes), problem="\n".join(problems))
