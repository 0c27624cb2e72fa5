"""What a change moves: today's definitions and sources against those that were last compared.

No plan is needed to see that a save changes nothing: an asset can only become stale by its own recipe, its edges, or
a source that it reads; and by an asset upstream of it, of which the same is true.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from assetbuild.errors import DefinitionError
from assetbuild.graph.model import Asset, Graph
from assetbuild.load.stage import Stage
from assetbuild.plan.sources import SourceObserver
from assetbuild.record.stamps import StampCache

__all__ = ["downstream_of", "moved_assets", "moved_sources", "source_versions"]

_PROBLEM = "problem"


def moved_assets(before: Stage | None, now: Stage) -> frozenset[str]:
    """Return the assets that are new, or whose code, config, environment, IO manager or edges are others."""
    if before is now:
        return frozenset()
    if before is None:
        return frozenset(now.graph.assets)
    old = before.graph.assets
    return frozenset(
        key for key, asset in now.graph.assets.items() if key not in old or _says(before, old[key]) != _says(now, asset)
    )


def moved_sources(before: Stage | None, now: Stage) -> frozenset[str]:
    """Return the sources that are declared in another way than before."""
    if before is None or before is now:
        return frozenset()
    old = before.graph.sources
    return frozenset(
        key
        for key, source in now.graph.sources.items()
        if key not in old or _reads(old[key].definition) != _reads(source.definition)
    )


def source_versions(stage: Stage, keys: Iterable[str]) -> dict[str, str]:
    """Return the content version of sources that are files; observe functions are not called."""
    stamps = StampCache(stage.settings.state_folder / "stamps.db")
    observer = SourceObserver(stage.settings.root, stamps, stage.io_managers)
    versions: dict[str, str] = {}
    for key in keys:
        source = stage.graph.sources.get(key)
        if source is not None and source.definition.path is not None:
            versions[key] = observer.content(source) or _PROBLEM
    stamps.flush()
    return versions


def downstream_of(graph: Graph, keys: Iterable[str]) -> frozenset[str]:
    """Return the assets among the keys, and all that depend on the keys, directly or not."""
    found: set[str] = set()
    waiting = [key for key in keys if key in graph.assets or key in graph.sources]
    while waiting:
        key = waiting.pop()
        if key in graph.assets:
            if key in found:
                continue
            found.add(key)
            waiting.extend(sibling for sibling in graph.assets[key].siblings if sibling not in found)
        waiting.extend(graph.downstream(key))
    return frozenset(found)


def _says(stage: Stage, asset: Asset) -> object:
    try:
        recipe = stage.recipes.recipe(asset.key)
    except DefinitionError as error:
        return str(error)
    config = {name: part.version for name, part in recipe.config.items()}
    own = [recipe.code_version, config, recipe.env, recipe.packages, recipe.io_manager, recipe.declared]
    return own, asset.inputs, asset.siblings, asset.returns, getattr(asset.definition, "partitions", None)


def _reads(definition: Any) -> object:
    return definition.path, definition.observe is None, definition.optional, definition.options
