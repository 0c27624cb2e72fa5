"""Which environment variables a name is made from, through every name and function in between.

In: chains of names and module-level statements. Out: the names of the variables; what they hold is config.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.code.dynamic import environment_names
from assetbuild.fingerprint.code.index import distinct
from assetbuild.fingerprint.code.modules import External, Meaning, View
from assetbuild.fingerprint.code.names import Chain, Names
from assetbuild.fingerprint.code.scope import names_of_statements

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["EnvironmentReads", "Origin"]

_KNOWN_OBJECTS = {id(os.environ): "os.environ", id(os.getenv): "os.getenv"}


_VOLATILE: Final = frozenset(
    {
        *("datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"),
        *(f"time.{name}{unit}" for name in ("time", "monotonic", "perf_counter") for unit in ("", "_ns")),
        *("time.localtime", "time.gmtime", "time.strftime", "time.ctime", "uuid.uuid1", "uuid.uuid4", "os.urandom"),
        *("os.getpid", "os.getppid", "os.cpu_count", "os.getlogin", "os.uname", "os.getcwd", "getpass.getuser"),
        *("socket.gethostname", "socket.getfqdn", "platform.node", "platform.platform", "platform.uname"),
        *("multiprocessing.cpu_count", "tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.gettempdir"),
    }
)
"""Calls that give another value in every process or on every machine: the statement counts, the value does not."""
_RANDOM_MODULES: Final = frozenset({"random", "secrets", "numpy.random"})


@dataclass(frozen=True, slots=True)
class Origin:
    """What a name is made from: environment variables, and whether something that changes by itself takes part."""

    variables: frozenset[str]
    is_volatile: bool


@dataclass(frozen=True, slots=True)
class _Direct:
    variables: frozenset[str]
    is_volatile: bool
    uses: tuple[Meaning, ...]


class EnvironmentReads:
    """Traces names to the environment variables that they are made from."""

    def __init__(self, walk: Walk) -> None:
        """Take the walk that asks."""
        self._walk = walk
        self._origins: dict[tuple[int, str], Origin] = {}
        self._directs: dict[tuple[int, str], _Direct] = {}

    def dotted(
        self, chain: Chain, view: View | None, namespace: Mapping[str, Any], cells: Mapping[str, Any]
    ) -> str | None:
        """Return the public name of what a chain means in another library (``os.environ.get``); None for the user's."""
        if chain.imported is None and chain.root not in namespace and chain.root not in cells:
            return ".".join(("builtins", chain.root, *chain.attributes))
        scope = {**namespace, chain.root: cells[chain.root]} if chain.root in cells else namespace
        for length in range(len(chain.attributes) + 1):
            found = self._walk.modules.resolve(
                Chain(chain.root, chain.attributes[:length], 0, chain.imported), view, scope
            )
            rest = chain.attributes[length:]
            if isinstance(found, External):
                return ".".join(part for part in (found.module, found.name, *rest) if part)
            if isinstance(found, Meaning):
                name = _KNOWN_OBJECTS.get(id(found.value))
                return ".".join((name, *rest)) if name else None
        return None

    def origin(self, view: View, name: str) -> Origin:
        """Return what a module-level name is made from, beyond the source."""
        key = (id(view.namespace), name)
        if key not in self._origins:
            self._origins[key] = self._search([self._direct(view, name)])
        return self._origins[key]

    def reads_environment(self, trees: Iterable[ast.AST], view: View) -> bool:
        """Say whether statements read the environment, also through the names that they use."""
        names = names_of_statements(trees, self._walk.keep)
        return bool(self._search([self._read(names, view, is_definition=False)]).variables)

    def is_volatile(self, tree: ast.expr, view: View) -> bool:
        """Say whether a default gives another value each time: ``time.time()``, ``Field(default_factory=uuid4)``."""
        names = names_of_statements([tree], self._walk.keep)
        found = [self.dotted(chain, view, view.namespace, {}) for chain in names.chains]
        named = any(dotted is not None and _is_volatile(dotted) for dotted in found)
        return named or self._search([self._read(names, view, is_definition=False)]).is_volatile

    def _search(self, waiting: list[_Direct]) -> Origin:
        variables: set[str] = set()
        is_volatile = False
        seen: set[tuple[int, str]] = set()
        while waiting:
            direct = waiting.pop()
            variables |= direct.variables
            is_volatile = is_volatile or direct.is_volatile
            for meaning in direct.uses:
                key = (id(meaning.view.namespace), meaning.name)
                if key not in seen:
                    seen.add(key)
                    waiting.append(self._direct(meaning.view, meaning.name))
        return Origin(frozenset(variables), is_volatile)

    def _direct(self, view: View, name: str) -> _Direct:
        key = (id(view.namespace), name)
        if key not in self._directs:
            statements = distinct([*view.index.bindings.get(name, ()), *view.index.changes.get(name, ())])
            trees = [statement.node for statement in statements if not statement.imports]
            is_definition = any(statement.is_definition for statement in statements)
            names = names_of_statements(trees, self._walk.keep)
            self._directs[key] = self._read(names, view, is_definition=is_definition)
        return self._directs[key]

    def _read(self, names: Names, view: View, *, is_definition: bool) -> _Direct:
        variables: set[str] = set()
        is_volatile = False
        for access in names.accesses:
            dotted = self.dotted(access.chain, view, view.namespace, {})
            if dotted is None:
                continue
            is_volatile = is_volatile or (access.is_call and not is_definition and _is_volatile(dotted))
            variables |= environment_names(self._walk, access, dotted, view, view.namespace)
        meanings = [self._walk.modules.resolve(chain, view, view.namespace) for chain in names.chains]
        uses = tuple(meaning for meaning in meanings if isinstance(meaning, Meaning))
        return _Direct(frozenset(variables), is_volatile, uses)


def _is_volatile(dotted: str) -> bool:
    """Say whether a call gives another value in every process or on every machine."""
    module, _, name = dotted.rpartition(".")
    return dotted in _VOLATILE or (module in _RANDOM_MODULES and name.islower() and name not in {"seed", "default_rng"})
