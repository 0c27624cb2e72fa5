"""Where the command line writes: results to stdout, notes to stderr, in colour or plain.

A command decides what to say; this module decides whether it may be coloured and how wide it may be.
Results are never cut or coloured when they go to a pipe or a file, so that they can be compared and searched.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from assetbuild.cli.formats import cell_width, clip

__all__ = ["Cell", "Terminal", "terminal_of_process"]

Cell = str | tuple[str, str]
"""Text, or text with the name of a style."""

_STYLES: Mapping[str, Mapping[str, Any]] = {
    "fresh": {"fg": "green"},
    "stale": {"fg": "yellow"},
    "missing": {"fg": "cyan"},
    "pending": {"fg": "blue"},
    "built": {"fg": "green"},
    "restored": {"fg": "cyan"},
    "failed": {"fg": "red", "bold": True},
    "skipped": {"fg": "yellow"},
    "retry": {"fg": "yellow"},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "note": {"fg": "blue"},
    "ok": {"fg": "green"},
    "success": {"fg": "green"},
    "interrupted": {"fg": "yellow"},
    "running": {"fg": "blue"},
    "title": {"bold": True},
    "faint": {"dim": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "hunk": {"fg": "cyan"},
}


class Terminal:
    """The two streams of one command, with what is known about them."""

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        *,
        environment: Mapping[str, str],
        as_json: bool = False,
        width: int | None = None,
    ) -> None:
        """Take the streams; colour and width follow from them and the environment."""
        self.stdout = stdout
        self.stderr = stderr
        self.as_json = as_json
        self.is_terminal = stdout.isatty()
        self.is_dumb = environment.get("TERM") == "dumb"
        self.colour = _colour(self.is_terminal, environment)
        self._colour_stderr = _colour(stderr.isatty(), environment)
        self._width = width
        self._warned: set[str] = set()
        self._closed: set[TextIO] = set()
        self.output_lost = ""

    @property
    def width(self) -> int | None:
        """Return the columns that a line may take; None for a pipe or a file, where nothing is cut."""
        if self._width is not None or not self.is_terminal:
            return self._width
        return max(shutil.get_terminal_size().columns, 40)

    def style(self, text: str, name: str) -> str:
        """Return the text in one of the named styles, or plain."""
        return _styled(text, name) if self.colour and name in _STYLES else text

    def print(self, *lines: str) -> None:
        """Write result lines for people; nothing under ``--json``."""
        if not self.as_json:
            self._write(self.stdout, "".join(f"{line}\n" for line in lines))

    def text(self, text: str) -> None:
        """Write captured text as it is."""
        if not self.as_json and text:
            self._write(self.stdout, text if self.colour else _plain(text))

    def json(self, document: object) -> None:
        """Write the one document of ``--json``: on one line for programs, indented for people."""
        # Indenting takes four times as long, 150 ms for 10,000 assets.
        encoding = (getattr(self.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
        text = json.dumps(document, ensure_ascii=encoding != "utf8", indent=2 if self.is_terminal else None)
        self._write(self.stdout, text + "\n")

    def note(self, text: str) -> None:
        """Write a line to stderr."""
        self._write(self.stderr, text + "\n")

    def warn(self, warnings: Iterable[str]) -> None:
        """Write warnings to stderr, each once."""
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self.note(self.on_stderr("warning:", "warning") + f" {warning}")

    def on_stderr(self, text: str, name: str) -> str:
        """Return the text styled for stderr."""
        return _styled(text, name) if self._colour_stderr else text

    def table(self, rows: Sequence[Sequence[Cell]], *, indent: str = "", cut: bool = True) -> list[str]:
        """Return aligned lines; a cell is text, or text with the name of a style.

        With ``cut``, the last cell of a row ends at the width of the terminal; the others keep their size.
        """
        width = self.width if cut else None
        table = [[cell if isinstance(cell, tuple) else (cell, "") for cell in row] for row in rows]
        columns = max(map(len, table), default=0)
        widths = [max((cell_width(row[n][0]) for row in table if len(row) > n + 1), default=0) for n in range(columns)]
        return [self._row(row, widths, indent, width) for row in table]

    def _row(self, row: Sequence[tuple[str, str]], widths: Sequence[int], indent: str, width: int | None) -> str:
        shown, column = indent, len(indent)
        for number, (text, style) in enumerate(row):
            if number == len(row) - 1:
                kept = text if width is None else clip(text, max(width - column, 12))
                return (shown + self.style(kept, style)).rstrip()
            shown += self.style(text, style) + " " * (widths[number] - cell_width(text) + 2)
            column += widths[number] + 2
        return shown.rstrip()

    def _write(self, stream: TextIO, text: str) -> None:
        """Write, and go on in silence when the reader is gone: ``| head`` must not stop a build."""
        if stream in self._closed:
            return
        try:
            stream.write(text)
            stream.flush()
        except OSError as error:
            self._closed.add(stream)
            if error.errno != errno.EPIPE:
                self.output_lost = error.strerror or str(error)
            _let_go(stream)


@contextmanager
def terminal_of_process(*, as_json: bool) -> Iterator[Terminal]:
    """Give the terminal of this process's standard streams.

    Under ``--json`` stdout is set aside for the document, and whatever else is written there, by a user's module
    or by native code, goes to stderr.
    """
    _fill_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name with broken bytes must not end a listing
            stream.reconfigure(errors="backslashreplace")
    descriptors = _descriptors() if as_json else None
    if descriptors is None:
        yield Terminal(sys.stdout, sys.stderr, environment=os.environ, as_json=as_json)
        return
    out, err = descriptors
    sys.stdout.flush()
    kept = os.dup(out)
    try:
        os.dup2(err, out)
        with open(kept, "w", encoding=sys.stdout.encoding, errors="backslashreplace", closefd=False) as document:
            yield Terminal(document, sys.stderr, environment=os.environ, as_json=True)
    finally:
        sys.stdout.flush()
        os.dup2(kept, out)
        os.close(kept)


def _styled(text: str, name: str) -> str:
    import click  # noqa: PLC0415  # 30 ms, which a build without colours is spared

    return click.style(text, **_STYLES[name])


def _plain(text: str) -> str:
    import click  # noqa: PLC0415  # as above

    return click.unstyle(text)


def _fill_closed() -> None:
    """Open standard streams that the caller closed on nothing; else the state database could become descriptor 1."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as the process
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _descriptors() -> tuple[int, int] | None:
    try:
        return sys.stdout.fileno(), sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # not real files, as under a test
        return None


def _let_go(stream: TextIO) -> None:
    """Point the stream at nothing, so that Python's own flush at the end has nowhere to fail."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _colour(is_terminal: bool, environment: Mapping[str, str]) -> bool:  # noqa: FBT001  # one of two plain facts
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return is_terminal and environment.get("TERM") != "dumb"
