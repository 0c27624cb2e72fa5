"""Holders: one watcher for an asset, several watchers for one project.

    .assetbuild/watchers/lock    flock; held while one looks who else watches
    .assetbuild/watchers/PID     flock; held while the watcher lives: one JSON object with its process and its assets

The kernel drops the lock of a dead watcher, and the next one removes its file.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assetbuild.errors import BusyError, Problem, RecordError

__all__ = ["Holder"]

_SHOWN = 5


class Holder:
    """Says to others which assets this watcher watches, for as long as it lives."""

    def __init__(self, state_folder: Path, selection: tuple[str, ...]) -> None:
        """Say nothing yet."""
        self._folder = state_folder / "watchers"
        self._own = self._folder / f"{os.getpid()}"
        self._selection = selection
        self._assets: frozenset[str] | None = None
        self._descriptor = -1

    def take(self, assets: frozenset[str]) -> None:
        """Be the watcher of these assets; raise BusyError when another is."""
        if assets == self._assets:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _locked(self._folder / "lock"):
                _check_others(self._folder, assets)
                self._write(assets)
        except OSError as error:
            advice = "Check the folder's permissions and the free space of the disk."
            headline = f"the project folder cannot be written: {error.strerror}"
            raise RecordError(Problem(headline, (("file", str(self._folder)),), advice)) from error
        self._assets = assets

    def _write(self, assets: frozenset[str]) -> None:
        if self._descriptor < 0:
            self._descriptor = os.open(self._own, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        said = {"pid": os.getpid(), "selection": list(self._selection), "assets": sorted(assets)}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(said).encode(), 0)

    def close(self) -> None:
        """Watch no longer."""
        if self._descriptor >= 0:
            self._own.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def _check_others(folder: Path, assets: frozenset[str]) -> None:
    for path in folder.iterdir():
        if not path.name.isdecimal() or path.name == str(os.getpid()):
            continue
        with suppress(FileNotFoundError), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                said = json.loads(file.read())
                _check_other(said, assets)
            else:
                path.unlink(missing_ok=True)  # of a dead one


def _check_other(said: dict[str, list[str]], assets: frozenset[str]) -> None:
    both = sorted(assets & set(said["assets"]))
    if not both:
        return
    shown = ", ".join(both[:_SHOWN]) + (f" and {len(both) - _SHOWN:,} more" if len(both) > _SHOWN else "")
    selection = " ".join(said["selection"]) or "all assets"
    raise BusyError(
        Problem(
            "another watcher is at work on these assets",
            (("holder", f"pid {said['pid']}, watching {selection}"), ("assets", shown)),
            "Use that one, end it, or watch other assets.",
        )
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
