"""Data versions: the content of a value as one hash, whichever library, file or chunking carries it.

    tables.py   Arrow tables: schema, then each column's logical content
    columns.py  one column as streams of bytes
    rows.py     the canonical order of rows, for tables whose order does not count
    files.py    bytes, text, JSON, files, folders
    values.py   any other Python value

In: a value. Out: 32 hex digits, and for tables the version of each column.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {"TableHasher": "tables", "TableVersion": "tables", "table_version": "tables", "value_version": "values"}
"""The modules of what ``files`` does not have."""


def __getattr__(name: str) -> Any:
    # Imported when first asked for: a plan compares hashes, and makes one only of files.
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'files')}"), name)
