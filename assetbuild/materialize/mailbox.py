"""A box beside each worker for the task that comes next, so that it need not wait for the main process in between.

What lies in it can be taken back until the worker takes it: a task never has to wait behind one that takes long. Both
sides read from the same end of a datagram socket, and the kernel gives each message to one of them.
"""

from __future__ import annotations

import select
import socket

TYPE_CHECKING = False  # that of 'typing' takes as long as the rest of this module
if TYPE_CHECKING:
    from typing import Self

__all__ = ["Mailbox"]

_MOST_BYTES = 1 << 18


class Mailbox:
    """Holds one message at a time. The parent has both ends, a worker the one that is read from."""

    def __init__(self, reader: socket.socket, writer: socket.socket | None = None) -> None:
        """Take the ends; use ``new``, or ``of`` in a worker."""
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray(_MOST_BYTES)  # made once: a new one costs ten times as much as the call
        self._poll = select.poll()
        self._poll.register(reader.fileno(), select.POLLIN)

    @classmethod
    def new(cls) -> Self:
        """Return an empty box."""
        writer, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        writer.setblocking(False)  # noqa: FBT003  # takes no keywords
        reader.setblocking(False)  # noqa: FBT003  # for all who hold this end
        return cls(reader, writer)

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Return the box whose reading end was inherited."""
        return cls(socket.socket(fileno=descriptor))

    def fileno(self) -> int:
        """Return the descriptor that becomes ready when there is a message."""
        return self._reader.fileno()

    def __bool__(self) -> bool:
        """Return whether a message lies in it now."""
        return bool(self._poll.poll(0))

    def put(self, message: bytes) -> bool:
        """Put a message into the empty box; return False when it does not fit."""
        assert self._writer is not None  # noqa: S101  # the parent's
        try:
            self._writer.send(message)
        except OSError:  # too long for a datagram: 2 KB on macOS, 200 on Linux
            return False
        return True

    def take(self) -> bytes | None:
        """Take the message out; return None when there is none, or somebody else was faster."""
        try:
            return bytes(memoryview(self._buffer)[: self._reader.recv_into(self._buffer)])
        except BlockingIOError:
            return None

    def close(self) -> None:
        """Close the ends that this process has."""
        self._reader.close()
        if self._writer is not None:
            self._writer.close()
