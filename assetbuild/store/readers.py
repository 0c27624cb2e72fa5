"""Load a source: files that somebody else wrote, as the type that a parameter asks for.

The extension says the format; a second ``.gz`` is unpacked. Every library gets
its table from the same parser (Arrow's), so that one CSV has the same values in
pandas, polars and DuckDB; only a polars LazyFrame of Parquet or IPC stays lazy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from assetbuild.errors import AssetError, Problem, StoreError
from assetbuild.store.concat import join_tables, load_parquet_parts, no_partitions
from assetbuild.store.conversions import TABLE_TYPES, convert_table
from assetbuild.store.failures import storing

__all__ = ["is_table_file", "load_source", "load_source_partitions"]

_FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_TEXT: Final = frozenset({".txt", ".sql", ".md", ".rst", ".html", ".xml", ".yaml", ".yml", ".toml"})


def is_table_file(path: Path) -> bool:
    """Return whether a file is read as a table when nothing else is asked for."""
    return _format(path) not in {None, "json"}


def load_source(
    paths: Sequence[Path],
    *,
    kind: str,
    load: str | None,
    columns: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Load a source, whose ``kind`` is ``file``, ``glob`` or ``directory``; of a directory ``paths`` is itself alone.

    Several files give one table, in the order of their names. Raises StoreError
    naming the file that cannot be read, TypeError for a type that these files cannot be.
    """
    options = dict(options or {})
    load = None if load == "value" else load  # dict, list and the like: what the file holds, unconverted
    if load == "path":
        return _single(paths, "a Path")
    files = _files_in(paths[0]) if kind == "directory" and len(paths) == 1 else list(paths)
    if load == "paths":
        return files
    if load in {"bytes", "str"}:
        path = _single(files, load)
        with storing("read", path):
            return path.read_bytes() if load == "bytes" else _text(path)
    if load in TABLE_TYPES:
        return _tables(files, load, columns, options)
    if kind == "file":
        path = _single(files, "a file")
        if _format(path) == "json" and columns is None:
            return _json(path)
        if not is_table_file(path) and columns is None:
            return _text(path) if path.suffix.lower() in _TEXT else path
        return _tables(files, load, columns, options)
    if files and all(is_table_file(path) for path in files):
        return _tables(files, load, columns, options)
    return paths[0] if kind in {"directory", "file"} and paths else files


def load_source_partitions(  # noqa: PLR0913  # what a parameter can ask for, by keyword
    source_key: str,
    parts: Sequence[tuple[str, Path]],
    *,
    load: str | None,
    columns: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    key_column: str | None = None,
    as_mapping: bool = False,
) -> Any:
    """Load many partitions of a source, pairs of key and file in key order; a key may have several files.

    They are one table, with the keys as text in ``key_column``. Files that are no tables, and with ``as_mapping`` all
    files, come as a dict by partition key, of values of the type ``load``. Raises as ``load_source`` does, and
    AssetError where no one value can be made of them.
    """
    options = dict(options or {})
    if load == "paths" and not as_mapping:
        return [path for _, path in parts]
    if not as_mapping and (
        load in TABLE_TYPES
        or (
            load in {None, "value"}
            and (columns is not None or (parts and all(is_table_file(path) for _, path in parts)))
        )
    ):
        if not parts:
            raise no_partitions(source_key)
        return _table_of_parts(parts, load, columns, options, key_column)
    if not as_mapping and load in {"path", "bytes", "str"}:
        word = "Path" if load == "path" else load
        advice = f"Annotate the input as dict[str, {word}], to get each by its partition key."
        raise AssetError(Problem(f"{len(parts)} partitions of {source_key!r} are not one {word}", (), advice))
    by_key: dict[str, list[Path]] = {}
    for key, path in parts:
        by_key.setdefault(key, []).append(path)
    return {
        key: _table_of_parts([(key, path) for path in paths], load, columns, options, key_column)
        if key_column is not None
        else load_source(paths, kind="file" if len(paths) == 1 else "glob", load=load, columns=columns, options=options)
        for key, paths in by_key.items()
    }


def _table_of_parts(
    parts: Sequence[tuple[str, Path]],
    load: str | None,
    columns: Sequence[str] | None,
    options: dict[str, Any],
    key_column: str | None,
) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if all(_format(path) == "parquet" for _, path in parts):
        try:
            return load_parquet_parts(parts, load, columns, key_column)
        except (pa.ArrowException, OSError):
            for _, path in parts:
                _table(path, options)  # raises, naming the file
            raise
    return convert_table(join_tables([(key, _table(path, options)) for key, path in parts], columns, key_column), load)


def _files_in(folder: Path) -> list[Path]:
    with storing("read", folder):
        return sorted(
            Path(path, name) for path, _, names in os.walk(folder) for name in names if not name.startswith(".")
        )


def _single(paths: Sequence[Path], wanted: str) -> Path:
    if len(paths) != 1:
        message = f"{len(paths)} files cannot be loaded as {wanted}; annotate the parameter as a table or as list[Path]"
        raise TypeError(message)
    return paths[0]


