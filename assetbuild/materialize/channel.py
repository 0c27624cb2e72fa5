"""A worker's end of the pipe to its parent, which holds a ``multiprocessing.connection.Connection``.

The protocol is that of a Connection: each message after its length in four bytes, big-endian. Apart from that module,
because it imports what a worker has no use for, for a tenth of the time in which one is ready.
"""

from __future__ import annotations

import os
import struct

__all__ = ["Channel"]

_LENGTH = struct.Struct("!i")
_LONG = struct.Struct("!Q")
_MOST = 0x7FFFFFFF


class Channel:
    """One end of a stream socket that carries whole messages."""

    def __init__(self, descriptor: int) -> None:
        """Take an open file descriptor."""
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def send_bytes(self, message: bytes) -> None:
        """Send a message. Raises OSError when the other end is closed."""
        size = len(message)
        head = _LENGTH.pack(size) if size <= _MOST else _LENGTH.pack(-1) + _LONG.pack(size)
        left = memoryview(head + message)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def recv_bytes(self) -> bytes:
        """Return the next message; wait for it. Raises EOFError when the other end is closed."""
        (size,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if size == -1:
            (size,) = _LONG.unpack(self._exactly(_LONG.size))
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            part = os.read(self._descriptor, size - len(found))
            if not part:
                raise EOFError
            found += part
        return bytes(found)
