"""Load the definitions of a project: import its modules and build the validated graph."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping

from assetbuild.dataclass import dataclass, replace
from assetbuild.declare.collect import Definition, collecting
from assetbuild.errors import DefinitionError, Problem, UsageError
from assetbuild.graph.build import build_graph, graph_on_demand
from assetbuild.graph.model import Graph
from assetbuild.load.importer import Importer
from assetbuild.load.settings import Settings
from assetbuild.store.io import Place
from assetbuild.store.registry import IOManagers

__all__ = ["Definitions", "load_definitions", "load_modules"]


@dataclass(frozen=True, slots=True)
class Definitions:
    """The loaded graph, and the importer that holds the bytes it was loaded from.

    ``kept`` are the modules that stayed as an earlier load left them; the others were executed.
    """

    graph: Graph
    importer: Importer
    kept: frozenset[str] = frozenset()


def load_definitions(  # noqa: PLR0913  # what to load, from which bytes, after what
    settings: Settings,
    io_managers: IOManagers,
    *,
    bundle: Mapping[str, bytes] | None = None,
    codes: Mapping[str, bytes] | None = None,
    previous: Definitions | None = None,
    moved: Iterable[str] | None = None,
    on_demand: bool = False,
) -> Definitions:
    """Import every module of ``definitions`` and return the graph of what they declare.

    With a ``bundle`` (absolute path to bytes) exactly those bytes are compiled, whatever lies on the disk; ``codes``
    are the modules of them that this very interpreter has compiled before, packed.

    With the ``previous`` definitions of this process, modules stay that cannot hold anything of one that changed:
    ``moved`` names the files that changed, all else that loading read being as it was; with a bundle it is not needed.
    When the new definitions do not load, the previous ones are in place again.
    ``on_demand`` is for definitions that the parent process has validated: their graph resolves an asset when it is
    asked for.
    Raises DefinitionError with every problem found.
    """
    if previous is None:
        importer, collected = _load_all(settings, bundle, codes)
        return Definitions(_graph(collected, settings, io_managers, on_demand=on_demand), importer)
    # Only here: a command loads once.
    from assetbuild.load.reload import Reload  # noqa: PLC0415

    with Reload(previous.importer) as reload:
        found = reload.changed_modules(settings, bundle, moved)
        importer, collected = (found, reload.definitions) if found is not None else _load_all(settings, bundle)
        graph = _graph(collected, settings, io_managers, on_demand=on_demand)
    importer.adopt()
    return Definitions(graph, importer, frozenset(reload.kept))


def load_modules(importer: Importer, settings: Settings) -> list[Definition]:
    """Import the modules of ``definitions`` and return what was declared meanwhile, in order."""
    problems: list[Problem] = []
    # What a module prints while it loads is no part of a JSON document on stdout.
    with collecting() as collected, importer.journal.watching(collected), contextlib.redirect_stdout(sys.stderr):
        for name in settings.definitions:
            try:
                importer.load(name)
            except DefinitionError as error:
                problems.extend(_placed(problem, settings) for problem in error.problems if problem not in problems)
    if problems:
        raise DefinitionError(*problems)
    return collected


def _load_all(
    settings: Settings, bundle: Mapping[str, bytes] | None, codes: Mapping[str, bytes] | None = None
) -> tuple[Importer, list[Definition]]:
    with Importer(settings.root, bundle=bundle, codes=codes) as importer:
        return importer, load_modules(importer, settings)


def _graph(collected: list[Definition], settings: Settings, io_managers: IOManagers, *, on_demand: bool) -> Graph:
    if on_demand:
        return graph_on_demand(collected, root=settings.root)
    return build_graph(
        collected,
        root=settings.root,
        io_managers=io_managers.names(),
        pools=settings.pools,
        location_of=lambda key, name: _location(key, name, settings, io_managers),
    )


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
