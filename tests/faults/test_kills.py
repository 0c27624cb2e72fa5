"""kill -9 at every named point of the protocol: of the worker, of the main process, of both at once."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.faults.shop import GRAPH, check_whole, expected, leftovers, published, set_seed

IN_WORKER = ["before-function", "before-write", "before-add", "before-publish", "in-publish", "after-publish"]
IN_MAIN = ["before-record", "in-record", "after-record"]
KILLED = -signal.SIGKILL


def check_next_build(launcher, shop, seed, *, repeats=(), most=None):
    """Build as if nothing had been: no unlocking, only what ran at that moment runs again, all is right."""
    launcher.run(shop, "materialize", "-j", "0", "--no-wait")
    check_whole(launcher, shop, seed)
    executed = Counter(shop.log())
    assert {name for name, times in executed.items() if times > 1} <= set(repeats)
    assert sum(executed.values()) - len(GRAPH) <= (len(repeats) if most is None else most)
    assert max(executed.values()) <= 2
    assert set(executed) == set(GRAPH)


# With -j 0 all points are passed by the main process.
@pytest.mark.parametrize(
    ("point", "asset"), [*((point, "b") for point in (*IN_WORKER, *IN_MAIN)), ("in-publish", "h"), ("before-add", "h")]
)
def test_a_kill_of_the_main_process(shop, launcher, point, asset):
    build = launcher.start(shop, "materialize", "-j", "0", ASSETBUILD_FAULT=f"{point}:{asset}:kill")
    assert build.finish().exit_code == KILLED
    check_next_build(launcher, shop, 1, repeats=[asset, "c"])  # c may lie in the publishing lane just then


@pytest.mark.parametrize("point", ["in-duckdb", "before-record", "in-record", "after-record", "before-duckdb-close"])
def test_a_kill_while_a_duckdb_table_is_published(shop, launcher, point):
    asset = "" if point == "before-duckdb-close" else "c"
    build = launcher.start(shop, "materialize", "-j", "0", ASSETBUILD_FAULT=f"{point}:{asset}:kill")
    assert build.finish().exit_code == KILLED
    # One asset runs, and what was handed to the lane just before is not recorded yet.
    check_next_build(launcher, shop, 1, repeats=set(GRAPH), most=4)


def test_a_kill_at_the_very_end(shop, launcher):
    build = launcher.start(shop, "materialize", "-j", "0", ASSETBUILD_FAULT="before-end:*:kill")
    assert build.finish().exit_code == KILLED
    check_next_build(launcher, shop, 1)
    assert shop.run("runs").stdout.count("killed") == 1


@pytest.mark.parametrize("point", IN_WORKER)
def test_a_kill_of_a_worker_fails_its_asset_alone_and_leaves_nothing(shop, launcher, point):
    build = launcher.start(shop, "materialize", "-j", "1", "-k", "--json", ASSETBUILD_FAULT=f"{point}:b:kill")
    ran = build.finish()
    assert ran.exit_code == 1, str(ran)
    outcomes = {entry["asset"]: entry["outcome"] for entry in ran.json["assets"]}
    assert {name for name, outcome in outcomes.items() if outcome == "built"} == set("achjl")
    assert outcomes["b"] == "failed"
    assert "SIGKILL" in next(entry["error"] for entry in ran.json["assets"] if entry["asset"] == "b")
    assert leftovers(shop) == []
    check_next_build(launcher, shop, 1, repeats="b")


@pytest.mark.parametrize("action", ["kill-parent", "kill-both"])
@pytest.mark.parametrize("point", ["before-add", "in-publish"])
def test_a_kill_of_the_parent_and_of_both(shop, launcher, point, action):
    build = launcher.start(shop, "materialize", "-j", "1", ASSETBUILD_FAULT=f"{point}:b:{action}")
    assert build.finish().exit_code == KILLED
    # l ran just before b in this worker, and may not be recorded yet.
    check_next_build(launcher, shop, 1, repeats="bcl")


@pytest.mark.parametrize("point", ["in-publish", "in-duckdb", "before-record", "in-record"])
def test_a_kill_while_values_are_replaced_keeps_whole_ones(shop, launcher, point):
    launcher.run(shop, "materialize", "-j", "0")
    set_seed(shop, 7)
    asset = "e" if point == "in-publish" else "f"
    build = launcher.start(shop, "materialize", "-j", "0", ASSETBUILD_FAULT=f"{point}:{asset}:kill")
    assert build.finish().exit_code == KILLED
    assert all(value in {expected(1)[name], expected(7)[name]} for name, value in published(shop).items())
    set_seed(shop, 1)  # going back: what was replaced and not recorded must not pass for the old value
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 1)
    assert max(Counter(shop.log()).values()) <= 2  # the old values were restored


def test_a_table_that_waits_for_its_repair_is_not_called_fresh_when_others_are_published(shop, launcher):
    launcher.run(shop, "materialize", "-j", "0")
    import duckdb

    with duckdb.connect(str(shop.path("warehouse/warehouse.duckdb"))) as connection:
        connection.execute("update i set v = 99")
    shop.edit("executed('l')\n    value = 1 + ", "executed('l')\n    value = 1 + 0 + ")
    # l is published and its batch recorded; i, whose turn comes in the same build, fails and stays as it is.
    launcher.run(shop, "materialize", "-k", "-j", "0", exit_code=1, ASSETBUILD_FAULT="in-duckdb:i:error")
    entries = launcher.run(shop, "status", "--json").json["assets"]
    assert {entry["asset"] for entry in entries if entry["status"] != "fresh"} == {"i"}
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 1)
