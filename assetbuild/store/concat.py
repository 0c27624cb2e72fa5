"""Several partitions of one asset as one table: their schemas made one, and their rows in key order.

In come the partitions, as tables or as Parquet files, each with its key. Out comes one table of the type that is
asked for, lazy where that type is: a year of days is one scan, which reads only the columns and days that a filter
leaves. Columns go together by name. One that a partition does not have is null in its rows, and types that differ
become the wider one where Arrow knows it (a whole number and a float are floats).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from assetbuild.errors import AssetError, Problem
from assetbuild.store.conversions import TABLE_TYPES, convert_table

__all__ = ["join_tables", "load_parquet_parts", "no_partitions"]

Parts = Sequence[tuple[str, Any]]


def join_tables(parts: Parts, columns: Sequence[str] | None = None, key_column: str | None = None) -> Any:
    """Return the rows of all tables, given with their keys, as one Arrow table.

    ``columns`` keeps only those; ``key_column`` adds the keys as a last column of text. Raises AssetError naming
    key and column where the tables do not fit together, KeyError for a column that none of them has.
    """
    import pyarrow as pa  # noqa: PLC0415

    schema = _schema([(key, table.schema) for key, table in parts], columns, key_column)
    table = pa.concat_tables([_fitted(table, schema, key, key_column) for key, table in parts])
    # Each part brings categories of its own, and polars and DuckDB want one list of them.
    return table.unify_dictionaries() if any(pa.types.is_dictionary(field.type) for field in schema) else table


def load_parquet_parts(
    parts: Sequence[tuple[str, Path]], load: str | None, columns: Sequence[str] | None, key_column: str | None
) -> Any:
    """Load Parquet files, given with their keys, as one table of the type that ``load`` names.

    Raises as ``join_tables`` does, and TypeError for a type that a table cannot be.
    """
    if load not in TABLE_TYPES and load not in {None, "value"}:
        message = f"a table cannot be loaded as {load}"
        raise TypeError(message)
    footers = _footers(parts)
    schema = _schema([(key, schema) for (key, _), (schema, _) in zip(parts, footers, strict=True)], columns, key_column)
    if load == "polars.LazyFrame":
        return _polars_scan(parts, footers, schema, columns, key_column)
    if load == "arrow.Dataset":
        return _dataset(parts, schema, key_column)
    if load == "duckdb.Relation":
        import duckdb  # noqa: PLC0415

        duckdb.execute("SET TimeZone = 'UTC'")  # as for one table: no value may depend on the machine's zone
        return duckdb.from_arrow(_dataset(parts, schema, key_column))
    if load == "arrow.Reader":
        import pyarrow as pa  # noqa: PLC0415

        return pa.RecordBatchReader.from_batches(schema, _batches(parts, schema, key_column))
    tables = [(key, _read(path, schema)) for key, path in parts]
    return convert_table(join_tables(tables, schema.names[:-1] if key_column else columns, key_column), load)


def no_partitions(key: str) -> AssetError:
    """Return the error for a table of no partitions at all, whose columns nobody knows."""
    advice = "Materialize a partition of it first; or annotate the input as dict[str, ...], which is then empty."
    return AssetError(Problem(f"there is no partition of {key!r} to make a table of", (), advice))


def _schema(schemas: Sequence[tuple[str, Any]], columns: Sequence[str] | None, key_column: str | None) -> Any:
    """Return the schema of all parts together, with only ``columns``, and with the column of the keys."""
    import pyarrow as pa  # noqa: PLC0415

    first = schemas[0][1]
    if not all(schema is first or schema.equals(first, check_metadata=False) for _, schema in schemas[1:]):
        first = pa.schema(list(_joined_fields(schemas)), metadata=first.metadata)
    if columns is not None:
        if missing := [name for name in columns if name not in first.names]:
            message = f"no column {', '.join(map(repr, missing))}; there are {', '.join(map(repr, first.names))}"
            raise KeyError(message)
        first = pa.schema([first.field(name) for name in columns], metadata=first.metadata)
    if key_column is None:
        return first
    if key_column in first.names:
        advice = "Give the column of the keys another name, or leave that one out with columns=[...]."
        raise AssetError(Problem(f"the partitions have a column {key_column!r} of their own", (), advice))
    return first.append(pa.field(key_column, pa.string()))


def _joined_fields(schemas: Sequence[tuple[str, Any]]) -> Iterator[Any]:
    fields: dict[str, Any] = {}
    keys: dict[str, str] = {}
    count: dict[str, int] = {}
    for key, schema in schemas:
        for field in schema:
            known = fields.get(field.name)
            count[field.name] = count.get(field.name, 0) + 1
            if known is None or known.type.equals(field.type):
                fields.setdefault(field.name, field)
                keys.setdefault(field.name, key)
                continue
            wider = _wider(known.type, field.type)
            if wider is None:
                facts = (("column", field.name), (keys[field.name], str(known.type)), (key, str(field.type)))
                advice = "Build the one with the old type anew, or annotate the input as dict[str, ...]."
                problem = f"the partitions {keys[field.name]!r} and {key!r} do not fit into one table"
                raise AssetError(Problem(problem, facts, advice))
            if not wider.equals(known.type):
                fields[field.name] = field.with_type(wider)
                keys[field.name] = key
    for name, field in fields.items():
        yield field if count[name] == len(schemas) else field.with_nullable(True)  # noqa: FBT003  # pyarrow's signature


def _wider(one: Any, other: Any) -> Any:
    """Return the type that holds the values of both types; None when there is none."""
    import pyarrow as pa  # noqa: PLC0415

    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in (one, other)]
    if plain[0].equals(plain[1]):
        return plain[0]
    try:
        return pa.unify_schemas(
            [pa.schema([pa.field("x", kind)]) for kind in plain], promote_options="permissive"
        ).types[0]
    except pa.ArrowException:
        return None


def _fitted(table: Any, schema: Any, key: str, key_column: str | None) -> Any:
    """Return a part's table with the columns and types of the whole."""
    import pyarrow as pa  # noqa: PLC0415

    has = set(table.schema.names)
    arrays = []
    for field in schema:
        if field.name == key_column:
            arrays.append(pa.repeat(pa.scalar(key, pa.string()), table.num_rows))
        elif field.name not in has:
            arrays.append(pa.nulls(table.num_rows, field.type))
        else:
            column = table.column(field.name)
            try:
                arrays.append(column if column.type.equals(field.type) else column.cast(field.type))
            except pa.ArrowException as error:
                facts = (("column", field.name), ("reason", str(error)))
                problem = f"partition {key!r} does not fit into one table with the others"
                advice = "Build it anew with the types of the others, or annotate the input as dict[str, ...]."
                raise AssetError(Problem(problem, facts, advice)) from error
    return pa.table(arrays, schema=schema)


