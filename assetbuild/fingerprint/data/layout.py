"""Layouts of Arrow data: one logical type can lie in memory in several ways, and here they become one.

``plain`` is the layout that every library and every compute kernel understands:
32-bit offsets, no views, no run-end encoding, dictionaries with 32-bit indices,
128-bit decimals. Much of Arrow's own casting does not reach into nested types
or gives arrays that are not valid (list views), so the nesting is walked here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

__all__ = ["map_entries", "plain_leaf", "table_in_layout", "to_layout", "type_in_layout"]

_MAX_PLAIN_PRECISION: Final = 38
"""Digits that a 128-bit decimal holds."""


def table_in_layout(table: pa.Table, leaf: Callable[[Any], Any]) -> pa.Table:
    """Return a table whose types went through ``leaf`` at every level of their nesting.

    A chunk with more text or items than 32-bit offsets can address keeps 64-bit ones.
    """
    import pyarrow as pa  # noqa: PLC0415

    given = table.schema.types
    wanted = [type_in_layout(kind, leaf) for kind in given]
    if all(new is kind for new, kind in zip(wanted, given, strict=True)):
        return table
    columns = []
    for column, old, kind in zip(table.columns, given, wanted, strict=True):
        if kind is old:
            columns.append(column)
            continue
        try:
            columns.append(pa.chunked_array([to_layout(chunk, kind) for chunk in column.chunks], kind))
        except (pa.ArrowInvalid, pa.ArrowCapacityError):
            if not _has_offsets(column.type):
                raise
            columns.append(column)
    fields = [field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)]
    return pa.table(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def plain_leaf(kind: Any) -> Any:
    """Return the plain layout of one type, its nested types left as they are."""
    return _plain_leaves().get(kind.id, _same)(kind)


def type_in_layout(kind: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return a type with ``leaf`` applied to it and to all types nested in it; the same object when nothing changes."""
    import pyarrow as pa  # noqa: PLC0415

    kind = leaf(kind)
    if kind.num_fields == 0 and not isinstance(kind, pa.DictionaryType):
        return kind
    types = pa.types
    if types.is_struct(kind):
        inner = [type_in_layout(field.type, leaf) for field in kind]
        if all(new is field.type for new, field in zip(inner, kind, strict=True)):
            return kind
        return pa.struct([field.with_type(new) for field, new in zip(kind, inner, strict=True)])
    if types.is_map(kind):
        key, item = type_in_layout(kind.key_type, leaf), type_in_layout(kind.item_type, leaf)
        return kind if key is kind.key_type and item is kind.item_type else pa.map_(key, item)
    if not (
        types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or types.is_dictionary(kind)
    ):
        return kind
    inner = type_in_layout(kind.value_type, leaf)
    if types.is_dictionary(kind):
        same = inner is kind.value_type and kind.index_type == pa.int32()
        return kind if same else pa.dictionary(pa.int32(), inner, ordered=kind.ordered)
    if inner is kind.value_type:
        return kind
    if types.is_fixed_size_list(kind):
        return pa.list_(inner, kind.list_size)
    return pa.list_(inner) if types.is_list(kind) else pa.large_list(inner)


