"""The journal of a load: which module declared what, which module imported which, in the order in which it happened.

In: what the importer and Python's import statement tell. Out: for each first-party module an ``Entry``. From the
entries follow the definitions that a fresh load would collect, in its order, and which modules it would load; so a
part of the modules can be loaded again, and the rest kept.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.collect import Definition

__all__ = ["Entry", "Journal", "words_of"]


@dataclass(slots=True)
class Entry:
    """What one module did while it loaded."""

    module: ModuleType
    path: str
    code: CodeType
    events: list[Definition | str] = field(default_factory=list)
    """What it declared, and the names of the modules that it imported, whether or not they were loaded then."""


class Journal:
    """The entries of all first-party modules that are loaded."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.entries: dict[str, Entry] = {}
        self._elsewhere: list[Definition] = []
        """What was declared while no first-party module executed: by an installed package."""
        self._collected: list[Definition] = []
        self._noted = 0
        self._open: list[Entry] = []
        self._tops: set[str] = set()

    @contextmanager
    def executing(self, entry: Entry) -> Iterator[None]:
        """Note what happens in the block as done by this module; one that fails leaves no entry."""
        name = entry.module.__name__
        self._flush()
        self.entries[name] = entry
        self._tops.add(name.partition(".")[0])
        self._open.append(entry)
        try:
            yield
        except BaseException:
            self._flush()
            self.entries.pop(name, None)
            if len(self._open) > 1:  # what it did stays done, on account of whoever tried to import it
                self._open[-2].events += entry.events
            raise
        finally:
            self._flush()
            self._open.pop()

    def _flush(self) -> None:
        if len(self._collected) > self._noted:
            (self._open[-1].events if self._open else self._elsewhere).extend(self._collected[self._noted :])
            self._noted = len(self._collected)

    @contextmanager
    def watching(self, collected: list[Definition]) -> Iterator[None]:
        """Note every import that is done in the block, and what is added to ``collected``."""
        inner = builtins.__import__
        self._collected, self._noted = collected, 0

        def noted(
            name: str,
            globals: dict[str, Any] | None = None,  # noqa: A002  # the protocol's name
            locals: dict[str, Any] | None = None,  # noqa: A002  # the protocol's name
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            module = inner(name, globals, locals, fromlist or (), level)
            if self._open:
                self._note(module, name, fromlist or (), globals or {}, level)
            return module

        builtins.__import__ = noted  # type: ignore[assignment]  # imports give it real namespaces
        try:
            yield
        finally:
            builtins.__import__ = inner
            self._flush()
            self._collected, self._noted = [], 0

    def _note(
        self, module: ModuleType, name: str, fromlist: Sequence[str], namespace: dict[str, Any], level: int
    ) -> None:
        if level:
            package = str(namespace.get("__package__") or "")
            base = package.rsplit(".", level - 1)[0] if level > 1 else package
            name = f"{base}.{name}" if name else base
        if name.partition(".")[0] not in self._tops:
            return
        self._flush()
        events = self._open[-1].events
        events.append(name)
        if fromlist and hasattr(module, "__path__"):
            parts = [part for part in fromlist if part != "*"]
            if "*" in fromlist:
                parts += [part for part in getattr(module, "__all__", ()) if isinstance(part, str)]
            events += [full for part in parts if (full := f"{name}.{part}") in self.entries]

    def live(self, roots: Sequence[str]) -> tuple[list[Definition], set[str]]:
        """Return what a fresh load of these modules declares, in order, and the modules that it loads."""
        found = list(self._elsewhere)
        seen: set[str] = set()
        waiting: list[Iterator[Definition | str]] = [iter(list(roots))]
        while waiting:
            event = next(waiting[-1], None)
            if event is None:
                waiting.pop()
            elif not isinstance(event, str):
                found.append(event)
            else:
                # 'import a.b.c' executes a, then a.b, then a.b.c.
                parts = event.split(".")
                names = [".".join(parts[: place + 1]) for place in range(len(parts))]
                fresh = [name for name in names if name not in seen and name in self.entries]
                seen.update(fresh)
                waiting += [iter(self.entries[name].events) for name in reversed(fresh)]
        return found, seen

    def forget(self, names: Iterable[str]) -> None:
        """Drop the entries of modules that are no longer loaded."""
        for name in names:
            self.entries.pop(name, None)

    def copy(self) -> Journal:
        """Return a journal with the same entries, to which a reload adds its own."""
        other = Journal()
        other.entries = dict(self.entries)
        other._tops = set(self._tops)
        other._elsewhere = list(self._elsewhere)
        return other


def words_of(code: CodeType) -> frozenset[str]:
    """Return every name that a module's code uses: globals, attributes and imported modules, in all its functions."""
    words: set[str] = set()
    waiting = [code]
    while waiting:
        one = waiting.pop()
        words.update(one.co_names)
        for constant in one.co_consts:
            if isinstance(constant, CodeType):
                waiting.append(constant)
            elif constant == ("*",):
                words.add("*")
    return frozenset(map(sys.intern, words))
