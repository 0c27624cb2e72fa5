"""Load the definitions of a project: import its modules and build the validated graph."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from assetbuild.declare.collect import collecting
from assetbuild.errors import DefinitionError, Problem, UsageError
from assetbuild.graph.build import build_graph
from assetbuild.graph.model import Graph
from assetbuild.load.importer import Importer
from assetbuild.load.settings import Settings
from assetbuild.store.io import Place
from assetbuild.store.registry import IOManagers

__all__ = ["Definitions", "load_definitions"]


@dataclass(frozen=True, slots=True)
class Definitions:
    """The loaded graph, and the importer that holds the bytes it was loaded from."""

    graph: Graph
    importer: Importer


def load_definitions(
    settings: Settings, io_managers: IOManagers, *, bundle: Mapping[str, bytes] | None = None
) -> Definitions:
    """Import every module of ``definitions`` and return the graph of what they declare.

    With a ``bundle`` (absolute path to bytes) exactly those bytes are compiled, whatever lies on the disk.
    Raises DefinitionError with every problem found.
    """
    importer = Importer(settings.root, bundle=bundle)
    problems: list[Problem] = []
    # What a module prints while it loads is no part of a JSON document on stdout.
    with importer, collecting() as collected, contextlib.redirect_stdout(sys.stderr):
        for name in settings.definitions:
            try:
                importer.load(name)
            except DefinitionError as error:
                problems.extend(_placed(problem, settings) for problem in error.problems if problem not in problems)
    if problems:
        raise DefinitionError(*problems)
    graph = build_graph(
        collected,
        root=settings.root,
        io_managers=io_managers.names(),
        pools=settings.pools,
        location_of=lambda key, name: _location(key, name, settings, io_managers),
    )
    return Definitions(graph, importer)


def _placed(problem: Problem, settings: Settings) -> Problem:
    if problem.file is not None:
        return problem
    file, line = settings.place("definitions")
    return replace(problem, file=file, line=line)


def _location(key: str, name: str, settings: Settings, io_managers: IOManagers) -> str:
    try:
        return io_managers.get(name).location(Place(warehouse=settings.root / settings.warehouse, asset_key=key))
    except UsageError as error:
        file, line = settings.place("io_managers", name)
        raise UsageError(*(replace(problem, file=file, line=line) for problem in error.problems)) from error
