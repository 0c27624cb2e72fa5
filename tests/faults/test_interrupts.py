"""Ctrl-C once and twice, and SIGTERM: what is finished is kept, the document is printed, nothing runs on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from tests.faults.commands import is_gone, until, workers_of
from tests.faults.shop import GRAPH, check_whole, leftovers, set_seed


def remove_gate(project, name):
    for end in ("reached", "release"):
        (project.channel / f"{name}.{end}").unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_the_build_and_keeps_what_is_finished(shop, launcher, number):
    gate = shop.gate("i")
    build = launcher.start(shop, "materialize", "-j", "2", "--json")
    gate.wait()
    workers = workers_of(build.pid)
    assert workers
    build.send(number)
    ran = build.finish()
    assert ran.exit_code == 130, str(ran)
    assert ran.json["status"] == "interrupted"
    outcomes = {entry["asset"]: entry["outcome"] for entry in ran.json["assets"]}
    assert outcomes == {name: "skipped" if name in "ik" else outcomes[name] for name in GRAPH}
    assert {outcomes[name] for name in "abcdefg"} == {"built"}
    assert leftovers(shop) == []
    until(lambda: all(is_gone(worker) for worker in workers), "a worker lives on")
    remove_gate(shop, "i")
    built = {name for name, outcome in outcomes.items() if outcome == "built"}
    ran = launcher.run(shop, "materialize", "-j", "0", "--json")
    assert {entry["asset"] for entry in ran.json["assets"] if entry["outcome"] == "fresh"} == built
    check_whole(launcher, shop, 1)


def test_the_second_ctrl_c_ends_it_now(project, launcher):
    project.assets("""
        @asset
        def a() -> int:
            executed("a")
            try:
                pause("a")
            except KeyboardInterrupt:
                pause("tidying for ever")
            return 1
    """)
    gates = [project.gate("a"), project.gate("tidying for ever")]
    build = launcher.start(project, "materialize", "-j", "0")  # the asset runs in the process of the command
    for gate in gates:
        gate.wait()
        build.send(signal.SIGINT)
    assert build.finish().exit_code == 130
    remove_gate(project, "a")
    launcher.run(project, "materialize", "-j", "0", "--no-wait")
    assert project.values() == {"a": 1}
    assert leftovers(project) == []


def test_ctrl_c_without_workers_stops_the_asset(shop, launcher):
    gate = shop.gate("e")
    build = launcher.start(shop, "materialize", "-j", "0", "--json")
    gate.wait()
    build.send(signal.SIGINT)
    ran = build.finish()
    assert ran.exit_code == 130, str(ran)
    outcomes = {entry["asset"]: entry["outcome"] for entry in ran.json["assets"]}
    assert (outcomes["b"], outcomes["c"], outcomes["e"]) == ("built", "built", "skipped")
    remove_gate(shop, "e")
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 1)


def test_child_processes_of_an_asset_end_with_the_build(project, launcher):
    project.assets("""
        import os

        @asset
        def a() -> int:
            os.system("sleep 1000 & echo $! > child")
            pause("a")
            return 1
    """)
    gate = project.gate("a")
    for ending in (signal.SIGINT, signal.SIGKILL):
        build = launcher.start(project, "materialize", "-j", "1")
        gate.wait()
        child = int(project.path("child").read_text())
        assert not is_gone(child)
        build.send(ending)
        build.finish()
        until(partial(is_gone, child), f"a child process lives on after {ending.name}")


def test_ctrl_c_at_any_moment_is_clean(shop, launcher):
    launcher.run(shop, "materialize", "-j", "0")
    for seed in range(2, 10):
        set_seed(shop, seed)
        build = launcher.start(shop, "materialize", "-j", "0", "--json")
        until(lambda: bool(list(shop.path(".assetbuild/running").iterdir())), "it did not begin")
        time.sleep(0.02 * (seed % 5))
        build.send(signal.SIGINT)
        ran = build.finish()
        assert ran.exit_code in {0, 130}, str(ran)
        assert "Traceback" not in ran.stderr
        assert leftovers(shop) == []
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 9)


def test_ctrl_c_while_python_cleans_up_an_object_is_not_lost(project, launcher):
    project.assets("""
        class Slow:
            def __del__(self) -> None:
                pause("a")

        @asset
        def a() -> int:
            Slow()
            while True:
                time.sleep(0.1)
    """)
    gate = project.gate("a")
    build = launcher.start(project, "materialize", "-j", "0")
    gate.wait()
    build.send(signal.SIGINT)
    ran = build.finish()
    assert ran.exit_code == 130, str(ran)
    assert "Traceback" not in ran.stderr


def test_what_finishes_soon_after_ctrl_c_is_kept(project, launcher):
    project.assets("""
        @asset
        def a() -> int:
            pause("a")
            return 1

        @asset
        def b(a: int) -> int:
            return a + 1
    """)
    gate = project.gate("a")
    build = launcher.start(project, "materialize", "-j", "1", "--json")
    gate.wait()
    build.send(signal.SIGINT)
    gate.open()
    ran = build.finish()
    assert ran.exit_code == 130, str(ran)
    assert "stopping: a may finish within 2 seconds; press Ctrl-C again to end now" in ran.stderr
    assert [entry["outcome"] for entry in ran.json["assets"]] == ["built", "skipped"]
    remove_gate(project, "a")
    assert project.build() == {"b": ["missing"]}


def test_the_second_ctrl_c_ends_workers_at_once(project, launcher):
    project.assets("""
        @asset
        def a() -> int:
            pause("a")
            return 1
    """)
    gate = project.gate("a")
    build = launcher.start(project, "materialize", "-j", "1", "--json")
    gate.wait()
    workers = workers_of(build.pid)
    build.send(signal.SIGINT)
    until(lambda: "stopping: a" in build.said(), "it does not say that it stops")
    build.send(signal.SIGINT)
    ran = build.finish()
    assert (ran.exit_code, ran.stdout) == (130, "")
    until(lambda: all(is_gone(worker) for worker in workers), "a worker lives on")


def test_ctrl_c_while_a_run_takes_its_lock_leaves_nothing(tmp_path):
    code = """
import os, sys
from pathlib import Path
from assetbuild.record.lock import run_lock

def interrupt(event, _arguments):
    if event == "fcntl.flock":
        raise KeyboardInterrupt

sys.addaudithook(interrupt)
folder = Path(sys.argv[1])
try:
    with run_lock(folder, "a run"):
        print("not interrupted")
except KeyboardInterrupt:
    print(os.listdir(folder / "running"))
"""
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
