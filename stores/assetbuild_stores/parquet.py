"""Tables as Parquet files: whatever speaks the Arrow PyCapsule interface goes in, any library's table comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from assetbuild.dataclass import replace
from assetbuild.fingerprint.data.layout import plain_leaf, table_in_layout
from assetbuild.store.concat import load_parquet_parts
from assetbuild.store.conversions import convert_table, describe, is_tabular, to_arrow, to_reader
from assetbuild.store.failures import full_disk, store_error, write_bytes
from assetbuild.store.io import IOManager, Written

if TYPE_CHECKING:
    from pathlib import Path

    from assetbuild.fingerprint.data.tables import TableVersion
    from assetbuild.store.io import InputContext, OutputContext, Place

__all__ = ["ParquetIOManager"]

_ROW_GROUP_ROWS: Final = 1 << 20
_SMALL_BYTES: Final = 1 << 20
"""Up to this size a table is written with snappy, which starts 0.2 ms sooner; above with zstd, which packs better."""

_IN_MEMORY_BYTES: Final = 16 << 20
"""Up to this size the file is made in memory."""

_LAYOUTS: Final = ("plain", "hive")
_CODECS: Final = ("snappy", "zstd", "lz4", "gzip", "brotli", "none")


class ParquetIOManager(IOManager):
    """Keeps a table as one Parquet file.

    Options: ``compression`` (snappy, zstd, lz4, gzip, brotli, none; by size unless given), ``row_group_size`` in rows,
    and where partitions lie: ``layout`` (plain or hive) and ``partition_column``, the name in hive-style folders.
    """

    holds_tables: ClassVar[bool] = True

    def __init__(
        self,
        *,
        compression: str | None = None,
        row_group_size: int = _ROW_GROUP_ROWS,
        layout: str = "plain",
        partition_column: str | None = None,
    ) -> None:
        """Take the options; raise ValueError for one that Parquet does not have."""
        if compression is not None and compression not in _CODECS:
            message = f"compression {compression!r} is not one of {', '.join(_CODECS)}"
            raise ValueError(message)
        if type(row_group_size) is not int or row_group_size < 1:
            message = f"row_group_size is a number of rows from 1, not {row_group_size!r}"
            raise ValueError(message)
        if layout not in _LAYOUTS:
            message = f"layout {layout!r} is not one of {', '.join(_LAYOUTS)}"
            raise ValueError(message)
        if partition_column is not None and (layout != "hive" or not _usable_column(partition_column)):
            needs = "text without '=' and '/'" if layout == "hive" else "for layout = 'hive'"
            message = f"partition_column is {needs}, not {partition_column!r}"
            raise ValueError(message)
        self._partition_column = None if layout == "plain" else partition_column or "partition"
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
            data = None
            if reader is not None:
                version = self._write_stream(context.path, reader)
            else:
                version, data = self._write_table(context.path, to_arrow(value), unordered=context.unordered)
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
        return Written(
            data_version=version.version,
            columns=version.columns,
            rows=version.rows,
            extension="parquet",
            data=data,
        )

    def load(self, context: InputContext) -> Any:
        """Load the table as the type that is asked for, reading only ``context.columns``; a path is that of all."""
        if context.load == "path" and context.columns is None:
            return context.path
        return convert_table(context.path, context.load, context.columns)

    def table_in(self, data: memoryview) -> Any:
        """Return the whole table, as ``load`` does for an Arrow table."""
        if type(self).load is not ParquetIOManager.load:
            return None
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        with pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)), pre_buffer=False) as file:
            return file.read(use_threads=False)

    def load_many(self, contexts: Sequence[InputContext], key_column: str | None = None) -> Any:
        """Load several partitions as one table; of a lazy type as one scan."""
        parts = [(context.partition_key or "", context.path) for context in contexts]
        return load_parquet_parts(parts, contexts[0].load, contexts[0].columns, key_column)

    def placed(self, place: Place) -> Place:
        """Return the place with the levels of its hive-style folders, when they are asked for."""
        if self._partition_column is None or place.partition_key is None:
            return place
        return replace(place, levels=place.dimensions or (self._partition_column,))

    def _write_table(self, path: Path, table: Any, *, unordered: bool) -> tuple[TableVersion, memoryview | None]:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        from assetbuild.fingerprint.data.tables import table_version  # noqa: PLC0415  # a plan needs it not

        # The stored form is hashed, not the given one: the version must be that of what readers will get.
        table = _storable(table)
        version = table_version(table, unordered=unordered)
        small = table.nbytes <= _SMALL_BYTES
        compression = self._compression or ("snappy" if small else "zstd")
        # Through memory where that costs little: one write instead of one for each page.
        in_memory = table.nbytes <= _IN_MEMORY_BYTES
        target: Any = pa.BufferOutputStream() if in_memory else path
        pq.write_table(table, target, compression=compression, row_group_size=self._row_group_size)
        if not in_memory:
            return version, None
        data = memoryview(target.getvalue())
        write_bytes(path, data)
        return version, data

    def _write_stream(self, path: Path, reader: Any) -> TableVersion:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        from assetbuild.fingerprint.data.tables import TableHasher  # noqa: PLC0415

        schema = _storable(reader.schema.empty_table()).schema
        hasher = TableHasher(schema)
        with pq.ParquetWriter(path, schema, compression=self._compression or "zstd") as writer:
            for batch in reader:
                for part in _storable(pa.Table.from_batches([batch])).to_batches():
                    hasher.update(part)
                    writer.write_batch(part, row_group_size=self._row_group_size)
        return hasher.finish()


def _usable_column(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and not set("=/") & set(name)


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
