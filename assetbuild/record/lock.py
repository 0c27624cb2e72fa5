"""The build lock: one builder at a time in a project, named, and gone with its process.

``flock`` on ``.assetbuild/build.lock``: the kernel drops it when the holder dies, so nobody ever has to unlock by hand.
The file's text names the holder for the one who waits; it is information, not the lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assetbuild.errors import BusyError, Problem, RecordError

__all__ = ["build_lock"]


@contextmanager
def build_lock(path: Path, *, wait: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock while the block runs. ``on_wait`` is told the holder once; without ``wait``, BusyError names it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise RecordError(
            Problem(
                f"the project folder cannot be written: {error.strerror}",
                (("file", str(path)),),
                "Check the folder's permissions and the free space of the disk.",
            )
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            if not wait:
                raise BusyError(
                    Problem(
                        "another build is running in this project",
                        (("holder", holder),),
                        "Wait for it, or drop --no-wait.",
                    )
                ) from None
            on_wait(holder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode(), 0)
        except OSError:
            pass  # A full disk: the lock holds, only its name is missing.
        yield
    finally:
        os.close(descriptor)
