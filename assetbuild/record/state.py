"""Read and write the record: one SQLite file, one short transaction per finished asset.

A plan opens it read-only and changes no byte of it. A damaged file is set aside, never deleted; a file
of a newer schema is refused.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from assetbuild.errors import Problem, RecordError
from assetbuild.fingerprint.encoding import hash_bytes
from assetbuild.record.lock import opening_lock
from assetbuild.record.model import Components, Materialization, Pointer, RunRow, Standing, Trace, ValueInfo
from assetbuild.record.pointers import Pointers
from assetbuild.record.schema import MIGRATIONS, SCHEMA_VERSION

__all__ = ["Record", "is_damage", "note_damage", "open_whole"]

_BUSY_TIMEOUT_MS = 30_000
_NOTE = "-damage"
_POINTER = (
    "asset, partition, build_key, data_version, object, io_manager, location, stamp, components_id, run_id, "
    "materialized_at, duration_s, traced"
)
_MATERIALIZATION = (
    "run_id, asset, partition, outcome, at, seconds, data_version, rows, size_bytes, causes, error, metadata, attempts"
)
_TRACE = "asset, partition, build_key, data_version, object, io_manager, run_id, created_at, duration_s, reason, author"


class Record:
    """The state database of one project. ``open`` creates it; ``read`` never does."""

    def __init__(self, connection: sqlite3.Connection, path: Path, warnings: list[str]) -> None:
        """Take an open connection whose schema is current; use ``open`` or ``read``."""
        self._db = connection
        self._texts: dict[str, str] = {}
        self._recipes: dict[str, Components] = {}
        self.path = path
        self.warnings = warnings

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading and writing; create, migrate, or set a damaged file aside.

        Raises RecordError when the schema is newer than this program, or the folder cannot be written.
        """
        warnings: list[str] = []
        try:
            # One at a time: of two that make, migrate or replace the file at once, one would get an error.
            with opening_lock(path.parent):
                try:
                    if damage := _noted_damage(path):
                        raise _Damage(damage)
                    connection = _connect(path)
                    _migrate(connection, path)
                except sqlite3.DatabaseError as error:
                    if not is_damage(error):
                        raise
                    aside = _set_aside(path)
                    warnings.append(
                        f"the state database was damaged ({error}); it was set aside as {aside.name} and a new one "
                        "begun: assets are built again as needed"
                    )
                    connection = _connect(path)
                    _migrate(connection, path)
        except (sqlite3.Error, OSError) as error:
            raise RecordError(_cannot("written", path, error)) from error
        return cls(connection, path, warnings)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading only; a file that is not there, or is damaged, reads as empty."""
        warnings: list[str] = []
        if path.exists():
            try:
                if damage := _noted_damage(path):
                    raise _Damage(damage)
                connection, version = _connect_to_read(path)
                if version > SCHEMA_VERSION:
                    raise RecordError(_newer(path, version))
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if 0 < version < SCHEMA_VERSION:
                    connection = _migrated_copy(connection, path)
                if version > 0:
                    return cls(connection, path, warnings)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise RecordError(_cannot("read", path, error)) from error
                warnings.append(f"the state database is damaged ({error}): everything looks as if it was never built")
        connection = sqlite3.connect(":memory:")
        _migrate(connection, path)
        return cls(connection, path, warnings)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open database, for the tables that have a module of their own (``ticks.py``)."""
        return self._db

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside the ``with`` block one transaction; raises RecordError when it cannot be committed."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back by itself when the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if is_damage(error):
                note_damage(self.path, error)
            raise RecordError(_cannot("written", self.path, error)) from error

    # -- traces and pointers

    def pointers(self, asset: str | None = None, *, partitioned: bool = True) -> Iterator[Pointer]:
        """Return the pointers to the partitions of one asset, or of all; or those of all assets without partitions."""
        where = "partition <> ''" if partitioned else "partition = ''"
        given = () if asset is None else (asset,)
        where += "" if asset is None else " AND asset = ?"
        return map(_pointer, self._db.execute(f"SELECT {_POINTER} FROM pointers WHERE {where}", given))  # noqa: S608

    def partitioned_assets(self) -> list[str]:
        """Return the assets that have pointers to partitions."""
        # Step by step over the index: DISTINCT would read every row.
        rows = self._db.execute(
            """
            WITH RECURSIVE named(asset) AS (
                SELECT min(asset) FROM pointers WHERE partition <> ''
                UNION ALL
                SELECT (SELECT min(asset) FROM pointers WHERE asset > named.asset AND partition <> '')
                FROM named WHERE named.asset IS NOT NULL
            )
            SELECT asset FROM named WHERE asset IS NOT NULL
            """
        )
        return [asset for (asset,) in rows]

    def pointer(self, asset: str, partition: str | None) -> Pointer | None:
        """Return one pointer as it is at this moment."""
        row = self._db.execute(
            f"SELECT {_POINTER} FROM pointers WHERE asset = ? AND partition = ?",  # noqa: S608
            (asset, partition or ""),
        ).fetchone()
        return _pointer(row) if row else None

    def standing(self, asset: str, *, partitioned: bool) -> list[Standing]:
        """Return of each traced pointer of an asset what tells whether it is fresh."""
        rows = self._db.execute(
            "SELECT partition, build_key, data_version, object, io_manager, location, stamp FROM pointers "
            "WHERE asset = ? AND traced AND (partition <> '') = ?",
            (asset, partitioned),
        )
        return rows.fetchall()

    def partition_keys(self, asset: str) -> list[str]:
        """Return the partition keys of an asset's pointers."""
        rows = self._db.execute("SELECT partition FROM pointers WHERE asset = ? AND partition <> ''", (asset,))
        return [key for (key,) in rows]

    def used_io_managers(self) -> list[str]:
        """Return the names of the IO managers that keep what is materialized now."""
        rows = self._db.execute("SELECT DISTINCT io_manager FROM pointers WHERE object IS NOT NULL")
        return [name for (name,) in rows]

    def mean_duration_s(self, asset: str) -> float:
        """Return how long the partitions of an asset took to build, on average."""
        row = self._db.execute("SELECT avg(duration_s) FROM pointers WHERE asset = ?", (asset,)).fetchone()
        return row[0] or 0.0

    def has_traces(self, asset: str) -> bool:
        """Return whether anything was ever traced for an asset."""
        return self._db.execute("SELECT 1 FROM traces WHERE asset = ? LIMIT 1", (asset,)).fetchone() is not None

    def traces(self, asset: str, partition: str | None, build_key: str) -> list[Trace]:
        """Return the traces of one build key, newest first."""
        rows = self._db.execute(
            f"SELECT {_TRACE} FROM traces WHERE asset = ? AND partition = ? AND build_key = ? ORDER BY id DESC",  # noqa: S608
            (asset, partition or "", build_key),
        )
        return [_trace(row) for row in rows]

    def last_used(self) -> dict[str, float]:
        """Return when each data version was last built or restored, as far as the history goes."""
        rows = self._db.execute(
            "SELECT data_version, max(at) FROM materializations WHERE data_version IS NOT NULL GROUP BY data_version"
        )
        return dict(rows)

    def all_traces(self) -> Iterator[Trace]:
        """Return every trace, oldest first."""
        return map(_trace, self._db.execute(f"SELECT {_TRACE} FROM traces ORDER BY id"))  # noqa: S608

    def components(self, components_id: str) -> Components:
        """Return the parts of a build key that was recorded; empty when unknown.

        What all partitions share lies in a row of its own, whose id is then given as ``recipe_id``.
        """
        row = self._db.execute("SELECT json FROM components WHERE id = ?", (components_id,)).fetchone()
        parts: Components = _parsed(row[0]) if row else {}
        if (recipe_id := parts.get("recipe_id")) is not None:
            if recipe_id not in self._recipes:
                self._recipes[recipe_id] = self.components(recipe_id)
            parts |= self._recipes[recipe_id]
        return parts

    def text(self, version: str) -> str | None:
        """Return the source text that was recorded for a code part."""
        row = self._db.execute("SELECT text FROM texts WHERE version = ?", (version,)).fetchone()
        return row[0] if row else None

    def value(self, data_version: str) -> ValueInfo | None:
        """Return what is known of a data version."""
        row = self._db.execute(
            "SELECT data_version, parts, rows, size_bytes FROM data_values WHERE data_version = ?", (data_version,)
        ).fetchone()
        return ValueInfo(row[0], _parsed(row[1]), row[2], row[3]) if row else None

    def add_trace(self, trace: Trace, components_id: str) -> None:
        """Add a trace; one that says the same again becomes the newest."""
        self._db.execute(
            f"INSERT OR REPLACE INTO traces ({_TRACE}, components_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            (
                trace.asset,
                trace.partition or "",
                trace.build_key,
                trace.data_version,
                trace.object,
                trace.io_manager,
                trace.run_id,
                trace.created_at,
                trace.duration_s,
                trace.reason,
                trace.author,
                components_id,
            ),
        )

    def add_components(self, components: Components) -> str:
        """Keep the parts of a build key and return their id."""
        if "inputs" in components:
            shared = self.add_components({name: part for name, part in components.items() if name != "inputs"})
            components = {"recipe_id": shared, "inputs": components["inputs"]}
        text = json.dumps(components, ensure_ascii=False, separators=(",", ":"))
        components_id = hash_bytes((text.encode(),))  # of the text: an id, and no version of anything
        self._db.execute("INSERT OR IGNORE INTO components VALUES (?, ?)", (components_id, text))
        return components_id

    def add_texts(self, texts: Mapping[str, str]) -> None:
        """Keep source texts by the version of their code part; the latest text of a version wins."""
        new = [(version, text) for version, text in texts.items() if self._texts.get(version) != text]
        if new:
            self._db.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?)", new)
            self._texts.update(new)

    def add_value(self, value: ValueInfo) -> None:
        """Keep what is known of a data version."""
        self._db.execute(
            "INSERT OR REPLACE INTO data_values VALUES (?, ?, ?, ?)",
            (value.data_version, json.dumps(value.parts, ensure_ascii=False), value.rows, value.size_bytes),
        )

    def set_pointer(self, pointer: Pointer) -> None:
        """Say what is materialized now; a location that is left behind becomes an orphan."""
        before = self._db.execute(
            "SELECT location, io_manager FROM pointers WHERE asset = ? AND partition = ?",
            (pointer.asset, pointer.partition or ""),
        ).fetchone()
        if before is not None and before[0] and before[0] != pointer.location:
            self._db.execute(
                "INSERT OR REPLACE INTO orphans VALUES (?, ?, ?, ?, ?)",
                (before[0], pointer.asset, pointer.partition or "", before[1], time.time()),
            )
        if before is None or before[0] != pointer.location:
            self._db.execute("DELETE FROM orphans WHERE location = ?", (pointer.location,))
        self._db.execute(
            f"INSERT OR REPLACE INTO pointers ({_POINTER}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            (
                pointer.asset,
                pointer.partition or "",
                pointer.build_key,
                pointer.data_version,
                pointer.object,
                pointer.io_manager,
                pointer.location,
                pointer.stamp,
                pointer.components_id,
                pointer.run_id,
                pointer.materialized_at,
                pointer.duration_s,
                int(pointer.traced),
            ),
        )

    def set_stamps(self, stamps: Mapping[tuple[str, str | None], str]) -> None:
        """Write back the stamps of published values that were touched but not changed."""
        self._db.executemany(
            "UPDATE pointers SET stamp = ? WHERE asset = ? AND partition = ?",
            [(stamp, asset, partition or "") for (asset, partition), stamp in stamps.items()],
        )

    def shared_stamps(self) -> dict[str, str]:
        """Return the stamps of files that hold many values, by path."""
        return dict(self._db.execute("SELECT path, stamp FROM shared_stamps"))

    def set_shared_stamp(self, path: str, stamp: str) -> None:
        """Write the stamp of a file that holds many values."""
        self._db.execute("INSERT OR REPLACE INTO shared_stamps VALUES (?, ?)", (path, stamp))

    def orphans(self) -> list[tuple[str, str, str | None, str]]:
        """Return (location, asset, partition, IO manager) of values that no pointer leads to any more."""
        rows = self._db.execute("SELECT location, asset, partition, io_manager FROM orphans ORDER BY location")
        return [(location, asset, partition or None, manager) for location, asset, partition, manager in rows]

    def forget_orphan(self, location: str) -> None:
        """Forget an orphan that was removed."""
        self._db.execute("DELETE FROM orphans WHERE location = ?", (location,))

    def forget(self, asset: str, partition: str | None = None) -> None:
        """Forget the pointers and traces of an asset, or of one partition of it."""
        for table in ("pointers", "traces"):
            if partition is None:
                self._db.execute(f"DELETE FROM {table} WHERE asset = ?", (asset,))  # noqa: S608  # one of two names
            else:
                self._db.execute(f"DELETE FROM {table} WHERE asset = ? AND partition = ?", (asset, partition))  # noqa: S608

    def delete_traces(self, objects: Iterable[str]) -> None:
        """Forget the traces whose objects were collected."""
        self._db.executemany("DELETE FROM traces WHERE object = ?", [(name,) for name in objects])

    # -- runs and history

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
                (status, time.time(), json.dumps(dict(counts)), run_id),
            )

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """Return the runs, newest first."""
        rows = self._db.execute(
            "SELECT run_id, command, status, started_at, ended_at, counts FROM runs "
            "ORDER BY started_at DESC, run_id DESC LIMIT ?",
            (-1 if limit is None else limit,),
        )
        return [_run(row) for row in rows]

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
                json.dumps(row.causes, ensure_ascii=False),
                row.error,
                json.dumps(row.metadata, ensure_ascii=False),
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

    def accepted(self, asset: str, partition: str | None) -> Trace | None:
        """Return the newest trace of an asset that was adopted by ``accept``."""
        row = self._db.execute(
            f"SELECT {_TRACE} FROM traces WHERE asset = ? AND partition = ? AND reason IS NOT NULL ORDER BY id DESC",  # noqa: S608
            (asset, partition or ""),
        ).fetchone()
        return _trace(row) if row else None


