"""Colour and live lines in a real terminal, plain lines in a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

import pytest

from tests.harness.commands import TIMEOUT_S, cold_command, run_cold
from tests.harness.project_folder import HEADER

PROJECT = """
@asset
def a() -> int:
    return 1

@asset
def b(a: int) -> int:
    raise ValueError("on purpose")

@asset
def c(b: int) -> int:
    return b
"""

ESCAPE = "\x1b["


def in_terminal(project, *arguments, **env):
    """Run a command whose output is a terminal; return what the terminal received."""
    controller, terminal = pty.openpty()
    environment = {**project.env, "TERM": "xterm-256color", **env}
    command = cold_command(["--project", str(project.root), *arguments])
    process = subprocess.Popen(command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    received = b""
    try:
        while chunk := os.read(controller, 4096):
            received += chunk
    except OSError:  # Linux says so when the last writer is gone.
        pass
    process.wait(timeout=TIMEOUT_S)
    os.close(controller)
    return received.decode().replace("\r\n", "\n")


@pytest.fixture
def written(project):
    project.write("assets.py", HEADER + PROJECT)
    return project


def test_a_terminal_gets_colour_unless_it_is_not_wanted(written):
    assert ESCAPE in in_terminal(written, "status")
    assert ESCAPE not in in_terminal(written, "status", NO_COLOR="1")
    assert ESCAPE not in written.run("status").text
    assert ESCAPE not in in_terminal(written, "status", TERM="dumb")


def test_json_in_a_terminal_is_plain_json(written):
    text = in_terminal(written, "status", "--json")
    assert ESCAPE not in text
    assert list(json.loads(text)) == ["assets"]


def test_the_counts_of_the_summary_add_up(written):
    for text in (in_terminal(written, "materialize", "-k"), written.run("materialize", "-k", exit_code=1).text):
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        (summary,) = [line for line in plain.splitlines() if re.match(r"\d+ (built|fresh).* in ", line.strip())]
        counts = {
            name: int(count) for count, name in re.findall(r"(\d+) (built|restored|fresh|failed|skipped)", summary)
        }
        assert sum(counts.values()) == 3
        assert (counts["failed"], counts["skipped"]) == (1, 1)
        assert "on purpose" in plain


def test_narrow_terminals_lose_no_words(written):
    narrow = run_cold(
        ["--project", str(written.root), "status"], cwd=written.channel, env={**written.env, "COLUMNS": "20"}
    )
    assert "never built" in " ".join(narrow.stdout.split())


def test_completion_scripts_are_printed(written):
    for shell in ("bash", "zsh", "fish"):
        assert "assetbuild" in written.run("completion", shell).stdout
