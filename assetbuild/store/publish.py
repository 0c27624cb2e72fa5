"""Publish an object as a plain file or folder in the warehouse, where any tool can read it.

The published value is a *copy* of the object, never a hard link: whatever
happens to it later must not reach the object. It is written beside its place
under a temporary name, its content checked against the object's name while it
is copied, and put in place by one atomic rename. So a reader sees the old
value or the new one, and a damaged object replaces nothing.

A stamp is text with what a ``stat`` says (size, times, inode): equal stamps mean
that nobody has touched the value, different ones that it must be read again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import xxhash

from assetbuild.declare.keys import path_part
from assetbuild.fingerprint.encoding import digest
from assetbuild.record.faults import reach
from assetbuild.record.lock import is_alive
from assetbuild.store.exchange import exchange
from assetbuild.store.failures import damaged_object, store_error, storing
from assetbuild.store.objects import content_hash, discard

if TYPE_CHECKING:
    from assetbuild.store.io import Place

__all__ = [
    "copy_value",
    "file_location",
    "file_stamp",
    "file_stamps",
    "folder_location",
    "location_stamps",
    "path_of",
    "publish_file",
    "remove_file",
    "remove_leftovers",
    "remove_location",
    "same_content",
]

_BLOCK_BYTES: Final = 1 << 20
_SAFE: Final = re.compile(r"[A-Za-z0-9._-]+")
_SEPARATOR: Final = "|"
"""Joins the dimensions of a partition key."""

_SCANNED: Final = 8
"""From this many places in one folder, the folder is scanned."""

_TEMPORARY: Final = re.compile(r"\..*\.(\d+)-\d+(?:\.old)?\.tmp", re.DOTALL)
_count = itertools.count()


def path_of(place: Place) -> Path:
    """Return the path of a value in the warehouse.

    That is ``<key>.<ext>``, of a partition ``<key>/<partition>.<ext>``, or hive-style, where the place has levels,
    ``<key>/<level>=<partition>/data.<ext>`` with one level for each dimension.
    """
    return Path(_path(place))


def file_location(place: Place) -> str:
    """Return the path of a value relative to the folder that holds the warehouse, with forward slashes."""
    return f"{place.warehouse.name}/{_name(place)}"


def folder_location(place: Place) -> str:
    """Return the folder that all partitions of an asset lie in, as ``file_location`` does, with a slash at its end."""
    return f"{place.warehouse.name}/{_key_path(place.asset_key)}/"


# Paths are made of text here, since a plan makes one for each partition: pathlib takes 15 times as long.


def _path(place: Place) -> str:
    return f"{os.fspath(place.warehouse)}/{_name(place)}"


def _name(place: Place) -> str:
    name = _key_path(place.asset_key)
    key = place.partition_key
    if key is not None:
        if not place.levels:
            name = f"{name}/{_partition_part(key)}"
        else:
            parts = key.split(_SEPARATOR) if len(place.levels) > 1 else [key]
            levels = [
                f"{path_part(level)}={_partition_part(part)}" for level, part in zip(place.levels, parts, strict=True)
            ]
            name = "/".join([name, *levels, "data"])
    return f"{name}.{place.extension}" if place.extension else name


@lru_cache(maxsize=4096)
def _key_path(key: str) -> str:
    return "/".join(path_part(part) for part in key.split("/"))


def _partition_part(key: str) -> str:
    """Return a partition key as a file name; no two keys share one."""
    return key if _SAFE.fullmatch(key) else path_part(key)


def publish_file(place: Place, published: Path) -> str:
    """Copy the object at ``published`` to its place by one atomic step; return the new stamp.

    Raises StoreError when the object is damaged or the copy cannot be written;
    what was in the place is then still there.
    """
    target = _path(place)
    folder, name = os.path.split(target)
    staged = f"{folder}/.{name[:60]}.{os.getpid()}-{next(_count)}.tmp"
    is_left = True
    try:
        try:
            found = copy_value(published, staged)
        except FileNotFoundError:
            if not published.exists():
                found = "it is not there"
                raise damaged_object(published, found) from None
            os.makedirs(folder, exist_ok=True)
            found = copy_value(published, staged)
        if found != published.name.partition(".")[0]:
            raise damaged_object(published, f"hashes to {found}")
        reach("in-publish", place.asset_key)
        stamp, is_left = _put_stamped(staged, target)
    except OSError as error:
        raise store_error(doing="publish", path=target, error=error) from error
    finally:
        if is_left:
            with contextlib.suppress(OSError):
                discard(Path(staged))
    return stamp


def copy_value(source: Path, target: str | Path) -> str:
    """Copy a file or folder, following links, and return the hash of what was copied."""
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.stat(os.path.dirname(target))  # copytree would make missing parents
        shutil.copytree(source, target, copy_function=_copy_plain)
        return content_hash(Path(target))
    with open(source, "rb", buffering=0) as reading:
        return _copy_hashed(reading.fileno(), target)


def file_stamp(place: Place) -> str | None:
    """Return the stamp of what lies at the place; None when nothing does."""
    return _path_stamp(_path(place))


def file_stamps(places: Sequence[Place]) -> list[str | None]:
    """Return the stamp of each place, all in one warehouse, scanning a folder once for all places in it."""
    return location_stamps(places[0].warehouse.parent, [file_location(place) for place in places]) if places else []


def location_stamps(root: Path, locations: Sequence[str]) -> list[str | None]:
    """Return the stamp of what lies at each location below ``root``, scanning a folder once for all that lie in it."""
    by_folder: dict[str, list[int]] = {}
    names: list[str] = []
    for index, location in enumerate(locations):
        folder, _, name = location.rpartition("/")
        names.append(name)
        by_folder.setdefault(folder, []).append(index)
    found: list[str | None] = [None] * len(locations)
    for folder, indices in by_folder.items():
        path = f"{root}/{folder}"
        if len(indices) < _SCANNED:
            for index in indices:
                found[index] = _path_stamp(f"{path}/{names[index]}")
            continue
        wanted = {names[index]: index for index in indices}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as scanned:
            for entry in scanned:
                if (place := wanted.get(entry.name)) is not None:
                    found[place] = _entry_stamp(entry)
        if len(wanted) < len(indices):  # a location that is asked for twice
            for index in indices:
                found[index] = found[wanted[names[index]]]
    return found


def same_content(place: Place, published: Path, data_version: str) -> bool:  # noqa: ARG001  # what a manager may compare instead
    """Return whether the published value has the bytes that the object's name promises."""
    path = path_of(place)
    try:
        kind = os.stat(path).st_mode
        is_value = stat.S_ISREG(kind) or stat.S_ISDIR(kind)  # and no pipe, which nobody can read to its end
        return is_value and content_hash(path) == published.name.partition(".")[0]
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise store_error(doing="read", path=path, error=error) from error


