"""The shortest way to "nothing to do": before anything is imported, the note of the last standstill is looked at.

In: the arguments of a command. Out: its exit code, when the command is ``status`` or ``materialize`` of everything and
all lies as it did when all was fresh; else None, and the command goes its usual way. Where it is plain that it will
have something to run, its first worker is started.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["answer_at_once"]

# What these say makes no difference where nothing is to do.
_NEUTRAL = {"status": {"--exit-code"}, "materialize": {"-k", "--keep-going", "--wait", "--no-wait", "--frozen"}}
_NUMBERED = ("-j", "--jobs=")


def answer_at_once(arguments: Sequence[str]) -> int | None:
    """Say that nothing is to do and return the exit code, or return None and say nothing."""
    folder = os.getcwd()
    words = list(arguments)
    if words[:1] == ["--project"] and len(words) > 1:
        folder, words = os.path.abspath(words[1]), words[2:]
    if not words or words[0] not in _NEUTRAL or not all(_is_neutral(word, words[0]) for word in words[1:]):
        return None
    from assetbuild.load.standstill import count_at_standstill  # noqa: PLC0415  # other commands need it not

    count = count_at_standstill(folder)
    if count is None:
        if words[0] == "materialize":
            _expect_work(os.path.join(folder, ".assetbuild"))
        return None
    try:
        sys.stdout.write(f"nothing to do: {count:,} {'asset is' if count == 1 else 'assets are'} fresh\n")
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):  # a full disk, a closed pipe: the usual way knows what to say
        return None
    return 0


def _expect_work(folder: str) -> None:
    """Start a worker already, where a module has moved since the last build: it takes longest to be ready."""
    if os.path.isdir(folder):
        from assetbuild.load.compiled import has_news, libraries_of  # noqa: PLC0415  # seldom needed

        if has_news(folder):
            from assetbuild.materialize.process import start_early  # noqa: PLC0415

            start_early(libraries_of(folder))


def _is_neutral(word: str, command: str) -> bool:
    if word in _NEUTRAL[command]:
        return True
    number = next((word[len(sign) :] for sign in _NUMBERED if word.startswith(sign)), "")
    return command == "materialize" and number.isdecimal() and int(number) > 0
