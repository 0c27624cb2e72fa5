"""The cone of a change: the assets that may not be fresh, when all were fresh before some files moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetbuild.load.standstill import moved_since, places_of

if TYPE_CHECKING:
    from assetbuild.load.stage import Stage

__all__ = ["cone_of"]


def cone_of(stage: Stage) -> frozenset[str] | None:
    """Return the assets that may not be fresh; None when it may be any.

    An asset is fresh when its recipe, what it reads and its value are as they were when all was noted as fresh. The
    recipes that differ are known from the load, and all else is compared with the note: what lies downstream of a
    recipe or of a source that has moved is the cone.
    """
    if stage.edits is None or stage.trace is None:
        return None
    moved = moved_since(stage.settings, stage.edits.since)
    if moved is None:
        return None
    files, trees = moved
    if (str(stage.settings.root / stage.settings.warehouse), None) in trees:  # any value may be another
        return None
    roots = set(stage.edits.assets)
    for key, source in stage.graph.sources.items():
        own_files, own_trees = places_of(source, stage.settings)
        if not (own_files.isdisjoint(files) and own_trees.isdisjoint(trees)):
            roots.add(key)
            files -= own_files
            trees -= own_trees
    # What loading read was compared by content.
    if trees or not files <= stage.trace.files.keys():
        return None
    graph = stage.graph
    reached = roots
    for key in graph.assets if roots else ():
        if key in reached or not reached.isdisjoint(graph.upstream(key)):
            reached.update(graph.siblings[key])  # the outputs of one function are judged together
    return frozenset(reached - graph.sources.keys())
