"""IO managers by name, and the one that a value gets by itself."""

from __future__ import annotations

import math
import tomllib
from enum import IntEnum
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assetbuild.errors import UsageError
from assetbuild.store import registry
from assetbuild.store.io import IOManager, Written
from assetbuild.store.registry import IOManagers, default_for


class Number(IntEnum):
    ONE = 1


class OwnIOManager(IOManager):
    def __init__(self, suffix="own"):
        self.suffix = suffix

    def write(self, context, value):
        return Written(data_version="", extension=self.suffix)

    def load(self, context):
        return None


def managers(**configured):
    return IOManagers(Path("/p"), Path("/p/warehouse"), configured)


@pytest.mark.parametrize("name", ["parquet", "duckdb", "json", "text", "bytes", "pickle", "file"])
def test_the_built_in_ones_are_there_and_made_once(name):
    known = managers()
    assert isinstance(known.get(name), IOManager)
    assert known.get(name) is known.get(name)
    assert name in known.names()


def test_the_table_of_built_in_ones_is_that_of_the_entry_points():
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    assert project["project"]["entry-points"]["assetbuild.io_managers"] == registry._BUILT_IN


def test_a_project_registers_its_own_with_options():
    known = managers(own={"class": f"{__name__}:OwnIOManager", "suffix": "x"})
    assert known._reference("own") == f"{__name__}:OwnIOManager"
    assert known.options("own") == {"class": f"{__name__}:OwnIOManager", "options": {"suffix": "x"}}


def test_a_built_in_one_takes_options():
    known = managers(parquet={"compression": "lz4"})
    known.get("parquet")
    assert known.options("parquet") == {
        "class": "assetbuild_stores.parquet:ParquetIOManager",
        "options": {"compression": "lz4"},
    }


@pytest.mark.parametrize(
    ("name", "configured", "says"),
    [
        ("parqet", {}, "closest  parquet"),
        ("own", {"own": {"class": "no.such:Thing"}}, "io manager 'own' does not import"),
        ("own", {"own": {"class": "json:Nothing"}}, "io manager 'own' does not import"),
        ("own", {"own": {"class": "json:JSONDecoder"}}, "io manager 'own' is not an IOManager"),
        ("own", {"own": {"suffix": "x"}}, "io manager 'own' names no class"),
        ("parquet", {"parquet": {"compresion": "zstd"}}, "io manager 'parquet' does not take its options"),
        ("parquet", {"parquet": {"compression": "zip"}}, "compression 'zip' is not one of"),
        ("parquet", {"parquet": {"row_group_size": 0}}, "row_group_size"),
        ("own", {"own": {"class": 3}}, "the class of io manager 'own' is not text"),
    ],
)
def test_mistakes_are_told(name, configured, says):
    with pytest.raises(UsageError) as raised:
        managers(**configured).get(name)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (pa.table({"a": [1]}), "parquet"),
        (pa.record_batch({"a": [1]}), "parquet"),
        (pl.DataFrame({"a": [1]}), "parquet"),
        (pl.LazyFrame({"a": [1]}), "parquet"),
        (pd.DataFrame({"a": [1]}), "parquet"),
        (pd.Series([1]), "pickle"),
        (pl.Series([1]), "pickle"),
        ({"a": [1, None, 2.5, True, "x"]}, "json"),
        ([{"a": 1}], "json"),
        (None, "json"),
        (1, "json"),
        ((1, 2), "pickle"),
        ({1: 2}, "pickle"),
        ({"a": (1,)}, "pickle"),
        (math.nan, "pickle"),
        (Number.ONE, "pickle"),
        ({1, 2}, "pickle"),
        (object(), "pickle"),
        ("x", "text"),
        (b"x", "bytes"),
        (bytearray(b"x"), "pickle"),
        (Path("x"), "file"),
    ],
)
def test_a_value_gets_the_manager_that_gives_it_back_as_it_was(value, name):
    assert default_for(value) == name
