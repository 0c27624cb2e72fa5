"""Turn what the operating system says about a failed write or read into a StoreError that says what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from assetbuild.errors import Problem, StoreError

__all__ = ["damaged_object", "full_disk", "store_error", "storing", "write_bytes"]

_ADVICE: Final = {
    errno.ENOSPC: "Free some space (assetbuild gc removes old objects), then build again.",
    errno.EDQUOT: "Free some of your quota (assetbuild gc removes old objects), then build again.",
    errno.EACCES: "Give yourself permission to write there, then build again.",
    errno.EPERM: "Give yourself permission to write there, then build again.",
    errno.EROFS: "Make the folder writable, or work on a copy of the project.",
    errno.ENAMETOOLONG: "Use a shorter asset key.",
}
_SAYS: Final = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
}


def store_error(*, doing: str, path: Path | str, error: OSError) -> StoreError:
    """Return the error for a failed step: ``doing`` is its name, as in 'write', and ``path`` what it was about."""
    code = error.errno or 0
    says = _SAYS.get(code) or error.strerror or str(error)
    return StoreError(Problem(f"cannot {doing} '{path}'", (("reason", says),), _ADVICE.get(code, "")))


@contextmanager
def storing(doing: str, path: Path | str) -> Iterator[None]:
    """Raise any OSError inside the block as the StoreError that tells of it."""
    try:
        yield
    except OSError as error:
        raise store_error(doing=doing, path=path, error=error) from error


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a new file whole; raise StoreError, and leave nothing, when that fails."""
    with storing("write", path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o666)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise


def full_disk(error: OSError) -> bool:
    """Return whether an error means that there is no room to write, whoever tried."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def damaged_object(path: Path, found: str) -> StoreError:
    """Return the error for an object whose content is not what its name says."""
    return StoreError(
        Problem(
            f"damaged object '{path.name}'",
            (("at", str(path)), ("content", found)),
            "Nothing was replaced. Delete the object and build again: the asset will be computed anew.",
        )
    )
