"""Values of many partitions in a build: loaded as one, returned by one call, and where they lie."""

from __future__ import annotations

import duckdb
import pytest

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]

TABLES = """
import polars as pl

DAYS = Daily("2024-01-01", end="2024-01-04")

@asset(partitions=DAYS)
def days(context: Context) -> pa.Table:
    executed(f"days@{context.partition_key}")
    number = context.partition_window.start.day
    columns = {"n": [number] * number}
    return pa.table(columns | ({"late": ["x"] * number} if number == 3 else {}))
"""


def test_many_partitions_come_as_every_type_that_is_asked_for(parts):
    parts.assets(
        TABLES
        + """
import duckdb
import pandas as pd
import pyarrow.dataset as ds

@asset
def lazy(days: Annotated[pl.LazyFrame, Input(key_column="day")]) -> pl.LazyFrame:
    executed("lazy")
    return days.group_by("day").agg(pl.sum("n"), pl.count("late")).sort("day")

@asset
def eager(days: Annotated[pl.DataFrame, Input(key_column="day", columns=["n"])]) -> pl.DataFrame:
    executed("eager")
    return days

@asset
def dataset(days: ds.Dataset) -> int:
    return days.count_rows(filter=ds.field("n") > 1)

@asset
def relation(days: Annotated[duckdb.DuckDBPyRelation, Input(key_column="day")]) -> list:
    return [list(row) for row in duckdb.sql("select day, count(*) from days group by 1 order by 1").fetchall()]

@asset
def frame(days: pd.DataFrame) -> int:
    return len(days)

@asset
def each(days: dict[str, pl.LazyFrame]) -> dict[str, int]:
    return {key: table.collect().height for key, table in days.items()}
"""
    )
    parts.build()
    assert parts.value("lazy") == {"day": DAYS, "n": [1, 4, 9], "late": [0, 0, 3]}
    assert parts.value("eager") == {"n": [1, 2, 2, 3, 3, 3], "day": [DAYS[at] for at in (0, 1, 1, 2, 2, 2)]}
    assert parts.value("dataset") == 5
    assert parts.value("relation") == [[day, count] for day, count in zip(DAYS, (1, 2, 3), strict=True)]
    assert parts.value("frame") == 6
    assert parts.value("each") == dict(zip(DAYS, (1, 2, 3), strict=True))


def test_tables_that_do_not_fit_name_the_keys_and_the_column(parts):
    parts.assets(
        """
        @asset(partitions=Static(["a", "b"]))
        def part(context: Context) -> pa.Table:
            return pa.table({"x": [1 if context.partition_key == "a" else "one"]})

        @asset
        def whole(part: pa.Table) -> int:
            return part.num_rows

        @asset
        def apart(part: dict[str, pa.Table]) -> list[str]:
            return [str(table["x"].type) for table in part.values()]
        """
    )
    parts.build("-k", exit_code=1)
    (row,) = (row for row in parts.report["assets"] if row["asset"] == "whole")
    assert "input 'part' of 'whole': the partitions 'a' and 'b' do not fit into one table" in row["error"]
    assert "column  x" in row["error"]
    assert parts.value("apart") == ["int64", "string"]


def test_keys_whose_values_are_kept_in_different_ways_are_read_together(parts):
    parts.assets(
        """
        @asset(partitions=Static(["a", "b"]))
        def number(context: Context):
            return 1.5 if context.partition_key == "a" else 1j

        @asset
        def numbers(number: dict[str, complex]) -> str:
            return str(number)
        """
    )
    parts.build()
    assert parts.value("numbers") == "{'a': 1.5, 'b': 1j}"


BATCH = """
DAYS = Daily("2024-01-01", end="2024-01-04")

@asset(partitions=DAYS, batch=True)
def part(context: Context):
    return BODY
"""
SPLIT = BATCH.replace("batch=True", 'split_by="day"')
FAILS = [
    (BATCH, '{"2024-01-01": 1, "2024-01-02": 1, "2024-01-04": 1}', "missing  2024-01-03\n  extra    2024-01-04"),
    (BATCH, "[1, 2, 3]", "the function returned list of length 3 for 3 partitions"),
    (BATCH, "dict.fromkeys(context.partition_keys)", "the value of partition '2024-01-01' is None"),
    (SPLIT, 'pa.table({"x": [1]})', "the returned table has no column 'day' to split it by"),
    (SPLIT, 'pa.table({"day": ["2024-01-01", "2024-01-09"]})', "1 of the 2 returned rows belong to none"),
    (SPLIT, 'pa.table({"day": ["2024-01-01", None]})', "1 of 2 rows have no value in 'day'"),
    (SPLIT, "42", "the function returned int 42, which split_by='day' cannot split"),
]


@pytest.mark.parametrize(("source", "body", "says"), FAILS)
def test_what_a_batch_returns_has_a_value_for_each_key_and_no_other(parts, source, body, says):
    parts.assets(source.replace("BODY", body))
    parts.build("-k", exit_code=1)
    errors = {row["error"] for row in parts.report["assets"]}
    assert len(errors) == 1
    (error,) = errors
    assert says in error
    assert "assets.py:" in error
    assert not parts.project.path("warehouse/part").exists()


