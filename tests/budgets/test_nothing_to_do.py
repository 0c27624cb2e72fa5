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
def projects(tmp_path_factory) -> dict[int, Path]:
    root = tmp_path_factory.mktemp("budgets")
    return {size: chain(root / f"of-{size}", size) for size in SIZES}


@pytest.fixture(scope="module", params=["materialize", "status"])
def planned(request, projects) -> tuple[str, dict[int, Count]]:
    """Count a command that has to plan, because nothing was noted of the last time that there was nothing to do."""
    counts = {}
    for size, project in projects.items():
        standstill = project / ".assetbuild" / "standstill"
        counts[size] = counted(project, [request.param], project.with_suffix(".json"), before=standstill)
    return request.param, counts


@pytest.fixture(scope="module", params=["materialize", "status"])
def repeated(request, projects) -> dict[int, Count]:
    """Count a command once more when it has just said that nothing is to do."""
    counts = {}
    for size, project in projects.items():
        counted(project, ["status"], project.with_suffix(".json"))
        counts[size] = counted(project, [request.param], project.with_suffix(".json"))
    return counts


class TestPlanning:
    def test_is_done_and_starts_no_thread_and_no_process(self, planned):
        _, counts = planned
        assert [(count.code, count.started) for count in counts.values()] == [(0, ()), (0, ())]

    def test_imports_nothing_heavy_and_nothing_of_the_user(self, planned):
        _, counts = planned
        assert {name.partition(".")[0] for name in counts[50].modules} & (HEAVY | {"assets"}) == set()

    def test_stays_within_its_modules(self, planned):
        command, counts = planned
        own = [name for name in counts[50].modules if name.startswith("assetbuild")]
        assert len(own) <= {"materialize": 87, "status": 77}[command], own
        own_of_python = 2 if sys.version_info >= (3, 13) else 0
        assert len(counts[50].modules) - own_of_python <= {"materialize": 140, "status": 129}[command]

    def test_opens_few_files_and_no_more_for_more_assets(self, planned):
        command, counts = planned
        assert len(counts[50].opened) <= {"materialize": 12, "status": 7}[command], counts[50].opened
        assert len(counts[100].opened) == len(counts[50].opened)

    def test_lists_no_more_folders_for_more_assets(self, planned):
        command, counts = planned
        assert len(counts[50].listed) <= {"materialize": 6, "status": 4}[command], counts[50].listed
        assert len(counts[100].listed) == len(counts[50].listed)

    def test_runs_no_more_statements_for_more_assets(self, planned):
        command, counts = planned
        assert len(counts[50].statements) <= {"materialize": 18, "status": 10}[command], counts[50].statements
        assert len(counts[100].statements) == len(counts[50].statements)

    def test_reads_one_row_for_an_asset(self, planned):
        _, counts = planned
        assert counts[50].rows <= 58  # and stamps, where the program is not installed
        assert counts[100].rows - counts[50].rows <= 50

    def test_looks_once_at_each_value(self, planned):
        command, counts = planned
        assert len(counts[50].stats) <= {"materialize": 82, "status": 69}[command], counts[50].stats
        assert len(counts[100].stats) - len(counts[50].stats) <= 50


def test_an_edit_of_a_leaf_looks_at_no_more_for_more_assets(tmp_path):
    counts = {}
    for size in SIZES:
        project = chain(tmp_path / f"of-{size}", size)
        counted(project, ["status"], project.with_suffix(".json"))
        text = (project / "assets.py").read_text()
        (project / "assets.py").write_text(text.replace(f"return {size - 1}", "return 1000"))
        counts[size] = counted(project, ["status"], project.with_suffix(".json"))
    assert len(counts[50].stats) <= 21, counts[50].stats
    assert len(counts[100].stats) == len(counts[50].stats)
    assert len(counts[100].statements) == len(counts[50].statements)
    assert len(counts[100].listed) == len(counts[50].listed)


class TestSayingItAgain:
    def test_imports_next_to_nothing(self, repeated):
        modules = repeated[50].modules
        assert "sqlite3" not in modules
        assert "assetbuild.project" not in modules
        assert len(modules) <= 16, modules
        assert repeated[50].started == ()

    def test_opens_its_note_and_no_more(self, repeated):
        assert [Path(path).name for path in repeated[50].opened] == ["standstill"]
        assert [Path(path).name for path in repeated[100].opened] == ["standstill"]

    def test_looks_at_no_more_paths_for_more_assets(self, repeated):
        """What is published is looked at while its folder is listed."""
        assert len(repeated[50].stats) <= 6, repeated[50].stats
        assert len(repeated[100].stats) == len(repeated[50].stats)
        assert len(repeated[100].listed) == len(repeated[50].listed)


def test_help_by_way_of_click_imports_little_else(tmp_path):
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
        "assetbuild.cli.session",
        "assetbuild.cli.terminal",
        "assetbuild.dataclass",
        "assetbuild.errors",
    ]
    assert len(count.modules) <= 80
    assert count.started == ()


def test_the_package_itself_imports_no_library():
    code = "import sys; before = set(sys.modules); import assetbuild; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert len(done.stdout.split()) <= 40, done.stdout