def to_layout(array: Any, wanted: Any) -> Any:
    """Return an array as the ``wanted`` type, which differs from its own in layout, or in the unit of a leaf."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    types, kind = pa.types, array.type
    if kind == wanted:
        return array
    if types.is_run_end_encoded(kind):
        return to_layout(pc.run_end_decode(array), wanted)
    if types.is_dictionary(kind):
        if not types.is_dictionary(wanted):
            return to_layout(array.dictionary_decode(), wanted)
        entries = to_layout(array.dictionary, wanted.value_type)
        return pa.DictionaryArray.from_arrays(array.indices.cast(wanted.index_type), entries, ordered=wanted.ordered)
    if types.is_struct(kind):
        inner = [to_layout(array.field(i), field.type) for i, field in enumerate(wanted)]
        return pa.StructArray.from_arrays(inner, fields=list(wanted), mask=_mask(array))
    if types.is_map(kind):
        entries = map_entries(array)
        pairs = entries.flatten()
        keys, items = (to_layout(pairs.field(i), t) for i, t in enumerate((wanted.key_type, wanted.item_type)))
        return pa.MapArray.from_arrays(_offsets(entries, "int32"), keys, items, type=wanted, mask=_mask(array))
    if types.is_fixed_size_list(kind):
        size = kind.list_size
        values = array.values.slice(array.offset * size, len(array) * size)
        return pa.FixedSizeListArray.from_arrays(to_layout(values, wanted.value_type), type=wanted, mask=_mask(array))
    if types.is_list(wanted) or types.is_large_list(wanted):
        return _list_to_layout(array, wanted)
    return array.cast(wanted)


def map_entries(array: Any) -> Any:
    """Return a map array as a list of structs; unlike ``array.items`` this keeps to slices and nulls."""
    import pyarrow as pa  # noqa: PLC0415

    kind = array.type
    return array.cast(pa.list_(pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])))


def _list_to_layout(array: Any, wanted: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    types, kind = pa.types, array.type
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        view = pa.ListViewArray if types.is_list_view(kind) else pa.LargeListViewArray
        # The items first: joining the lists of a view of views has no kernel.
        offsets, sizes = pc.add(array.offsets, 0), pc.add(array.sizes, 0)  # copies: slices are refused beside a mask
        array = view.from_arrays(offsets, sizes, to_layout(array.values, wanted.value_type), mask=_mask(array))
    build = pa.ListArray if types.is_list(wanted) else pa.LargeListArray
    offsets = _offsets(array, "int32" if types.is_list(wanted) else "int64")
    return build.from_arrays(offsets, to_layout(array.flatten(), wanted.value_type), type=wanted, mask=_mask(array))


def _offsets(lists: Any, kind: str) -> Any:
    """Return the offsets of the lists as if they lay end to end, from zero, nulls taking nothing."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    lengths = pc.fill_null(pc.list_value_length(lists).cast("int64"), 0)
    return pa.concat_arrays([pa.array([0], "int64"), pc.cumulative_sum(lengths)]).cast(kind)


def _mask(array: Any) -> Any:
    return array.is_null() if array.null_count else None


def _same(kind: Any) -> Any:
    return kind


def _plain_decimal(kind: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return kind if kind.precision > _MAX_PLAIN_PRECISION else pa.decimal128(kind.precision, kind.scale)


def _plain_list(kind: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.list_(kind.value_type)


@cache
def _plain_leaves() -> dict[int, Callable[[Any], Any]]:
    """Type id -> its plain form; what is not here is plain, or nests something."""
    import pyarrow as pa  # noqa: PLC0415

    some = pa.int32()
    text, data = pa.string(), pa.binary()
    leaves: dict[int, Callable[[Any], Any]] = {}
    leaves[pa.large_string().id] = leaves[pa.string_view().id] = lambda _: text
    leaves[pa.large_binary().id] = leaves[pa.binary_view().id] = lambda _: data
    leaves[pa.large_list(some).id] = leaves[pa.list_view(some).id] = leaves[pa.large_list_view(some).id] = _plain_list
    leaves[pa.run_end_encoded(some, some).id] = lambda kind: kind.value_type
    leaves[pa.decimal32(1, 0).id] = leaves[pa.decimal64(1, 0).id] = leaves[pa.decimal256(1, 0).id] = _plain_decimal
    return leaves


def _has_offsets(kind: Any) -> bool:
    import pyarrow as pa  # noqa: PLC0415

    types = pa.types
    if types.is_dictionary(kind):
        return False
    return kind.num_fields > 0 or any(
        is_long(kind)
        for is_long in (types.is_large_string, types.is_large_binary, types.is_string_view, types.is_binary_view)
    )
