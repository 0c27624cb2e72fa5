"""A graph and its recipes as flat data: what the manifest holds of them, and objects made of it when asked for.

In: the loaded graph and recipes. Out: a tuple of plain data for ``marshal``, and from that a ``KeptGraph`` and
``KeptRecipes``. Of ten thousand assets a command with nothing to do asks for hardly any: it reads who reads whom and
the beginnings of the build keys, which stand by themselves. The declarations of one function are one row of bytes, and
are unpacked together; what is no plain data (partitions, conditions, checks) makes the row a pickle.
"""

from __future__ import annotations

import marshal
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from assetbuild.dataclass import replace
from assetbuild.declare.definitions import AssetDefinition, Origin, Out
from assetbuild.declare.metadata import as_json
from assetbuild.fingerprint.recipe import Recipe, Shown, build_stem, environment_part
from assetbuild.graph.model import Asset, AssetInput, Graph, Source
from assetbuild.load.config import config_section

if TYPE_CHECKING:
    from assetbuild.declare.automation import AutomationDefinition
    from assetbuild.fingerprint.code.model import Widened

__all__ = ["KeptGraph", "KeptRecipes", "changed_recipes", "packed_graph", "packed_recipes", "shifted_graph"]

_PICKLE: Final = 0x80
"""The first byte of a pickle, and of nothing that marshal writes here."""


class _Recipes(Protocol):
    def recipe(self, key: str) -> Recipe: ...
    def stem(self, key: str) -> bytes: ...
    def plain(self, key: str) -> tuple[str, ...] | None: ...
    def widened(self, key: str) -> tuple[Widened, ...]: ...


class FunctionElsewhere:
    """Stands in a kept graph where a loaded one has the user's function."""

    __slots__ = ("__name__",)

    def __init__(self, name: str) -> None:
        """Take the function's name."""
        self.__name__ = name

    def __call__(self, *_arguments: Any, **_named: Any) -> NoReturn:
        """Refuse: nothing can be called that is not loaded."""
        message = f"{self.__name__} is not loaded: the graph comes from the manifest"
        raise RuntimeError(message)


class _Assets(Mapping[str, Asset]):
    """The assets of a kept graph in build order; each is unpacked when it is asked for, with those of its function."""

    def __init__(self, rows: Mapping[str, int], packed: list[bytes], origins: list[tuple[str, int]]) -> None:
        self._rows = rows
        self._packed = packed
        self._origins = origins
        self._made: dict[str, Asset] = {}

    def __getitem__(self, key: str) -> Asset:
        if key not in self._made:
            row = self._rows[key]
            self._made.update(_unpacked_row(self._packed[row], Origin(*self._origins[row])))
        return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class KeptGraph(Graph):
    """A graph without functions, whose assets are unpacked when they are asked for."""

    def __init__(self, content: tuple[Any, ...]) -> None:
        """Take what ``packed_graph`` made."""
        rows, packed, origins, upstream, siblings, sections, others = content
        sources, automations = pickle.loads(others)  # noqa: S301  # our own file, and whole
        super().__init__((), sources, automations)
        self.assets = _Assets(rows, packed, origins)
        self.sections: Mapping[str, str] = sections
        """The name of the config table of each asset."""
        # In the place of the cached properties that are made from all assets.
        self.__dict__.update(_upstream=upstream, siblings=siblings)


def packed_graph(graph: Graph) -> tuple[Any, ...]:
    """Return plain data that stands for a graph; raise ValueError, TypeError or PicklingError when something cannot."""
    rows: dict[str, int] = {}
    packed: list[bytes] = []
    of_definition: dict[int, int] = {}
    origins: list[tuple[str, int]] = []
    together: dict[int, list[Asset]] = {}
    for asset in graph.assets.values():
        together.setdefault(id(asset.definition), []).append(asset)
    for key, asset in graph.assets.items():
        row = of_definition.get(id(asset.definition))
        if row is None:
            row = of_definition[id(asset.definition)] = len(packed)
            packed.append(_packed_row(asset.definition, together[id(asset.definition)]))
            origins.append((asset.origin.file, asset.origin.line))
        rows[key] = row
    sources = [
        Source(source.key, replace(source.definition, metadata=_plain(source.definition.metadata)), source.partitions)
        for source in graph.sources.values()
    ]
    others = pickle.dumps((sources, _light_automations(graph)), protocol=5)
    upstream = {key: graph.upstream(key) for key in rows}
    sections = {key: config_section(asset) for key, asset in graph.assets.items()}
    return rows, packed, origins, upstream, graph.siblings, sections, others


def shifted_graph(content: tuple[Any, ...], shifts: Mapping[str, Mapping[int, int]]) -> tuple[Any, ...]:
    """Return the packed graph with the lines at which things are declared now."""
    if not shifts:
        return content
    rows, packed, origins, upstream, siblings, sections, others = content
    origins = [(file, shifts.get(file, {}).get(line, line)) for file, line in origins]
    sources, automations = pickle.loads(others)  # noqa: S301  # our own file, and whole
    moved = []
    for source in sources:
        origin = source.origin
        line = shifts.get(origin.file, {}).get(origin.line, origin.line)
        moved.append(replace(source, definition=replace(source.definition, origin=Origin(origin.file, line))))
    return rows, packed, origins, upstream, siblings, sections, pickle.dumps((moved, automations), protocol=5)


