"""The project's code runs in the project's folder, wherever the command is called."""

from __future__ import annotations

import os

import pytest

from assetbuild import Project

MODULE = """
import csv
from assetbuild import Context, DataVersion, Dynamic, asset, source

with open("spec.csv") as file:
    SPEC = {row["name"]: int(row["value"]) for row in csv.DictReader(file)}

@source
def weather() -> DataVersion:
    with open("weather.txt") as file:
        return DataVersion(file.read())

def names() -> list[str]:
    with open("names.txt") as file:
        return file.read().split()

@asset(deps=["weather"])
def total() -> int:
    with open("spec.csv") as file:
        return len(file.readlines()) + sum(SPEC.values())

@asset(partitions=Dynamic(names))
def letters(context: Context) -> str:
    return context.partition_key
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Be in a folder whose files have the names of the project's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "spec.csv").write_text("name,value\na,1000\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "assets.py").write_text(MODULE)
    (folder / "spec.csv").write_text("name,value\na,1\nb,2\n")
    (folder / "weather.txt").write_text("rain")
    (folder / "names.txt").write_text("x y")
    return folder


@pytest.mark.parametrize("jobs", [0, 1])
def test_relative_paths_are_the_projects(shop, elsewhere, jobs):
    report = Project.open(shop).materialize(jobs=jobs)
    assert report.status == "success"
    assert Project.open(shop).load("total") == 6
    assert os.getcwd() == str(elsewhere)


def test_what_loading_read_is_watched_where_it_lies(shop, elsewhere):
    Project.open(shop).materialize()
    (elsewhere / "spec.csv").unlink()
    assert Project.open(shop).plan().is_fresh
    (shop / "spec.csv").write_text("name,value\na,1\nb,3\n")
    assert not Project.open(shop).plan().is_fresh
    Project.open(shop).materialize()
    assert Project.open(shop).load("total") == 7
