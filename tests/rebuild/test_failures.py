"""Assets that fail: what still runs, what is kept, what the next build does."""

from __future__ import annotations

import pytest

from tests.harness.project_folder import finish

BROKEN = """
@asset
def a() -> int:
    executed("a")
    return 1

@asset
def b(a: int) -> int:
    executed("b")
    raise ValueError("no such row")

@asset
def c(b: int) -> int:
    executed("c")
    return b

@asset
def d(a: int) -> int:
    executed("d")
    return a
"""


def test_keep_going_builds_what_does_not_need_the_failed_asset(project):
    project.assets(BROKEN)
    project.build("-k", exit_code=1)
    assert project.outcomes == {"a": "built", "b": "failed", "c": "skipped", "d": "built"}
    assert project.report["status"] == "failed"
    assert "no such row" in project.entry("b")["error"]
    assert "ValueError" in project.entry("b")["error"]
    project.edit('raise ValueError("no such row")', "return a + 1")
    assert list(project.build()) == ["b", "c"]


def test_a_failed_asset_is_tried_again_without_an_edit(project):
    project.assets(BROKEN)
    project.build("-k", exit_code=1)
    project.build("-k", exit_code=1)
    assert project.outcomes == {"a": "fresh", "b": "failed", "c": "skipped", "d": "fresh"}


def test_without_keep_going_the_rest_is_skipped(project):
    project.assets(BROKEN)
    project.build("-j", "1", exit_code=1)
    assert project.outcomes["b"] == "failed"
    assert project.outcomes["c"] == "skipped"
    assert project.report["status"] == "failed"


def test_what_runs_beside_the_failed_asset_finishes(project):
    project.assets("""
        @asset
        def broken() -> int:
            executed("broken")
            pause("broken")
            raise ValueError("on purpose")

        @asset
        def running() -> int:
            executed("running")
            pause("running")
            return 1

        @asset
        def waiting(running: int) -> int:
            executed("waiting")
            return 2
    """)
    gates = {name: project.gate(name) for name in ("broken", "running")}
    process = project.start("materialize", "-j", "2")
    for gate in gates.values():
        gate.wait()
    gates["broken"].open()
    while "failed" not in (line := process.stdout.readline()):
        assert line, "the build ended before it said what failed"
    gates["running"].open()
    ran = finish(process)
    assert ran.exit_code == 1, str(ran)
    assert "1 built, 1 failed, 1 skipped" in ran.stdout
    assert sorted(project.log()) == ["broken", "running"]


def test_a_failed_asset_keeps_its_last_good_value(project):
    project.assets(BROKEN.replace('raise ValueError("no such row")', "return a + 1"))
    project.build()
    project.edit("return a + 1", 'raise ValueError("no such row")')
    project.build("-k", exit_code=1)
    assert project.values() == {"a": 1, "b": 2, "c": 2, "d": 1}
    assert project.status()["b"] == "stale"
    project.edit('raise ValueError("no such row")', "return a + 1")
    assert project.build() == {}
    assert set(project.outcomes.values()) == {"fresh"}


def test_the_error_shows_the_frames_of_the_user_alone(project):
    project.assets(BROKEN)
    error = project.run("materialize", "-k", exit_code=1).text
    assert "assets.py" in error
    assert "line 13" in error or "assets.py:13" in error
    assert "assetbuild/materialize" not in error


def test_an_asset_that_ends_the_process_fails_alone(project):
    project.assets(BROKEN.replace('raise ValueError("no such row")', "import os; os._exit(7)"))
    project.build("-k", "-j", "2", exit_code=1)
    assert project.outcomes["b"] == "failed"
    assert project.outcomes["c"] == "skipped"
    assert project.outcomes["a"] == "built"


def test_retries_are_counted_and_recorded_once_as_success(project):
    project.deterministic = False
    project.assets("""
        @asset(retries=2)
        def a() -> int:
            executed("a")
            if once("first"):
                raise ConnectionError("try again")
            return 1
    """)
    assert project.build() == {"a": ["missing"]}
    assert project.entry("a")["attempts"] == 2
    assert project.log() == ["a", "a"]
    assert project.build() == {}


def test_retries_end(project):
    project.assets("""
        @asset(retries=2)
        def a() -> int:
            executed("a")
            raise ConnectionError("try again")
    """)
    project.build(exit_code=1)
    assert project.entry("a")["attempts"] == 3
    assert project.log() == ["a", "a", "a"]


def test_a_timeout_ends_the_asset(project):
    project.assets("""
        @asset(timeout=0.3)
        def a() -> int:
            executed("a")
            while True:
                pass

        @asset
        def b(a: int) -> int:
            return a
    """)
    project.build("-j", "2", exit_code=1)
    assert project.outcomes == {"a": "failed", "b": "skipped"}
    assert "0.3" in project.entry("a")["error"]


def test_a_pool_is_never_overfull(project):
    project.write("assetbuild.toml", "[pools]\nsingle = 1\n")
    names = [f"n{number}" for number in range(4)]
    project.assets(
        """
        import os, time

        def made(name):
            @asset(key=name, pool="single")
            def value() -> int:
                guard = os.path.join(os.path.dirname(__file__), "guard")
                os.close(os.open(guard, os.O_CREAT | os.O_EXCL))
                time.sleep(0.05)
                os.unlink(guard)
                executed(name)
                return 1
    """
        + "".join(f"\n        made({name!r})" for name in names)
        + "\n"
    )
    assert sorted(project.build("-j", "4")) == names


def test_checks_and_output_of_an_asset_are_kept_in_its_log(project):
    project.assets("""
        from assetbuild import Context

        @asset
        def a(context: Context) -> int:
            print("printed by a")
            context.log.warning("logged by a")
            context.add_metadata({"rows": 3})
            return 1
    """)
    ran = project.run("materialize", "--json")
    assert "printed by a" not in ran.stdout
    logs = project.run("logs", ran.json["run_id"], "a").stdout
    assert "printed by a" in logs
    assert "logged by a" in logs
    assert "rows" in project.run("show", "a").stdout


@pytest.mark.parametrize("jobs", ["0", "1"])
@pytest.mark.parametrize(
    "raised",
    ['ValueError("\\udcff is no character")', 'BaseException("beside the tree")', "SystemExit(3)", "Unspeakable()"],
)
def test_whatever_is_raised_fails_that_asset_alone(project, jobs, raised):
    project.assets(f"""
        class Unspeakable(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        @asset
        def a() -> int:
            executed("a")
            raise {raised}

        @asset
        def b() -> int:
            executed("b")
            return 1
    """)
    project.build("-k", "-j", jobs, exit_code=1)
    assert project.outcomes == {"a": "failed", "b": "built"}
    assert raised.partition("(")[0] in project.entry("a")["error"]


@pytest.mark.parametrize("jobs", ["0", "1"])
def test_an_asset_leaves_the_process_as_it_was(project, jobs):
    project.assets("""
        import os

        @asset
        def a() -> int:
            executed("a")
            os.chdir("/")
            os.environ["LEFT_BEHIND"] = "1"
            return 1

        @asset(deps=["a"])
        def b() -> list:
            executed("b")
            names = list(os.environ)
            return [os.getcwd() == os.path.dirname(__file__), "LEFT_BEHIND" in names]
    """)
    project.build("-j", jobs)
    assert project.value("b") == [True, False]
