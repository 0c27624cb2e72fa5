"""The cone: after an edit a plan judges what the edit may have reached, and says what a plan of everything says."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from assetbuild.load.stage import load_stage
from assetbuild.plan.cone import cone_of
from assetbuild.project import Project
from tests.harness.project_folder import ProjectFolder

SHOP = """
import os
import pyarrow as pa
from assetbuild import Out, asset, multi_asset, source
from pathlib import Path
import helpers

one = source("one", "data/one.txt")
some = source("some", "data/some/*.txt")
late = source("late", "data/late.txt", optional=True)
folder = source("folder", "data/tree")

@asset
def first(one: str) -> str:
    name = "first"
    return one + "0"

@asset
def counted(some: list[Path], late: str | None = None) -> int:
    name = "counted"
    return len(some) + len(late or "") + len(os.environ.get("SHOP_MODE", "")) + 0

@asset
def listed(folder: Path) -> int:
    name = "listed"
    return sum(1 for _ in folder.rglob("*")) + 0

@asset
def table(first: str, counted: int) -> pa.Table:
    name = "table"
    return pa.table({"a": [counted], "b": [len(first)], "c": [0]})

@asset(io_manager="duckdb")
def stored(table: pa.Table) -> pa.Table:
    name = "stored"
    return table.append_column("d", [[0]])

@multi_asset(outs={"left": Out(), "right": Out()})
def both(first: str, listed: int):
    name = "both"
    return {"left": first, "right": listed + 0}

@asset(deps=["left"])
def told() -> None:
    name = "told"
    helpers.nothing(0)

@asset
def last(stored: pa.Table, right: int) -> str:
    name = "last"
    return f"{stored.num_rows} {right}" + "0"
