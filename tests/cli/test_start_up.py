"""What a command imports: nothing heavy, and no user code when nothing changed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.harness.project_folder import HEADER

HEAVY = {"pandas", "polars", "pyarrow", "duckdb", "pydantic", "sqlglot", "rich", "numpy", "asyncio"}

PROJECT = """
import pandas as pd
import polars as pl

executed("loading")

@asset
def a() -> pd.DataFrame:
    executed("a")
    return pd.DataFrame({"n": [1]})
"""


def imported(project, *arguments, cwd=None):
    named = [] if cwd else ["--project", str(project.root)]
    command = [sys.executable, "-X", "importtime", "-m", "assetbuild", *named, *arguments]
    done = subprocess.run(
        command, cwd=cwd or project.channel, env=project.env, capture_output=True, text=True, check=True
    )
    return {match.split(".")[0] for match in re.findall(r"\|\s+([\w.]+)$", done.stderr, re.MULTILINE)}


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["materialize"], ["materialize", "-n"]])
def test_a_no_op_imports_nothing_heavy_and_no_user_code(project, command):
    project.write("assets.py", HEADER + PROJECT)
    project.run("materialize")
    project.run("materialize")
    imported(project, *command)  # a process of its own has another search path than the warm ones above
    before = project.log()
    assert imported(project, *command) & HEAVY == set()
    assert project.log() == before


def test_building_an_edited_asset_imports_neither_click_nor_user_code(project):
    project.write("assets.py", HEADER + PROJECT)
    for _ in range(2):
        imported(project, "materialize", cwd=project.root)
    project.edit('"n": [1]', '"n": [2]')
    assert imported(project, "materialize", cwd=project.root) & {*HEAVY, "click"} == set()
    assert project.value("a")["n"] == [2]


def test_help_imports_nothing_heavy(project):
    project.assets("")
    assert imported(project, "--help") & HEAVY == set()


def test_importing_the_package_imports_the_standard_library_alone():
    code = "import sys, assetbuild, assetbuild.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in done.stdout.split()} & HEAVY == set()
