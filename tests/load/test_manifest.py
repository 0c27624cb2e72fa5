"""The manifest: user code is loaded again exactly when something that loading it read has moved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

BASE = """
import os
import signal
import subprocess
import sys
import pathlib
import helpers

executed("loading")
TITLE = pathlib.Path(__file__).with_name("title.txt").read_text()
PARTS = sorted(path.name for path in pathlib.Path(__file__).with_name("parts").iterdir())
MODE = os.environ.get("SHOP_MODE", "plain")

@asset
def report() -> str:
    executed("report")
    return helpers.shout(TITLE) + MODE + ",".join(PARTS)
"""


@pytest.fixture
def shop(project):
    project.assets(BASE)
    project.write("helpers.py", "def shout(text):\n    return text.upper()\n")
    project.write("title.txt", "hello")
    project.write("parts/one.txt", "1")
    project.write("assetbuild.toml", 'definitions = ["assets"]\n')
    project.run("materialize")
    project.run("status")
    return project


def loads(project, *command, **env):
    """Return whether a command loaded the user's modules."""
    before = project.log().count("loading")
    project.run(*command, **env)
    return project.log().count("loading") > before


@pytest.mark.parametrize("command", ["status", "list", "graph", "materialize", "why report", "show report", "runs"])
def test_nothing_moved_loads_nothing(shop, command):
    assert not loads(shop, *command.split())


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("helpers.py", "def shout(text):\n    return text.lower()\n"),
        ("title.txt", "bye"),
        ("parts/two.txt", "2"),
        ("assetbuild.toml", 'definitions = ["assets"]\nwarehouse = "out"\n'),
        ("pathlib.py", "from pathlib_backup import *\n"),
    ],
    ids=["a module", "an opened file", "a listed folder", "the settings", "a module that may hide another"],
)
def test_what_loading_read_loads_again(shop, file, text):
    shop.write(file, text)
    before = shop.log().count("loading")
    shop.run("status", exit_code=None)
    assert shop.log().count("loading") > before or file == "pathlib.py"
    assert shop.run("status", "--json", exit_code=None).json != {"assets": []}


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("FOUND = pathlib.Path('local.toml').exists()", "local.toml"),
        ("FOUND = os.path.isfile('local.toml')", "local.toml"),
        ("from os.path import exists\nFOUND = exists('local.toml')", "local.toml"),
        ("FOUND = pathlib.Path('local').is_dir()", "local/file.txt"),
        ("FOUND = os.path.getsize('size.txt')", "size.txt"),
        ("FOUND = pathlib.Path('size.txt').stat().st_size", "size.txt"),
    ],
)
def test_what_loading_asked_about_loads_again_when_the_answer_is_another(project, line, moved):
    project.write("size.txt", "1")
    project.assets(
        f"import os, pathlib\nexecuted('loading')\n{line}\n@asset\ndef a() -> int:\n"
        "    executed('a')\n    return int(FOUND)\n"
    )
    project.run("materialize")
    project.run("status")
    assert not loads(project, "status")
    project.write("other.txt", "nobody asked about it")
    assert not loads(project, "status")
    before = project.value("a")
    project.write(moved, "12")
    assert loads(project, "materialize")
    assert project.value("a") != before


def test_a_watched_function_counts_as_itself(project):
    project.assets("""
        import os
        import pathlib

        CHECKS = {"name": os.path.exists, "path": pathlib.Path.stat}

        @asset
        def a() -> int:
            executed("a")
            return int(CHECKS["name"]("/"))
    """)
    project.build()
    project.edit("os.path.exists", "os.path.isfile")
    assert project.build() == {"a": ["code"]}
    project.edit("pathlib.Path.stat", "pathlib.Path.lstat")
    assert project.build() == {"a": ["code"]}


def test_a_variable_that_was_looked_at_loads_again(shop):
    assert loads(shop, "status", SHOP_MODE="loud")
    assert not loads(shop, "status", SHOP_OTHER="1", SHOP_MODE="loud")


@pytest.mark.parametrize("name", ["notes.txt", "parts.md", ".editor.swp", "__pycache__/helpers.cpython-311.pyc"])
def test_what_loading_did_not_read_does_not_count(shop, name):
    shop.write(name, "x")
    assert not loads(shop, "status")


