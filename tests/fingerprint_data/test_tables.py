"""The data version of a table: what moves it, and what does not."""

from __future__ import annotations

import struct
from datetime import date
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assetbuild.fingerprint.data import TableHasher, table_version

TABLE = pa.table(
    {
        "whole": pa.array([1, None, 3], "int64"),
        "real": pa.array([1.5, float("nan"), None]),
        "text": pa.array(["a", None, ""]),
        "when": pa.array([1, 2, None], pa.timestamp("us", "UTC")),
        "list": pa.array([[1, None], None, []]),
    }
)


def version(values, kind=None):
    return table_version(pa.table({"x": values if kind is None else pa.array(values, kind)})).version


def test_versions_are_golden():
    found = table_version(TABLE)
    assert found.version == "2258028997fd58c41670a25c0070a962"
    assert found.columns["whole"] == "74ec96eecb0ad854eef3afa61ccdd698"
    assert found.rows == 3


SAME_CONTENT = {
    "large_string": (pa.array(["a", None, "bc"]), pa.array(["a", None, "bc"], pa.large_string())),
    "string_view": (
        pa.array(["a", None, "a text of more than 12 bytes"]),
        pa.array(["a", None, "a text of more than 12 bytes"], pa.string_view()),
    ),
    "large_binary": (pa.array([b"a", None]), pa.array([b"a", None], pa.large_binary())),
    "binary_view": (pa.array([b"a", None]), pa.array([b"a", None], pa.binary_view())),
    "large_list": (pa.array([[1], None, []]), pa.array([[1], None, []], pa.large_list(pa.int64()))),
    "list_view": (pa.array([["a", None], None, []]), pa.array([["a", None], None, []], pa.list_view(pa.string_view()))),
    "run_end_encoded": (pa.array([1, 1, None]), pc.run_end_encode(pa.array([1, 1, None]))),
    "decimal64": (
        pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        pa.array([Decimal("1.50"), None], pa.decimal64(9, 2)),
    ),
    "decimal256": (
        pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        pa.array([Decimal("1.50"), None], pa.decimal256(9, 2)),
    ),
    "item name": (
        pa.array([[1], None], pa.list_(pa.int64())),
        pa.array([[1], None], pa.list_(pa.field("element", pa.int64()))),
    ),
    "index width": (
        pa.DictionaryArray.from_arrays(pa.array([0, 1], "int8"), ["x", "y"]),
        pa.DictionaryArray.from_arrays(pa.array([1, 2], "int32"), ["unused", "x", "y"]),
    ),
    "null in a dictionary": (
        pa.DictionaryArray.from_arrays(pa.array([0, None], "int8"), ["x"]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1], "int8"), ["x", None]),
    ),
    "nested views": (
        pa.array([{"a": "x", "b": ["y"]}, None]),
        pa.array(
            [{"a": "x", "b": ["y"]}, None], pa.struct([("a", pa.string_view()), ("b", pa.large_list(pa.string_view()))])
        ),
    ),
    "map of views": (
        pa.array([[("k", "v")], None, []], pa.map_(pa.string(), pa.string())),
        pa.array([[("k", "v")], None, []], pa.map_(pa.string(), pa.string_view())),
    ),
}


@pytest.mark.parametrize("name", SAME_CONTENT)
def test_layouts_of_one_logical_type_are_one_version(name):
    one, other = SAME_CONTENT[name]
    assert version(one) == version(other)
    assert version(one.slice(1)) == version(other.slice(1)), "as a slice"


