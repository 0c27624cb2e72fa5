"""Observe the sources: the content version of each file, glob and directory, and the polled functions.

Problems (a missing file, an unreadable one) belong to the source and surface at the assets that read it;
they never stop a plan.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.definitions import DataVersion
from assetbuild.errors import AssetbuildError, Problem
from assetbuild.fingerprint.data.files import file_version
from assetbuild.fingerprint.encoding import digest
from assetbuild.fingerprint.recipe import ABSENT
from assetbuild.graph.model import Source
from assetbuild.graph.places import relative_place
from assetbuild.load.errors import user_traceback
from assetbuild.plan.patterns import files_by_key, path_of_key
from assetbuild.plan.states import SourcePlaces
from assetbuild.record.stamps import StampCache, stat_stamp
from assetbuild.store.io import OutputContext
from assetbuild.store.registry import IOManagers

if TYPE_CHECKING:
    from assetbuild.declare.partitions import KeySet

__all__ = ["SourceObserver", "SourceState"]


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source holds now: version, versions of its files, and where they are; or the problem with it."""

    version: str = ""
    kind: str = "file"
    parts: dict[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    problem: str = ""
    observed: Any = None
    has_value: bool = False


class SourceObserver:
    """Observes sources, each at most once, through the cache of stamps."""

    def __init__(self, root: Path, stamps: StampCache, io_managers: IOManagers) -> None:
        """Observe relative to the project folder."""
        self.root = root
        self.stamps = stamps
        self.io_managers = io_managers
        self._states: dict[str, SourceState] = {}
        self._files_of: dict[str, tuple[KeySet, list[tuple[str, ...]]]] = {}
        self._places: dict[str, SourcePlaces] = {}

    def state(self, source: Source) -> SourceState:
        """Return what a source holds, as it was first seen."""
        if source.key not in self._states:
            self._states[source.key] = self._observe(source)
        return self._states[source.key]

    def places(self, source: Source, keys_of: Callable[[Source, Sequence[str]], KeySet]) -> SourcePlaces:
        """Return the versions of a source, by partition where its path is a pattern.

        ``keys_of`` gives the partition keys that a source has, from those that its files have.
        """
        if source.key not in self._places:
            self._places[source.key] = (
                self._whole(source) if source.partitions is None else self._partitioned(source, keys_of)
            )
        return self._places[source.key]

    def files(
        self, source: Source, keys_of: Callable[[Source, Sequence[str]], KeySet]
    ) -> tuple[KeySet, list[tuple[str, ...]]]:
        """Return the partition keys of a source whose path is a pattern, and the files of each; opens none of them."""
        if source.key not in self._files_of:
            found = files_by_key(self.root, source.definition.path or "")
            keys = keys_of(source, list(found))
            self._files_of[source.key] = keys, [tuple(map(str, found.get(key, ()))) for key in keys]
        return self._files_of[source.key]

    def content(self, source: Source) -> str:
        """Return the version of all that a source holds, whatever partitions it has; '' where it cannot be told."""
        if source.partitions is None:
            state = self.state(source)
            return "" if state.problem else state.version
        found = files_by_key(self.root, source.definition.path or "")
        try:
            return digest("files", [[str(path), self._file(path)] for paths in found.values() for path in paths])
        except OSError:
            return ""

    def moved(self, read: Iterable[tuple[Source, Sequence[int]]]) -> str | None:
        """Return the key of a path source that no longer holds, in the places that were read, what was first seen."""
        for source, places in read:
            if source.definition.observe is not None or source.key not in self._places:
                continue
            seen = self._places[source.key]
            if source.partitions is not None:
                if any(self._version_of(source, seen.paths[place]) != (seen.version(place) or "") for place in places):
                    return source.key
            elif not seen.problem_text and self._observe(source).version != seen.version(0):
                return source.key
        return None

    def _whole(self, source: Source) -> SourcePlaces:
        state = self.state(source)
        places = SourcePlaces(source.key, None, [state.version])
        places.problem_text = state.problem
        places.parts = state.parts
        return places

    def _partitioned(self, source: Source, keys_of: Callable[[Source, Sequence[str]], KeySet]) -> SourcePlaces:
        keys, paths = self.files(source, keys_of)
        versions = [self._version_of(source, each) for each in paths]
        places = SourcePlaces(source.key, keys, versions)
        places.paths = paths
        for place, version in enumerate(versions):
            if not version:
                name = path_of_key(source.definition.path or "", keys[place])
                what = "cannot be read" if paths[place] else "does not exist"
                advice = "Put the file there, or declare the source with optional=True."
                places.problems[place] = self._problem(source, f"file {name!r} {what}", advice).problem
        return places

    def _version_of(self, source: Source, paths: Sequence[str]) -> str:
        """Return the version of one partition's files; that of nothing where they may be absent; else ''."""
        if not paths:
            return ABSENT if source.definition.optional else ""
        try:
            parts = [[os.path.basename(path), self._file(Path(path))] for path in paths]
        except OSError:
            return ""
        return parts[0][1] if len(parts) == 1 else digest("files", parts)

    def _observe(self, source: Source) -> SourceState:
        if source.definition.observe is not None:
            return self._poll(source)
        path = source.definition.path or ""
        where = self.root / path
        try:
            if glob.has_magic(path) and not os.path.lexists(where):
                return self._files(source, self._globbed(path), "glob", _fixed_prefix(where))
            if where.is_dir():
                return self._files(source, sorted(_walk(where)), "directory", where)
            version = self._file(where)
        except FileNotFoundError:
            if source.definition.optional and not where.is_symlink():
                return SourceState(ABSENT)
            if where.is_symlink():
                return self._problem(source, f"{path!r} is a link to nothing", "Mend the link.")
            advice = "Put the file there, correct the path, or declare the source with optional=True."
            return self._problem(source, f"file {path!r} does not exist", advice)
        except OSError as error:
            return self._problem(
                source, f"{path!r} cannot be read: {error.strerror}", "Check the path and its permissions."
            )
        return SourceState(version, "file", {}, (str(where),))

    def _problem(self, source: Source, headline: str, advice: str) -> SourceState:
        file, line = relative_place(source.origin, self.root)
        return SourceState(problem=str(Problem(f"source {source.key!r}: {headline}", (), advice, file, line)))

    def _globbed(self, path: str) -> list[Path]:
        names = glob.glob(
            path, root_dir=self.root, recursive=True, include_hidden=False
        )  # Path.glob has no include_hidden, and sorts nothing
        return sorted(file for name in names if not (file := self.root / name).is_dir())

    def _files(self, source: Source, files: list[Path], kind: str, base: Path) -> SourceState:
        if not files and not source.definition.optional:
            what = "matches no file" if kind == "glob" else "is an empty directory"
            return self._problem(
                source, f"{source.definition.path!r} {what}", "Declare it with optional=True if that is right."
            )
        parts: dict[str, str] = {}
        for file in files:
            try:
                parts[file.relative_to(base).as_posix()] = self._file(file)
            except FileNotFoundError:
                # Gone since it was listed; or an editor's lock, and hidden files are given to nobody.
                if file.is_symlink() and not file.name.startswith("."):
                    link = str(file.relative_to(self.root) if file.is_relative_to(self.root) else file)
                    return self._problem(source, f"{link!r} is a link to nothing", "Mend the link, or remove it.")
        version = digest("files", [[name, part] for name, part in sorted(parts.items())])
        paths = tuple(map(str, files)) if kind == "glob" else (str(base),)
        return SourceState(version, kind, parts, paths)

    def _file(self, path: Path) -> str:
        status = path.stat()
        stamp = stat_stamp(status)
        name = str(path)
        known = self.stamps.version(name, stamp)
        if known is not None:
            return known
        version = file_version(path)
        # Read, then stat again: a file that changed while it was hashed must not get its old stamp with a new content.
        after = path.stat()
        if stat_stamp(after) == stamp:
            self.stamps.keep(name, stamp, version, moved_ns=max(after.st_mtime_ns, after.st_ctime_ns))
        return version

    def _poll(self, source: Source) -> SourceState:
        function = source.definition.observe
        assert function is not None  # noqa: S101  # the caller's branch
        from assetbuild.load.folder import working_in  # noqa: PLC0415  # few projects have functions to ask

        try:
            with working_in(self.root):
                given = function()
        except Exception as error:  # noqa: BLE001  # whatever the user's function raises is its problem
            return SourceState(
                problem=f"source {source.key!r} could not be observed\n{user_traceback(error, self.root)}"
            )
        if isinstance(given, DataVersion):
            return SourceState(digest("observed", str(given.version)), "observed", observed=given)
        if given is None:
            return self._problem(source, "the observe function returned None", "Return a DataVersion, or the data.")
        # Written to a temporary folder only for its version: a plan leaves nothing behind.
        import tempfile  # noqa: PLC0415  # with what it imports 5 ms

        with tempfile.TemporaryDirectory() as folder:
            manager = self.io_managers.get(self.io_managers.default_for(given))
            try:
                written = manager.write(OutputContext(asset_key=source.key, path=Path(folder, "value")), given)
            except (TypeError, ValueError, AssetbuildError) as error:
                return self._problem(source, str(error), "")
        return SourceState(written.data_version, "observed", dict(written.columns), observed=given, has_value=True)


def _walk(folder: Path) -> Iterable[Path]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            yield Path(base, name)


def _fixed_prefix(pattern: Path) -> Path:
    fixed = Path(pattern.anchor)
    for part in pattern.parts[1:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed
