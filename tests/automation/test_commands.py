"""``assetbuild sensors`` and ``schedules``: listing, trying, ticking by hand; across processes."""

from __future__ import annotations

import fcntl
import re

import pytest

SHOP = """
from pathlib import Path
from assetbuild import Config, RunRequest, SkipReason, cron, freshness, schedule, sensor

HERE = Path(__file__).parent

class Settings(Config):
    token: str = "none"

@asset
def report(config: Settings) -> str:
    executed("report")
    return "done"

@asset(on=cron("0 6 * * *", timezone="Europe/Berlin"))
def daily(report: str) -> str:
    return report

@asset(on=freshness("6h"))
def often(report: str) -> str:
    return report

@sensor(every="5m")
def inbox(context):
    "Looks for files."
    names = sorted(path.name for path in HERE.glob("*.txt") if path.name > (context.cursor or ""))
    if not names:
        return SkipReason("nothing new")
    context.log.warning("found %s", ", ".join(names))
    context.cursor = names[-1]
    return [RunRequest("report", run_key=name, config={"report": {"token": "secret"}}) for name in names]

@sensor
def broken():
    raise ConnectionError("no route to host")

@sensor
def again():
    return RunRequest("report", run_key="monday")

schedule("nightly", "0 6 * * *", selection="report", catch_up="skip")

@schedule("@weekly")
def weekly(context):
    return RunRequest("report", run_key=f"{context.scheduled_at:%A}")
"""


@pytest.fixture
def shop(project):
    project.deterministic = False
    project.assets(SHOP)
    return project


def steady(text):
    text = re.sub(r"\d{8}T\d{6}-[0-9a-f]{6}", "RUN", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    return [re.sub(r" {2,}", "  ", line) for line in text.splitlines()]


def test_sensors_are_listed(shop):
    assert steady(shop.run("sensors").stdout) == [
        "again  every 30s  never ticked  due",
        "broken  every 30s  never ticked  due",
        "inbox  every 5m  never ticked  due",
    ]
    assert not list(shop.root.rglob("*.db"))  # looking writes nothing


def test_schedules_are_listed_with_the_assets_that_have_their_own_times(shop):
    assert steady(shop.run("schedules").stdout) == [
        "nightly  0 6 * * * (UTC)  never ticked  next TIME",
        "weekly  @weekly (UTC)  never ticked  next TIME",
        "asset daily  0 6 * * * (Europe/Berlin)  never ticked  next TIME",
        "asset often  freshness 6h  never ticked  due",
    ]


def test_the_listing_for_programs(shop):
    shop.write("a.txt", "")
    shop.run("sensors", "inbox", "--tick")
    (found,) = [item for item in shop.run("sensors", "--json").json["sensors"] if item["name"] == "inbox"]
    assert {name: found[name] for name in ("kind", "when", "description", "cursor", "last_run_key", "failures")} == {
        "kind": "sensor",
        "when": "every 5m",
        "description": "Looks for files.",
        "cursor": "a.txt",
        "last_run_key": "a.txt",
        "failures": 0,
    }
    assert found["last_tick"]["outcome"] == "requested"
    assert found["next_at"] == found["last_tick"]["at"] + 300
    listed = shop.run("schedules", "--json").json["schedules"]
    assert [(item["name"], item["kind"], item["catch_up"]) for item in listed] == [
        ("nightly", "schedule", "skip"),
        ("weekly", "schedule", "once"),
        ("daily", "condition", None),
        ("often", "condition", None),
    ]


def test_a_dry_run_asks_and_changes_nothing(shop):
    shop.write("a.txt", "")
    shop.write("b.txt", "")
    shop.run("materialize")
    before, log = shop.state_bytes(), shop.log()
    assert shop.run("sensors", "inbox", "-n").stdout.splitlines() == [
        "WARNING found a.txt, b.txt",
        "would ask for report; config report.token; run key a.txt",
        "would ask for report; config report.token; run key b.txt",
        "cursor none -> b.txt, not written",
    ]
    document = shop.run("sensors", "inbox", "--dry-run", "--json").json
    assert document["dry_run"] is True
    assert document["requests"][0] == {
        "selection": ["report"], "partitions": None, "config": ["report.token"], "run_key": "a.txt",
    }  # fmt: skip
    assert (shop.state_bytes(), shop.log()) == (before, log)
    assert "secret" not in str(document)


def test_a_tick_by_hand_builds_and_moves_the_cursor(shop):
    shop.write("a.txt", "")
    said = shop.run("sensors", "inbox", "--tick").stdout
    assert "asked for report; config report.token; run key a.txt" in said
    assert "1 built" in said
    assert shop.log() == ["report"]
    assert shop.run("sensors", "inbox", "--tick").stdout == "asks for nothing: nothing new\n"
    assert steady(shop.run("sensors", "inbox").stdout) == [
        "inbox  every 5m  skipped  just now  next TIME  cursor a.txt",
        "  TIME  skipped  nothing new",
        "  TIME  requested  report; RUN success",
    ]
    assert "secret" not in shop.run("sensors", "inbox", "--json").stdout


def test_a_run_key_is_asked_for_once_by_all_processes(shop):
    document = shop.run("sensors", "again", "--tick", "--json").json
    assert [run["status"] for run in document["runs"]] == ["success"]
    assert shop.run("sensors", "again", "--tick").stdout == "asks for nothing: asked for before: monday\n"
    assert shop.run("sensors", "again", "-n").stdout.splitlines() == [
        "asked for before: report; run key monday",
        "asks for nothing",
    ]


def test_a_schedule_is_ticked_by_hand_for_its_latest_tick(shop):
    assert "would ask for report; run key Sunday" in shop.run("schedules", "weekly", "-n").stdout
    assert "1 built" in shop.run("schedules", "nightly", "--tick").stdout
    assert "nothing to do" in shop.run("schedules", "nightly", "--tick").stdout


@pytest.mark.parametrize("flag", ["--dry-run", "--tick"])
def test_a_sensor_that_raises_is_shown_with_its_own_frames(shop, flag):
    ran = shop.run("sensors", "broken", flag, exit_code=1)
    lines = ran.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("sensor 'broken' failed", "ConnectionError: no route to host")
    assert "evaluation.py" not in ran.stdout
    assert shop.run("sensors", "broken", flag, "--json", exit_code=1).json["outcome"] == "failed"


def test_a_failed_asset_ends_a_tick_by_hand_with_1(shop):
    shop.edit('return "done"', "raise ValueError(5)")
    shop.run("schedules", "nightly", "--tick", exit_code=1)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ('RunRequest("report", config={"report": {"token": 5, "tokn": 1}})', "tokn"),
        ('RunRequest("report", partitions="2024-01-01")', "2024-01-01"),
    ],
)
def test_a_request_that_cannot_be_built_is_a_failed_tick(shop, request_, message):
    shop.edit('RunRequest("report", run_key="monday")', request_)
    assert message in shop.run("sensors", "again", "--tick", exit_code=1).stderr
    (tick,) = shop.run("sensors", "again", "--json").json["ticks"]
    assert tick["outcome"] == "failed"
    assert message in tick["message"]


