"""One returned table, split into partitions by a column; and a mapping that has to be complete."""

# ruff: noqa: DTZ001  # times without a zone are what is tested

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from assetbuild.declare.partitions import Daily, Hourly, Monthly, Weekly, Yearly
from assetbuild.errors import AssetError
from assetbuild.store.split import keys_of_mapping, split_by_column

TABLE = pa.table({"day": ["2", "1", "2"], "x": [1, 2, 3]})
LIBRARIES = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.to_batches()[0],
    "reader": lambda: TABLE.to_reader(max_chunksize=1),
    "chunks": lambda: pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]),
    "dataset": lambda: ds.dataset(TABLE),
    "pandas": lambda: pd.DataFrame({"day": ["2", "1", "2"], "x": [1, 2, 3]}),
    "polars": lambda: pl.DataFrame(TABLE),
    "lazy": lambda: pl.LazyFrame(TABLE),
    "relation": lambda: duckdb.from_arrow(TABLE),
    "categories": lambda: pl.DataFrame(TABLE).with_columns(pl.col("day").cast(pl.Categorical)),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_partition_gets_its_rows_in_their_order(library):
    found = split_by_column(LIBRARIES[library](), "day", ["1", "2", "3"])
    assert list(found) == ["1", "2", "3"]
    assert found["1"].to_pylist() == [{"day": "1", "x": 2}]
    assert found["2"].to_pylist() == [{"day": "2", "x": 1}, {"day": "2", "x": 3}]
    assert found["3"].num_rows == 0
    assert found["3"].schema.equals(found["1"].schema)


def test_a_table_without_rows_has_none_for_each():
    found = split_by_column(TABLE.schema.empty_table(), "day", ["1", "2"])
    assert {key: (part.num_rows, part.column_names) for key, part in found.items()} == {
        "1": (0, ["day", "x"]),
        "2": (0, ["day", "x"]),
    }


def counts(column, keys, definition=None, **options):
    windows = [definition.window(key) for key in keys] if definition is not None else None
    parts = split_by_column(pa.table({"c": column}), "c", keys, windows=windows, **options)
    return {key: part.num_rows for key, part in parts.items()}


