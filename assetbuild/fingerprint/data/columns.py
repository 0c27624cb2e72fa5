"""One column of an Arrow table as streams of bytes, and their hash.

Arrow can hold the same values in many layouts: in chunks, as a slice, with
32- or 64-bit offsets, as views, run-end encoded, with anything at all in the
slots under a null. A column is therefore reduced to streams that are the same
for all layouts, and each stream is fed to a hash of its own, chunk by chunk:

    nulls    the row numbers of the nulls, as unsigned 64-bit little-endian; nothing when there are none
    values   the values: fixed width as they lie in memory, booleans as one byte, every NaN as the one
             quiet NaN; of text and binary the bytes, end to end. A null takes the zeros of its width up to
             8 bytes, and otherwise nothing
    lengths  of text, binary and lists: the length of each value, as signed 32-bit

A nested column is a tree of these: a list has the streams of its items, a
struct those of its fields, each under the values that are not null. The column
version is the digest of logical type, number of rows and all stream hashes.

These are the same logical type, because they differ in layout alone:
string, large_string and string_view; the three binaries; list, large_list and
list_view; decimals of one precision and scale; run-end encoded and plain. Item
names of lists and maps, nullability and field metadata do not count.
A dictionary (a categorical) is a type of its own, since a reader sees it, but its
index width and the order of its entries are layout. Only of an *ordered*
dictionary do the entries, in their order, count.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import xxhash

from assetbuild.fingerprint.data.layout import map_entries, plain_leaf, to_layout, type_in_layout
from assetbuild.fingerprint.encoding import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from assetbuild.fingerprint.encoding import Encodable

__all__ = ["Column", "UnsupportedTypeError", "one_nan"]

_BLOCK_ROWS: Final = 1 << 16
"""Floats are searched for NaN and hashed in blocks of this many rows, so that the second pass reads the cache."""


class UnsupportedTypeError(TypeError):
    """A column's type has no data version; the text says which."""


class Column:
    """The version of one column, fed array by array."""

    __slots__ = ("_layout", "_node", "_type")

    def __init__(self, arrow_type: pa.DataType) -> None:
        """Start an empty column of the given type; raise UnsupportedTypeError for a type without a version."""
        self._layout = type_in_layout(arrow_type, _hashed_leaf)
        self._type, self._node = _plan(self._layout)

    def update(self, array: pa.Array) -> None:
        """Feed the next rows."""
        self._node.update(array if array.type is self._layout else to_layout(array, self._layout))

    @property
    def logical(self) -> Encodable:
        """The logical type, as something to encode."""
        return self._type

    def finish(self) -> str:
        """Return the column version."""
        return digest("column", [self._type, self._node.parts()])


class _Node:
    """Counts rows, notes nulls, and hands on the values that are not null."""

    __slots__ = ("_nulls", "_rows")

    def __init__(self) -> None:
        self._rows = 0
        self._nulls = xxhash.xxh3_128()

    def update(self, array: pa.Array) -> None:
        start, self._rows = self._rows, self._rows + len(array)
        if array.null_count:
            import pyarrow as pa  # noqa: PLC0415
            import pyarrow.compute as pc  # noqa: PLC0415

            positions = pc.add(pc.indices_nonzero(pc.is_null(array)), pa.scalar(start, pa.uint64()))
            self._nulls.update(_fixed_bytes(positions, 8))
            array = self.without_nulls(array)
        if len(array):
            self.values(array)

    def without_nulls(self, array: pa.Array) -> pa.Array:
        """Return the array with its nulls dropped, or with nothing in their slots."""
        return array.drop_null()

    def values(self, array: pa.Array) -> None:
        """Feed an array that has no nulls."""
        raise NotImplementedError

    def parts(self) -> bytes:
        """Return row count and stream hashes, end to end: the type says how many there are, so no framing is needed."""
        return self._rows.to_bytes(8, "big") + self._nulls.digest()


class _Nothing(_Node):
    """The null type: only the number of rows counts."""

    __slots__ = ()

    def update(self, array: pa.Array) -> None:
        self._rows += len(array)


class _Fixed(_Node):
    """Values of one width, hashed as they lie in memory without a copy."""

    __slots__ = ("_hash", "_width")

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width
        self._hash = xxhash.xxh3_128()

    def without_nulls(self, array: pa.Array) -> pa.Array:
        if self._width > 8:  # noqa: PLR2004  # wider types have no kernel to fill them
            return array.drop_null()
        import pyarrow.compute as pc  # noqa: PLC0415

        # Filled, not dropped: that takes half the time. The row numbers of the nulls tell them from zeros.
        return pc.fill_null(array.view(f"uint{self._width * 8}"), 0).view(array.type)

    def values(self, array: pa.Array) -> None:
        self._hash.update(_fixed_bytes(array, self._width))

    def parts(self) -> bytes:
        return super().parts() + self._hash.digest()