"""
BODIES = ("first", "counted", "listed", "table", "stored", "both", "told", "last")


@pytest.fixture
def shop(project):
    project.write("assets.py", SHOP)
    project.write("helpers.py", "def nothing(value):\n    return value\n")
    for name in ("one.txt", "some/a.txt", "some/b.txt", "tree/x.txt", "tree/deep/y.txt"):
        project.write(f"data/{name}", name)
    return project


def build(shop: ProjectFolder, *, jobs: int = 0) -> None:
    """Build everything, some time after the last edit, so that it is noted."""
    shop.rest()
    report = Project.open(shop.root).materialize(jobs=jobs)
    assert report.status == "success"


def cone(shop: ProjectFolder) -> set[str] | None:
    """Return which assets a plan would judge."""
    found = cone_of(load_stage(shop.root, None, (), keep=False))
    return None if found is None else set(found)


def edit_body(shop: ProjectFolder, name: str, number: int) -> None:
    """Change the last number in the body of an asset function."""
    before, begin, rest = shop.path("assets.py").read_text().partition(f'name = "{name}"')
    body, end, after = rest.partition("\n\n")
    *_, last = re.finditer(r"\d+", body)
    shop.write("assets.py", before + begin + body[: last.start()] + str(number) + body[last.end() :] + end + after)


def remove(shop: ProjectFolder, file: str) -> None:
    shop.path(file).unlink(missing_ok=True)


def test_an_edited_body_reaches_what_is_downstream(shop):
    build(shop)
    assert cone(shop) == set()
    edit_body(shop, "both", 7)
    assert cone(shop) == {"left", "right", "told", "last"}
    build(shop, jobs=1)
    assert cone(shop) == set()
    edit_body(shop, "stored", 8)
    edit_body(shop, "listed", 9)
    assert cone(shop) == {"listed", "left", "right", "told", "stored", "last"}


SOURCES = {
    "one.txt": {"first", "table", "stored", "left", "right", "told", "last"},
    "some/c.txt": {"counted", "table", "stored", "last"},
    "late.txt": {"counted", "table", "stored", "last"},
    "tree/deep/z.txt": {"listed", "left", "right", "told", "last"},
}


@pytest.mark.parametrize("file", SOURCES)
def test_a_source_that_moved_reaches_what_is_downstream(shop, file):
    build(shop)
    shop.write(f"data/{file}", "other")
    assert cone(shop) == SOURCES[file]


def plan_an_edit(shop: ProjectFolder) -> None:
    edit_body(shop, "first", 5)
    Project.open(shop.root).plan()


UNTOLD = {
    "a published value is another": lambda shop: shop.write("warehouse/first.txt", "other"),
    "a value of a shared file may be another": lambda shop: shop.path("warehouse/warehouse.duckdb").touch(),
    "a helper is edited": lambda shop: shop.edit("return value", "return 1", "helpers.py"),
    "the settings are written": lambda shop: shop.write("assetbuild.toml", 'definitions = ["assets"]\n'),
    "the record is gone": lambda shop: shop.delete(".assetbuild/state.db"),
    "something was built since": lambda shop: Project.open(shop.root).materialize("first", force=True, jobs=0),
    "an edit was planned, and not built": plan_an_edit,
}


@pytest.mark.parametrize("what", UNTOLD)
def test_all_is_judged_when(shop, what):
    build(shop)
    UNTOLD[what](shop)
    assert cone(shop) is None


def test_an_edit_that_was_planned_before_and_put_back_is_not_taken_for_fresh(shop):
    build(shop)
    edit_body(shop, "first", 5)
    Project.open(shop.root).plan()  # keeps the edit in the manifest
    edit_body(shop, "last", 6)
    assert {step.asset for step in Project.open(shop.root).plan() if step.status != "fresh"} >= {"first", "last"}


@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_a_plan_of_everything_says(shop, seed, monkeypatch):
    chosen = random.Random(seed)
    build(shop)
    near = 0
    for number in range(1, 16):
        for _ in range(chosen.choice((1, 1, 2))):
            happens(shop, chosen, number, monkeypatch)
        found = cone(shop)
        near += found is not None and len(found) < 9
        assert_same_plan(shop)
        build(shop, jobs=chosen.choice((0, 0, 0, 1)))
    assert near > 5
    assert_same_plan(shop)


def happens(shop: ProjectFolder, chosen: random.Random, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    roll = chosen.random()
    if roll < 0.5:
        edit_body(shop, chosen.choice(BODIES), chosen.choice((0, number)))
    elif roll < 0.8:
        name = chosen.choice(["one.txt", "some/a.txt", "some/c.txt", "late.txt", "tree/x.txt", "tree/deep/z.txt"])
        if chosen.random() < 0.2 and name not in {"one.txt", "tree/x.txt"}:
            remove(shop, f"data/{name}")
        else:
            shop.write(f"data/{name}", chosen.choice(("same", str(number))))
    elif roll < 0.85:
        remove(shop, f"warehouse/{chosen.choice(('first.txt', 'left.txt', 'table.parquet'))}")
    elif roll < 0.9:
        for path in shop.path(".assetbuild/objects").rglob("*"):
            if path.is_file() and chosen.random() < 0.3:
                path.unlink()
    elif roll < 0.95:
        monkeypatch.setenv("SHOP_MODE", chosen.choice(("", "loud")))
    else:
        shop.write("helpers.py", f"def nothing(value):\n    return value, {number}\n")


def assert_same_plan(shop: ProjectFolder) -> None:
    """Plan with the note, and without it; leave all as it was."""
    kept = {
        name: path.read_bytes() for name in ("manifest", "leaves", "standstill") if (path := note(shop, name)).exists()
    }
    for selection in (["last", "told"], "*"):
        near = Project.open(shop.root).plan(selection).as_json()
        note(shop, "standstill").unlink(missing_ok=True)
        assert near == Project.open(shop.root).plan(selection).as_json()
        for name, data in kept.items():
            note(shop, name).write_bytes(data)


def note(shop: ProjectFolder, name: str) -> Path:
    return shop.path(f".assetbuild/{name}")


def test_a_fresh_value_that_is_lost_is_built_again_for_who_reads_it(shop):
    build(shop)
    shutil.rmtree(shop.path(".assetbuild/objects"))
    edit_body(shop, "last", 5)
    assert cone(shop) == {"last"}
    shop.rest()
    report = Project.open(shop.root).materialize(jobs=1)
    assert {each.asset for each in report.assets if each.outcome == "built"} == {"stored", "last"}
    assert_same_plan(shop)
