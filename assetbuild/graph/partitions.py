"""The partitions of a graph: which assets and sources have some, and which upstream partitions each input reads.

In: definitions as they were declared. Out: their partitions definitions, and a mapping for each input; problems go
where the other problems of the graph are collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import replace
from assetbuild.declare.definitions import AssetDefinition, Origin, SourceDefinition
from assetbuild.graph.annotations import Annotation
from assetbuild.graph.model import AssetInput

if TYPE_CHECKING:
    from assetbuild.declare.partitions import PartitionsDefinition

__all__ = ["Partitions"]


class Partitions:
    """The partitions definitions by asset and source key."""

    def __init__(self, definitions: Sequence[AssetDefinition | SourceDefinition], report: Callable[..., None]) -> None:
        """Look at what is declared; ``report`` takes a headline, an origin and an advice."""
        self._report = report
        self._known: dict[str, PartitionsDefinition] = {}
        self._assets = {out.key for each in definitions if isinstance(each, AssetDefinition) for out in each.outs}
        for definition in definitions:
            if isinstance(definition, SourceDefinition):
                self._add_source(definition)
            elif definition.partitions is not None:
                self._add(definition)

    def of(self, key: str) -> PartitionsDefinition | None:
        """Return the partitions of an asset or source; None when it has none."""
        return self._known.get(key)

    def mapped(self, definition: AssetDefinition, edge: AssetInput, annotation: Annotation | None = None) -> AssetInput:
        """Return an input with the mapping that is said for it, or the one that goes without saying."""
        said = annotation.input if annotation is not None else None
        asked = said.partitions if said is not None else None
        up, down = self.of(edge.key), self.of(_name_of(definition))
        where = f"{_shown(definition)}, {_place(edge)}"
        if up is None:
            if asked is not None:
                self._report(
                    f"{where}: {edge.key!r} has no partitions", definition.origin, advice="Drop partitions= from Input."
                )
            if edge.key_column is not None:
                self._report(
                    f"{where}: key_column= is for an upstream with partitions", definition.origin, advice="Drop it."
                )
            return edge
        from assetbuild.graph.mapping import resolve_mapping  # noqa: PLC0415  # only with partitions

        try:
            mapping = resolve_mapping(asked, down, up)
        except ValueError as error:
            self._report(f"{where}: {error}", definition.origin)
            return edge
        if edge.key in {out.key for out in definition.outs} and asked is None:
            self._report(
                f"{where} reads its own asset, and not which partition of it",
                definition.origin,
                advice="Say an earlier one: Annotated[..., Input(partitions=Offset(-1))].",
            )
        # A call for a batch reads the partitions of all its keys, so its inputs are many whatever their mapping.
        is_many = mapping.is_many or definition.batch is not None
        if is_many and annotation is not None and annotation.as_mapping:
            return replace(edge, mapping=mapping, load=annotation.element, as_mapping=True)
        return replace(edge, mapping=mapping)

    def given_by(self, definition: AssetDefinition) -> Iterator[str]:
        """Yield the assets that tell which partitions a definition has."""
        for key in _givers(self.of(_name_of(definition))):
            if key in self._assets and self.of(key) is None:
                yield key
            elif key in self._assets or self.of(key) is None:
                what = "has partitions itself" if key in self._assets else "is no asset, and no source with partitions"
                self._report(
                    f"{_shown(definition)}: its partitions come from {key!r}, which {what}",
                    definition.origin,
                    advice="Name an asset whose value is the list of keys, or a source such as data/{date}.csv.",
                )

    def _add(self, definition: AssetDefinition) -> None:
        partitions = definition.partitions
        if self._is_definition(partitions, _shown(definition), definition.origin):
            for out in definition.outs:
                self._known[out.key or ""] = partitions

    def _add_source(self, definition: SourceDefinition) -> None:
        partitions = definition.partitions
        if not definition.dimensions:
            if partitions is not None:
                self._report(
                    f"source {definition.key!r} has partitions, and its path names none",
                    definition.origin,
                    advice="Put a name in braces where the key stands: data/{date}.csv.",
                )
            return
        if partitions is None:
            from assetbuild.declare.partitions import Dynamic  # noqa: PLC0415  # only with partitions

            self._known[definition.key] = Dynamic(definition.key)  # the keys that its files have
        elif self._is_definition(partitions, f"source {definition.key!r}", definition.origin):
            self._known[definition.key] = partitions

    def _is_definition(self, partitions: Any, name: str, origin: Origin) -> bool:
        """Return whether this is a definition of partitions; report what is wrong with it."""
        from assetbuild.declare.partitions import PartitionsDefinition  # noqa: PLC0415  # only with partitions

        if not isinstance(partitions, PartitionsDefinition):
            headline = f"{name} has partitions={partitions!r}"
            self._report(
                headline, origin, advice='Say a definition, such as Daily("2024-01-01") or Static(["a", "b"]).'
            )
            return False
        for problem in partitions.problems():
            self._report(f"{name}: {problem}", origin, advice="Mend the partitions.")
        return True


def _givers(partitions: Any) -> Iterator[str]:
    key = getattr(partitions, "key", None)
    if isinstance(key, str):
        yield key
    for _, dimension in getattr(partitions, "dimensions", ()):
        yield from _givers(dimension)


def _name_of(definition: AssetDefinition) -> str:
    return definition.outs[0].key or "" if definition.outs else ""


def _shown(definition: AssetDefinition) -> str:
    return f"asset {', '.join(repr(out.key or '') for out in definition.outs)}"


def _place(edge: AssetInput) -> str:
    return "'deps'" if edge.parameter is None else f"parameter {edge.parameter!r}"