DIFFERENT = {
    "value": ([1, 2], [1, 3]),
    "row order": ([1, 2], [2, 1]),
    "null for zero": ([0], pa.array([None], "int64")),
    "nan for null": ([float("nan")], pa.array([None], "float64")),
    "minus zero": ([0.0], [-0.0]),
    "width": (pa.array([1], "int32"), pa.array([1], "int64")),
    "sign": (pa.array([1], "int32"), pa.array([1], "uint32")),
    "text for bytes": ([""], [b""]),
    "empty for null": ([""], pa.array([None], "string")),
    "border between texts": (["ab", "c"], ["a", "bc"]),
    "unit": (pa.array([1], pa.timestamp("ms")), pa.array([1], pa.timestamp("us"))),
    "time zone": (pa.array([1], pa.timestamp("ms", "UTC")), pa.array([1], pa.timestamp("ms", "Europe/Berlin"))),
    "no time zone": (pa.array([1], pa.timestamp("ms", "UTC")), pa.array([1], pa.timestamp("ms"))),
    "date for int": (pa.array([1], pa.date32()), pa.array([1], "int32")),
    "precision": (pa.array([Decimal(1)], pa.decimal128(9, 2)), pa.array([Decimal(1)], pa.decimal128(10, 2))),
    "scale": (pa.array([Decimal(1)], pa.decimal128(9, 2)), pa.array([Decimal(1)], pa.decimal128(9, 1))),
    "border between lists": ([[1, 2], [3]], [[1], [2, 3]]),
    "null list for empty": ([[], [1]], [None, [1]]),
    "null in a list": ([[1, None]], [[1]]),
    "list for fixed list": (pa.array([[1, 2]]), pa.array([[1, 2]], pa.list_(pa.int64(), 2))),
    "field name": ([{"a": 1}], [{"b": 1}]),
    "null struct": (
        pa.array([{"a": None}], pa.struct([("a", pa.int64())])),
        pa.array([None], pa.struct([("a", pa.int64())])),
    ),
    "map for list": (
        pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([[{"key": "k", "value": 1}]]),
    ),
    "categorical for text": (pa.array(["a"]), pa.array(["a"]).dictionary_encode()),
    "ordered categorical": (
        pa.DictionaryArray.from_arrays(pa.array([0]), ["a", "b"]),
        pa.DictionaryArray.from_arrays(pa.array([0]), ["a", "b"], ordered=True),
    ),
    "order of an ordered categorical": (
        pa.DictionaryArray.from_arrays(pa.array([0]), ["a", "b"], ordered=True),
        pa.DictionaryArray.from_arrays(pa.array([1]), ["b", "a"], ordered=True),
    ),
    "length of nulls": (pa.nulls(2), pa.nulls(3)),
    "place of the null": (pa.array([None, 0]), pa.array([0, None])),
    "uuid for its bytes": (pa.array([bytes(16)], pa.binary(16)), pa.array([bytes(16)], pa.uuid())),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_a_reader_can_see_moves_the_version(name):
    one, other = DIFFERENT[name]
    assert version(one) != version(other)


def test_names_and_their_order_count_for_the_table_and_not_for_the_columns():
    one, renamed = table_version(TABLE), table_version(TABLE.rename_columns(["whole", "real", "text", "when", "lists"]))
    assert one.version != renamed.version
    assert one.columns["list"] == renamed.columns["lists"]
    moved = table_version(TABLE.select(["real", "whole", "text", "when", "list"]))
    assert moved.version != one.version
    assert moved.columns == one.columns


def test_chunks_and_batches_do_not_matter():
    whole = table_version(TABLE)
    assert table_version(pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 0), TABLE.slice(1)])) == whole
    assert table_version(TABLE.to_reader(max_chunksize=1)) == whole
    assert table_version(iter(TABLE.to_batches(max_chunksize=2))) == whole
    hasher = TableHasher(TABLE.schema)
    for row in range(3):
        hasher.update(TABLE.slice(row, 1))
    assert hasher.finish() == whole


