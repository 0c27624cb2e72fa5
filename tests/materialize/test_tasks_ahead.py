"""Tasks that a busy worker is given ahead: none waits behind a long one, and none begins after a failure."""

from __future__ import annotations

from assetbuild import Project
from assetbuild.materialize.events import AssetFinished, AssetStarted, Event
from assetbuild.materialize.report import Report

LONG = """
import time
from pathlib import Path
from assetbuild import asset

SHORT = {short}

@asset(priority=1)
def long() -> int:
    until = time.monotonic() + 60
    while not all(Path(f"ran_{{n}}").exists() for n in range(SHORT)):
        assert time.monotonic() < until, "a short one waits behind this one"
        time.sleep(0.01)
    return 1
"""
SHORT = """
@asset
def short_{n}() -> int:
    Path("ran_{n}").touch()
    return {n}
"""


def test_a_task_does_not_wait_behind_a_long_one(tmp_path):
    count = 20
    text = LONG.format(short=count) + "".join(SHORT.format(n=n) for n in range(count))
    (tmp_path / "assets.py").write_text(text)
    report = Project.open(tmp_path).materialize(jobs=2)
    assert report.status == "success", report
    assert report.counts()["built"] == count + 1


FAILING = """
from pathlib import Path
from assetbuild import asset

@asset(priority=1)
def first() -> int:
    return 1 // 0

@asset
def second() -> int:
    Path("second").touch()
    return 2
"""


def outcomes(report: Report) -> dict[str, str]:
    return {each.asset: each.outcome for each in report.assets}


def test_after_a_failure_nothing_begins(tmp_path):
    (tmp_path / "assets.py").write_text(FAILING)
    report = Project.open(tmp_path).materialize(jobs=1)
    assert outcomes(report) == {"first": "failed", "second": "skipped"}
    assert not (tmp_path / "second").exists()


def test_after_a_failure_the_rest_goes_on_when_that_is_wanted(tmp_path):
    (tmp_path / "assets.py").write_text(FAILING)
    report = Project.open(tmp_path).materialize(jobs=1, keep_going=True)
    assert outcomes(report) == {"first": "failed", "second": "built"}


DYING = """
import os
from pathlib import Path
from assetbuild import asset

@asset(priority=1)
def dies() -> int:
    os._exit(3)

@asset
def other() -> int:
    with open("ran", "a") as file:
        file.write("other\\n")
    return 2
"""


def test_a_task_behind_one_that_kills_its_worker_runs_once_elsewhere(tmp_path):
    (tmp_path / "assets.py").write_text(DYING)
    report = Project.open(tmp_path).materialize(jobs=1, keep_going=True)
    assert outcomes(report) == {"dies": "failed", "other": "built"}
    assert (tmp_path / "ran").read_text() == "other\n"


def test_each_task_is_said_to_begin_once_and_before_it_ends(tmp_path):
    names = [f"a{n}" for n in range(30)]
    text = "".join(f"@asset\ndef {name}() -> int:\n    return 1\n\n" for name in names)
    text += f"@asset\ndef last({', '.join(names)}) -> int:\n    return 1\n"
    (tmp_path / "assets.py").write_text(f"from assetbuild import asset\n\n{text}")
    begun: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, AssetStarted):
            begun.append(event.asset)
        elif isinstance(event, AssetFinished):
            assert event.outcome.asset in begun

    Project.open(tmp_path).materialize(jobs=2, on_event=listen)
    assert sorted(begun) == sorted([*names, "last"])
    assert begun[-1] == "last"
