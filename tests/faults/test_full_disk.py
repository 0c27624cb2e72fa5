"""A full disk, on a real small file system: the asset fails with a clear word, old values and state stay good."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.shop import check_whole, leftovers, make_shop, published, set_seed
from tests.harness.project_folder import ProjectFolder

BIG = """

@asset{options}
def big(seed: int):
    import os
    return {value}

@asset
def small(seed: int) -> int:
    return seed
"""


@pytest.fixture
def disk(tmp_path):
    """A file system of 6 MB; only root can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def shop(disk, tmp_path, launcher):
    project = ProjectFolder(disk / "shop", tmp_path / "executions")
    project.env["PYTHONDONTWRITEBYTECODE"] = "1"
    make_shop(project)
    launcher.run(project, "materialize", "-j", "0")
    return project


def fill(disk: Path, leave_bytes: int = 0) -> Path:
    """Fill the disk, but for some bytes."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    with ballast.open("wb", buffering=0) as file:
        left = room.f_bavail * room.f_frsize - leave_bytes
        while left > 0:
            try:
                left -= file.write(bytes(min(left, 4096)))
            except OSError:
                break
    return ballast


@pytest.mark.parametrize("room_bytes", [250_000, 450_000], ids=["during write", "during publish"])
@pytest.mark.parametrize(
    ("options", "value"),
    [("", "os.urandom(300_000)"), ('(io_manager="duckdb")', "pa.table({'v': [os.urandom(1000) for _ in range(300)]})")],
    ids=["bytes", "duckdb"],
)
def test_a_full_disk_fails_the_asset_alone(disk, shop, launcher, room_bytes, options, value):
    shop.write("assets.py", shop.path("assets.py").read_text() + BIG.format(options=options, value=value))
    ballast = fill(disk, room_bytes)
    ran = launcher.run(shop, "materialize", "-k", "-j", "1", "--json", exit_code=1)
    entries = {entry["asset"]: entry for entry in ran.json["assets"]}
    assert entries["big"]["outcome"] == "failed"
    assert "space" in entries["big"]["error"].lower(), entries["big"]["error"]
    assert entries["small"]["outcome"] == "built"
    assert {entry["outcome"] for name, entry in entries.items() if name not in {"big", "small"}} == {"fresh"}
    assert leftovers(shop) == []
    ballast.unlink()
    launcher.run(shop, "materialize", "-j", "0")
    assert {entry["status"] for entry in launcher.run(shop, "status", "--json").json["assets"]} == {"fresh"}


@pytest.mark.parametrize("jobs", ["0", "1"])
def test_a_disk_that_is_full_to_the_last_byte_damages_nothing(disk, shop, launcher, jobs):
    set_seed(shop, 2)
    ballast = fill(disk)
    ran = launcher.start(shop, "materialize", "-k", "-j", jobs).finish()
    assert ran.exit_code != 0
    assert "Traceback" not in ran.text, str(ran)
    assert "space" in ran.text or "full" in ran.text, str(ran)
    assert published(shop)
    ballast.unlink()
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 2)


def test_a_disk_that_fills_up_before_the_commit_fails_the_asset(disk, shop, launcher):
    gate = shop.gate("j")
    set_seed(shop, 2)
    build = launcher.start(shop, "materialize", "-k", "-j", "0", ASSETBUILD_FAULT="before-record:j:stop")
    gate.wait()
    gate.open()
    build.wait_until_stopped()
    ballast = fill(disk)
    build.send(18)  # SIGCONT
    ran = build.finish()
    assert "Traceback" not in ran.text, str(ran)
    assert ran.exit_code == 1, str(ran)
    ballast.unlink()
    for end in ("reached", "release"):
        (shop.channel / f"j.{end}").unlink()
    launcher.run(shop, "materialize", "-j", "0")
    check_whole(launcher, shop, 2)
