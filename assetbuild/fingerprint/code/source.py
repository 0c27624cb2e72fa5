"""Source files as they were read, and the rule that says which files are first-party.

A ``SourceFile`` holds the very bytes that were compiled: every later look at
the source (the syntax tree, the text of a diff, the bundle for a worker)
starts from them, so an edit during a run cannot slip in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.code.installed import path_installs
from assetbuild.fingerprint.encoding import hash_bytes

__all__ = ["OWN_PACKAGES", "FirstParty", "SourceFile"]

OWN_PACKAGES = frozenset({"assetbuild", "assetbuild_stores"})
"""Never first-party, wherever they lie: a project may well live beside a checkout of assetbuild."""

_FOREIGN_FOLDERS = frozenset(
    {"site-packages", "dist-packages", "node_modules", "__pypackages__", "__pycache__", "venv"}
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One first-party file: absolute path, the bytes that were compiled, and the hash of those bytes."""

    path: str
    data: bytes
    version: str

    @classmethod
    def of(cls, path: str, data: bytes) -> SourceFile:
        """Make the record of a file from the bytes that were read."""
        return cls(path, data, hash_bytes((data,)))


class FirstParty:
    """Decides whether a file is the user's own: below the project, or from a path or editable install."""

    def __init__(self, root: Path, search: Iterable[Path] = ()) -> None:
        """Take the project folder and further folders whose files count as its own."""
        self.root = os.path.abspath(root)
        wanted = [self.root, *(os.path.abspath(folder) for folder in search)]
        self._folders = tuple(
            dict.fromkeys(form + os.sep for folder in wanted for form in (folder, os.path.realpath(folder)))
        )
        self._installed: tuple[tuple[str, ...], frozenset[str]] | None = None
        self._known: dict[str, bool] = {}

    def __contains__(self, path: object) -> bool:
        """Say whether the file at this absolute path is first-party."""
        if not isinstance(path, str):
            return False
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._decide(path)
        return known

    def relative(self, path: str) -> str:
        """Return a path as people know it: relative to the project, with forward slashes."""
        for folder in self._folders:
            if path.startswith(folder):
                return path[len(folder) :].replace(os.sep, "/")
        return path

    def _decide(self, path: str) -> bool:
        for folder in self._folders:
            if path.startswith(folder):
                # A foreign folder below the project may still hold a path install, so the search goes on.
                if not _is_foreign(folder, path[len(folder) :]):
                    return True
                break
        if self._installed is None:
            folders, files = path_installs(tuple(sys.path))
            # A checkout of assetbuild that is installed in place is not the user's code, nor are its neighbours there.
            self._installed = tuple(folder + os.sep for folder in folders if not _holds_assetbuild(folder)), files
        folders, files = self._installed
        return path in files or any(
            path.startswith(folder) and not _is_foreign(folder, path[len(folder) :]) for folder in folders
        )


def _holds_assetbuild(folder: str) -> bool:
    return any(os.path.isdir(os.path.join(folder, package)) for package in OWN_PACKAGES)


def _is_foreign(folder: str, below: str) -> bool:
    """Say whether a path below a first-party folder runs through hidden, vendored or installed folders."""
    *parents, name = below.split(os.sep)
    if parents and parents[0] in OWN_PACKAGES and _is_assetbuild(folder + parents[0]):
        return True
    if name.startswith("."):
        return True
    where = folder.rstrip(os.sep)
    for parent in parents:
        where = f"{where}{os.sep}{parent}"
        if parent.startswith(".") or parent in _FOREIGN_FOLDERS or _is_environment(where):
            return True
    return False


@cache
def _is_environment(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def _is_assetbuild(folder: str) -> bool:
    return any(
        os.path.dirname(getattr(sys.modules.get(name), "__file__", None) or "") == folder for name in OWN_PACKAGES
    )
