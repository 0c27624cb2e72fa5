"""What ``Project.load`` can be asked for: types, as in an annotation, and their names."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assetbuild import AssetbuildError, Project

ASSETS = """
import pyarrow as pa
from assetbuild import Static, asset

@asset
def rows() -> pa.Table:
    return pa.table({"x": [1, 2]})

@asset(partitions=Static(["a", "b"]))
def parts(rows: pa.Table) -> pa.Table:
    return rows

@asset
def told() -> str:
    return "tea"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "assets.py").write_text(ASSETS)
    project = Project.open(folder)
    assert project.materialize(jobs=0).status == "success"
    return project


@pytest.mark.parametrize("wanted", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table])
def test_a_value_is_loaded_as_a_type(project, wanted):
    assert isinstance(project.load("rows", wanted), wanted)
    assert isinstance(project.load("parts", wanted), wanted)
    assert isinstance(project.load("parts", wanted, partition="b"), wanted)


def test_a_value_is_loaded_as_the_type_of_a_name(project):
    assert isinstance(project.load("rows", "pandas.DataFrame"), pd.DataFrame)


@pytest.mark.parametrize(("key", "wanted"), [("rows", "excel"), ("parts", "excel"), ("told", pd.DataFrame)])
def test_a_type_that_the_value_cannot_be_is_named(project, key, wanted):
    with pytest.raises(AssetbuildError, match=f"'{key}'.*({wanted}|DataFrame)"):
        project.load(key, wanted)
