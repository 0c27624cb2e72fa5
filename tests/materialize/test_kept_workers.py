"""Workers that live on from build to build: warm, and in all that matters like new ones."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from assetbuild import Project
from assetbuild.materialize.pool import WorkerPool

COUNTS = """
import os
from functools import cache
from pathlib import Path

from assetbuild import asset, source
from parts import factor

rates = source("rates", "rates.txt")
HERE = Path(__file__).parent

@cache
def read(path: Path) -> str:
    return path.read_text()

@asset
def worker() -> int:
    return os.getpid()

@asset(deps=["rates"])
def scaled(worker: int) -> dict:
    return {"rate": read(HERE / "rates.txt"), "factor": factor.FACTOR, "variable": os.environ.get("SET_BY_MODULE")}
"""


@pytest.fixture
def pool(folder) -> Iterator[WorkerPool]:
    kept = WorkerPool(1)
    yield kept
    kept.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MAIN", str(os.getpid()))
    monkeypatch.delenv("SET_BY_MODULE", raising=False)  # this process loads the module as well
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "factor.py").write_text("FACTOR = 1\n")
    (tmp_path / "rates.txt").write_text("one")
    (tmp_path / "assets.py").write_text(COUNTS)
    return tmp_path


def build(folder, pool, **options):
    project = Project.open(folder)
    report = project.materialize(pool=pool, **options)
    assert report.status == "success", report
    return project.load("worker"), project.load("scaled")


def test_a_worker_builds_what_is_new_code_and_data(folder, pool):
    first, scaled = build(folder, pool)
    assert scaled == {"rate": "one", "factor": 1, "variable": None}
    (folder / "parts" / "factor.py").write_text("import os\nos.environ['SET_BY_MODULE'] = 'yes'\nFACTOR = 2\n")
    assert build(folder, pool, force=True) == (first, {"rate": "one", "factor": 2, "variable": "yes"})
    (folder / "parts" / "factor.py").write_text("FACTOR = 3\n")
    (folder / "rates.txt").write_text("another")
    assert build(folder, pool, force=True) == (first, {"rate": "another", "factor": 3, "variable": None})


def test_what_modules_remember_ends_with_the_build(folder, pool):
    first, _ = build(folder, pool)
    (folder / "rates.txt").write_text("two")
    assert build(folder, pool, force=True) == (first, {"rate": "two", "factor": 1, "variable": None})


def test_a_module_that_changes_a_library_gets_a_new_worker(folder, pool):
    setting = COUNTS.replace("\nrates =", "\nimport decimal\ndecimal.getcontext().prec = 5\n\nrates =")
    (folder / "assets.py").write_text(setting)
    first, _ = build(folder, pool)
    second, _ = build(folder, pool, force=True)
    assert second != first


def test_a_module_that_starts_a_thread_gets_a_new_worker(folder, pool):
    thread = "started = threading.Thread(target=threading.Event().wait, daemon=True)\nstarted.start()\n"
    (folder / "parts" / "factor.py").write_text(f"import threading\nFACTOR = 1\n{thread}")
    first, _ = build(folder, pool)
    (folder / "parts" / "factor.py").write_text("FACTOR = 2\n")
    second, scaled = build(folder, pool, force=True)
    assert (second != first, scaled["factor"]) == (True, 2)


def test_a_module_that_does_not_load_twice_gets_a_new_worker(folder, pool):
    (folder / "parts" / "factor.py").write_text("""
import decimal, os, sys
if os.getppid() == int(os.environ["MAIN"]):
    _ = vars(decimal).setdefault("times", []).append(1)
    assert len(decimal.times) == 1
FACTOR = 1
""")
    first, _ = build(folder, pool)
    second, _ = build(folder, pool, force=True)
    assert second != first


def test_a_failure_ends_no_idle_worker_and_the_pool_builds_on(folder, pool):
    first, _ = build(folder, pool)
    (folder / "parts" / "factor.py").write_text("def __getattr__(name):\n    raise ValueError(name)\n")
    report = Project.open(folder).materialize(pool=pool)
    assert report.status == "failed"
    (folder / "parts" / "factor.py").write_text("FACTOR = 4\n")
    second, scaled = build(folder, pool)
    assert (second, scaled["factor"]) == (first, 4)


def test_workers_started_ahead_are_used(folder):
    pool = WorkerPool(2)
    try:
        pool.warm()
        assert len(pool.pids) == 2
        worker, _ = build(folder, pool)
        assert worker in pool.pids
    finally:
        pool.close()


def test_workers_start_when_code_has_changed_and_not_when_nothing_has(folder, pool):
    build(folder, pool)
    other = WorkerPool(2)
    try:
        assert build(folder, other)
        assert other.pids == []
        (folder / "parts" / "factor.py").write_text("FACTOR = 1  # the same\n")
        assert build(folder, other)  # nothing runs, which nobody could know before
        assert len(other.pids) == 1
    finally:
        other.close()
