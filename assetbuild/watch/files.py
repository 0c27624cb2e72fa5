"""What to watch: everything that loading and planning read, and nothing else.

In: the loaded project and the assets that are watched. Out: for a path that an event names, what it means
(``Watched.meaning``); the folders whose events are needed (``Watched.folders``); and the stamps of it all, for polling
and for the case that events were lost (``Watched.snapshot``).

Events name real paths and the project names them as it likes, through links: both are known here.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from assetbuild.dataclass import dataclass, field
from assetbuild.graph.model import Source
from assetbuild.load.settings import Settings
from assetbuild.load.stage import Stage

__all__ = ["EVERYTHING", "Meaning", "Stamps", "Watched", "watched_files"]

Stamps = Mapping[str, object]

_LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "requirements.txt")
_SETTINGS_FILES = ("pyproject.toml", "assetbuild.toml")
_INSTALLED = (".dist-info", ".egg-info", ".pth")
_CODE = (".py", ".so", ".pyd", ".sql")
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", ".git", ".assetbuild"}
_MANY_FOLDERS = 48  # each is a thread of watchdog's; beyond, whole trees are watched


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a change of a path may move: the definitions, sources, the folders themselves, installed packages."""

    code: frozenset[str] = frozenset()
    """The first-party files it is, under the names by which they were loaded."""
    loads: bool = False
    """Loading reads it in another way: settings, data files, listings of folders."""
    sources: frozenset[str] = frozenset()
    is_folder: bool = False
    """A folder above something that is watched, or a link to it: anything below may be another."""
    packages: bool = False

    def __or__(self, other: Meaning) -> Meaning:
        """Return what both mean together."""
        return Meaning(
            self.code | other.code,
            self.loads or other.loads,
            self.sources | other.sources,
            self.is_folder or other.is_folder,
            self.packages or other.packages,
        )

    def __bool__(self) -> bool:
        """Return whether it means anything."""
        return self != _NOTHING


_NOTHING = Meaning()
EVERYTHING = Meaning(loads=True, is_folder=True)
_FOLDER = Meaning(is_folder=True)
_LOADS = Meaning(loads=True)


@dataclass(frozen=True, slots=True)
class _Tree:
    """A folder whose files belong to a source; with a ``pattern``, those whose names fit."""

    prefix: str
    source: str
    pattern: str | None

    def holds(self, path: str, *, structural: bool) -> bool:
        if not path.startswith(self.prefix):
            return False
        name = os.path.basename(path)
        return self.pattern is None or fnmatch(name, self.pattern) or (structural and "." not in name)


