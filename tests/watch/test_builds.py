"""What happens while a build runs: nothing is lost, what is obsolete can be cut off, others may build as well."""

from __future__ import annotations

import json
import random
import signal
import urllib.error
import urllib.request

import pytest

from tests.watch.watching import Watching, watching

PAUSING = """
@asset
def first() -> int:
    executed("first")
    pause("first")
    return 1

@asset
def second(first: int) -> int:
    executed("second")
    return first + 10

@asset
def beside() -> int:
    executed("beside")
    pause("beside")
    return 5
"""


@pytest.fixture
def pausing(project):
    """A project with two assets that wait for the test when there is a gate."""
    project.assets(PAUSING)
    return project


def remove_gates(project):
    for path in [*project.channel.glob("*.reached"), *project.channel.glob("*.release")]:
        path.unlink()


def test_a_save_during_a_build_is_built_after_it(pausing):
    with watching(pausing, "--on-change", "finish") as watch:
        gate = pausing.gate("first")
        pausing.edit("return 1\n", "return 2\n")
        gate.wait()
        pausing.edit("return 2\n", "return 3\n")
        pausing.edit("first + 10", "first + 20")
        gate.open()
        gate.open()
        watch.until("RunFinished", status="success")
        watch.until("RunFinished", status="success")
        watch.idle()
        assert watch.named("BuildCutOff") == []
    assert pausing.value("second") == 23
    pausing.check_equals_clean_build()


def test_restart_ends_what_has_become_obsolete(pausing):
    with watching(pausing, "--on-change", "restart") as watch:
        gate = pausing.gate("first")
        pausing.edit("return 1\n", "return 2\n")
        gate.wait()
        pausing.edit("return 2\n", "return 3\n")  # nobody opens the gate: the running call never ends by itself
        assert watch.until("BuildCutOff")["assets"] == ["first", "second"]
        gate.open()
        watch.idle()
    assert pausing.value("second") == 13
    pausing.check_equals_clean_build()


def test_restart_lets_finish_what_is_not_touched(pausing):
    with watching(pausing, "--on-change", "restart", "-j", "2") as watch:
        first, beside = pausing.gate("first"), pausing.gate("beside")
        text = pausing.path("assets.py").read_text()
        pausing.write("assets.py", text.replace("return 1\n", "return 2\n").replace("return 5", "return 6"))
        first.wait()
        beside.wait()
        pausing.edit("first + 10", "first + 20")  # touches neither of the two that run, but what comes after them
        watch.until("SomethingChanged")
        watch.until("SomethingChanged")
        first.open()
        beside.open()
        watch.idle()
        log = pausing.log()
        assert log.count("first") == log.count("beside") == 2
    assert pausing.value("second") == 22


def test_restart_goes_on_when_the_save_touches_nothing(pausing):
    with watching(pausing, "--on-change", "restart") as watch:
        gate = pausing.gate("first")
        pausing.edit("return 1\n", "return 2\n")
        gate.wait()
        pausing.edit("return first + 10", "return first + 10  # ten")
        watch.until("NothingAffected")
        gate.open()
        watch.until("RunFinished", status="success")
        watch.idle()
        assert pausing.log().count("first") == 2


def test_a_burst_is_one_build(project):
    project.assets("""
        from pathlib import Path

        files = source("files", "data/*.txt")

        @asset
        def joined(files: list[Path]) -> list:
            executed("joined")
            return [path.read_text() for path in files]
    """)
    for number in range(500):
        project.write(f"data/{number:03}.txt", "a")
    project.write(".git/HEAD", "ref: refs/heads/main\n")
    with watching(project) as watch:
        for version in ("b", "c"):
            lock = project.write(".git/index.lock", "")  # as git does for as long as a checkout lasts
            for number in range(500):
                project.write(f"data/{number:03}.txt", version)
            project.write("assets.py", project.path("assets.py").read_text() + "\n")
            lock.unlink()
            watch.until("RunFinished")
            watch.idle()
        assert len(watch.named("RunStarted")) == 2
    assert project.value("joined") == ["c"] * 500


def test_a_burst_that_goes_on_during_the_build_is_not_lost(shop):
    with watching(shop, "--debounce", "0") as watch:
        for number in range(50):
            shop.write("data/numbers.json", json.dumps([number]))
            shop.write("helper.py", f"def factor():\n    return {number}\n")
        while shop.value("total") != 49 * 49:
            watch.until("RunFinished")
        watch.idle()


def test_signals_end_it(shop):
    for number, exit_code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        with watching(shop) as watch:
            ended = watch.stop(number)
            assert ended.exit_code == exit_code, str(ended)
            assert watch.named("WatchStopped")


