"""Content-addressed objects: every value that was ever written, once, under the hash of its bytes.

    .assetbuild/objects/ab/ab34...ef.parquet     a file, or a folder, that never changes
    .assetbuild/tmp/LABEL-HOST-PID-N             being written by process PID

A value is written to a staging path first and then moved here by one rename,
so an object is either whole or not there. Objects are not flushed to the disk
one by one (1 to 2 ms each): after a power cut one can be short, which its hash
tells, and no object is published without that check.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import xxhash

from assetbuild.declare.keys import path_part
from assetbuild.fingerprint.data.files import file_hash, tree_hash
from assetbuild.record.lock import is_alive
from assetbuild.store.failures import storing

__all__ = ["Objects", "content_hash", "discard", "extension_of", "is_alive", "replace_file"]

_READ_ONLY: Final = 0o444
_LABEL_LENGTH: Final = 60
_HOST: Final = path_part(os.uname().nodename).replace("-", "_")[:40] or "localhost"


def content_hash(path: Path) -> str:
    """Return the hash of a file's bytes, or of all that is in a folder: the name of its object."""
    return tree_hash(path) if stat.S_ISDIR(os.stat(path).st_mode) else file_hash(path)


def extension_of(name: str) -> str:
    """Return the extension of an object's name, without the dot."""
    return name.partition(".")[2]


class Objects:
    """The objects of one project. Any number of processes may use one folder at once."""

    _count = itertools.count()

    def __init__(self, folder: Path) -> None:
        """Take ``.assetbuild/objects``; folders are made when first written to."""
        self.folder = folder
        self._folder = os.fspath(folder)
        self.staging_folder = folder.parent / "tmp"
        self._staging = os.fspath(self.staging_folder)
        self._made: set[str] = set()
        self._trusted: dict[str, tuple[int, ...]] = {}

    def staging(self, label: str) -> Path:
        """Return a new path to write a value to; nothing is there yet, but its folder is."""
        if "tmp" not in self._made:
            with storing("make the folder", self.staging_folder):
                self.staging_folder.mkdir(parents=True, exist_ok=True)
            self._made.add("tmp")
        name = path_part(label)[:_LABEL_LENGTH]
        return Path(f"{self._staging}/{name}-{_HOST}-{os.getpid()}-{next(self._count)}")

    def add(self, staged: Path, extension: str, data: memoryview | None = None) -> str:
        """Move a staged file or folder in as an object, and return its name; an equal object is kept instead.

        ``data`` is the bytes of the file, for a caller who has them in memory.
        """
        with storing("keep the object", staged):
            is_folder = data is None and staged.is_dir()
            if data is not None:
                digest = xxhash.xxh3_128_hexdigest(data)
            else:
                digest = tree_hash(staged) if is_folder else file_hash(staged)
            name = f"{digest}.{extension}" if extension else digest
            path = self._path(name)
            if os.path.lexists(path):
                if content_hash(Path(path)) == digest:
                    discard(staged)
                    return name
                if is_folder or os.path.isdir(path):
                    discard(Path(path))  # damaged since it was written: the new one mends it, a file in one step
            _seal(staged, is_folder=is_folder)
            if name[:2] not in self._made:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                self._made.add(name[:2])
            try:
                os.rename(staged, path)
            except OSError:
                if not os.path.exists(path):  # another process was first: its object is the same
                    raise
                discard(staged)
        return name

    def path(self, name: str) -> Path:
        """Return where the object lies, or would lie."""
        return Path(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name[:2]}/{name}"

    def has(self, name: str) -> bool:
        """Return whether there is such an object; its content is not looked at."""
        return self.path(name).exists()

    def verify(self, name: str) -> bool:
        """Return whether the object is there and its content is what its name says."""
        try:
            return content_hash(self.path(name)) == name.partition(".")[0]
        except OSError:
            return False

    def read(self, name: str, most_bytes: int) -> memoryview | None:
        """Return the bytes of an object that is a file up to this size and whole; None for any other."""
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return None
        try:
            data = os.read(descriptor, most_bytes + 1)
        except OSError:  # a folder
            return None
        finally:
            os.close(descriptor)
        if len(data) > most_bytes or xxhash.xxh3_128_hexdigest(data) != name.partition(".")[0]:
            return None
        return memoryview(data)

    def trust(self, name: str) -> bool:
        """Return whether the object may be loaded: verified when its content is new to this process, else by a stat."""
        try:
            said = os.stat(self._path(name))
        except OSError:
            return False
        stamp = (said.st_ino, said.st_size, said.st_mtime_ns, said.st_ctime_ns)
        if stat.S_ISDIR(said.st_mode) or self._trusted.get(name) != stamp:
            if not self.verify(name):
                return False
            self._trusted[name] = stamp
        return True

    def discard(self, name: str) -> None:
        """Remove an object; none is no error."""
        with storing("remove the object", self.path(name)):
            discard(self.path(name))

    def names(self) -> Iterator[str]:
        """Yield the names of all objects, sorted."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(os.listdir(folder))

    def size(self, name: str) -> int:
        """Return the bytes that an object takes."""
        path = self.path(name)
        if path.is_dir():
            return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return path.stat().st_size

    def sweep(self) -> int:
        """Remove what dead processes left half-written, and return how many paths that were."""
        swept = 0
        try:
            left = os.listdir(self.staging_folder)
        except OSError:
            return 0
        for name in left:
            *_, host, process, _ = ("", "", *name.rsplit("-", 3))
            if host == _HOST and process.isdecimal() and not is_alive(int(process)):
                with suppress(OSError):  # another process sweeps as well; what stays is tried again
                    discard(self.staging_folder / name)
                    swept += 1
        return swept


def replace_file(path: Path, *chunks: bytes) -> None:
    """Write a file of the state folder in one step, staged where the next build sweeps what a killed one left.

    Raises OSError, and then the file is as it was.
    """
    staged = path.parent / "tmp" / f"{path.name}-{_HOST}-{os.getpid()}-{next(Objects._count)}"  # noqa: SLF001  # one count
    try:
        with suppress(FileExistsError):
            staged.parent.mkdir()
        with staged.open("wb") as file:
            file.writelines(chunks)
        staged.replace(path)
    except OSError:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
        raise


def discard(path: Path) -> None:
    """Remove a file or a folder; nothing there is no error."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except OSError:  # a folder: EISDIR on Linux, EPERM on macOS
        if not path.is_dir() or path.is_symlink():
            raise
        shutil.rmtree(path)


def _seal(path: Path, *, is_folder: bool) -> None:
    """Take away write permission from the files, as a guard against accidents."""
    if is_folder:
        for parent, _, files in os.walk(path):
            for file in files:
                os.chmod(os.path.join(parent, file), _READ_ONLY)
    else:
        os.chmod(path, _READ_ONLY)
