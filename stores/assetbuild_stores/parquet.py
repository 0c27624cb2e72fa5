"""Tables as Parquet files: whatever speaks the Arrow PyCapsule interface goes in, any library's table comes out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from assetbuild.fingerprint.data.layout import plain_leaf, table_in_layout
from assetbuild.fingerprint.data.tables import TableHasher, TableVersion, table_version
from assetbuild.store.conversions import convert_table, describe, is_tabular, to_arrow, to_reader
from assetbuild.store.failures import full_disk, store_error, write_bytes
from assetbuild.store.io import IOManager, Written

if TYPE_CHECKING:
    from pathlib import Path

    from assetbuild.store.io import InputContext, OutputContext

__all__ = ["ParquetIOManager"]

_ROW_GROUP_ROWS: Final = 1 << 20
_SMALL_BYTES: Final = 1 << 20
"""Up to this size a table is written with snappy, which starts 0.2 ms sooner; above with zstd, which packs better."""

_CODECS: Final = ("snappy", "zstd", "lz4", "gzip", "brotli", "none")


class ParquetIOManager(IOManager):
    """Keeps a table as one Parquet file.

    Options: ``compression`` (snappy, zstd, lz4, gzip, brotli, none; by size unless given), and
    ``row_group_size`` in rows.
    """

    def __init__(self, *, compression: str | None = None, row_group_size: int = _ROW_GROUP_ROWS) -> None:
        """Take the options; raise ValueError for one that Parquet does not have."""
        if compression is not None and compression not in _CODECS:
            message = f"compression {compression!r} is not one of {', '.join(_CODECS)}"
            raise ValueError(message)
        if type(row_group_size) is not int or row_group_size < 1:
            message = f"row_group_size is a number of rows from 1, not {row_group_size!r}"
            raise ValueError(message)
        self._compression = compression
        self._row_group_size = row_group_size

    def write(self, context: OutputContext, value: Any) -> Written:
        """Write a table and hash it in the same pass; a stream is never held as a whole, unless it is unordered."""
        import pyarrow as pa  # noqa: PLC0415

        if not is_tabular(value):
            message = f"{describe(value)} is not a table"
            raise TypeError(message)
        try:
            reader = None if context.unordered else to_reader(value)
            if reader is not None:
                version = self._write_stream(context.path, reader)
            else:
                version = self._write_table(context.path, to_arrow(value), unordered=context.unordered)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            message = f"the table cannot be kept as Parquet: {error}"
            raise TypeError(message) from error
        except OSError as error:
            # Of our disk; or of a lazy table that cannot be read, which is the asset's own failure and passes.
            with suppress(OSError):
                context.path.unlink()
            if full_disk(error):
                raise store_error(doing="write", path=context.path, error=error) from error
            raise
        return Written(data_version=version.version, columns=version.columns, rows=version.rows, extension="parquet")

    def load(self, context: InputContext) -> Any:
        """Load the table as the type that is asked for, reading only ``context.columns``."""
        return convert_table(context.path, context.load, context.columns)

    def _write_table(self, path: Path, table: Any, *, unordered: bool) -> TableVersion:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        # The stored form is hashed, not the given one: the version must be that of what readers will get.
        table = _storable(table)
        version = table_version(table, unordered=unordered)
        small = table.nbytes <= _SMALL_BYTES
        compression = self._compression or ("snappy" if small else "zstd")
        # Through memory where that costs nothing: one write instead of one for each page.
        target: Any = pa.BufferOutputStream() if small else path
        pq.write_table(table, target, compression=compression, row_group_size=self._row_group_size)
        if small:
            write_bytes(path, target.getvalue())
        return version

    def _write_stream(self, path: Path, reader: Any) -> TableVersion:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        schema = _storable(reader.schema.empty_table()).schema
        hasher = TableHasher(schema)
        with pq.ParquetWriter(path, schema, compression=self._compression or "zstd") as writer:
            for batch in reader:
                for part in _storable(pa.Table.from_batches([batch])).to_batches():
                    hasher.update(part)
                    writer.write_batch(part, row_group_size=self._row_group_size)
        return hasher.finish()


def _storable(table: Any) -> Any:
    """Return a table in the plain layout, with the types that a Parquet file gives back."""
    if table.num_columns == 0 and table.num_rows:
        message = f"a table with {table.num_rows:,} rows and no columns cannot be kept as Parquet"
        raise ValueError(message)
    return table_in_layout(table, _stored_leaf)


def _stored_leaf(kind: Any) -> Any:
    kind = plain_leaf(kind)
    change = _stored_leaves().get(kind.id)
    return kind if change is None else change(kind)


@cache
def _stored_leaves() -> dict[int, Callable[[Any], Any]]:
    """Type id -> the type that a Parquet file gives back instead."""
    import pyarrow as pa  # noqa: PLC0415

    def dictionary(kind: Any) -> Any:
        return kind if pa.types.is_string(plain_leaf(kind.value_type)) else kind.value_type

    def interval(kind: Any) -> Any:
        message = f"Parquet has no type for {kind}; cast it to a duration or to text"
        raise TypeError(message)

    return {
        pa.timestamp("s").id: lambda kind: pa.timestamp("ms", kind.tz) if kind.unit == "s" else kind,
        pa.time32("s").id: lambda _: pa.time32("ms"),
        pa.date64().id: lambda _: pa.date32(),
        pa.dictionary(pa.int32(), pa.string()).id: dictionary,
        pa.month_day_nano_interval().id: interval,
    }
