"""Which environment variables a name is made from, through every name and function in between.

In: chains of names and module-level statements. Out: the names of the variables; values are the config version's affair.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from assetbuild.fingerprint.code.dynamic import environment_name
from assetbuild.fingerprint.code.index import distinct
from assetbuild.fingerprint.code.modules import External, Meaning, View
from assetbuild.fingerprint.code.scope import Chain, Names, names_of_statements

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["EnvironmentReads"]

_KNOWN_OBJECTS = {id(os.environ): "os.environ", id(os.getenv): "os.getenv"}


class EnvironmentReads:
    """Traces names to the environment variables that they are made from."""

    def __init__(self, walk: Walk) -> None:
        """Take the walk that asks."""
        self._walk = walk
        self._environment: dict[tuple[int, str], frozenset[str]] = {}

    def dotted(
        self, chain: Chain, view: View | None, namespace: Mapping[str, Any], cells: Mapping[str, Any]
    ) -> str | None:
        """Return the public name of what a chain means in another library: ``os.environ.get``; None for the user's own."""
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

    def environment_of(self, view: View, name: str, seen: frozenset[tuple[int, str]] = frozenset()) -> frozenset[str]:
        """Return the environment variables that a module-level name is made from."""
        key = (id(view.namespace), name)
        if key in seen:
            return frozenset()
        if key not in self._environment:
            statements = distinct([*view.index.bindings.get(name, ()), *view.index.changes.get(name, ())])
            trees = [statement.node for statement in statements if not statement.imports]
            self._environment[key] = self._environment_read(
                names_of_statements(trees, self._walk.keep), view, seen | {key}
            )
        return self._environment[key]

    def reads_environment(self, trees: Iterable[ast.AST], view: View) -> bool:
        """Say whether statements read the environment, also through the names that they use."""
        return bool(self._environment_read(names_of_statements(trees, self._walk.keep), view, frozenset()))

    def _environment_read(self, names: Names, view: View, seen: frozenset[tuple[int, str]]) -> frozenset[str]:
        found: set[str] = set()
        for access in names.accesses:
            dotted = self.dotted(access.chain, view, view.namespace, {})
            if (
                dotted is not None
                and (read := environment_name(self._walk, access, dotted, view, view.namespace)) is not None
            ):
                found.add(read)
        for chain in names.chains:
            meaning = self._walk.modules.resolve(chain, view, view.namespace)
            if isinstance(meaning, Meaning):
                found |= self.environment_of(meaning.view, meaning.name, seen)
        return frozenset(found)
