"""Whole tables in an open DuckDB file: what is there, and one replaced by the content of an object.

Everything here is given a connection; nothing opens or closes one.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from assetbuild.errors import Problem, StoreError
from assetbuild.record.faults import reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["VALUE", "batches", "kind_of", "quoted", "registered", "registered_table", "replace_table", "transaction"]

VALUE: Final = "assetbuild_value"
"""The name of the object in SQL, while it is registered."""

_STREAMED_CELLS: Final = 50_000_000
_FEW_CELLS: Final = 1_000_000


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def kind_of(connection: Any, schema: str, table: str) -> str | None:
    """Return what a table is, as ``BASE TABLE`` or ``VIEW``; None when there is none."""
    query = """select table_type from information_schema.tables
               where table_catalog = current_database() and table_schema = ? and table_name = ?"""
    rows = connection.execute(query, [schema, table]).fetchall()  # all: an unfinished result blocks the connection
    return rows[0][0] if rows else None


@contextlib.contextmanager
def transaction(connection: Any, schema: str) -> Iterator[None]:
    """Do all that is inside or nothing of it; the schema is there."""
    import duckdb  # noqa: PLC0415

    connection.begin()
    try:
        if schema != "main":
            connection.execute(f"create schema if not exists {quoted(schema)}")
        yield
        connection.commit()
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the transaction may be over already
            connection.rollback()
        raise


def replace_table(
    connection: Any, schema: str, table: str, published: Path, asset_key: str, *, drop_view: bool
) -> None:
    """Replace a table by the object's content, in one transaction."""
    name = f"{quoted(schema)}.{quoted(table)}"
    with registered(connection, published), transaction(connection, schema):
        if drop_view:
            connection.execute(f"drop view if exists {name}")
        connection.execute(f"create or replace table {name} as from {VALUE}").fetchall()
        reach("in-duckdb", asset_key)


@contextlib.contextmanager
def registered_table(connection: Any, table: Any) -> Iterator[None]:
    """Make an Arrow table visible to SQL."""
    _refuse_names(table.column_names)
    connection.register(VALUE, table)
    try:
        yield
    finally:
        connection.unregister(VALUE)


@contextlib.contextmanager
def registered(connection: Any, published: Path) -> Iterator[Any]:
    """Make the object visible to SQL, a large one as a stream, and give its open Parquet file.

    Arrow reads it, since DuckDB's own reader loses types.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pa.OSFile(os.fspath(published)) as opened, pq.ParquetFile(opened) as file:
        _refuse_names(file.schema_arrow.names)
        cells = file.metadata.num_rows * file.metadata.num_columns
        if cells > _STREAMED_CELLS:
            connection.register(VALUE, pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches()))
        else:
            connection.register(VALUE, file.read(use_threads=cells > _FEW_CELLS))
        try:
            yield file
        finally:
            connection.unregister(VALUE)


def batches(connection: Any, query: str) -> Iterator[Any]:
    """Return the result of a query as a stream of record batches."""
    import pyarrow as pa  # noqa: PLC0415

    found: Iterator[Any] = pa.RecordBatchReader.from_stream(connection.sql(query))
    return found


def _refuse_names(names: list[str]) -> None:
    known: dict[str, str] = {}
    for name in names:
        if (other := known.setdefault(name.lower(), name)) != name:
            problem = f"DuckDB does not tell the columns {other!r} and {name!r} apart"
            raise StoreError(Problem(problem, (), "Rename one, or keep the asset as parquet."))