class _Float(_Fixed):
    """Floating point: bits count (-0.0 is not 0.0), but every NaN is the same."""

    __slots__ = ()

    def values(self, array: pa.Array) -> None:
        for start in range(0, len(array), _BLOCK_ROWS):
            block = array.slice(start, _BLOCK_ROWS)
            self._hash.update(_fixed_bytes(one_nan(block) if _may_hold_nan(block) else block, self._width))


class _Bytes(_Node):
    """Text and binary with 32- or 64-bit offsets."""

    __slots__ = ("_hash", "_lengths", "_offset_code")

    def __init__(self, offset_code: Literal["i", "q"]) -> None:
        super().__init__()
        self._offset_code: Literal["i", "q"] = offset_code
        self._hash = xxhash.xxh3_128()
        self._lengths = xxhash.xxh3_128()

    def without_nulls(self, array: pa.Array) -> pa.Array:
        return array  # a null has length 0, and mostly no bytes, which saves dropping it

    def values(self, array: pa.Array) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415

        lengths = pc.fill_null(pc.binary_length(array), 0) if array.null_count else pc.binary_length(array)
        self._lengths.update(_length_bytes(lengths))
        self._text(array, lengths)

    def _text(self, array: pa.Array, lengths: pa.Array) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415

        _, offsets, data = array.buffers()
        if data is not None:
            bounds = memoryview(offsets).cast("B").cast(self._offset_code)
            first, last = bounds[array.offset], bounds[array.offset + len(array)]
            if array.null_count and last - first != pc.sum(lengths).as_py():  # there are bytes under a null
                self._text(array.drop_null(), lengths)
            else:
                self._hash.update(memoryview(data)[first:last])

    def parts(self) -> bytes:
        return super().parts() + self._lengths.digest() + self._hash.digest()


class _List(_Node):
    """Lists of any length: the lengths, then the items as a column of their own."""

    __slots__ = ("_items", "_lengths")

    def __init__(self, items: _Node) -> None:
        super().__init__()
        self._items = items
        self._lengths = xxhash.xxh3_128()

    def values(self, array: pa.Array) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415

        self._lengths.update(_length_bytes(pc.list_value_length(array)))
        self._items.update(array.flatten())

    def parts(self) -> bytes:
        return super().parts() + self._lengths.digest() + self._items.parts()


class _FixedList(_Node):
    """Lists of one length, which is part of the type."""

    __slots__ = ("_items",)

    def __init__(self, items: _Node) -> None:
        super().__init__()
        self._items = items

    def values(self, array: pa.Array) -> None:
        self._items.update(array.flatten())

    def parts(self) -> bytes:
        return super().parts() + self._items.parts()


class _Struct(_Node):
    """Fields side by side, each a column of its own."""

    __slots__ = ("_fields",)

    def __init__(self, fields: list[_Node]) -> None:
        super().__init__()
        self._fields = fields

    def values(self, array: pa.Array) -> None:
        for node, field in zip(self._fields, array.flatten(), strict=True):
            node.update(field)

    def parts(self) -> bytes:
        return super().parts() + b"".join([node.parts() for node in self._fields])


class _Through(_Node):
    """A layout that is turned into a simpler one first."""

    __slots__ = ("_simpler", "_turn")

    def __init__(self, turn: Callable[[Any], pa.Array], simpler: _Node) -> None:
        super().__init__()
        self._turn = turn
        self._simpler = simpler

    def update(self, array: pa.Array) -> None:
        self._simpler.update(self._turn(array))

    def parts(self) -> bytes:
        return self._simpler.parts()


class _Extension(_Node):
    """An extension type: its storage, which is brought into the plain layout by itself."""

    __slots__ = ("_storage",)

    def __init__(self, storage: Column) -> None:
        super().__init__()
        self._storage = storage

    def update(self, array: pa.Array) -> None:
        self._storage.update(array.storage)

    def parts(self) -> bytes:
        return bytes.fromhex(self._storage.finish())


class _OrderedDictionary(_Through):
    """An ordered categorical: its entries, by first appearance over all chunks, count beside the values."""

    __slots__ = ("_entries",)

    def __init__(self, simpler: _Node) -> None:
        super().__init__(lambda array: array.dictionary_decode(), simpler)
        self._entries: dict[Any, None] = {}

    def update(self, array: pa.Array) -> None:
        self._entries.update(dict.fromkeys(str(entry) for entry in array.dictionary.to_pylist()))
        super().update(array)

    def parts(self) -> bytes:
        return super().parts() + bytes.fromhex(digest("entries", list(self._entries)))


def _fixed_bytes(array: pa.Array, width: int) -> memoryview | bytes:
    data = array.buffers()[1]
    if data is None or width == 0:
        return b""
    return memoryview(data)[array.offset * width : (array.offset + len(array)) * width]


def _length_bytes(lengths: pa.Array) -> memoryview | bytes:
    if lengths.type.bit_width == 64:  # noqa: PLR2004  # a value of 2 GB does not fit, and Parquet cannot hold it either
        lengths = lengths.cast("int32")
    return _fixed_bytes(lengths, 4)