def _footers(parts: Sequence[tuple[str, Path]]) -> list[tuple[Any, int]]:
    """Return schema and number of rows of each file, looking once at one that holds several partitions."""
    known: dict[Path, tuple[Any, int]] = {}
    for _, path in parts:
        if path not in known:
            with _opened(path) as file:
                known[path] = (file.schema_arrow, file.metadata.num_rows)
    return [known[path] for _, path in parts]


def _opened(path: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    return pq.ParquetFile(pa.OSFile(os.fspath(path)), pre_buffer=False)


def _read(path: Path, schema: Any) -> Any:
    with _opened(path) as file:
        known = set(file.schema_arrow.names)
        many = file.metadata.num_rows * file.metadata.num_columns > 1_000_000  # noqa: PLR2004  # as in convert_table
        return file.read(columns=[name for name in schema.names if name in known], use_threads=many)


def _batches(parts: Sequence[tuple[str, Path]], schema: Any, key_column: str | None) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415

    for key, path in parts:
        with _opened(path) as file:
            known = set(file.schema_arrow.names)
            for batch in file.iter_batches(columns=[name for name in schema.names if name in known]):
                yield from _fitted(pa.Table.from_batches([batch]), schema, key, key_column).to_batches()


def _dataset(parts: Sequence[tuple[str, Path]], schema: Any, key_column: str | None) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.dataset as ds  # noqa: PLC0415  # 600 ms
    from pyarrow.fs import LocalFileSystem  # noqa: PLC0415

    disk, form = LocalFileSystem(), ds.ParquetFileFormat()
    # The key is no data of the file but a promise about it, so a filter on the key opens only the files it needs.
    fragments = [
        form.make_fragment(os.fspath(path), disk)
        if key_column is None
        else form.make_fragment(os.fspath(path), disk, partition_expression=pc.field(key_column) == key)
        for key, path in parts
    ]
    return ds.FileSystemDataset(fragments, schema, form, disk)


def _polars_scan(
    parts: Sequence[tuple[str, Path]],
    footers: Sequence[tuple[Any, int]],
    schema: Any,
    columns: Sequence[str] | None,
    key_column: str | None,
) -> Any:
    import polars as pl  # noqa: PLC0415

    first = footers[0][0]
    options: dict[str, Any] = {}
    if not all(found is first or found.equals(first, check_metadata=False) for found, _ in footers):
        data = schema if key_column is None else schema.remove(len(schema) - 1)
        options = {
            "schema": pl.DataFrame(data.empty_table()).schema,
            "missing_columns": "insert",
            "extra_columns": "ignore",
            "cast_options": pl.ScanCastOptions(
                integer_cast=["upcast", "allow-float"],
                float_cast=["upcast"],
                datetime_cast=["nanosecond-downcast", "convert-timezone"],
                categorical_to_string="allow",
                missing_struct_fields="insert",
            ),
        }
    rows = "row of all partitions"
    while key_column is not None and rows in schema.names:
        rows += "_"
    paths = [path for _, path in parts]
    scan = pl.scan_parquet(paths, glob=False, row_index_name=rows if key_column is not None else None, **options)
    if key_column is not None:
        # By the number of the row and not by the path: partitions of equal content are one file.
        ends = pl.Series(list(accumulate(count for _, count in footers)), dtype=pl.UInt64)
        keys = pl.Series([key for key, _ in parts], dtype=pl.String)
        part = pl.lit(ends).search_sorted(pl.col(rows).cast(pl.UInt64), side="right")
        scan = scan.with_columns(pl.lit(keys).gather(part).alias(key_column)).drop(rows)
    return scan if columns is None else scan.select(schema.names)