def test_a_touched_module_loads_nothing(shop):
    os.utime(shop.path("helpers.py"))
    assert not loads(shop, "status")


def test_an_edit_that_is_put_back_loads_and_rebuilds_nothing(shop):
    shop.edit("text.upper()", "text.lower()", "helpers.py")
    shop.edit("text.lower()", "text.upper()", "helpers.py")
    assert shop.build() == {}


def test_the_answer_of_the_manifest_is_that_of_a_fresh_load(shop):
    shop.edit("text.upper()", "text.title()", "helpers.py")
    fresh = shop.run("status", "--json").json
    kept = shop.run("status", "--json").json
    assert kept == fresh
    shop.path(".assetbuild/manifest").unlink()
    assert shop.run("status", "--json").json == fresh


def test_a_build_from_the_manifest_runs_the_code_that_was_kept(shop):
    shop.delete("warehouse")
    shop.delete(".assetbuild/objects")
    assert shop.run("materialize", "--json").json["assets"][0]["outcome"] == "built"
    assert shop.path("warehouse/report.txt").read_text() == "HELLOplainone.txt"


@pytest.mark.parametrize("content", [b"", b"garbage", b"assetbuild manifest 1 0.1.0 assetbuild-1\ngarbage"])
def test_a_damaged_manifest_is_passed_over(shop, content):
    shop.write(".assetbuild/manifest", content)
    shop.path(".assetbuild/standstill").unlink(missing_ok=True)  # with it, nobody looks at the manifest
    assert loads(shop, "status")
    assert shop.build() == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import socket; socket.getaddrinfo('127.0.0.1', 80)", "network"),
        ("import subprocess; subprocess.run(['true'])", "process"),
        ("ALL = dict(os.environ)", "environment"),
        ("import pyarrow as pa; DATA = pa.table({'x': [1]})", "DATA"),
    ],
)
def test_what_cannot_be_traced_is_loaded_each_time_and_doctor_says_so(shop, line, reason):
    shop.edit('executed("loading")', f'executed("loading")\n{line}')
    shop.run("status")
    assert loads(shop, "status")
    notes = [found for found in shop.run("doctor", "--json").json["findings"] if found["subject"] == "manifest"]
    assert len(notes) == 1
    assert reason in json.dumps(notes)


def test_settings_on_the_command_line_do_not_disturb_the_manifest(project):
    project.assets("""
        from assetbuild import Config

        executed("loading")

        class Limits(Config):
            high: int = 3

        @asset
        def total(config: Limits) -> int:
            executed("total")
            return config.high
    """)
    project.run("materialize")
    project.run("status")
    assert project.run("materialize", "--json", "--set", "total.high=5").json["assets"][0]["outcome"] == "built"
    assert project.run("materialize", "--json").json["assets"][0]["outcome"] == "restored"
    project.run("status")
    assert not loads(project, "status")


def test_workers_that_start_meanwhile_are_no_part_of_loading(project):
    project.assets("".join(f"@asset\ndef a{number}() -> int:\n    return {number}\n\n\n" for number in range(4)))
    project.run("materialize", "-j", "2", cold=True)
    assert project.path(".assetbuild/manifest").exists()


@pytest.mark.parametrize("name", ["manifest", "leaves", "compiled", "outlook"])
def test_what_a_build_was_writing_when_it_was_killed_is_swept_by_the_next(project, name):
    project.write("assets.py", "from assetbuild import asset\n\n@asset\ndef a() -> int:\n    return 1\n")
    code = f"""
import os, signal, sys
from assetbuild.cli import main

def kill(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("/{name}"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
main(["--project", sys.argv[1], "materialize"])
"""
    killed = subprocess.run([sys.executable, "-c", code, str(project.root)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = {path.name.partition("-")[0] for path in project.path(".assetbuild/tmp").iterdir()}
    assert name in left <= {name, "a"}  # its worker may have been writing, too
    project.run("materialize")
    assert list(project.path(".assetbuild/tmp").iterdir()) == []
    assert list(project.path(".assetbuild").glob("*.tmp")) == []