def _may_hold_nan(array: pa.Array) -> bool:
    import pyarrow.compute as pc  # noqa: PLC0415

    if array.type.bit_width == 16:  # noqa: PLR2004  # half floats have no sum
        return True
    total = pc.sum(array).as_py()  # one NaN makes the sum NaN; so can infinities, which then cost a copy, no more
    return total is None or math.isnan(total)


def one_nan(array: pa.Array) -> pa.Array:
    """Return an array of floats in which every NaN has the same bits."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.if_else(pc.is_nan(array), pa.scalar(float("nan"), array.type), array)


def _hashed_leaf(kind: Any) -> Any:
    """Return the layout in which a type is hashed: the plain one, but 64-bit offsets are taken as they are."""
    change = _hashed_leaves().get(kind.id)
    return plain_leaf(kind) if change is None else change(kind)


@cache
def _hashed_leaves() -> dict[int, Callable[[Any], Any]]:
    import pyarrow as pa  # noqa: PLC0415

    some, text, data = pa.int32(), pa.large_string(), pa.large_binary()
    leaves: dict[int, Callable[[Any], Any]] = {}
    leaves[text.id] = leaves[data.id] = leaves[pa.large_list(some).id] = lambda kind: kind
    # To 64 bits, since an array of views can hold more than 32 bits can address.
    leaves[pa.string_view().id] = lambda _: text
    leaves[pa.binary_view().id] = lambda _: data
    leaves[pa.list_view(some).id] = leaves[pa.large_list_view(some).id] = lambda kind: pa.large_list(kind.value_type)
    return leaves


@cache
def _fixed_types() -> dict[int, tuple[str, int]]:
    """Type id -> name and width, of the types without parameters whose values are plain bytes."""
    import pyarrow as pa  # noqa: PLC0415

    types = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    types += [pa.date32(), pa.date64(), pa.month_day_nano_interval()]
    return {kind.id: (str(kind), kind.bit_width // 8) for kind in types}


def _plan(kind: Any) -> tuple[Encodable, _Node]:
    """Return the logical type, as something to encode, and the node that hashes its values."""
    import pyarrow as pa  # noqa: PLC0415

    types = pa.types
    if (fixed := _fixed_types().get(kind.id)) is not None:
        return fixed[0], _Fixed(fixed[1])
    if types.is_floating(kind):
        return str(kind), _Float(kind.bit_width // 8)
    if types.is_string(kind) or types.is_binary(kind):
        return "string" if types.is_string(kind) else "binary", _Bytes("i")
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return "string" if types.is_large_string(kind) else "binary", _Bytes("q")
    if types.is_boolean(kind):
        return "bool", _Through(lambda array: array.cast("uint8"), _Fixed(1))
    if types.is_timestamp(kind):
        return ["timestamp", kind.unit, kind.tz], _Fixed(8)
    if types.is_time(kind) or types.is_duration(kind):
        return ["duration" if types.is_duration(kind) else "time", kind.unit], _Fixed(kind.bit_width // 8)
    if types.is_decimal(kind):
        return ["decimal", kind.precision, kind.scale], _Fixed(kind.bit_width // 8)
    if types.is_fixed_size_binary(kind):
        return ["binary", kind.byte_width], _Fixed(kind.byte_width)
    if types.is_null(kind):
        return "null", _Nothing()
    return _plan_nested(kind)


def _plan_nested(kind: Any) -> tuple[Encodable, _Node]:
    import pyarrow as pa  # noqa: PLC0415

    types = pa.types
    if types.is_struct(kind):
        planned = [_plan(field.type) for field in kind]
        named: list[Encodable] = [[field.name, logical] for field, (logical, _) in zip(kind, planned, strict=True)]
        return ["struct", named], _Struct([node for _, node in planned])
    if types.is_fixed_size_list(kind):
        logical, items = _plan(kind.value_type)
        return ["fixed_size_list", kind.list_size, logical], _FixedList(items)
    if types.is_map(kind):
        logical, items = _plan(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
        return ["map", logical], _Through(map_entries, _List(items))
    if types.is_list(kind) or types.is_large_list(kind):
        logical, items = _plan(kind.value_type)
        return ["list", logical], _List(items)
    if types.is_dictionary(kind):
        logical, values = _plan(kind.value_type)
        if kind.ordered:
            return ["ordered dictionary", logical], _OrderedDictionary(values)
        return ["dictionary", logical], _Through(lambda array: array.dictionary_decode(), values)
    if isinstance(kind, pa.BaseExtensionType):
        inner = Column(kind.storage_type)
        return ["extension", _extension_text(kind), inner.logical], _Extension(inner)
    message = f"the type {kind} has no data version"
    raise UnsupportedTypeError(message)


def _extension_text(kind: Any) -> str:
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(kind, pa.ExtensionType):  # defined in Python: its parameters are in the serialised form
        return f"{kind.extension_name} {kind.__arrow_ext_serialize__()!r}"
    return f"{kind.extension_name} {kind}"
