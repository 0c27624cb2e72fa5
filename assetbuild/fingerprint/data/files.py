"""The data version of bytes, text, JSON, files and folders: a hash of the bytes, and of the names in a folder."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, Final

import xxhash

from assetbuild.fingerprint.encoding import digest

__all__ = [
    "bytes_version",
    "canonical_json",
    "file_hash",
    "file_version",
    "json_version",
    "json_version_of",
    "text_version",
    "tree_hash",
    "tree_version",
]

_BLOCK_BYTES: Final = 1 << 20
"""Read at a time: large enough to hide the calls, small enough to be hashed while still in the cache.

Memory-mapping is a little faster, but a file that shrinks while it is read then kills the process.
"""


def bytes_version(data: bytes) -> str:
    """Return the data version of bytes."""
    return digest("bytes", xxhash.xxh3_128_hexdigest(data))


def text_version(text: str) -> str:
    """Return the data version of text."""
    return digest("text", xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")))


def json_version(value: Any) -> str:
    """Return the data version of a JSON value; the order of keys counts, since a reader sees it."""
    return json_version_of(canonical_json(value))


def json_version_of(canonical: bytes) -> str:
    """Return the data version of a JSON value that is given as ``canonical_json``."""
    return digest("json", xxhash.xxh3_128_hexdigest(canonical))


def canonical_json(value: Any) -> bytes:
    """Return a value as readable JSON, always the same bytes for the same value.

    Raises TypeError or ValueError for what JSON cannot hold: NaN, infinities, keys that are not text.
    """
    _check_keys(value)
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except UnicodeEncodeError:  # half a surrogate pair has no UTF-8
        return (json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()


def file_version(path: str | os.PathLike[str]) -> str:
    """Return the data version of a file: its bytes alone, not its name, times or permissions."""
    return digest("file", file_hash(path))


def tree_version(folder: str | os.PathLike[str]) -> str:
    """Return the data version of a folder: the names in it, and the bytes of its files; links are followed."""
    return digest("tree", tree_hash(folder))


def file_hash(path: str | os.PathLike[str]) -> str:
    """Return the xxh3_128 of a file's bytes; raise OSError also for what has no end: a pipe or a device."""
    state = xxhash.xxh3_128()
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # which waits for nobody who writes into a pipe
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
        first = os.read(descriptor, _BLOCK_BYTES)
        state.update(first)
        if len(first) == _BLOCK_BYTES:
            buffer = memoryview(bytearray(_BLOCK_BYTES))
            while size := os.readv(descriptor, [buffer]):
                state.update(buffer[:size])
    finally:
        os.close(descriptor)
    return state.hexdigest()


def tree_hash(folder: str | os.PathLike[str]) -> str:
    """Return a hash of the sorted relative paths in a folder and the bytes of the files; an empty folder counts."""
    root = Path(folder)
    entries: list[list[str]] = []
    for path, folders, files in os.walk(root, followlinks=True, onerror=_raise):
        place = Path(path).relative_to(root)
        if not folders and not files and place.parts:
            entries.append([place.as_posix(), "folder"])
        entries.extend([(place / name).as_posix(), file_hash(Path(path, name))] for name in files)
    return digest("tree content", [list(entry) for entry in sorted(entries)])


def _raise(error: OSError) -> None:
    raise error


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                message = f"the key {key!r} is not text, and JSON would turn it into text"
                raise TypeError(message)
            _check_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)
