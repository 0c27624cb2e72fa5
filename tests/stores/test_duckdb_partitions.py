"""A partitioned asset as one DuckDB table: each partition replaces its own rows."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from assetbuild.errors import StoreError
from assetbuild.store.io import OutputContext, Place
from assetbuild.store.objects import Objects
from assetbuild_stores.duckdb import DuckDBIOManager


@pytest.fixture
def warehouse(tmp_path):
    return tmp_path / "warehouse"


@pytest.fixture
def manager():
    manager = DuckDBIOManager()
    yield manager
    manager.close()


@pytest.fixture
def make(manager, warehouse, tmp_path):
    objects = Objects(tmp_path / ".assetbuild" / "objects")

    def make(partition, table, key="raw/days"):
        staged = objects.staging(key)
        written = manager.write(OutputContext(asset_key=key, path=staged, partition_key=partition), table)
        place = Place(warehouse=warehouse, asset_key=key, partition_key=partition, extension=written.extension)
        return place, objects.path(objects.add(staged, written.extension)), written.data_version

    return make


@pytest.fixture
def publish(manager, make):
    def publish(partition, key="raw/days", **columns):
        place, published, version = make(partition, pa.table(columns), key)
        manager.publish(place, published)
        return place, published, version

    return publish


@pytest.fixture
def query(manager, warehouse):
    def query(sql):
        manager.close()
        with duckdb.connect(str(warehouse / "warehouse.duckdb")) as connection:
            return connection.execute(sql).fetchall()

    return query


ROWS = "from raw.days order by all"


def test_partitions_are_rows_of_one_table(manager, publish, query):
    for day in ("2013-01-02", "2013-01-01"):
        place, _, _ = publish(day, x=[1, 2])
    assert manager.location(place) == "warehouse/warehouse.duckdb:raw.days[2013-01-01]"
    assert query(ROWS) == [("2013-01-01", 1), ("2013-01-01", 2), ("2013-01-02", 1), ("2013-01-02", 2)]
    assert query("select table_name from duckdb_tables()") == [("days",)]
    assert query("select column_name from (describe raw.days)") == [("partition_key",), ("x",)]


def test_a_partition_replaces_exactly_its_own_rows(manager, publish, query):
    old = publish("1", x=[1, 2])
    publish("2", x=[5])
    publish("it's|1", x=[7])
    publish("1", x=[3])
    assert query(ROWS) == [("1", 3), ("2", 5), ("it's|1", 7)]
    manager.publish(*old[:2])
    assert query(ROWS) == [("1", 1), ("1", 2), ("2", 5), ("it's|1", 7)]


def test_partitions_are_there_intact_and_removed_one_by_one(manager, publish, query):
    one, two = publish("1", x=[1], s=["a"]), publish("2", x=[2], s=[None])
    assert [manager.exists(one[0]), manager.is_intact(*one), manager.is_intact(*two)] == [True, True, True]
    query("update raw.days set x = 9 where partition_key = '2'")
    assert [manager.is_intact(*one), manager.is_intact(*two)] == [True, False]
    query("delete from raw.days where partition_key = '2'")
    assert [manager.exists(one[0]), manager.exists(two[0]), manager.is_intact(*two)] == [True, False, False]
    manager.remove(two[0])
    manager.remove(one[0])
    manager.remove(one[0])
    assert query("select table_name from duckdb_tables()") == []
    assert not manager.exists(one[0])
    assert not manager.is_intact(*one)


def test_a_partition_without_rows_is_there(manager, publish, query):
    nothing = pa.array([], "int64")
    empty, full = publish("it's", x=nothing), publish("2", x=[1])
    assert [manager.exists(empty[0]), manager.is_intact(*empty), manager.exists(full[0])] == [True, True, True]
    query("insert into raw.days values ('it''s', 1)")
    assert not manager.is_intact(*empty)
    query("delete from raw.days")
    assert [manager.exists(empty[0]), manager.is_intact(*empty), manager.exists(full[0])] == [True, True, False]
    manager.remove(empty[0])
    assert not manager.exists(empty[0])
    publish("it's", x=nothing)
    publish("it's", x=[5])
    query("delete from raw.days")
    assert not manager.exists(empty[0])
    publish("it's", x=nothing)
    query("drop table raw.days")
    assert not manager.exists(empty[0])


def test_a_comment_of_the_users_stays(manager, publish, query):
    publish("1", x=[1])
    query("comment on table raw.days is 'ours: no rows in [1]'")
    publish("2", x=pa.array([], "int64"))
    publish("1", x=[2])
    comment = "select comment from duckdb_tables()"
    assert query(comment) == [('ours: no rows in [1]\nassetbuild: no rows in ["2"]',)]
    publish("2", x=[1])
    assert query(comment) == [("ours: no rows in [1]",)]


def test_columns_come_and_go(manager, publish, query):
    one = publish("1", a=[1], b=["x"])
    two = publish("2", b=["y"], c=[2.5])
    assert query("select partition_key, a, b, c from raw.days order by all") == [
        ("1", 1, "x", None),
        ("2", None, "y", 2.5),
    ]
    assert manager.is_intact(*one)
    assert manager.is_intact(*two)
    query("update raw.days set c = 1 where partition_key = '1'")
    assert not manager.is_intact(*one), "a value in a column that the partition does not have"


WIDER = {
    "integers": (pa.array([1], "int8"), pa.array([300], "int16"), "SMALLINT"),
    "narrower": (pa.array([300], "int16"), pa.array([1], "int8"), "SMALLINT"),
    "signs": (pa.array([2**64 - 1], "uint64"), pa.array([-1], "int64"), "HUGEINT"),
    "floats": (pa.array([1]), pa.array([0.5]), "DOUBLE"),
    "half of them": (pa.array([2**25 + 1], "int32"), pa.array([0.5], "float32"), "DOUBLE"),
    "decimals": (
        pa.array([1], pa.decimal128(5, 2)),
        pa.array([1], pa.decimal128(10, 4)),
        "DECIMAL(10,4)",
    ),
    "times": (pa.array([1], pa.date32()), pa.array([1], pa.timestamp("us")), "TIMESTAMP"),
    "nanoseconds": (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("ns")), "TIMESTAMP_NS"),
    "nothing first": (pa.nulls(1), pa.array(["x"]), "VARCHAR"),
    "nothing then": (pa.array(["x"]), pa.nulls(1), "VARCHAR"),
    "only nulls first": (pa.array([None], "int64"), pa.array(["x"]), "VARCHAR"),
    "only nulls then": (pa.array(["x"]), pa.array([None], "int64"), "VARCHAR"),
    "categories": (pa.array(["x"]).dictionary_encode(), pa.array(["y", "x"]).dictionary_encode(), "VARCHAR"),
    "lists": (pa.array([[1]], pa.list_(pa.int32())), pa.array([[2]]), "BIGINT[]"),
}


@pytest.mark.parametrize("case", WIDER)
def test_a_type_becomes_the_wider_one(manager, publish, query, case):
    first, second, expected = WIDER[case]
    one, two = publish("1", x=first), publish("2", x=second)
    assert query("select column_type from (describe raw.days) where column_name = 'x'") == [(expected,)]
    assert manager.is_intact(*one)
    assert manager.is_intact(*two)
    published = {key: pa.array(column).to_pylist() for key, column in (("1", first), ("2", second))}
    if case in {"integers", "narrower", "signs", "floats", "lists"}:
        found = query("select partition_key, x from raw.days order by all")
        assert found == [(key, value) for key, values in published.items() for value in values]


OTHER = {
    "text": (pa.array([1]), pa.array(["x"]), "BIGINT", "VARCHAR"),
    "truth": (pa.array([1]), pa.array([True]), "BIGINT", "BOOLEAN"),
    "zones": (
        pa.array([1], pa.timestamp("us")),
        pa.array([1], pa.timestamp("us", "UTC")),
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
    ),
    "decimals that need more digits than there are": (
        pa.array([1], pa.decimal128(38, 0)),
        pa.array([1], pa.decimal128(10, 4)),
        "DECIMAL(38,0)",
        "DECIMAL(10,4)",
    ),
}


@pytest.mark.parametrize("case", OTHER)
def test_another_type_is_refused_while_other_partitions_need_the_old_one(manager, publish, query, case):
    first, second, old, new = OTHER[case]
    one = publish("1", x=first)
    publish("2", x=first)
    with pytest.raises(StoreError) as raised:
        publish("2", x=second)
    problem = raised.value.problems[0]
    assert problem.facts == (("column", "x"), ("in the table", old), ("in '2'", new), ("needed by", "1"))
    assert "'assetbuild clean raw/days', then 'assetbuild materialize raw/days'" in problem.advice
    assert query("select count(*) from raw.days") == [(2,)]
    manager.remove(one[0])
    assert manager.is_intact(*publish("2", x=second)), "it was the only partition"


def test_the_partitions_that_need_the_old_type_are_named(publish):
    for day in range(8):
        publish(str(day), x=[1])
    publish("8", y=[1])
    with pytest.raises(StoreError, match=r"needed by +0, 1, 2, 3, 4 and 3 more"):
        publish("9", x=["text"])


def test_all_partitions_together_may_change_every_type(manager, publish, make, query):
    publish("1", x=[1], old=["x"])
    publish("2", x=[2], old=["y"])
    new = [make(day, pa.table({"x": [f"text {day}"]})) for day in ("1", "2", "3")]
    stamps = manager.publish_many([(place, published) for place, published, _ in new])
    assert len(set(stamps)) == 1
    assert all(manager.is_intact(*value) for value in new)
    assert query("describe raw.days")[1][:2] == ("x", "VARCHAR")
    assert query(ROWS) == [("1", "text 1"), ("2", "text 2"), ("3", "text 3")]


def test_a_batch_is_published_as_a_whole_or_not_at_all(manager, publish, make, query):
    publish("1", x=[1])
    publish("9", x=[9])
    batch = [
        make("1", pa.table({"x": [5]})),
        make("2", pa.table({"x": [6], "new": [1]})),
        make("3", pa.table({"x": ["t"]})),
    ]
    with pytest.raises(StoreError, match="partition '3' of 'raw/days' has another type"):
        manager.publish_many([(place, published) for place, published, _ in batch])
    assert query(ROWS) == [("1", 1), ("9", 9)]
    manager.publish_many([(place, published) for place, published, _ in batch[:2]])
    assert query(ROWS) == [("1", 5, None), ("2", 6, 1), ("9", 9, None)]


def test_many_are_looked_at_and_removed_as_one_by_one(manager, publish, query):
    days = {
        "same": {"x": [1, 2], "s": ["a", None]},
        "zone": {"x": [1], "t": pa.array([1], pa.timestamp("us", "Europe/Berlin"))},
        "empty": {"x": pa.array([], "int64")},
        "changed": {"x": [3, 4]},
        "more": {"x": [5]},
        "gone": {"x": [6]},
        "wider": {"x": [0.5]},
    }
    values = [publish(key, **columns) for key, columns in days.items()]
    query("update raw.days set x = 9 where x = 4")
    query("insert into raw.days by name select 'more' as partition_key, 5 as x")
    query("delete from raw.days where partition_key = 'gone'")
    expected = ["intact", "intact", "intact", "changed", "changed", "gone", "intact"]
    assert manager.look_at(values) == expected
    assert [manager.look_at([value])[0] for value in values] == expected
    assert [manager.is_intact(*value) for value in values] == [state == "intact" for state in expected]
    manager.remove_many([place for place, *_ in values[1:]])
    assert query("select partition_key, x from raw.days") == [("same", 1.0), ("same", 2.0)]
    manager.remove_many([values[0][0]])
    assert manager.look_at(values) == ["gone"] * 7


def test_rows_of_one_partition_may_lie_apart(manager, publish, query):
    values = [publish(key, x=[1, 2]) for key in ("a", "b", "c", "d")]
    query("create or replace table raw.days as from raw.days order by x, partition_key")
    assert manager.look_at(values) == ["intact"] * 4


def test_assets_with_and_without_partitions_go_in_one_batch(manager, make, warehouse, query):
    day, other = make("1", pa.table({"x": [1]})), make("1", pa.table({"y": [2]}), "others")
    place, published, version = make(None, pa.table({"z": [3]}), "whole")
    manager.publish_many([day[:2], (place, published), other[:2]])
    assert query("from raw.days") == [("1", 1)]
    assert query("from others") == [("1", 2)]
    assert query("from whole") == [(3,)]
    assert manager.stamps([day[0], place]) == [manager.stamp(place)] * 2
    assert manager.is_intact(place, published, version)


def test_an_asset_may_begin_and_cease_to_have_partitions(manager, publish, query):
    whole = publish(None, x=[1])
    day = publish("1", x=[2])
    assert query("from raw.days") == [("1", 2)]
    assert not manager.is_intact(*whole)
    assert manager.is_intact(*day)
    manager.publish(*whole[:2])
    assert query("from raw.days") == [(1,)]
    assert not manager.exists(day[0])
    query("drop table raw.days")
    query("create view raw.days as select '1' as partition_key, 1 as x")
    assert not manager.exists(day[0])
    manager.publish(*day[:2])
    assert query("from raw.days") == [("1", 2)]


def test_names_are_told_apart_only_as_duckdb_does(manager, publish, query):
    one = publish("1", Name=["a"])
    two = publish("2", name=["b"])
    assert query("select partition_key, NAME from raw.days order by all") == [("1", "a"), ("2", "b")]
    assert manager.is_intact(*one)
    assert manager.is_intact(*two)
    with pytest.raises(StoreError, match="has a column 'partition_key'"):
        publish("3", Partition_Key=["x"])


def test_a_partition_of_zero_days_is_intact_beside_a_nested_one(manager, publish):
    rows = [{"l": [1, None], "m": {"t": "x"}}, None]
    one, two = publish("1", s=pa.array(rows)), publish("2", s=pa.array(rows[:0], pa.array(rows).type))
    assert manager.is_intact(*one)
    assert manager.is_intact(*two)


def test_layouts_of_files_are_no_options_of_it():
    with pytest.raises(ValueError, match="layout is for files"):
        DuckDBIOManager(layout="hive")