def test_a_signal_during_a_build_keeps_what_is_finished(pausing):
    for number, exit_code, value in ((signal.SIGTERM, 0, 2), (signal.SIGINT, 130, 3)):
        with watching(pausing) as watch:
            gate = pausing.gate("beside")
            text = pausing.path("assets.py").read_text()
            for before in (value - 1, value + 3):
                text = text.replace(f"return {before}\n", f"return {before + 1}\n")
            pausing.write("assets.py", text)
            gate.wait()
            ended = watch.stop(number)
            assert ended.exit_code == exit_code, str(ended)
            assert watch.named("RunFinished")[-1]["status"] == "interrupted"
        remove_gates(pausing)
    pausing.build(exit_code=0, plan=False)
    pausing.check_equals_clean_build()


def test_another_command_builds_at_the_same_time(shop):
    with watching(shop) as watch:
        shop.run("materialize", "--force", "alone")
        shop.edit("return 7", "return 8")
        watch.until("RunFinished")
        watch.idle()
        shop.run("materialize")
        assert shop.value("alone") == 8


def test_one_watcher_for_an_asset_and_several_for_a_project(shop):
    with watching(shop, "total") as watch:
        refused = shop.run("watch", "--headless", "scaled+", exit_code=1).stderr
        assert f"pid {watch.process.pid}, watching total" in refused
        with watching(shop, "alone") as other:
            shop.edit("return 7", "return 8")
            other.idle()
            shop.write("data/numbers.json", "[4]")
            watch.until("RunFinished")
            watch.idle()
            assert (watch.built, other.built) == (["scaled", "total"], ["alone"])
    with watching(shop) as watch:
        assert watch.built == []


def test_usage_errors_end_it_at_once(shop):
    assert "no asset" in shop.refuse("watch", "--headless", "totl")
    assert "a watcher stays" in shop.refuse("watch", "--headless", "status:stale")
    assert "takes no config" in shop.refuse("watch", "--headless", "--set", "total.x=1")
    shop.refuse("watch", "--headless", "--jobs", "0", "--on-change", "restart")


def test_it_builds_in_its_own_process_and_stops_at_a_failure_when_asked(shop):
    with watching(shop, "-j", "0", "--stop-on-failure") as watch:
        shop.write("helper.py", "def factor():\n    return 1 / 0\n")
        shop.edit("return 7", "return 8")
        watch.idle("failing")
        watch.forget()
        shop.write("helper.py", "def factor():\n    return 3\n")
        watch.idle()
        assert set(watch.built) >= {"scaled", "total"}
    shop.check_equals_clean_build()


def test_health_says_how_it_is(shop, tmp_path):
    file = tmp_path / "health.json"
    with watching(shop, "--health", str(file)) as watch:
        assert json.loads(file.read_text())["state"] == "fresh"
        shop.edit("return 7", "return (7")
        watch.idle("broken")
        said = json.loads(file.read_text())
        assert (said["state"], said["pid"]) == ("broken", watch.process.pid)
        shop.edit("return (7", "return 9")
        watch.idle()
    assert json.loads(file.read_text())["state"] == "stopped"


def test_health_answers_on_a_port(shop):
    watch = Watching(shop, "--health-port", "0")
    try:
        port = watch.until("WatchStarted")["health_port"]
        watch.idle()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert json.load(answer)["state"] == "fresh"
        shop.edit("return 7", "return (7")
        watch.idle("broken")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        assert watch.stop().exit_code == 0
    finally:
        watch.close()


def test_a_source_that_moved_while_the_code_was_broken_is_built_when_that_is_mended(shop):
    with watching(shop) as watch:
        shop.edit("return 2", "return (2", "helper.py")
        watch.idle("broken")
        shop.write("data/numbers.json", "[5, 5]")
        watch.idle("broken")
        shop.edit("return (2", "return 2", "helper.py")
        watch.idle()
    shop.check_equals_clean_build()


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_edits_every_value_is_that_of_a_clean_build(shop, seed):
    chosen = random.Random(seed)
    how = chosen.choice(["finish", "restart"])
    with watching(shop, "--on-change", how, "--debounce", str(chosen.choice([0, 10, 40])), "-j", "2") as watch:
        for number in range(40):
            edit = chosen.randrange(6)
            if edit == 0:
                shop.write("helper.py", f"def factor():\n    return {number}\n")
            elif edit == 1:
                shop.write("data/numbers.json", json.dumps([number, 1]))
            elif edit == 2:
                shop.write("helper.py", "def factor(:\n")
            elif edit == 3:
                shop.write(".new", json.dumps([number, 2]))
                shop.path(".new").replace(shop.path("data/numbers.json"))
            elif edit == 4:
                shop.path("data/numbers.json").unlink(missing_ok=True)
            else:
                text = shop.path("assets.py").read_text().rpartition("return ")[0]
                shop.write("assets.py", f"{text}return {number}\n")
            if edit < 2 and chosen.random() < 0.6:  # of these the watcher always hears
                watch.until("WatchIdle")
        shop.write("helper.py", "def factor():\n    return 100\n")
        shop.write("data/numbers.json", "[1, 2]")
        shop.write("assets.py", shop.path("assets.py").read_text().rpartition("return ")[0] + "return 1000\n")
        while shop.values().get("alone") != 1000 or shop.values().get("total") != 300:
            watch.until("RunFinished")
        watch.idle()
    shop.check_equals_clean_build()


