"""The standstill: what was said when all was fresh is said again only while nothing has moved."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.harness.project_folder import finish

ASSETS = """
import os
import pathlib
from assetbuild import source
import helpers

orders = source("orders", "data/orders.txt")
parts = source("parts", "parts/*.txt")
extra = source("extra", "extra.txt", optional=True)

@asset
def report(orders: str, parts: list[pathlib.Path], extra: str | None = None, deps=()) -> str:
    executed("report")
    return helpers.shout(orders) + str(len(parts)) + os.environ.get("SHOP_MODE", "")
"""


@pytest.fixture
def shop(project):
    project.assets(ASSETS)
    project.write("helpers.py", "def shout(text):\n    return text.upper()\n")
    project.write("data/orders.txt", "hello")
    project.write("parts/one.txt", "1")
    project.write("assetbuild.toml", 'definitions = ["assets"]\n')
    project.run("materialize")
    settle(project)
    return project


def settle(project):
    """Ask until it is noted: nothing is of files that moved a moment ago, and each program finds other packages."""
    limit = time.monotonic() + 20
    while not answers_at_once(project):
        assert time.monotonic() < limit


def answers_at_once(project):
    """Return whether the command answers without opening the project."""
    program = "import sys; from assetbuild.cli import main; main(['status']); sys.exit(7 * ('sqlite3' in sys.modules))"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=project.path("."), env=project.env, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        assert ran.stdout == "nothing to do: 1 asset is fresh\n"
    return ran.returncode == 0


def remove(project):
    project.delete("parts/one.txt")


def overwrite_keeping_size_and_time(project):
    path = project.path("data/orders.txt")
    status = path.stat()
    path.write_text("jello")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = {
    "a module": lambda p: p.edit("upper", "lower", "helpers.py"),
    "the module of the assets": lambda p: p.edit('executed("report")', 'executed("again")'),
    "a source": lambda p: p.write("data/orders.txt", "bye"),
    "a source with its time and size put back": overwrite_keeping_size_and_time,
    "one more file of a glob": lambda p: p.write("parts/two.txt", "2"),
    "one file of a glob less": remove,
    "an optional source that comes": lambda p: p.write("extra.txt", "x"),
    "the published value": lambda p: p.write("warehouse/report.txt", "other"),
    "the published value that is gone": lambda p: p.delete("warehouse/report.txt"),
    "the settings": lambda p: p.write("assetbuild.toml", 'definitions = ["assets"]\nwarehouse = "elsewhere"\n'),
    "a module that hides another": lambda p: p.write("pathlib.py", "x = 1\n"),
    "the state": lambda p: p.delete(".assetbuild/state.db"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_moves_is_looked_at(shop, change):
    CHANGES[change](shop)
    assert not answers_at_once(shop)


def test_a_file_of_a_source_with_partitions_is_looked_at(project):
    project.assets(
        """
days = source("days", "days/{date}.txt")

@asset
def report(days: dict[str, str]) -> str:
    return "".join(days.values())
"""
    )
    project.write("days/2024-01-01.txt", "one")
    project.run("materialize")
    for file in ("days/2024-01-01.txt", "days/2024-01-02.txt"):
        project.rest()
        project.run("status", cold=True)
        project.write(file, "two")
        assert project.status()["report"] == "stale"
        project.run("status", "--exit-code", cold=True, exit_code=3)
        project.run("materialize")


ELSEWHERE = """
from pathlib import Path
from assetbuild_stores.files import TextIOManager

PLACE = Path({place!r})

class ElsewhereIOManager(TextIOManager):
    def publish(self, place, published):
        PLACE.write_bytes(published.read_bytes())
        return self.stamp(place)

    def exists(self, place):
        return PLACE.exists()

    def stamp(self, place):
        return str(PLACE.stat().st_mtime_ns) if PLACE.exists() else None

    def is_intact(self, place, published, data_version):
        return PLACE.read_bytes() == published.read_bytes()
