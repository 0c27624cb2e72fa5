"""Installed distributions, read from the folders on ``sys.path`` without ``importlib.metadata``.

``importlib.metadata.packages_distributions()`` opens every RECORD and takes
hundreds of milliseconds; the names of the ``*.dist-info`` folders already hold
name and version, and one listing per folder gives them all.
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from assetbuild.dataclass import dataclass

__all__ = ["Distribution", "distributions", "path_installs"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution: its normalised name, its version, and its metadata folder."""

    name: str
    version: str
    metadata: str

    def read(self, name: str) -> str:
        """Return a metadata file's text, or nothing when it is absent."""
        try:
            with open(os.path.join(self.metadata, name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def files(self) -> list[str]:
        """Return the absolute paths of the distribution's installed files, as RECORD lists them."""
        base = os.path.dirname(self.metadata)
        lines = self.read("RECORD").splitlines()
        return [os.path.normpath(os.path.join(base, _record_path(line))) for line in lines if line]


def distributions(search: tuple[str, ...]) -> tuple[Distribution, ...]:
    """Return the distributions found in these folders; the first of one name wins, as for imports."""
    found: dict[str, Distribution] = {}
    for folder in search:
        for distribution in _in_folder(os.path.abspath(folder or "."), _stamp(folder or ".")):
            found.setdefault(distribution.name, distribution)
    return tuple(found.values())


def path_installs(search: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return folders and single files that were installed from a local folder: the user's own code, by another door."""
    folders: list[str] = []
    files: set[str] = set()
    for distribution in distributions(search):
        said = distribution.read("direct_url.json")
        if not said:
            continue
        try:
            direct = json.loads(said)
        except ValueError:
            continue
        url = urlsplit(str(direct.get("url", "")))
        if url.scheme != "file" or "dir_info" not in direct:
            continue
        if direct["dir_info"].get("editable"):
            folders.append(os.path.realpath(unquote(url.path)))
        else:
            files.update(distribution.files())
    for folder in search:
        folders.extend(_pth_folders(os.path.abspath(folder or "."), _stamp(folder or ".")))
    return tuple(dict.fromkeys(folders)), frozenset(files)


def _stamp(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _in_folder(folder: str, _stamp_ns: int) -> tuple[Distribution, ...]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return ()
    found = []
    for entry in names:
        if not entry.endswith((".dist-info", ".egg-info")):
            continue
        stem = entry.rpartition(".")[0]
        name, dash, version = stem.partition("-")
        if entry.endswith(".egg-info"):
            version = version.partition("-py")[0]
        if not dash or not version:
            continue
        found.append(Distribution(re.sub(r"[-_.]+", "-", name).lower(), version, os.path.join(folder, entry)))
    return tuple(found)


@lru_cache(maxsize=256)
def _pth_folders(folder: str, _stamp_ns: int) -> tuple[str, ...]:
    """Return the folders that ``.pth`` files put on the path from outside the installation."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".pth")]
    except OSError:
        return ()
    if not folder.endswith(("site-packages", "dist-packages")):
        return ()
    found = []
    for name in sorted(names):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines:
            if not line.strip() or line.startswith(("#", "import ", "import\t")):
                continue
            target = os.path.normpath(os.path.join(folder, line.strip()))
            installed = target.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)) or "-packages" in target
            if not installed and os.path.isdir(target):
                found.append(target)
    return tuple(found)


def _record_path(line: str) -> str:
    if line.startswith('"'):
        return line[1:].partition('",')[0].replace('""', '"')
    return line.split(",", 1)[0]
