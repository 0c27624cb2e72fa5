"""``why``: every cause, down to the thing that moved, before and after."""

from __future__ import annotations

PROJECT = """
from shop import helpers
from assetbuild import Config

class Limits(Config):
    top: int = 3

source("numbers", "data/numbers.csv")

@asset
def a(numbers) -> list:
    executed("a")
    return helpers.clean(numbers["n"].to_pylist())

@asset(env=["MODE"])
def b(a: list, config: Limits) -> list:
    executed("b")
    return a[: config.top]

@asset
def c(b: list) -> int:
    executed("c")
    return sum(b)
"""


def built(project):
    project.write("shop/__init__.py", "")
    project.write("shop/helpers.py", "def clean(values):\n    return sorted(values)\n")
    project.write("data/numbers.csv", "n\n4\n1\n2\n3\n")
    project.assets(PROJECT)
    project.build()


def test_every_cause_is_listed_with_before_and_after(project):
    built(project)
    project.edit("a[: config.top]", "a[-config.top :]")
    causes = project.causes("b", "--set", "b.top=2", MODE="slow")
    assert sorted(cause["kind"] for cause in causes) == ["code", "config", "env"]
    by_kind = {cause["kind"]: cause for cause in causes}
    assert (by_kind["config"]["subject"], by_kind["config"]["before"], by_kind["config"]["after"]) == ("top", "3", "2")
    assert by_kind["env"]["subject"] == "MODE"
    assert "slow" not in str(causes)
    why = project.why("b", "--set", "b.top=2", MODE="slow")
    assert "-    return a[:config.top]" in why or "-    return a[: config.top]" in why
    assert "+    return a[-config.top:]" in why or "+    return a[-config.top :]" in why


def test_the_chain_to_the_root_is_shown(project):
    built(project)
    project.edit("sorted(values)", "sorted(values)[::-1]", "shop/helpers.py")
    assert project.status() == {"a": "stale", "b": "pending", "c": "pending"}
    (cause,) = project.causes("c")
    assert (cause["kind"], cause["subject"]) == ("upstream", "b")
    why = project.why("c")
    assert [key for key in ("b", "a", "clean", "shop/helpers.py") if key not in why] == []
    assert "clean" in project.why("a")
    assert "sorted(values)[::-1]" in project.why("a")


def test_counts_of_stale_and_pending_are_shown(project):
    built(project)
    project.edit("sorted(values)", "sorted(values)[::-1]", "shop/helpers.py")
    text = project.run("status").stdout
    assert "1 stale" in text
    assert "2 pending" in text


def test_an_upstream_that_will_be_restored_is_decided_now(project):
    built(project)
    project.delete("warehouse/a.json")
    assert project.status() == {"a": "missing", "b": "fresh", "c": "fresh"}


def test_why_of_a_fresh_asset_says_so(project):
    built(project)
    assert "fresh" in project.why("c")


def test_a_data_cause_names_the_upstream_and_its_versions(project):
    built(project)
    project.write("data/numbers.csv", "n\n5\n1\n")
    (cause,) = project.causes("a")
    assert (cause["kind"], cause["subject"]) == ("data", "numbers")
    assert cause["before"] != cause["after"]
    assert project.build() == {"a": ["data"], "b": ["data"], "c": ["data"]}


def test_why_names_the_columns_that_moved(project):
    project.assets("""
        import pyarrow as pa

        @asset
        def wide() -> pa.Table:
            executed("wide")
            return pa.table({"price": [1, 2], "carrier": ["x", "y"]})

        @asset
        def after(wide: pa.Table) -> int:
            executed("after")
            return wide.num_rows
    """)
    project.build()
    project.edit("[1, 2]", "[1, 3]")
    project.build("--only", "wide")
    why = project.why("after")
    assert "price" in why
    assert "carrier" not in why


def test_the_report_gives_final_causes(project):
    built(project)
    project.edit("sorted(values)", "sorted(values)[::-1]", "shop/helpers.py")
    assert project.build() == {"a": ["code"], "b": ["data"], "c": ["data"]}
    assert project.entry("c")["causes"][0]["subject"] == "b"
