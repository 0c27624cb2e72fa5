"""``completion``, and what the shell offers for asset keys, selections, settings and runs.

Completing is done by this program itself: the script that ``completion`` prints asks it, with ``_ASSETBUILD_COMPLETE``
set. Nothing may be printed and nothing may fail then: a project that does not load offers nothing.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from typing import TypeVar

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from assetbuild.cli.terminal import Terminal
from assetbuild.project import Project

Offer = TypeVar("Offer")

__all__ = [
    "complete_key",
    "complete_run",
    "complete_selection",
    "complete_setting",
    "completion_command",
    "project_of",
    "quietly",
]

_INSTALL = {
    "bash": "echo 'eval \"$(assetbuild completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(assetbuild completion zsh)\"' >> ~/.zshrc",
    "fish": "assetbuild completion fish > ~/.config/fish/completions/assetbuild.fish",
}
# Unlike click's own: bash ends words at ':' and '=', which 'group:raw' and '--set a.b=1' have in their midst. Here the
# whole line is asked about, and what stands before such a mark in the last word is taken off the answers again.
_BASH = r"""
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" current="" known="" before="" mark="" type="" value=""
    current="${line##*[[:space:]]}"
    for mark in : =; do
        if [[ "$COMP_WORDBREAKS" == *"$mark"* && "$current" == *"$mark"* ]]; then
            before="${current%%%%"${current##*"$mark"}"}"
            if (( ${#before} > ${#known} )); then known="$before"; fi
        fi
    done
    COMPREPLY=()
    while IFS=, read -r type value; do
        case "$type" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("${value#"$known"}")
                case "$value" in *: | *= | *.) compopt -o nospace ;; esac ;;
        esac
    done < <(env COMP_WORDS="$line" COMP_CWORD=-1 %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_STATUSES = ("fresh", "stale", "missing", "pending")
_METHODS = ("group:", "tag:", "key:", "status:", "changed:")
_OPERATOR = re.compile(r"^(\d*\+|\()")


@click.command(
    "completion", epilog="Switch it on for good:\n\n" + "\n\n".join(f"  {line}" for line in _INSTALL.values())
)
@click.argument("shell", type=click.Choice(sorted(_INSTALL)))
@click.pass_obj
def completion_command(terminal: Terminal, shell: str) -> None:
    """Print the completion script of SHELL, to be evaluated by it: commands, options, asset keys and selections."""
    script = get_completion_class(shell)
    if script is not None:
        terminal.print(script(click.Group(), {}, "assetbuild", "_ASSETBUILD_COMPLETE").source())


class _Bash(BashComplete):
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        if os.environ["COMP_CWORD"] != "-1":
            return super().get_completion_args()
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        return (words, "") if not words or line[-1].isspace() else (words[:-1], words[-1])


add_completion_class(_Bash)


def complete_key(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer asset keys."""
    return [item for item in _keys(context) if item.value.startswith(incomplete)]


def complete_selection(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer asset keys, also behind ``+`` and ``2+``, and the methods with their values."""
    if incomplete.startswith("status:"):
        return _matching((f"status:{status}" for status in _STATUSES), incomplete)
    if incomplete.startswith("group:"):
        return _matching((f"group:{group}" for group in _groups(context)), incomplete)
    operator = found.group() if (found := _OPERATOR.match(incomplete)) else ""
    keys = [CompletionItem(operator + item.value, help=item.help) for item in _keys(context)]
    offered = [item for item in keys if item.value.startswith(incomplete)]
    return offered or _matching(_METHODS, incomplete)


def complete_setting(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer ``ASSET.KEY=`` for every config key of every asset."""

    def settings() -> Iterable[str]:
        for asset in project_of(context).graph.assets.values():
            for field in getattr(asset.config_class, "model_fields", ()):
                yield f"{asset.key}.{field}="

    return _matching(quietly(lambda: list(settings())), incomplete)


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer the latest runs."""
    return _matching(["last", *quietly(lambda: [run.run_id for run in project_of(context).runs(20)])], incomplete)


def project_of(context: click.Context) -> Project:
    """Return the project that the command which is completed would open."""
    return Project.open(context.find_root().params.get("project_folder"))


def quietly(offers: Callable[[], list[Offer]]) -> list[Offer]:
    """Return what is offered, and nothing when that fails; stdout belongs to the shell."""
    with suppress(Exception), redirect_stdout(io.StringIO()):
        return offers()
    return []


def _keys(context: click.Context) -> list[CompletionItem]:
    def keys() -> list[CompletionItem]:
        assets = project_of(context).graph.assets.values()
        return [CompletionItem(asset.key, help=_summary(asset.out.description)) for asset in assets]

    return quietly(keys)


def _groups(context: click.Context) -> list[str]:
    return quietly(lambda: sorted({a.out.group for a in project_of(context).graph.assets.values() if a.out.group}))


def _summary(description: str | None) -> str | None:
    return (description or "").strip().split("\n")[0] or None


def _matching(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]
