"""Screens to render on, and golden texts to compare with: ``ASSETBUILD_UPDATE_GOLDEN=1`` writes them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assetbuild.cli.terminal import Terminal

GOLDEN = Path(__file__).parent / "golden"


class Screen(io.StringIO):
    """A stream that may call itself a terminal."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def written(terminal: Terminal) -> str:
    """Return what was written to stdout."""
    assert isinstance(terminal.stdout, Screen)
    return terminal.stdout.getvalue()


@pytest.fixture
def pipe() -> Terminal:
    """Output that goes to a file or a pipe."""
    return Terminal(Screen(), Screen(), environment={})


@pytest.fixture
def narrow() -> Terminal:
    """A colour terminal of 60 columns."""
    return Terminal(Screen(is_terminal=True), Screen(is_terminal=True), environment={"TERM": "xterm"}, width=60)


@pytest.fixture
def golden() -> Callable[[str, list[str]], None]:
    """Compare lines with the golden text of a name."""

    def compare(name: str, lines: list[str]) -> None:
        path = GOLDEN / f"{name}.txt"
        text = "".join(f"{line}\n" for line in lines).replace("\x1b", "\\e")
        if os.environ.get("ASSETBUILD_UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
