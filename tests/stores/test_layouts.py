"""Where partitions lie: one file each, plain or hive-style, which any tool reads with one glob."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assetbuild.store.io import IOManager, OutputContext, Place
from assetbuild.store.objects import Objects
from assetbuild.store.publish import folder_location, path_of
from assetbuild_stores.parquet import ParquetIOManager


@pytest.fixture
def warehouse(tmp_path):
    return tmp_path / "warehouse"


@pytest.fixture
def publish(tmp_path, warehouse):
    objects = Objects(tmp_path / ".assetbuild" / "objects")

    def publish(manager, partition, table, key="days", dimensions=()):
        staged = objects.staging(key)
        written = manager.write(OutputContext(asset_key=key, path=staged, partition_key=partition), table)
        place = Place(
            warehouse=warehouse,
            asset_key=key,
            partition_key=partition,
            extension=written.extension,
            dimensions=dimensions,
        )
        manager.publish(place, objects.path(objects.add(staged, written.extension)))
        return place

    return publish


KEYS = ["2013-01-01", "2013-01-02", "a b/é=%"]


def asked(sql):
    """Ask DuckDB, as a user would in its shell."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def rows(frame):
    return sorted(map(tuple, frame))


def test_plain_partitions_are_read_with_one_glob(publish, warehouse):
    for number, key in enumerate(KEYS):
        publish(ParquetIOManager(), key, pa.table({"x": [number]}))
    glob = str(warehouse / "days" / "*.parquet")
    assert rows(asked(f"select x from '{glob}'")) == [(0,), (1,), (2,)]
    assert rows(pl.scan_parquet(glob).select("x").collect().rows()) == [(0,), (1,), (2,)]
    assert rows(pd.read_parquet(warehouse / "days")[["x"]].itertuples(index=False)) == [(0,), (1,), (2,)]
    assert sorted(os.listdir(warehouse / "days")) == [
        "2013-01-01.parquet",
        "2013-01-02.parquet",
        "a%20b%2F%C3%A9%3D%25.parquet",
    ]


def test_hive_style_partitions_are_read_with_their_key(publish, warehouse):
    manager = ParquetIOManager(layout="hive", partition_column="day")
    places = [publish(manager, key, pa.table({"x": [number]})) for number, key in enumerate(KEYS)]
    expected = sorted((number, key) for number, key in enumerate(KEYS))
    glob = str(warehouse / "days" / "**" / "*.parquet")
    found = asked(f"select x, day from read_parquet('{glob}', hive_partitioning=true, hive_types_autocast=false)")
    assert rows(found) == expected
    lazy = pl.scan_parquet(glob, hive_partitioning=True, try_parse_hive_dates=False)
    assert rows(lazy.select("x", "day").collect().rows()) == expected
    frame = pd.read_parquet(warehouse / "days")
    assert rows(zip(frame["x"], frame["day"].astype(str), strict=True)) == expected
    assert manager.location(places[0]) == "warehouse/days/day=2013-01-01/data.parquet"
    assert (warehouse / "days" / "day=2013-01-01" / "data.parquet").exists()


def test_several_dimensions_are_several_folders(publish, warehouse):
    manager = ParquetIOManager(layout="hive")
    places = [
        publish(manager, key, pa.table({"x": [number]}), dimensions=("date", "carrier"))
        for number, key in enumerate(["2013-01-01|UA", "2013-01-01|A A", "2013-01-02|UA"])
    ]
    assert [manager.location(place) for place in places] == [
        "warehouse/days/date=2013-01-01/carrier=UA/data.parquet",
        "warehouse/days/date=2013-01-01/carrier=A%20A/data.parquet",
        "warehouse/days/date=2013-01-02/carrier=UA/data.parquet",
    ]
    glob = str(warehouse / "days" / "**" / "*.parquet")
    assert rows(asked(f"select x, carrier from read_parquet('{glob}', hive_partitioning=true)")) == [
        (0, "UA"),
        (1, "A A"),
        (2, "UA"),
    ]
    assert pl.scan_parquet(glob, hive_partitioning=True).filter(carrier="A A").select("x").collect().item() == 1
    frame = pd.read_parquet(warehouse / "days", filters=[("carrier", "=", "UA")])
    assert sorted(frame["x"]) == [0, 2]
    for place in places:
        manager.remove(place)
    assert not (warehouse / "days").exists(), "no empty folders are left"


def test_plain_keys_of_several_dimensions_are_one_name(warehouse):
    place = Place(warehouse=warehouse, asset_key="a/days", partition_key="2013-01-01|UA", extension="parquet")
    assert ParquetIOManager().location(place) == "warehouse/a/days/2013-01-01%7CUA.parquet"
    assert path_of(place) == warehouse / "a" / "days" / "2013-01-01%7CUA.parquet"


