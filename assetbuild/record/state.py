"""Read and write the record: traces, pointers and values, in short transactions."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from assetbuild.errors import RecordError
from assetbuild.fingerprint.encoding import hash_bytes
from assetbuild.fingerprint.recipe import InputVersion, Recipe, input_components, recipe_components
from assetbuild.record.database import cannot, is_damage, note_damage, open_to_read, open_to_write, parsed, to_text
from assetbuild.record.history import History
from assetbuild.record.lock import is_running
from assetbuild.record.model import Components, Pointer, Standing, Trace, ValueInfo
from assetbuild.record.pointers import Pointers, pointer_of

__all__ = ["Record", "open_whole"]

_POINTER = (
    "asset, partition, build_key, data_version, object, io_manager, location, stamp, components_id, run_id, "
    "materialized_at, duration_s, traced"
)
_TRACE = "asset, partition, build_key, data_version, object, io_manager, run_id, created_at, duration_s, reason, author"


class Record(History):
    """The state database of one project. ``open`` creates it; ``read`` never does."""

    def __init__(self, connection: sqlite3.Connection, path: Path, warnings: list[str]) -> None:
        """Take an open connection whose schema is current; use ``open`` or ``read``."""
        self._db = connection
        self._texts: dict[str, str] = {}
        """What is on record already, of source texts and recipes."""
        self._recipe_ids: dict[str, tuple[Recipe, str]] = {}
        self._recipes: dict[str, Components] = {}
        self.path = path
        self.warnings = warnings

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading and writing; create, migrate, or set a damaged file aside.

        Raises RecordError when the schema is newer than this program, or the folder cannot be written.
        """
        warnings: list[str] = []
        return cls(open_to_write(path, warnings), path, warnings)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open for reading only; a file that is not there, or is damaged, reads as empty."""
        warnings: list[str] = []
        return cls(open_to_read(path, warnings), path, warnings)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open database, for the tables that have a module of their own (``ticks.py``)."""
        return self._db

    def commits_of_others(self) -> int:
        """Return a number that is another one as soon as another connection has committed anything."""
        number: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return number

    def others_at_work(self) -> str:
        """Name the other live processes that build in this project; empty when there is none."""
        folder, own = self.path.parent, os.getpid()
        others = [(run_id, pid) for run_id, pid in self.running() if pid != own and is_running(folder, run_id)]
        return "; ".join(f"pid {pid}, run {run_id}" for run_id, pid in others)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside the ``with`` block one transaction; raises RecordError when it cannot be committed."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if is_damage(error):
                note_damage(self.path, error)
            raise RecordError(cannot("written", self.path, error)) from error

    def _roll_back(self) -> None:
        self._texts.clear()
        self._recipe_ids.clear()
        if self._db.in_transaction:  # SQLite has rolled back by itself when the disk is full
            self._db.execute("ROLLBACK")

    # -- traces and pointers

    def pointers(self, asset: str) -> Iterator[Pointer]:
        """Return the pointers to the partitions of one asset."""
        rows = self._db.execute(f"SELECT {_POINTER} FROM pointers WHERE partition <> '' AND asset = ?", (asset,))  # noqa: S608
        return map(pointer_of, rows)

    def plain_rows(self) -> dict[str, tuple[Any, ...]]:
        """Return the pointers of all assets without partitions, as rows."""
        rows = self._db.execute(f"SELECT {_POINTER} FROM pointers WHERE partition = ''")  # noqa: S608
        return {row[0]: row for row in rows}

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
        return pointer_of(row) if row else None

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

    def traced_partitions(self, asset: str) -> frozenset[str]:
        """Return the partitions of an asset that were ever built and are not forgotten."""
        rows = self._db.execute("SELECT DISTINCT partition FROM traces WHERE asset = ?", (asset,))
        return frozenset(row[0] for row in rows)

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
        parts: Components = parsed(row[0]) if row else {}
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
        return ValueInfo(row[0], parsed(row[1]), row[2], row[3]) if row else None

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

    def add_recipe(self, asset: str, recipe: Recipe) -> str:
        """Keep what the build keys of an asset have in common, with the source texts to show it; return its id."""
        known, recipe_id = self._recipe_ids.get(asset, (None, ""))
        if known is not recipe:
            self._add_texts(recipe.texts)
            recipe_id = self._add_components(recipe_components(recipe))
            self._recipe_ids[asset] = (recipe, recipe_id)
        return recipe_id

    def add_components(self, asset: str, recipe: Recipe, inputs: Iterable[InputVersion]) -> str:
        """Keep the parts of a build key and return their id."""
        return self._add_components({"recipe_id": self.add_recipe(asset, recipe), "inputs": input_components(inputs)})

    def _add_components(self, components: Components) -> str:
        text = to_text(components)
        components_id = hash_bytes((text.encode(),))  # of the text: an id, and no version of anything
        self._db.execute("INSERT OR IGNORE INTO components VALUES (?, ?)", (components_id, text))
        return components_id

    def _add_texts(self, texts: Mapping[str, str]) -> None:
        # The latest text of a version wins.
        new = [(version, text) for version, text in texts.items() if self._texts.get(version) != text]
        if new:
            self._db.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?)", new)
            self._texts.update(new)

    def add_value(self, value: ValueInfo) -> None:
        """Keep what is known of a data version."""
        self._db.execute(
            "INSERT OR REPLACE INTO data_values VALUES (?, ?, ?, ?)",
            (value.data_version, to_text(value.parts), value.rows, value.size_bytes),
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


def _trace(row: tuple[Any, ...]) -> Trace:
    return Trace(row[0], row[1] or None, *row[2:])
