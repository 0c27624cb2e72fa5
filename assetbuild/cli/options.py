"""What commands share: the selection, the settings, ``--json``, and opening the project with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from assetbuild.cli.completion import complete_key, complete_selection, complete_setting
from assetbuild.cli.terminal import Terminal
from assetbuild.project import Project

__all__ = [
    "asset_argument",
    "json_option",
    "open_project",
    "partition_option",
    "selection_argument",
    "settings_options",
    "yes_option",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def selection_argument(*, required: bool = False) -> Decorator:
    """Take any number of selections: ``late_flights``, ``+x``, ``x+``, ``group:raw``, ``status:stale`` and so on."""
    return click.argument("selection", nargs=-1, required=required, shell_complete=complete_selection)


def asset_argument(*, required: bool = True) -> Decorator:
    """Take one asset key."""
    return click.argument("asset", required=required, shell_complete=complete_key)


def json_option() -> Decorator:
    """Print one JSON document on stdout, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def partition_option() -> Decorator:
    """Take one partition key, or a range of them."""
    return click.option("--partition", metavar="KEY|A..B", help="One partition, or a range with both its ends.")


def yes_option() -> Decorator:
    """Do it without asking."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def settings_options() -> Decorator:
    """Take ``--set`` and ``--config``, which go over the project's own config."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        command = click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Config over the project's own: TOML or JSON with a table per asset.",
        )(command)
        return click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="ASSET.KEY=VALUE",
            help="One config value, over everything else. Repeatable.",
            shell_complete=complete_setting,
        )(command)

    return decorate


def open_project(terminal: Terminal, config_file: Path | None = None, settings: tuple[str, ...] = ()) -> Project:
    """Open the project that ``--project`` names, or the nearest one, and pass on its warnings."""
    folder: Path | None = click.get_current_context().find_root().params.get("project_folder")
    project = Project.open(folder, config_file=config_file, settings=settings)
    terminal.warn(project.warnings)
    return project
