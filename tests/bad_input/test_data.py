"""Bad data and bad disks: the asset fails with a clear message, nothing is half written."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness.commands import run_cold
from tests.harness.project_folder import ProjectFolder, without_privileges

READER = """
source("numbers", "data/numbers.csv")

@asset
def total(numbers) -> int:
    executed("total")
    return numbers.num_rows
"""


def test_a_missing_source_says_where_it_is_declared(project):
    project.assets(READER)
    text = project.run("materialize", exit_code=1).text
    assert "data/numbers.csv" in text
    assert "assets.py:5" in text
    assert not project.values()


def test_an_empty_glob_fails_unless_it_is_optional(project):
    project.assets(READER.replace("data/numbers.csv", "data/*.csv"))
    project.build(exit_code=1)
    assert "data/*.csv" in project.entry("total")["error"]
    assert "optional" in project.entry("total")["error"]
    project.assets("""
        from pathlib import Path

        source("numbers", "data/*.csv", optional=True)

        @asset
        def total(numbers: list[Path]) -> int:
            executed("total")
            return len(numbers)
    """)
    project.build()
    assert project.value("total") == 0


def test_a_source_that_is_a_pipe_is_no_file(project):
    project.assets(READER)
    project.path("data").mkdir()
    os.mkfifo(project.path("data/numbers.csv"))
    assert "not a regular file" in project.run("status").text
    project.build(exit_code=1)
    assert "not a regular file" in project.entry("total")["error"]


def test_a_pipe_in_the_place_of_a_value_is_replaced_by_it(project):
    project.assets("@asset\ndef a() -> int:\n    executed('a')\n    return 1\n")
    project.build()
    published = project.published("a")
    published.unlink()
    os.mkfifo(published)
    assert project.build() == {}
    assert project.value("a") == 1


def test_a_link_to_nothing_in_a_folder_is_named_and_a_hidden_one_is_nothing(project):
    project.assets("""
        from pathlib import Path

        source("folder", "data")

        @asset
        def files(folder: list[Path]) -> int:
            executed("files")
            return len(folder)
    """)
    project.write("data/a.csv", "n\n1\n")
    project.path("data/.#a.csv").symlink_to("ann@laptop.4711")  # an editor's lock
    project.build()
    assert project.value("files") == 1
    project.path("data/b.csv").symlink_to("moved/b.csv")
    assert "'data/b.csv' is a link to nothing" in project.run("status").text
    project.delete("data/b.csv")


@pytest.mark.parametrize("text", ["n\n1\n2,3\n", "", b"n,n\n1,2,3\n", b'n\n"a"b"c,d"\n'])
def test_a_csv_that_does_not_parse_names_the_file(project, text):
    project.write("data/numbers.csv", text)
    project.assets(READER.replace("numbers.num_rows", 'len(numbers["n"].to_pylist())'))
    project.build(exit_code=1)
    assert "data/numbers.csv" in project.entry("total")["error"]
    assert not project.values()


def test_a_duckdb_file_that_someone_else_has_open(project):
    project.assets("""
        import pyarrow as pa

        @asset(io_manager="duckdb")
        def t() -> pa.Table:
            executed("t")
            return pa.table({"n": [1]})

        @asset
        def apart() -> int:
            return 1
    """)
    project.build()
    project.edit('"n": [1]', '"n": [2]')
    database = project.path("warehouse/warehouse.duckdb")
    code = f"import duckdb; held = duckdb.connect({str(database)!r}); print('open', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    ran = project.run("materialize", "-k", "--json", exit_code=1)
    error = next(entry["error"] for entry in ran.json["assets"] if entry["asset"] == "t")
    assert str(holder.pid) in error
    assert "warehouse.duckdb" in error
    holder.communicate("done\n")
    project.run("materialize")
    assert project.value("t") == {"n": [2]}


def test_a_read_only_project_folder(project):
    project.assets("@asset\ndef a() -> int:\n    executed('a')\n    return 1\n")
    run = {"cwd": project.channel, "env": project.env, "preexec_fn": without_privileges}
    project.root.chmod(0o555)
    try:
        status = run_cold(["--project", str(project.root), "status"], **run)
        build = run_cold(["--project", str(project.root), "materialize"], **run)
    finally:
        project.root.chmod(0o755)
    assert status.exit_code == 0, str(status)
    assert "never built" in status.stdout
    assert build.exit_code in {1, 2}, str(build)
    assert "Traceback" not in build.stderr
    assert str(project.root) in build.stderr or ".assetbuild" in build.stderr
    assert project.log() == []


def test_a_folder_that_became_read_only_still_answers(project):
    project.assets("@asset\ndef a() -> int:\n    executed('a')\n    return 1\n")
    project.build()
    folders = [project.root, *(path for path in project.root.rglob("*") if path.is_dir())]
    run = {"cwd": project.channel, "env": project.env, "preexec_fn": without_privileges}
    for folder in folders:
        folder.chmod(0o555)
    try:
        answers = [run_cold(["--project", str(project.root), *command], **run) for command in PLANS]
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert [ran.exit_code for ran in answers] == [0, 0, 0], "\n".join(map(str, answers))


PLANS = [["status", "--exit-code"], ["why", "a"], ["materialize", "-n"]]


@pytest.fixture
def small_disk(tmp_path):
    """A project on a disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mount.returncode != 0:
        pytest.skip("this user may not mount")
    yield ProjectFolder(folder / "shop", tmp_path / "executions")
    subprocess.run(["umount", str(folder)], check=True)


