"""Data versions: the content of a value as one hash, whichever library, file or chunking carries it.

    tables.py   Arrow tables: schema, then each column's logical content
    columns.py  one column as streams of bytes
    rows.py     the canonical order of rows, for tables whose order does not count
    files.py    bytes, text, JSON, files, folders
    values.py   any other Python value

In: a value. Out: 32 hex digits, and for tables the version of each column.
"""

from __future__ import annotations

from assetbuild.fingerprint.data.files import (
    bytes_version,
    canonical_json,
    file_hash,
    file_version,
    json_version,
    text_version,
    tree_hash,
    tree_version,
)
from assetbuild.fingerprint.data.tables import TableHasher, TableVersion, table_version
from assetbuild.fingerprint.data.values import value_version

__all__ = [
    "TableHasher",
    "TableVersion",
    "bytes_version",
    "canonical_json",
    "file_hash",
    "file_version",
    "json_version",
    "table_version",
    "text_version",
    "tree_hash",
    "tree_version",
    "value_version",
]
