"""Say where each argument of a task comes from, now that everything upstream of it is materialized."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from assetbuild.dataclass import replace
from assetbuild.graph.model import Asset
from assetbuild.materialize.task import InputRef
from assetbuild.plan.edges import Edge
from assetbuild.plan.facts import Facts
from assetbuild.plan.planner import Planner
from assetbuild.plan.states import SourcePlaces
from assetbuild.record.model import Pointer
from assetbuild.store.io import OutputContext

__all__ = ["InputRefs"]


class InputRefs:
    """Makes the input references of tasks."""

    def __init__(self, facts: Facts, planner: Planner) -> None:
        """Take the facts, whose pointers move along during the build, and the edges of the plan."""
        self.facts = facts
        self.planner = planner
        self._observed: dict[str, tuple[str, str]] = {}

    def of(self, asset: Asset, places: Sequence[int | None], *, is_batch: bool = False) -> tuple[InputRef, ...]:
        """Return the references for an asset's parameters, in a call for these places."""
        return tuple(
            self._many(edge, places)
            if edge.given.is_many or (is_batch and edge.bound is not None)
            else self._one(edge, places[0])
            for edge in self.planner.edges[asset.key]
            if edge.given.parameter is not None
        )

    def _one(self, edge: Edge, place: int | None) -> InputRef:
        if isinstance(edge.up, SourcePlaces):
            return self._file(edge, edge.up, place) if edge.bound is not None else self._source(edge)
        places = edge.places(place)
        if not places:
            return _ref(edge, "value")
        pointer = self.facts.pointers[edge.up.asset, edge.up.key(places[0])]
        if pointer.object is None:
            return _ref(edge, "value")
        given = edge.given  # made at once: ``replace`` takes five times as long, and thousands are made
        return InputRef(
            given.parameter or "", given.key, "object", given.load, given.columns, pointer.io_manager, pointer.object
        )

    def _many(self, edge: Edge, places: Sequence[int | None]) -> InputRef:
        read = sorted({up for place in places for up in edge.places(place)})
        ref = replace(_ref(edge, "partitions"), key_column=edge.given.key_column, as_mapping=edge.given.as_mapping)
        if isinstance(edge.up, SourcePlaces):
            options = dict(self.facts.graph.sources[edge.given.key].definition.options)
            keys = edge.up.keys or ()
            parts = tuple((keys[up], path) for up in read for path in edge.up.paths[up])
            return replace(ref, kind="file_partitions", parts=parts, options=options)
        if not read and edge.given.is_optional and not edge.given.as_mapping:
            return _ref(edge, "value")
        found = [(key, pointer) for key, pointer in self._pointers(edge, read) if pointer.object is not None]
        managers = tuple(pointer.io_manager for _, pointer in found)
        return replace(
            ref,
            io_manager=managers[0] if managers else "",
            io_managers=managers if len(set(managers)) > 1 else (),
            parts=tuple((key, pointer.object or "") for key, pointer in found),
        )

    def _pointers(self, edge: Edge, read: Sequence[int]) -> Iterator[tuple[str, Pointer]]:
        up = edge.up
        for place in read:
            key = up.keys[place] if up.keys is not None else ""
            yield key, self.facts.pointers[edge.given.key, key]

    def _file(self, edge: Edge, up: SourcePlaces, place: int | None) -> InputRef:
        places = edge.places(place)
        paths = up.paths[places[0]] if places else ()
        if not paths:
            return _ref(edge, "value")
        options = dict(self.facts.graph.sources[edge.given.key].definition.options)
        kind = "file" if len(paths) == 1 else "glob"
        return replace(_ref(edge, "files"), paths=paths, source_kind=kind, options=options)

    def _source(self, edge: Edge) -> InputRef:
        source = self.facts.graph.sources[edge.given.key]
        state = self.facts.sources.state(source)
        if state.has_value:
            manager, name = self._keep_observed(edge.given.key)
            return replace(_ref(edge, "object"), io_manager=manager, object=name)
        if state.kind == "observed" or not state.paths:
            absent: list[str] | None = [] if edge.given.load == "paths" else None
            return replace(_ref(edge, "value"), value=state.observed if state.kind == "observed" else absent)
        options = dict(source.definition.options)
        return replace(_ref(edge, "files"), paths=state.paths, source_kind=state.kind, options=options)

    def _keep_observed(self, key: str) -> tuple[str, str]:
        """Keep the value that an observe function returned as an object, once, so that workers can load it."""
        if key not in self._observed:
            value = self.facts.sources.state(self.facts.graph.sources[key]).observed
            outputs = self.facts.outputs
            name = outputs.io_managers.default_for(value)
            staging: Path = outputs.objects.staging(key)
            written = outputs.io_managers.get(name).write(OutputContext(asset_key=key, path=staging), value)
            self._observed[key] = (name, outputs.objects.add(staging, written.extension))
        return self._observed[key]


def _ref(edge: Edge, kind: str) -> InputRef:
    given = edge.given
    if kind == "value":
        return InputRef(given.parameter or "", given.key, "value")
    return InputRef(given.parameter or "", given.key, kind, given.load, given.columns)  # type: ignore[arg-type]  # the caller's literal
