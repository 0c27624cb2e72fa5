"""Every example of the documentation runs, and prints what the page says; ``pages`` has the convention."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import assetbuild.materialize.events
import assetbuild.watch.events
from assetbuild.cli.entry import commands
from tests.docs.pages import Block, blocks, commands_of, edited, matches
from tests.harness.commands import base_environment

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\((?P<to>[^)\s]+)\)|!\[[^\]\n]*\]\((?P<image>[^)\s]+)\)")
TIMEOUT_S = 60.0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_of_a_page_run_as_shown(page, tmp_path):
    folder, count = tmp_path / "project-0", 0
    environment = prepared_environment(tmp_path)
    folder.mkdir()
    for block in blocks(page):
        if block is None:
            count += 1
            folder = tmp_path / f"project-{count}"
            folder.mkdir()
        else:
            follow(block, folder, environment, page.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page):
    broken = []
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = (match["to"] or match["image"]).split("#")[0]
        if target and "://" not in target and not (page.parent / target).exists():
            broken.append(target)
    assert broken == []


def prepared_environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of the commands, with an ``assetbuild`` and a ``python`` that are these under test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, arguments in (("assetbuild", "-m assetbuild "), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        program.chmod(0o755)
    environment = base_environment(tmp_path)
    return {**environment, "PATH": f"{programs}{os.pathsep}{environment['PATH']}"}


def follow(block: Block, folder: Path, environment: dict[str, str], page: str) -> None:
    """Do what one block says: write or edit a file, run commands, or compile a fragment."""
    if block.title and block.language == "diff":
        path = folder / block.title
        path.write_text(edited(path.read_text(), block.text))
    elif block.title:
        path = folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    elif block.language == "python":
        compile(block.text, f"{page}:{block.line}", "exec")
    elif block.language == "console":
        for command in commands_of(block):
            done = subprocess.run(
                ["bash", "-c", command.text],
                cwd=folder,
                env=environment,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
                check=False,
            )
            what = f"{page}:{command.line}: $ {command.text}\n{done.stdout}"
            assert done.returncode == command.exit_code, f"exit code {done.returncode}: {what}"
            assert matches(done.stdout, command.expected), f"the page shows something else: {what}"


def test_the_command_line_reference_names_every_command_and_option():
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    context = click.Context(commands)
    missing = []
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        section = page.partition(f"### `{name}")[2].partition("\n#")[0]
        assert command is not None
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        missing += [name] if not section else [f"{name} {option}" for option in options if option not in section]
    assert missing == []


def test_the_reference_of_events_names_every_event_and_field():
    page = (ROOT / "docs/reference/events.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells[2] for line in page.splitlines() if len(cells := line.split("|")) > 3}
    told_apart = {"RunPlanned", "AssetFinished"}
    for module in (assetbuild.materialize.events, assetbuild.watch.events):
        for name in set(module.__all__) - {"Event"}:
            fields = [] if name in told_apart else getattr(module, name).__match_args__
            assert [field for field in fields if f"`{field}`" not in rows[name]] == [], name
