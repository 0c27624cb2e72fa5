"""Random partitioned projects and edits: exactly the partitions run that the model says, with the values it says."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest

SEQUENCES = int(os.environ.get("ASSETBUILD_SEQUENCES", "10"))
STEPS = int(os.environ.get("ASSETBUILD_STEPS", "7"))
FIRST = date(2024, 1, 27)
ALL_DAYS = [str(FIRST + timedelta(days=number)) for number in range(9)]
MODULUS = 5  # small, so that values often come out equal, and the wave stops

Place = tuple[str, str | None]
HEAD = """
from typing import Annotated

from assetbuild import Daily, Dynamic, Input, Monthly, Offset, Static, asset, source

days = Daily("2024-01-27", "{end}")
raw = source("raw", "data/{{date}}.txt", partitions=days, optional=True)
found = source("found", "found/{{name}}.txt")
"""


@dataclass(frozen=True)
class Node:
    """One asset: the kind of its partitions, its inputs as (key, mapping), and a constant of its code."""

    name: str
    kind: str
    inputs: tuple[tuple[str, str], ...]
    constant: int

    def text(self) -> str:
        """Return the declaration."""
        partitions = {
            "day": "(partitions=days)",
            "month": '(partitions=Monthly("2024-01-01", "2024-03-01"))',
            "name": '(partitions=Dynamic("found"))',
            "none": "",
        }[self.kind]
        said = {
            "offset": ("dict | str | None", "partitions=Offset(-1)"),
            "window": ("dict[str, dict]", "partitions=Offset(-2, 0)"),
            "all": ("dict[str, dict]", 'partitions="all"'),
            "last": ("dict", 'partitions="last"'),
            "time": ("dict[str, dict]", ""),
            "same": ("dict | str | None", ""),
        }
        parameters = []
        for number, (key, mapping) in enumerate(self.inputs):
            kind, more = said[mapping]
            parameters.append(f'x{number}: Annotated[{kind}, Input("{key}"{", " + more if more else ""})]')
        names = ", ".join(f"x{number}" for number in range(len(self.inputs)))
        return (
            f"\n\n@asset{partitions}\ndef {self.name}({', '.join(parameters)}) -> dict:\n"
            f"    return value({self.constant}, [{names}])\n"
        )


VALUE = f'''

def value(constant, inputs):
    """Add up whatever comes."""
    def number(given):
        if given is None:
            return 3
        if isinstance(given, str):
            return int(given)
        if "v" in given:
            return given["v"]
        return sum((index + 1) * number(given[key]) for index, key in enumerate(sorted(given)))
    return {{"v": (constant + sum(map(number, inputs))) % {MODULUS}}}
'''


@dataclass(frozen=True)
class World:
    """The whole project at one moment."""

    nodes: tuple[Node, ...]
    raw: dict[str, int]
    found: dict[str, int]
    days: int = 6

    def keys(self, kind: str) -> list[str | None]:
        """Return the partition keys of a kind."""
        named: dict[str, list[str | None]] = {
            "day": list(ALL_DAYS[: self.days]),
            "month": ["2024-01", "2024-02"],
            "name": [*sorted(self.found)],
            "none": [None],
        }
        return named[kind]

    def kind(self, key: str) -> str:
        """Return the kind of partitions of an asset or source."""
        known = {"raw": "day", "found": "name"} | {node.name: node.kind for node in self.nodes}
        return known[key]

    def read(self, key: str | None, up: str, mapping: str) -> list[str | None]:
        """Return the upstream keys that a key reads."""
        keys = self.keys(self.kind(up))
        if mapping == "all":
            return keys
        if mapping == "last":
            return keys[-1:]
        if mapping == "time":
            return [each for each in keys if str(each).startswith(str(key))]
        if self.kind(up) == "none":
            return [None]
        place = keys.index(key)
        first = {"same": place, "offset": place - 1, "window": place - 2}[mapping]
        last = place - 1 if mapping == "offset" else place
        return [keys[each] for each in range(max(first, 0), last + 1)]

    def text(self) -> str:
        """Return the module that declares all of it."""
        end = FIRST + timedelta(days=self.days)
        return HEAD.format(end=end) + VALUE + "".join(node.text() for node in self.nodes)


@dataclass
class Model:
    """Which value each place has now, and what each build key once gave."""

    pointers: dict[Place, tuple[object, int]] = field(default_factory=dict)
    traces: dict[tuple[Place, object], int] = field(default_factory=dict)
    broken: set[Place] = field(default_factory=set)

    def build(self, world: World, wanted: set[Place]) -> dict[Place, str]:
        """Build what is wanted and all that it reads; return the outcome of each place."""
        outcomes: dict[Place, str] = {}
        for place in sorted(wanted, key=lambda place: (place[0], place[1] or "")):
            self._build(world, place, outcomes)
        return outcomes

    def _build(self, world: World, place: Place, outcomes: dict[Place, str]) -> int:
        name, key = place
        node = next(node for node in world.nodes if node.name == name)
        if place in outcomes:
            return self.pointers[place][1]
        read: list[object] = []
        numbers: list[int] = []
        for up, mapping in node.inputs:
            ups = world.read(key, up, mapping)
            values = [self._value(world, (up, each), outcomes) for each in ups]
            is_many = mapping in {"all", "window", "time"}
            read.append((up, mapping, tuple(zip(ups, values, strict=True)) if is_many else tuple(values)))
            if is_many:
                numbers.append(sum((index + 1) * number(each) for index, each in enumerate(values)))
            else:
                numbers.append(number(values[0]) if values else 3)
        build_key = (node.constant, tuple(read))
        value = (node.constant + sum(numbers)) % MODULUS
        pointer = self.pointers.get(place)
        if pointer is not None and self.traces.get((place, build_key)) == pointer[1] and place not in self.broken:
            outcomes[place] = "fresh"
        elif (place, build_key) in self.traces:
            outcomes[place] = "restored"
        else:
            outcomes[place] = "built"
        self.broken.discard(place)
        self.traces[place, build_key] = value
        self.pointers[place] = (build_key, value)
        return value

    def _value(self, world: World, place: Place, outcomes: dict[Place, str]) -> object:
        if place[0] == "raw":
            return ("file", world.raw.get(str(place[1])))
        if place[0] == "found":
            return ("file", world.found[str(place[1])])
        return self._build(world, place, outcomes)


def number(value: object) -> int:
    """Return what the function makes of an input's value."""
    found = value[1] if isinstance(value, tuple) else value
    return 3 if found is None else int(str(found))


