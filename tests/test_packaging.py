"""The package as users get it: names in the wheel, public names, and what an import costs."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import assetbuild

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {"asyncio", "duckdb", "numpy", "pandas", "polars", "pyarrow", "pydantic", "rich", "sqlglot", "watchdog"}


def _run(*arguments: str, cwd: Path = ROOT) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    _run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_claims_two_import_names(wheel):
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"assetbuild", "assetbuild_stores"}


def test_the_wheel_holds_types_licence_help_and_every_module(wheel):
    names = set(wheel.namelist())
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "assetbuild/cli/help").iterdir()} <= names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "assetbuild").rglob("*.py")}
    modules |= {path.relative_to(ROOT / "stores").as_posix() for path in (ROOT / "stores").rglob("*.py")}
    assert modules <= names
    assert "assetbuild/py.typed" in names
    assert f"assetbuild-{assetbuild.__version__}.dist-info/licenses/LICENSE" in names


def test_the_public_names_are_these():
    assert assetbuild.__all__ == [
        "AssetbuildError",
        "Config",
        "Context",
        "Cron",
        "Daily",
        "DataVersion",
        "Dynamic",
        "Hourly",
        "Input",
        "Keys",
        "Markdown",
        "Monthly",
        "Multi",
        "Offset",
        "Out",
        "PartitionsDefinition",
        "Project",
        "RunRequest",
        "ScheduleContext",
        "SensorContext",
        "SkipReason",
        "Static",
        "Table",
        "Url",
        "Weekly",
        "Window",
        "Yearly",
        "__version__",
        "asset",
        "cron",
        "freshness",
        "multi_asset",
        "schedule",
        "sensor",
        "source",
    ]


@pytest.mark.parametrize("name", assetbuild.__all__)
def test_each_public_name_can_be_imported(name):
    assert getattr(assetbuild, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'assetbuild' has no attribute 'assets'"):
        assetbuild.assets  # noqa: B018  # looking it up is the test


@pytest.mark.parametrize("module", ["assetbuild", "assetbuild.cli"])
def test_an_import_loads_nothing_heavy(module):
    loaded = json.loads(_run("-c", f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"))
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


def test_the_versions_agree():
    assert assetbuild.__version__ == PROJECT["version"]


def test_every_io_manager_entry_point_resolves():
    found = importlib.metadata.entry_points(group="assetbuild.io_managers")
    declared = PROJECT["entry-points"]["assetbuild.io_managers"]
    assert set(declared) <= {entry.name for entry in found}
    assert all(isinstance(entry.load(), type) for entry in found if entry.name in declared)


def test_every_dependency_says_why_it_earns_its_place():
    said = set(re.findall(r"`([\w-]+)`", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")))
    extras = PROJECT["optional-dependencies"].values()
    required = [*PROJECT["dependencies"], *(requirement for extra in extras for requirement in extra)]
    names = {match[0] for requirement in required if (match := re.match(r"[\w-]+", requirement))}
    assert names - {"assetbuild"} <= said


def test_a_worker_starts_without_what_only_plans_need():
    code = "import sys, json, assetbuild.materialize.service; print(json.dumps(sorted(sys.modules)))"
    modules = set(json.loads(_run("-c", code)))
    assert not modules & HEAVY
    unneeded = {"sqlite3", "assetbuild.fingerprint.code.closure", "assetbuild.load.config", "assetbuild.record.state"}
    assert not modules & unneeded
