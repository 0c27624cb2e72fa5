"""The record of automation as the watcher uses it: opened for each tick, written in one transaction.

A record that cannot be written, on a full disk for instance, costs a notice and not the watcher: what should have been
written is remembered here for as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from assetbuild.errors import AssetbuildError
from assetbuild.load.settings import read_settings
from assetbuild.materialize.build import prepare_state_folder
from assetbuild.record.state import Record
from assetbuild.record.ticks import AutomationState, Tick, TickLock, Ticks

__all__ = ["Journal"]

Given = TypeVar("Given")


class Journal:
    """Ticks and states of one project."""

    def __init__(self, root: Path) -> None:
        """Use the record of the project in this folder."""
        self._settings = read_settings(root)
        self._remembered: dict[tuple[str, str], AutomationState] = {}
        self._remembered_keys: set[tuple[str, str, str]] = set()
        self.troubles: list[str] = []

    def lock(self, kind: str, name: str) -> TickLock:
        """Return the lock of one automation's tick."""
        prepare_state_folder(self._settings)
        return TickLock(self._settings.state_folder, kind, name)

    def state(self, kind: str, name: str) -> AutomationState:
        """Return what the next tick goes on from."""
        remembered = self._remembered.get((kind, name))
        return remembered or self._read(lambda ticks: ticks.state(kind, name), AutomationState(kind, name))

    def states(self) -> dict[tuple[str, str], AutomationState]:
        """Return the states of all automations that ever ticked."""
        return {**self._read(lambda ticks: ticks.states(), {}), **self._remembered}

    def latest(self) -> dict[tuple[str, str], Tick]:
        """Return the newest tick of every automation."""
        return self._read(lambda ticks: ticks.latest(), {})

    def history(self, kind: str, name: str) -> list[Tick]:
        """Return the ticks of one automation, newest first."""
        return self._read(lambda ticks: ticks.history(kind, name), [])

    def seen(self, kind: str, name: str, run_keys: Iterable[str]) -> frozenset[str]:
        """Return which of these run keys were asked for before."""
        keys = [key for key in run_keys if key is not None]
        here = {key for key in keys if (kind, name, key) in self._remembered_keys}
        return self._read(lambda ticks: ticks.seen(kind, name, keys), frozenset[str]()) | here

    def put(self, state: AutomationState) -> None:
        """Write a state without a tick."""
        self._write(lambda ticks: ticks.put(state), state)

    def add(self, tick: Tick, state: AutomationState, run_keys: Iterable[str] = ()) -> None:
        """Write a tick, the state after it, and its run keys."""
        keys = tuple(run_keys)
        if not self._write(lambda ticks: ticks.add(tick, state, keys), state):
            self._remembered_keys |= {(state.kind, state.name, key) for key in keys}

    def _read(self, ask: Callable[[Ticks], Given], default: Given) -> Given:
        try:
            with _opened(Record.read(self._settings.state_folder / "state.db")) as ticks:
                return ask(ticks)
        except AssetbuildError as error:
            self._trouble(error)
            return default

    def _write(self, change: Callable[[Ticks], None], state: AutomationState) -> bool:
        place = (state.kind, state.name)
        try:
            prepare_state_folder(self._settings)
            with _opened(Record.open(self._settings.state_folder / "state.db")) as ticks:
                change(ticks)
        except (AssetbuildError, OSError) as error:
            self._remembered[place] = state
            self._trouble(error)
            return False
        self._remembered.pop(place, None)
        return True

    def _trouble(self, error: Exception) -> None:
        text = f"ticks are not recorded: {str(error).splitlines()[0]}"
        if text not in self.troubles:
            self.troubles.append(text)


@contextmanager
def _opened(record: Record) -> Iterator[Ticks]:
    try:
        yield Ticks(record)
    finally:
        record.close()
