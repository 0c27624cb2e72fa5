"""What is watched, and what a change of a path means; and how single events become one batch."""

from __future__ import annotations

import os
from multiprocessing.connection import wait

import pytest

from assetbuild.project import Project
from assetbuild.watch.changes import Changes
from assetbuild.watch.files import watched_files
from tests.harness.commands import THIRD_PARTY

TIMEOUT_S = 20.0


@pytest.fixture(autouse=True)
def modules_of_test_assets(monkeypatch):
    monkeypatch.syspath_prepend(THIRD_PARTY)


@pytest.fixture
def watched(shop):
    """What is watched of the shop, which is loaded in this process."""
    stage = Project.open(shop.root).reload()
    return watched_files(stage.settings, stage, frozenset(stage.graph.assets), None, is_broken=False)


def test_only_folders_of_what_is_read_are_watched(shop, watched):
    below = {os.path.relpath(folder, shop.root) for folder in watched.folders() if folder.startswith(str(shop.root))}
    assert below == {".", "data"}
    assert not any(watched.folders()[str(shop.root / name)] for name in ("", "data"))


@pytest.mark.parametrize(
    ("path", "means"),
    [
        ("helper.py", "code"),
        ("data/numbers.json", "sources"),
        ("assetbuild.toml", "loads"),
        ("uv.lock", "loads"),
        ("new_module.py", "loads"),
        ("data", "is_folder"),
        ("data/other.json", ""),
        ("notes.txt", ""),
        ("helper.py~", ""),
        (".helper.py.swp", ""),
        ("4913", ""),
        ("warehouse/total.json", ""),
        (".assetbuild/state.db", ""),
        ("__pycache__", ""),
    ],
)
def test_what_a_new_name_means(shop, watched, path, means):
    meaning = watched.meaning(str(shop.root / path), structural=True)
    assert bool(meaning) == bool(means)
    assert not means or getattr(meaning, means)


def test_many_folders_are_watched_as_whole_trees(shop):
    for number in range(100):
        shop.write(f"data/{number}/{number}.json", "[1]")
    files = ", ".join(f'source("s{number}", "data/{number}/{number}.json")' for number in range(100))
    reads = ", ".join(f'"s{number}"' for number in range(100))
    shop.assets(f"ALL = [{files}]\n\n@asset(deps=[{reads}])\ndef one() -> int:\n    return 1\n")
    stage = Project.open(shop.root).reload()
    watched = watched_files(stage.settings, stage, frozenset(stage.graph.assets), None, is_broken=False)
    assert len(watched.folders()) < 20
    assert watched.folders()[str(shop.root / "data")]


def test_two_snapshots_differ_in_what_changed(shop, watched):
    before = watched.snapshot()
    shop.write("data/numbers.json", "[1, 2, 3, 4]")
    shop.write("more.py", "")
    shop.write("data/other.json", "")
    shop.path("helper.py").chmod(0o600)
    moved = watched.moved(before, watched.snapshot())
    assert {os.path.basename(path) for path in moved if watched.meaning(path, structural=True)} == {
        "numbers.json",
        "more.py",
    }


def test_events_of_a_burst_are_one_batch():
    changes = Changes(0.05)
    try:
        for number in range(100_000):
            changes.add(f"/p/{number % 1000}", structural=number % 2 == 0)
        assert wait([changes.ready], TIMEOUT_S)
        batch = changes.take()
        assert len(batch.paths) == 1000
        assert not wait([changes.ready], 0)
    finally:
        changes.close()


def test_a_new_file_counts_when_it_is_written(tmp_path):
    held = [True]
    changes = Changes(0.0, is_held=lambda: held[0])
    try:
        path = tmp_path / "big.csv"
        path.write_text("half")
        changes.add_new(str(path))
        changes.add("/other", structural=False)
        held[0] = False
        assert wait([changes.ready], TIMEOUT_S)
        assert changes.take().paths == {"/other": False}
        changes.closed(str(path))
        assert wait([changes.ready], TIMEOUT_S)
        assert changes.take().paths == {str(path): True}
    finally:
        changes.close()
