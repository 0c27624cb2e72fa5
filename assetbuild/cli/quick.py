"""What is done before click is imported: help, the version, "nothing to do", and to see that click is not needed.

In: the arguments of a command. Out: its exit code, when it asked for help or the version, or when it is ``status`` or
``materialize`` of everything and all lies as it did when all was fresh; else None, and the command goes its usual way.
Where it is plain that ``materialize`` will have something to run, its first worker is started.

``help/`` holds what click prints for each command, because to import it and the command costs several times what all
else does. ``ASSETBUILD_UPDATE_GOLDEN=1 pytest tests/cli_unit/test_help.py`` writes them anew.
"""

from __future__ import annotations

import os
import sys

from assetbuild import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from assetbuild.load.outlook import News

__all__ = ["HELP_COLUMNS", "answer_at_once", "help_file", "note_news", "plain"]

HELP_COLUMNS = 80
"""Text is as wide as this at most; for a narrower terminal click lays it out."""

# What these say makes no difference where nothing is to do.
_NEUTRAL = {"status": {"--exit-code"}, "materialize": {"-k", "--keep-going", "--wait", "--no-wait", "--frozen"}}
_NUMBERED = ("-j", "--jobs=")
_noted_later: list[News] = []


def answer_at_once(arguments: Sequence[str]) -> int | None:
    """Give the answer and return the exit code, or return None and say nothing."""
    if "_ASSETBUILD_COMPLETE" in os.environ:
        return None
    words = list(arguments)
    answer = _help_or_version(words) or _nothing_to_do(words)
    if answer is None:
        return None
    try:
        sys.stdout.write(answer)
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # a full disk, a closed pipe: the usual way knows what to say
        return None
    return 0


def plain(arguments: Sequence[str]) -> tuple[str, str | None, dict[str, Any]] | None:
    """Return command, folder and flags of what is understood without click; None for all else.

    That is ``materialize`` or ``status`` of everything.
    """
    folder, (command, *words) = _folder_named(arguments)
    if command not in _NEUTRAL or "--frozen" in words or "_ASSETBUILD_COMPLETE" in os.environ:
        return None
    if folder is not None and not os.path.isdir(folder):
        return None  # click knows what to say
    flags: dict[str, Any] = {}
    for word in words:
        if not _is_neutral(word, command):
            return None
        if (number := _number_in(word)) is not None:
            flags["jobs"] = number
        elif word in {"--wait", "--no-wait"}:
            flags["wait"] = word == "--wait"
        else:
            flags["exit_code" if command == "status" else "keep_going"] = True
    return command, folder, flags


def _folder_named(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the folder that ``--project`` names, and the words after it."""
    if len(arguments) > 1 and arguments[0] == "--project":
        return arguments[1], list(arguments[2:]) or [""]
    return None, list(arguments) or [""]


def help_file(command: str = "") -> str:
    """Return where the help of a command lies; without one, that of the whole program."""
    name = f"assetbuild-{command}.txt" if command else "assetbuild.txt"
    return os.path.join(os.path.dirname(__file__), "help", name)


def _help_or_version(words: list[str]) -> str | None:
    if words == ["--version"]:
        return f"assetbuild {__version__}\n"
    *command, last = words or [""]
    if last not in {"-h", "--help"} or len(command) > 1 or not all(map(str.isalpha, command)) or _is_narrow():
        return None
    try:
        with open(help_file(*command), encoding="utf-8") as file:
            return file.read()
    except OSError:  # no such command
        return None


def _is_narrow() -> bool:
    if said := os.environ.get("COLUMNS"):
        return not said.isdecimal() or int(said) < HELP_COLUMNS
    try:
        return 0 < os.get_terminal_size().columns < HELP_COLUMNS
    except OSError:  # no terminal: click takes 80
        return False


def _nothing_to_do(words: list[str]) -> str | None:
    named, words = _folder_named(words)
    if words[0] not in _NEUTRAL or not all(_is_neutral(word, words[0]) for word in words[1:]):
        return None
    from assetbuild.load.standstill import count_at_standstill  # noqa: PLC0415  # other commands need it not

    try:
        folder = os.path.abspath(named or ".")
    except FileNotFoundError:  # the working directory is gone
        return None
    count = count_at_standstill(folder)
    if count is None:
        if words[0] == "materialize":
            _expect_work(os.path.join(folder, ".assetbuild"))
        return None
    return f"nothing to do: {count:,} {'asset is' if count == 1 else 'assets are'} fresh\n"


def _expect_work(folder: str) -> None:
    """Start a worker already, where a module has moved since the last build: it takes longest to be ready."""
    if os.path.isdir(folder):
        from assetbuild.load.outlook import News  # noqa: PLC0415  # seldom needed

        if news := News(folder):
            from assetbuild.materialize.launch import launch_early  # noqa: PLC0415

            launch_early(news.libraries)
            _noted_later.append(news)


def note_news() -> None:
    """Note what was found to have moved; at the end of a command, for it needs some time."""
    while _noted_later:
        _noted_later.pop().note()


def _is_neutral(word: str, command: str) -> bool:
    return word in _NEUTRAL[command] or (command == "materialize" and bool(_number_in(word)))


def _number_in(word: str) -> int | None:
    """Return the number of jobs that an option gives."""
    number = next((word[len(sign) :] for sign in _NUMBERED if word.startswith(sign)), "")
    return int(number) if number.isdecimal() else None
