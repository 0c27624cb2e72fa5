"""Tables as Parquet files."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from assetbuild.errors import StoreError
from assetbuild.fingerprint.data import file_version, table_version
from assetbuild.store.io import InputContext, OutputContext
from assetbuild_stores.parquet import ParquetIOManager


@pytest.fixture
def manager():
    return ParquetIOManager()


@pytest.fixture
def write(manager, tmp_path):
    def write(value, name="t", **context):
        return manager.write(OutputContext(asset_key="t", path=tmp_path / name, **context), value)

    return write


@pytest.fixture
def load(manager, tmp_path):
    def load(word=None, columns=None, name="t"):
        return manager.load(InputContext(asset_key="t", path=tmp_path / name, load=word, columns=columns))

    return load


SAME = pa.table({"i": [1, 2], "s": ["x", None], "f": [0.5, 1.5], "d": [date(2020, 1, 1)] * 2, "l": [["a"], []]})
LIBRARIES = {
    "table": lambda: SAME,
    "chunks": lambda: pa.concat_tables([SAME.slice(0, 1), SAME.slice(1)]),
    "batch": lambda: SAME.to_batches()[0],
    "reader": lambda: SAME.to_reader(max_chunksize=1),
    "dataset": lambda: ds.dataset(SAME),
    "polars": lambda: pl.DataFrame(SAME),
    "lazy": lambda: pl.LazyFrame(SAME),
    "relation": lambda: duckdb.from_arrow(SAME),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_library_that_made_a_table_does_not_matter(write, load, library):
    written = write(LIBRARIES[library]())
    expected = table_version(SAME)
    assert (written.data_version, written.columns, written.rows) == (expected.version, expected.columns, 2)
    assert written.extension == "parquet"
    assert load().equals(SAME)


def test_equal_tables_give_equal_bytes_from_any_library(write, tmp_path):
    for name in ("table", "chunks", "polars", "batch"):
        write(LIBRARIES[name](), name)
    assert len({file_version(tmp_path / name) for name in ("table", "chunks", "polars", "batch")}) == 1


def test_the_metadata_of_a_table_is_kept(write, load):
    write(SAME.replace_schema_metadata({"who": "me"}))
    assert load().schema.metadata == {b"who": b"me"}


STORED = {
    "date64": pa.array([date(2020, 1, 1), None], pa.date64()),
    "seconds": pa.array([1, None], pa.timestamp("s", "UTC")),
    "time in seconds": pa.array([1, None], pa.time32("s")),
    "categories of numbers": pa.array([1, None]).dictionary_encode(),
    "categories of bytes": pa.array([b"x", None]).dictionary_encode(),
    "categories": pa.array(["x", None]).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(pa.array([1, None], "int8"), ["b", "a"], ordered=True),
    "runs": pc.run_end_encode(pa.array([1, 1])),
    "list views": pa.array([["x"], None], pa.list_view(pa.string_view())),
    "nested": pa.array(
        [{"a": 1, "b": None}, None], pa.struct([("a", pa.timestamp("s")), ("b", pa.large_list(pa.date64()))])
    ),
    "nested categories": pa.array([{"c": "x"}, None], pa.struct([("c", pa.dictionary(pa.int8(), pa.string()))])),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string_view(), pa.int64())),
    "decimal": pa.array([Decimal("1.5"), None], pa.decimal32(5, 2)),
    "half": pa.array([1.5, None], pa.float16()),
    "duration": pa.array([1, None], pa.duration("ns")),
    "uuid": pa.array([bytes(16), None], pa.uuid()),
    "nothing": pa.nulls(2),
    "nan": pa.array([math.nan, None]),
}


@pytest.mark.parametrize("kind", STORED)
def test_the_version_is_that_of_what_readers_get(write, load, kind):
    written = write(pa.table({"x": STORED[kind]}))
    assert table_version(load()).version == written.data_version
    streamed = write(pa.table({"x": STORED[kind]}).to_reader(max_chunksize=1), "stream")
    assert streamed.data_version == written.data_version


def test_polars_categories_come_back(write, load):
    frame = pl.DataFrame(
        {"c": pl.Series(["x", None], dtype=pl.Categorical), "e": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"]))}
    )
    write(frame)
    assert load("polars.DataFrame").schema == frame.schema
    assert load("polars.DataFrame").equals(frame)


def test_pandas_frames_come_back(write, load):
    frame = pd.DataFrame(
        {"c": pd.Categorical(["x", "y"], ["y", "x"], ordered=True), "t": [pd.Timestamp("2020-01-01")] * 2, "n": [1, 2]},
        index=pd.Index(["p", "q"], name="k"),
    )
    write(frame)
    pd.testing.assert_frame_equal(load("pandas.DataFrame"), frame)


def test_only_the_columns_asked_for_are_read_in_their_order(write, load, tmp_path, monkeypatch):
    write(SAME)
    assert load(columns=("f", "i")).column_names == ["f", "i"]
    with pytest.raises(KeyError, match="no column 'zz'"):
        load(columns=("zz",))


def test_a_path_is_that_of_the_file_and_never_of_some_columns(write, load, tmp_path):
    write(SAME)
    assert load("path") == tmp_path / "t"
    with pytest.raises(TypeError, match="path"):
        load("path", columns=("i",))


def test_an_unordered_table_counts_by_its_rows(write):
    one, other = pa.table({"a": [1, 2]}), pa.table({"a": [2, 1]})
    assert write(one, "1").data_version != write(other, "2").data_version
    assert write(one, "3", unordered=True).data_version == write(other.to_reader(), "4", unordered=True).data_version


def test_large_and_small_tables_are_kept_alike(write, load):
    table = pa.table({"i": range(300_000), "s": ["word"] * 300_000})
    written = write(table)
    assert load().equals(table)
    assert (
        written.data_version
        == write(table.to_reader(max_chunksize=7_000), "s").data_version
        == table_version(table).version
    )
    assert load(name="s").equals(table)


def test_options_are_used(tmp_path):
    manager = ParquetIOManager(compression="gzip", row_group_size=10)
    manager.write(OutputContext(asset_key="t", path=tmp_path / "t"), pa.table({"x": range(25)}))
    metadata = pq.ParquetFile(tmp_path / "t").metadata
    assert metadata.num_row_groups == 3
    assert metadata.row_group(0).column(0).compression == "GZIP"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "None is not a table"),
        (42, "int 42 is not a table"),
        ([{"a": 1}], "list of length 1 is not a table"),
        (pa.table({"x": pa.UnionArray.from_sparse(pa.array([0], "int8"), [pa.array([1])])}), "column 'x'"),
        (
            pa.table({"x": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}),
            "Parquet has no type for month_day_nano",
        ),
        (pa.table([[1], [2]], names=["x", "x"]), "two columns are named 'x'"),
        (SAME.select([]), "2 rows and no columns"),
        (pd.DataFrame({"x": [1, object()]}), "no table type holds"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(write, tmp_path, value, says):
    with pytest.raises((TypeError, ValueError), match=says):
        write(value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(write, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError, match="no space left"):
        write(pa.table({"x": range(300_000)}))
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_a_lazy_table_is_the_users(write, tmp_path):
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        write(pl.LazyFrame({"a": [1]}).select("zz"))
    with pytest.raises(FileNotFoundError):
        write(pl.scan_parquet(tmp_path / "gone.parquet"))
