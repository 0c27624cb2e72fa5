"""The runs of a project and the history of its assets: what was done, when, how long it took, and how it ended."""

from __future__ import annotations

import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from assetbuild.record.database import parsed, to_text
from assetbuild.record.model import Materialization, RunRow

__all__ = ["History"]

_MATERIALIZATION = (
    "run_id, asset, partition, outcome, at, seconds, data_version, rows, size_bytes, causes, error, metadata, attempts"
)


class History(ABC):
    """The part of the record that tells of the past; nothing is decided by it."""

    _db: sqlite3.Connection

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Make everything inside the ``with`` block one transaction."""

    def begin_run(self, run_id: str, command: str) -> None:
        """Record that a run has begun, in this process."""
        with self.transaction():
            self._db.execute(
                "INSERT INTO runs VALUES (?, ?, 'running', ?, NULL, '{}', ?)",
                (run_id, command, time.time(), os.getpid()),
            )

    def running(self) -> list[tuple[str, int]]:
        """Return run id and process id of the runs that have no end yet: they go on, or were killed."""
        return list(self._db.execute("SELECT run_id, pid FROM runs WHERE status = 'running' ORDER BY started_at"))

    def finish_run(self, run_id: str, status: str, counts: Mapping[str, int]) -> None:
        """Record how a run ended."""
        with self.transaction():
            self._db.execute(
                "UPDATE runs SET status = ?, ended_at = ?, counts = ? WHERE run_id = ?",
                (status, time.time(), to_text(dict(counts)), run_id),
            )

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """Return the runs, newest first."""
        rows = self._db.execute(
            "SELECT run_id, command, status, started_at, ended_at, counts FROM runs "
            "ORDER BY started_at DESC, run_id DESC LIMIT ?",
            (-1 if limit is None else limit,),
        )
        return [_run(row) for row in rows]

    def past_runs(self, before: float) -> list[str]:
        """Return the runs that began before a moment, and are the last of no asset or partition."""
        rows = self._db.execute(
            "SELECT run_id FROM runs WHERE started_at < ? AND status != 'running' AND run_id NOT IN "
            "(SELECT run_id FROM materializations WHERE id IN "
            "(SELECT max(id) FROM materializations GROUP BY asset, partition)) ORDER BY started_at",
            (before,),
        )
        return [run_id for (run_id,) in rows]

    def forget_runs(self, run_ids: Iterable[str]) -> None:
        """Forget runs, and what they did to each asset."""
        ids = [(run_id,) for run_id in run_ids]
        for table in ("materializations", "runs"):
            self._db.executemany(f"DELETE FROM {table} WHERE run_id = ?", ids)  # noqa: S608  # one of two names

    def add_materialization(self, row: Materialization) -> None:
        """Record one outcome in an asset's history."""
        self._db.execute(
            f"INSERT INTO materializations ({_MATERIALIZATION}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            (
                row.run_id,
                row.asset,
                row.partition or "",
                row.outcome,
                row.at,
                row.seconds,
                row.data_version,
                row.rows,
                row.size_bytes,
                to_text(row.causes),
                row.error,
                to_text(row.metadata),
                row.attempts,
            ),
        )

    def materializations(
        self,
        *,
        asset: str | None = None,
        partition: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[Materialization]:
        """Return history, newest first, of an asset, one partition of it, or a run."""
        asked = (("asset", asset), ("partition", partition), ("run_id", run_id))
        where = [(f"{name} = ?", value) for name, value in asked if value is not None]
        condition = " AND ".join(text for text, _ in where) or "1"
        rows = self._db.execute(
            f"SELECT {_MATERIALIZATION} FROM materializations WHERE {condition} ORDER BY id DESC LIMIT ?",  # noqa: S608
            (*(value for _, value in where), -1 if limit is None else limit),
        )
        return [_materialization(row) for row in rows]


def _run(row: tuple[Any, ...]) -> RunRow:
    run_id, command, status, started_at, ended_at, counts = row
    return RunRow(run_id, command, status, started_at, ended_at, parsed(counts))


def _materialization(row: tuple[Any, ...]) -> Materialization:
    run_id, asset, partition, *middle, causes, error, metadata, attempts = row
    said = (parsed(causes), error, parsed(metadata), attempts)
    return Materialization(run_id, asset, partition or None, *middle, *said)  # type: ignore[call-arg]  # as listed above
