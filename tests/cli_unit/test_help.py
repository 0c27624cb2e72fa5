"""Help and version, which are said without click: word for word what click says.

``ASSETBUILD_UPDATE_GOLDEN=1`` writes the files in ``assetbuild/cli/help`` anew.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from assetbuild import cli
from assetbuild.cli import entry
from assetbuild.cli.quick import HELP_COLUMNS, answer_at_once, help_file

COMMANDS = entry.commands.list_commands(click.Context(entry.commands))
HINT = "the help has changed; write its files anew: ASSETBUILD_UPDATE_GOLDEN=1 pytest tests/cli_unit/test_help.py"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", str(HELP_COLUMNS))


def said_by_click(capsys, *arguments):
    assert entry.main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_is_what_click_says(capsys, monkeypatch, command):
    arguments = [command, "--help"] if command else ["--help"]
    text = said_by_click(capsys, *arguments)
    if os.environ.get("ASSETBUILD_UPDATE_GOLDEN"):
        Path(help_file(command)).write_text(text, encoding="utf-8")
    for flag in ("--help", "-h"):
        assert answer_at_once([*arguments[:-1], flag]) == 0, HINT
        assert capsys.readouterr().out == text, HINT
    monkeypatch.setenv("COLUMNS", "200")
    assert said_by_click(capsys, *arguments) == text


def test_every_file_is_the_help_of_a_command():
    files = {path.name for path in Path(help_file()).parent.iterdir()}
    assert files == {Path(help_file(command)).name for command in ["", *COMMANDS]}


def test_the_version_is_what_click_says(capsys):
    text = said_by_click(capsys, "--version")
    assert answer_at_once(["--version"]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    "arguments",
    [[], ["nope", "--help"], ["../help", "-h"], ["-h", "--help"], ["list", "raw", "--help"], ["--", "--help"]],
)
def test_what_is_more_than_that_is_left_to_click(capsys, arguments):
    assert answer_at_once(arguments) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "value"), [("COLUMNS", "79"), ("COLUMNS", "-1"), ("_ASSETBUILD_COMPLETE", "x")])
def test_help_is_left_to_click_where_the_environment_asks_for_another(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert answer_at_once(["--help"]) is None


@pytest.mark.parametrize("columns", [0, 60, 80, 150])
def test_a_terminal_gets_what_fits_its_width(columns):
    controller, terminal = pty.openpty()
    subprocess.run(["stty", "columns", str(columns)], stdin=terminal, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "assetbuild", "--help"]
    subprocess.run(command, stdin=terminal, stdout=terminal, env=environment, check=True)
    os.close(terminal)
    written = b""
    with suppress(OSError):  # when all is read: there is no writer any more
        while part := os.read(controller, 100_000):
            written += part
    os.close(controller)
    text = written.decode().replace("\r\n", "\n")
    assert (text == Path(help_file()).read_text(encoding="utf-8")) is (columns != 60)
    assert max(map(len, text.splitlines())) < (columns or HELP_COLUMNS)


@pytest.mark.parametrize("arguments", [["--help"], ["materialize", "-h"], ["--version"]])
def test_help_and_version_import_neither_click_nor_a_command(arguments):
    code = "import sys; from assetbuild.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    own = [name for name in done.stderr.split() if name.startswith(("assetbuild", "click"))]
    assert sorted(own) == ["assetbuild", "assetbuild.cli", "assetbuild.cli.quick"]
    assert "typing" not in done.stderr.split()


def test_help_says_nothing_of_a_reader_that_left():
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as reader:
        reader.wait()
        done = subprocess.run(
            [sys.executable, "-m", "assetbuild", "--help"], stdout=reader.stdin, stderr=subprocess.PIPE, check=False
        )
    assert done.stderr == b""


def test_the_program_itself_answers_at_once(capsys, monkeypatch):
    monkeypatch.setattr(entry, "main", None)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("assetbuild ")