@pytest.mark.parametrize("options", [{}, {"layout": "hive"}], ids=["plain", "hive"])
def test_no_two_keys_share_a_path(warehouse, options):
    manager = ParquetIOManager(**options)
    keys = [
        "a",
        "A",
        "a|b",
        "a%7Cb",
        "a%257Cb",
        "a b",
        "a+b",
        "a=b",
        "é",
        "%C3%A9",
        "a.b",
        "a.parquet",
        ".a",
        "~",
        "2013",
    ]
    locations = {
        manager.location(Place(warehouse=warehouse, asset_key="t", partition_key=key, extension="parquet"))
        for key in keys
    }
    assert len(locations) == len(keys)
    assert all(
        location.startswith(folder_location(Place(warehouse=warehouse, asset_key="t"))) for location in locations
    )


def test_an_asset_below_a_partitioned_one_lies_in_its_folder(warehouse):
    other = ParquetIOManager().location(Place(warehouse=warehouse, asset_key="a/b", extension="parquet"))
    assert other.startswith(folder_location(Place(warehouse=warehouse, asset_key="a")))
    other = ParquetIOManager().location(Place(warehouse=warehouse, asset_key="ab", extension="parquet"))
    assert not other.startswith(folder_location(Place(warehouse=warehouse, asset_key="a")))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layout": "flat"}, "layout 'flat' is not one of plain, hive"),
        ({"partition_column": "day"}, "partition_column is for layout = 'hive'"),
        ({"layout": "hive", "partition_column": "a=b"}, "partition_column is text without '=' and '/'"),
        ({"layout": "hive", "partition_column": ""}, "partition_column is text without"),
        ({"layout": "hive", "partition_column": 5}, "partition_column is text without"),
    ],
)
def test_wrong_options_are_told(options, says):
    with pytest.raises(ValueError, match=says):
        ParquetIOManager(**options)


@pytest.mark.parametrize("options", [{}, {"layout": "hive"}], ids=["plain", "hive"])
def test_the_stamps_of_many_are_those_of_each(publish, warehouse, options):
    manager = ParquetIOManager(**options)
    places = [publish(manager, f"{day:02}", pa.table({"x": [day]})) for day in range(1, 13)]
    places.append(publish(manager, None, pa.table({"x": [1]}), key="whole"))
    manager.remove(places[3])
    places += [
        Place(warehouse=warehouse, asset_key="gone", partition_key=str(n), extension="parquet") for n in range(9)
    ]
    places += [Place(warehouse=warehouse, asset_key="whole.parquet", partition_key=str(n)) for n in range(9)]
    places += places[:2]
    stamps = manager.stamps(places)
    assert stamps == [manager.stamp(place) for place in places]
    assert [stamp is None for stamp in stamps[:5]] == [False, False, False, True, False]
    assert stamps[12] is not None
    assert set(stamps[13:31]) == {None}


def test_folders_links_and_own_stamps_count_too(tmp_path, warehouse):
    folder = warehouse / "sites"
    for number in range(8):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "index.html").write_text("x")
    (folder / "8").symlink_to(folder / "0" / "index.html")
    (folder / "9").symlink_to(tmp_path / "nothing")
    places = [Place(warehouse=warehouse, asset_key="sites", partition_key=str(number)) for number in range(10)]
    manager = ParquetIOManager()
    assert manager.stamps(places) == [manager.stamp(place) for place in places]
    assert manager.stamp(places[9]) is None

    class Own(IOManager):
        def write(self, context, value): ...

        def load(self, context): ...

        def stamp(self, place):
            return f"stamp of {place.partition_key}"

    assert Own().stamps(places[:2]) == ["stamp of 0", "stamp of 1"]


def test_a_thousand_partitions_are_one_look_at_their_folder(warehouse, monkeypatch):
    folder = warehouse / "days"
    folder.mkdir(parents=True)
    for number in range(1000):
        (folder / f"{number}.bin").touch()
    looks = {"scandir": 0, "stat": 0}

    def counting(name, function):
        def counted(*args, **kwargs):
            looks[name] += 1
            return function(*args, **kwargs)

        return counted

    places = [
        Place(warehouse=warehouse, asset_key="days", partition_key=str(number), extension="bin")
        for number in range(1000)
    ]
    monkeypatch.setattr(os, "scandir", counting("scandir", os.scandir))
    monkeypatch.setattr(os, "stat", counting("stat", os.stat))
    monkeypatch.setattr(Path, "stat", counting("stat", Path.stat))
    assert None not in ParquetIOManager().stamps(places)
    assert looks == {"scandir": 1, "stat": 0}
