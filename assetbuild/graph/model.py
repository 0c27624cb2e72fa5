"""The validated graph: assets and sources by key, edges, and one build order."""

from __future__ import annotations

from collections import abc
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass, replace
from assetbuild.declare.definitions import AssetDefinition, Origin, Out, SourceDefinition

if TYPE_CHECKING:  # most projects have neither automation nor partitions, and import nothing for them
    from assetbuild.declare.automation import AutomationDefinition
    from assetbuild.declare.partitions import PartitionsDefinition
    from assetbuild.graph.mapping import Mapping

__all__ = ["Asset", "AssetInput", "Graph", "Source"]


@dataclass(frozen=True, slots=True)
class AssetInput:
    """One edge: this asset depends on ``key``.

    ``parameter`` is None for ``deps=``, which are not loaded. ``load`` names the type
    that the annotation asks for (``graph/annotations.py`` lists them); None means
    what the IO manager gives. With ``columns``, only those columns are read. ``mapping`` says which partitions of an
    upstream that has some; many are loaded as one table, with their keys in ``key_column``, or ``as_mapping``.
    ``is_optional``: None is given for a partition that is not there. ``is_order_only``: the upstream tells
    which partitions there are, so it comes first, and its data is not read.
    """

    key: str
    parameter: str | None
    load: str | None = None
    columns: tuple[str, ...] | None = None
    mapping: Mapping | None = None
    key_column: str | None = None
    as_mapping: bool = False
    is_optional: bool = False
    is_order_only: bool = False

    def one(self) -> AssetInput:
        """Return this input as it reads one of its partitions."""
        return replace(self, mapping=None)

    @property
    def is_many(self) -> bool:
        """The input is any number of partitions, and not one value."""
        return self.mapping is not None and self.mapping.is_many


@dataclass(frozen=True, slots=True, eq=False)
class Asset:
    """One asset of the graph: one output of an asset function, with everything resolved."""

    key: str
    out: Out
    definition: AssetDefinition
    siblings: tuple[str, ...]
    inputs: tuple[AssetInput, ...]
    config_parameter: str | None = None
    config_class: type | None = None
    context_parameter: str | None = None
    returns: str | None = None
    returns_type: Any = None
    """What the return annotation promises, as a word of ``graph/annotations.py`` and as a type; None without one."""

    @property
    def origin(self) -> Origin:
        """Where the asset was declared."""
        return self.definition.origin

    @property
    def partitions(self) -> PartitionsDefinition | None:
        """The set of its partitions; None when it has none."""
        partitions: PartitionsDefinition | None = self.definition.partitions
        return partitions

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions of its partition keys; nothing when they have one, or there are none."""
        return tuple(name for name, _ in getattr(self.definition.partitions, "dimensions", ()))

    @property
    def returns_nothing(self) -> bool:
        """The function is annotated ``-> None``: it has side effects and no value."""
        return self.returns == "none"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One source of the graph. ``partitions`` when its path has a pattern, such as ``data/{date}.csv``."""

    key: str
    definition: SourceDefinition
    partitions: PartitionsDefinition | None = None

    @property
    def origin(self) -> Origin:
        """Where the source was declared."""
        return self.definition.origin


class Graph:
    """Assets in build order (Kahn, smallest key first), sources by key, and the edges between them."""

    def __init__(
        self, assets: Iterable[Asset], sources: Iterable[Source], automations: Iterable[AutomationDefinition] = ()
    ) -> None:
        """Take assets that are already validated and in build order; sensors and schedules by name."""
        self.assets: abc.Mapping[str, Asset] = {asset.key: asset for asset in assets}
        self.sources: abc.Mapping[str, Source] = {source.key: source for source in sources}
        self.automations: abc.Mapping[str, AutomationDefinition] = {item.name: item for item in automations}

    @cached_property
    def _upstream(self) -> dict[str, tuple[str, ...]]:
        return {key: tuple(dict.fromkeys(edge.key for edge in asset.inputs)) for key, asset in self.assets.items()}

    @cached_property
    def _downstream(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {key: [] for key in (*self.sources, *self.assets)}
        for key, upstream in self._upstream.items():
            for up in upstream:
                found[up].append(key)
        return {key: tuple(down) for key, down in found.items()}

    @cached_property
    def siblings(self) -> abc.Mapping[str, tuple[str, ...]]:
        """The outputs of one function, by the key of each of them."""
        return {key: asset.siblings for key, asset in self.assets.items()}

    def upstream(self, key: str) -> tuple[str, ...]:
        """Return the direct dependencies of an asset, sources included; a source has none."""
        return self._upstream.get(key, ())

    def downstream(self, key: str) -> tuple[str, ...]:
        """Return the assets that depend directly on this asset or source."""
        return self._downstream[key]

    def closure(self, keys: Iterable[str]) -> frozenset[str]:
        """Return the assets in ``keys`` and every asset upstream of them, sources left out."""
        chosen = frozenset(keys)
        if len(chosen) >= len(self.assets) and chosen.issuperset(self.assets):
            return frozenset(self.assets)
        found: set[str] = set()
        waiting = [key for key in chosen if key in self.assets]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(up for up in self._upstream[key] if up in self.assets)
        return frozenset(found)
