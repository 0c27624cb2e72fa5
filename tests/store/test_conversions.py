"""Which type a value is, and tables between libraries."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from assetbuild.fingerprint.data import table_version
from assetbuild.store.conversions import TABLE_TYPES, convert_table, describe, is_tabular, matches, to_arrow

TABLE = pa.table({"a": [1, 2], "b": ["x", None]})
VALUES = {
    "arrow.Table": TABLE,
    "arrow.Dataset": ds.dataset(TABLE),
    "arrow.Reader": TABLE.to_reader(),
    "pandas.DataFrame": TABLE.to_pandas(),
    "polars.DataFrame": pl.DataFrame(TABLE),
    "polars.LazyFrame": pl.LazyFrame(TABLE),
    "path": Path("x"),
    "paths": [Path("x")],
    "bytes": b"x",
    "str": "x",
    "none": None,
}


@pytest.fixture(autouse=True)
def relation(monkeypatch):
    """A relation for the time of one test: one that lives until the process ends makes DuckDB print about leaks."""
    monkeypatch.setitem(VALUES, "duckdb.Relation", duckdb.from_arrow(TABLE))


@pytest.mark.parametrize("returns", [*VALUES, "duckdb.Relation"])
def test_a_value_is_of_its_own_type_alone(returns):
    assert [word for word in VALUES if matches(VALUES[returns], word)] == [returns]
    assert matches(VALUES[returns], "value")


@pytest.mark.parametrize("word", sorted(TABLE_TYPES))
def test_every_table_is_tabular(word):
    assert is_tabular(VALUES[word])


@pytest.mark.parametrize(
    "value", [None, 1, [{"a": 1}], {"a": [1]}, "x", pd.Series([1]), pl.Series([1]), pa.chunked_array([[1]])]
)
def test_other_values_are_not(value):
    assert not is_tabular(value)
    with pytest.raises(TypeError, match="is not a table"):
        to_arrow(value)


@pytest.mark.parametrize("word", sorted(TABLE_TYPES))
def test_a_table_goes_through_every_library_and_back(word, tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "odd [name]*.parquet"
    pq.write_table(TABLE, path)
    for given in (TABLE, path):
        loaded = convert_table(given, word)
        assert matches(loaded, word)
        assert table_version(to_arrow(loaded)) == table_version(TABLE)
        pruned = convert_table(given, word, ["b"])
        assert table_version(to_arrow(pruned)) == table_version(TABLE.select(["b"]))


@pytest.mark.parametrize("word", sorted(TABLE_TYPES - {"polars.LazyFrame"}))
def test_columns_come_in_the_order_asked_for_and_must_exist(word, tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(TABLE, tmp_path / "t.parquet")
    for given in (TABLE, tmp_path / "t.parquet"):
        assert to_arrow(convert_table(given, word, ["b", "a"])).column_names == ["b", "a"]
        with pytest.raises(KeyError, match="no column 'zz'; there are 'a', 'b'"):
            convert_table(given, word, ["zz"])


def test_a_relation_can_be_used_in_sql_by_its_name():
    late = convert_table(TABLE, "duckdb.Relation")
    assert late.columns == ["a", "b"]
    found = duckdb.sql("select sum(a) from late")
    assert found is not None
    assert found.fetchall() == [(3,)]


def test_a_pandas_index_comes_back(tmp_path):
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["p", "q"], name="k"))
    pd.testing.assert_frame_equal(convert_table(to_arrow(frame), "pandas.DataFrame"), frame)


def test_a_mixed_pandas_column_is_a_type_error_in_words():
    with pytest.raises(TypeError, match="a column that no table type holds"):
        to_arrow(pd.DataFrame({"x": pd.Series([1, "a", object()], dtype=object)}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (42, "int 42"),
        ([1, 2], "list of length 2"),
        (TABLE, "pyarrow.Table (2 rows, 2 columns)"),
        (VALUES["pandas.DataFrame"], "pandas.DataFrame (2 rows, 2 columns)"),
        (VALUES["polars.DataFrame"], "polars.DataFrame (2 rows, 2 columns)"),
        (Path("x"), "pathlib.PosixPath"),
    ],
)
def test_a_value_is_described_in_a_few_words(value, text):
    assert describe(value) == text
