"""Tasks in threads of one worker process, for assets whose work releases the GIL (``executor="thread"``).

They share the process: one copy of the libraries, and tables in memory for all. So they share its folder, environment
and fate, too. What such an asset prints, logs or warns is caught by streams that look which thread writes; what native
code and child processes write to the file descriptors, and threads that the asset starts, cannot be told apart and is
not kept.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from assetbuild.materialize.channel import Channel
from assetbuild.materialize.mailbox import Mailbox
from assetbuild.materialize.service import Service
from assetbuild.materialize.task import Task

__all__ = ["ThreadedService"]


class ThreadedService(Service):
    """Runs each task in a thread of its own."""

    def __init__(self, pipe: Channel, mailbox: Mailbox, nowhere: int) -> None:
        """Take the pipe to the parent."""
        super().__init__(pipe, mailbox, nowhere)
        self._sending = threading.Lock()
        self._out, self._err = _PerThread(sys.stdout), _PerThread(sys.stderr)
        sys.stdout, sys.stderr = cast("TextIO", self._out), cast("TextIO", self._err)

    def run(self, number: int, task: Task) -> None:
        """Start the task."""
        threading.Thread(target=self._run_here, args=(number, task), name=task.asset, daemon=True).start()

    def send(self, number: int, message: object) -> None:
        """Send a message, whole, whatever the other threads send."""
        with self._sending:
            super().send(number, message)

    def _run_here(self, number: int, task: Task) -> None:
        with self._captured(task.log):
            result = self.result_of(number, task)
        self.send(number, result)

    @contextmanager
    def _captured(self, log: str | None) -> Iterator[None]:
        stream = None
        if log is not None:
            with suppress(OSError):  # a full disk: the asset may still have something to say that is no output
                stream = open(log, "a", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115  # closed below
        self._out.use(stream)
        self._err.use(stream)
        try:
            yield
        finally:
            if stream is not None:
                with suppress(OSError):
                    stream.close()


class _PerThread:
    """A text stream that is another one in each thread."""

    def __init__(self, otherwise: TextIO) -> None:
        self._otherwise = otherwise
        self._local = threading.local()

    def use(self, stream: TextIO | None) -> None:
        """Write to this stream in this thread."""
        self._local.stream = stream

    def _stream(self) -> TextIO:
        return getattr(self._local, "stream", None) or self._otherwise

    def write(self, text: str) -> int:
        return self._stream().write(text)

    def flush(self) -> None:
        self._stream().flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)
