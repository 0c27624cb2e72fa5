"""Build the validated graph from definitions, and report every problem at once.

In: definitions as they were declared. Out: a ``Graph``, or one ``DefinitionError`` that holds all
problems: bad keys and annotations, duplicate keys, unknown upstreams, cycles, shared locations.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetbuild.declare.collect import Definition
from assetbuild.declare.definitions import AssetDefinition, Origin, SourceDefinition
from assetbuild.declare.keys import asset_key
from assetbuild.errors import DefinitionError, Problem, closest
from assetbuild.graph.annotations import Annotation, namespace_of, read_annotation
from assetbuild.graph.locations import Locations
from assetbuild.graph.model import Asset, AssetInput, Graph, Source
from assetbuild.graph.order import Order
from assetbuild.graph.partitions import Partitions
from assetbuild.graph.places import relative_place

if TYPE_CHECKING:
    from assetbuild.declare.automation import AutomationDefinition

__all__ = ["build_graph", "graph_on_demand", "relative_place"]

_NAMED = 8
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def build_graph(
    definitions: Sequence[Definition],
    *,
    root: Path,
    io_managers: Iterable[str] | None = None,
    pools: Mapping[str, int] | None = None,
    location_of: Callable[[str, str], str] | None = None,
) -> Graph:
    """Validate the definitions and return their graph.

    Raises DefinitionError with every problem found. ``io_managers`` are the registered names and
    ``pools`` the declared ones; None leaves them unchecked. ``location_of`` tells where a named IO manager keeps a key.
    """
    return _GraphBuilder(root, definitions, io_managers, pools, location_of).graph()


def graph_on_demand(definitions: Sequence[Definition], *, root: Path, declared: Iterable[str] = ()) -> Graph:
    """Return the graph of definitions that another process has validated; an asset is resolved when it is asked for.

    It has assets and nothing else: no sources, no order. More keys may be ``declared``, elsewhere and without
    partitions.
    """
    graph = Graph((), ())
    builder = _GraphBuilder(root, definitions, None, None, None)
    for key in declared:
        builder.places.setdefault(key, [])
    graph.assets = _OnDemand(builder)
    return graph


class _GraphBuilder:
    def __init__(
        self,
        root: Path,
        definitions: Sequence[Definition],
        io_managers: Iterable[str] | None,
        pools: Mapping[str, int] | None,
        location_of: Callable[[str, str], str] | None,
    ) -> None:
        self.root = root
        self.definitions = [d for d in definitions if isinstance(d, (AssetDefinition, SourceDefinition))]
        self.automations = [d for d in definitions if not isinstance(d, (AssetDefinition, SourceDefinition))]
        self.io_managers = None if io_managers is None else frozenset(io_managers)
        self.pools = pools
        self.location_of = location_of
        self.problems: list[Problem] = []
        self.places: dict[str, list[Origin]] = defaultdict(list)
        for definition in self.definitions:
            for key in _keys(definition):
                self.places[key].append(definition.origin)
        self.partitions = Partitions(self.definitions, self.problem)

    def graph(self) -> Graph:
        for definition in self.definitions:
            self._check_own(definition)
        self._check_duplicates()
        Locations(self.definitions, self.io_managers, self.location_of, self.problem, self.shown_place).check()
        assets = [
            asset
            for definition in self.definitions
            if isinstance(definition, AssetDefinition)
            for asset in self._assets(definition)
        ]
        sources = [
            Source(d.key, d, self.partitions.of(d.key)) for d in self.definitions if isinstance(d, SourceDefinition)
        ]
        ordered = Order({asset.key: asset for asset in assets}, self.problem, self.shown_place).sorted()
        self.places.clear()  # what is made from all definitions does not wait for a garbage collection
        automations = self._automations(Graph(assets, sources))
        if self.problems:
            raise DefinitionError(*self.problems)
        return Graph(ordered, sorted(sources, key=lambda source: source.key), automations)

    def problem(self, headline: str, origin: Origin, *facts: tuple[str, str], advice: str = "") -> None:
        """Note a problem at the place of a definition."""
        file, line = relative_place(origin, self.root)
        self.problems.append(Problem(headline, facts, advice, file, line))

    def shown_place(self, origin: Origin) -> str:
        """Return ``file:line`` of an origin."""
        file, line = relative_place(origin, self.root)
        return f"{file}:{line}"

    def _automations(self, graph: Graph) -> Iterable[AutomationDefinition]:
        assets = [d for d in self.definitions if isinstance(d, AssetDefinition)]
        if not self.automations and all(asset.on is None for asset in assets):
            return ()
        # Imported here: most projects have none of it.
        from assetbuild.graph.automation import check_automations  # noqa: PLC0415

        return check_automations(self.automations, assets, graph, self.problem, self.shown_place).values()

    def _check_own(self, definition: AssetDefinition | SourceDefinition) -> None:
        name = _name(definition)
        for problem in definition.problems:
            self.problem(f"{name}: {problem}", definition.origin, advice="Mend the declaration.")
        if isinstance(definition, SourceDefinition):
            return
        if self.io_managers is not None:
            for out in definition.outs:
                if out.io_manager is not None and out.io_manager not in self.io_managers:
                    near = closest(out.io_manager, self.io_managers)
                    facts = [("registered", ", ".join(sorted(self.io_managers)))]
                    facts += [("closest", near)] if near else []
                    self.problem(
                        f"asset {out.key!r} uses the IO manager {out.io_manager!r}, which is not registered",
                        definition.origin,
                        *facts,
                        advice="Use a registered name, or register it under [tool.assetbuild.io_managers.NAME].",
                    )
        if definition.pool is not None and self.pools is not None and definition.pool not in self.pools:
            self.problem(
                f"{name} is in the pool {definition.pool!r}, which is not declared",
                definition.origin,
                advice=f"Declare it: [tool.assetbuild.pools] {definition.pool} = 2",
            )
        if not isinstance(definition.retries, int) or definition.retries < 0:
            self.problem(
                f"{name} has retries={definition.retries!r}", definition.origin, advice="Say a whole number, 0 or more."
            )
        if definition.timeout is not None and not (
            isinstance(definition.timeout, (int, float)) and definition.timeout > 0
        ):
            self.problem(
                f"{name} has timeout={definition.timeout!r}", definition.origin, advice="Say seconds, more than 0."
            )

        self._check_executor(definition, name)

    def _check_executor(self, definition: AssetDefinition, name: str) -> None:
        if definition.executor not in {"process", "thread"}:
            self.problem(
                f"{name} has executor={definition.executor!r}", definition.origin, advice="Say 'process' or 'thread'."
            )
        elif definition.executor == "thread" and definition.timeout is not None:
            self.problem(
                f"{name} has a timeout and executor='thread'; a thread cannot be ended",
                definition.origin,
                advice="Drop one of the two.",
            )

    def _check_relations(self, definition: AssetDefinition, inputs: Sequence[AssetInput]) -> None:
        for edge in inputs:
            if edge.load == "duckdb.Relation" and definition.executor == "thread":
                self.problem(
                    f"{_name(definition)}, parameter {edge.parameter!r}: threads cannot share DuckDB's connection",
                    definition.origin,
                    advice="Take a pyarrow Table, and query it with a connection of the function's own.",
                )

    def _check_duplicates(self) -> None:
        for key, origins in sorted(self.places.items()):
            if len(origins) > 1:
                self.problem(
                    f"{key!r} is declared {len(origins)} times",
                    origins[-1],
                    *(("also at", self.shown_place(origin)) for origin in origins[:-1]),
                    advice="Rename one of them, or give it another key=.",
                )

    def resolved(self, definition: AssetDefinition) -> list[Asset]:
        """Return the assets of one definition; raise DefinitionError when it has problems."""
        assets = self._assets(definition)
        if self.problems:
            raise DefinitionError(*self.problems)
        return assets

    def _assets(self, definition: AssetDefinition) -> list[Asset]:
        bound = self._bind(definition)
        keys = _keys(definition)
        return [
            Asset(key=out.key or "", out=out, definition=definition, siblings=keys, **bound) for out in definition.outs
        ]

    def _bind(self, definition: AssetDefinition) -> dict[str, Any]:
        name = _name(definition)
        inputs: list[AssetInput] = []
        bound: dict[str, Any] = {}
        try:
            signature = inspect.signature(definition.function)
        except (TypeError, ValueError):
            self.problem(f"{name}: the function has no signature that can be read", definition.origin)
            return {"inputs": ()}
        namespace = namespace_of(definition.function)
        for parameter in signature.parameters.values():
            if parameter.kind in _VARIADIC:
                continue
            annotation = Annotation()
            if parameter.annotation is not inspect.Parameter.empty:
                annotation = read_annotation(parameter.annotation, namespace)
            if annotation.problem:
                self.problem(
                    f"{name}, parameter {parameter.name!r}: {annotation.problem}",
                    definition.origin,
                    advice="Import the type at run time, or drop the annotation.",
                )
            elif annotation.context:
                bound["context_parameter"] = parameter.name
            elif annotation.config is not None:
                if "config_class" in bound:
                    self.problem(
                        f"{name} has two Config parameters", definition.origin, advice="Join them into one Config."
                    )
                bound["config_parameter"], bound["config_class"] = parameter.name, annotation.config
            elif (edge := self._input(definition, parameter, annotation)) is not None:
                inputs.append(edge)
        self._check_relations(definition, inputs)
        loaded = {edge.key for edge in inputs}
        for key in definition.deps:
            if key and key not in self.places:
                self._unknown(definition, key, "'deps'")
            elif key and key not in loaded:
                inputs.append(self.partitions.mapped(definition, AssetInput(key, None)))
                loaded.add(key)
        inputs.extend(AssetInput(key, None, is_order_only=True) for key in self.partitions.given_by(definition))
        bound["inputs"] = tuple(inputs)
        if signature.return_annotation is not inspect.Signature.empty:
            returns = read_annotation(signature.return_annotation, namespace)
            if returns.problem:
                self.problem(
                    f"{name}, return value: {returns.problem}", definition.origin, advice="Import the type at run time."
                )
            bound["returns"] = returns.load
            bound["returns_type"] = returns.type
        return bound

    def _input(
        self, definition: AssetDefinition, parameter: inspect.Parameter, annotation: Annotation
    ) -> AssetInput | None:
        said = annotation.input
        key = parameter.name
        if said is not None and said.key is not None:
            try:
                key = asset_key(said.key)
            except ValueError as error:
                self.problem(f"{_name(definition)}, parameter {parameter.name!r}: {error}", definition.origin)
                return None
        columns = said.columns if said is not None else None
        if columns is not None and (
            isinstance(columns, str) or not all(isinstance(c, str) for c in columns) or not columns
        ):
            self.problem(
                f"{_name(definition)}, parameter {parameter.name!r}: columns={columns!r}",
                definition.origin,
                advice="Say a list of column names.",
            )
            columns = None
        if key not in self.places:
            if said is None and parameter.default is not inspect.Parameter.empty:
                return None
            self._unknown(definition, key, f"parameter {parameter.name!r}")
            return None
        edge = AssetInput(
            key,
            parameter.name,
            annotation.load if annotation.load != "none" else None,
            columns,
            key_column=said.key_column if said is not None else None,
            is_optional=annotation.allows_none,
        )
        return self.partitions.mapped(definition, edge, annotation)

    def _unknown(self, definition: AssetDefinition, key: str, where: str) -> None:
        near = closest(key, self.places)
        known = sorted(self.places)
        more = len(known) - _NAMED
        declared = ", ".join(known[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        advice = (
            f"Rename it to {near!r}, or declare {key!r}."
            if near
            else f"Declare {key!r}, or give the parameter a default."
        )
        suffix = next((other for other in known if other.endswith(f"/{key}")), None)
        if suffix is not None:
            near, advice = suffix, f'Name the key: Annotated[..., Input("{suffix}")].'
        elif key == "context":
            advice = "For the context of the call, annotate it: 'context: Context'."
        facts = [("by", where), ("declared", declared)] + ([("closest", near)] if near else [])
        self.problem(
            f"{_name(definition)} reads {key!r}, which is not declared", definition.origin, *facts, advice=advice
        )


class _OnDemand(Mapping[str, Asset]):
    """Assets by key, resolved one by one: a worker runs a part of them, and reading all annotations takes its time."""

    def __init__(self, builder: _GraphBuilder) -> None:
        self._builder = builder
        self._definitions = {
            key: definition
            for definition in builder.definitions
            if isinstance(definition, AssetDefinition)
            for key in _keys(definition)
        }
        self._resolved: dict[str, Asset] = {}

    def __getitem__(self, key: str) -> Asset:
        found = self._resolved.get(key)
        if found is None:
            self._resolved.update({asset.key: asset for asset in self._builder.resolved(self._definitions[key])})
            found = self._resolved[key]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)


def _keys(definition: AssetDefinition | SourceDefinition) -> tuple[str, ...]:
    if isinstance(definition, SourceDefinition):
        return (definition.key,)
    return tuple(out.key or "" for out in definition.outs)


def _name(definition: AssetDefinition | SourceDefinition) -> str:
    keys = ", ".join(repr(key) for key in _keys(definition))
    return f"source {keys}" if isinstance(definition, SourceDefinition) else f"asset {keys}"