def _tables(paths: Sequence[Path], load: str | None, columns: Sequence[str] | None, options: dict[str, Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if len(paths) == 1 and _format(paths[0]) == "parquet":
        try:
            return convert_table(paths[0], load, columns)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(paths[0], error) from error
    return convert_table(_joined([(path, _table(path, options)) for path in paths]), load, columns)


def _table(path: Path, options: dict[str, Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    form = _format(path)
    if form is None:
        message = (
            f"'{path.name}' cannot be loaded as a table: the extension {path.suffix or '(none)'} names no table format"
        )
        raise TypeError(message)
    try:
        table = _read(path, form, options)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    twice = next((name for name in table.column_names if table.column_names.count(name) > 1), None)
    if twice is not None:
        raise StoreError(Problem(f"'{path}' has two columns named {twice!r}", (), "Rename one of them."))
    return table


def _read(path: Path, form: str, options: dict[str, Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if form in {"csv", "tsv"}:
        return _read_csv(path, {"delimiter": "\t", **options} if form == "tsv" else options)
    if form == "parquet":
        import pyarrow.parquet as pq  # noqa: PLC0415

        with pq.ParquetFile(path) as file:
            return file.read()
    if form == "arrow":
        with pa.OSFile(str(path)) as opened:
            try:
                return pa.ipc.open_file(opened).read_all()
            except pa.ArrowInvalid:
                opened.seek(0)
                return pa.ipc.open_stream(opened).read_all()
    if form == "ndjson":
        import pyarrow.json as pj  # noqa: PLC0415

        with pa.input_stream(str(path), compression="detect") as stream:
            return pj.read_json(stream)
    rows = _json(path)
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise StoreError(Problem(f"'{path}' is not a list of objects", (), "Only such JSON can be loaded as a table."))
    names = dict.fromkeys(name for row in rows for name in row)  # from_pylist alone looks at the first row's only
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def _read_csv(path: Path, options: dict[str, Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.csv as pc  # noqa: PLC0415

    read, parse, convert = settings = pc.ReadOptions(), pc.ParseOptions(), pc.ConvertOptions()
    for name, value in options.items():
        group = next((group for group in settings if hasattr(group, name) and not name.startswith("_")), None)
        if group is None:
            raise StoreError(Problem(f"a CSV source has no option {name!r}", (), "See the options of pyarrow.csv."))
        try:
            setattr(group, name, _column_types(value) if name == "column_types" else value)
        except (TypeError, ValueError) as error:
            raise StoreError(
                Problem(
                    f"option {name!r} of a CSV source cannot be {value!r}",
                    (("reason", str(error)),),
                    "See the options of pyarrow.csv.",
                )
            ) from error

    def parsed() -> Any:
        with pa.input_stream(str(path), compression="detect") as stream:
            return pc.read_csv(stream, read_options=read, parse_options=parse, convert_options=convert)

    try:
        table = parsed()
    except pa.ArrowInvalid:
        if not read.use_threads:
            raise
        read.use_threads = False  # once more in order, since only then the message names the row
        table = parsed()
    for field in table.schema:
        if pa.types.is_binary(field.type) and field.name not in (convert.column_types or {}):
            facts = (("column", field.name),)
            advice = "Name its encoding: options={'encoding': 'latin-1'}."
            raise StoreError(Problem(f"'{path}' is not UTF-8 text", facts, advice))
    return table if convert.strings_can_be_null else _empty_text_as_null(table)


def _empty_text_as_null(table: Any) -> Any:
    """Return the table with null for each empty text, as pandas, polars and DuckDB read a CSV.

    Arrow can do that itself, but then takes the words NA, null and NaN in text for nulls as well.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            empty = pc.equal(table.column(index), "")
            if pc.any(empty).as_py():
                nothing = pa.scalar(None, field.type)
                table = table.set_column(index, field.name, pc.if_else(empty, nothing, table.column(index)))
    return table


def _column_types(types: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if not isinstance(types, Mapping):
        return types
    try:
        return {name: pa.type_for_alias(kind) if isinstance(kind, str) else kind for name, kind in types.items()}
    except ValueError as error:
        raise StoreError(
            Problem(f"'column_types' of a CSV source: {error}", (), "Use names of Arrow types.")
        ) from error


def _joined(tables: Sequence[tuple[Path, Any]]) -> Any:
    """Return the rows of all files as one table; a column that is missing or empty in one file is null there."""
    import pyarrow as pa  # noqa: PLC0415

    if not tables:
        return pa.table({})
    schema = tables[0][1].schema
    for path, table in tables[1:]:
        try:
            schema = pa.unify_schemas([schema, table.schema])
        except pa.ArrowException as error:
            facts = (("reason", str(error)), ("other files", str(tables[0][0])))
            advice = "Give all files the same columns and types, or set 'column_types'."
            raise StoreError(Problem(f"'{path}' does not fit the other files of its source", facts, advice)) from error
    return pa.concat_tables([table for _, table in tables], promote_options="default")


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        facts = (("reason", error.msg), ("line", str(error.lineno)))
        raise StoreError(Problem(f"'{path}' does not parse as JSON", facts, "Correct the file.")) from error


def _text(path: Path) -> str:
    with storing("read", path):
        data = path.read_bytes()
        if path.suffix.lower() == ".gz":
            import gzip  # noqa: PLC0415

            data = gzip.decompress(data)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise StoreError(
                Problem(f"'{path}' is not UTF-8 text", (("reason", str(error)),), "Load it as bytes.")
            ) from error


def _format(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix in {".gz", ".bz2", ".zst"}:
        suffix = path.with_suffix("").suffix.lower()
    return _FORMATS.get(suffix)


def _unreadable(path: Path, error: Exception) -> StoreError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StoreError(Problem(f"'{path}' cannot be read", (("reason", reason),), "Correct the file, or its options."))
