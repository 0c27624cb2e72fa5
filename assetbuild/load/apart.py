"""The assets of a project whose modules are loaded one by one, as their assets are asked for.

For a worker that runs a part of them, of definitions that the parent process has validated, where no module does
anything to others while it is imported. Whatever turns out otherwise makes all of them be loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assetbuild.dataclass import replace
from assetbuild.errors import DefinitionError
from assetbuild.graph.build import graph_on_demand
from assetbuild.graph.model import Asset, Graph
from assetbuild.load.affected import is_blind
from assetbuild.load.definitions import load_modules
from assetbuild.load.importer import Importer
from assetbuild.load.settings import Settings

__all__ = ["graph_apart"]


def graph_apart(
    settings: Settings, homes: Mapping[str, str], *, bundle: Mapping[str, bytes], codes: Mapping[str, bytes]
) -> Graph:
    """Return a graph that has assets and nothing else, and loads the module in ``homes`` of one that is asked for."""
    graph = Graph((), ())
    graph.assets = _Apart(settings, homes, bundle, codes)
    return graph


class _Apart(Mapping[str, Asset]):
    """Assets by key."""

    def __init__(
        self, settings: Settings, homes: Mapping[str, str], bundle: Mapping[str, bytes], codes: Mapping[str, bytes]
    ) -> None:
        self._settings = settings
        self._homes = homes
        self._bundle = bundle
        self._loaded: dict[str, Mapping[str, Asset]] = {}
        self._whole: Mapping[str, Asset] | None = None
        self._importer = Importer(settings.root, bundle=bundle, codes=codes)
        self._importer.purge()
        self._importer.install()

    def __getitem__(self, key: str) -> Asset:
        home = self._homes[key]
        if self._whole is None and home not in self._loaded:
            self._load(home, key)
        return (self._loaded[home] if self._whole is None else self._whole)[key]

    def _load(self, home: str, key: str) -> None:
        entries = self._importer.journal.entries
        before = set(entries)
        try:
            collected = load_modules(self._importer, replace(self._settings, definitions=(home,)))
        except DefinitionError:  # it may need another one that was loaded before it
            collected = []
        found = graph_on_demand(collected, root=self._settings.root, declared=self._homes)
        if key not in found.assets or any(is_blind(entries[name]) for name in entries.keys() - before):
            with Importer(self._settings.root, bundle=self._bundle) as importer:
                collected = load_modules(importer, self._settings)
            self._whole = graph_on_demand(collected, root=self._settings.root).assets
        else:
            self._loaded[home] = found.assets

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
