"""What one call returned for several partitions, as one value for each: a table split by a column, or a mapping.

A value of the column belongs to the partition whose window it lies in, when the partitions are windows of time and
the column has times; else to the one whose key is its text. Times without a zone are those of the partitions' zone.
The column stays in the tables, and rows keep their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from assetbuild.errors import AssetError, Problem
from assetbuild.fingerprint.data.layout import plain_leaf, table_in_layout
from assetbuild.store.conversions import describe, to_arrow

__all__ = ["keys_of_mapping", "split_by_column"]

_NAMED: Final = 5
_DAY_S: Final = 86_400
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FORMS: Final = {4: "%Y", 7: "%Y-%m", 10: "%Y-%m-%d", 13: "%Y-%m-%dT%H"}
"""How times are written in keys, by the length of a key: for partitions that have no windows."""


def split_by_column(
    value: Any,
    column: str,
    keys: Sequence[str],
    *,
    windows: Sequence[tuple[datetime, datetime]] | None = None,
    key_of: Callable[[Any], str] | None = None,
) -> dict[str, Any]:
    """Return an Arrow table for each key, perhaps without rows, of any table or lazy table.

    ``windows`` belong to ``keys``, in the same order, and know their time zone; ``key_of`` gives the key of a value of
    the column instead. Raises AssetError when there is no such column, or rows in it are of none of these partitions.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        table = to_arrow(value)
    except TypeError:
        advice = "Return a table, or drop split_by and return a dict from partition key to value."
        problem = f"the function returned {describe(value)}, which split_by={column!r} cannot split"
        raise AssetError(Problem(problem, (), advice)) from None
    table = table_in_layout(table, plain_leaf)  # Arrow cannot pick rows of polars' kind of text
    if column not in table.column_names:
        facts = (("columns", ", ".join(table.column_names)),)
        problem = f"the returned table has no column {column!r} to split it by"
        raise AssetError(Problem(problem, facts, "Return that column, or name another one in split_by=."))
    values = table.column(column).combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # of no chunks, or too large for one
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.null_count:
        problem = (
            f"{values.null_count:,} of {len(values):,} rows have no value in {column!r}, which says their partition"
        )
        raise AssetError(Problem(problem, (), "Leave them out, or fill them in."))
    encoded = values.dictionary_encode()
    indices = _indices(encoded.dictionary, keys, windows, key_of)
    if None in indices:
        raise _other_partitions(column, encoded, indices, keys)
    which = pa.array(indices, pa.int32()).take(encoded.indices)
    if len(which) > 1 and not pc.all(pc.less_equal(which[:-1], which[1:])).as_py():
        order = pc.array_sort_indices(which)
        table, which = table.take(order), which.take(order)
    counts = {found["values"]: found["counts"] for found in pc.value_counts(which).to_pylist()}
    parts, start = {}, 0
    for index, key in enumerate(keys):
        parts[key] = table.slice(start, counts.get(index, 0))
        start += counts.get(index, 0)
    return parts


def keys_of_mapping(returned: Any, keys: Sequence[str]) -> dict[str, Any]:
    """Return the values of a mapping in the order of ``keys``; raise AssetError unless it has exactly these keys."""
    advice = "Return a dict with a value for each of context.partition_keys; or one table, with split_by=."
    if not isinstance(returned, Mapping):
        problem = f"the function returned {describe(returned)} for {len(keys)} partitions"
        raise AssetError(Problem(problem, (), advice))
    missing = [key for key in keys if key not in returned]
    wanted = set(keys)
    extra = [key for key in returned if key not in wanted]
    if missing or extra:
        facts = [
            (name, _some([str(key) for key in found]))
            for name, found in (("missing", missing), ("extra", extra))
            if found
        ]
        problem = "the function does not return a value for each partition that it was asked for"
        raise AssetError(Problem(problem, tuple(facts), advice))
    return {key: returned[key] for key in keys}


def _indices(
    values: Any,
    keys: Sequence[str],
    windows: Sequence[tuple[datetime, datetime]] | None,
    key_of: Callable[[Any], str] | None,
) -> list[int | None]:
    """Return the index in ``keys`` of each value of an array of distinct values; None for one of no partition."""
    import pyarrow as pa  # noqa: PLC0415

    kind = values.type
    if key_of is None and windows and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return _in_windows(values, windows)
    by_key = {key: index for index, key in enumerate(keys)}
    texts = [key_of(value) for value in values.to_pylist()] if key_of is not None else _texts(values, keys)
    return [by_key.get(text) for text in texts]


def _in_windows(values: Any, windows: Sequence[tuple[datetime, datetime]]) -> list[int | None]:
    import pyarrow as pa  # noqa: PLC0415

    kind = values.type
    if pa.types.is_date32(kind):
        seconds = [days * _DAY_S for days in values.cast(pa.int32()).to_pylist()]
    else:
        per_second = 1_000 if pa.types.is_date64(kind) else _PER_SECOND[kind.unit]
        seconds = [value // per_second for value in values.cast(pa.int64()).to_pylist()]
    zone = windows[0][0].tzinfo
    if (pa.types.is_date(kind) or kind.tz is None) and zone is not None and zone is not UTC:
        epoch = datetime(1970, 1, 1)  # noqa: DTZ001  # local time, which gets the zone of the partitions
        local = {said: int((epoch + timedelta(seconds=said)).replace(tzinfo=zone).timestamp()) for said in set(seconds)}
        seconds = [local[said] for said in seconds]
    spans = sorted((int(start.timestamp()), int(end.timestamp()), at) for at, (start, end) in enumerate(windows))
    starts = [start for start, _, _ in spans]
    found: list[int | None] = []
    for said in seconds:
        at = bisect_right(starts, said) - 1
        found.append(spans[at][2] if at >= 0 and said < spans[at][1] else None)
    return found


def _texts(values: Any, keys: Sequence[str]) -> list[str]:
    """Return the text of each value, as a partition key has it."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        form = _FORMS.get(len(keys[0])) if keys else None
        if pa.types.is_date(kind):
            values = values.cast(pa.timestamp("s"))
        texts = values.cast(pa.string()) if form is None else pc.strftime(values, format=form)
    elif pa.types.is_floating(kind) or pa.types.is_nested(kind) or pa.types.is_binary(kind):
        advice = "Split by a column of text, whole numbers, dates or times."
        raise AssetError(Problem(f"a column of type {kind} does not name partitions", (), advice))
    else:
        texts = values.cast(pa.string())
    found: list[str] = texts.to_pylist()
    return found


def _other_partitions(column: str, encoded: Any, indices: Sequence[int | None], keys: Sequence[str]) -> AssetError:
    import pyarrow as pa  # noqa: PLC0415

    others = [str(encoded.dictionary[at].as_py()) for at, index in enumerate(indices) if index is None]
    is_other = pa.array([index is None for index in indices]).take(encoded.indices)
    facts = (
        ("asked for", keys[0] if len(keys) == 1 else f"{len(keys)} partitions, {keys[0]} to {keys[-1]}"),
        (f"in {column!r}", _some(others)),
    )
    problem = (
        f"{is_other.true_count:,} of the {len(is_other):,} returned rows belong to none of the partitions asked for"
    )
    return AssetError(Problem(problem, facts, "Return the rows of context.partition_keys alone."))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
