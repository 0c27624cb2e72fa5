"""Say where each argument of a task comes from, now that everything upstream of it is materialized."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assetbuild.graph.model import Asset, AssetInput
from assetbuild.materialize.task import InputRef
from assetbuild.plan.planner import Facts
from assetbuild.record.model import Pointer
from assetbuild.store.io import OutputContext

__all__ = ["InputRefs"]


class InputRefs:
    """Makes the input references of tasks."""

    def __init__(self, facts: Facts, pointers: Mapping[tuple[str, str | None], Pointer]) -> None:
        """Take the facts and the pointers as they move along during the build."""
        self.facts = facts
        self.pointers = pointers
        self._observed: dict[str, tuple[str, str]] = {}

    def of(self, asset: Asset) -> tuple[InputRef, ...]:
        """Return the references for an asset's parameters."""
        refs: list[InputRef] = []
        for edge in asset.inputs:
            if edge.parameter is None:
                continue
            if edge.key in self.facts.graph.sources:
                refs.append(self._source(edge, edge.parameter))
                continue
            pointer = self.pointers[edge.key, None]
            if pointer.object is None:
                refs.append(InputRef(edge.parameter, edge.key, "value"))
                continue
            refs.append(
                InputRef(
                    edge.parameter,
                    edge.key,
                    "object",
                    edge.load,
                    edge.columns,
                    io_manager=pointer.io_manager,
                    object=pointer.object,
                )
            )
        return tuple(refs)

    def _source(self, edge: AssetInput, parameter: str) -> InputRef:
        source = self.facts.graph.sources[edge.key]
        state = self.facts.sources.state(source)
        if state.has_value:
            manager, name = self._keep_observed(edge.key)
            return InputRef(parameter, edge.key, "object", edge.load, edge.columns, io_manager=manager, object=name)
        if state.kind == "observed" or not state.paths:
            absent: list[str] | None = [] if edge.load == "paths" else None
            return InputRef(parameter, edge.key, "value", value=state.observed if state.kind == "observed" else absent)
        return InputRef(
            parameter,
            edge.key,
            "files",
            edge.load,
            edge.columns,
            paths=state.paths,
            source_kind=state.kind,
            options=dict(source.definition.options),
        )

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
