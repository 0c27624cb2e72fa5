"""Real processes, real signals: Ctrl-C, kill -9, two builds at once. Synchronised by pipes, never by time."""

from __future__ import annotations

import os
import signal

import pytest

from tests.harness.project_folder import finish, kill_group

PROJECT = """
@asset
def a() -> int:
    executed("a")
    return 1

@asset
def b(a: int) -> int:
    executed("b")
    pause("b")
    return a + 1

@asset
def c(b: int) -> int:
    executed("c")
    return b + 1
"""


@pytest.fixture
def paused(project):
    """A build that waits inside 'b', and the gate that lets it go on."""
    project.assets(PROJECT)
    gate = project.gate("b")
    process = project.start("materialize", "--json")
    gate.wait()
    yield project, process, gate
    for _ in range(4):
        gate.open()
    if process.poll() is None:
        kill_group(process)
    for pipe in (process.stdout, process.stderr):
        pipe.close()


def remove_gate(project):
    for path in project.channel.glob("b.re*"):
        path.unlink()


@pytest.mark.parametrize("to_group", [True, False])
def test_ctrl_c_keeps_what_is_finished_and_prints_the_report(paused, to_group):
    project, process, _ = paused
    os.killpg(process.pid, signal.SIGINT) if to_group else process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert ran.exit_code == 130, str(ran)
    assert ran.json["status"] == "interrupted"
    assert {entry["asset"]: entry["outcome"] for entry in ran.json["assets"]} == {
        "a": "built",
        "b": "skipped",
        "c": "skipped",
    }
    assert "Traceback" not in ran.stderr
    remove_gate(project)
    assert project.build() == {"b": ["missing"], "c": ["missing"]}
    assert project.values() == {"a": 1, "b": 2, "c": 3}


def test_runs_call_a_build_killed_that_is_gone(paused):
    project, process, _ = paused
    assert project.run("runs", "--json").json["runs"][0]["status"] == "running"
    process.kill()
    process.wait()
    assert project.run("runs", "--json").json["runs"][0]["status"] == "killed"


def test_ctrl_c_reaches_an_asset_that_runs_inside_the_command(project):
    project.assets(PROJECT)
    gate = project.gate("b")
    process = project.start("materialize", "--json", "-j", "0")
    gate.wait()
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert ran.exit_code == 130, str(ran)
    assert ran.json["status"] == "interrupted"
    assert [entry["outcome"] for entry in ran.json["assets"]] == ["built", "skipped", "skipped"]


def test_a_killed_build_needs_no_unlocking(paused):
    project, process, _ = paused
    kill_group(process)
    remove_gate(project)
    assert project.build() == {"b": ["missing"], "c": ["missing"]}
    folder = project.path(".assetbuild")
    left = [path for path in folder.rglob("*tmp*/**/*") if path.is_file()]
    assert left == []


def test_a_build_whose_main_process_alone_is_killed_can_be_repeated(paused):
    project, process, gate = paused
    process.kill()
    process.wait()
    gate.open()
    remove_gate(project)
    project.run("materialize")
    assert project.values() == {"a": 1, "b": 2, "c": 3}
    assert project.build() == {}


def test_plans_work_while_a_build_runs(paused):
    project, process, gate = paused
    assert project.status() == {"a": "fresh", "b": "missing", "c": "missing"}
    assert "never built" in project.why("b")
    gate.open()
    assert finish(process).exit_code == 0
    assert project.status() == {"a": "fresh", "b": "fresh", "c": "fresh"}


def test_a_second_build_waits_and_names_the_holder(paused):
    project, process, gate = paused
    second = project.start("materialize", "--json")
    said = ""
    while str(process.pid) not in said:
        line = second.stderr.readline()
        assert line, said
        said += line
    gate.open()
    assert finish(process).exit_code == 0
    ran = finish(second)
    assert ran.exit_code == 0, str(ran)
    assert {entry["outcome"] for entry in ran.json["assets"]} == {"fresh"}
    assert project.log() == ["a", "b", "c"]


def test_no_wait_gives_up_at_once_and_names_the_holder(paused):
    project, process, _ = paused
    text = project.refuse("materialize", "--no-wait", exit_code=1)
    assert str(process.pid) in text


def test_two_builds_started_together_run_each_asset_once(project):
    project.assets(PROJECT)
    builds = [project.start("materialize", "--json") for _ in range(3)]
    reports = [finish(build) for build in builds]
    assert [ran.exit_code for ran in reports] == [0, 0, 0]
    assert project.log() == ["a", "b", "c"]
    assert project.values() == {"a": 1, "b": 2, "c": 3}


def test_a_closed_pipe_is_no_traceback(project):
    project.assets(PROJECT)
    project.run("materialize")
    process = project.start("status")
    process.stdout.close()
    process.wait()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
