"""Publishing: whole values at plain paths, by one atomic step, from objects whose content was checked."""

from __future__ import annotations

import os
import threading

import pytest

import assetbuild.store.publish as publishing
from assetbuild.errors import StoreError
from assetbuild.store.io import Place
from assetbuild.store.objects import Objects
from assetbuild.store.publish import (
    file_location,
    file_stamp,
    path_of,
    publish_file,
    remove_file,
    remove_location,
    same_content,
)


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path / ".assetbuild" / "objects")


@pytest.fixture
def place(tmp_path):
    return Place(warehouse=tmp_path / "warehouse", asset_key="raw/flights", extension="txt")


def put(objects, text):
    staged = objects.staging("x")
    staged.write_text(text)
    return objects.path(objects.add(staged, "txt"))


def put_folder(objects, **files):
    staged = objects.staging("x")
    staged.mkdir()
    for name, text in files.items():
        (staged / name).write_text(text)
    return objects.path(objects.add(staged, ""))


@pytest.fixture(params=["exchange", "plain renames"], autouse=True)
def system(request, monkeypatch):
    """Every test here also runs as on a system that cannot exchange two names."""
    if request.param != "exchange":
        monkeypatch.setattr(publishing, "exchange", lambda *_: False)


def test_values_lie_at_plain_paths(tmp_path):
    def at(key, extension, partition=None):
        return file_location(
            Place(warehouse=tmp_path / "warehouse", asset_key=key, partition_key=partition, extension=extension)
        )

    assert at("raw/flights", "parquet") == "warehouse/raw/flights.parquet"
    assert at("flights", "parquet", "2013-01-01") == "warehouse/flights/2013-01-01.parquet"
    assert at("site", "") == "warehouse/site"
    assert at("a b/é:?", "txt") == "warehouse/a%20b/%C3%A9%3A%3F.txt"
    assert at("x", "txt", "../up") == "warehouse/x/..%2Fup.txt"


def test_a_value_is_published_replaced_and_reverted(objects, place):
    old, new = put(objects, "old"), put(objects, "new")
    stamps = []
    for published in (old, new, old):
        stamps.append(publish_file(place, published))
        assert path_of(place).read_text() == published.read_text()
        assert file_stamp(place) == stamps[-1]
    assert len(set(stamps)) == 3
    assert [path.name for path in path_of(place).parent.iterdir()] == ["flights.txt"]


def test_the_published_copy_is_not_the_object(objects, place):
    published = put(objects, "x")
    publish_file(place, published)
    path_of(place).write_text("changed by hand")
    assert published.read_text() == "x"
    assert path_of(place).stat().st_ino != published.stat().st_ino


def test_stamps_and_content_tell_what_happened_to_a_value(objects, place):
    published = put(objects, "x")
    stamp = publish_file(place, published)
    assert same_content(place, published, "")
    os.utime(path_of(place), ns=(1, 1))
    assert file_stamp(place) != stamp
    assert same_content(place, published, ""), "touched only"
    path_of(place).write_text("y")
    assert not same_content(place, published, "")
    path_of(place).unlink()
    assert file_stamp(place) is None
    assert not same_content(place, published, "")


def test_a_damaged_object_replaces_nothing(objects, place):
    good, bad = put(objects, "good"), put(objects, "bad")
    publish_file(place, good)
    bad.chmod(0o644)
    bad.write_text("not bad")
    with pytest.raises(StoreError, match="damaged object"):
        publish_file(place, bad)
    bad.unlink()
    with pytest.raises(StoreError, match="damaged object"):
        publish_file(place, bad)
    assert path_of(place).read_text() == "good"
    assert [path.name for path in path_of(place).parent.iterdir()] == ["flights.txt"]


def test_a_folder_is_published_replaced_and_stamped(objects, tmp_path):
    place = Place(warehouse=tmp_path / "warehouse", asset_key="site")
    one, two = put_folder(objects, a="1", b="2"), put_folder(objects, a="3")
    stamp = publish_file(place, one)
    assert sorted(path.name for path in path_of(place).iterdir()) == ["a", "b"]
    assert publish_file(place, two) != stamp
    assert [path.name for path in path_of(place).iterdir()] == ["a"]
    assert [path.name for path in place.warehouse.iterdir()] == ["site"]
    assert same_content(place, two, "")
    moved = file_stamp(place)
    (path_of(place) / "a").write_text("changed")
    assert file_stamp(place) != moved
    assert not same_content(place, two, "")


def test_a_file_takes_the_place_of_a_folder_and_back(objects, tmp_path):
    place = Place(warehouse=tmp_path / "warehouse", asset_key="x")
    for published in (put_folder(objects, a="1"), put(objects, "file"), put_folder(objects, a="1")):
        publish_file(place, published)
        assert same_content(place, published, "")
    assert [path.name for path in place.warehouse.iterdir()] == ["x"]


def test_a_file_where_a_folder_is_needed_is_a_clear_error(objects, place):
    place.warehouse.mkdir()
    (place.warehouse / "raw").write_text("in the way")
    with pytest.raises(StoreError, match="cannot publish"):
        publish_file(place, put(objects, "x"))


def test_a_reader_sees_the_old_value_or_the_new_one(objects, place):
    values = [put(objects, letter * 100_000) for letter in "ab"]
    publish_file(place, values[0])
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            text = path_of(place).read_text()
            seen.add((text[0], len(text), len(set(text))))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(200):
        publish_file(place, values[turn % 2])
    stop.set()
    reader.join()
    assert seen <= {("a", 100_000, 1), ("b", 100_000, 1)}


def test_removing_takes_the_folders_that_are_left_empty(objects, place):
    publish_file(place, put(objects, "x"))
    remove_file(place)
    remove_file(place)
    assert list(place.warehouse.iterdir()) == []


def test_a_location_of_before_can_be_removed(objects, place, tmp_path):
    publish_file(place, put(objects, "x"))
    (place.warehouse / "raw" / "other.txt").write_text("")
    remove_location(tmp_path, "warehouse/raw/flights.txt")
    assert [path.name for path in (place.warehouse / "raw").iterdir()] == ["other.txt"]
    for outside in ("../x", "warehouse/../../x", "warehouse", "/etc/hosts"):
        with pytest.raises(ValueError, match=r"is not (the location|in the subpath)|'.*'"):
            remove_location(tmp_path, outside)


def test_a_copy_that_fails_midway_leaves_the_old_value_and_no_trace(objects, place, monkeypatch):
    publish_file(place, put(objects, "old"))
    new = put(objects, "new")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="no space left on the disk"):
        publish_file(place, new)
    assert [path.name for path in path_of(place).parent.iterdir()] == ["flights.txt"]
    assert path_of(place).read_text() == "old"
