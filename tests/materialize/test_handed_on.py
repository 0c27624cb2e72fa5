"""Tables handed on in memory are what reading their object gives."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assetbuild.materialize.handed import HandedOn
from assetbuild.store.conversions import convert_table
from assetbuild.store.io import InputContext, OutputContext
from assetbuild.store.objects import Objects
from assetbuild_stores.parquet import ParquetIOManager

VALUES = {
    "plain": pa.table({"x": [1, None], "y": ["a", None], "z": [1.5, float("nan")]}),
    "no rows": pa.table({"x": pa.array([], pa.int16())}),
    "not null": pa.table([pa.array([1])], schema=pa.schema([pa.field("x", pa.int8(), nullable=False)])),
    "metadata": pa.table({"x": [1]}).replace_schema_metadata({"who": "me"}),
    "chunks": pa.concat_tables([pa.table({"x": [1]}), pa.table({"x": [2]})]),
    "types": pa.table(
        {
            "when": pa.array([dt.datetime(2026, 1, 2, tzinfo=dt.UTC)], pa.timestamp("ns", "Europe/Paris")),
            "seconds": pa.array([1_767_312_000], pa.timestamp("s")),
            "exact": [decimal.Decimal("1.50")],
            "nested": [{"a": [1, None]}],
            "category": pa.array(["a"]).dictionary_encode(),
            "large": pa.array(["a"], pa.large_string()),
            "bytes": [b"x"],
        }
    ),
    "pandas": pd.DataFrame({"x": pd.Categorical(["a", "b"]), "y": [1, 2]}, index=pd.Index([5, 6], name="i")),
    "polars": pl.DataFrame({"x": ["a", None], "d": [dt.date(2026, 1, 1), None]}),
}


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path / "objects")


def write(objects, value, handed):
    manager = ParquetIOManager()
    staging = objects.staging("a")
    written = manager.write(OutputContext(asset_key="a", path=staging), value)
    name = objects.add(staging, written.extension, written.data)
    assert objects.verify(name)
    handed.wrote(name, written.data)
    return name, manager


@pytest.mark.parametrize("load", ["arrow.Table", "pandas.DataFrame", "polars.DataFrame"])
@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_it_is_what_reading_gives(objects, value, load):
    name, manager = write(objects, value, handed := HandedOn())
    read = manager.load(InputContext(asset_key="a", path=objects.path(name), load=load))
    objects.discard(name)  # from memory, and from nowhere else
    for _ in range(2):
        given = convert_table(handed.table(name, manager, objects, load), load)
        assert type(given) is type(read)
        if isinstance(given, pa.Table):
            assert given.schema.equals(read.schema, check_metadata=True)
            assert [column.num_chunks for column in given.columns] == [column.num_chunks for column in read.columns]
            assert given.cast(given.schema).to_pylist().__repr__() == read.to_pylist().__repr__()
        elif isinstance(given, pd.DataFrame):
            pd.testing.assert_frame_equal(given, read)
        else:
            assert given.schema == read.schema
            assert given.equals(read)


def test_what_the_asset_does_with_its_value_afterwards_is_not_seen(objects):
    numbers = np.arange(3)
    name, manager = write(objects, pa.table({"x": pa.array(numbers)}), handed := HandedOn())
    numbers[0] = 9
    assert handed.table(name, manager, objects, None)["x"].to_pylist() == [0, 1, 2]


def test_a_reader_that_destroys_its_table_takes_it_from_nobody(objects):
    name, manager = write(objects, pa.table({"x": [1.0, 2.0]}), handed := HandedOn())
    handed.table(name, manager, objects, None).to_pandas(self_destruct=True)
    assert handed.table(name, manager, objects, None)["x"].to_pylist() == [1.0, 2.0]


def test_memory_is_bounded_and_what_was_used_last_stays(objects):
    handed = HandedOn(most_bytes=30_000)
    names = [write(objects, pa.table({"x": list(range(n, n + 1000))}), handed) for n in range(5)]
    first, manager = names[0]
    assert handed.table(first, manager, objects, None) is not None
    for name, _ in names:
        objects.discard(name)
    held = [name for name, _ in names if handed.table(name, manager, objects, None) is not None]
    assert first in held
    assert len(held) < len(names)


def test_a_damaged_object_is_not_handed_on(objects):
    name, manager = write(objects, pa.table({"x": [1]}), HandedOn())
    path = objects.path(name)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert HandedOn().table(name, manager, objects, None) is None
