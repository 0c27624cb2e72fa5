"""The record of ticks: bounded, and an older state database is read and migrated."""

from __future__ import annotations

import sqlite3

import pytest

from assetbuild.record.schema import MIGRATIONS, SCHEMA_VERSION
from assetbuild.record.state import Record
from assetbuild.record.ticks import RUN_KEYS_KEPT, TICKS_KEPT, AutomationState, Tick, TickLock, Ticks

ASSETS = """
@asset
def report() -> str:
    executed("report")
    return "done"
"""
STATE = AutomationState("sensor", "inbox", "b.txt", "b.txt", 5.0, None, 0)


@pytest.fixture
def record(tmp_path):
    record = Record.open(tmp_path / "state.db")
    yield record
    record.close()


def test_a_tick_and_its_state_are_read_as_they_were_written(record):
    ticks = Ticks(record)
    tick = Tick(
        "sensor", "inbox", 5.0, "requested", 0.5, 4.0, "why", "b.txt", ({"run_key": "é"},), ({"run_id": "r"},), "log"
    )
    ticks.add(tick, STATE, ["a.txt", "b.txt"])
    assert ticks.history("sensor", "inbox") == [tick]
    assert ticks.latest() == {("sensor", "inbox"): tick}
    assert ticks.states() == {("sensor", "inbox"): STATE}
    assert ticks.seen("sensor", "inbox", ["b.txt", "c.txt"]) == {"b.txt"}
    assert ticks.seen("schedule", "inbox", ["b.txt"]) == frozenset()
    assert ticks.state("sensor", "other") == AutomationState("sensor", "other")


def test_the_last_ticks_of_each_automation_are_kept(record):
    ticks = Ticks(record)
    ticks.add(Tick("schedule", "inbox", 0.0, "requested"), AutomationState("schedule", "inbox"))
    for number in range(TICKS_KEPT + 20):
        ticks.add(Tick("sensor", "inbox", float(number), "requested"), STATE)
    history = ticks.history("sensor", "inbox")
    assert (len(history), history[0].at, history[-1].at) == (TICKS_KEPT, TICKS_KEPT + 19.0, 20.0)
    assert len(ticks.history("schedule", "inbox")) == 1


def test_run_keys_that_were_seen_last_are_kept(record):
    ticks = Ticks(record)
    old = [f"old {number}" for number in range(100)]
    ticks.add(Tick("sensor", "inbox", 1.0, "requested"), STATE, old)
    ticks.add(
        Tick("sensor", "inbox", 2.0, "requested"), STATE, [f"new {number}" for number in range(RUN_KEYS_KEPT - 50)]
    )
    assert len(ticks.seen("sensor", "inbox", old)) == 50
    ticks.add(Tick("sensor", "inbox", 3.0, "skipped"), STATE, [])
    assert len(ticks.seen("sensor", "inbox", old)) == 50


def test_one_holds_the_lock_of_a_tick(tmp_path):
    one, two = TickLock(tmp_path, "sensor", "a/b"), TickLock(tmp_path, "sensor", "a/b")
    assert (one.take(), two.take(), TickLock(tmp_path, "sensor", "c").take()) == (True, False, True)
    one.release()
    assert two.take()
    two.release()


def downgraded(project):
    """Make the state database one of the first version, as an older assetbuild left it; return its bytes."""
    path = project.path(".assetbuild/state.db")
    with sqlite3.connect(path) as connection:
        for table in ("automations", "ticks", "run_keys"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path.read_bytes()


def test_a_plan_reads_the_state_of_an_older_version_and_leaves_it_as_it_is(project):
    project.assets(ASSETS)
    project.build()
    before = downgraded(project)
    assert project.status() == {"report": "fresh"}
    assert "success" in project.run("runs").stdout
    assert project.run("sensors").stdout == "no sensors\n"
    assert project.path(".assetbuild/state.db").read_bytes() == before


def test_a_build_migrates_the_state_of_an_older_version_and_runs_nothing(project):
    project.assets(ASSETS)
    project.build()
    downgraded(project)
    assert project.build() == {}
    with sqlite3.connect(project.path(".assetbuild/state.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert {"automations", "ticks", "run_keys", "pointers"} <= tables
    assert project.status() == {"report": "fresh"}


def test_every_migration_leads_on_from_the_one_before(tmp_path):
    with sqlite3.connect(":memory:") as connection:
        for statements in MIGRATIONS:
            connection.executescript(statements)
        migrated = set(connection.execute("SELECT sql FROM sqlite_master"))
    connection.close()
    record = Record.open(tmp_path / "state.db")
    assert set(record.connection.execute("SELECT sql FROM sqlite_master")) == migrated
    record.close()
