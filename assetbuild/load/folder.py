"""The folder in which the project's code runs: the project's own, wherever the command was called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["working_in"]


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in a folder, and go back to where the process was, if that is still there."""
    before = None
    with suppress(FileNotFoundError):
        before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                os.chdir(before)
