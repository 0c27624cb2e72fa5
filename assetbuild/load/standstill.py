"""The standstill: how the project lay when all was fresh; while it lies like that, there is nothing to do.

    .assetbuild/standstill    header line, hash of the rest, marshal of a tuple: what to say, and everything looked at

A plan is a function of what it looks at. When one has found every asset fresh, all that loading and planning looked at
is noted: each file by size, times and inode, trees of sources and published values by those of all their files,
listings of folders on the import path, environment variables by hash, the state database. The next command without a
selection compares these, and says the same without loading settings, manifest, record or any library: a stat for each
path. Whatever differs, it goes the long way, which decides by content. What depends on the clock, on functions that
are polled or on partitions is never noted.

A file that is saved while the plan is made, or carried out, could be noted with a stamp that nobody has seen. So
nothing is noted that moved after the plan began, or so shortly before that its time of change proves nothing; and of
published values only how the record has them.

Typical size: 100 bytes for each module and source file; published values take 32 bytes in all.
"""

from __future__ import annotations

import os
import sys

import xxhash

from assetbuild import __version__
from assetbuild.load.sealed import read_sealed, write_sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from assetbuild.graph.model import Source
    from assetbuild.load.settings import Settings
    from assetbuild.load.stage import Stage

    Moved: TypeAlias = tuple[frozenset[str], frozenset[tuple[str, int | None]]]
    """Paths of files, and folders with how deep to look below them."""

__all__ = ["can_stand_still", "count_at_standstill", "keep_standstill", "moved_since", "places_of", "tree_of"]

_HEADER = f"assetbuild standstill 3 {__version__}\n".encode()
_NAME = "standstill"
_MOST = 200_000
"""Trees of more entries than this are left to the plan, which knows which of them it needs."""
_YOUNG_NS = 50_000_000
_FOREVER = 1 << 62


class _Unfit(Exception):  # noqa: N818  # says that there is nothing to keep
    """The project does not lie still enough, or cannot be told by its files."""


def count_at_standstill(folder: str) -> int | None:
    """Return how many assets there are, if this is a project folder where all of them are fresh; None if unknown."""
    try:
        _, count, where, *rest = read_sealed(os.path.join(folder, ".assetbuild", _NAME), _HEADER) or ("", None, "")
        return count if where == folder and _is_still(*rest) else None
    except (OSError, ValueError, TypeError, _Unfit):
        return None


def moved_since(settings: Settings, load: str) -> Moved | None:
    """Return which files and trees have moved since all was fresh, after a load whose trace had this version.

    None when that was not noted, or when something else has moved, such as the state database: then any asset may be
    stale.
    """
    try:
        noted = read_sealed(settings.state_folder / _NAME, _HEADER)
        if noted is None or (noted[0], noted[2]) != (load, str(settings.root)):
            return None
        python, env, files, folders, ours, root, trees, state, state_path = noted[3:]
        if not _is_still(python, env, {}, folders, ours, root, {}, state, state_path):
            return None
        return (
            frozenset(name for name, stamp in files.items() if _stamp(name, _FOREVER) != stamp),
            frozenset((name, depth) for (name, depth), said in trees.items() if _tree(name, depth, _FOREVER) != said),
        )
    except (OSError, ValueError, TypeError, _Unfit):
        return None


def keep_standstill(stage: Stage, published: str, *, began_ns: int) -> None:
    """Note how the project lies, when all is fresh after a plan that began at this time; where it can be told.

    ``published`` is the hash of how the published values lie, of which the caller knows that they are fresh.
    """
    from assetbuild.record.stamps import StampCache  # noqa: PLC0415  # a plan was made, so it is loaded

    settings = stage.settings
    limit = began_ns - _YOUNG_NS
    try:
        if stage.trace is None:
            return
        trace, root = stage.trace, str(settings.root)
        env = {name: _env(name) for name in {*trace.env, *stage.recipes.variables}}
        settings_file = str(settings.file) if settings.file is not None else None
        files = {name: _stamp(name, limit) for name in [*trace.files, *_beside(root, settings_file)]}
        ours = {".assetbuild", settings.warehouse.replace("\\", "/").partition("/")[0]}
        folders = {(name, how): _names(name, ours if name == root else set(), how=how) for name, how in trace.folders}
        trees: dict[tuple[str, int | None], str] = {}
        for source in stage.graph.sources.values():
            paths, below = places_of(source, settings)
            files.update((name, _stamp(name, limit)) for name in paths)
            trees.update(((name, depth), _tree(name, depth, limit)) for name, depth in below)
        trees[str(settings.root / settings.warehouse), None] = published
        state = str(settings.state_folder / "state.db")
        rest = (_python(root), env, files, folders, ours, root, trees, _state(state), state)
        if stage.trace.moved(settings, StampCache(settings.state_folder / "stamps.db")) != frozenset():
            return
        content = (trace.version, len(stage.graph.assets), root, *rest)
        write_sealed(settings.state_folder / _NAME, _HEADER, content)
    except (OSError, ValueError, _Unfit):
        return


def can_stand_still(stage: Stage) -> bool:
    """Say whether a plan follows from files and variables alone, and not from the clock or from asking functions."""
    graph, plain = stage.graph, stage.recipes.plain
    sources = graph.sources.values()
    return (
        stage.trace is not None
        and not any(source.definition.observe is not None or source.partitions is not None for source in sources)
        and not any(plain(key) is None and graph.assets[key].partitions is not None for key in graph.assets)
    )


