"""What sensors, schedules and conditions did: ticks, cursors, run keys; and the lock of a tick.

A *tick* is one time that an automation was looked at. A *state* is what the next tick goes on from. Both are written in
one transaction, so that a cursor never runs ahead of the requests that it stands for. History is bounded: the last
ticks of each automation are kept, and the run keys that were seen last.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.errors import Problem, RecordError
from assetbuild.fingerprint.encoding import hash_bytes
from assetbuild.record.state import Record

__all__ = ["AutomationState", "Tick", "TickLock", "Ticks"]

TICKS_KEPT = 200
RUN_KEYS_KEPT = 10_000
_TICK = "kind, name, at, seconds, scheduled_at, outcome, message, cursor, requests, runs, log, times"


@dataclass(frozen=True, slots=True)
class AutomationState:
    """What the next tick of one automation goes on from.

    ``kind`` is ``sensor``, ``schedule`` or ``condition``; ``name`` that of the sensor or schedule, or the key of the
    asset. ``scheduled_at`` is the cron tick that was dealt with last, or the time when it was first seen. ``failures``
    counts those since the last success.
    """

    kind: str
    name: str
    cursor: str | None = None
    last_run_key: str | None = None
    ticked_at: float | None = None
    scheduled_at: float | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick and what came of it.

    ``outcome`` is ``requested``, ``skipped`` (nothing to ask for), ``missed`` (a late tick that is not made up for) or
    ``failed``. ``runs`` are the builds that it led to, each with ``run_id`` and ``status``. ``times`` counts
    ticks that came out the same one after the other and are kept as one.
    """

    kind: str
    name: str
    at: float
    outcome: str
    seconds: float = 0.0
    scheduled_at: float | None = None
    message: str = ""
    cursor: str | None = None
    requests: Sequence[dict[str, Any]] = field(default=())
    runs: Sequence[dict[str, Any]] = field(default=())
    log: str = ""
    times: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the tick as ``assetbuild sensors NAME --json`` lists it."""
        return {
            "at": self.at,
            "seconds": round(self.seconds, 4),
            "scheduled_at": self.scheduled_at,
            "outcome": self.outcome,
            "message": self.message,
            "cursor": self.cursor,
            "requests": list(self.requests),
            "runs": list(self.runs),
            "log": self.log,
            "times": self.times,
        }


class Ticks:
    """The tables of automation in a record."""

    def __init__(self, record: Record) -> None:
        """Use an open record."""
        self._record = record
        self._db = record.connection

    def states(self) -> dict[tuple[str, str], AutomationState]:
        """Return the state of every automation that ever ticked, by kind and name."""
        rows = self._db.execute(
            "SELECT kind, name, cursor, last_run_key, ticked_at, scheduled_at, failures FROM automations"
        )
        return {(row[0], row[1]): AutomationState(*row) for row in rows}

    def state(self, kind: str, name: str) -> AutomationState:
        """Return the state of one automation; a new one has none of its parts."""
        row = self._db.execute(
            "SELECT kind, name, cursor, last_run_key, ticked_at, scheduled_at, failures FROM automations "
            "WHERE kind = ? AND name = ?",
            (kind, name),
        ).fetchone()
        return AutomationState(*row) if row else AutomationState(kind, name)

    def history(self, kind: str, name: str, limit: int = TICKS_KEPT) -> list[Tick]:
        """Return the ticks of one automation, newest first."""
        rows = self._db.execute(
            f"SELECT {_TICK} FROM ticks WHERE kind = ? AND name = ? ORDER BY id DESC LIMIT ?",  # noqa: S608  # constant
            (kind, name, limit),
        )
        return [_tick(row) for row in rows]

    def latest(self) -> dict[tuple[str, str], Tick]:
        """Return the newest tick of every automation, by kind and name."""
        rows = self._db.execute(
            f"SELECT {_TICK} FROM ticks WHERE id IN (SELECT max(id) FROM ticks GROUP BY kind, name)"  # noqa: S608
        )
        return {(row[0], row[1]): _tick(row) for row in rows}

    def seen(self, kind: str, name: str, run_keys: Iterable[str]) -> frozenset[str]:
        """Return which of these run keys were asked for before."""
        query = "SELECT 1 FROM run_keys WHERE kind = ? AND name = ? AND run_key = ?"
        return frozenset(key for key in run_keys if self._db.execute(query, (kind, name, key)).fetchone())

    def put(self, state: AutomationState) -> None:
        """Write a state without a tick: an automation that is seen for the first time."""
        with self._record.transaction():
            self._put(state)

    def add(self, tick: Tick, state: AutomationState, run_keys: Iterable[str] = ()) -> None:
        """Write a tick, the state after it, and the run keys that it named, in one transaction."""
        with self._record.transaction():
            self._put(state)
            if not self._joined(tick):
                self._db.execute(
                    f"INSERT INTO ticks ({_TICK}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
                    (
                        *(tick.kind, tick.name, tick.at, tick.seconds, tick.scheduled_at, tick.outcome, tick.message),
                        *(tick.cursor, _text(tick.requests), _text(tick.runs), tick.log, tick.times),
                    ),
                )
            self._db.execute(
                "DELETE FROM ticks WHERE kind = ? AND name = ? AND id NOT IN "
                "(SELECT id FROM ticks WHERE kind = ? AND name = ? ORDER BY id DESC LIMIT ?)",
                (tick.kind, tick.name, tick.kind, tick.name, TICKS_KEPT),
            )
            self._keep_run_keys(tick, run_keys)

    def _put(self, state: AutomationState) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO automations VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(state.kind, state.name, state.cursor, state.last_run_key),
                *(state.ticked_at, state.scheduled_at, state.failures),
            ),
        )

    def _joined(self, tick: Tick) -> bool:
        """Count a tick with the one before when both had nothing to ask for, for the same reason."""
        if tick.outcome != "skipped" or tick.log:
            return False
        row = self._db.execute(
            "SELECT id, outcome, message, cursor, log FROM ticks WHERE kind = ? AND name = ? ORDER BY id DESC LIMIT 1",
            (tick.kind, tick.name),
        ).fetchone()
        if row is None or row[1:] != ("skipped", tick.message, tick.cursor, ""):
            return False
        self._db.execute(
            "UPDATE ticks SET times = times + 1, at = ?, seconds = ?, scheduled_at = ? WHERE id = ?",
            (tick.at, tick.seconds, tick.scheduled_at, row[0]),
        )
        return True

    def _keep_run_keys(self, tick: Tick, run_keys: Iterable[str]) -> None:
        rows = [(tick.kind, tick.name, key, tick.at) for key in run_keys]
        if not rows:
            return
        self._db.executemany("INSERT OR REPLACE INTO run_keys VALUES (?, ?, ?, ?)", rows)
        self._db.execute(
            "DELETE FROM run_keys WHERE kind = ? AND name = ? AND run_key NOT IN (SELECT run_key FROM run_keys "
            "WHERE kind = ? AND name = ? ORDER BY seen_at DESC LIMIT ?)",
            (tick.kind, tick.name, tick.kind, tick.name, RUN_KEYS_KEPT),
        )


class TickLock:
    """The lock of one automation, held from the moment its tick begins until what came of it is written.

    So each tick is run by one of several watchers. The kernel gives it back when the process dies.
    """

    def __init__(self, state_folder: Path, kind: str, name: str) -> None:
        """Name the lock; it is taken later."""
        self._path = state_folder / "ticking" / hash_bytes((f"{kind} {name}".encode(),))
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take the lock if nobody else holds it; return whether it is ours now."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            headline = f"the project folder cannot be written: {error.strerror}"
            raise RecordError(Problem(headline, (("file", str(self._path)),), "Check its permissions.")) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._descriptor is not None:
            # Given back by name: a worker that was forked meanwhile holds the descriptor too.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None


def _text(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(list(rows), ensure_ascii=False)


def _tick(row: tuple[Any, ...]) -> Tick:
    kind, name, at, seconds, scheduled_at, outcome, message, cursor, requests, runs, log, times = row
    return Tick(
        kind,
        name,
        at,
        outcome,
        seconds,
        scheduled_at,
        message,
        cursor,
        tuple(json.loads(requests)),
        tuple(json.loads(runs)),
        log,
        times,
    )
