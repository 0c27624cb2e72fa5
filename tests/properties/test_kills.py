"""kill -9 at random moments: whatever was finished stays, at most the running asset is lost, no manual repair."""

from __future__ import annotations

import os
import random
import subprocess

import pytest

from tests.harness.project_folder import kill_group

SEEDS = int(os.environ.get("ASSETBUILD_KILL_SEQUENCES", "3"))
KILLS = 4

PROJECT = """
import time

import pyarrow as pa

def numbers(seed):
    time.sleep(0.03)
    return [seed * number % 97 for number in range(20_000)]

@asset
def a() -> list:
    executed("a")
    return numbers(1)

@asset
def b(a: list) -> pa.Table:
    executed("b")
    return pa.table({"n": [number + 1 for number in a], "m": numbers(2)})

@asset(io_manager="duckdb")
def c(b: pa.Table) -> pa.Table:
    executed("c")
    return b.slice(0, 10_000)

@asset
def d(c: pa.Table) -> bytes:
    executed("d")
    return bytes(numbers(4)) * 10

@asset(io_manager="duckdb", key="deep/e")
def e(c: pa.Table) -> pa.Table:
    executed("deep/e")
    return c.slice(0, 100)

@asset
def f(d: bytes) -> str:
    executed("f")
    return str(len(d))
"""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_builds_lose_at_most_what_was_running(project, seed):
    rng = random.Random(seed)
    project.assets(PROJECT)
    landed = 0
    for _ in range(KILLS):
        process = project.start("materialize", "-j", "1")
        try:
            process.wait(timeout=rng.uniform(0.2, 1.6))
        except subprocess.TimeoutExpired:
            kill_group(process)
            landed += 1
        for pipe in (process.stdout, process.stderr):
            pipe.close()
    project.build("-j", "1")
    assert len(project.log()) <= 6 + landed
    assert project.build() == {}
    assert [
        path for path in project.path("warehouse").rglob("*") if "tmp" in path.name or path.name.startswith(".")
    ] == []
