"""Tables whose row order does not count."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetbuild.fingerprint.data import table_version

KINDS = {
    "whole": [3, 1, None, 1],
    "real": [0.0, -0.0, float("nan"), None],
    "half": pa.array([1.0, None, float("nan"), 2.0], pa.float16()),
    "text": ["b", None, "", "a"],
    "bytes": [b"b", None, b"", b"a"],
    "flag": [True, None, False, True],
    "list": [[2], None, [], [1, None]],
    "struct": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 1, "b": "w"}],
    "map": pa.array([[("k", 1)], None, [], [("k", 2)]], pa.map_(pa.string(), pa.int64())),
    "category": pa.array(["b", None, "a", "b"]).dictionary_encode(),
    "fixed": pa.array([b"bb", None, b"aa", b"bb"], pa.binary(2)),
    "decimal": pa.array([3, None, 1, 2], pa.decimal32(5, 2)),
    "when": pa.array([3, None, 1, 2], pa.timestamp("us", "UTC")),
    "interval": pa.array([(1, 2, 3), None, (0, 0, 1), (0, 1, 0)], pa.month_day_nano_interval()),
    "nothing": pa.nulls(4),
    "uuid": pa.array([bytes(16), None, b"x" * 16, bytes(16)], pa.uuid()),
}


def unordered(table):
    return table_version(table, unordered=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_does_not_count_for_any_type(kind):
    table = pa.table({"x": KINDS[kind], "n": [1, 2, 3, 4]})
    assert unordered(table.take([2, 0, 3, 1])) == unordered(table)
    assert unordered(table.slice(0, 3)) != unordered(table)


def test_views_and_runs_are_sorted_too():
    table = pa.table({"v": pa.array(["b", None, "a"], pa.string_view()), "r": pc.run_end_encode(pa.array([1, 1, 2]))})
    swapped = pa.concat_tables([table.slice(1), table.slice(0, 1)])
    assert unordered(table) == unordered(swapped)
    assert unordered(table) == unordered(pa.table({"v": ["a", None, "b"], "r": [2, 1, 1]}))


def test_duplicates_are_counted():
    assert unordered(pa.table({"x": [1, 1, 2]})) != unordered(pa.table({"x": [1, 2, 2]}))
    assert unordered(pa.table({"x": [1, 1, 2]})) != unordered(pa.table({"x": [1, 2]}))


def test_what_stands_in_one_row_stays_together():
    one = unordered(pa.table({"a": [1, 2], "b": ["x", "y"]}))
    other = unordered(pa.table({"a": [1, 2], "b": ["y", "x"]}))
    assert one.version != other.version
    assert one.columns != other.columns, "the two columns alone must tell the pairs apart"


def test_zeros_of_both_signs_are_put_in_order():
    assert unordered(pa.table({"x": [0.0, -0.0]})) == unordered(pa.table({"x": [-0.0, 0.0]}))
    assert unordered(pa.table({"x": [0.0, -0.0]})) != unordered(pa.table({"x": [0.0, 0.0]}))


rows = st.tuples(
    st.integers(0, 3) | st.none(),
    st.sampled_from([0.0, -0.0, float("nan"), 1.0]) | st.none(),
    st.text(max_size=2) | st.none(),
    st.lists(st.integers(0, 1), max_size=2) | st.none(),
)
SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.float64()), ("c", pa.string()), ("d", pa.list_(pa.int64()))])


def table_of(some):
    return pa.Table.from_pylist([dict(zip("abcd", row, strict=True)) for row in some], schema=SCHEMA)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=8), st.data())
def test_any_shuffle_keeps_the_version_and_any_other_bag_of_rows_moves_it(some, data):
    shuffled = data.draw(st.permutations(some))
    assert unordered(table_of(some)) == unordered(table_of(shuffled))
    other = data.draw(st.lists(rows, max_size=8))
    assert (sorted(map(repr, some)) == sorted(map(repr, other))) == (
        unordered(table_of(some)) == unordered(table_of(other))
    )
