"""The file of the state database: open it, bring it up to date, and tell damage from trouble.

A plan opens it read-only and changes no byte of it. A damaged file is set aside, never deleted; a file
of a newer schema is refused.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from assetbuild.errors import Problem, RecordError
from assetbuild.record.lock import opening_lock
from assetbuild.record.schema import MIGRATIONS, SCHEMA_VERSION

__all__ = ["cannot", "is_damage", "note_damage", "open_to_read", "open_to_write", "parsed", "to_text"]

_BUSY_TIMEOUT_MS = 30_000
_NOTE = "-damage"


def open_to_write(path: Path, warnings: list[str]) -> sqlite3.Connection:
    """Open for reading and writing; create, migrate, or set a damaged file aside and say so in ``warnings``.

    Raises RecordError when the schema is newer than this program, or the folder cannot be written.
    """
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
        raise RecordError(cannot("written", path, error)) from error
    return connection


def open_to_read(path: Path, warnings: list[str]) -> sqlite3.Connection:
    """Open for reading only; a file that is not there, or is damaged, reads as empty."""
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
                return connection
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise RecordError(cannot("read", path, error)) from error
            warnings.append(f"the state database is damaged ({error}): everything looks as if it was never built")
    connection = sqlite3.connect(":memory:")
    _migrate(connection, path)
    return connection


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


to_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Return a value as JSON. Made once: ``json.dumps`` makes an encoder for each call that says how."""


def parsed(text: str) -> Any:
    """Return a value from its JSON; what is none is damage."""
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


def cannot(verb: str, path: Path, error: Exception) -> Problem:
    """Return what to tell when the database cannot be read or written."""
    return Problem(
        f"the state database cannot be {verb}: {error}",
        (("file", str(path)),),
        "Another program holds it: close that program, and try again."
        if "locked" in str(error)
        else "Check the folder's permissions and the free space of the disk.",
    )
