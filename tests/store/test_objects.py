"""Content-addressed objects: whole or not there, one per content."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from assetbuild.errors import StoreError
from assetbuild.store.failures import write_bytes
from assetbuild.store.objects import Objects

ROOT_MAY_WRITE_ANYWHERE = os.geteuid() == 0


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path / ".assetbuild" / "objects")


def put(objects, text, extension="txt"):
    staged = objects.staging("raw/flights")
    staged.write_text(text)
    return objects.add(staged, extension)


def test_nothing_is_made_before_the_first_write(objects):
    assert not objects.folder.exists()
    assert list(objects.names()) == []
    assert objects.sweep() == 0


def test_an_object_is_named_after_its_content(objects):
    name = put(objects, "x")
    assert name.endswith(".txt")
    assert len(name) == 32 + len(".txt")
    assert objects.path(name).read_text() == "x"
    assert objects.path(name).parent.name == name[:2]
    assert objects.has(name)
    assert objects.verify(name)
    assert objects.size(name) == 1
    assert list(objects.names()) == [name]


def test_equal_content_is_kept_once(objects):
    assert put(objects, "x") == put(objects, "x")
    assert put(objects, "x") != put(objects, "y")
    assert len(list(objects.names())) == 2
    assert list(objects.staging_folder.iterdir()) == []


def test_an_object_cannot_be_written_by_accident(objects):
    assert objects.path(put(objects, "x")).stat().st_mode & 0o222 == 0


def test_a_damaged_object_is_seen_and_mended_by_writing_it_again(objects):
    name = put(objects, "x")
    objects.path(name).chmod(0o644)
    objects.path(name).write_text("y")
    assert objects.has(name)
    assert not objects.verify(name)
    assert put(objects, "x") == name
    assert objects.verify(name)


def test_a_folder_is_an_object_too(objects):
    staged = objects.staging("site")
    (staged / "css").mkdir(parents=True)
    (staged / "index.html").write_text("hi")
    (staged / "css" / "a.css").write_text("x")
    name = objects.add(staged, "")
    assert "." not in name
    assert objects.verify(name)
    assert objects.size(name) == 3
    (objects.path(name) / "extra").write_text("")
    assert not objects.verify(name)
    objects.discard(name)
    objects.discard(name)
    assert not objects.has(name)


def test_staging_paths_are_new_and_safe_file_names(objects):
    paths = {objects.staging("a/b c/../é" + "x" * 300) for _ in range(10)}
    assert len(paths) == 10
    assert {path.parent for path in paths} == {objects.staging_folder}
    next(iter(paths)).write_text("")


def test_sweep_removes_what_dead_processes_left_and_nothing_else(objects):
    mine = objects.staging("mine")
    mine.write_text("")
    script = f"""
from pathlib import Path
from assetbuild.store.objects import Objects
staged = Objects(Path({str(objects.folder)!r})).staging("raw/theirs-1")
staged.mkdir(); (staged / "half").write_text("")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    (objects.staging_folder / "not ours").write_text("")
    assert objects.sweep() == 1
    assert {path.name for path in objects.staging_folder.iterdir()} == {mine.name, "not ours"}


def test_two_processes_may_add_the_same_object_at_once(objects):
    script = f"""
from pathlib import Path
from assetbuild.store.objects import Objects
objects = Objects(Path({str(objects.folder)!r}))
for i in range(200):
    staged = objects.staging("x"); staged.write_text(str(i)); objects.add(staged, "txt")
"""
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    names = list(objects.names())
    assert len(names) == 200
    assert all(map(objects.verify, names))


@pytest.mark.skipif(ROOT_MAY_WRITE_ANYWHERE, reason="root may write anywhere")
def test_a_read_only_folder_is_a_clear_error(objects, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StoreError, match="permission denied"):
            objects.staging("x")
    finally:
        tmp_path.chmod(0o755)


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path, monkeypatch):
    write = os.write

    def half(descriptor, data):
        write(descriptor, data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(StoreError, match="no space left on the disk") as raised:
        write_bytes(tmp_path / "x", b"xy")
    assert "assetbuild gc" in str(raised.value)
    assert list(tmp_path.iterdir()) == []