def remove_file(place: Place) -> None:
    """Remove the published value, and folders in the warehouse that it leaves empty; nothing there is no error."""
    _remove(path_of(place), place.warehouse)


def remove_location(root: Path, location: str) -> None:
    """Remove a value by the location that was recorded for it, as after an asset changed its extension.

    ``root`` is the folder that locations are relative to. Raises ValueError for a location outside of it.
    """
    path = root / location
    relative = Path(os.path.normpath(path)).relative_to(os.path.normpath(root))
    if len(relative.parts) < 2:  # noqa: PLR2004  # warehouse/<something> at least
        message = f"'{location}' is not the location of a value"
        raise ValueError(message)
    _remove(root / relative, root / relative.parts[0])


def _remove(path: Path, upto: Path) -> None:
    with storing("remove", path):
        with contextlib.suppress(NotADirectoryError):
            discard(path)
        for folder in path.parents:
            if folder == upto:
                return
            try:
                folder.rmdir()
            except OSError:  # not empty, or never there
                return


def _put_stamped(staged: str, target: str) -> tuple[str, bool]:
    """Put a complete value in place; return its stamp, and whether an older one is left under the temporary name.

    The stamp is that of this value, even if another hand is there at once.
    """
    ours = os.stat(staged)
    if stat.S_ISDIR(ours.st_mode):
        stamp = _tree_stamp(Path(staged))
        return stamp, _put(staged, target)
    is_left = _put(staged, target)
    # The change time moves with the rename, so the stamp is taken afterwards; by then somebody may have written there.
    with contextlib.suppress(FileNotFoundError):
        there = os.stat(target)
        if (there.st_ino, there.st_size, there.st_mtime_ns) == (ours.st_ino, ours.st_size, ours.st_mtime_ns):
            return _stamp(there), is_left
    return _stamp(ours), is_left  # that of no file there: the value is looked at again


