"""``materialize`` and ``status`` of everything, understood by ``quick.py``: click would be a tenth of their time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assetbuild.cli.session import in_terminal
from assetbuild.cli.terminal import Terminal
from assetbuild.project import Project

__all__ = ["run_plain"]


def run_plain(command: str, folder: str | None, flags: dict[str, Any]) -> int:
    """Run a command in a project, without a folder in the nearest one, and return its exit code."""

    def run(terminal: Terminal) -> int:
        project = Project.open(None if folder is None else Path(folder))
        terminal.warn(project.warnings)
        if command == "status":
            from assetbuild.cli.plans import show_status  # noqa: PLC0415  # one of the two

            return show_status(terminal, project, (), **flags)
        from assetbuild.cli.building import BuildFlags, build  # noqa: PLC0415

        return build(terminal, project, (), BuildFlags(**flags))

    return in_terminal(run, as_json=False)
