"""Workers that die, hang, or start processes: the asset fails with the reason named, and nothing else suffers."""

from __future__ import annotations

import pytest

from tests.faults.commands import is_gone, until

PROJECT = """
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path


def child():
    # By way of the shell: os.system closes no file descriptor, so that the child holds whatever is not marked.
    os.system("sleep 1000 & echo $! > child")


@asset
def bad() -> int:
    executed("bad")
    {body}

@asset
def after(bad: int) -> int:
    return bad

@asset
def other() -> int:
    executed("other")
    return 1

@asset
def last(other: int) -> int:
    executed("last")
    return other + 1
"""
DEATHS = {
    "ctypes.string_at(0)": "SIGSEGV",
    "os._exit(3)": "exit code 3",
    "os.kill(os.getpid(), signal.SIGKILL)": "SIGKILL",
    "child(); os._exit(4)": "exit code 4",
    "os.fork() or time.sleep(1000); os._exit(5)": "exit code 5",
}


@pytest.mark.parametrize("body", DEATHS)
def test_a_worker_that_dies_fails_its_asset_with_the_reason_named(project, launcher, body):
    project.assets(PROJECT.format(body=body))
    ran = launcher.run(project, "materialize", "-j", "1", "-k", "--json", exit_code=1)
    entries = {entry["asset"]: entry for entry in ran.json["assets"]}
    assert {name: entry["outcome"] for name, entry in entries.items()} == {
        "bad": "failed",
        "after": "skipped",
        "other": "built",
        "last": "built",
    }
    assert DEATHS[body] in entries["bad"]["error"]
    if project.path("child").exists():
        until(lambda: is_gone(int(project.path("child").read_text())), "a child process of the asset lives on")


@pytest.mark.parametrize("jobs", ["0", "1"])
@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("os.fork(); return 1", "built"),
        ("return 1 if os.fork() else sys.exit(0)", "built"),
        ("return 1 if os.fork() else 1 / 0", "built"),
        ("os.fork(); raise ValueError", "failed"),
    ],
)
def test_a_child_that_comes_out_of_the_function_too_goes_no_further(project, launcher, body, outcome, jobs):
    project.assets(PROJECT.format(body=body))
    ran = launcher.run(project, "materialize", "-j", jobs, "-k", "--json", exit_code=int(outcome == "failed"))
    entries = {entry["asset"]: entry["outcome"] for entry in ran.json["assets"]}
    assert (entries["bad"], entries["other"], entries["last"]) == (outcome, "built", "built")
    assert sorted(project.log()) == ["bad", "last", "other"]


def test_a_timeout_ends_the_asset_and_its_children_and_retries_count(project, launcher):
    body = "child(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    text = PROJECT.format(body=body).replace("@asset\ndef bad", "@asset(timeout=0.2, retries=1)\ndef bad")
    project.assets(text)
    ran = launcher.run(project, "materialize", "-j", "1", "-k", "--json", exit_code=1)
    (bad,) = (entry for entry in ran.json["assets"] if entry["asset"] == "bad")
    assert (bad["outcome"], bad["attempts"]) == ("failed", 2)
    assert "0.2" in bad["error"]
    assert bad["seconds"] >= 0.2
    assert project.log().count("bad") == 2
    until(lambda: is_gone(int(project.path("child").read_text())), "a child process of the asset lives on")


def test_loading_the_project_counts_for_no_timeout(project, launcher):
    project.write("slow.py", "import time\ntime.sleep(0.6)\n")
    project.assets("import slow\n\n@asset(timeout=0.5)\ndef quick() -> int:\n    return 1\n")
    launcher.run(project, "materialize", "-j", "1")


def test_a_retry_after_a_death_is_a_success_of_two_attempts(project, launcher):
    project.deterministic = False
    project.assets("""
        import os

        @asset(retries=2)
        def a() -> int:
            executed("a")
            if once("first"):
                os._exit(1)
            return 1
    """)
    (entry,) = launcher.run(project, "materialize", "-j", "1", "--json").json["assets"]
    assert (entry["outcome"], entry["attempts"]) == ("built", 2)
    assert project.log() == ["a", "a"]
