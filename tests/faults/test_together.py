"""Commands at the same time: each asset is built once, nobody is locked out, nobody sees half a value."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter

import duckdb
import pytest

from tests.faults.shop import GRAPH, check_whole, expected, published, set_seed

TABLES = 32
MANY = """
import pyarrow as pa
from executions import executed

from assetbuild import asset, source

seed = source("seed", "seed.json")


def made(name):
    @asset(key=name, io_manager="duckdb")
    def value(seed: int) -> pa.Table:
        executed(name)
        return pa.table({"v": [seed] * 1000})


for number in range(TABLES):
    made(f"t{number}")
"""
READER = """
import sys, duckdb
seen = set()
while not sys.stdin.closed and len(seen) < 2:
    try:
        connection = duckdb.connect(sys.argv[1], read_only=True)
    except duckdb.IOException:
        continue
    with connection:
        for number in range(TABLES):
            rows = connection.execute(f"select v, count(*) from t{number} group by v").fetchall()
            assert len(rows) == 1 and rows[0][1] == 1000, rows
            seen.add(rows[0][0])
print("whole")
"""


@pytest.mark.parametrize(
    "selections",
    [
        [(), ()],
        [("i",), ("h", "j", "l")],
        [("k",), ("i", "j"), ("l", "c"), ()],
    ],
    ids=["the same", "disjoint", "four that overlap"],
)
@pytest.mark.parametrize("jobs", ["0", "1"])
def test_commands_at_once_build_each_asset_once(shop, launcher, selections, jobs):
    launcher.run(shop, "materialize", "-j", "0")
    for seed in range(2, 4 if jobs == "0" else 3):
        set_seed(shop, seed)
        log_before = len(shop.log())
        builds = [launcher.start(shop, "materialize", "-j", jobs, "--json", *selection) for selection in selections]
        looks = [launcher.start(shop, *look) for look in (("status", "--json"), ("why", "i"), ("status", "--json"))]
        for look in looks:
            ran = look.finish()
            assert ran.exit_code == 0, str(ran)
            if "--json" in ran.arguments:
                assert [entry["asset"] for entry in ran.json["assets"]] == sorted(GRAPH)
        reports = [build.finish() for build in builds]
        for ran in reports:
            assert ran.exit_code == 0, str(ran)
            assert "locked" not in ran.text
        executed = Counter(shop.log()[log_before:])
        assert set(executed.values()) == {1}, executed
        built = Counter(
            entry["asset"] for ran in reports for entry in ran.json["assets"] if entry["outcome"] == "built"
        )
        assert built == executed
        launcher.run(shop, "materialize", "-j", "0")
        check_whole(launcher, shop, seed)


def test_plans_are_neither_blocked_nor_wrong_while_a_table_is_being_replaced(shop, launcher):
    launcher.run(shop, "materialize", "-j", "0")
    set_seed(shop, 5)
    build = launcher.start(shop, "materialize", "c", "-j", "0", ASSETBUILD_FAULT="in-duckdb:c:stop")
    build.wait_until_stopped()
    entries = launcher.run(shop, "status", "--json").json["assets"]
    known = {entry["asset"]: entry["status"] for entry in entries}
    assert (known["a"], known["c"], known["l"]) == ("fresh", "stale", "stale")
    assert "seed" in launcher.run(shop, "why", "l").stdout
    build.send(signal.SIGCONT)
    assert build.finish().exit_code == 0
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 5)


def test_two_builds_that_want_each_others_assets_in_the_other_order_both_end(shop, launcher):
    gates = {name: shop.gate(name) for name in "cl"}  # two tables in one file
    first = launcher.start(shop, "materialize", "c", "-j", "1")
    gates["c"].wait()
    second = launcher.start(shop, "materialize", "l", "c", "-j", "1")
    gates["l"].wait()
    third = launcher.start(shop, "materialize", "c", "l", "-j", "2")
    gates["l"].open()
    gates["c"].open()
    assert [build.finish().exit_code for build in (first, second, third)] == [0, 0, 0]
    assert Counter(shop.log()) == {"a": 1, "c": 1, "l": 1}
    assert published(shop) == {name: expected(1)[name] for name in "acl"}


def test_many_parallel_tables_from_two_commands_while_others_read(project, launcher):
    project.deterministic = False
    project.write("assets.py", MANY.replace("TABLES", str(TABLES)))
    set_seed(project, 1)
    launcher.run(project, "materialize", "-j", "0")
    database = project.path("warehouse/warehouse.duckdb")
    reader = subprocess.Popen(
        [sys.executable, "-c", READER.replace("TABLES", str(TABLES)), str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    set_seed(project, 2)
    builds = [launcher.start(project, "materialize", "-j", "2", "--json") for _ in range(2)]
    for build in builds:
        ran = build.finish()
        assert ran.exit_code == 0, str(ran)
    said, errors = reader.communicate(timeout=60)
    assert said == "whole\n", errors
    assert set(Counter(project.log()).values()) == {2}
    with duckdb.connect(str(database), read_only=True) as connection:
        for number in range(TABLES):
            assert connection.execute(f"select distinct v from t{number}").fetchall() == [(2,)]
    entries = launcher.run(project, "status", "--json").json["assets"]
    assert {entry["status"] for entry in entries} == {"fresh"}
