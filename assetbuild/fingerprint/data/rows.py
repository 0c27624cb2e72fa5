"""The canonical order of a table's rows, for tables whose row order does not count.

The whole table is sorted by all columns, so that what stands in one row stays
together and duplicates are counted. The order itself has no meaning: floats
sort by their bits, nested values by a digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assetbuild.fingerprint.data.columns import Column, one_nan
from assetbuild.fingerprint.data.layout import plain_leaf, table_in_layout

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["in_canonical_order"]


def in_canonical_order(table: pa.Table) -> pa.Table:
    """Return the table with its rows in an order that depends on nothing but the rows."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if table.num_rows <= 1 or table.num_columns == 0:
        return table
    table = table_in_layout(table, _sortable_leaf)
    keys = pa.table([_sort_key(column) for column in table.columns], names=[str(i) for i in range(table.num_columns)])
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    return table.take(order)


def _sort_key(column: Any) -> Any:
    """Return a sortable column that orders equal values, and no others, next to each other."""
    import pyarrow as pa  # noqa: PLC0415

    types, kind = pa.types, column.type
    if types.is_floating(kind):
        unsigned = {16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}[kind.bit_width]
        return pa.chunked_array([one_nan(chunk).view(unsigned) for chunk in column.chunks], unsigned)
    if types.is_dictionary(kind):
        return _sort_key(column.cast(kind.value_type))
    if types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column), pa.int8())])
    if types.is_nested(kind) or types.is_interval(kind) or isinstance(kind, pa.BaseExtensionType):
        digests = [pa.array([_row_digest(chunk, i) for i in range(len(chunk))], pa.string()) for chunk in column.chunks]
        return pa.chunked_array(digests, pa.string())
    return column


def _row_digest(array: Any, row: int) -> str:
    column = Column(array.type)
    column.update(array.slice(row, 1))
    return column.finish()


def _sortable_leaf(kind: Any) -> Any:
    # The plain layout with 64-bit offsets: 'take' joins all chunks of a column, and 32 bits end at 2 GB of text.
    import pyarrow as pa  # noqa: PLC0415

    kind = plain_leaf(kind)
    return {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}.get(kind, kind)