def test_what_lies_under_a_null_does_not_matter():
    valid = pa.py_buffer(bytes([0b101]))
    offsets, text = pa.py_buffer(struct.pack("4i", 0, 1, 3, 4)), pa.py_buffer(b"aZZb")
    assert version(pa.Array.from_buffers(pa.string(), 3, [valid, offsets, text])) == version(["a", None, "b"])
    for kind, code in ((pa.int64(), "3q"), (pa.float64(), "3d")):
        numbers = pa.Array.from_buffers(kind, 3, [valid, pa.py_buffer(struct.pack(code, 1, 99, 3))])
        assert version(numbers) == version([1, None, 3], kind)
    garbage = pa.StructArray.from_arrays([pa.array([1, 99])], names=["a"], mask=pa.array([False, True]))
    assert version(garbage) == version([{"a": 1}, None])
    fixed = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 8, 9]), 2, mask=pa.array([False, True]))
    assert version(fixed) == version([[1, 2], None], pa.list_(pa.int64(), 2))


def test_every_nan_is_the_same_in_every_width():
    bits = pa.array([0x7FF8000000000000, 0xFFF8000000000001, 0x3FF0000000000000], "uint64")
    assert version(bits.view("float64")) == version([float("nan"), float("nan"), 1.0])
    half = pa.array([0x7E00, 0xFE01], "uint16").view("float16")
    assert version(half) == version(half.take(pa.array([1, 0])))


def test_infinities_are_no_nan():
    infinite = float("inf")
    assert version([infinite, -infinite]) != version([infinite, infinite])
    assert version([infinite, -infinite]) != version([float("nan"), float("nan")])


def test_metadata_and_nullability_do_not_count():
    fields = [field.with_nullable(True).with_metadata({"k": "v"}) for field in TABLE.schema]
    said = pa.table(TABLE.columns, schema=pa.schema(fields, metadata={"who": "me"}))
    assert table_version(said) == table_version(TABLE)
    required = pa.table({"x": [1]}, schema=pa.schema([pa.field("x", pa.int64(), nullable=False)]))
    assert table_version(required) == table_version(pa.table({"x": [1]}))


def test_a_pandas_index_counts_unless_it_only_counts_rows():
    frame = pd.DataFrame({"x": [1, 2]})
    plain = table_version(pa.table({"x": [1, 2]}))
    assert table_version(pa.Table.from_pandas(frame)) == plain
    named = pa.Table.from_pandas(frame.set_index(pd.Index([5, 6], name="k")))
    assert table_version(named) != table_version(named.replace_schema_metadata(None))
    sliced = pa.Table.from_pandas(pd.DataFrame({"x": [0, 1, 2]})[1:])
    assert table_version(sliced) != plain


def test_empty_tables_have_versions_by_schema():
    empty = TABLE.slice(0, 0)
    assert table_version(empty) == table_version(pa.table(empty.schema.empty_table()))
    assert table_version(empty).version != table_version(empty.select(["whole"])).version
    assert table_version(TABLE.select([])).rows == 3
    assert table_version(TABLE.select([])).version != table_version(TABLE.slice(1).select([])).version


def test_libraries_agree():
    frame = pl.DataFrame(
        {"i": [1, None], "s": ["x", None], "d": [date(2020, 1, 1), None], "l": [["a"], None], "b": [True, None]}
    )
    arrow = pa.table(
        {"i": [1, None], "s": ["x", None], "d": [date(2020, 1, 1), None], "l": [["a"], None], "b": [True, None]}
    )
    assert table_version(pa.table(frame)) == table_version(arrow)
    pandas = pd.DataFrame({"i": [1, 2], "s": ["x", None], "f": [1.5, 2.5]})
    assert table_version(pa.Table.from_pandas(pandas)) == table_version(
        pa.table({"i": [1, 2], "s": ["x", None], "f": [1.5, 2.5]})
    )


def test_a_union_has_no_version_and_says_so():
    union = pa.UnionArray.from_sparse(pa.array([0], "int8"), [pa.array([1])])
    with pytest.raises(TypeError, match="column 'x' cannot be stored: the type sparse_union"):
        version(union)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two columns are named 'x'"):
        table_version(pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]))