@dataclass
class Watched:
    """The paths that matter, by their real names and by those that the project uses."""

    root: str
    exact: dict[str, Meaning] = field(default_factory=dict)
    trees: list[_Tree] = field(default_factory=list)
    above: set[str] = field(default_factory=set)
    listings: dict[str, bool] = field(default_factory=dict)
    """Folders that loading listed, and whether only the import system did."""
    installed: set[str] = field(default_factory=set)
    any_code_below: set[str] = field(default_factory=set)
    """Folders where any code file counts, since the project does not load."""
    own: tuple[str, ...] = ()
    sources: dict[str, Source] = field(default_factory=dict)
    wanted: dict[str, bool] = field(default_factory=dict)
    _real: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many single files are watched."""
        return sum(not meaning.is_folder for path, meaning in self.exact.items() if self.real(path) == path)

    def meaning(self, path: str, *, structural: bool) -> Meaning:
        """Return what a change at a path means; ``structural`` when a name came, went or moved."""
        found = self.exact.get(path, _NOTHING)
        if (path + os.sep).startswith(self.own):
            return found
        folder, _, name = path.rpartition(os.sep)
        if name == "__pycache__" or _is_swap(name):
            return found
        sources = {tree.source for tree in self.trees if tree.holds(path, structural=structural)}
        if sources:
            found |= Meaning(sources=frozenset(sources))
        if structural and path in self.above:
            found |= _FOLDER
        if structural and folder in self.listings and (not self.listings[folder] or _may_be_imported(path, name)):
            found |= _LOADS
        if structural and folder in self.installed and name.endswith(_INSTALLED):
            found |= Meaning(packages=True)
        if folder in self.any_code_below and name.endswith(_CODE):
            found |= _LOADS
        return found

    def folders(self) -> dict[str, bool]:
        """Return the real folders whose events are needed, and whether of all that is below them."""
        found: dict[str, bool] = {}
        for folder, recursive in self.wanted.items():
            is_there = os.path.isdir(folder)
            while not os.path.isdir(folder):
                folder = os.path.dirname(folder)  # noqa: PLW2901  # the nearest that is there will tell
            found[self.real(folder)] = found.get(folder, False) or (recursive and is_there)
        return _merged(found, self.real(self.root))

    def snapshot(self) -> dict[str, object]:
        """Return stamps of all that is watched: of files, and the names in folders."""
        stamps: dict[str, object] = {path: _stamp(path) for path in self.exact}
        for source in self.sources.values():
            stamps.update((path, _stamp(path)) for path in _files_of(source, self.root))
        for folder in (*self.listings, *self.any_code_below):
            stamps[folder + os.sep] = _names(folder)
        for folder in self.installed:
            stamps[folder + os.sep] = frozenset(name for name in _names(folder) if name.endswith(_INSTALLED))
        return stamps

    def moved(self, before: Stamps, now: Stamps) -> set[str]:
        """Return the paths in which two snapshots differ."""
        found: set[str] = set()
        for path in before.keys() | now.keys():
            was, is_now = before.get(path), now.get(path)
            if was == is_now:
                continue
            if path.endswith(os.sep) and isinstance(was, frozenset) and isinstance(is_now, frozenset):
                found.update(path + name for name in was ^ is_now)
            else:
                found.add(path)
        return found

    def real(self, path: str) -> str:
        """Return the path without links in it."""
        parent, name = os.path.split(path)
        if not name:
            return path
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        plain = os.path.join(self._real[parent], name)
        return os.path.realpath(plain) if os.path.islink(plain) else plain

    # -- making it

    def add_file(self, path: str, meaning: Meaning) -> None:
        """Watch one file, which need not exist."""
        for name in {path, self.real(path)}:
            self.exact[name] = self.exact.get(name, _NOTHING) | meaning
            self._want(os.path.dirname(name), recursive=False)

    def add_source(self, source: Source) -> None:
        """Watch the file, the folder or the pattern of a source."""
        path = source.definition.glob
        if path is None:
            return
        self.sources[source.key] = source
        where = os.path.normpath(os.path.join(self.root, path))
        meaning = Meaning(sources=frozenset({source.key}))
        is_pattern = source.partitions is not None or (glob.has_magic(path) and not os.path.lexists(where))
        if not is_pattern:
            self.add_file(where, meaning)
            if not os.path.isdir(where):
                return
        base = _fixed_part(where) if is_pattern else where
        last = os.path.basename(where) if is_pattern else None
        is_deep = not is_pattern or glob.has_magic(os.path.dirname(os.path.relpath(where, base)))
        self._add_tree(base, source.key, last, is_deep=is_deep)

    def _add_tree(self, base: str, source: str, pattern: str | None, *, is_deep: bool) -> None:
        for name in {base, self.real(base)}:
            self.trees.append(_Tree(name + os.sep, source, pattern))
            self._want(name, recursive=is_deep)
        for link in _links(base, is_deep=is_deep):
            target = os.path.realpath(link)
            if os.path.isdir(target):
                self.trees.append(_Tree(target + os.sep, source, pattern))
                self._want(target, recursive=is_deep)
            else:
                self.exact[target] = self.exact.get(target, _NOTHING) | Meaning(sources=frozenset({source}))
                self._want(os.path.dirname(target), recursive=False)

    def add_listing(self, folder: str, *, is_import: bool) -> None:
        """Watch the names in a folder."""
        for name in {folder, self.real(folder)}:
            self.listings[name] = is_import and self.listings.get(name, True)
            self._want(name, recursive=False)

    def add_any_code(self, folder: str) -> None:
        """Watch every code file directly in a folder."""
        for name in {folder, self.real(folder)}:
            self.any_code_below.add(name)
            self._want(name, recursive=False)

    def add_installed(self, folder: str) -> None:
        """Watch which packages a folder holds."""
        real = os.path.realpath(folder)
        self.installed.add(real)
        self.wanted.setdefault(real, False)

    def _want(self, folder: str, *, recursive: bool) -> None:
        """Ask for the events of a folder, and of those above it: it may be moved, or made anew."""
        if folder in self.wanted:
            self.wanted[folder] |= recursive
            return
        self.wanted[folder] = recursive
        root = self.real(self.root)
        while True:
            self.above.add(folder)
            parent = os.path.dirname(folder)
            if parent == folder or not (parent + os.sep).startswith((self.root + os.sep, root + os.sep)):
                break
            self.wanted.setdefault(parent, False)
            folder = parent
        if not (folder + os.sep).startswith((self.root + os.sep, root + os.sep)):
            self.wanted.setdefault(os.path.dirname(folder), False)


def watched_files(
    settings: Settings,
    stage: Stage | None,
    assets: frozenset[str],
    config_file: Path | None,
    *,
    is_broken: bool,
) -> Watched:
    """Return what is to be watched for the assets; while the project does not load, every code file as well."""
    root = str(settings.root)
    watched = Watched(root)
    places = [str(settings.state_folder), os.path.join(root, settings.warehouse)]
    watched.own = tuple(name + os.sep for place in places for name in {place, os.path.realpath(place)})
    for name in _SETTINGS_FILES:
        watched.add_file(os.path.join(root, name), _LOADS)
    for name in _LOCK_FILES:
        watched.add_file(os.path.join(root, name), _LOADS)
    if config_file is not None:
        watched.add_file(os.path.abspath(config_file), _LOADS)
    for folder in sys.path:
        if os.path.basename(folder) in {"site-packages", "dist-packages"} and os.path.isdir(folder):
            watched.add_installed(folder)
    if stage is not None:
        _add_stage(watched, stage, assets)
    if is_broken or stage is None:
        for folder in _code_folders(root, places):
            watched.add_any_code(folder)
    return watched


def _add_stage(watched: Watched, stage: Stage, assets: frozenset[str]) -> None:
    for path in stage.files:
        watched.add_file(path, Meaning(code=frozenset({path})))
    for path in stage.read_files - set(stage.files):
        if not (path + os.sep).startswith(watched.own) and not _is_installed(path):
            watched.add_file(path, _LOADS)
    for folder, is_import in stage.read_folders:
        if not (folder + os.sep).startswith(watched.own) and not _is_installed(folder):
            watched.add_listing(folder, is_import=is_import)
    for key, source in stage.graph.sources.items():
        if any(reader in assets for reader in stage.graph.downstream(key)):
            watched.add_source(source)
    inside = [tree.prefix for tree in watched.trees if tree.prefix.startswith(watched.own)]
    if inside:  # sources in the warehouse: their own folder is not passed over
        watched.own = tuple(place for place in watched.own if not any(one.startswith(place) for one in inside))


def _is_installed(path: str) -> bool:
    """Return whether a path belongs to an installed package: what tells of another version of it is its record."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.split(os.sep))


