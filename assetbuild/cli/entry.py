"""The group of commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from assetbuild import __version__
from assetbuild.cli.quick import HELP_COLUMNS
from assetbuild.cli.session import in_terminal, report_problems
from assetbuild.cli.terminal import Terminal
from assetbuild.errors import Problem, closest

__all__ = ["commands", "main"]

_NAME_CELLS = 11

# Summaries stand here, so that --help need not import the commands: (heading, ((command, module, summary), ...)).
_COMMANDS = (
    (
        "Build",
        (
            ("materialize", "materialize", "Build what is stale."),
            ("watch", "watch", "Stay, and build what is stale when something changes."),
            ("status", "status", "Show what is fresh, stale, missing or pending, and why."),
            ("why", "why", "Explain one asset: what moved, before and after."),
        ),
    ),
    (
        "Look",
        (
            ("list", "catalog", "List assets and sources."),
            ("graph", "catalog", "Draw the graph: tree, Mermaid, SVG or JSON."),
            ("show", "details", "Show everything about one asset or source."),
            ("runs", "history", "List past runs."),
            ("logs", "history", "Print what assets wrote while they ran."),
            ("sensors", "automation", "List sensors and their ticks; try or tick one."),
            ("schedules", "automation", "List schedules and their ticks; try or tick one."),
        ),
    ),
    (
        "Keep house",
        (
            ("accept", "upkeep", "Adopt stored values as today's, with a reason."),
            ("clean", "upkeep", "Forget assets: pointer, value and traces."),
            ("gc", "upkeep", "Remove stored objects that nothing needs."),
            ("doctor", "diagnosis", "Look for trouble in the project."),
            ("init", "scaffold", "Make a new project that works at once."),
            ("completion", "completion", "Print the completion script of a shell."),
        ),
    ),
)


class _Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return [name for _, entries in _COMMANDS for name, _, _ in entries]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        for _, entries in _COMMANDS:
            for name, module, summary in entries:
                if name == cmd_name:
                    command: click.Command = getattr(import_module(f"assetbuild.cli.{module}"), f"{name}_command")
                    command.short_help = summary
                    return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing and name not in self.list_commands(ctx) and not name.startswith("-"):
            near = closest(name, self.list_commands(ctx))
            message = f"no such command: {name!r}" + (f"; did you mean {near!r}?" if near else "")
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for heading, entries in _COMMANDS:
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{_NAME_CELLS}}", summary) for name, _, summary in entries])


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": HELP_COLUMNS},
    epilog="Exit codes: 0 done or fresh, 1 an asset failed, 2 bad usage or definitions, "
    "3 stale under --exit-code or --frozen, 130 interrupted.",
)
@click.option(
    "--project",
    "project_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The project folder; without it, the nearest one at or above the current folder.",
)
@click.version_option(__version__, message="assetbuild %(version)s")
@click.pass_context
def commands(context: click.Context, project_folder: Path | None) -> int:  # noqa: ARG001  # options.open_project reads it
    """assetbuild: like make, for data. Builds the assets that are stale, and says why."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return 2
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "_ASSETBUILD_COMPLETE" in os.environ:
        import_module("assetbuild.cli.completion")  # says how bash asks
    return in_terminal(lambda terminal: _run(given, terminal), as_json=_asks_for_json(given))


def _run(arguments: list[str], terminal: Terminal) -> int:
    try:
        code = commands.main(arguments, prog_name="assetbuild", standalone_mode=False, obj=terminal)
    except click.ClickException as error:
        return report_problems(terminal, (_usage_problem(error),), error.exit_code if error.exit_code > 1 else 2)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    return code if isinstance(code, int) else 0


def _usage_problem(error: click.ClickException) -> Problem:
    message = error.format_message().rstrip(".")
    headline = message[:1].lower() + message[1:]
    context = getattr(error, "ctx", None)
    return Problem(headline, advice=f"See '{context.command_path} --help'." if context else "")


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Return whether ``--json`` was given; known before parsing, so that usage errors are documents too."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options