def random_world(rng: random.Random) -> World:
    """Return a project with assets of every kind."""
    nodes: list[Node] = []
    for index in range(rng.randrange(5, 9)):
        kind = rng.choice(("day", "day", "day", "month", "name", "none"))
        nodes.append(Node(f"a{index}", kind, random_inputs(rng, nodes, kind, f"a{index}"), rng.randrange(MODULUS)))
    raw = {day: rng.randrange(9) for day in ALL_DAYS if rng.random() < 0.9}
    return World(tuple(nodes), raw, {name: rng.randrange(9) for name in ("ann", "bob", "cid")})


def random_inputs(rng: random.Random, nodes: Iterable[Node], kind: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return one to three inputs that make sense for an asset with these partitions."""
    kinds = {"raw": "day", "found": "name"} | {node.name: node.kind for node in nodes}
    ways = {
        ("day", "day"): ("same", "same", "offset", "window", "all", "last"),
        ("month", "day"): ("time",),
        ("none", "day"): ("all", "last"),
        ("none", "month"): ("all", "last"),
        ("none", "name"): ("all",),
        ("name", "name"): ("same",),
        ("month", "month"): ("same", "offset"),
    }
    inputs: list[tuple[str, str]] = []
    for up, of in sorted(kinds.items()):
        mappings = ("same",) if of == "none" and up not in {"raw", "found"} else ways.get((kind, of), ())
        if up in {"raw", "found"}:  # the text of a file, so one file
            mappings = tuple(mapping for mapping in mappings if mapping == "same")
        if mappings and rng.random() < 0.6:
            inputs.append((up, rng.choice(mappings)))
    if kind == "day" and rng.random() < 0.2:
        inputs.append((name, "offset"))
    return tuple(rng.sample(inputs, min(len(inputs), 3)))


def edited(world: World, rng: random.Random, history: list[World]) -> World:
    """Return the project after one edit."""
    roll = rng.random()
    if roll < 0.3:
        day = rng.choice(ALL_DAYS)
        return replace(world, raw={**world.raw, day: rng.randrange(9)})
    if roll < 0.4 and world.raw:
        gone = rng.choice(sorted(world.raw))
        return replace(world, raw={day: value for day, value in world.raw.items() if day != gone})
    if roll < 0.5:
        return replace(world, days=rng.randrange(4, 10))
    if roll < 0.62:
        found = dict(world.found)
        found.pop(rng.choice(sorted(found))) if len(found) > 1 and rng.random() < 0.5 else found.update(
            {rng.choice(("ann", "bob", "cid", "dot", "eve")): rng.randrange(9)}
        )
        return replace(world, found=found)
    if roll < 0.72:
        return rng.choice(history)
    chosen = rng.randrange(len(world.nodes))
    node = world.nodes[chosen]
    if roll < 0.9:
        node = replace(node, constant=rng.randrange(MODULUS))
    else:
        node = replace(node, inputs=random_inputs(rng, world.nodes[:chosen], node.kind, node.name))
    return replace(world, nodes=(*world.nodes[:chosen], node, *world.nodes[chosen + 1 :]))


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_random_edits_rebuild_exactly_the_partitions_that_the_model_says(project, seed, record_property):
    rng = random.Random(1000 + seed)
    world = random_world(rng)
    model, history, story, seen = Model(), [world], [world.text()], Counter[str]()
    for _ in range(STEPS):
        write(project, world)
        arguments, wanted = choice(world, rng)
        story.append(f"{arguments} raw={world.raw} found={world.found}")
        expected = model.build(world, wanted)
        report = project.run("materialize", "--json", "-j", "0" if seed % 5 else "2", *arguments).json
        outcomes = {(entry["asset"], entry["partition"]): entry["outcome"] for entry in report["assets"]}
        assert outcomes == expected, "\n".join(story)
        for place in outcomes:
            assert (place, published(project, place)) == (place, model.pointers[place][1]), "\n".join(story)
        suffer(project, model, rng)
        for _ in range(rng.choice((0, 1, 1, 2))):
            world = edited(world, rng, history)
            story.append(world.text())
        history.append(world)
        seen.update(outcomes.values())
    record_property("builds", STEPS)
    for outcome, count in seen.items():
        record_property(outcome, count)


def choice(world: World, rng: random.Random) -> tuple[list[str], set[Place]]:
    """Return what to build: all, one asset, or one asset's partitions in a range."""
    everything = {(node.name, key) for node in world.nodes for key in world.keys(node.kind)}
    roll = rng.random()
    if roll < 0.6:
        return [], everything
    node = rng.choice(world.nodes)
    keys = world.keys(node.kind)
    if roll < 0.75 or node.kind == "none":
        return [node.name], {(node.name, key) for key in keys}
    first, last = sorted(rng.choices(range(len(keys)), k=2))
    return [node.name, "--partition", f"{keys[first]}..{keys[last]}"], {
        (node.name, key) for key in keys[first : last + 1]
    }


def suffer(project, model: Model, rng: random.Random) -> None:
    """Sometimes delete or change a published value."""
    if model.pointers and rng.random() < 0.4:
        place = rng.choice(sorted(model.pointers, key=str))
        path = path_of(project, place)
        if path.exists():
            path.unlink() if rng.random() < 0.5 else path.write_text('{"v": 99}')
            model.broken.add(place)


def write(project, world: World) -> None:
    """Write what differs from what lies there."""
    files = {"assets.py": world.text()}
    files |= {f"data/{day}.txt": str(value) for day, value in world.raw.items()}
    files |= {f"found/{name}.txt": str(value) for name, value in world.found.items()}
    for folder in ("data", "found"):
        for path in project.path(folder).glob("*.txt"):
            if f"{folder}/{path.name}" not in files:
                path.unlink()
    for name, text in files.items():
        if not project.path(name).exists() or project.path(name).read_text() != text:
            project.write(name, text)


def path_of(project, place: Place):
    """Return where a value is published."""
    name, key = place
    return project.path(f"warehouse/{name}.json" if key is None else f"warehouse/{name}/{key}.json")


def published(project, place: Place) -> int:
    """Return the value that is published."""
    return int(json.loads(path_of(project, place).read_text())["v"])