def _put(staged: str, target: str) -> bool:
    """Put a complete file or folder in place; return whether what was there before now bears the other name."""
    try:
        said = os.lstat(target)
    except FileNotFoundError:
        os.rename(staged, target)
        return False
    # Exchanging the two names takes 0.05 ms, a rename over an old file 2.5 ms on ext4 (it flushes), and a folder
    # that is not empty cannot be renamed over at all.
    if exchange(staged, target):
        return True
    if not stat.S_ISDIR(said.st_mode) and not os.path.isdir(staged):
        os.replace(staged, target)
        return False
    folder, name = os.path.split(target)
    aside = f"{folder}/.{name[:60]}.{os.getpid()}-{next(_count)}.old.tmp"
    os.rename(target, aside)  # POSIX has no atomic step for folders: between these two renames nothing is there
    try:
        os.rename(staged, target)
    except OSError:
        os.rename(aside, target)
        raise
    discard(Path(aside))
    return False


def _copy_hashed(reading: int, target: str | Path) -> str:
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    state = xxhash.xxh3_128()
    try:
        while block := os.read(reading, _BLOCK_BYTES):
            state.update(block)
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(writing, rest) :]
    finally:
        os.close(writing)
    return state.hexdigest()


def _copy_plain(source: str, target: str) -> None:
    with open(source, "rb", buffering=0) as reading:
        _copy_hashed(reading.fileno(), target)


def _path_stamp(path: str) -> str | None:
    try:
        said = os.stat(path)
        return _tree_stamp(Path(path)) if stat.S_ISDIR(said.st_mode) else _stamp(said)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _entry_stamp(entry: os.DirEntry[str]) -> str | None:
    try:
        said = entry.stat()
        return _tree_stamp(Path(entry.path)) if stat.S_ISDIR(said.st_mode) else _stamp(said)
    except FileNotFoundError:  # gone since the folder was opened
        return None


def _stamp(said: os.stat_result) -> str:
    return f"{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns} {said.st_ino}"


def _tree_stamp(folder: Path) -> str:
    entries: list[tuple[str, str]] = []
    waiting = [(folder, "")]
    while waiting:
        path, prefix = waiting.pop()
        with os.scandir(path) as scanned:
            for entry in scanned:
                name = f"{prefix}{entry.name}"
                entries.append((name, _stamp(entry.stat())))
                if entry.is_dir():
                    waiting.append((Path(entry.path), f"{name}/"))
    return digest("folder stamp", [list(entry) for entry in sorted(entries)])


def remove_leftovers(warehouse: Path) -> None:
    """Remove temporary files that a killed process left beside published values; those of living ones stay."""
    for folder, folders, files in os.walk(warehouse):
        for name in (*folders, *files):
            made_by = _TEMPORARY.fullmatch(name)
            if made_by is not None and not is_alive(int(made_by[1])):
                with contextlib.suppress(OSError):
                    discard(Path(folder, name))