def _packed_row(definition: AssetDefinition, assets: list[Asset]) -> bytes:
    d = definition
    outs = tuple(
        (o.key, o.io_manager, o.unordered, o.group, dict(o.tags), tuple(o.owners), o.description, _plain(o.metadata))
        for o in d.outs
    )
    plain = d.partitions is None and d.on is None and not d.checks
    said = (
        getattr(d.function, "__name__", assets[0].key), outs, d.multi, tuple(d.deps), tuple(d.env),
        d.code_version, d.partitions, d.batch, d.split_by, d.checks, d.retries, d.timeout, d.pool, d.executor,
        d.priority, d.memory_bytes, d.on, d.problems,
    )  # fmt: skip
    declared = tuple(
        (
            asset.key,
            next(place for place, out in enumerate(d.outs) if out.key == asset.key),
            asset.siblings,
            tuple(
                (e.key, e.parameter, e.load, e.columns, e.mapping, e.key_column, e.as_mapping, e.is_optional,
                 e.is_order_only)
                for e in asset.inputs
            ),
            asset.config_parameter,
            asset.context_parameter,
            asset.returns,
        )
        for asset in assets
    )  # fmt: skip
    if plain and all(edge.mapping is None for asset in assets for edge in asset.inputs):
        try:
            return marshal.dumps((said, declared))  # type: ignore[arg-type]  # whether it is plain data shows here
        except ValueError:  # a text of a class of its own, say
            pass
    return pickle.dumps((said, declared), protocol=5)


def _unpacked_row(data: bytes, origin: Origin) -> dict[str, Asset]:
    # Our own file, and whole.
    said, declared = pickle.loads(data) if data[0] == _PICKLE else marshal.loads(data)  # noqa: S301, S302
    name, outs, multi, deps, env, code_version, partitions, batch, split_by, checks, *rest = said
    retries, timeout, pool, executor, priority, memory_bytes, on, problems = rest
    definition = AssetDefinition(
        function=FunctionElsewhere(name),
        outs=tuple(
            Out(key=key, io_manager=manager, unordered=unordered, group=group, tags=tags, owners=owners,
                description=description, metadata=metadata)
            for key, manager, unordered, group, tags, owners, description, metadata in outs
        ),
        multi=multi,
        origin=origin,
        deps=deps,
        env=env,
        code_version=code_version,
        partitions=partitions,
        batch=batch,
        split_by=split_by,
        checks=checks,
        retries=retries,
        timeout=timeout,
        pool=pool,
        executor=executor,
        priority=priority,
        memory_bytes=memory_bytes,
        on=on,
        problems=problems,
    )  # fmt: skip
    return {
        key: Asset(
            key,
            definition.outs[place],
            definition,
            siblings,
            tuple(AssetInput(*edge) for edge in inputs),
            config_parameter=config_parameter,
            context_parameter=context_parameter,
            returns=returns,
        )
        for key, place, siblings, inputs, config_parameter, context_parameter, returns in declared
    }


def _light_automations(graph: Graph) -> list[AutomationDefinition]:
    if not graph.automations:
        return []
    from assetbuild.graph.automation import without_functions  # noqa: PLC0415  # only where there are any

    return without_functions(graph.automations, FunctionElsewhere)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_json(value) for name, value in metadata.items()}


# -- recipes -----------------------------------------------------------------------------------------------------------


