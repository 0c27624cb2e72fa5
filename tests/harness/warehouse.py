"""Read published values as any other tool would: from plain files and the DuckDB file in ``warehouse/``."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

DATABASE = "warehouse.duckdb"


def values_in(warehouse: Path) -> dict[str, Any]:
    """Return every published value by its path without extension (``raw/flights``)."""
    found: dict[str, Any] = {}
    for path in sorted(warehouse.rglob("*")):
        if path.is_file() and path.name != DATABASE and not path.name.startswith(f"{DATABASE}."):
            found[path.relative_to(warehouse).with_suffix("").as_posix()] = read_value(path)
    if (warehouse / DATABASE).exists():
        found.update(tables_in(warehouse / DATABASE))
    return found


def read_value(path: Path) -> Any:
    """Return the value in one file, as comparable Python objects."""
    if path.suffix == ".parquet":
        return pq.ParquetFile(path).read(use_threads=False).to_pydict()
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".pkl":
        return pickle.loads(path.read_bytes())
    if path.suffix in {".txt", ".html", ".md"}:
        return path.read_text()
    return path.read_bytes()


def tables_in(database: Path) -> dict[str, Any]:
    """Return the tables and views of a DuckDB file; a table outside ``main`` as ``schema/table``."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_catalog = current_database()"
        ).fetchall()
        return {
            table if schema == "main" else f"{schema}/{table}": connection.sql(f'select * from "{schema}"."{table}"')
            .to_arrow_table()
            .to_pydict()
            for schema, table in names
            if not schema.startswith(("_", "assetbuild"))
        }
