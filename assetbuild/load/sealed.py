"""Sealed files of the state folder: a header line, the hash of the rest, and marshalled data.

Marshal is the fastest way to read a hundred thousand small values, and trusts what it reads; so nothing is read that is
not, byte for byte, what this program wrote under this header. Importing this module costs next to nothing.
"""

from __future__ import annotations

import marshal
import os

import xxhash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["read_sealed", "write_sealed"]

_HASH_LENGTH = 32


def read_sealed(path: str | os.PathLike[str], header: bytes) -> Any:  # as it was written
    """Return the data of a file; None where there is none, it is damaged, or it has another header line."""
    try:
        with open(path, "rb") as file:
            if file.readline() != header:
                return None
            expected, data = file.read(_HASH_LENGTH), file.read()
    except OSError:
        return None
    if xxhash.xxh3_128_hexdigest(data).encode() != expected:
        return None
    try:
        return marshal.loads(data)  # noqa: S302  # our own file, and whole
    except (ValueError, TypeError, EOFError):
        return None


def write_sealed(path: Path, header: bytes, content: object) -> None:
    """Write data under a header line, in one step. Raises OSError, and ValueError for what cannot be marshalled."""
    from assetbuild.store.objects import replace_file  # noqa: PLC0415  # what only reads needs it not

    data = marshal.dumps(content)  # type: ignore[arg-type]  # plain data throughout
    replace_file(path, b"".join((header, xxhash.xxh3_128_hexdigest(data).encode(), data)))