def open_whole(path: Path, *, write: bool) -> tuple[Record, Pointers]:
    """Open the record and read its pointers; damage that only these show is noted, and the record opened anew."""
    open_record = Record.open if write else Record.read
    record = open_record(path)
    try:
        return record, Pointers(record)
    except sqlite3.DatabaseError as error:
        record.close()
        if not is_damage(error):
            raise
        note_damage(path, error)
    record = open_record(path)
    return record, Pointers(record)


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    target = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(target, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_MS / 1000)
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _connect_to_read(path: Path) -> tuple[sqlite3.Connection, int]:
    """Return a read-only connection and the schema version."""
    try:
        connection = _connect(path, read_only=True)
        return connection, connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError:
        # A reader of a WAL database makes a -shm file beside it, and in a folder that cannot be written it cannot.
        # Then nobody can write the database either, and it may be read as it is.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
        return connection, connection.execute("PRAGMA user_version").fetchone()[0]


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        connection.close()
        raise RecordError(_newer(path, version))
    for number in range(version, SCHEMA_VERSION):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;")


def _migrated_copy(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a copy in memory with today's tables: a reader changes nothing, and the next build migrates the file."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with closing(connection):
        connection.backup(copy)
    _migrate(copy, path)
    return copy


class _Damage(sqlite3.DatabaseError):
    """Damage that was found earlier, deep inside the file, where opening it does not look."""


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error tells of the file's content; others (busy, read-only, no space) do not."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return (
        isinstance(error, _Damage)
        or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
        or name == "SQLITE_IOERR_SHORT_READ"
        or (name == "SQLITE_ERROR" and str(error).startswith("no such "))
        or "Could not decode" in str(error)  # the module's own, of text that is none
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        message = f"a part of it is no JSON: {error}"
        raise _Damage(message) from error


def note_damage(path: Path, error: Exception) -> None:
    """Leave a note beside the database, so that the next one who opens it to write sets it aside."""
    with suppress(OSError):
        path.with_name(path.name + _NOTE).write_text(str(error))


def _noted_damage(path: Path) -> str:
    try:
        return path.with_name(path.name + _NOTE).read_text()
    except OSError:
        return ""


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
    path.replace(aside)
    for suffix in ("-wal", "-shm", _NOTE):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def _newer(path: Path, version: int) -> Problem:
    return Problem(
        f"the state database has version {version}, and this assetbuild knows {SCHEMA_VERSION}",
        (("file", str(path)),),
        "Upgrade assetbuild; or, to begin anew, move the .assetbuild folder away.",
    )


def _cannot(verb: str, path: Path, error: Exception) -> Problem:
    return Problem(
        f"the state database cannot be {verb}: {error}",
        (("file", str(path)),),
        "Another program holds it: close that program, and try again."
        if "locked" in str(error)
        else "Check the folder's permissions and the free space of the disk.",
    )


def _pointer(row: tuple[Any, ...]) -> Pointer:
    asset, partition, *middle, traced = row
    return Pointer(asset, partition or None, *middle, bool(traced))  # type: ignore[call-arg]  # as _POINTER lists them


def _trace(row: tuple[Any, ...]) -> Trace:
    return Trace(row[0], row[1] or None, *row[2:])


def _run(row: tuple[Any, ...]) -> RunRow:
    run_id, command, status, started_at, ended_at, counts = row
    return RunRow(run_id, command, status, started_at, ended_at, _parsed(counts))


def _materialization(row: tuple[Any, ...]) -> Materialization:
    run_id, asset, partition, *middle, causes, error, metadata, attempts = row
    said = (_parsed(causes), error, _parsed(metadata), attempts)
    return Materialization(run_id, asset, partition or None, *middle, *said)  # type: ignore[call-arg]  # as listed above
