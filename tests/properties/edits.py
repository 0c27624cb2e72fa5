"""Random edits of a random project: what a user, or an accident, does between two builds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from tests.properties.world import HELPER_COUNT, SOURCES, Kind, Node, Way, World

KINDS: tuple[Kind, ...] = ("json", "json", "table", "table", "duckdb")
NAMES = tuple("abcdefghij")


def random_world(rng: random.Random) -> World:
    """Return a project of three to seven assets."""
    world = World(())
    for _ in range(rng.randint(3, 7)):
        world = add_asset(world, rng)
    return world


def add_asset(world: World, rng: random.Random) -> World:
    """Declare one more asset, downstream of some that are there."""
    free = [name for name in NAMES if name not in {node.name for node in world.nodes}]
    if not free:
        return world
    name = rng.choice(free)
    node = Node(
        name,
        rng.choice(KINDS),
        variant=rng.randrange(4),
        helper=rng.choice([None, *range(HELPER_COUNT)]),
        has_config=rng.random() < 0.3,
        module=rng.randrange(2),
    )
    candidates = [*(node.name for node in world.nodes), *SOURCES]
    chosen = rng.sample(candidates, k=min(len(candidates), rng.choice((0, 1, 1, 2, 2, 3))))
    world = replace(world, nodes=(*world.nodes, node))
    return world.with_node(name, inputs=tuple((key, _way(world, key, rng)) for key in chosen))


def _way(world: World, key: str, rng: random.Random) -> Way:
    if key in SOURCES or world.node(key).kind == "json":
        return rng.choice(("load", "load", "deps"))
    return rng.choice(("load", "columns", "columns", "deps"))


def remove_asset(world: World, rng: random.Random) -> World:
    """Remove an asset, and its name wherever it was read."""
    if len(world.nodes) < 3:
        return world
    gone = rng.choice(world.nodes).name
    nodes = [node for node in world.nodes if node.name != gone]
    return replace(
        world,
        nodes=tuple(replace(node, inputs=tuple(pair for pair in node.inputs if pair[0] != gone)) for node in nodes),
    )


def rename_asset(world: World, rng: random.Random) -> World:
    """Give an asset another name, also where it is read."""
    free = [name for name in NAMES if name not in {node.name for node in world.nodes}]
    if not free:
        return world
    old, new = rng.choice(world.nodes).name, rng.choice(free)
    nodes = tuple(
        replace(
            node,
            name=new if node.name == old else node.name,
            inputs=tuple((new if key == old else key, way) for key, way in node.inputs),
        )
        for node in world.nodes
    )
    config = {new if name == old else name: value for name, value in world.config.items()}
    return replace(world, nodes=nodes, config=config)


def add_dependency(world: World, rng: random.Random) -> World:
    """Let an asset depend on one that does not depend on it."""
    name = rng.choice(world.nodes).name
    candidates = [*SOURCES, *(node.name for node in world.nodes if name not in world.closure({node.name}))]
    candidates = [key for key in candidates if key not in {read for read, _ in world.node(name).inputs}]
    if not candidates:
        return world
    key = rng.choice(candidates)
    return world.with_node(name, inputs=(*world.node(name).inputs, (key, _way(world, key, rng))))


def drop_dependency(world: World, rng: random.Random) -> World:
    """Let an asset no longer depend on one of its inputs."""
    readers = [node for node in world.nodes if node.inputs]
    if not readers:
        return world
    node = rng.choice(readers)
    gone = rng.choice(node.inputs)
    return world.with_node(node.name, inputs=tuple(pair for pair in node.inputs if pair != gone))


def change_kind(world: World, rng: random.Random) -> World:
    """Keep a value in another way; JSON values have no columns to choose."""
    name = rng.choice(world.nodes).name
    kind = rng.choice(KINDS)
    world = world.with_node(name, kind=kind)
    if kind == "json":
        for reader in world.downstream(name):
            inputs = tuple(
                (key, "load" if key == name and way == "columns" else way) for key, way in world.node(reader).inputs
            )
            world = world.with_node(reader, inputs=inputs)
    return world


def change_variant(world: World, rng: random.Random) -> World:
    return world.with_node(rng.choice(world.nodes).name, variant=rng.randrange(4))


def change_shape(world: World, rng: random.Random) -> World:
    return world.with_node(rng.choice(world.nodes).name, shape=rng.randrange(3))


def change_helper(world: World, rng: random.Random) -> World:
    helpers = list(world.helpers)
    helpers[rng.randrange(HELPER_COUNT)] = (rng.randrange(3), rng.randrange(3))
    return replace(world, helpers=tuple(helpers))


def use_helper(world: World, rng: random.Random) -> World:
    return world.with_node(rng.choice(world.nodes).name, helper=rng.choice([None, *range(HELPER_COUNT)]))


def change_config(world: World, rng: random.Random) -> World:
    names = [node.name for node in world.nodes if node.has_config]
    if not names:
        return world.with_node(rng.choice(world.nodes).name, has_config=True)
    return replace(world, config={**world.config, rng.choice(names): rng.choice((None, 0, 0, 1, 2, 3))})


def change_source(world: World, rng: random.Random) -> World:
    sources = list(world.sources)
    sources[rng.randrange(len(SOURCES))] = rng.randrange(4)
    return replace(world, sources=tuple(sources))


def change_nothing_that_counts(world: World, rng: random.Random) -> World:
    return replace(world, salt=rng.randrange(1000))


def move_to_another_module(world: World, rng: random.Random) -> World:
    return world.with_node(rng.choice(world.nodes).name, module=rng.randrange(2))


def break_or_mend(world: World, rng: random.Random) -> World:
    broken = [node.name for node in world.nodes if node.fails]
    if broken:
        return world.with_node(rng.choice(broken), fails=False)
    return world.with_node(rng.choice(world.nodes).name, fails=True)


Edit = Callable[[World, random.Random], World]

EDITS: tuple[Edit, ...] = (
    change_variant,
    change_variant,
    change_shape,
    change_helper,
    use_helper,
    change_config,
    change_source,
    change_source,
    change_nothing_that_counts,
    move_to_another_module,
    break_or_mend,
    add_asset,
    remove_asset,
    rename_asset,
    add_dependency,
    drop_dependency,
    change_kind,
)