MOMENTS = [datetime(2013, 1, 1), datetime(2013, 1, 31, 23, 59, 59, 999_999), datetime(2013, 2, 1)]
TIMES = {
    "date32": pa.array(MOMENTS, pa.date32()),
    "date64": pa.array([moment.date() for moment in MOMENTS], pa.date64()),
    "seconds": pa.array(MOMENTS, pa.timestamp("us")).cast(pa.timestamp("s"), safe=False),
    "microseconds": pa.array(MOMENTS, pa.timestamp("us")),
    "nanoseconds": pa.array(MOMENTS, pa.timestamp("ns")),
    "zoned": pa.array(MOMENTS, pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize(
    ("keys", "definition", "expected"),
    [
        (["2013-01", "2013-02"], Monthly("2013-01"), [2, 1]),
        (["2013-01-01", "2013-01-31", "2013-02-01"], Daily("2013-01-01"), [1, 1, 1]),
        (["2013"], Yearly("2013"), [3]),
        (["2012-12-31", "2013-01-07", "2013-01-28"], Weekly("2012-12-31"), [1, 0, 2]),
    ],
)
def test_times_belong_to_the_window_they_lie_in(kind, keys, definition, expected):
    assert list(counts(TIMES[kind], keys, definition).values()) == expected
    if not isinstance(definition, Weekly):
        assert list(counts(TIMES[kind], keys).values()) == expected, "also by the text of the keys alone"


def test_hours_are_written_like_their_keys():
    column = pa.array([datetime(2013, 1, 1, 5, 59), datetime(2013, 1, 1, 6)], pa.timestamp("ms"))
    expected = {"2013-01-01T05": 1, "2013-01-01T06": 1}
    assert counts(column, list(expected)) == expected
    assert counts(column, list(expected), Hourly("2013-01-01")) == expected


def test_zones_count():
    berlin = Daily("2013-01-01", timezone="Europe/Berlin")
    instants = pa.array([datetime(2013, 1, 1, 22, 59, tzinfo=UTC), datetime(2013, 1, 1, 23, tzinfo=UTC)])
    assert counts(instants, ["2013-01-01", "2013-01-02"], berlin) == {"2013-01-01": 1, "2013-01-02": 1}
    local = pa.array([datetime(2013, 1, 1, 23, 59), datetime(2013, 1, 2)])
    assert counts(local, ["2013-01-01", "2013-01-02"], berlin) == {"2013-01-01": 1, "2013-01-02": 1}
    assert counts(pa.array([date(2013, 7, 1)]), ["2013-07-01"], berlin) == {"2013-07-01": 1}


def test_an_hour_that_comes_twice_is_told_apart_by_instants():
    berlin = Hourly("2013-10-27", timezone="Europe/Berlin")
    instants = pa.array([datetime(2013, 10, 27, hour, 30, tzinfo=UTC) for hour in (0, 1)])
    assert counts(instants, ["2013-10-27T02", "2013-10-27T02b"], berlin) == {"2013-10-27T02": 1, "2013-10-27T02b": 1}
    local = pa.array([datetime(2013, 10, 27, 2, 30)])
    assert counts(local, ["2013-10-27T02", "2013-10-27T02b"], berlin) == {"2013-10-27T02": 1, "2013-10-27T02b": 0}


def test_text_and_numbers_are_their_text():
    assert counts(pa.array(["2013-01"]), ["2013-01"], Monthly("2013-01")) == {"2013-01": 1}
    assert counts(pa.array([2013]), ["2013"], Yearly("2013")) == {"2013": 1}
    assert counts(pa.array([1, -5], pa.int8()), ["-5", "1"]) == {"-5": 1, "1": 1}
    assert counts(pa.array([Decimal("1.50")]), ["1.50"]) == {"1.50": 1}
    assert counts(pa.array(["x"], pa.large_string()), ["x"]) == {"x": 1}
    assert counts(pa.array([7, 8]), ["even", "odd"], key_of=lambda value: ["even", "odd"][value % 2]) == {
        "even": 1,
        "odd": 1,
    }


def failed(*args, **options):
    with pytest.raises(AssetError) as raised:
        split_by_column(*args, **options)
    return raised.value.problems[0]


def test_rows_of_other_partitions_are_named():
    problem = failed(pa.table({"c": [str(n) for n in range(10)] + ["9"]}), "c", ["0", "1", "2"])
    assert problem.headline == "8 of the 11 returned rows belong to none of the partitions asked for"
    assert problem.facts == (("asked for", "3 partitions, 0 to 2"), ("in 'c'", "3, 4, 5, 6, 7 and 2 more"))
    day = Daily("2013-01-01")
    problem = failed(pa.table({"c": [date(2013, 1, 2)]}), "c", ["2013-01-01"], windows=[day.window("2013-01-01")])
    assert problem.facts == (("asked for", "2013-01-01"), ("in 'c'", "2013-01-02"))


def test_what_cannot_be_split_is_told():
    assert failed(TABLE, "zz", ["1"]).headline == "the returned table has no column 'zz' to split it by"
    assert failed(pa.table({"c": ["1", None]}), "c", ["1"]).headline == (
        "1 of 2 rows have no value in 'c', which says their partition"
    )
    assert failed(42, "c", ["1"]).headline == "the function returned int 42, which split_by='c' cannot split"
    assert failed(pa.table({"c": [0.5]}), "c", ["1"]).headline == "a column of type double does not name partitions"


def test_a_mapping_has_a_value_for_each_key():
    assert list(keys_of_mapping({"b": 2, "a": 1}, ["a", "b"]).items()) == [("a", 1), ("b", 2)]
    with pytest.raises(AssetError) as raised:
        keys_of_mapping({"a": 1, "x": 2, 3: 4}, ["a", "b"])
    assert raised.value.problems[0].facts == (("missing", "b"), ("extra", "x, 3"))
    with pytest.raises(AssetError, match="the function returned list of length 1 for 2 partitions"):
        keys_of_mapping([1], ["a", "b"])
