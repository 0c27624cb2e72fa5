"""Sensors, schedules, conditions and polled sources in a real watcher: one story each."""

from __future__ import annotations

import signal
import sqlite3

from tests.watch.watching import watching

HEADER = """
from pathlib import Path
from assetbuild import Config, DataVersion, RunRequest, SkipReason, cron, schedule, sensor

HERE = Path(__file__).parent
source("orders", "orders.txt")
"""

SENSOR = (
    HEADER
    + """
class Settings(Config):
    title: str = "none"

@asset
def report(orders: str, config: Settings) -> str:
    executed("report")
    return config.title

@sensor(every="100ms")
def inbox(context):
    names = sorted(path.name for path in (HERE / "inbox").glob("*") if path.name > (context.cursor or ""))
    if not names:
        return SkipReason("nothing new")
    context.cursor = names[-1]
    return [RunRequest("report", run_key=name, config={"report": {"title": name}}) for name in names]
"""
)


def overslept(project, name):
    """Let a day go by for a schedule: as if nothing had watched since then."""
    with sqlite3.connect(project.path(".assetbuild/state.db")) as connection:
        changed = connection.execute(
            "UPDATE automations SET scheduled_at = scheduled_at - 86400 WHERE name = ?", (name,)
        )
        assert changed.rowcount == 1
    connection.close()


def test_a_sensor_builds_and_its_cursor_outlives_the_watcher(project):
    project.assets(SENSOR)
    project.write("orders.txt", "a")
    project.path("inbox").mkdir()
    with watching(project) as watch:
        project.write("inbox/a", "")
        watch.until("BuildRequested", reason="sensor 'inbox'")
        watch.until("RunFinished", status="success")
        assert watch.built == ["report"]
        watch.idle()
        project.write("inbox/b", "")
        watch.until("RunFinished", status="success")
        watch.idle()
        assert project.value("report") == "b"
        watch.process.send_signal(signal.SIGKILL)
        watch.process.wait()
    (found,) = project.run("sensors", "--json").json["sensors"]
    assert (found["cursor"], found["last_run_key"]) == ("b", "b")
    with watching(project) as watch:
        project.write("inbox/c", "")
        watch.until("RunFinished", status="success")
        assert [event["selection"] for event in watch.named("BuildRequested")] == [["report"]]
    project.settled = False


def test_a_sensor_that_raises_is_told_and_works_again_when_it_is_mended(project):
    project.assets(SENSOR.replace("names = sorted", "names = soted"))
    project.write("orders.txt", "a")
    project.path("inbox").mkdir()
    with watching(project) as watch:
        told = watch.until("Noticed")
        assert told["text"].startswith("sensor 'inbox': NameError: name 'soted' is not defined")
        project.write("inbox/a", "")
        project.edit("soted", "sorted")
        watch.until("BuildRequested", reason="sensor 'inbox'")
        watch.until("RunFinished", status="success")
    assert project.value("report") == "a"
    project.settled = False


def test_what_cannot_be_built_is_the_mistake_of_the_sensor_alone(project):
    project.assets(SENSOR.replace('"title": name', '"titel": name'))
    project.write("orders.txt", "a")
    project.path("inbox").mkdir()
    with watching(project) as watch:
        project.write("inbox/a", "")
        watch.until("BuildFailed")
        assert "titel" in watch.until("Noticed")["text"]
        watch.idle()
        project.write("orders.txt", "b")
        watch.until("RunFinished", status="success")
        assert watch.built == ["report"]
    tick = project.run("sensors", "inbox", "--json").json["ticks"][0]
    assert (tick["outcome"], "titel" in tick["message"], tick["cursor"]) == ("failed", True, None)


def test_a_sensor_that_hangs_holds_nothing_up(project):
    project.assets(SENSOR.replace("    names = sorted", "    import time\n    time.sleep(600)\n    names = sorted"))
    project.write("orders.txt", "a")
    with watching(project) as watch:
        project.write("orders.txt", "b")
        watch.until("RunFinished", status="success")
        assert watch.built == ["report"]


def test_a_schedule_makes_up_for_what_it_missed(project):
    project.assets(
        HEADER
        + """
@asset(on="missing")
def report(orders: str) -> str:
    return orders

schedule("nightly", "0 6 * * *", selection="report")
"""
    )
    project.write("orders.txt", "a")
    with watching(project):
        pass
    project.write("orders.txt", "b")
    with watching(project) as watch:
        assert watch.named("BuildRequested") == []
    assert project.value("report") == "a"
    overslept(project, "nightly")
    with watching(project):
        pass
    assert project.value("report") == "b"
    (tick,) = project.run("schedules", "nightly", "--json").json["ticks"]
    assert (tick["outcome"], tick["runs"][0]["status"]) == ("requested", "success")


def test_an_asset_with_cron_waits_for_its_tick(project):
    project.assets(
        HEADER
        + """
@asset
def clean(orders: str) -> str:
    return orders.strip()

@asset(on=cron("0 6 * * *"))
def report(clean: str) -> str:
    return f"report of {clean}"
"""
    )
    project.write("orders.txt", "a")
    with watching(project) as watch:
        project.write("orders.txt", "b")
        watch.until("RunFinished", status="success")
        watch.idle()
        assert watch.built == ["clean"]
    assert project.status() == {"clean": "fresh", "report": "missing"}
    overslept(project, "report")
    with watching(project):
        pass
    assert project.value("report") == "report of b"
    project.settled = False


def test_a_source_without_files_is_polled(project):
    project.assets(
        HEADER
        + """
@source(every="100ms")
def shop_orders() -> DataVersion:
    return DataVersion((HERE / "version").read_text())

@asset(deps=["shop_orders"])
def copied() -> str:
    return (HERE / "version").read_text()
"""
    )
    project.write("orders.txt", "a")
    project.write("version", "1")
    with watching(project) as watch:
        project.write("version", "2")
        watch.until("BuildRequested", reason="source shop_orders moved")
        while not watch.built:
            watch.until("RunFinished", status="success")
    assert project.value("copied") == "2"
