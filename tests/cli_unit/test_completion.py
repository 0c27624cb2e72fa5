from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

ASSETS = """
from assetbuild import Config, asset, sensor

class Limits(Config):
    minutes: int = 15

@asset(key="raw/flights", group="raw")
def raw_flights() -> int:
    return 1

@asset(deps=["raw/flights"])
def late_flights(config: Limits) -> int:
    return 1

@sensor(every="30s")
def inbox():
    return None
"""


@pytest.fixture
def complete(tmp_path):
    (tmp_path / "assets.py").write_text(ASSETS)

    def complete(*words):
        environment = {
            **os.environ,
            "_ASSETBUILD_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("assetbuild", *words)),
            "COMP_CWORD": str(len(words)),
        }
        done = subprocess.run(
            [sys.executable, "-m", "assetbuild"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return [line.split(",", 1)[1] for line in done.stdout.splitlines() if line]

    return complete


def test_commands_options_keys_and_selections_are_offered(complete):
    assert complete("stat") == ["status"]
    assert "--json" in complete("status", "--j")
    assert complete("why", "la") == ["late_flights"]
    assert complete("show", "raw") == ["raw/flights"]
    assert complete("materialize", "+la") == ["+late_flights"]
    assert complete("materialize", "2+raw") == ["2+raw/flights"]
    assert complete("status", "group:") == ["group:raw"]
    assert complete("status", "status:s") == ["status:stale"]
    assert complete("status", "gr") == ["group:"]
    assert complete("status", "--set", "late") == ["late_flights.minutes="]
    assert complete("logs", "la") == ["last"]
    assert complete("sensors", "in") == ["inbox"]


def test_a_project_that_does_not_load_offers_nothing(complete, tmp_path):
    (tmp_path / "assets.py").write_text("this is no Python\n")
    assert complete("why", "la") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("assetbuild stat", "status"),
        ("assetbuild why ", "raw/flights late_flights"),
        ("assetbuild status late_flights status:s", "stale"),
        ("assetbuild status --set late", "late_flights.minutes="),
        ("assetbuild --project . status '+late_flights' gr", "group:"),
    ],
)
def test_bash_completes_words_with_colons(tmp_path, line, offered):
    (tmp_path / "assets.py").write_text(ASSETS)
    script = (
        'source <("$1" -m assetbuild completion bash); '
        'COMP_LINE="$2"; COMP_POINT=${#2}; _assetbuild_completion "$3"; echo "${COMPREPLY[@]}"'
    )
    program = tmp_path / "assetbuild"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m assetbuild "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, line, str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == offered.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_this_program(shell):
    done = subprocess.run(
        [sys.executable, "-m", "assetbuild", "completion", shell], capture_output=True, text=True, check=True
    )
    assert f"_ASSETBUILD_COMPLETE={shell}_complete" in done.stdout
