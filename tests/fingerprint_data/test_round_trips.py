"""Properties: another layout, file or library keeps the version; any change of one cell, name or type moves it."""

from __future__ import annotations

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetbuild.fingerprint.data import table_version

few = settings(max_examples=40, deadline=None)  # importing three libraries makes a first example slow

CELLS = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint8(): st.integers(0, 255),
    pa.float64(): st.floats(),
    pa.float32(): st.floats(width=32),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    pa.binary(): st.binary(max_size=20),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("ns", "UTC"): st.integers(0, 2**60),
    pa.duration("us"): st.integers(-(2**50), 2**50),
    pa.decimal128(9, 2): st.decimals(-9999, 9999, places=2),
    pa.list_(pa.int32()): st.lists(st.none() | st.integers(-9, 9), max_size=3),
    pa.struct([("a", pa.string()), ("b", pa.list_(pa.bool_()))]): st.fixed_dictionaries(
        {"a": st.none() | st.text("xy", max_size=2), "b": st.none() | st.lists(st.booleans(), max_size=2)}
    ),
    pa.map_(pa.string(), pa.int64()): st.dictionaries(st.text("ab", max_size=2), st.integers(0, 9), max_size=2).map(
        lambda pairs: list(pairs.items())
    ),
}


@st.composite
def tables(draw, *, min_rows=0, kinds=tuple(CELLS)):
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    rows = draw(st.integers(min_rows, 12))
    columns = {}
    for index, kind in enumerate(chosen):
        cells = draw(st.lists(st.none() | CELLS[kind], min_size=rows, max_size=rows))
        columns[f"c{index}"] = pa.array(cells, kind)
    return pa.table(columns)


@few
@given(tables(), st.data())
def test_chunks_and_slices_keep_the_version(table, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, table.num_rows), max_size=4)))
    parts = [table.slice(start, stop - start) for start, stop in zip([0, *cuts], [*cuts, table.num_rows], strict=True)]
    assert table_version(pa.concat_tables(parts)) == table_version(table)
    padded = pa.concat_tables([table, table, table]).combine_chunks()
    assert table_version(padded.slice(table.num_rows, table.num_rows)) == table_version(table)


@few
@given(
    tables(),
    st.sampled_from(["none", "snappy", "zstd"]),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from(["1.0", "2.0"]),
)
def test_parquet_keeps_the_version_however_it_is_written(table, compression, rows, dictionary, pages):
    buffer = pa.BufferOutputStream()
    pq.write_table(
        table, buffer, compression=compression, row_group_size=rows, use_dictionary=dictionary, data_page_version=pages
    )
    assert table_version(pq.ParquetFile(pa.BufferReader(buffer.getvalue())).read()) == table_version(table)


NO_MAPS = tuple(kind for kind in CELLS if not pa.types.is_map(kind))


@few
@given(tables(kinds=NO_MAPS))
def test_polars_keeps_the_version(table):
    assert table_version(pa.table(pl.DataFrame(table))) == table_version(table)


IN_DUCKDB = tuple(kind for kind in CELLS if kind not in {pa.duration("us"), pa.timestamp("ns", "UTC")})


@few
@given(tables(kinds=IN_DUCKDB))
def test_duckdb_keeps_the_version(table):
    with duckdb.connect() as connection:
        connection.register("given", table)
        found = pa.RecordBatchReader.from_stream(connection.sql("from given"))
        assert table_version(found) == table_version(table)


IN_PANDAS = (pa.string(), pa.timestamp("us"), pa.timestamp("ns", "UTC"), pa.duration("us"), pa.binary())


@few
@given(tables(kinds=IN_PANDAS))
def test_pandas_keeps_the_version(table):
    assert table_version(pa.Table.from_pandas(table.to_pandas(), schema=table.schema)) == table_version(table)


@few
@given(tables(min_rows=1), st.data())
def test_a_change_of_one_cell_moves_exactly_its_column(table, data):
    index = data.draw(st.integers(0, table.num_columns - 1))
    row = data.draw(st.integers(0, table.num_rows - 1))
    column = table.column(index)
    cells = column.to_pylist() if column.type != pa.timestamp("ns", "UTC") else column.cast("int64").to_pylist()
    cells[row] = data.draw(st.none() | CELLS[column.type])
    changed = pa.array(cells, column.type)
    new = table.set_column(index, table.column_names[index], changed)
    same = _bits(column.combine_chunks()) == _bits(changed)
    one, other = table_version(table), table_version(new)
    assert (one.version == other.version) == same
    moved = {name for name in one.columns if one.columns[name] != other.columns[name]}
    assert moved == (set() if same else {f"c{index}"})


def _bits(array):
    """What a reader sees of a column, with the sign of zero, as text."""
    kind = array.type
    return repr(
        (array.cast("int64") if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) else array).to_pylist()
    )


WIDER = {
    pa.uint8(): pa.int16(),
    pa.int64(): pa.uint64(),
    pa.float32(): pa.float64(),
    pa.string(): pa.binary(),
    pa.date32(): pa.date64(),
    pa.timestamp("us"): pa.timestamp("us", "UTC"),
    pa.decimal128(9, 2): pa.decimal128(10, 2),
}


@pytest.mark.parametrize("kind", WIDER, ids=str)
def test_a_change_of_type_moves_exactly_its_column_even_without_rows(kind):
    one = pa.table({"a": pa.array([], kind), "b": pa.array([], "int8")})
    other = one.set_column(0, "a", pa.array([], WIDER[kind]))
    assert table_version(one).version != table_version(other).version
    assert table_version(one).columns["a"] != table_version(other).columns["a"]
    assert table_version(one).columns["b"] == table_version(other).columns["b"]