PARTS = """
from assetbuild import Context, Static

@asset(partitions=Static(["a", "b", "c"]))
def part(context: Context) -> str:
    executed(f"part@{context.partition_key}")
    if context.partition_key == "a":
        raise ValueError("not this one")
    return context.partition_key

@asset(partitions=Static(["a", "b", "c"]))
def longer(part: str, context: Context) -> str:
    executed(f"longer@{context.partition_key}")
    return part + "1"

@asset
def other() -> int:
    executed("other")
    return 1
"""


def test_a_watcher_may_be_for_some_partitions(project):
    project.assets(PARTS)
    with watching(project, "--partition", "b..c") as watch:
        assert sorted(project.log()) == ["longer@b", "longer@c", "part@b", "part@c"]
        project.edit('part + "1"', 'part + "2"')
        watch.until("BuildRequested", reason="change")
        watch.idle()
        assert watch.built == ["longer", "longer"]
    assert [project.value(f"longer/{key}") for key in "bc"] == ["b2", "c2"]


def test_a_watcher_of_the_latest_keeps_to_them_while_another_asset_fails(project):
    project.assets(PARTS.replace("def other() -> int:", "def other() -> int:\n    raise ValueError"))
    with watching(project, "--latest", "1", state="failing") as watch:
        assert sorted(project.log()) == ["longer@c", "part@c"]
        project.edit('part + "1"', 'part + "2"')
        watch.until("BuildRequested", reason="change")
        watch.idle("failing")
        assert watch.built == ["longer"]
    assert sorted(project.log()) == ["longer@c", "longer@c", "part@c"]


def test_a_watcher_of_what_is_missing_leaves_what_is_stale(project):
    project.assets(PARTS.replace('== "a"', '== "none"'))
    project.run("materialize", "-j", "0", "--partition", "a")
    with watching(project, "--missing-only") as watch:
        project.edit('part + "1"', 'part + "2"')
        watch.until("BuildRequested", reason="change")
        watch.idle()
        assert watch.built == []
    assert [project.value(f"longer/{key}") for key in "abc"] == ["a1", "b1", "c1"]


def test_a_watcher_of_a_partition_that_is_not_there_does_not_start(project):
    project.assets(PARTS)
    assert "partition 'd' does not exist" in project.refuse("watch", "--headless", "--partition", "d")
    project.edit("@asset\ndef other", '@asset(on="missing")\ndef other')
    said = project.refuse("watch", "--headless", "--latest", "1")
    assert "--partition and --latest are not for asset 'other', which is built at its own time (on=)" in said


DAYS = """
from assetbuild import Static

days = source("days", "days/{year}/{day}.txt")
some = source("some", "days/2024/{day}.txt", partitions=Static(["a", "b"]), optional=True)

@asset
def report(days: dict[str, str]) -> int:
    executed("report")
    return sum(map(len, days.values()))

@asset(partitions=Static(["a", "b"]))
def day(some: str | None = None) -> str:
    executed(f"day_{some}")
    return str(some)
"""


@pytest.mark.parametrize("how", [(), ("--poll", "0.1")])
def test_a_file_of_a_source_with_partitions_is_heard_of(project, how):
    project.assets(DAYS)
    project.write("days/2024/a.txt", "a")
    with watching(project, *how) as watch:
        project.write("days/2024/a.txt", "aa")
        while project.value("report") != 2:
            watch.until("WatchIdle")
        assert project.log().count("day_aa") == 1
        project.write("days/2025/c.txt", "ccc")
        while project.value("report") != 5:
            watch.until("WatchIdle")
        assert "day_ccc" not in project.log()
        project.delete("days/2024/a.txt")
        while project.value("report") != 3:
            watch.until("WatchIdle")
        watch.forget()
        project.write("days/2025/notes.md", "no source")
        project.write("days/2024/b.txt", "bb")
        watch.until("BuildRequested", reason="change")
        watch.idle()
        assert sorted(watch.built) == ["day", "report"]
    assert project.log().count("day_None") == 2  # b at first, and a when it had gone
