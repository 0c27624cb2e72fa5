"""Tables in one DuckDB file, ``warehouse/warehouse.duckdb``.

The object of a value is a Parquet file, as with the Parquet IO manager, so
restoring, loading and sharing work alike; publishing loads that object into a
table. ``raw/flights`` is table ``flights`` in schema ``raw``, ``flights`` is table
``flights`` in schema ``main``, and ``a/b/c`` is table ``c`` in schema ``a/b``: a slash cannot
occur in a part, so no two keys share a table. The partitions of an asset are rows of one table, which
``duckdb_partitions`` describes.

DuckDB lets one process write. The connection is opened at the first publish
and kept until ``close``; each publish is one transaction, so a reader of the
file sees the old table or the new one. What is committed lies in the
write-ahead log until ``close``, and survives a crash there.
"""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from assetbuild.errors import Problem, StoreError
from assetbuild.fingerprint.data.tables import table_version
from assetbuild.store.failures import damaged_object, storing
from assetbuild.store.objects import content_hash
from assetbuild_stores.duckdb_partitions import (
    Known,
    has_partition,
    look_at_partitions,
    remove_partitions,
    replace_partitions,
)
from assetbuild_stores.duckdb_tables import VALUE, batches, kind_of, quoted, registered, replace_table
from assetbuild_stores.parquet import ParquetIOManager

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetbuild.store.io import Place, ValueState

__all__ = ["DuckDBIOManager"]

_FILE: Final = "warehouse.duckdb"
_PATIENCE_S: Final = 10.0
_POLL_S: Final = 0.005
_RESERVED: Final = frozenset({"information_schema", "pg_catalog", "temp", "system"})


