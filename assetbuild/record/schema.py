"""The state database: its tables, version by version.

``.assetbuild/state.db`` is SQLite in WAL mode with ``synchronous=NORMAL``: a commit survives the death of the
process at any moment; after a power cut the last commits may be gone, and their assets are built again. Its version
is in ``PRAGMA user_version``. ``partition`` is '' where there is none, because NULLs never collide in a primary key.
A materialization costs about 1 KB.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MIGRATIONS", "SCHEMA_VERSION"]

MIGRATIONS: Final[tuple[str, ...]] = (
    # 0 -> 1
    """
    CREATE TABLE traces (
        id INTEGER PRIMARY KEY,
        asset TEXT NOT NULL,
        partition TEXT NOT NULL,
        build_key TEXT NOT NULL,
        data_version TEXT NOT NULL,
        object TEXT,
        io_manager TEXT NOT NULL,
        components_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        created_at REAL NOT NULL,
        duration_s REAL NOT NULL,
        reason TEXT,
        author TEXT,
        UNIQUE (asset, partition, build_key, data_version)
    );
    CREATE TABLE pointers (
        asset TEXT NOT NULL,
        partition TEXT NOT NULL,
        build_key TEXT NOT NULL,
        data_version TEXT NOT NULL,
        object TEXT,
        io_manager TEXT NOT NULL,
        location TEXT NOT NULL,
        stamp TEXT,
        components_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        materialized_at REAL NOT NULL,
        duration_s REAL NOT NULL,
        traced INTEGER NOT NULL,
        PRIMARY KEY (asset, partition)
    ) WITHOUT ROWID;
    CREATE TABLE components (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE texts (version TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE data_values (
        data_version TEXT PRIMARY KEY, parts TEXT NOT NULL, rows INTEGER, size_bytes INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE shared_stamps (path TEXT PRIMARY KEY, stamp TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE orphans (
        location TEXT PRIMARY KEY,
        asset TEXT NOT NULL,
        partition TEXT NOT NULL,
        io_manager TEXT NOT NULL,
        since REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        command TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at REAL NOT NULL,
        ended_at REAL,
        counts TEXT NOT NULL,
        pid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX runs_by_start ON runs (started_at);
    CREATE TABLE materializations (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        asset TEXT NOT NULL,
        partition TEXT NOT NULL,
        outcome TEXT NOT NULL,
        at REAL NOT NULL,
        seconds REAL NOT NULL,
        data_version TEXT,
        rows INTEGER,
        size_bytes INTEGER,
        causes TEXT NOT NULL,
        error TEXT,
        metadata TEXT NOT NULL,
        attempts INTEGER NOT NULL
    );
    CREATE INDEX materializations_by_asset ON materializations (asset, partition, id);
    CREATE INDEX materializations_by_run ON materializations (run_id, id);
    """,
    # 1 -> 2: sensors, schedules and conditions
    """
    CREATE TABLE automations (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        cursor TEXT,
        last_run_key TEXT,
        ticked_at REAL,
        scheduled_at REAL,
        failures INTEGER NOT NULL,
        PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;
    CREATE TABLE ticks (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        at REAL NOT NULL,
        seconds REAL NOT NULL,
        scheduled_at REAL,
        outcome TEXT NOT NULL,
        message TEXT NOT NULL,
        cursor TEXT,
        requests TEXT NOT NULL,
        runs TEXT NOT NULL,
        log TEXT NOT NULL,
        times INTEGER NOT NULL
    );
    CREATE INDEX ticks_by_name ON ticks (kind, name, id);
    CREATE TABLE run_keys (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        run_key TEXT NOT NULL,
        seen_at REAL NOT NULL,
        PRIMARY KEY (kind, name, run_key)
    ) WITHOUT ROWID;
    """,
)
"""``MIGRATIONS[n]`` brings version n to n + 1; each runs in one transaction."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
