"""What others do to the files: deleted, flipped, truncated, full of garbage. A clear word or a repair, never a lie."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from tests.faults.shop import check_whole, expected, published, set_seed


@pytest.fixture
def built(shop, launcher):
    launcher.run(shop, "materialize", "-j", "0")
    return shop


def edit_j_and_k(shop):
    """Make assets stale that read old objects."""
    shop.edit("executed('k')\n    value = 1", "executed('k')\n    value = 0 + 1")


def test_a_deleted_warehouse_is_restored_without_running_anything(built, launcher):
    shutil.rmtree(built.path("warehouse"))
    log = built.log()
    launcher.run(built, "materialize", "-j", "0")
    check_whole(launcher, built, 1)
    assert built.log() == log


def test_deleted_objects_are_taken_back_or_made_anew(built, launcher):
    shutil.rmtree(built.path(".assetbuild/objects"))
    edit_j_and_k(built)
    launcher.run(built, "materialize", "-j", "0")
    check_whole(launcher, built, 1)


@pytest.mark.parametrize("publish_is_gone", [False, True])
def test_a_flipped_bit_in_an_object_is_never_read(built, launcher, publish_is_gone):
    for path in built.path(".assetbuild/objects").rglob("*"):
        if path.is_file():
            flip(path, random.Random(path.name))
    if publish_is_gone:
        shutil.rmtree(built.path("warehouse"))
    edit_j_and_k(built)
    for _ in range(12):  # one damaged value may come to light after another
        ran = launcher.start(built, "materialize", "-j", "0", "-k").finish()
        right = expected(1)
        assert all(value == right[name] for name, value in published(built).items())
        assert "Traceback" not in ran.text
        if ran.exit_code == 0:
            break
        assert "damaged" in ran.text, str(ran)
    check_whole(launcher, built, 1)


STUMBLING = """
from pathlib import Path

from assetbuild.fingerprint.data import text_version
from assetbuild.store.io import IOManager, Written

OBSTACLE = Path(__file__).with_name("obstacle")

class Stumbling(IOManager):
    def write(self, context, value):
        context.path.write_text(value)
        return Written(data_version=text_version(value), extension="txt")

    def load(self, context):
        return context.path.read_text()

    def publish(self, place, published):
        if OBSTACLE.exists():
            OBSTACLE.unlink()
            raise FileNotFoundError(published)
        return super().publish(place, published)
"""


def test_a_restore_that_fails_while_its_object_is_made_anew_is_tried_again(project):
    project.write("stumbling.py", STUMBLING)
    project.write("assetbuild.toml", '[io_managers.stumbling]\nclass = "stumbling:Stumbling"\n')
    project.assets("""
        @asset(io_manager="stumbling")
        def a() -> str:
            executed("a")
            return "1"
    """)
    project.build()
    project.write("obstacle", "")
    project.delete("warehouse/a.txt")
    assert project.build() == {}
    assert project.outcomes == {"a": "restored"}
    assert not project.path("obstacle").exists()


@pytest.mark.parametrize("case", range(14))
def test_a_damaged_state_database_costs_a_rebuild_at_most(built, launcher, case, capsys):
    chance = random.Random(case)
    damage(built.path(".assetbuild"), case, chance)
    if chance.random() < 0.5:
        ran = launcher.start(built, "status", "--json").finish()
        assert "Traceback" not in ran.text, str(ran)
    set_seed(built, 2)
    for _ in range(3):
        ran = launcher.start(built, "materialize", "-j", "0").finish()
        assert "Traceback" not in ran.text, str(ran)
        if ran.exit_code == 0:
            break
        assert "damaged" in ran.text or "malformed" in ran.text, str(ran)
    check_whole(launcher, built, 2)


def damage(folder, case, chance):
    database, logged = folder / "state.db", folder / "state.db-wal"
    size = database.stat().st_size
    if case == 0:
        database.write_bytes(b"")
    elif case == 1:
        database.write_bytes(chance.randbytes(size))
    elif case == 2:
        logged.unlink(missing_ok=True)
    elif case == 3:
        logged.write_bytes(chance.randbytes(40_000))
    elif case == 4:
        (folder / "stamps.db").write_bytes(b"garbage")
    elif case < 9:
        os.truncate(database, chance.randrange(size))
    else:
        start = chance.randrange(size)
        with database.open("r+b") as file:
            file.seek(start)
            file.write(chance.randbytes(chance.randrange(1, 9000)))


def test_an_output_that_changes_while_it_is_read_is_found_out(built, launcher):
    path = built.path("warehouse/b.parquet")
    edit_j_and_k(built)
    set_seed(built, 3)
    gate = built.gate("e")
    build = launcher.start(built, "materialize", "-j", "0")
    gate.wait()
    path.write_bytes(b"not what it was")
    gate.open()
    assert build.finish().exit_code == 0
    entries = launcher.run(built, "status", "--json").json["assets"]
    assert {entry["asset"] for entry in entries if entry["status"] != "fresh"} == {"b"}
    for end in ("reached", "release"):
        (built.channel / f"e.{end}").unlink()
    launcher.run(built, "materialize", "-j", "0")
    check_whole(launcher, built, 3)


def flip(path, chance):
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    os.chmod(path, 0o644)
    path.write_bytes(data)
