"""A project of twelve assets in every kind of store, whose values are plain arithmetic: what is right is known at once.

The value of an asset is 1 plus those of its inputs; each is kept in a form that shows when it is half-written or mixed.
"""

from __future__ import annotations

import json
from typing import Any

from tests.faults.commands import Launcher
from tests.harness.project_folder import ProjectFolder
from tests.harness.warehouse import DATABASE, read_value, tables_in

GRAPH = {
    "a": ("json", ["seed"]),
    "b": ("parquet", ["a"]),
    "c": ("duckdb", ["a"]),
    "d": ("file", ["b"]),
    "e": ("parquet", ["b", "c"]),
    "f": ("duckdb", ["e"]),
    "g": ("json", ["d", "e"]),
    "h": ("folder", ["a"]),
    "i": ("duckdb", ["g", "f"]),
    "j": ("parquet", ["h", "seed"]),
    "k": ("text", ["i", "j"]),
    "l": ("duckdb", ["seed"]),
}
ROWS = 200

HEADER = """\
from pathlib import Path

import pyarrow as pa
from executions import executed, pause

from assetbuild import asset, source

ROWS = 200
seed = source("seed", "seed.json")


def table(value):
    return pa.table({"v": pa.array([value] * ROWS, pa.int64()), "row": pa.array(range(ROWS))})


def number(value):
    if isinstance(value, pa.Table):
        assert len(value) == ROWS
        (value,) = set(value["v"].to_pylist())
    elif isinstance(value, Path):
        parts = sorted(value.iterdir()) if value.is_dir() else [value]
        (value,) = {number(part.read_text()) for part in parts}
    elif isinstance(value, str):
        (value,) = set(value.split())
    return int(value)


def file(name, value):
    path = Path("scratch", f"{name}.dat")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{value} " * ROWS)
    return path


def folder(name, value):
    for part in "pq":
        path = Path("scratch", name, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value} " * ROWS)
    return Path("scratch", name)
"""
BODIES = {
    "json": "value",
    "parquet": "table(value)",
    "duckdb": "table(value)",
    "file": "file({name!r}, value)",
    "folder": "folder({name!r}, value)",
    "text": "f'{{value}} ' * ROWS",
}
LOADS = {"json": "int", "parquet": "pa.Table", "duckdb": "pa.Table", "file": "Path", "folder": "Path", "text": "str"}


def make_shop(project: ProjectFolder, seed: int = 1) -> ProjectFolder:
    """Write the project."""
    parts = [HEADER]
    for name, (kind, inputs) in GRAPH.items():
        parameters = ", ".join(f"{up}: {LOADS[GRAPH[up][0]] if up in GRAPH else 'int'}" for up in inputs)
        given = " + ".join(f"number({up})" for up in inputs)
        decorator = '@asset(io_manager="duckdb")' if kind == "duckdb" else "@asset"
        parts.append(
            f"\n\n{decorator}\ndef {name}({parameters}):\n    executed({name!r})\n    value = 1 + {given}\n"
            f"    pause({name!r})\n    return {BODIES[kind].format(name=name)}\n"
        )
    project.write("assets.py", "".join(parts))
    set_seed(project, seed)
    return project


def set_seed(project: ProjectFolder, seed: int) -> None:
    project.write("seed.json", json.dumps(seed))


def expected(seed: int) -> dict[str, int]:
    """Return the right value of every asset."""
    known = {"seed": seed}
    for name, (_, inputs) in GRAPH.items():
        known[name] = 1 + sum(known[up] for up in inputs)
    del known["seed"]
    return known


def published(project: ProjectFolder, *, tables: bool = True) -> dict[str, int]:
    """Return every published value as its number; a half-written or mixed one fails here."""
    found: dict[str, int] = {}
    warehouse = project.path("warehouse")
    values = [(path, path.name[0]) for path in warehouse.glob("[!.]*") if not path.name.startswith(DATABASE)]
    for path, name in values:
        if path.is_dir():
            (found[name],) = {_number((path / part).read_text()) for part in "pq"}
        else:
            said = read_value(path)
            found[name] = _number(said.decode() if isinstance(said, bytes) else said)
    if tables and (warehouse / DATABASE).exists():
        found |= {name: _number(value) for name, value in tables_in(warehouse / DATABASE).items()}
    return found


def leftovers(project: ProjectFolder) -> list[str]:
    """Return the temporary files that are there."""
    folders = [project.path(".assetbuild/tmp"), project.path(".assetbuild/running")]
    found = [path for folder in folders if folder.exists() for path in folder.iterdir()]
    found += project.path("warehouse").rglob("*.tmp*")
    found += project.path("warehouse").rglob(".*")
    return sorted({str(path.relative_to(project.root)) for path in found})


def _number(value: Any) -> int:
    if isinstance(value, dict):
        assert value["row"] == list(range(ROWS))
        (value,) = set(value["v"])
    elif isinstance(value, str):
        words = value.split()
        assert len(words) == ROWS
        (value,) = set(words)
    return int(value)


def check_whole(launcher: Launcher, project: ProjectFolder, seed: int) -> None:
    """Check that everything is fresh, right, and that nothing is left lying about."""
    values = published(project)
    assert values == expected(seed), f"{values} and not {expected(seed)}"
    left = leftovers(project)
    assert not left, left
    assert {entry["status"] for entry in launcher.run(project, "status", "--json").json["assets"]} == {"fresh"}