def tree_of(folder: str) -> tuple[str, frozenset[str]]:
    """Return the hash of how all files below a folder lie, and for each its path, NUL, and stamp as the record has it.

    Raises ValueError when there are too many.
    """
    try:
        lines = _lines(folder, None, _FOREVER)
    except _Unfit as error:
        raise ValueError(folder) from error
    return _hash(lines), frozenset(lines)


def _is_still(  # noqa: PLR0913, PLR0917  # the fields of the file
    python: tuple[str, ...],
    env: dict[str, str | None],
    files: dict[str, tuple[int, ...] | None],
    folders: dict[tuple[str, bool], str],
    ours: set[str],
    root: str,
    trees: dict[tuple[str, int | None], str],
    state: tuple[object, ...],
    state_path: str,
) -> bool:
    return (
        python == _python(root)
        and _state(state_path) == state
        and all(_env(name) == value for name, value in env.items())
        and all(_stamp(name, _FOREVER) == stamp for name, stamp in files.items())
        and all(_names(name, ours if name == root else set(), how=how) == said for (name, how), said in folders.items())
        and all(_tree(name, depth, _FOREVER) == said for (name, depth), said in trees.items())
    )


def _beside(root: str, settings_file: str | None) -> list[str]:
    """Return the files whose coming or going makes another project of the folder, and its settings."""
    folders = [root]
    while settings_file is None and os.path.dirname(folders[-1]) != folders[-1]:
        folders.append(os.path.dirname(folders[-1]))  # a folder with settings above goes before a bare assets.py
    return [os.path.join(folder, name) for folder in folders for name in ("assetbuild.toml", "pyproject.toml")]


def places_of(source: Source, settings: Settings) -> Moved:
    """Return the files and trees in which a source without partitions may move."""
    path = str(settings.root / (source.definition.path or ""))
    parts = path.split(os.sep)
    magic = [place for place, part in enumerate(parts) if any(sign in part for sign in "*?[")]
    if not magic or os.path.lexists(path):
        return frozenset([path]), frozenset([(path, None)] if os.path.isdir(path) else [])
    base = os.sep.join(parts[: magic[0]])
    return frozenset(), frozenset([(base, None if "**" in path else len(parts) - magic[0])])


def _python(root: str) -> tuple[str, ...]:
    """Return what says which Python runs and which packages it finds."""
    own = {root, os.path.join(root, "src"), os.getcwd(), os.path.dirname(os.path.abspath(sys.argv[0]))}
    found = [sys.version, sys.prefix]
    for entry in sys.path:
        folder = os.path.abspath(entry)
        if entry and folder not in own:
            try:
                found.append(f"{folder}:{os.stat(folder).st_mtime_ns}")
            except OSError:
                continue
    return tuple(found)


def _env(name: str) -> str | None:
    value = os.environ.get(name)
    return None if value is None else xxhash.xxh3_128_hexdigest(value.encode("utf-8", "surrogateescape"))


def _stamp(path: str, limit_ns: int) -> tuple[int, ...] | None:
    """Return what tells a file's state, or None when it is not there; raise _Unfit when it moved after the limit."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if status.st_mtime_ns > limit_ns or status.st_ctime_ns > limit_ns:
        raise _Unfit
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _state(path: str) -> tuple[object, ...]:
    """Return what moves with every write to the state database; it is ours, so it may be young."""
    found: list[object] = []
    for name in (path, path + "-wal"):
        try:
            status = os.stat(name)
        except OSError:
            found.append(None)
        else:  # an empty log says as little as none
            found.append((status.st_mtime_ns, status.st_size, status.st_ino) if status.st_size else None)
    return tuple(found)


def _names(folder: str, ours: set[str], *, how: bool) -> str:
    """Return the hash of a listing, as the manifest compares it: with ``how``, only of what can be imported."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name not in ours
                and (
                    not how
                    or entry.name.endswith((".py", ".so", ".pyd"))
                    or (entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir())
                )
            )
    except OSError:
        return ""
    return xxhash.xxh3_128_hexdigest("\0".join(names).encode("utf-8", "surrogateescape"))


def _tree(base: str, depth: int | None, limit_ns: int) -> str:
    """Return the hash of the state of every file below a folder; raise _Unfit when one moved after the limit."""
    return _hash(_lines(base, depth, limit_ns))


def _hash(lines: list[str]) -> str:
    return xxhash.xxh3_128_hexdigest("\n".join(sorted(lines)).encode("utf-8", "surrogateescape"))


def _lines(base: str, depth: int | None, limit_ns: int) -> list[str]:
    lines: list[str] = []
    waiting = [(base, 1)]
    while waiting:
        folder, level = waiting.pop()
        if limit_ns != _FOREVER and os.path.isdir(folder) and os.stat(folder).st_mtime_ns > limit_ns:
            raise _Unfit  # something may have gone from it since the plan looked
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir():
                        lines.append(entry.path)
                        if depth is None or level < depth:
                            waiting.append((entry.path, level + 1))
                        continue
                    try:
                        status = entry.stat()
                    except OSError:  # a link to nothing
                        status = entry.stat(follow_symlinks=False)
                    if status.st_mtime_ns > limit_ns or status.st_ctime_ns > limit_ns:
                        raise _Unfit
                    stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
                    lines.append(f"{entry.path}\0{stamp}")
        except (FileNotFoundError, NotADirectoryError):
            lines.append("absent")
        if len(lines) > _MOST:
            raise _Unfit
    return lines
