"""A random project as data: its assets, helpers, sources and config; how it is written, and what its values are.

In: random numbers. Out: the text of its files and the value of every asset. Knows nothing of builds.

Values are kept tiny (three by two possibilities), so that edits often give the value of before:
early cutoff and restored values then occur all the time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

Way = Literal["load", "columns", "deps"]
Kind = Literal["json", "table", "duckdb"]
Value = tuple[int, int]

HELPER_COUNT = 2
SOURCES = ("s0", "s1")


@dataclass(frozen=True)
class Node:
    """One asset. ``variant`` changes its value, ``shape`` only its code."""

    name: str
    kind: Kind
    inputs: tuple[tuple[str, Way], ...] = ()
    variant: int = 0
    shape: int = 0
    helper: int | None = None
    has_config: bool = False
    fails: bool = False
    module: int = 0


@dataclass(frozen=True)
class World:
    """A whole project. ``salt`` changes comments, docstrings and order, which never count."""

    nodes: tuple[Node, ...]
    helpers: tuple[tuple[int, int], ...] = ((0, 0),) * HELPER_COUNT
    sources: tuple[int, ...] = (0,) * len(SOURCES)
    config: dict[str, int | None] = field(default_factory=dict)
    salt: int = 0

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def with_node(self, name: str, **changes: object) -> World:
        """Return the world with one asset changed."""
        nodes = tuple(replace(node, **changes) if node.name == name else node for node in self.nodes)  # type: ignore[arg-type]
        return replace(self, nodes=nodes)

    def upstream(self, name: str) -> list[str]:
        return [key for key, _ in self.node(name).inputs if key not in SOURCES]

    def downstream(self, name: str) -> list[str]:
        return [node.name for node in self.nodes if name in {key for key, _ in node.inputs}]

    def order(self) -> list[str]:
        """Return the assets in build order: Kahn, smallest key first."""
        waiting = {node.name: set(self.upstream(node.name)) for node in self.nodes}
        order: list[str] = []
        while waiting:
            name = min(name for name, upstream in waiting.items() if not upstream)
            del waiting[name]
            order.append(name)
            for upstream in waiting.values():
                upstream.discard(name)
        return order

    def closure(self, names: set[str]) -> set[str]:
        """Return the names and everything upstream of them."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.upstream(name)
        return found

    def added(self, name: str) -> int:
        """Return the resolved config value of an asset."""
        return (self.config.get(name) or 0) if self.node(name).has_config else 0


# Values: what a clean build gives, worked out without building.


def value_of(world: World, name: str, values: dict[str, Value]) -> Value:
    """Return the value of an asset, given those of its upstream."""
    node = world.node(name)
    total = node.variant + sum(_number(world, key, way, values) for key, way in node.inputs if way != "deps")
    if node.helper is not None:
        total += world.helpers[node.helper][0]
    total += world.added(name)
    return total % 3, total // 3 % 2


def _number(world: World, key: str, way: Way, values: dict[str, Value]) -> int:
    if key in SOURCES:
        return world.sources[SOURCES.index(key)]
    x, y = values[key]
    return x if way == "columns" else x + 2 * y


def all_values(world: World) -> dict[str, Value]:
    """Return the value of every asset."""
    values: dict[str, Value] = {}
    for name in world.order():
        values[name] = value_of(world, name, values)
    return values


# Text: the project's files.

HEAD = """\
from typing import Annotated

import pyarrow as pa
from executions import executed

from assetbuild import Input, asset, source
from helpers import Added, number, h0, h1
"""

HELPERS_HEAD = """\
from assetbuild import Config


class Added(Config):
    add: int = 0


def number(value):
    if isinstance(value, str):
        return int(value)
    if isinstance(value, dict):
        return value["x"] + 2 * value["y"]
    if "y" in value.column_names:
        return value["x"][0].as_py() + 2 * value["y"][0].as_py()
    return value["x"][0].as_py()
"""


def files(world: World) -> Iterator[tuple[str, str]]:
    """Return the path and text of every file."""
    for source, content in zip(SOURCES, world.sources, strict=True):
        yield f"data/{source}.txt", str(content)
    helpers = [
        f"def h{number}():\n{_comment(world, number)}    return {_shaped(*helper)}\n"
        for number, helper in enumerate(world.helpers)
    ]
    yield "helpers.py", "\n\n".join([HELPERS_HEAD, *_shuffled(world, helpers)])
    sources = "".join(f'source("{name}", "data/{name}.txt")\n' for name in SOURCES)
    for module in (0, 1):
        assets = [function_text(world, node) for node in world.nodes if node.module == module]
        yield f"m{module}.py", "\n\n".join([HEAD + (sources if module == 0 else ""), *_shuffled(world, assets)])
    tables = [
        f"[config.{name}]\nadd = {value}\n" for name, value in sorted(world.config.items()) if _is_said(world, name)
    ]
    yield "assetbuild.toml", 'definitions = ["m0", "m1"]\n\n' + "\n".join(_shuffled(world, tables))


def _is_said(world: World, name: str) -> bool:
    return world.config[name] is not None and any(node.name == name and node.has_config for node in world.nodes)


def function_text(world: World, node: Node) -> str:
    """Return the definition of one asset."""
    deps = [key for key, way in node.inputs if way == "deps"]
    manager = {"json": "", "table": "", "duckdb": 'io_manager="duckdb", '}[node.kind]
    parameters = [_parameter(world, key, way) for key, way in node.inputs if way != "deps"]
    parameters += ["config: Added"] if node.has_config else []
    returns = "dict" if node.kind == "json" else "pa.Table"
    lines = [
        f"@asset({manager}deps={deps!r}, tags={{'salt': '{world.salt}'}})",
        f"def {node.name}({', '.join(parameters)}) -> {returns}:",
        _comment(world, len(node.name)) + f"    executed('{node.name}')",
        *(["    raise ValueError('on purpose')"] if node.fails else []),
        f"    total = {_shaped(node.variant, node.shape)}",
        *(f"    total += number({key})" for key, way in node.inputs if way != "deps"),
        *([f"    total += h{node.helper}()"] if node.helper is not None else []),
        *(["    total += config.add"] if node.has_config else []),
        "    x, y = total % 3, total // 3 % 2",
        "    return {'x': x, 'y': y}" if node.kind == "json" else "    return pa.table({'x': [x], 'y': [y]})",
    ]
    return "\n".join(lines) + "\n"


def _parameter(world: World, key: str, way: Way) -> str:
    if key in SOURCES:
        return f"{key}: str"
    if world.node(key).kind == "json":
        return f"{key}: dict"
    return f"{key}: Annotated[pa.Table, Input(columns=['x'])]" if way == "columns" else f"{key}: pa.Table"


def _shaped(variant: int, shape: int) -> str:
    # Not 'v + 0': a constant expression may be folded, and then is no change of code.
    return (f"{variant}", f"int({variant})", f"sum([{variant}])")[shape]


def _comment(world: World, number: int) -> str:
    kind = (world.salt + number) % 3
    return ("", f'    """Salt {world.salt}."""\n', f"    # Salt {world.salt}.\n\n")[kind]


def _shuffled(world: World, parts: list[str]) -> list[str]:
    return random.Random(world.salt).sample(parts, len(parts))
