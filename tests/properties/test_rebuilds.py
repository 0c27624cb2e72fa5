"""Random projects, random edits: exactly what the model says runs, and the values are those of a clean build."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.project_folder import ProjectFolder
from tests.harness.warehouse import read_value, tables_in
from tests.properties.edits import EDITS, random_world
from tests.properties.model import Model
from tests.properties.world import Value, World, all_values, files

SEQUENCES = int(os.environ.get("ASSETBUILD_SEQUENCES", "24"))
STEPS = int(os.environ.get("ASSETBUILD_STEPS", "12"))
FIRST_SEED = int(os.environ.get("ASSETBUILD_SEED", "0"))

ACCIDENTS = ("tamper", "delete output", "delete warehouse", "touch output", "touch source")


class Life:
    """One project that is edited and built again and again, beside the model of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pace = random.Random(-seed)
        self.project = ProjectFolder(folder)
        self.project.deterministic = False
        self.project.jobs = "2" if seed % 8 == 7 else "0"  # Workers cost 0.3 s a build: one sequence in eight has them.
        self.model = Model()
        self.world = random_world(self.rng)
        self.history = [self.world]
        self.story: list[str] = []
        self.done: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.written: dict[str, str] = {}
        self.write()

    def write(self) -> None:
        """Write the files whose text changed, and only those."""
        for name, text in files(self.world):
            if self.written.get(name) != text:
                self.project.write(name, text)
                self.written[name] = text

    def edit(self) -> None:
        """Do one to three things to the project."""
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            roll = self.rng.random()
            if roll < 0.12:
                self.suffer(self.rng.choice(ACCIDENTS))
            elif roll < 0.22:
                self.world = self.rng.choice(self.history)
                self.note("revert")
            else:
                edit = self.rng.choice(EDITS)
                self.world = edit(self.world, self.rng)
                self.note(edit.__name__)
        self.history.append(self.world)
        self.write()

    def note(self, what: str) -> None:
        self.story.append(what)
        self.done[what.partition(":")[0]] += 1

    def suffer(self, accident: str) -> None:
        """Let something happen to the stored values behind assetbuild's back."""
        warehouse = self.project.path("warehouse")
        plain = [path for name in sorted(self.names) if (path := self.plain_file(name)) is not None and path.exists()]
        if accident == "touch source":
            os.utime(self.rng.choice(sorted(self.project.path("data").iterdir())))
        elif accident == "delete warehouse" and warehouse.exists():
            self.project.delete("warehouse")
            for pointer in self.model.pointers.values():
                pointer.is_intact = False
        elif plain:
            path = self.rng.choice(plain)
            pointer = self.model.pointers[path.stem]
            if accident == "touch output":
                os.utime(path)
            elif accident == "tamper":
                path.write_bytes(b"[tampered]")
                pointer.is_intact = False
            elif accident == "delete output":
                path.unlink()
                pointer.is_intact = False
            self.note(f"{accident}: {path.name}")
            return
        self.note(accident)

    @property
    def names(self) -> set[str]:
        """The assets that are declared and were built with the IO manager they have now."""
        pointers = self.model.pointers
        return {
            node.name for node in self.world.nodes if node.name in pointers and pointers[node.name].manager == node.kind
        }

    def build(self) -> None:
        """Build all or some, perhaps by force, and compare with the model."""
        everything = {node.name for node in self.world.nodes}
        roll = self.rng.random()
        selected = everything if roll < 0.75 else set(self.rng.sample(sorted(everything), 1))
        forced = selected if roll > 0.93 else set()
        arguments = [] if selected == everything else sorted(selected)
        arguments += ["--force"] if forced else []
        self.note(f"build: {' '.join(arguments)}")
        expected = self.model.build(self.world, selected, forced)
        exit_code = 1 if "failed" in expected.values() else 0
        if self.pace.random() < 0.6:  # after a rest the next plan judges only what the edit may have reached
            self.project.rest()
            if selected == everything and not forced:  # as a person asks: answered at once where nothing has moved
                is_due = any(outcome != "fresh" for outcome in expected.values())
                self.project.run("status", "--exit-code", exit_code=3 if is_due else 0)
        self.project.build("-k", *arguments, exit_code=exit_code, plan=self.rng.random() < 0.3)
        assert self.project.outcomes == expected
        assert list(self.project.outcomes) == list(expected)
        self.outcomes.update(expected.values())
        self.compare_values({name for name, outcome in expected.items() if outcome not in {"failed", "skipped"}})

    def plain_file(self, name: str) -> Path | None:
        """Return where an asset is published; None for a table in DuckDB."""
        extension = {"json": "json", "table": "parquet", "duckdb": None}[self.world.node(name).kind]
        return self.project.path(f"warehouse/{name}.{extension}") if extension else None

    def compare_values(self, names: set[str]) -> None:
        """Compare published values with those worked out by hand from today's code, config and sources."""
        clean = all_values(self.world)
        database = self.project.path("warehouse/warehouse.duckdb")
        tables = tables_in(database) if database.exists() else {}
        for name in names:
            path = self.plain_file(name)
            published = read_value(path) if path else tables[name]
            assert (name, plain(published)) == (name, clean[name])

    def settle(self) -> None:
        """Mend what is broken, build all, build again, and compare with a clean build."""
        for node in self.world.nodes:
            self.world = self.world.with_node(node.name, fails=False)
        self.write()
        everything = {node.name for node in self.world.nodes}
        expected = self.model.build(self.world, everything, set())
        self.project.build()
        assert self.project.outcomes == expected
        assert self.project.build() == {}
        self.compare_values(everything)
        self.project, built = self.project.copy("clean", state=False), self.project
        self.project.jobs = "0"
        assert set(self.project.build()) == everything
        self.compare_values(everything)
        assert [e["data_version"] for e in self.project.report["assets"]] == [
            e["data_version"] for e in built.report["assets"]
        ]


def plain(value: object) -> Value:
    if isinstance(value, dict):
        x, y = value["x"], value["y"]
        return (x, y) if isinstance(x, int) else (x[0], y[0])
    message = f"not a value of these projects: {value!r}"
    raise TypeError(message)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEQUENCES))
def test_random_edits_rebuild_exactly_what_the_model_says(tmp_path, seed, record_property):
    life = Life(tmp_path / "life", seed)
    try:
        life.build()
        for _ in range(STEPS):
            life.edit()
            life.build()
        life.settle()
    except AssertionError as error:
        error.add_note(f"seed {seed}: {' | '.join(life.story)}\n{describe(life.world)}")
        raise
    builds = life.done["build"] + 2
    record_property("builds", builds)
    record_property("edits", sum(life.done.values()) - life.done["build"])
    for outcome, count in life.outcomes.items():
        record_property(outcome, count)


def describe(world: World) -> str:
    return "\n".join(f"{node}" for node in world.nodes)
