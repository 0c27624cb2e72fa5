"""A user's own IO manager has ``write`` and ``load`` alone, and gets all the rest: objects, restore, stamps."""

from __future__ import annotations

import csv
import sys

import pytest

from assetbuild.fingerprint.data import file_version
from assetbuild.store.io import InputContext, IOManager, OutputContext, Place, Written
from assetbuild.store.objects import Objects
from assetbuild.store.publish import path_of
from assetbuild.store.registry import IOManagers


class CsvIOManager(IOManager):
    def __init__(self, *, delimiter: str = ",") -> None:
        self.delimiter = delimiter

    def write(self, context: OutputContext, value) -> Written:
        with context.path.open("w", newline="") as file:
            csv.writer(file, delimiter=self.delimiter).writerows(value)
        return Written(data_version=file_version(context.path), extension="csv")

    def load(self, context: InputContext):
        with context.path.open(newline="") as file:
            return list(csv.reader(file, delimiter=self.delimiter))


@pytest.fixture
def manager(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "my_stores", sys.modules[__name__])
    configured = {"csv": {"class": "my_stores:CsvIOManager", "delimiter": ";"}}
    return IOManagers(tmp_path, tmp_path / "warehouse", configured).get("csv")


def test_a_value_goes_all_the_way_and_comes_back(manager, tmp_path):
    objects = Objects(tmp_path / ".assetbuild" / "objects")
    place = Place(warehouse=tmp_path / "warehouse", asset_key="raw/rows", extension="csv")

    def build(value):
        staged = objects.staging("raw/rows")
        written = manager.write(OutputContext(asset_key="raw/rows", path=staged), value)
        published = objects.path(objects.add(staged, written.extension))
        return published, written, manager.publish(place, published)

    old, written, stamp = build([["a", "b"], ["1", "2"]])
    assert manager.location(place) == "warehouse/raw/rows.csv"
    assert path_of(place).read_text() == "a;b\n1;2\n"
    assert manager.load(InputContext(asset_key="raw/rows", path=old)) == [["a", "b"], ["1", "2"]]
    assert manager.exists(place)
    assert manager.stamp(place) == stamp
    assert manager.is_intact(place, old, written.data_version)
    assert manager.shared_stamp_path(place) is None

    build([["new"]])
    assert not manager.is_intact(place, old, written.data_version)
    manager.publish(place, old)
    assert path_of(place).read_text() == "a;b\n1;2\n", "the old content is back"
    manager.remove(place)
    assert not manager.exists(place)
    manager.close()
