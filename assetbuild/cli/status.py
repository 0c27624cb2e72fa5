"""``status``."""

from __future__ import annotations

from pathlib import Path

import click

from assetbuild.cli.options import json_option, open_project, partition_option, selection_argument, settings_options
from assetbuild.cli.plans import show_status
from assetbuild.cli.terminal import Terminal

__all__ = ["status_command"]


@click.command("status")
@selection_argument()
@click.option("-a", "--all", "everything", is_flag=True, help="List the fresh assets too.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 unless all is fresh.")
@partition_option()
@settings_options()
@json_option()
@click.pass_obj
def status_command(  # noqa: PLR0913  # one parameter per option
    terminal: Terminal,
    selection: tuple[str, ...],
    config_file: Path | None,
    settings: tuple[str, ...],
    *,
    everything: bool,
    exit_code: bool,
    partition: str | None,
    as_json: bool,
) -> int:
    """Show what is fresh, stale, missing or pending, and why.

    SELECTION names assets, and everything upstream of them counts too; without it, all assets.
    Nothing is built and nothing is changed.

    \b
      fresh    the stored value is what today's code, config and data give
      stale    something it depends on changed, or its stored value did
      missing  never built, or its stored value is gone
      pending  nothing of its own changed, but something upstream will run
    """  # noqa: D301  # click keeps the lines behind \b as they are
    project = open_project(terminal, config_file, settings)
    return show_status(
        terminal,
        project,
        selection,
        everything=everything,
        exit_code=exit_code,
        partition=partition,
        as_json=as_json,
    )
