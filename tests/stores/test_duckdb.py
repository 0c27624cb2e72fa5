"""Tables in one DuckDB file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from assetbuild.errors import StoreError
from assetbuild.store.io import OutputContext, Place
from assetbuild.store.objects import Objects
from assetbuild_stores.duckdb import DuckDBIOManager

TABLE = pa.table({"a": [1, 2], "s": ["x", None]})


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

    def make(key, table=TABLE):
        staged = objects.staging(key)
        written = manager.write(OutputContext(asset_key=key, path=staged), table)
        place = Place(warehouse=warehouse, asset_key=key, extension=written.extension)
        return place, objects.path(objects.add(staged, written.extension)), written.data_version

    return make


@pytest.fixture
def publish(manager, make):
    def publish(key, table=TABLE):
        place, published, version = make(key, table)
        manager.publish(place, published)
        return place, published, version

    return publish


@pytest.fixture
def query(manager, warehouse):
    """Ask the file as another tool would: after the manager let go of it."""

    def query(sql):
        manager.close()
        with duckdb.connect(
            str(warehouse / "warehouse.duckdb"), read_only=not sql.startswith(("update", "create", "insert"))
        ) as connection:
            return connection.execute(sql).fetchall()

    return query


def test_a_prefix_is_a_schema(manager, publish, query):
    for key in ("t", "raw/t", "a/b/t", 'odd "name"/é t', "select/from"):
        publish(key)
    found = query("select schema_name || '.' || table_name from duckdb_tables() order by 1")
    assert [name for (name,) in found] == ["a/b.t", "main.t", 'odd "name".é t', "raw.t", "select.from"]
    assert query("from raw.t") == [(1, "x"), (2, None)]


def test_locations_name_file_and_table(manager, warehouse):
    def at(key):
        return manager.location(Place(warehouse=warehouse, asset_key=key))

    assert at("t") == at("main/t") == "warehouse/warehouse.duckdb:main.t"
    assert at("raw/t") == "warehouse/warehouse.duckdb:raw.t"
    assert at("a/b/t") != at("a_b/t")


def test_reverting_puts_the_old_content_back(manager, publish, query):
    place, old, _ = publish("t")
    publish("t", pa.table({"other": [3.5]}))
    assert query("from t") == [(3.5,)]
    manager.publish(place, old)
    assert query("from t") == [(1, "x"), (2, None)]


def test_the_stamp_is_that_of_the_file_and_rests_after_close(manager, publish, warehouse):
    one, _, _ = publish("one")
    publish("two")
    manager.close()
    stamp = manager.stamp(one)
    assert manager.shared_stamp_path(one) == warehouse / "warehouse.duckdb"
    assert manager.exists(one)
    manager.close()
    assert manager.stamp(one) == stamp, "reading does not move it"
    publish("two")
    manager.close()
    assert manager.stamp(one) != stamp


def test_a_table_is_intact_while_its_content_is_that_of_the_object(manager, publish, query):
    one, two = publish("raw/one"), publish("two")
    assert manager.is_intact(*one)
    assert manager.is_intact(*two)
    query("update raw.one set a = 5 where a = 1")
    assert not manager.is_intact(*one)
    assert manager.is_intact(*two)
    query("create or replace table raw.one as select 1::bigint a, 'x' s union all select 2, null")
    assert manager.is_intact(*one)
    manager.remove(one[0])
    assert not manager.exists(one[0])
    assert not manager.is_intact(*one)
    manager.remove(one[0])


def test_nothing_is_there_before_the_first_publish(manager, make, warehouse):
    place, published, version = make("t")
    assert not manager.exists(place)
    assert manager.stamp(place) is None
    assert not manager.is_intact(place, published, version)
    manager.remove(place)
    assert not warehouse.exists()


KINDS = {
    "categories": pa.array(["x", None]).dictionary_encode(),
    "duration": pa.array([1, None], pa.duration("us")),
    "zone": pa.array([1, None], pa.timestamp("us", "Europe/Berlin")),
    "uuid": pa.array([bytes(16), None], pa.uuid()),
    "nested": pa.array([{"l": [1, None]}, None]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "nothing": pa.nulls(2),
    "nan": pa.array([float("nan"), -0.0]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_types_that_change_in_duckdb_are_intact_too(manager, publish, kind):
    assert manager.is_intact(*publish("t", pa.table({"x": KINDS[kind]})))


def test_a_view_of_the_same_name_gives_way(manager, publish, query):
    publish("other")
    query("create view t as select 1 as one")
    publish("t")
    assert query("from t") == [(1, "x"), (2, None)]


def test_an_object_that_is_damaged_replaces_nothing(manager, publish, query):
    place, published, _ = publish("t")
    published.chmod(0o644)
    published.write_bytes(b"damaged")
    with pytest.raises(StoreError, match="damaged object"):
        manager.publish(place, published)
    assert query("from t") == [(1, "x"), (2, None)]


def test_a_publish_that_fails_keeps_the_old_table(manager, publish, query):
    publish("t")
    with pytest.raises(StoreError, match=r"cannot publish table main\.t"):
        publish("t", pa.table({"x": pa.array([1.0], pa.float16())}))
    publish("u")
    assert query("from t") == [(1, "x"), (2, None)]


@pytest.mark.parametrize(
    ("key", "table", "says"),
    [
        ("pg_catalog/t", TABLE, "the schema 'pg_catalog' is DuckDB's own"),
        ("t", pa.table({"A": [1], "a": [2]}), "does not tell the columns 'A' and 'a' apart"),
    ],
)
def test_what_duckdb_cannot_hold_is_told(publish, key, table, says):
    with pytest.raises(StoreError, match=says):
        publish(key, table)


@pytest.mark.parametrize(("one", "other"), [("t", "main/t"), ("raw/t", "RAW/T")])
def test_two_assets_never_share_a_table(publish, query, one, other):
    publish(one)
    with pytest.raises(StoreError, match="are one DuckDB table"):
        publish(other, pa.table({"other": [1]}))


def test_a_look_at_a_table_goes_on_when_the_writer_opens_the_file_meanwhile(manager, publish, warehouse):
    place, published, version = publish("t")
    manager.close()
    has_looked = threading.Event()

    class Connections(dict[Any, Any]):
        def get(self, *args):
            found = super().get(*args)
            has_looked.set()
            return found

    manager._connections = Connections()
    with ThreadPoolExecutor(1) as reader, duckdb.connect(str(warehouse / "warehouse.duckdb")):
        looking = reader.submit(manager.is_intact, place, published, version)  # kept out by the connection above
        has_looked.wait()
        manager.publish(place, published)
        assert looking.result()


def test_a_file_that_somebody_holds_is_told_with_the_holder(manager, publish, warehouse):
    publish("t")
    manager.close()
    path = warehouse / "warehouse.duckdb"
    script = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreError, match="is open in another process") as raised:
            publish("t")
        assert f"process {holder.pid}" in str(raised.value)
        holder.communicate(b"\n")
    publish("t")


def test_a_file_that_is_not_duckdbs_is_told(publish, warehouse):
    warehouse.mkdir()
    (warehouse / "warehouse.duckdb").write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="is not a DuckDB file"):
        publish("t")
    assert (warehouse / "warehouse.duckdb").read_bytes() == b"something else" * 1000


def test_what_was_published_survives_a_kill(manager, make, warehouse):
    place, published, version = make("t")
    script = f"""
import os
from pathlib import Path
from assetbuild.store.io import Place
from assetbuild_stores.duckdb import DuckDBIOManager
manager = DuckDBIOManager()
manager.publish(Place(warehouse=Path({str(warehouse)!r}), asset_key="t", extension="parquet"), Path({str(published)!r}))
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert manager.is_intact(place, published, version)
    assert os.listdir(warehouse)