def test_a_tick_that_goes_on_elsewhere_is_left_to_it(shop):
    shop.run("sensors", "again", "--tick")
    (lock,) = shop.path(".assetbuild/ticking").iterdir()
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process runs sensor 'again'" in shop.refuse("sensors", "again", "--tick", exit_code=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sensors", "inbocks"], "closest  inbox"),
        (["sensors", "nightly"], "no sensor is called 'nightly'"),
        (["schedules", "daily", "--tick"], "'daily' is an asset with a condition"),
        (["sensors", "--tick"], "which one is meant?"),
        (["sensors", "inbox", "--tick", "-n"], "contradict each other"),
    ],
)
def test_what_cannot_be_meant_is_refused(shop, arguments, message):
    assert message in shop.refuse(*arguments)


def test_show_says_when_an_asset_is_built(shop):
    assert "built on  0 6 * * * (Europe/Berlin)" in "\n".join(steady(shop.run("show", "daily").stdout))
    assert shop.run("show", "often", "--json").json["on"] == "freshness 6h"
    assert shop.run("show", "report", "--json").json["on"] is None


@pytest.mark.parametrize(
    ("line", "offered"), [("sensors in", ["inbox"]), ("schedules ", ["nightly", "weekly", "daily"])]
)
def test_names_are_completed(shop, line, offered):
    words = {"COMP_WORDS": f"assetbuild --project {shop.root} {line}", "COMP_CWORD": "-1"}
    ran = shop.run(cold=True, _ASSETBUILD_COMPLETE="bash_complete", **words)
    assert [said.partition(",")[2] for said in ran.stdout.splitlines()][: len(offered)] == offered


def test_a_project_without_any(project):
    project.assets("")
    assert project.run("sensors").stdout == "no sensors\n"
    assert project.run("schedules", "--json").json == {"schedules": []}
