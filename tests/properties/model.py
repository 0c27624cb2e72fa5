"""The model of a build: which assets run, which are restored, which are fresh. DESIGN in eighty lines.

Written from the version model alone: a build key is made of what the code says and the data
versions of direct upstreams; a trace leads from a key to a value; a pointer says what lies at
the asset's place now. It shares no code with assetbuild.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.properties.world import SOURCES, Value, World, value_of

Version = tuple[str, Value]


@dataclass
class Pointer:
    """What lies at an asset's place, and whether somebody damaged it."""

    version: Version
    manager: str
    is_intact: bool = True


@dataclass
class Model:
    """The state of a project that was built some times."""

    traces: dict[Any, Version] = field(default_factory=dict)
    pointers: dict[str, Pointer] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def build(self, world: World, selected: set[str], forced: set[str]) -> dict[str, str]:
        """Return the outcome of every asset of a build with keep-going, and remember its effects."""
        wanted = world.closure(selected)
        outcomes: dict[str, str] = {}
        for name in (name for name in world.order() if name in wanted):
            if any(outcomes[up] in {"failed", "skipped"} for up in world.upstream(name)):
                outcomes[name] = "skipped"
            else:
                outcomes[name] = self._step(world, name, is_forced=name in forced)
        return outcomes

    def _step(self, world: World, name: str, *, is_forced: bool) -> str:
        node = world.node(name)
        key = self._build_key(world, name)
        traced, pointer = self.traces.get(key), self.pointers.get(name)
        outcome = "built"
        if traced is not None and not is_forced:
            is_there = pointer is not None and pointer.is_intact and pointer.manager == node.kind
            if is_there and pointer is not None and pointer.version == traced:
                return "fresh"
            outcome = "restored"
        elif node.fails:
            return "failed"
        value = value_of(world, name, self.values)
        version = ("json" if node.kind == "json" else "table", value)
        self.traces[key] = version
        self.pointers[name] = Pointer(version, node.kind)
        self.values[name] = value
        return outcome

    def _build_key(self, world: World, name: str) -> Any:
        node = world.node(name)
        helper = (node.helper, world.helpers[node.helper]) if node.helper is not None else None
        inputs = frozenset((key, way, self._input_version(world, key, way)) for key, way in node.inputs)
        order = tuple(key for key, way in node.inputs if way != "deps")
        code = (node.kind, node.variant, node.shape, helper, node.fails, node.has_config, order)
        return (name, code, world.added(name), inputs)

    def _input_version(self, world: World, key: str, way: str) -> Any:
        if key in SOURCES:
            return world.sources[SOURCES.index(key)]
        version = self.pointers[key].version
        return version[1][0] if way == "columns" else version
