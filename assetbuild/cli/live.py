"""The live view of a build in a terminal: one line per running asset, and how far the whole is.

Finished assets scroll by above it, unless there are so many that only failures are worth a line. Imports
``rich`` with ``screen.py``, so it is imported when the first asset starts and not before.
"""

from __future__ import annotations

import time

from assetbuild.cli.formats import clip, duration, padded
from assetbuild.cli.plans import label
from assetbuild.cli.progress import BuildLines, stopping_line
from assetbuild.cli.screen import LiveScreen, last_time_text, progress_text
from assetbuild.cli.terminal import Terminal
from assetbuild.dataclass import dataclass
from assetbuild.materialize.events import AssetFinished, AssetProgress, AssetStarted, Event, RunStopping

__all__ = ["LiveView"]

_SCROLLED = 200  # with more planned steps than this, built assets are counted and not listed
_RUNNING_SHOWN = 12
_BAR_CELLS = 24
_WIDE = 100
_GUESS_AFTER_S = 2.0
_GUESS_AFTER_ASSETS = 3


@dataclass
class _Running:
    since: float
    text: str


class LiveView:
    """Draws the running part of a build below the lines of its finished part."""

    def __init__(self, terminal: Terminal, lines: BuildLines) -> None:
        """Begin to draw."""
        self._terminal = terminal
        self._lines = lines
        self._running: dict[tuple[str, str | None], _Running] = {}
        self._begun = time.monotonic()
        self._done = 0
        self._failed = 0
        self._screen = LiveScreen(terminal, self._drawn, per_second=8)

    def __call__(self, event: Event) -> None:
        """Take an event into the view, and scroll its lines by above it."""
        if isinstance(event, AssetStarted):
            self._running[event.asset, event.partition] = _Running(time.monotonic(), last_time_text(event.expected_s))
        elif isinstance(event, AssetProgress):
            if running := self._running.get((event.asset, event.partition)):
                running.text = progress_text(event.done, event.total)
        elif isinstance(event, AssetFinished):
            key = (event.outcome.asset, event.outcome.partition)
            self._running.pop(key, None)
            self._done += key in self._lines.planned
            self._failed += event.outcome.outcome == "failed"
        elif isinstance(event, RunStopping):
            self._screen.scroll([stopping_line(event)])
        lines = self._lines.lines(event)
        if not self._terminal.as_json and not (self._is_crowded and _is_good(event)):
            self._screen.scroll(lines)

    def close(self) -> None:
        """Take the view away and leave the lines."""
        if not self._terminal.as_json:
            self._screen.scroll(self._lines.left_out())
        self._screen.close()

    @property
    def _is_crowded(self) -> bool:
        return len(self._lines.planned) > _SCROLLED

    def _drawn(self, width: int, height: int) -> list[str]:
        running = list(self._running.items())[: max(1, min(_RUNNING_SHOWN, height - 4))]
        names = max((len(label(*key)) for key, _ in running), default=0)
        name_width = max(self._lines.width, min(names, 40))
        now = time.monotonic()
        lines = [self._running_line(label(*key), state, now, name_width, width) for key, state in running]
        if len(self._running) > len(running):
            lines.append(f"  and {len(self._running) - len(running)} more are running")
        return [*lines, clip(self._whole(now, _BAR_CELLS if width > _WIDE else _BAR_CELLS // 2), width)]

    def _running_line(self, name: str, state: _Running, now: float, name_width: int, width: int) -> str:
        took = duration(now - state.since)
        plain = clip(f"{padded(name, name_width)}  {took:>8}  {state.text}".rstrip(), width - 12)
        return f"  {self._terminal.style(padded('running', 8), 'running')}  {plain}"

    def _whole(self, now: float, cells: int) -> str:
        planned = len(self._lines.planned)
        share = self._done / planned if planned else 0.0
        filled = round(cells * share)
        said = [f"{self._done:,} of {planned:,}", f"{len(self._running)} running"]
        if self._failed:
            said.append(f"{self._failed:,} failed")
        passed = now - self._begun
        if self._done >= _GUESS_AFTER_ASSETS and passed > _GUESS_AFTER_S and self._done < planned:
            said.append(f"about {duration(passed / self._done * (planned - self._done))} left")
        return f"  [{'#' * filled}{'.' * (cells - filled)}]  {', '.join(said)}, {duration(passed)}"


def _is_good(event: Event) -> bool:
    return isinstance(event, AssetFinished) and event.outcome.outcome in {"built", "restored", "fresh"}
