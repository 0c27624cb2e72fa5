"""Intake: what a batch of changes means. Loads again what must be loaded, and says which assets are owed a build.

It remembers what was compared last: the definitions as they loaded, and the versions of the sources. So a save that
changes nothing is known for one, whatever the file's time says, and a change is owed until a build has dealt with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from assetbuild.errors import AssetbuildError, DefinitionError, Problem, UsageError
from assetbuild.fingerprint.encoding import hash_bytes
from assetbuild.graph.selection import select
from assetbuild.load.settings import Settings
from assetbuild.load.stage import Stage
from assetbuild.materialize.events import Event
from assetbuild.project import Project
from assetbuild.watch.changes import Batch
from assetbuild.watch.events import DefinitionsBroken, DefinitionsMended, NothingAffected, SomethingChanged
from assetbuild.watch.files import EVERYTHING, Meaning, Watched, watched_files
from assetbuild.watch.moved import downstream_of, moved_assets, moved_sources, source_versions

__all__ = ["Intake"]


class Intake:
    """What is known of the definitions and the sources, and what is owed because of their changes."""

    def __init__(
        self,
        project: Project,
        selection: tuple[str, ...],
        config_file: Path | None,
        tell: Callable[[Event], None],
        *,
        loads_anew: bool,
    ) -> None:
        """Know nothing yet. Modules in which assets run, in this process, must be loaded ``anew`` each time."""
        self.project = project
        self.selection = selection
        self.stage: Stage | None = None
        """The definitions as they were compared last; the last good ones while the project does not load."""
        self.watched = Watched(str(project.root))
        self.assets: frozenset[str] = frozenset()
        """The selection, and what is upstream of it."""
        self.chosen: frozenset[str] = frozenset()
        self.owed: frozenset[str] = frozenset()
        self.failing: frozenset[str] = frozenset()
        """Assets that failed in the last build of them, and did not change since."""
        self.left: frozenset[str] = frozenset()
        """Assets that were not reached because another failed; they are owed at the next change."""
        self.problems: tuple[Problem, ...] = ()
        """Why the project does not load; empty while it does."""
        self.packages_moved = False
        self._config_file = config_file
        self._tell = tell
        self._loads_anew = loads_anew
        self._seen: dict[str, str] = {}
        self._named: object = None
        self._other_sources: list[str] = []

    @property
    def is_broken(self) -> bool:
        """Whether the project does not load."""
        return bool(self.problems)

    def begin(self) -> None:
        """Load for the first time, and owe everything. Code that does not load is waited for.

        Raises UsageError for settings, config or a selection that are wrong.
        """
        self._load(functions=False, is_first=True)
        if self.stage is not None:
            self._seen = source_versions(self.stage, self.stage.graph.sources)
            self.owed = self.assets
        self._look_where()

    def take_in(self, batch: Batch) -> frozenset[str]:
        """Load and compare what a batch of changes may have moved; return the assets that it touches."""
        paths, meaning = self._meaning(batch)
        if meaning.packages:
            self.packages_moved = True
        if not meaning:
            return frozenset()
        before, was_broken = self.stage, self.is_broken
        others = self._other_code(meaning.code)
        if (meaning.loads or was_broken or others) and not self._load(functions=True):
            return frozenset()
        assert self.stage is not None  # noqa: S101  # it loads
        # What moved while it did not load was heard of then, and could not be compared.
        is_any = meaning.is_folder or was_broken or before is None
        keys = self.stage.graph.sources if is_any else meaning.sources
        touched = self._compare(before, keys)
        if self.stage is not before or meaning.is_folder:
            self._look_where(anew=meaning.is_folder)
        if was_broken:
            self._tell(DefinitionsMended())
        if touched:
            found = tuple(sorted({*others, *self._other_sources}))  # a recheck may be faster than the events
            self._tell(SomethingChanged(paths or found, batch.everything))
        elif paths and not was_broken:
            self._tell(NothingAffected(paths, tuple(sorted(self.failing))))
        return touched

    def load_functions(self) -> None:
        """Import the user's modules now, where so far they were not needed."""
        before = self.stage
        if before is not None and not before.has_functions and not self.is_broken and self._load(functions=True):
            self._compare(before, ())
            self._look_where()

    def _compare(self, before: Stage | None, keys: Iterable[str]) -> frozenset[str]:
        """Owe what is another than before, by its definition or by the content of these sources."""
        now = self.stage
        assert now is not None  # noqa: S101  # it loads
        moved = moved_assets(before, now) | moved_sources(before, now) | self._moved_content(now, keys)
        touched = downstream_of(now.graph, moved) & self.assets
        if touched:
            self.owed |= touched | self.left
            self.left = frozenset()
        self.owed &= self.assets
        self.failing = (self.failing & self.assets) - touched
        return touched

    def owe(self, keys: Iterable[str]) -> frozenset[str]:
        """Owe what depends on these assets and sources; return what that is."""
        assert self.stage is not None  # noqa: S101  # it loads
        touched = downstream_of(self.stage.graph, frozenset(keys)) & self.assets
        self.owed |= touched
        self.failing -= touched
        return touched

    def blocked(self) -> frozenset[str]:
        """Return the assets that wait for one that fails and has not changed."""
        if self.stage is None or not self.failing:
            return frozenset()
        return downstream_of(self.stage.graph, self.failing)

    def fail_to_load(self, error: AssetbuildError) -> None:
        """Take note that the project does not load."""
        if error.problems != self.problems:
            self.problems = error.problems
            self._tell(DefinitionsBroken(error.problems))
        self._look_where()

    def _meaning(self, batch: Batch) -> tuple[tuple[str, ...], Meaning]:
        is_whole = batch.everything or batch.recheck
        meaning = EVERYTHING if is_whole else Meaning()
        found: list[str] = []
        for path, structural in batch.paths.items():
            own = self.watched.meaning(path, structural=structural)
            if own:
                meaning |= own
                found.append(_relative(path, self.project.root))
        if is_whole and self.stage is not None:
            meaning |= Meaning(code=frozenset(self.stage.files))
        return tuple(sorted(found)), meaning

    def _other_code(self, paths: Iterable[str]) -> list[str]:
        known = self.stage.files if self.stage is not None else {}
        return [_relative(path, self.project.root) for path in paths if _version(path) != known.get(path)]

    def _load(self, *, functions: bool, is_first: bool = False) -> bool:
        try:
            stage = self.project.reload(functions=functions, anew=self._loads_anew)
            chosen = select(stage.graph, self.selection, verdicts=_no_verdicts)
            stage.recipes.check(stage.graph.closure(chosen))
        except AssetbuildError as error:
            if is_first and not isinstance(error, DefinitionError):
                raise
            self.fail_to_load(error)
            return False
        self.problems = ()
        self.stage = stage
        self.chosen = chosen
        self.assets = stage.graph.closure(chosen)
        return True

    def _moved_content(self, stage: Stage, keys: Iterable[str]) -> frozenset[str]:
        now = source_versions(stage, keys)
        moved = frozenset(key for key, version in now.items() if self._seen.get(key) != version)
        self._seen.update(now)
        self._other_sources = [str(stage.graph.sources[key].definition.path) for key in moved]
        return moved

    def _look_where(self, *, anew: bool = False) -> None:
        """Find out what to watch, unless it follows from the same as before: most edits change no name."""
        stage = self.stage
        settings = stage.settings if stage is not None else Settings(self.project.root)
        named = (settings.warehouse, self.assets, self.is_broken, None if stage is None else _names(stage))
        if named == self._named and not anew:
            return
        self._named = named
        self.watched = watched_files(settings, stage, self.assets, self._config_file, is_broken=self.is_broken)


def _no_verdicts() -> NoReturn:
    raise UsageError(
        Problem(
            "'status:' and 'changed:' select what is stale now, and a watcher stays",
            advice="Watch assets by key, group or tag: only what is stale is built anyway.",
        )
    )


def _names(stage: Stage) -> object:
    sources = {key: source.definition.path for key, source in stage.graph.sources.items()}
    return set(stage.files), stage.read_files, stage.read_folders, sources


def _version(path: str) -> str | None:
    try:
        return hash_bytes((Path(path).read_bytes(),))
    except OSError:
        return None


def _relative(path: str, root: Path) -> str:
    for folder in (str(root), os.path.realpath(root)):
        if path.startswith(folder + os.sep):
            return path[len(folder) + 1 :]
    return path