def test_a_batch_may_yield_its_values_and_may_split_a_lazy_table(parts):
    parts.assets(
        """
        import polars as pl

        DAYS = Daily("2024-01-01", end="2024-01-04")

        @asset(partitions=DAYS, batch=2)
        def some(context: Context):
            for key in context.partition_keys:
                yield key, int(key[-1])

        @asset(partitions=DAYS, split_by="at")
        def split(context: Context) -> pl.LazyFrame:
            start, end = context.partition_window
            return pl.LazyFrame({"at": pl.datetime_range(start, end, "8h", eager=True, closed="left")}).filter(
                pl.col("at").dt.day() != 2
            )
        """
    )
    parts.build()
    assert [parts.value("some", day) for day in DAYS] == [1, 2, 3]
    assert [len(parts.value("split", day)["at"]) for day in DAYS] == [3, 0, 3]
    assert parts.build() == {}


ROWS = """
DAYS = Daily("2024-01-01", end="2024-01-04")

@asset(partitions=DAYS, io_manager="duckdb")
def rows(context: Context) -> pa.Table:
    executed(f"rows@{context.partition_key}")
    return pa.table({"n": [context.partition_window.start.day]}).slice(int(context.partition_key == "2024-01-03"))
"""


@pytest.fixture
def rows(parts):
    """Three days in one DuckDB table, the last of them without rows; and a way to ask and change it."""
    parts.assets(ROWS)
    assert parts.build() == {"rows": DAYS}

    def run(sql):
        with duckdb.connect(str(parts.project.path("warehouse/warehouse.duckdb"))) as connection:
            return connection.execute(sql).fetchall()

    parts.sql = run
    return parts


def test_rows_that_were_changed_by_hand_are_put_back_for_their_partition_alone(rows):
    rows.sql("update rows set n = 7 where partition_key = '2024-01-02'")
    assert rows.status("rows") == dict(zip(DAYS, ("fresh", "stale", "fresh"), strict=True))
    rows.sql("delete from rows where partition_key = '2024-01-01'")
    assert rows.status("rows") == dict(zip(DAYS, ("missing", "stale", "fresh"), strict=True))
    assert rows.build() == {}
    assert rows.outcomes("rows") == dict(zip(DAYS, ("restored", "restored", "fresh"), strict=True))
    assert rows.sql("from rows order by all") == [(DAYS[0], 1), (DAYS[1], 2)]


def test_a_table_that_is_dropped_is_made_anew(rows):
    rows.sql("drop table rows")
    assert rows.build() == {}
    assert set(rows.outcomes("rows").values()) == {"restored"}
    assert rows.sql("from rows order by all") == [(DAYS[0], 1), (DAYS[1], 2)]


def test_a_clean_takes_a_partitioned_table_along(rows):
    rows.project.run("clean", "rows")
    assert rows.sql("select table_name from duckdb_tables()") == []
    assert rows.build() == {"rows": DAYS}


def test_a_partition_that_the_table_does_not_hold_fails_alone(rows):
    day = "context.partition_window.start.day"
    rows.project.edit(f'"n": [{day}]', f'"n": [["one", 2, 3][{day} - 1]]')
    rows.build("-k", exit_code=1)
    assert rows.outcomes("rows") == dict(zip(DAYS, ("failed", "built", "built"), strict=True))
    (error,) = (row["error"] for row in rows.report["assets"] if row["outcome"] == "failed")
    assert "partition '2024-01-01' of 'rows' has another type than the partitions in its DuckDB table" in error
    assert rows.sql("from rows order by all") == [(DAYS[0], 1), (DAYS[1], 2)]


def test_hundreds_of_partitions_of_one_table_are_published_together(parts):
    parts.assets(ROWS.replace('end="2024-01-04"', 'end="2025-01-01"'))
    assert len(parts.build()["rows"]) == 366
    parts.project.delete("warehouse/warehouse.duckdb")
    assert parts.build() == {}
    assert set(parts.outcomes("rows").values()) == {"restored"}
    assert set(parts.status("rows").values()) == {"fresh"}


HIVE = """
BOTH = Multi(date=Daily("2024-01-01", end="2024-01-03"), shop=Static(["a+b", "c"]))

@asset(partitions=BOTH)
def sales(context: Context) -> pa.Table:
    executed(f"sales@{context.partition_key}")
    return pa.table({"n": [len(context.partition_key)]})
"""


def test_hive_folders_are_a_layout_like_the_other(parts):
    parts.assets(HIVE)
    parts.project.write("assetbuild.toml", '[io_managers.parquet]\nlayout = "hive"\n')
    keys = [f"2024-01-0{day}|{shop}" for day in (1, 2) for shop in ("a+b", "c")]
    assert parts.build() == {"sales": keys}
    assert parts.build() == {}
    place = parts.project.path("warehouse/sales/date=2024-01-02/shop=a%2Bb/data.parquet")
    place.unlink()
    assert parts.status("sales")[keys[2]] == "missing"
    assert parts.build() == {}
    assert place.exists()
    parts.project.run("clean", "sales")
    assert not parts.project.path("warehouse/sales").exists()
    assert parts.build() == {"sales": keys}
    parts.project.edit("def sales(", "def other(")
    parts.project.edit('f"sales@', 'f"other@')
    parts.project.run("gc")
    assert not parts.project.path("warehouse/sales").exists()


def test_an_asset_among_the_partitions_of_another_is_refused(parts):
    parts.assets(
        """
        @asset(partitions=Static(["b", "c"]))
        def a() -> int:
            return 1

        @asset(key="a/b")
        def other() -> int:
            return 2
        """
    )
    text = parts.refused()
    assert "asset 'a/b' would lie among the partitions of 'a'" in text
    assert "assets.py:" in text
    parts.project.edit('key="a/b"', 'key="a/b", io_manager="duckdb"')
    assert set(parts.status("a")) == {"b", "c"}
