"""Describe one asset or source: what is declared, what is stored, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.definitions import Out, SourceDefinition
from assetbuild.declare.metadata import as_json
from assetbuild.errors import UsageError
from assetbuild.graph.places import relative_place
from assetbuild.plan.facts import Facts
from assetbuild.plan.model import Step
from assetbuild.record.model import Materialization
from assetbuild.record.pointers import Place

__all__ = ["AssetDetails", "CurrentValue", "describe_asset"]


@dataclass(frozen=True, slots=True)
class CurrentValue:
    """The value that is materialized now."""

    data_version: str
    location: str
    io_manager: str
    rows: int | None
    size_bytes: int | None
    columns: dict[str, str]
    materialized_at: float
    run_id: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AssetDetails:
    """Everything that can be shown about an asset or a source."""

    key: str
    kind: str
    description: str | None
    group: str | None
    tags: dict[str, str]
    owners: list[str]
    metadata: dict[str, Any]
    file: str
    line: int
    inputs: list[str]
    downstream: list[str]
    io_manager: str | None
    path: str | None = None
    siblings: list[str] = field(default_factory=list)
    config: dict[str, str | None] = field(default_factory=dict)
    env: list[str] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    step: Step | None = None
    problem: str = ""
    current: CurrentValue | None = None
    history: list[Materialization] = field(default_factory=list)
    partitions: str | None = None
    statuses: dict[str, int] = field(default_factory=dict)
    """How many partitions have each status; empty without partitions."""
    on: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON-able data."""
        from dataclasses import asdict  # noqa: PLC0415  # only for --json

        said = asdict(self)
        said["step"] = None if self.step is None else self.step.as_json()
        return said


def describe_asset(
    key: str, facts: Facts, step: Step | None, statuses: Mapping[str, int] | None = None, *, history: int = 20
) -> AssetDetails:
    """Return the details of an asset, with the status of it or of one partition, or of a source."""
    graph = facts.graph
    if key in graph.sources:
        return _source(key, facts)
    asset = graph.assets[key]
    recipe = facts.recipe(key)
    partition = None if step is None else step.partition
    materializations = facts.record.materializations(asset=key, limit=history)
    return AssetDetails(
        key,
        "asset" if not asset.definition.multi else "multi_asset",
        asset.out.description,
        *_said(asset.out),
        *relative_place(asset.origin, facts.sources.root),
        inputs=list(graph.upstream(key)),
        downstream=list(graph.downstream(key)),
        io_manager=asset.out.io_manager,
        siblings=[other for other in asset.siblings if other != key],
        config={name: part.shown for name, part in recipe.config.items()},
        env=sorted(recipe.env),
        packages=dict(recipe.packages),
        code={subject: part.place for subject, part in sorted(recipe.code.items())},
        step=step,
        current=_current((key, partition), facts, materializations),
        history=materializations,
        partitions=None if asset.partitions is None else asset.partitions.describe(),
        statuses=dict(statuses or {}),
        on=None if asset.definition.on is None else str(asset.definition.on),
    )


def _source(key: str, facts: Facts) -> AssetDetails:
    source = facts.graph.sources[key]
    places, partitions = facts.keys.of_source(source), None
    if source.partitions is not None:
        number = len(places.keys or ())
        partitions = f"{source.partitions.describe()}: {number:,} {'key' if number == 1 else 'keys'}"
    return AssetDetails(
        key,
        "source" if source.definition.observe is None else "observed source",
        source.definition.description,
        *_said(source.definition),
        *relative_place(source.origin, facts.sources.root),
        inputs=[],
        downstream=list(facts.graph.downstream(key)),
        io_manager=None,
        path=source.definition.path,
        problem=places.first_problem,
        partitions=partitions,
    )


def _said(said: Out | SourceDefinition) -> tuple[str | None, dict[str, str], list[str], dict[str, Any]]:
    return said.group, dict(said.tags), list(said.owners), _metadata(said.metadata)


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: as_json(value) for name, value in metadata.items()}
    except TypeError as error:
        raise UsageError(str(error)) from error


def _current(place: Place, facts: Facts, history: list[Materialization]) -> CurrentValue | None:
    pointer = facts.pointers.get(place)
    if pointer is None:
        return None
    value = facts.record.value(pointer.data_version)
    built = next(
        (entry for entry in history if entry.data_version == pointer.data_version and entry.outcome == "built"), None
    )
    return CurrentValue(
        pointer.data_version,
        pointer.location,
        pointer.io_manager,
        value.rows if value is not None else None,
        value.size_bytes if value is not None else None,
        dict(value.parts) if value is not None else {},
        pointer.materialized_at,
        pointer.run_id,
        built.metadata if built is not None else {},
    )
