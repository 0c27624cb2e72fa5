"""The part of a terminal that is drawn anew several times a second, below lines that scroll by.

Imports ``rich``, which costs 100 ms, so it is imported when there is something to draw and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from assetbuild.cli.formats import duration
from assetbuild.cli.terminal import Terminal

__all__ = ["LiveScreen", "last_time_text", "progress_text"]

_WORTH_TELLING_S = 1.0


class LiveScreen:
    """Draws on the stream that is the terminal: stdout, or stderr under ``--json``."""

    def __init__(self, terminal: Terminal, draw: Callable[[int, int], list[str]], *, per_second: int) -> None:
        """Begin to draw the lines that ``draw`` returns for so many columns and lines."""
        self._draw = draw
        self._console = Console(
            file=terminal.stderr if terminal.as_json else terminal.stdout,
            force_terminal=True,
            color_system="standard" if terminal.colour else None,
            no_color=not terminal.colour,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._live = Live(
            get_renderable=self._drawn,
            console=self._console,
            refresh_per_second=per_second,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        self._console.show_cursor(True)  # noqa: FBT003  # a second Ctrl-C ends the process at once, without a clean-up

    def scroll(self, lines: Iterable[str]) -> None:
        """Let lines scroll by above what is drawn."""
        for line in lines:
            self._console.print(Text.from_ansi(line), soft_wrap=True)

    def refresh(self) -> None:
        """Draw now."""
        self._live.refresh()

    def close(self) -> None:
        """Take away what is drawn, and leave the lines."""
        self._live.stop()

    def _drawn(self) -> Text:
        lines = self._draw(self._console.width - 1, self._console.height)
        return Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop")


def progress_text(done: float, total: float | None) -> str:
    """Return how far a running asset says that it is."""
    if not total:
        return f"{done:,g}" if total is None else f"{done:,g} of {total:,g}"
    return f"{done:,g} of {total:,g}  {100 * done / total:.0f} %"


def last_time_text(expected_s: float | None) -> str:
    """Return how long an asset took last time, where that is worth a word."""
    return f"took {duration(expected_s)} last time" if expected_s and expected_s >= _WORTH_TELLING_S else ""