class KeptRecipes:
    """The recipes of a manifest; the environment is looked at anew."""

    def __init__(self, content: tuple[Any, ...], graph: Graph) -> None:
        """Take what ``packed_recipes`` made, and the graph."""
        self._rows, self._stems, self._plain, self._parts_data, self._shared_data, self._names, widened = content
        self._widened: dict[str, tuple[Widened, ...]] = pickle.loads(widened)  # noqa: S301  # our own file, and whole
        self._graph = graph
        self._made: dict[str, Recipe] = {}
        self._parts: list[tuple[str, Shown, str | None]] | None = None
        self._shared: list[dict[str, Any]] = []

    def recipe(self, key: str) -> Recipe:
        """Return the recipe of an asset, with today's environment."""
        kept = self.of_then(key)
        return (
            replace(kept, env={name: environment_part(os.environ.get(name)) for name in kept.env}) if kept.env else kept
        )

    def of_then(self, key: str) -> Recipe:
        """Return the recipe of an asset with the environment of the time when it was kept."""
        if key not in self._made:
            self._made[key] = self._unpacked(key)
        return self._made[key]

    def _unpacked(self, key: str) -> Recipe:
        if self._parts is None:
            listed = marshal.loads(self._parts_data)  # noqa: S302  # our own file, and whole
            self._parts = [(subject, Shown(*shown), text) for subject, shown, text in listed]
            self._shared = pickle.loads(self._shared_data)  # noqa: S301  # our own file, and whole
        version, parts, packages, config, env, manager, declared = marshal.loads(self._rows[key])  # noqa: S302  # as above
        found = [self._parts[place] for place in parts]
        return Recipe(
            version,
            {subject: shown for subject, shown, _ in found},
            {shown.version: text for _, shown, text in found if text is not None},
            self._shared[packages],
            {name: Shown(*shown) for name, shown in config.items()},
            env,
            self._shared[manager],
            declared,
        )

    def stem(self, key: str) -> bytes:
        """Return what the build keys of an asset's partitions have in common."""
        kept: bytes | None = self._stems.get(key)
        return build_stem(key, self.recipe(key), self._graph.assets[key].inputs) if kept is None else kept

    def plain(self, key: str) -> tuple[str, ...] | None:
        """Return what an asset reads, in the order of its build key; None where more than that is to be said."""
        kept: tuple[str, ...] | None = self._plain[key]
        return kept

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that any asset reads."""
        return frozenset(self._names)

    @property
    def is_widened(self) -> bool:
        """Whether any code version was widened."""
        return bool(self._widened)

    def check(self, keys: frozenset[str]) -> None:
        """Do nothing: a manifest is kept only when every recipe could be computed."""

    def widened(self, key: str) -> tuple[Widened, ...]:
        """Return where the asset's code version was widened."""
        return self._widened.get(key, ())


def packed_recipes(recipes: _Recipes, keys: Iterable[str]) -> tuple[Any, ...]:
    """Return plain data that stands for the recipes of these assets."""
    rows: dict[str, bytes] = {}
    stems: dict[str, bytes] = {}
    plain: dict[str, tuple[str, ...] | None] = {}
    parts: dict[tuple[Any, ...], int] = {}
    shared: dict[object, int] = {}
    listed: list[Mapping[str, Any]] = []
    widened: dict[str, tuple[Widened, ...]] = {}
    names: set[str] = set()

    def place_of(known: object, said: Mapping[str, Any]) -> int:
        if known not in shared:
            shared[known] = len(listed)
            listed.append(said)  # which keeps it, and its id, alive
        return shared[known]

    for key in keys:
        recipe = recipes.recipe(key)
        texts = recipe.texts
        places = []
        for subject, part in recipe.code.items():
            one = (subject, (part.version, part.shown, part.place), texts.get(part.version))
            places.append(parts.setdefault(one, len(parts)))
        packages = place_of(tuple(recipe.packages.items()), recipe.packages)
        manager = place_of(id(recipe.io_manager), recipe.io_manager)
        rows[key] = _recipe_row(recipe, places, packages, manager)
        plain[key] = recipes.plain(key)
        if recipe.env:
            names.update(recipe.env)
        else:
            stems[key] = recipes.stem(key)
        if found := recipes.widened(key):
            widened[key] = found
    return (
        rows,
        stems,
        plain,
        marshal.dumps(list(parts)),
        pickle.dumps([dict(said) for said in listed], protocol=5),
        sorted(names),
        pickle.dumps(widened, protocol=5),
    )


def _recipe_row(recipe: Recipe, parts: Iterable[int], packages: int, manager: int) -> bytes:
    config = {name: (part.version, part.shown, part.place) for name, part in recipe.config.items()}
    return marshal.dumps(
        (recipe.code_version, tuple(parts), packages, config, dict(recipe.env), manager, recipe.declared)
    )


def changed_recipes(
    content: tuple[Any, ...], graph: Graph, recipes: Mapping[str, Recipe], lines: Mapping[str, Mapping[int, int]]
) -> tuple[Any, ...]:
    """Return the packed recipes with others for the assets of edited leaves, and the lines at which parts stand now.

    No other code names a leaf, so the part that is its own is no other asset's. ``lines`` are by relative path.
    """
    rows, stems, plain, parts_data, *rest = content
    parts = marshal.loads(parts_data)  # noqa: S302  # our own file, and whole
    rows, stems = dict(rows), dict(stems)
    for key, recipe in recipes.items():
        _, places, packages, _, _, manager, _ = marshal.loads(rows[key])  # noqa: S302  # as above
        for place, (subject, part) in zip(places, recipe.code.items(), strict=True):
            parts[place] = (subject, (part.version, part.shown, part.place), recipe.texts.get(part.version))
        rows[key] = _recipe_row(recipe, places, packages, manager)
        if key in stems:
            stems[key] = build_stem(key, recipe, graph.assets[key].inputs)
    if lines:
        parts = [
            (subject, (version, shown, _moved(place, lines)), text) for subject, (version, shown, place), text in parts
        ]
    return rows, stems, plain, marshal.dumps(parts), *rest


def _moved(place: str, lines: Mapping[str, Mapping[int, int]]) -> str:
    file, _, line = place.rpartition(":")
    now = lines[file].get(int(line)) if file in lines and line.isdecimal() else None
    return place if now is None else f"{file}:{now}"
