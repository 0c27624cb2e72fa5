"""Judge one (asset, partition): is it fresh, and if not, what would a build do and why.

``Judge.decide`` is the one place where that is decided: the plan calls it with the data versions that are known before
anything runs, the materializer calls it again with the versions that upstream really got. It never asks in which order
things run, and nothing here runs user code or writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assetbuild.dataclass import replace
from assetbuild.fingerprint.recipe import (
    InputVersion,
    Recipe,
    edge_version,
    input_components,
    key_of,
    recipe_components,
)
from assetbuild.graph.model import Asset
from assetbuild.plan.edges import Edge, Known
from assetbuild.plan.facts import Facts
from assetbuild.plan.model import Cause, Decision, Status
from assetbuild.plan.staleness import input_changes, recipe_changes
from assetbuild.plan.states import AssetState
from assetbuild.record.model import Components, Pointer, Trace
from assetbuild.record.pointers import Place

__all__ = ["Judge"]

Given = Sequence[tuple[Edge, Known]]


class Judge:
    """Judges assets against one set of facts. ``edges`` are in the order of build keys."""

    def __init__(
        self,
        facts: Facts,
        states: Mapping[str, AssetState],
        edges: Mapping[str, Sequence[Edge]],
        forced: frozenset[str],
        lost: set[Place],
    ) -> None:
        """Take the facts; ``forced`` assets run where they were asked for, ``lost`` places have no stored value."""
        self.facts = facts
        self.states = states
        self.edges = edges
        self.forced = forced
        self.lost = lost
        self._recipe_changes: dict[tuple[str, str], tuple[Cause, ...]] = {}
        self._parts: dict[str, Mapping[str, str]] = {}
        """Of versions that nothing may have recorded yet: files of sources, partitions that are read together."""

    def stem(self, asset: Asset) -> bytes:
        """Return what the build keys of an asset's partitions have in common."""
        return self.facts.stem(asset.key)

    def decide(self, group: Iterable[str], place: int) -> dict[str, Decision]:
        """Judge the outputs of one asset function for one place.

        When one of them must run, all do: values of one function always come from one call.
        """
        decisions = {key: self._decide(self.facts.graph.assets[key], place) for key in group}
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

    def parts_of(self, data_version: str) -> Mapping[str, str]:
        """Return the versions of the columns, files or partitions of a recorded data version."""
        if (seen := self._parts.get(data_version)) is not None:
            return seen
        value = self.facts.record.value(data_version)
        return value.parts if value is not None else {}

    def _decide(self, asset: Asset, place: int) -> Decision:
        state = self.states[asset.key]
        if state.is_open:
            return _opens(asset)
        partition = state.key(place)
        pointer = self.facts.pointers.get((asset.key, partition))
        recipe = self.facts.recipe(asset.key)
        where = None if partition is None else place
        given = [(edge, edge.known(where)) for edge in self.edges[asset.key]]
        if any(known.problem for _, known in given):
            return _blocked(asset, pointer, given)
        if any(known.version is None for _, known in given):
            decision = self._decide_early(asset, pointer, recipe, given)
        else:
            decision = self._decide_known(asset, partition, pointer, recipe, given)
        if asset.key in self.forced and state.asked[place]:
            forced = Cause("forced", asset.key, message="forced")
            status: Status = "stale" if decision.status in {"fresh", "pending"} else decision.status
            own = tuple(cause for cause in decision.causes if cause.kind != "upstream")
            return replace(decision, status=status, action="run", causes=(forced, *own), restore=None)
        return decision

    def _decide_known(
        self, asset: Asset, partition: str | None, pointer: Pointer | None, recipe: Recipe, given: Given
    ) -> Decision:
        inputs = tuple(self._input(edge, known) for edge, known in given)
        versions = b"".join(bytes.fromhex(edge_version(each)) for each in inputs)
        key = key_of(self.stem(asset), versions, partition)
        is_current = pointer is not None and pointer.traced and pointer.build_key == key
        traces = [] if is_current else self.facts.record.traces(asset.key, partition, key)
        is_current = is_current or (pointer is not None and any(t.data_version == pointer.data_version for t in traces))
        decided = Decision("fresh", "none", (), key, inputs)
        if pointer is None:
            causes: tuple[Cause, ...] = (_never_built(asset.key),)
            decided = replace(decided, status="missing")
        else:
            output = self._output_causes(pointer)
            if is_current and not output:
                return replace(decided, data_version=pointer.data_version)
            causes = output + (() if is_current else self._changes(asset, pointer, recipe, inputs))
            decided = replace(decided, status="missing" if output and output[0].after is None else "stale")
        # Prefer the value that is materialized now, else the newest: never ping-pong between two of them.
        candidates: Iterable[Trace | Pointer] = [pointer] if is_current and pointer is not None else traces
        for candidate in candidates:
            if candidate.object is None or self.facts.outputs.objects.has(candidate.object):
                return replace(
                    decided, action="restore", causes=causes, restore=candidate, data_version=candidate.data_version
                )
        return replace(decided, action="run", causes=causes)

    def _decide_early(self, asset: Asset, pointer: Pointer | None, recipe: Recipe, given: Given) -> Decision:
        if pointer is None:
            return Decision("missing", "run", (_never_built(asset.key),))
        output = self._output_causes(pointer)
        before = self.facts.record.components(pointer.components_id)
        # What is not known yet is taken to stay as it was, so that only the asset's own changes show.
        assumed = {(edge["key"], edge["parameter"]): edge for edge in before.get("inputs", ())}
        inputs = [
            self._input(edge, known)
            if known.version is not None
            else self._assumed(edge, assumed.get((edge.given.key, edge.given.parameter)))
            for edge, known in given
        ]
        own = output + self._causes(asset.key, before, recipe, inputs)
        if not pointer.traced and not own:
            own = (_moved_while_building(asset.key),)
        if own:
            is_gone = bool(output) and output[0].after is None
            return Decision("missing" if is_gone else "stale", "run", own)
        waits = {edge.given.key: known.waits for edge, known in given if known.version is None}
        causes = tuple(Cause("upstream", key, message=_after(key, names)) for key, names in sorted(waits.items()))
        return Decision("pending", "check", causes)

    def _input(self, edge: Edge, known: Known) -> InputVersion:
        # The columns of an asset's value are looked up only for an edge that reads some of them.
        given = edge.given
        parts = known.parts
        if given.columns is not None and not parts and not given.is_many:
            parts = self.parts_of(known.version or "")
        elif known.parts and known.version:
            self._parts[known.version] = known.parts
        return InputVersion(given, known.version or "", parts, known.keys)

    def _assumed(self, edge: Edge, before: Mapping[str, Any] | None) -> InputVersion:
        version = before["data_version"] if before is not None else ""
        key = before.get("partition") if before is not None else None
        return self._input(edge, Known(version, keys=None if key is None else (key,)))

    def _changes(
        self, asset: Asset, pointer: Pointer, recipe: Recipe, inputs: Iterable[InputVersion]
    ) -> tuple[Cause, ...]:
        causes = self._causes(asset.key, self.facts.record.components(pointer.components_id), recipe, inputs)
        if causes:
            return causes
        if not pointer.traced:
            return (_moved_while_building(asset.key),)
        return (Cause("code", asset.key, message="the way in which versions are computed changed"),)

    def _causes(
        self, asset: str, before: Components, recipe: Recipe, inputs: Iterable[InputVersion]
    ) -> tuple[Cause, ...]:
        # All partitions that were built under one recipe share its changes.
        shared = (asset, before.get("recipe_id", ""))
        own = self._recipe_changes.get(shared)
        if own is None:
            own = recipe_changes(before, recipe_components(recipe))
            if shared[1]:
                self._recipe_changes[shared] = own
        return own + input_changes(before, {"inputs": input_components(inputs)}, self.parts_of)

    def _output_causes(self, pointer: Pointer) -> tuple[Cause, ...]:
        if (pointer.asset, pointer.partition) in self.lost:
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


def _never_built(key: str) -> Cause:
    return Cause("missing", key, message="never built")


def _moved_while_building(key: str) -> Cause:
    return Cause("data", key, message="an input changed while it was being built")


def _after(key: str, waits: tuple[str, ...]) -> str:
    if not waits:
        return f"after {key}"
    more = f" and {len(waits) - 1} more" if len(waits) > 1 else ""
    return f"after {key}[{waits[0]}]{more}"


def _opens(asset: Asset) -> Decision:
    upstream = sorted(edge.key for edge in asset.inputs if edge.is_order_only)
    causes = [Cause("upstream", key, message=f"its partitions are known after {key}") for key in upstream]
    return Decision("pending", "check", tuple(causes))


def _blocked(asset: Asset, pointer: Pointer | None, given: Given) -> Decision:
    found = [(edge.given.key, known.problem) for edge, known in given if known.problem]
    causes = [Cause("data", key, message=problem.split("\n")[0]) for key, problem in found]
    if pointer is None:
        causes.insert(0, _never_built(asset.key))
    text = "\n".join(problem for _, problem in found)
    return Decision("missing" if pointer is None else "stale", "run", tuple(causes), problem=text)
