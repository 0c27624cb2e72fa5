"""What a command with nothing to do may cost, in counts: they fail on growth, on any machine, under any load.

When a count goes down, lower the literal. When it must go up, say in the commit what it buys.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.budgets.counting import Count, counted

HEAVY = {
    "asyncio",
    "concurrent",
    "duckdb",
    "email",
    "http",
    "multiprocessing",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlglot",
    "ssl",
    "subprocess",
    "watchdog",
}
SIZES = (50, 100)


def chain(folder: Path, size: int) -> Path:
    """Make a project of small assets, each reading the one before, and build it."""
    folder.mkdir()
    assets = [f"@asset\ndef a{n}({f'a{n - 1}: int' if n else ''}) -> int:\n    return {n}\n" for n in range(size)]
    (folder / "assets.py").write_text("\n\n".join(["from assetbuild import asset\n", *assets]))
    os.utime(folder / "assets.py", (1_700_000_000, 1_700_000_000))  # settled: not of the moment that it is read in
    command = [sys.executable, "-m", "assetbuild", "--project", str(folder), "materialize", "-j", "1"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def counts(tmp_path_factory) -> dict[tuple[str, int], Count]:
    """Count each command on 50 and on 100 assets that are all fresh, the second time that it is given."""
    root = tmp_path_factory.mktemp("budgets")
    found = {}
    for size in SIZES:
        project = chain(root / f"of-{size}", size)
        for command in ("materialize", "status"):
            counted(project, [command], root / "first.json")
            found[command, size] = counted(project, [command], root / "second.json")
    return found


@pytest.mark.parametrize("command", ["materialize", "status"])
class TestNothingToDo:
    def test_is_what_was_counted(self, counts, command):
        assert counts[command, 50].code == 0

    def test_starts_no_thread_and_no_process(self, counts, command):
        assert counts[command, 50].started == ()

    def test_imports_nothing_heavy(self, counts, command):
        assert {name.partition(".")[0] for name in counts[command, 50].modules} & HEAVY == set()

    def test_imports_no_module_of_the_user(self, counts, command):
        assert "assets" not in counts[command, 50].modules

    def test_stays_within_its_modules(self, counts, command):
        budget = {"materialize": 200, "status": 200}[command]
        assert len(counts[command, 50].modules) <= budget

    def test_stays_within_its_own_modules(self, counts, command):
        own = [name for name in counts[command, 50].modules if name.startswith("assetbuild")]
        budget = {"materialize": 75, "status": 75}[command]
        assert len(own) <= budget, own

    def test_opens_few_files_and_no_more_for_more_assets(self, counts, command):
        budget = {"materialize": 14, "status": 10}[command]
        assert len(counts[command, 50].opened) <= budget, counts[command, 50].opened
        assert len(counts[command, 100].opened) == len(counts[command, 50].opened)

    def test_lists_each_folder_once(self, counts, command):
        listed = counts[command, 50].listed
        assert sorted(listed) == sorted(set(listed))
        assert len(counts[command, 100].listed) == len(listed)

    def test_runs_as_many_statements_for_more_assets(self, counts, command):
        budget = {"materialize": 24, "status": 18}[command]
        assert len(counts[command, 50].statements) <= budget, counts[command, 50].statements
        assert len(counts[command, 100].statements) == len(counts[command, 50].statements)

    def test_looks_at_no_path_of_an_asset_more_than_once(self, counts, command):
        few, many = (len(counts[command, size].stats) for size in SIZES)
        assert few <= 85
        assert many - few <= 50


def test_help_imports_click_and_little_else(tmp_path):
    count = counted(tmp_path, ["--help"], tmp_path / "count.json")
    assert {name.partition(".")[0] for name in count.modules} & (HEAVY | {"sqlite3", "tempfile", "inspect"}) <= {
        "inspect"
    }
    assert [name for name in count.modules if name.startswith("assetbuild")] == [
        "assetbuild",
        "assetbuild.cli",
        "assetbuild.cli.entry",
        "assetbuild.cli.formats",
        "assetbuild.cli.quick",
        "assetbuild.cli.terminal",
        "assetbuild.errors",
    ]
    assert len(count.modules) <= 80
    assert count.started == ()


def test_the_package_itself_imports_no_library():
    code = "import sys; before = set(sys.modules); import assetbuild; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert len(done.stdout.split()) <= 40, done.stdout
