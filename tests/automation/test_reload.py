"""Sensors in a module of their own: an edit there is taken up, and touches no asset."""

from __future__ import annotations

from tests.watch.watching import watching

ASSETS = """
@asset
def report() -> str:
    executed("report")
    return "done"
"""
SENSORS = """\
from pathlib import Path

from assetbuild import RunRequest, SkipReason, sensor
from assets import report

HERE = Path(__file__).parent


@sensor(every="50ms")
def inbox(context):
    (HERE / "ticks").write_text("first")
    return SkipReason("first")
"""


def test_an_edit_of_a_sensor_is_taken_up_and_builds_nothing(project):
    project.assets(ASSETS)
    project.write("jobs.py", SENSORS)
    project.write("assetbuild.toml", 'definitions = ["assets", "jobs"]\n')
    project.write("unrelated.py", "")
    with watching(project) as watch:
        project.edit('"ticks").write_text("first")', '"ticks").write_text("second")', "jobs.py")
        project.edit('SkipReason("first")', 'RunRequest(report, run_key="x")', "jobs.py")
        watch.until("RunFinished", status="success")
        assert watch.built == []
    assert project.path("ticks").read_text() == "second"
    ticks = project.run("sensors", "inbox", "--json").json["ticks"]
    assert [(tick["outcome"], tick["message"]) for tick in reversed(ticks)][:2] == [
        ("skipped", "first"),
        ("requested", ""),
    ]
    project.settled = False
