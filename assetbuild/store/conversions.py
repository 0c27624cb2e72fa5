"""Between the tables of different libraries: which type a value is, and a table as the type that is asked for.

Types are named by the words of ``graph/annotations.py``: ``arrow.Table``,
``polars.LazyFrame``, ``path`` and so on. Libraries are looked up in
``sys.modules``: a value of a library that nobody imported does not exist.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TABLE_TYPES", "convert_table", "describe", "is_tabular", "matches", "to_arrow", "to_reader"]

_CLASSES: Final = {
    "arrow.Table": (("pyarrow", "Table"),),
    "arrow.Dataset": (("pyarrow.dataset", "Dataset"),),
    "arrow.Reader": (("pyarrow", "RecordBatchReader"),),
    "pandas.DataFrame": (("pandas", "DataFrame"),),
    "polars.DataFrame": (("polars", "DataFrame"),),
    "polars.LazyFrame": (("polars", "LazyFrame"),),
    "duckdb.Relation": (("duckdb", "DuckDBPyRelation"),),
}
_READ_AHEAD_BYTES: Final = 4_000_000
TABLE_TYPES: Final = frozenset(_CLASSES)
"""The words for types that a table can be loaded as."""

_NO_TABLES: Final = frozenset({"Series", "ChunkedArray", "Array", "Expr"})
"""Classes that speak the Arrow stream interface and hold one column, not a table."""


def matches(value: Any, returns: str) -> bool:
    """Return whether a value is of the type that the word names; unknown words promise nothing."""
    if returns in _CLASSES:
        return _is(value, returns)
    if returns == "none":
        return value is None
    if returns == "path":
        return isinstance(value, PurePath)
    if returns == "paths":
        return isinstance(value, list) and all(isinstance(item, PurePath) for item in value)
    if returns == "bytes":
        return isinstance(value, bytes)
    if returns == "str":
        return isinstance(value, str)
    return True


def describe(value: Any) -> str:
    """Return what a value is, in a few words for a message."""
    if value is None:
        return "None"
    kind = type(value)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    )
    if _is(value, "pandas.DataFrame") or _is(value, "polars.DataFrame") or _is(value, "arrow.Table"):
        rows, columns = value.shape
        return f"{name} ({rows:,} rows, {columns:,} columns)"
    if isinstance(value, (bool, int, float)) and len(repr(value)) < 40:  # noqa: PLR2004
        return f"{name} {value!r}"
    if isinstance(value, (str, bytes, list, tuple, dict, set, frozenset)):
        return f"{name} of length {len(value):,}"
    return name


def is_tabular(value: Any) -> bool:
    """Return whether a value is a table of any library."""
    if any(_is(value, word) for word in _CLASSES):
        return True
    kind = type(value)
    if hasattr(kind, "__arrow_c_stream__"):
        return kind.__name__ not in _NO_TABLES
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(value, arrow.RecordBatch)


def to_arrow(value: Any) -> pa.Table:
    """Return any table as an Arrow table; lazy ones are computed. Raises TypeError for what is no table."""
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(value, pa.Table):
        return value
    if _is(value, "arrow.Dataset"):
        return value.to_table()
    if _is(value, "polars.LazyFrame"):
        value = value.collect()
    if isinstance(value, pa.RecordBatchReader):
        return value.read_all()
    if _is(value, "pandas.DataFrame"):
        return _from_pandas(value)
    if not is_tabular(value):
        message = f"{describe(value)} is not a table"
        raise TypeError(message)
    return pa.table(value)


def to_reader(value: Any) -> pa.RecordBatchReader | None:
    """Return a lazy table as a stream of record batches, or None for one that is in memory anyway."""
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(value, pa.RecordBatchReader):
        return value
    if _is(value, "arrow.Dataset"):
        return value.scanner(use_threads=True).to_reader()
    if _is(value, "duckdb.Relation"):
        reader = pa.RecordBatchReader.from_stream(value)
        # DuckDB stores instants without a zone and names that of the session here, which is the machine's.
        fields = [
            field.with_type(pa.timestamp(field.type.unit, "UTC"))
            if pa.types.is_timestamp(field.type) and field.type.tz is not None
            else field
            for field in reader.schema
        ]
        schema = pa.schema(fields, metadata=reader.schema.metadata)
        return reader if schema.equals(reader.schema) else reader.cast(schema)
    return None


def convert_table(table: Path | pa.Table, load: str | None, columns: Sequence[str] | None = None) -> Any:
    """Return a table, or the Parquet file at a path, as the type that ``load`` names; None means an Arrow table.

    ``columns`` keeps only those, in that order. Raises TypeError for a type that a table cannot be, KeyError for
    a column that is not there.
    """
    if load not in TABLE_TYPES and load not in {None, "value"}:
        message = f"a table cannot be loaded as {load}"
        raise TypeError(message)
    if isinstance(table, Path):
        return _from_parquet(table, load, columns)
    if columns is not None:
        _check_columns(columns, table.column_names)
        table = table.select(list(columns))
    return _as(table, load)


def _is(value: Any, word: str) -> bool:
    for module_name, class_name in _CLASSES[word]:
        module = sys.modules.get(module_name)
        found = getattr(module, class_name, None)
        if found is not None and isinstance(value, found):
            return True
    return False


def _from_pandas(frame: Any) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    try:
        return pa.Table.from_pandas(frame, nthreads=1)
    except pa.ArrowException as error:
        message = f"the pandas DataFrame has a column that no table type holds: {error}"
        raise TypeError(message) from error


def _from_parquet(path: Path, load: str | None, columns: Sequence[str] | None) -> Any:
    if load == "polars.LazyFrame":
        import polars as pl  # noqa: PLC0415

        lazy = pl.scan_parquet(path, glob=False)
        return lazy if columns is None else lazy.select(list(columns))
    if load == "arrow.Dataset":
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.dataset as ds  # noqa: PLC0415  # 600 ms

        dataset = ds.dataset(path, format="parquet")
        if columns is None:
            return dataset
        _check_columns(columns, dataset.schema.names)
        return dataset.replace_schema(pa.schema([dataset.schema.field(name) for name in columns]))
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415  # 260 ms, so only where a table is read

    # Not pq.read_table: its dataset layer takes ten times as long for a small file. And no read-ahead there: it hands
    # the work to another thread, which costs a switch on a busy machine.
    is_large = path.stat().st_size > _READ_AHEAD_BYTES
    file = pq.ParquetFile(path, pre_buffer=True) if is_large else pq.ParquetFile(pa.OSFile(str(path)), pre_buffer=False)
    if columns is not None:
        _check_columns(columns, file.schema_arrow.names)
    if load == "arrow.Reader":
        schema = file.schema_arrow
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns], metadata=schema.metadata)
        batches = file.iter_batches(columns=list(columns) if columns is not None else None)
        ordered = batches if columns is None else (batch.select(list(columns)) for batch in batches)
        return pa.RecordBatchReader.from_batches(schema, ordered)
    with file:
        many = file.metadata.num_rows * file.metadata.num_columns > 1_000_000  # noqa: PLR2004  # below, threads cost more than they save
        if columns is None:
            return _as(file.read(use_threads=many), load)
        return _as(file.read(columns=list(columns), use_threads=many).select(list(columns)), load)


def _as(table: Any, load: str | None) -> Any:
    if load == "pandas.DataFrame":
        return table.to_pandas()
    if load in {"polars.DataFrame", "polars.LazyFrame"}:
        import polars as pl  # noqa: PLC0415

        frame = pl.from_arrow(table)
        return frame if load == "polars.DataFrame" else frame.lazy()  # type: ignore[union-attr]
    if load == "duckdb.Relation":
        import duckdb  # noqa: PLC0415

        # Of the default connection, so that duckdb.sql("... from parameter") in an asset finds it. Its time zone is
        # that of the machine unless said otherwise, and date_trunc and the like would give other values elsewhere.
        duckdb.execute("SET TimeZone = 'UTC'")
        return duckdb.from_arrow(table)
    if load == "arrow.Reader":
        return table.to_reader()
    if load == "arrow.Dataset":
        import pyarrow.dataset as ds  # noqa: PLC0415

        return ds.dataset(table)
    return table


def _check_columns(columns: Sequence[str], known: Sequence[str]) -> None:
    missing = [name for name in columns if name not in known]
    if missing:
        message = f"no column {', '.join(map(repr, missing))}; there are {', '.join(map(repr, known))}"
        raise KeyError(message)
