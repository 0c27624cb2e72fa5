"""Tables in one DuckDB file, ``warehouse/warehouse.duckdb``.

The object of a value is a Parquet file, as with the Parquet IO manager, so
restoring, loading and sharing work alike; publishing loads that object into a
table. ``raw/flights`` is table ``flights`` in schema ``raw``, ``flights`` is table
``flights`` in schema ``main``, and ``a/b/c`` is table ``c`` in schema ``a/b``: a slash cannot
occur in a part, so no two keys share a table.

DuckDB lets one process write. The connection is opened at the first publish
and kept until ``close``; each publish is one transaction, so a reader of the
file sees the old table or the new one. What is committed lies in the
write-ahead log until ``close``, and survives a crash there.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from assetbuild.errors import Problem, StoreError
from assetbuild.fingerprint.data.tables import table_version
from assetbuild.record.faults import reach
from assetbuild.store.failures import damaged_object, storing
from assetbuild.store.objects import content_hash
from assetbuild_stores.parquet import ParquetIOManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from assetbuild.store.io import Place

__all__ = ["DuckDBIOManager"]

_FILE: Final = "warehouse.duckdb"
_VALUE: Final = "assetbuild_value"
_STREAMED_CELLS: Final = 50_000_000
_PATIENCE_S: Final = 10.0
_POLL_S: Final = 0.005
_RESERVED: Final = frozenset({"information_schema", "pg_catalog", "temp", "system"})


class DuckDBIOManager(ParquetIOManager):
    """Publishes tables into one DuckDB file. Options: those of the Parquet IO manager, for the objects."""

    one_writer: ClassVar[bool] = True

    def __init__(self, **options: Any) -> None:
        """Take the options; nothing is opened yet."""
        super().__init__(**options)
        self._connections: dict[Path, Any] = {}
        self._owners: dict[tuple[Path, str, str], tuple[str, str | None]] = {}

    def location(self, place: Place) -> str:
        """Return file and table, as ``warehouse/warehouse.duckdb:raw.flights``."""
        schema, table = _table(place)
        return f"{self.shared_stamp_path(place).relative_to(place.warehouse.parent).as_posix()}:{schema}.{table}"

    def shared_stamp_path(self, place: Place) -> Path:
        """Return the DuckDB file, which holds the tables of all assets."""
        return place.warehouse / _FILE

    def publish(self, place: Place, published: Path) -> str:
        """Replace the table by the object's content in one transaction; return the file's stamp."""
        import duckdb  # noqa: PLC0415

        if (found := content_hash(published)) != published.name.partition(".")[0]:
            raise damaged_object(published, f"hashes to {found}")
        schema, table = _table(place)
        self._claim(place, schema, table)
        connection = self._open(place)
        try:
            try:
                _replace(connection, place, published)
            except duckdb.CatalogException as error:
                if "is of type View" not in str(error):
                    raise
                _replace(connection, place, published, drop_view=True)
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException):  # this connection is of no use any more
                self._connections.pop(self.shared_stamp_path(place)).close()
            doing = f"cannot publish table {schema}.{table} into '{self.shared_stamp_path(place)}'"
            no_such_type = isinstance(error, (duckdb.NotImplementedException, duckdb.InvalidInputException))
            advice = "Cast the column to a type that DuckDB has, or keep the asset as parquet." if no_such_type else ""
            raise _refused(doing, error, advice) from error
        return self.stamp(place) or ""

    def exists(self, place: Place) -> bool:
        """Return whether the table is in the file."""
        if not self.shared_stamp_path(place).exists():
            return False
        schema, table = _table(place)
        with _Reading(self, place) as connection:
            return bool(_kind(connection, schema, table) == "BASE TABLE")

    def stamp(self, place: Place) -> str | None:
        """Return the stamp of the whole file, with its write-ahead log; None when there is no file."""
        path = self.shared_stamp_path(place)
        said = [_stat(path), _stat(path.with_name(path.name + ".wal"))]
        return None if said[0] is None else " ".join(text for text in said if text)

    def is_intact(self, place: Place, published: Path, data_version: str) -> bool:  # noqa: ARG002
        """Return whether the table holds what the object holds, both seen through DuckDB."""
        if not self.exists(place) or not published.exists():
            return False
        import duckdb  # noqa: PLC0415

        schema, table = _table(place)
        with _Reading(self, place) as connection:
            there = table_version(_batches(connection, f"from {_quoted(schema)}.{_quoted(table)}"))
        with duckdb.connect() as fresh, _registered(fresh, published):
            return there == table_version(_batches(fresh, f"from {_VALUE}"))

    def remove(self, place: Place) -> None:
        """Drop the table."""
        if self.exists(place):
            schema, table = _table(place)
            connection = self._open(place)
            connection.execute(f"drop table {_quoted(schema)}.{_quoted(table)}")
            connection.execute("checkpoint")

    def close(self) -> None:
        """Close the file, so that others can open it."""
        while self._connections:
            with self._connections.popitem()[1] as connection:
                connection.execute(
                    "checkpoint"
                )  # moves the write-ahead log into the file; 5 ms, so once and not per publish

    def _claim(self, place: Place, schema: str, table: str) -> None:
        """Refuse a table that is DuckDB's own, or another asset's: DuckDB does not tell A from a."""
        if schema.lower() in _RESERVED:
            problem = f"asset {place.asset_key!r} cannot be a DuckDB table: the schema {schema!r} is DuckDB's own"
            raise StoreError(Problem(problem, (), "Give the asset another key."))
        name = (self.shared_stamp_path(place), schema.lower(), table.lower())
        owner = self._owners.setdefault(name, (place.asset_key, place.partition_key))
        if owner != (place.asset_key, place.partition_key):
            problem = f"assets {owner[0]!r} and {place.asset_key!r} are one DuckDB table, {schema}.{table}"
            raise StoreError(Problem(problem, (), "Give one of them another key."))

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
    return schema or "main", table if place.partition_key is None else f"{table}/{place.partition_key}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _kind(connection: Any, schema: str, table: str) -> str | None:
    query = """select table_type from information_schema.tables
               where table_catalog = current_database() and table_schema = ? and table_name = ?"""
    rows = connection.execute(query, [schema, table]).fetchall()  # all: an unfinished result blocks the connection
    return rows[0][0] if rows else None


def _replace(connection: Any, place: Place, published: Path, *, drop_view: bool = False) -> None:
    """Replace a table by the object's content, in one transaction."""
    import duckdb  # noqa: PLC0415

    schema, table = _table(place)
    name = f"{_quoted(schema)}.{_quoted(table)}"
    with _registered(connection, published):
        connection.begin()
        try:
            if schema != "main":
                connection.execute(f"create schema if not exists {_quoted(schema)}")
            if drop_view:
                connection.execute(f"drop view if exists {name}")
            connection.execute(f"create or replace table {name} as from {_VALUE}").fetchall()
            reach("in-duckdb", place.asset_key)
            connection.commit()
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # the transaction may be over already
                connection.rollback()
            raise


@contextlib.contextmanager
def _registered(connection: Any, published: Path) -> Iterator[None]:
    """Make the object visible to SQL, a large one as a stream; read by Arrow, since DuckDB's own reader loses types."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(published) as file:
        _refuse_names(file.schema_arrow.names)
        if file.metadata.num_rows * file.metadata.num_columns > _STREAMED_CELLS:
            connection.register(_VALUE, pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches()))
        else:
            connection.register(_VALUE, file.read())
        try:
            yield
        finally:
            connection.unregister(_VALUE)


def _refuse_names(names: list[str]) -> None:
    known: dict[str, str] = {}
    for name in names:
        if (other := known.setdefault(name.lower(), name)) != name:
            problem = f"DuckDB does not tell the columns {other!r} and {name!r} apart"
            raise StoreError(Problem(problem, (), "Rename one, or keep the asset as parquet."))


def _batches(connection: Any, query: str) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415

    batches: Iterator[Any] = pa.RecordBatchReader.from_stream(connection.sql(query))
    return batches


def _stat(path: Path) -> str | None:
    try:
        said = os.stat(path)
    except FileNotFoundError:
        return None
    return f"{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns} {said.st_ino}"
