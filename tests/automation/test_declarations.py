"""What is declared: every problem at once, with its place; and what costs a command nothing."""

from __future__ import annotations

import pytest

WRONG = """\
from assetbuild import RunRequest, asset, cron, freshness, schedule, sensor, source


@asset(on="often")
def a() -> int:
    return 1


@asset(on=cron("0 6 * *"))
def b() -> int:
    return 1


@asset(on=freshness("6 parsecs"))
def c() -> int:
    return 1


@sensor(every="soon", selection="nothing")
def inbox(context):
    return RunRequest("a")


@sensor(name="inbox", timeout=-1)
def other(context):
    return RunRequest("a")


schedule("nightly", "0 60 * * *", selection="group:reports", catch_up="twice")


@schedule("0 6 * * *", timezone="Mars/Olympus")
def weekly():
    return RunRequest("a")


source("file", "a.csv", every="5m")
sensor(every=1)(a)
schedule("nobody", "0 6 * * *", name="else")
schedule("many", "0 6 * * *", selection=[5])
"""


def test_every_problem_is_told_at_once_with_its_place(project):
    project.write("assets.py", WRONG)
    errors = project.run("status", "--json", exit_code=2).json["errors"]
    told = {(error["line"], error["message"].splitlines()[0]) for error in errors}
    assert told == {
        (4, "asset 'a': on='often' is not known"),
        (
            9,
            "asset 'b': the cron text '0 6 * *' needs five fields: minute, hour, day of month, month, day of week",
        ),
        (
            14,
            "asset 'c': '6 parsecs' is no length of time: write '30s', '5m', '6h', '1d', or seconds as a number",
        ),
        (
            19,
            "sensor 'inbox': every: 'soon' is no length of time: write '30s', '5m', '6h', '1d', or seconds as a number",
        ),
        (19, "sensor 'inbox': selection 'nothing' matches no asset"),
        (24, "sensor 'inbox': timeout: -1 is no length of time: it must be more than nothing"),
        (24, "sensor or schedule 'inbox' is declared 2 times"),
        (29, "schedule 'nightly': the cron text '0 60 * * *' cannot be used: bad hour"),
        (29, "schedule 'nightly': selection 'group:reports' matches no asset"),
        (29, "schedule 'nightly': catch_up='twice' is not known: write 'once' or 'skip'"),
        (
            32,
            "schedule 'weekly': the time zone 'Mars/Olympus' is not known: write one such as 'UTC' or 'Europe/Berlin'",
        ),
        (37, "source 'file': 'every' is for observe functions: a change of a file is seen at once"),
        (38, "sensor 'AssetDefinition': the function is declared already, as something else"),
        (39, "schedule 'nobody': its name is said twice"),
        (40, "schedule 'many': a selection is text, an asset, or a list of these, not int"),
    }
    assert {error["file"] for error in errors} == {"assets.py"}


GOOD = """
from assetbuild import RunRequest, cron, schedule, sensor

executed("loading")

@asset(group="reports")
def report() -> int:
    return 1

@asset(on=cron("0 6 * * *"))
def daily() -> int:
    return 1

@sensor(every="5m", selection=[report])
def inbox(context):
    return RunRequest()

schedule("nightly", "0 6 * * *", selection="group:reports")

@schedule("@weekly")
def weekly(context):
    return RunRequest(report)
"""


@pytest.mark.parametrize("command", ["status", "materialize", "sensors", "schedules", "sensors inbox"])
def test_automation_is_in_the_manifest_so_that_nothing_is_imported(project, command):
    project.assets(GOOD)
    project.run("materialize")
    before = project.log().count("loading")
    project.run(*command.split())
    assert project.log().count("loading") == before


def test_a_sensor_that_is_tried_is_loaded_for_it(project):
    project.assets(GOOD)
    project.run("materialize")
    assert "would ask for" in project.run("sensors", "inbox", "--dry-run").stdout


def test_a_schedule_or_sensor_makes_nothing_stale(project):
    project.assets(GOOD)
    project.run("materialize")
    project.edit('every="5m"', 'every="6m"')
    project.edit('"@weekly"', '"@daily"')
    project.edit("return RunRequest(report)", "return None")
    assert set(project.status().values()) == {"fresh"}


def test_automation_alone_is_loaded_only_where_it_is_used(project):
    project.assets("""
        @asset
        def report() -> int:
            return 1
    """)
    project.write(
        "probe.py",
        """
        import sys
        from assetbuild.cli import main

        main(["materialize"])
        main(["status"])
        print(sorted(name for name in sys.modules if "automation" in name or name in {"cronsim", "zoneinfo"}))
    """,
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "probe.py"], cwd=project.root, env=project.env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
