"""No-op, selection, force, dry runs: the ground rules of a rebuild."""

from __future__ import annotations

import pytest

CHAIN = """
@asset
def a() -> list[int]:
    executed("a")
    return [3, 1, 2]

@asset
def b(a: list[int]) -> list[int]:
    executed("b")
    return [number * 10 for number in a]

@asset
def c(b: list[int]) -> int:
    executed("c")
    return sum(b)

@asset
def d() -> str:
    executed("d")
    return "apart"
"""


def test_a_second_build_runs_nothing_and_touches_no_output(project):
    project.assets(CHAIN)
    assert project.build() == {"a": ["missing"], "b": ["missing"], "c": ["missing"], "d": ["missing"]}
    before = project.stamps()
    assert project.build() == {}
    assert project.stamps() == before
    assert project.outcomes == {"a": "fresh", "b": "fresh", "c": "fresh", "d": "fresh"}
    assert "nothing to do" in project.run("materialize").stdout.lower()


def test_the_values_lie_at_plain_paths(project):
    project.assets(CHAIN)
    project.build()
    assert project.values() == {"a": [3, 1, 2], "b": [30, 10, 20], "c": 60, "d": "apart"}
    assert sorted(path.name for path in project.path("warehouse").iterdir()) == ["a.json", "b.json", "c.json", "d.txt"]


def test_upstream_runs_before_downstream(project):
    project.assets(CHAIN)
    project.build()
    assert [name for name in project.log() if name != "d"] == ["a", "b", "c"]


def test_a_plan_on_an_empty_store_creates_no_store(project):
    project.assets(CHAIN)
    statuses = project.status()
    assert statuses == dict.fromkeys("abcd", "missing")
    assert [cause["kind"] for cause in project.causes("a")] == ["missing"]
    project.run("materialize", "-n")
    assert not project.path("warehouse").exists()
    assert not list(project.root.rglob("*.db"))
    assert not list(project.root.rglob("objects"))


def test_plans_read_only_and_print_the_same_bytes(project):
    project.assets(CHAIN)
    project.build()
    project.edit("number * 10", "number * 11")
    before = project.state_bytes()
    first = [project.run(*command).stdout for command in PLANS]
    second = [project.run(*command).stdout for command in PLANS]
    assert first == second
    assert project.state_bytes() == before


PLANS = [
    ("status",),
    ("status", "--json"),
    ("why", "b"),
    ("why", "b", "--json"),
    ("materialize", "-n"),
    ("materialize", "-n", "--json"),
]


def test_a_dry_run_prints_what_status_prints(project):
    project.assets(CHAIN)
    assert project.run("materialize", "-n", "--json").stdout == project.run("status", "--json").stdout
    project.build()
    project.edit("number * 10", "number * 11")
    assert project.run("materialize", "-n", "--json").stdout == project.run("status", "--json").stdout
    assert project.run("materialize", "-n", "--json", "b").stdout == project.run("status", "--json", "b").stdout


def test_a_selection_is_built_with_its_upstream_and_the_rest_stays_stale(project):
    project.assets(CHAIN)
    assert project.build("b") == {"a": ["missing"], "b": ["missing"]}
    assert list(project.outcomes) == ["a", "b"]
    assert project.status() == {"a": "fresh", "b": "fresh", "c": "missing", "d": "missing"}


def test_stale_upstream_of_the_selection_is_built_too(project):
    project.assets(CHAIN)
    project.build()
    project.edit("[3, 1, 2]", "[4, 1, 2]")
    project.edit('"apart"', '"afar"')
    assert project.build("c") == {"a": ["code"], "b": ["data"], "c": ["data"]}
    assert project.status() == {"a": "fresh", "b": "fresh", "c": "fresh", "d": "stale"}


def test_force_runs_the_selection_alone_and_an_equal_output_stops_there(project):
    project.assets(CHAIN)
    project.build()
    assert project.build("--force", "a") == {"a": ["forced"]}
    assert list(project.outcomes) == ["a"]
    assert project.build() == {}
    assert project.build("-f", "b") == {"b": ["forced"]}
    assert project.outcomes == {"a": "fresh", "b": "built"}


def test_only_builds_exactly_the_selection_and_warns_of_a_stale_upstream(project):
    project.assets(CHAIN)
    project.build()
    project.edit("[3, 1, 2]", "[4, 1, 2]")
    project.edit("number * 10", "number * 11")
    assert project.build("--only", "b") == {"b": ["code"]}
    assert list(project.outcomes) == ["b"]
    assert project.value("b") == [33, 11, 22]
    project.edit("number * 11", "number * 12")
    assert "'a'" in project.run("materialize", "--only", "b").text


def test_only_with_a_missing_upstream_is_refused_and_names_it(project):
    project.assets(CHAIN)
    assert "'a'" in project.refuse("materialize", "--only", "b")


def test_frozen_builds_nothing_and_lists_what_is_stale_and_why(project):
    project.assets(CHAIN)
    project.build()
    assert project.run("materialize", "--frozen").exit_code == 0
    project.edit("number * 10", "number * 11")
    log = project.log()
    ran = project.run("materialize", "--frozen", exit_code=3)
    assert "b" in ran.text
    assert "code" in ran.text
    assert project.log() == log
    assert project.status()["b"] == "stale"


def test_random_values_are_not_built_again(project):
    project.deterministic = False
    project.assets("""
        import random

        @asset
        def noise() -> float:
            executed("noise")
            return random.random()

        @asset
        def after(noise: float) -> float:
            executed("after")
            return noise
    """)
    project.build()
    assert project.build() == {}
    project.build("--force", "noise")
    assert project.build() == {"after": ["data"]}
    assert project.build() == {}


@pytest.mark.parametrize("jobs", ["1", "2", "4"])
def test_a_diamond_runs_each_asset_once(project, jobs):
    project.assets("""
        @asset
        def top() -> int:
            executed("top")
            return 1

        @asset
        def left(top: int) -> int:
            executed("left")
            return top + 1

        @asset
        def right(top: int) -> int:
            executed("right")
            return top + 2

        @asset
        def bottom(left: int, right: int) -> int:
            executed("bottom")
            return left * right
    """)
    project.build("-j", jobs)
    assert sorted(project.log()) == ["bottom", "left", "right", "top"]
    assert (project.log()[0], project.log()[-1]) == ("top", "bottom")
    project.edit("return 1", "return 5")
    assert project.build("-j", jobs) == {"top": ["code"], "left": ["data"], "right": ["data"], "bottom": ["data"]}
    project.edit("top + 1", "top + 7")
    assert project.build("-j", jobs) == {"left": ["code"], "bottom": ["data"]}