class DuckDBIOManager(ParquetIOManager):
    """Publishes tables into one DuckDB file. Options: those of the Parquet IO manager, for the objects."""

    one_writer: ClassVar[bool] = True

    def __init__(self, **options: Any) -> None:
        """Take the options; nothing is opened yet."""
        if of_files := {"layout", "partition_column"} & set(options):
            message = f"{min(of_files)} is for files; the partitions of an asset are rows of one DuckDB table"
            raise ValueError(message)
        super().__init__(**options)
        self._connections: dict[Path, Any] = {}
        self._owners: dict[tuple[Path, str, str], str] = {}
        self._partitioned: dict[Path, Known] = {}
        """By file, the tables of partitioned assets that were written since it was opened: nobody else can write."""

    def location(self, place: Place) -> str:
        """Return file, table and partition, as ``warehouse/warehouse.duckdb:raw.flights[2013-01-01]``."""
        schema, table = _table(place)
        partition = "" if place.partition_key is None else f"[{place.partition_key}]"
        return f"{place.warehouse.name}/{_FILE}:{schema}.{table}{partition}"

    def shared_stamp_path(self, place: Place) -> Path:
        """Return the DuckDB file, which holds the tables of all assets."""
        return place.warehouse / _FILE

    def publish(self, place: Place, published: Path) -> str:
        """Replace the table, or the rows of the partition, by the object's content in one transaction."""
        return self.publish_many([(place, published)])[0]

    def publish_many(self, values: Sequence[tuple[Place, Path]]) -> list[str]:
        """Replace tables and partitions; all partitions of one asset in one transaction. Return the file's stamp."""
        for _, published in values:
            if (found := content_hash(published)) != published.name.partition(".")[0]:
                raise damaged_object(published, f"hashes to {found}")
        partitions: dict[tuple[Path, str], list[tuple[Place, Path]]] = {}
        for place, published in values:
            self._claim(place)
            if place.partition_key is None:
                self._forget(place)
                self._publishing(place, partial(_replace, place=place, published=published))
            else:
                partitions.setdefault((place.warehouse, place.asset_key), []).append((place, published))
        for group in partitions.values():
            rows = [(place.partition_key or "", published) for place, published in group]
            place = group[0][0]
            known = self._partitioned.setdefault(self.shared_stamp_path(place), {})
            self._publishing(
                place,
                partial(replace_partitions, name=_table(place), asset_key=place.asset_key, values=rows, known=known),
            )
        return [self.stamp(place) or "" for place, _ in values]

    def exists(self, place: Place) -> bool:
        """Return whether the table, or the partition, is in the file."""
        if not self.shared_stamp_path(place).exists():
            return False
        schema, table = _table(place)
        with _Reading(self, place) as connection:
            if place.partition_key is not None:
                return has_partition(connection, schema, table, place.partition_key)
            return kind_of(connection, schema, table) == "BASE TABLE"

    def stamp(self, place: Place) -> str | None:
        """Return the stamp of the whole file, with its write-ahead log; None when there is no file."""
        path = self.shared_stamp_path(place)
        said = [_stat(path), _stat(path.with_name(path.name + ".wal"))]
        return None if said[0] is None else " ".join(text for text in said if text)

    def stamps(self, places: Sequence[Place]) -> list[str | None]:
        """Return the stamp of each place, looking at each file once."""
        found = {place.warehouse: place for place in places}
        stamps = {warehouse: self.stamp(place) for warehouse, place in found.items()}
        return [stamps[place.warehouse] for place in places]

    def is_intact(self, place: Place, published: Path, data_version: str) -> bool:
        """Return whether the table or partition holds what the object holds, both seen through DuckDB."""
        if not self.exists(place) or not published.exists():
            return False
        if place.partition_key is not None:
            return self.look_at([(place, published, data_version)])[0] == "intact"
        import duckdb  # noqa: PLC0415

        schema, table = _table(place)
        with _Reading(self, place) as connection:
            there = table_version(batches(connection, f"from {quoted(schema)}.{quoted(table)}"))
        with duckdb.connect() as fresh, registered(fresh, published):
            return there == table_version(batches(fresh, f"from {VALUE}"))

    def look_at(self, values: Sequence[tuple[Place, Path, str]]) -> list[ValueState]:
        """Return what is there of several values; the partitions of one asset are read at once."""
        found: list[ValueState] = ["gone" for _ in values]
        tables: dict[tuple[Path, str], list[int]] = {}
        for index, (place, *_) in enumerate(values):
            if place.partition_key is None:
                found[index] = super().look_at([values[index]])[0]
            else:
                tables.setdefault((place.warehouse, place.asset_key), []).append(index)
        for indices in tables.values():
            place = values[indices[0]][0]
            if not self.shared_stamp_path(place).exists():
                continue
            asked = [(values[at][0].partition_key or "", values[at][1], values[at][2]) for at in indices]
            with _Reading(self, place) as connection:
                for at, state in zip(indices, look_at_partitions(connection, *_table(place), asked), strict=True):
                    found[at] = state
        return found

    def remove(self, place: Place) -> None:
        """Drop the table, or the rows of the partition and with the last one the table."""
        if place.partition_key is not None:
            self.remove_many([place])
        elif self.exists(place):
            schema, table = _table(place)
            connection = self._open(place)
            self._forget(place)
            connection.execute(f"drop table {quoted(schema)}.{quoted(table)}")
            connection.execute("checkpoint")

    def remove_many(self, places: Sequence[Place]) -> None:
        """Drop tables and partitions; all partitions of one asset in one transaction."""
        tables: dict[tuple[Path, str], list[Place]] = {}
        for place in places:
            if place.partition_key is None:
                self.remove(place)
            else:
                tables.setdefault((place.warehouse, place.asset_key), []).append(place)
        for group in tables.values():
            if self.shared_stamp_path(group[0]).exists():
                connection = self._open(group[0])
                self._forget(group[0])
                remove_partitions(connection, *_table(group[0]), [place.partition_key or "" for place in group])

    def close(self) -> None:
        """Close the file, so that others can open it."""
        self._partitioned.clear()
        while self._connections:
            with self._connections.popitem()[1] as connection:
                connection.execute(
                    "checkpoint"
                )  # moves the write-ahead log into the file; 5 ms, so once and not per publish

    def _publishing(self, place: Place, publish: Callable[[Any], None]) -> None:
        """Do one transaction in the file."""
        import duckdb  # noqa: PLC0415

        connection = self._open(place)
        try:
            publish(connection)
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException):  # this connection is of no use any more
                self._connections.pop(self.shared_stamp_path(place)).close()
            doing = f"cannot publish table {'.'.join(_table(place))} into '{self.shared_stamp_path(place)}'"
            no_such_type = isinstance(error, (duckdb.NotImplementedException, duckdb.InvalidInputException))
            advice = "Cast the column to a type that DuckDB has, or keep the asset as parquet." if no_such_type else ""
            raise _refused(doing, error, advice) from error

    def _claim(self, place: Place) -> None:
        """Refuse a table that is DuckDB's own, or another asset's: DuckDB does not tell A from a."""
        schema, table = _table(place)
        if schema.lower() in _RESERVED:
            problem = f"asset {place.asset_key!r} cannot be a DuckDB table: the schema {schema!r} is DuckDB's own"
            raise StoreError(Problem(problem, (), "Give the asset another key."))
        name = (self.shared_stamp_path(place), schema.lower(), table.lower())
        owner = self._owners.setdefault(name, place.asset_key)
        if owner != place.asset_key:
            problem = f"assets {owner!r} and {place.asset_key!r} are one DuckDB table, {schema}.{table}"
            raise StoreError(Problem(problem, (), "Give one of them another key."))

    def _forget(self, place: Place) -> None:
        """Look at a table anew before partitions are put into it."""
        self._partitioned.get(self.shared_stamp_path(place), {}).pop(_table(place), None)

    def _open(self, place: Place) -> Any:
        path = self.shared_stamp_path(place)
        if path not in self._connections:
            with storing("make the folder", path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connections[path] = _connect(path, read_only=False)
        return self._connections[path]


class _Reading:
    """A connection to read with: the open one, or one for the moment."""

    def __init__(self, manager: DuckDBIOManager, place: Place) -> None:
        self._path = manager.shared_stamp_path(place)
        self._manager = manager
        self._connection: Any = None

    def __enter__(self) -> Any:
        self._connection = _connect(self._path, read_only=True, kept=self._of_the_writer)
        return self._connection

    def _of_the_writer(self) -> Any:
        kept = self._manager._connections.get(self._path)  # noqa: SLF001  # its own helper
        return kept.cursor() if kept is not None else None

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _connect(path: Path, *, read_only: bool, kept: Callable[[], Any] = lambda: None) -> Any:
    """Open the file; wait a while for one who reads it, since a reading process keeps everybody else from writing.

    ``kept`` gives a connection of this process, if there is one: asked each time, since the writer is another thread,
    which may open the file between any two looks, and then keeps it open.
    """
    import duckdb  # noqa: PLC0415

    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            if (connection := kept()) is not None:
                return connection
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.Error as error:
            passing = ("Conflicting lock", "different configuration", "already closed")
            if not any(text in str(error) for text in passing) or time.monotonic() > deadline:
                raise _not_opened(path, error) from error
        time.sleep(_POLL_S)


def _not_opened(path: Path, error: Exception) -> StoreError:
    text = str(error)
    if holder := re.search(r"held in (.*?) ?\(PID (\d+)\)", text):
        facts = (("held by", f"process {holder[2]} ({holder[1]})"),)
        advice = "Close the connection there (or end that process), then build again."
        return StoreError(Problem(f"'{path}' is open in another process", facts, advice))
    if "not a valid DuckDB database file" in text:
        advice = "Move the file away: a new one is made at the next build."
        return StoreError(Problem(f"'{path}' is not a DuckDB file", (), advice))
    return _refused(f"cannot open '{path}'", error)


def _refused(headline: str, error: Exception, advice: str = "") -> StoreError:
    return StoreError(Problem(headline, (("reason", str(error).split("\n\n")[0]),), advice))


def _table(place: Place) -> tuple[str, str]:
    schema, _, table = place.asset_key.rpartition("/")
    return schema or "main", table


def _replace(connection: Any, *, place: Place, published: Path) -> None:
    import duckdb  # noqa: PLC0415

    schema, table = _table(place)
    try:
        replace_table(connection, schema, table, published, place.asset_key, drop_view=False)
    except duckdb.CatalogException as error:
        if "is of type View" not in str(error):
            raise
        replace_table(connection, schema, table, published, place.asset_key, drop_view=True)


def _stat(path: Path) -> str | None:
    try:
        said = os.stat(path)
    except FileNotFoundError:
        return None
    return f"{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns} {said.st_ino}"
