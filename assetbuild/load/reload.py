"""Load again what an edit affects, in the process that loaded the rest, or put everything back.

In: the importer of the last load, and which files moved. Out: an importer under which the affected modules were
executed anew and the others stayed; or none, when the effect cannot be told or turns out larger than it seemed:
then all first-party modules are loaded again. Modules of other libraries always stay.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType, TracebackType
from typing import Self

from assetbuild.declare.collect import Definition
from assetbuild.errors import DefinitionError
from assetbuild.load.affected import affected_by, changed_by
from assetbuild.load.definitions import load_modules
from assetbuild.load.importer import Importer
from assetbuild.load.journal import Journal
from assetbuild.load.settings import Settings

__all__ = ["Reload"]


class Reload:
    """One attempt; as a context manager it puts the modules of the last load back when the block fails."""

    def __init__(self, last: Importer) -> None:
        """Take the importer whose modules are loaded."""
        self._last = last
        self._modules: dict[str, ModuleType] = {}
        self.kept: set[str] = set()
        """The modules that stayed."""
        self.definitions: list[Definition] = []

    def __enter__(self) -> Self:
        """Remember the modules that are loaded."""
        self._modules = self._last.loaded()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the modules back after a failure."""
        if error is not None:
            self._restore()

    def _restore(self) -> None:
        for name in self._last.loaded():
            _unload(name)
        for name, module in self._modules.items():
            sys.modules[name] = module
            parent, _, last = name.rpartition(".")
            if parent in self._modules:
                setattr(self._modules[parent], last, module)
        self._last.install()

    def changed_modules(
        self, settings: Settings, bundle: Mapping[str, bytes] | None, moved: Iterable[str] | None
    ) -> Importer | None:
        """Load what is affected and keep the rest; return None when all must be loaded, with nothing changed."""
        entries = self._last.journal.entries
        paths = self._last.moved_in(bundle) if bundle is not None else (None if moved is None else set(moved))
        if paths is None or not paths <= {entry.path for entry in entries.values()}:
            return None
        if any(sys.modules.get(name) is not entry.module for name, entry in entries.items()):
            return None
        # Modules that were imported later, by the body of a function: a fresh load would not yet have them.
        late = set(entries) - self._last.journal.live(settings.definitions)[1] if bundle is None else set[str]()
        moved_modules = {name for name, entry in entries.items() if entry.path in paths}
        affected = affected_by(moved_modules | changed_by(late, entries), entries)
        if affected is None or affected | late >= set(entries):
            return None
        journal = self._last.journal.copy()
        journal.forget(affected | late)
        kept = set(journal.entries)
        for name in affected | late:
            _unload(name)
        importer = Importer(settings.root, bundle=bundle, journal=journal)
        importer.keep(self._last)
        importer.install()
        try:
            self.definitions = load_modules(importer, settings)
        except DefinitionError:  # perhaps not, where all are loaded
            self._restore()
            return None
        if not self._is_complete(journal, kept, late):
            self._restore()
            return None
        self.definitions, live = journal.live(settings.definitions)
        dead = kept - live if bundle is None else set[str]()
        if changed_by(dead, journal.entries):  # what it did to others stays done
            self._restore()
            return None
        for name in dead:
            _unload(name)
        journal.forget(dead)
        self.kept = kept & set(journal.entries)
        return importer

    def _is_complete(self, journal: Journal, kept: set[str], late: set[str]) -> bool:
        """Say whether what was executed cannot have changed a module that was kept."""
        executed = set(journal.entries) - kept
        affected = affected_by(executed - late, journal.entries)
        return affected is not None and not affected & kept


def _unload(name: str) -> None:
    module = sys.modules.pop(name, None)
    parent, _, last = name.rpartition(".")
    if parent in sys.modules and vars(sys.modules[parent]).get(last) is module and module is not None:
        delattr(sys.modules[parent], last)
