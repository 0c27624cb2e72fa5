"""Several threads of one process build in one project."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assetbuild import Project
from assetbuild.errors import BusyError

MODULE = """
from pathlib import Path
from assetbuild import asset

def note(name):
    with open(Path(__file__).parent / "ran", "a") as file:
        file.write(name)

@asset
def a() -> int:
    note("a")
    return 1

@asset
def b(a: int) -> int:
    note("b")
    return a + 1

@asset(io_manager="duckdb")
def c(b: int) -> dict:
    note("c")
    import pyarrow as pa
    return pa.table({"c": [b]})
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assets.py").write_text(MODULE.replace("-> dict", ""))
    return tmp_path


@pytest.mark.parametrize("shared", [True, False], ids=["one-project-object", "one-for-each-thread"])
def test_each_asset_is_built_once(folder, shared):
    project = Project.open(folder)
    projects = [project if shared else Project.open(folder) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        reports = list(threads.map(lambda each: each.materialize(jobs=1), projects))
    assert [report.status for report in reports] == ["success"] * 3
    assert sorted((folder / "ran").read_text()) == ["a", "b", "c"]
    assert Project.open(folder).load("c").to_pylist() == [{"c": 2}]
    assert Project.open(folder).plan().is_fresh


def test_a_plan_does_not_wait_for_the_build_of_another_thread(folder):
    project = Project.open(folder)
    seen: list[str] = []

    def look(event):
        if type(event).__name__ == "AssetStarted" and event.asset == "b":
            thread = threading.Thread(target=lambda: seen.extend(step.status for step in project.plan()))
            thread.start()
            thread.join()

    assert project.materialize(jobs=1, on_event=look).status == "success"
    assert seen == ["fresh", "missing", "missing"]


def test_without_waiting_the_other_thread_is_named(folder):
    project = Project.open(folder)
    said: list[str] = []

    def try_too(event):
        if type(event).__name__ == "RunStarted":
            with pytest.raises(BusyError, match="another thread of this process") as raised:
                Project.open(folder).materialize(wait=False)
            said.append(str(raised.value))

    assert project.materialize(jobs=1, on_event=try_too).status == "success"
    assert len(said) == 1