"""


def test_a_value_that_lies_elsewhere_is_looked_at(project, tmp_path_factory):
    installed = tmp_path_factory.mktemp("site")
    about = installed / "elsewhere-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[assetbuild.io_managers]\nelsewhere = elsewhere:ElsewhereIOManager\n")
    place = installed / "value.txt"
    (installed / "elsewhere.py").write_text(ELSEWHERE.format(place=str(place)))
    path = os.pathsep.join((str(installed), project.env.get("PYTHONPATH", "")))
    project.assets('@asset(io_manager="elsewhere")\ndef note() -> str:\n    return "one"\n')
    for command in ("materialize", "status", "status"):
        project.rest()
        assert project.run(command, cold=True, PYTHONPATH=path)
    place.write_text("other")
    project.run("status", "--exit-code", cold=True, exit_code=3, PYTHONPATH=path)


def test_an_environment_variable_that_an_asset_reads_is_looked_at(shop, monkeypatch):
    monkeypatch.setitem(shop.env, "SHOP_OTHER", "1")
    assert answers_at_once(shop)
    monkeypatch.setitem(shop.env, "SHOP_MODE", "loud")
    assert not answers_at_once(shop)


@pytest.mark.parametrize("name", ["notes.txt", ".editor.swp", "data/other.txt", "__pycache__/helpers.cpython-311.pyc"])
def test_what_nobody_reads_does_not_count(shop, name):
    shop.write(name, "x")
    assert answers_at_once(shop)


def test_a_touched_file_goes_the_long_way_once(shop):
    os.utime(shop.path("helpers.py"))
    assert not answers_at_once(shop)
    shop.delete(".assetbuild/standstill")
    settle(shop)
    assert shop.log().count("report") == 1


@pytest.mark.parametrize("damage", [b"", b"garbage", b"assetbuild standstill 1 0.1.0\n" + b"0" * 32 + b"garbage"])
def test_a_damaged_note_is_passed_over(shop, damage):
    shop.write(".assetbuild/standstill", damage)
    assert not answers_at_once(shop)
    assert "1 asset is fresh" in shop.run("status").stdout


@pytest.mark.parametrize(
    "command", ["status", "status --exit-code", "materialize", "materialize -j2 -k", "materialize --frozen"]
)
def test_every_way_to_ask_says_what_it_says_the_long_way(shop, command):
    at_once = shop.run(*command.split(), cold=True)
    shop.delete(".assetbuild/standstill")
    assert at_once.stdout == shop.run(*command.split(), cold=True).stdout


def test_a_change_in_the_very_moment_of_the_plan_is_not_noted(shop):
    for number in range(10):
        shop.write("data/orders.txt", str(number))
        shop.run("materialize")
        shop.run("status")
        shop.write("data/orders.txt", str(number + 100))
        assert shop.run("status", "--exit-code", exit_code=3).exit_code == 3


def test_a_build_with_nothing_to_do_notes_it_too(shop):
    shop.path(".assetbuild/standstill").unlink()
    shop.run("materialize", cold=True)
    assert answers_at_once(shop)


def test_a_plan_of_a_part_notes_nothing(shop):
    shop.path(".assetbuild/standstill").unlink()
    shop.write("helpers.py", "def shout(text):\n    return text.lower()\n")
    shop.run("materialize", "-n", "--missing-only", cold=True)
    assert not shop.path(".assetbuild/standstill").exists()
    assert shop.build() == {"report": ["code"]}


MEDDLING = """
import pathlib

@asset
def first() -> str:
    return "one"

@asset
def second(first: str) -> str:
    {meddle}
    return first
"""


def built(project, *arguments, exit_code=0):
    project.rest()
    project.run("materialize", *arguments, cold=True, exit_code=exit_code)
    return project.path(".assetbuild/standstill").exists()


@pytest.mark.parametrize("manager", ["parquet", "duckdb"])
def test_a_build_that_built_all_notes_it(project, manager):
    project.assets(
        f"""
import pyarrow as pa

@asset(io_manager="{manager}")
def numbers() -> pa.Table:
    return pa.table({{"x": [1]}})

@asset
def folder(numbers: pa.Table) -> dict[str, int]:
    return {{"rows": numbers.num_rows}}

@asset(deps=[folder])
def told() -> None:
    executed("told")
"""
    )
    assert built(project)
    assert "nothing to do: 3 assets are fresh" in project.run("status", cold=True).stdout
    project.edit('"x": [1]', '"x": [1, 2]')
    assert project.run("status", "--exit-code", exit_code=3, cold=True)
    assert built(project)
    path = next(project.path("warehouse").glob("*.duckdb" if manager == "duckdb" else "numbers.*"))
    path.unlink()
    assert project.run("status", "--exit-code", exit_code=3, cold=True)


@pytest.mark.parametrize(
    "meddle",
    [
        'pathlib.Path("warehouse/first.txt").write_text("two")',
        'pathlib.Path("warehouse/first.txt").unlink()',
        'pathlib.Path("helpers.py").write_text("x = 2")',
        'raise ValueError("no")',
    ],
)
def test_a_build_in_which_something_else_moved_notes_nothing(project, meddle):
    project.write("helpers.py", "x = 1\n")
    project.assets("import helpers\n" + MEDDLING.format(meddle=meddle))
    assert not built(project, exit_code=1 if "raise" in meddle else 0)


def test_a_build_of_a_part_notes_nothing(project):
    project.assets(MEDDLING.format(meddle="pass"))
    assert not built(project, "first")
    assert built(project)


def test_a_build_beside_which_another_one_wrote_notes_nothing(project):
    project.assets(
        """
from assetbuild import Config

class How(Config):
    way: int = 1

@asset
def told(config: How) -> None:
    executed(f"told {config.way}")

@asset(deps=[told])
def slow() -> int:
    executed("slow")
    pause("slow")
    return 1
"""
    )
    gate = project.gate("slow")
    project.rest()
    first = project.start("materialize", "-j", "1")
    gate.wait()
    project.run("materialize", "told", "--set", "told.way=2", cold=True)
    gate.open()
    assert finish(first).exit_code == 0
    assert not project.path(".assetbuild/standstill").exists()
    assert project.status()["told"] == "stale"
