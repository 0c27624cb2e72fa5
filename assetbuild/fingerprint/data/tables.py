"""The data version of a table: schema, then each column's logical content.

A table's version is the digest of its number of rows, what pandas says of its
index, the names of its columns, and their versions, both in order. The version of a
column does not hold its name, so a renamed column keeps it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.data.columns import Column, UnsupportedTypeError
from assetbuild.fingerprint.encoding import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from assetbuild.fingerprint.encoding import Encodable

__all__ = ["TableHasher", "TableVersion", "table_version"]


@dataclass(frozen=True, slots=True)
class TableVersion:
    """The version of a table, of each of its columns by name, and its number of rows."""

    version: str
    columns: dict[str, str]
    rows: int


class TableHasher:
    """Computes the version of a table that arrives in batches; the sizes of the batches do not count."""

    def __init__(self, schema: pa.Schema) -> None:
        """Take the schema; raise TypeError for a column without a version, ValueError for a name that occurs twice."""
        self._index = _pandas_index(schema.metadata)
        self._rows = 0
        self._columns: dict[str, Column] = {}
        for field in schema:
            if field.name in self._columns:
                message = f"two columns are named {field.name!r}"
                raise ValueError(message)
            self._columns[field.name] = _column(field)

    def update(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Feed the next rows; the batch has the columns of the schema, in its order."""
        self._rows += batch.num_rows
        for column, data in zip(self._columns.values(), batch.columns, strict=True):
            for chunk in getattr(data, "chunks", None) or (data,):
                if len(chunk):
                    column.update(chunk)

    def finish(self) -> TableVersion:
        """Return the version of everything that was fed."""
        columns = {name: column.finish() for name, column in self._columns.items()}
        content: list[Encodable] = [self._rows, self._index, list(columns), "".join(columns.values())]
        return TableVersion(digest("table", content), columns, self._rows)


def table_version(
    table: pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch], *, unordered: bool = False
) -> TableVersion:
    """Return the version of a table, or of batches with one schema (at least one batch, or a reader).

    With ``unordered`` the rows are put into a canonical order first: how often a
    row occurs counts, its place does not.
    """
    import pyarrow as pa  # noqa: PLC0415

    if unordered:
        from assetbuild.fingerprint.data.rows import in_canonical_order  # noqa: PLC0415

        table = in_canonical_order(_whole(table))
    if isinstance(table, (pa.Table, pa.RecordBatch)):
        hasher = TableHasher(table.schema)
        hasher.update(table)
        return hasher.finish()
    reader = iter(table)
    first = next(reader, None)
    schema = table.schema if isinstance(table, pa.RecordBatchReader) else _schema_of(first)
    hasher = TableHasher(schema)
    if first is not None:
        hasher.update(first)
    for batch in reader:
        hasher.update(batch)
    return hasher.finish()


def _whole(table: Any) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    if isinstance(table, pa.RecordBatchReader):
        return table.read_all()
    return pa.Table.from_batches(list(table))


def _schema_of(batch: Any) -> pa.Schema:
    if batch is None:
        message = "no batch, so no schema: give a table or a RecordBatchReader"
        raise ValueError(message)
    return batch.schema


def _column(field: Any) -> Column:
    try:
        return Column(field.type)
    except UnsupportedTypeError as error:
        message = f"column {field.name!r} cannot be stored: {error}"
        raise TypeError(message) from None


def _pandas_index(metadata: dict[bytes, bytes] | None) -> list[Encodable]:
    """Return what pandas must know to rebuild an index that is not simply 0, 1, 2, ...; nothing for any other table."""
    if not metadata or b"pandas" not in metadata:
        return []
    try:
        said = json.loads(metadata[b"pandas"])["index_columns"]
    except (ValueError, KeyError, TypeError):
        return []
    index: list[Encodable] = []
    for entry in said:
        if isinstance(entry, str):
            index.append(entry)
        elif isinstance(entry, dict):
            start, step, name = entry.get("start", 0), entry.get("step", 1), entry.get("name")
            if (start, step, name) != (0, 1, None):
                index.append(["range", start, step, None if name is None else str(name)])
    return index