BIG = """
import os

@asset
def a() -> int:
    executed("a")
    return 1

@asset
def big(a: int) -> bytes:
    executed("big")
    return b"x"

@asset
def after(big: bytes) -> int:
    executed("after")
    return len(big)
"""


def test_a_full_disk_fails_the_asset_and_harms_nothing(small_disk):
    small_disk.assets(BIG)
    small_disk.build()
    small_disk.edit('return b"x"', "return os.urandom(6_000_000)")
    small_disk.build("-k", exit_code=1)
    assert small_disk.outcomes == {"a": "fresh", "big": "failed", "after": "skipped"}
    assert "space" in small_disk.entry("big")["error"].lower()
    assert small_disk.values() == {"a": 1, "big": b"x", "after": 1}
    small_disk.edit("return os.urandom(6_000_000)", 'return b"yy"')
    assert small_disk.build() == {"big": ["code"], "after": ["data"]}
    small_disk.settled = False


def test_a_disk_that_is_full_already_harms_nothing(small_disk):
    small_disk.assets(BIG)
    small_disk.build()
    small_disk.edit("return 1", "return 2")
    filler = small_disk.path("filler")
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"0" * 4096)
    ran = small_disk.run("materialize", exit_code=None)
    assert ran.exit_code in {1, 2}, str(ran)
    assert "space" in ran.text.lower()
    assert small_disk.values() == {"a": 1, "big": b"x", "after": 1}
    filler.unlink()
    assert "a" in small_disk.build()
    small_disk.settled = False


def test_a_warehouse_that_is_a_file(project):
    project.write("warehouse", "in the way")
    project.assets("@asset\ndef a() -> int:\n    return 1\n")
    text = project.run("materialize", exit_code=None).text
    assert "warehouse" in text
    assert "Traceback" not in text


def test_output_goes_to_a_full_device(project):
    project.assets("@asset\ndef a() -> int:\n    return 1\n")
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "assetbuild", "--project", str(project.root), "status"],
            cwd=project.channel,
            env=project.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert process.returncode != 0
    assert "Traceback" not in process.stderr


def test_a_folder_does_not_sweep_away_the_assets_below_its_key(project):
    project.assets("""
        from pathlib import Path

        @asset(key="a/b")
        def below() -> int:
            executed("a/b")
            return 1

        @asset(deps=["a/b"])
        def a() -> Path:
            executed("a")
            folder = Path("made")
            folder.mkdir(exist_ok=True)
            (folder / "x.txt").write_text("x")
            return folder
    """)
    project.build(exit_code=1)
    [failed] = [entry for entry in project.report["assets"] if entry["asset"] == "a"]
    assert "a/b" in failed["error"]
    assert project.path("warehouse/a/b.json").read_text().strip() == "1"
