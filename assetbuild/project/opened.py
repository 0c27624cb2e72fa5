"""A project folder that is open: its definitions as they are now, and the facts that commands work on."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assetbuild.errors import Problem, RecordError, UsageError
from assetbuild.load.settings import Settings, read_settings
from assetbuild.load.stage import Stage, load_stage
from assetbuild.plan.facts import Facts
from assetbuild.plan.keys import KeySets
from assetbuild.plan.outputs import Outputs
from assetbuild.plan.sources import SourceObserver
from assetbuild.record.database import is_damage, note_damage
from assetbuild.record.stamps import StampCache
from assetbuild.record.state import Record, open_whole
from assetbuild.store.objects import Objects

if TYPE_CHECKING:
    from assetbuild.materialize.ahead import Ahead

__all__ = ["Opened"]

_LOADING = threading.RLock()
"""Modules and the ways to import them belong to the process: one thread at a time loads a project."""

_NOW = "ASSETBUILD_NOW"


class Opened:
    """Definitions are loaded on first use, and again when one of their files changed."""

    def __init__(self, root: Path, config_file: Path | None, assignments: Sequence[str]) -> None:
        """Open the project in exactly this folder; nothing is loaded yet."""
        self.root = root
        self.config_file = config_file
        self.assignments = tuple(assignments)
        self.warnings: list[str] = []
        self._stage: Stage | None = None
        self._ahead: Ahead | None = None
        self._local = threading.local()

    def loaded(self, *, functions: bool = False) -> Stage:
        """Return the definitions: those that this thread's command works on, else those of today's files."""
        pinned = self._pinned
        if pinned is not None and (pinned.has_functions or not functions):
            return pinned
        with _LOADING:
            stage = self._stage
            if stage is None or not stage.is_current or (functions and not stage.has_functions):
                stage = self._stage = load_stage(
                    self.root,
                    self.config_file,
                    self.assignments,
                    functions=functions,
                    follower=self._ahead,
                    keep=self._ahead is None,  # a build does it while its workers start
                    sparing=stage is None,  # a process that loads again will do so once more
                )
            return stage

    def reloaded(self, *, functions: bool, anew: bool) -> Stage:
        """Load the definitions whatever the stamps of their files say, and return them."""
        with _LOADING:
            previous = None if anew else self._stage
            self._stage = load_stage(
                self.root, self.config_file, self.assignments, functions=functions, previous=previous, keep=False
            )
            return self._stage

    def forget(self) -> None:
        """Let the next use load the definitions again."""
        self._stage = None

    @contextmanager
    def followed_by(self, ahead: Ahead) -> Iterator[None]:
        """Let workers import what is loaded inside the block, as soon as it is."""
        self._ahead = ahead
        try:
            yield
        finally:
            self._ahead = None

    @contextmanager
    def facts(self, *, write: bool = False, functions: bool = False) -> Iterator[Facts]:
        """Give all that a plan reads, of one state of the code, also when a file is saved inside the block."""
        stage = self.loaded(functions=functions)
        folder = stage.settings.state_folder
        record, pointers = open_whole(folder / "state.db", write=write)
        self.warnings.extend(warning for warning in record.warnings if warning not in self.warnings)
        stamps = StampCache(folder / "stamps.db")
        outer, self._pinned = self._pinned, stage
        sources = SourceObserver(self.root, stamps, stage.io_managers)
        warehouse = self.root / stage.settings.warehouse
        outputs = Outputs(warehouse, stage.graph, stage.io_managers, Objects(folder / "objects"), stamps, record)
        keys = KeySets(stage.graph, self.root, _now(), sources, outputs, stamps)
        try:
            recipes = stage.recipes
            yield Facts(
                stage.graph, recipes.recipe, record, pointers, sources, outputs, keys, recipes.stem, recipes.plain
            )
            stamps.flush()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            note_damage(record.path, error)
            problem = f"the state database is damaged: {error}"
            advice = "Run 'assetbuild materialize': it sets the database aside, and builds again what is needed."
            raise RecordError(Problem(problem, (("file", str(record.path)),), advice)) from error
        finally:
            self._pinned = outer
            record.close()

    def poller(self, key: str) -> Callable[[], str]:
        """Return what asks the observe function of a source, in any thread, for the version of its data."""
        stage = self.loaded(functions=True)

        def poll() -> str:
            stamps = StampCache(stage.settings.state_folder / "stamps.db")
            state = SourceObserver(self.root, stamps, stage.io_managers).state(stage.graph.sources[key])
            return state.version or state.problem

        return poll

    @contextmanager
    def record(self) -> Iterator[Record]:
        """Give the record alone, to read; whether the definitions load makes no difference."""
        record = Record.read(self.settings.state_folder / "state.db")
        try:
            yield record
        finally:
            record.close()

    @property
    def settings(self) -> Settings:
        """The settings, which are there even where the definitions do not load."""
        return read_settings(self.root) if self._stage is None else self._stage.settings

    @property
    def _pinned(self) -> Stage | None:
        """The stage that the command of this thread works on."""
        return getattr(self._local, "stage", None)

    @_pinned.setter
    def _pinned(self, stage: Stage | None) -> None:
        self._local.stage = stage


def _now() -> datetime:
    """Return the time up to which windows are complete; a variable sets it, for tests and for building as of a day."""
    said = os.environ.get(_NOW)
    if said is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as error:
        raise UsageError(Problem(f"{_NOW}={said!r} is no time", (), "Write 2024-01-31T12:00:00+00:00.")) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
