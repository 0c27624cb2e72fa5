"""Bad projects and settings: said clearly, with file and line, exit code 2, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.harness.commands import run_cold

GOOD = "@asset\ndef a() -> int:\n    return 1\n"

CONFIGURED = """
from assetbuild import Config

class Limits(Config):
    low: int
    high: int = 5

@asset
def total(config: Limits) -> int:
    executed("total")
    return config.low
"""


def test_no_project(project, tmp_path):
    for command in ("materialize", "status", "list", "doctor"):
        text = project.refuse(command)
        assert "no project" in text
        assert "assetbuild init" in text
    ran = run_cold(["status"], cwd=tmp_path, env=project.env)
    assert ran.exit_code == 2
    assert "no project" in ran.stderr
    assert project.run("--project", "/no/such/folder", "status", exit_code=2)


BROKEN_MODULES = {
    "syntax error": ("x = 1\nx = = 2\n", "assets.py:2"),
    "unclosed bracket": ("x = 1\ny = (2\n", "assets.py:2"),
    "tabs and spaces": ("if True:\n    x = 1\n\ty = 2\n", "assets.py:3"),
    "missing module": ("x = 1\nimport no_such_module_at_all\n", "assets.py:2"),
    "missing name": ("from assetbuild import nothing_like_it\n", "assets.py:1"),
    "exception": ("x = 1\n\ny = 1 / 0\n", "assets.py:3"),
    "exit": ("x = 1\nimport sys\nsys.exit(0)\n", "assets.py:3"),
    "not text": (b"x = 1\n# \xff\xfe\n", "assets.py"),
    "null bytes": (b"x = 1\n\x00\n", "assets.py"),
}


@pytest.mark.parametrize("case", BROKEN_MODULES)
def test_a_module_that_does_not_load(project, case):
    text, place = BROKEN_MODULES[case]
    project.write("assets.py", text)
    for command in (["materialize"], ["status"], ["list"], ["why", "a"], ["materialize", "--json", "a"]):
        said = project.refuse(*command)
        if "--json" not in command:
            assert place in said
    assert not project.path("warehouse").exists()


def test_an_error_deep_in_a_helper_names_the_helper(project):
    project.write("shop/__init__.py", "")
    project.write("shop/helper.py", "def f():\n    return undefined_name\n\nf()\n")
    project.write("assets.py", "import shop.helper\n")
    text = project.refuse("status")
    assert "shop/helper.py:2" in text
    assert "undefined_name" in text


def test_a_module_of_definitions_that_is_not_there(project):
    project.write("assetbuild.toml", 'definitions = ["shop.assets"]\n')
    text = project.refuse("status")
    assert "shop" in text
    assert "assetbuild.toml" in text


@pytest.mark.parametrize(
    ("settings", "line", "named"),
    [
        ("definitions = [\n", None, "TOML"),
        ('definitions = "assets"\n', 1, "definitions"),
        ('# Settings.\ndefinitoins = ["assets"]\n', 2, "definitions"),
        ('packages = "most"\n', 1, "exact"),
        ("[pools]\napi = 0\n", 2, "api"),
        ("[config]\na = 3\n", 2, "a"),
    ],
)
def test_bad_settings(project, settings, line, named):
    project.assets(GOOD)
    project.write("assetbuild.toml", settings)
    text = project.refuse("status")
    assert (f"assetbuild.toml:{line}" if line else "assetbuild.toml") in text
    assert named in text


def test_a_broken_pyproject_is_named(project):
    project.assets(GOOD)
    project.write("pyproject.toml", "[tool.assetbuild\n")
    assert "pyproject.toml:1" in project.refuse("status")


@pytest.mark.parametrize(
    ("settings", "line", "named"),
    [
        ("[config.total]\nlow = 1\nhihg = 2\n", 3, "'high'"),
        ('[config.total]\nlow = "many"\n', 2, "low"),
        ("[config.totl]\nlow = 1\n", 1, "'total'"),
    ],
)
def test_bad_config_values(project, settings, line, named):
    project.assets(CONFIGURED)
    project.write("assetbuild.toml", settings)
    text = project.refuse("status")
    assert f"assetbuild.toml:{line}" in text
    assert named in text
    assert "pydantic" not in text


def test_every_problem_of_the_config_is_reported_at_once(project):
    project.assets(CONFIGURED)
    project.write("assetbuild.toml", '[config.total]\nlow = "many"\nhihg = 2\n\n[config.nothing]\nlow = 1\n')
    text = project.refuse("status", "--set", "no-sign")
    assert [text.count(f"assetbuild.toml:{line}\n") for line in (2, 3, 5)] == [1, 1, 1]
    assert "--set no-sign" in text


@pytest.mark.parametrize("settings", ["", "[config.total]\nhigh = 2\n"])
def test_required_config_that_is_not_set(project, settings):
    project.assets(CONFIGURED)
    project.write("assetbuild.toml", settings)
    text = project.refuse("materialize")
    assert "'low'" in text
    assert "[config.total]" in text
    assert "  assets.py:1" in text or "  assetbuild.toml:1" in text


def test_an_io_manager_that_cannot_be_imported(project):
    project.assets('@asset(io_manager="mine")\ndef a() -> int:\n    return 1\n')
    project.write("assetbuild.toml", "[io_managers.mine]\nclass = 'nowhere:Nothing'\n")
    text = project.refuse("status")
    assert "'nowhere" in text
    assert "assetbuild.toml:1" in text


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("total.low=many", "low"),
        ("total.lwo=1", "'low'"),
        ("totl.low=1", "'total'"),
        ("total.low", "ASSET.KEY=VALUE"),
        ("=1", "ASSET.KEY=VALUE"),
    ],
)
def test_bad_set_flags(project, flag, named):
    project.assets(CONFIGURED)
    for command in ("materialize", "status"):
        assert named in project.refuse(command, "--set", "total.low=1", "--set", flag)


def test_bad_config_files(project):
    project.assets(CONFIGURED)
    for name, text in (("none.toml", None), ("bad.toml", "[total\n"), ("bad.json", "{"), ("list.json", "[1]")):
        if text is not None:
            project.write(name, text)
        assert name in project.refuse("status", "--config", str(project.path(name)))


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("bad.toml", "[total]\nlow = \n", 2),
        ("bad.json", '{"total":\n {]}', 2),
        ("key.toml", "# Limits.\n[total]\nlow = 1\nhihg = 2\n", 4),
        ("table.toml", "[total]\nlow = 1\n\n[totl]\nlow = 1\n", 4),
        ("plain.toml", "# Limits.\nlow = 1\n", 2),
    ],
)
def test_a_bad_config_file_is_named_with_the_line(project, name, text, line):
    project.assets(CONFIGURED)
    project.write(name, text)
    assert f"{name}:{line}\n" in project.refuse("status", "--config", str(project.path(name)))


@pytest.mark.parametrize(
    "arguments",
    [
        ["materialize", "--jobs", "many"],
        ["materialize", "--jobs", "-1"],
        ["why"],
        ["why", "nothing"],
        ["show", "nothing"],
        ["logs"],
        ["accept", "a"],
        ["materialise"],
        ["gc", "--keep-days", "-1"],
        ["graph", "--format", "oil-painting"],
    ],
)
def test_bad_usage(project, arguments):
    project.assets(GOOD)
    project.refuse(*arguments)


def test_a_mistyped_command_is_corrected(project):
    project.assets(GOOD)
    assert "materialize" in project.refuse("materialise")
    assert "'a'" in project.refuse("materialize", "aa")


def test_from_a_folder_that_is_gone_a_named_project_is_built(project, tmp_path):
    project.assets(GOOD)
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'rmdir "$PWD" && "$0" -m assetbuild --project "$1" status && "$0" -m assetbuild --project "$1" materialize'
    command = ["sh", "-c", script, sys.executable, str(project.root)]
    ran = subprocess.run(
        command, cwd=gone, capture_output=True, text=True, check=False, env={**os.environ, **project.env}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert project.value("a") == 1
