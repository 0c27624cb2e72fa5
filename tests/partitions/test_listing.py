"""``list``, ``graph`` and ``show`` of what has partitions."""

from __future__ import annotations

import os

import pytest

PROJECT = """\
    source("raw", "data/{date}.csv")

    @asset(partitions=Daily("2024-01-01", end="2024-02-01"))
    def day(raw) -> int:
        return 1

    @asset
    def shops() -> list:
        return ["a", "b"]

    @asset(partitions=Multi(date=Daily("2024-01-01", end="2024-02-01"), shop=Dynamic("shops")))
    def sales(day: int) -> int:
        return 1

    @asset(partitions=Monthly("2999-01-01"))
    def future() -> int:
        return 1
"""


@pytest.fixture
def listed(parts):
    """Return a project, of which ``list --json`` gives the partitions and how many keys they have."""
    parts.assets(PROJECT)
    parts.days({"2024-01-01": 1, "2024-01-02": 2})

    def listed(*selection):
        entries = parts.project.run("list", "--json", *selection).json["assets"]
        return {entry["asset"]: (entry["partitions"], entry["partition_count"]) for entry in entries}

    return parts, listed


DAYS = "Daily(2024-01-01..2024-02-01, UTC)"


def test_the_list_says_which_partitions_there_are_and_how_many(listed):
    parts, listed = listed
    assert listed() == {
        "raw": ("Dynamic(raw)", 2),
        "day": (DAYS, 31),
        "shops": (None, None),
        "sales": (f"Multi(date={DAYS}, shop=Dynamic(shops))", None),
        "future": ("Monthly(2999-01-01.., UTC)", 0),
    }
    parts.build("--only", "shops")
    assert listed("sales") == {"sales": (f"Multi(date={DAYS}, shop=Dynamic(shops))", 62)}


def test_the_list_has_a_column_for_partitions_only_where_there_are_some(listed):
    parts, _ = listed
    text = parts.project.run("list").stdout
    assert f"  day     asset   {DAYS}: 31 keys\n" in text
    assert "  future  asset   Monthly(2999-01-01.., UTC): 0 keys\n" in text
    assert "Multi(date=Daily(2024-01-01..2024-02-..." in text
    assert parts.project.run("list", "shops").stdout == "  shops  asset\n1 asset\n"


def test_the_list_opens_no_data(listed):
    parts, listed = listed
    file = parts.project.root / "data/2024-01-03.csv"
    os.mkfifo(file)  # reading it would never end
    assert listed()["raw"] == ("Dynamic(raw)", 3)


def test_the_graph_marks_what_has_partitions(listed):
    parts, _ = listed
    text = parts.project.run("graph", "day").stdout
    assert text == "day  (partitioned)\n└── raw  (source, partitioned)\n"


def test_a_source_is_shown_with_the_number_of_its_keys(listed):
    parts, _ = listed
    assert "partitions  Dynamic(raw): 2 keys\n" in parts.project.run("show", "raw").stdout


def test_a_history_that_is_cut_says_so(parts):
    parts.assets("""
        @asset(partitions=Daily("2024-01-01", end="2024-02-01"))
        def day() -> int:
            return 1
    """)
    parts.build()
    shown = parts.project.run("show", "day").stdout
    assert "31 fresh, of 31 partitions\n" in shown
    assert "stored value of 2024-01-31\n" in shown
    assert shown.endswith("  and older ones\n")