def _merged(folders: dict[str, bool], root: str) -> dict[str, bool]:
    """Leave out what lies in a folder that is watched whole; with very many, watch whole trees below the project."""
    if len(folders) > _MANY_FOLDERS:
        grouped: dict[str, bool] = {}
        for folder, recursive in folders.items():
            below = os.path.relpath(folder, root)
            is_inside = below != os.curdir and not below.startswith(os.pardir)
            first = os.path.join(root, below.split(os.sep)[0]) if is_inside else folder
            grouped[first] = grouped.get(first, False) or recursive or is_inside
        folders = grouped
    whole = tuple(folder + os.sep for folder, recursive in folders.items() if recursive)
    return {folder: recursive for folder, recursive in folders.items() if not folder.startswith(whole)}


def _links(base: str, *, is_deep: bool) -> Iterator[str]:
    waiting = [base]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        yield entry.path
                    elif is_deep and entry.is_dir():
                        waiting.append(entry.path)
        except OSError:
            continue


def _files_of(source: Source, root: str) -> Iterable[str]:
    path = source.definition.glob or ""
    where = os.path.normpath(os.path.join(root, path))
    if source.partitions is not None or (glob.has_magic(path) and not os.path.lexists(where)):
        return [os.path.join(root, name) for name in glob.glob(path, root_dir=root, recursive=True)]
    if os.path.isdir(where):
        return [os.path.join(folder, name) for folder, _, names in os.walk(where) for name in names]
    return (where,)


def _code_folders(root: str, own: list[str]) -> Iterator[str]:
    """Yield the folders in which code of the project may lie."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                found = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for entry in found:
            is_code = entry.name.isidentifier() and entry.name not in _SKIPPED_FOLDERS and entry.path not in own
            if is_code and not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                waiting.append(entry.path)


def _fixed_part(pattern: str) -> str:
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def _may_be_imported(path: str, name: str) -> bool:
    # A folder that is gone was code only if files in it were, and those are known.
    return name.endswith((".py", ".so", ".pyd")) or (name.isidentifier() and os.path.isdir(path))


def _is_swap(name: str) -> bool:
    """Return whether editors use such names while a file is being edited or saved."""
    return (
        name == "4913"  # vim tries whether it may write in the folder
        or name.endswith("~")
        or name.startswith((".#", ".goutputstream-", "___jb_"))
        or (name.startswith("#") and name.endswith("#"))
        or (name.startswith(".") and name[-4:-1] == ".sw")
    )


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(folder) if name != "__pycache__")
    except OSError:
        return frozenset()
