"""Partitioned assets in an open DuckDB file: one table, with the partition key of each row in a first column.

    partition_key  ...columns of the asset...
    2013-01-01     ...

Publishing a partition replaces its own rows and no others, in one transaction. Columns may come and go: a new one is
added, and is null in the rows of other partitions; one that a partition does not have is null in its rows. A type
that differs becomes the wider one. Other changes of a type are refused while rows of other partitions need the old one.

That a partition is there although it has no rows is said in the table's comment, which goes where the table goes.
"""

# ruff: noqa: S608  # names and texts are quoted here, and most of them can be no parameters

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

from assetbuild.errors import Problem, StoreError
from assetbuild.fingerprint.data.tables import TableHasher, table_version
from assetbuild.record.faults import reach
from assetbuild_stores.duckdb_tables import VALUE, batches, kind_of, quoted, registered, registered_table, transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from assetbuild.store.io import ValueState

    _Read = tuple[str, Path, Any]

__all__ = ["Known", "has_partition", "look_at_partitions", "remove_partitions", "replace_partitions"]

_KEY: Final = "partition_key"
_NOTHING: Final = '"NULL"'
"""The type of a column of nulls that never had another."""

_NAMED: Final = 5
_TOGETHER_CELLS: Final = 1_000_000
_SCANNED: Final = 4
"""From this many partitions that are looked at, the table is read as a whole."""

_EMPTY: Final = re.compile(r"\n?assetbuild: no rows in (\[.*\])\Z", re.DOTALL)
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_INTEGER: Final = {
    "TINYINT": 3,
    "UTINYINT": 3,
    "SMALLINT": 5,
    "USMALLINT": 5,
    "INTEGER": 10,
    "UINTEGER": 10,
    "BIGINT": 19,
    "UBIGINT": 20,
    "HUGEINT": 39,
    "UHUGEINT": 39,
}
"""Types of whole numbers, and how many digits they may need."""


def replace_partitions(
    connection: Any, name: tuple[str, str], asset_key: str, values: Sequence[tuple[str, Path]], known: Known
) -> None:
    """Replace the rows of some partitions, given by key and object, in one transaction.

    ``known`` are the tables that were looked at since the connection was opened, and changed by nobody else.
    """
    schema, table = name
    with transaction(connection, schema):
        partitioned = known.pop(name, None) or _Partitioned.of(
            connection, schema, table
        )  # back only when all went well
        if partitioned is None:
            kind = kind_of(connection, schema, table)
            if kind is not None:  # a view, or what the asset was before it had partitions
                connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} {quoted(schema)}.{quoted(table)}")
            partitioned = _Partitioned(connection, schema, table, {}, None)
        partitioned.delete([key for key, _ in values])
        for group in _alike(values):
            if len(group) == 1 or not partitioned.insert_together(group):
                for key, published, _ in group:
                    partitioned.insert(key, published, asset_key)
        partitioned.settle()
        reach("in-duckdb", asset_key)
    known[name] = partitioned


def has_partition(connection: Any, schema: str, table: str, key: str) -> bool:
    """Return whether a partition is in its table."""
    partitioned = _Partitioned.of(connection, schema, table)
    return partitioned is not None and (key in partitioned.empty or partitioned.has_rows(key))


def look_at_partitions(
    connection: Any, schema: str, table: str, values: Sequence[tuple[str, Path, str]]
) -> list[ValueState]:
    """Return for each partition, given by key, object and data version, whether its rows are those of the object.

    One partition reads its own rows; several read the table once, and objects only where that does not tell.
    """
    partitioned = _Partitioned.of(connection, schema, table)
    if partitioned is None:
        return ["gone" for _ in values]
    if len(values) < _SCANNED:
        versions = {key: "" for key, *_ in values if partitioned.has_rows(key)}
    else:
        versions = partitioned.versions({key for key, *_ in values})
    found: list[ValueState] = []
    for key, published, data_version in values:
        if key not in versions and key not in partitioned.empty:
            found.append("gone")
        elif versions.get(key) == data_version or partitioned.holds(key, published):
            found.append("intact")
        else:
            found.append("changed")
    return found


def remove_partitions(connection: Any, schema: str, table: str, keys: Sequence[str]) -> None:
    """Remove the rows of partitions, and with the last one the table."""
    with transaction(connection, schema):
        partitioned = _Partitioned.of(connection, schema, table)
        if partitioned is not None:
            partitioned.delete(keys)
            partitioned.settle()


class _Partitioned:
    """The table of a partitioned asset, inside a transaction or to be read."""

    def __init__(self, connection: Any, schema: str, table: str, columns: dict[str, str], comment: str | None) -> None:
        """Take what the catalog says; no columns mean that there is no table."""
        self.connection = connection
        self.name = f"{quoted(schema)}.{quoted(table)}"
        self.columns = columns
        """Columns of the asset and their types, as in the catalog."""
        said = _EMPTY.search(comment or "")
        self.empty: set[str] = set(json.loads(said[1])) if said else set()
        self._said = comment
        self._comment = _EMPTY.sub("", comment or "")
        self._exists = bool(columns)
        self._filled: set[str] = set()
        """Some of the partitions that have rows."""
        self._given: tuple[Any, list[tuple[str, str]]] | None = None
        """The Arrow schema of the last object, and what its columns are in DuckDB."""

    @classmethod
    def of(cls, connection: Any, schema: str, table: str) -> _Partitioned | None:
        """Return the table with partitions that is there; None when there is none."""
        here = "where database_name = current_database() and schema_name = ? and table_name = ?"
        found = connection.execute(f"select comment from duckdb_tables() {here}", [schema, table]).fetchall()
        if not found:
            return None
        query = f"select column_name, data_type from duckdb_columns() {here} order by column_index"
        columns = dict(connection.execute(query, [schema, table]).fetchall())
        if columns.pop(_KEY, None) != "VARCHAR" or not columns:
            return None
        return cls(connection, schema, table, columns, found[0][0])

    def has_rows(self, key: str | None = None, condition: str = "true") -> bool:
        """Return whether there are rows, of one partition or of any, that meet a condition."""
        where = condition if key is None else f"{_is(key)} and {condition}"
        return bool(self.connection.execute(f"select 1 from {self.name} where {where} limit 1").fetchall())

    def holds(self, key: str, published: Path) -> bool:
        """Return whether the rows of a partition are those of the object, both seen through DuckDB."""
        import duckdb  # noqa: PLC0415

        if not published.exists():
            return False
        types = {name.lower(): kind for name, kind in self.columns.items()}
        with registered(self.connection, published):
            names = [name for name, _ in _described(self.connection)]
            if any(name.lower() not in types for name in names):
                return False
            own = {name.lower() for name in names}
            others = [f"{quoted(name)} is not null" for name in self.columns if name.lower() not in own]
            if others and self.has_rows(key, f"({' or '.join(others)})"):
                return False
            there = ", ".join(f"{quoted(name)} as {quoted(name)}" for name in names)
            here = ", ".join(f"cast({quoted(name)} as {types[name.lower()]}) as {quoted(name)}" for name in names)
            found = table_version(batches(self.connection, f"select {there} from {self.name} where {_is(key)}"))
            try:
                return found == table_version(batches(self.connection, f"select {here} from {VALUE}"))
            except duckdb.Error:  # a value that the type of the table does not hold
                return False

    def versions(self, keys: Collection[str]) -> dict[str, str]:
        """Return the data version of the rows of each of these partitions, as far as it has rows."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        names = ", ".join(map(quoted, self.columns))
        hashers: dict[str, TableHasher] = {}
        for batch in batches(self.connection, f"select {_KEY}, {names} from {self.name}"):
            runs = pc.run_end_encode(batch.column(0).cast(pa.string()), run_end_type=pa.int64())
            rows, start = batch.remove_column(0), 0
            for key, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
                if key in keys:
                    hasher = hashers.get(key) or hashers.setdefault(key, TableHasher(rows.schema))
                    hasher.update(rows.slice(start, end - start))
                start = end
        return {key: hasher.finish().version for key, hasher in hashers.items()}

    def delete(self, keys: Sequence[str]) -> None:
        """Take the rows of some partitions out; a table that is then without rows takes new columns and types."""
        self.empty -= set(keys)
        self._filled -= set(keys)
        if not self._exists:
            return
        which = ", ".join(map(_text, keys))
        self.connection.execute(f"delete from {self.name} where {_KEY} in ({which})").fetchall()
        if not self.empty and not self._filled and not self.has_rows():
            self.connection.execute(f"drop table {self.name}")
            self._exists, self.columns, self._said = False, {}, None

    def insert_together(self, group: Sequence[_Read]) -> bool:
        """Put the rows of several objects with one schema in by one statement; return False if that cannot be done."""
        import pyarrow as pa  # noqa: PLC0415

        if any(name.lower() == _KEY for name in group[0][2].column_names):
            return False
        parts = [rows.add_column(0, _KEY, [pa.repeat(pa.scalar(key), rows.num_rows)]) for key, _, rows in group]
        with registered_table(self.connection, pa.concat_tables(parts)):
            given = _described(self.connection)[1:]
            if self._exists:
                types = {name.lower(): kind for name, kind in self.columns.items()}
                if any(
                    kind not in {types.get(name.lower()), _NOTHING} or name.lower() not in types for name, kind in given
                ):
                    return False
                self.connection.execute(f"insert into {self.name} by name from {VALUE}").fetchall()
            else:
                self.connection.execute(f"create table {self.name} as from {VALUE}").fetchall()
                self._exists, self.columns = True, dict(given)
        for key, _, rows in group:
            (self._filled if rows.num_rows else self.empty).add(key)
        return True

    def insert(self, key: str, published: Path, asset_key: str) -> None:
        """Put the rows of an object in as those of a partition."""
        with registered(self.connection, published) as file:
            if self._given is None or not self._given[0].equals(file.schema_arrow):
                self._given = (file.schema_arrow, _described(self.connection))
            given = self._given[1]
            if any(name.lower() == _KEY for name, _ in given):
                problem = f"asset {asset_key!r} has a column {_KEY!r}, which its DuckDB table has for the partition"
                raise StoreError(Problem(problem, (), "Rename the column, or keep the asset as parquet."))
            if self._exists:
                for name, kind in given:
                    self._fit(name, kind, published, asset_key, key)
                self.connection.execute(
                    f"insert into {self.name} by name select {_text(key)} as {_KEY}, * from {VALUE}"
                ).fetchall()
            else:
                self.connection.execute(
                    f"create table {self.name} as select {_text(key)}::varchar as {_KEY}, * from {VALUE}"
                ).fetchall()
                self._exists, self.columns = True, dict(given)
            (self._filled if file.metadata.num_rows else self.empty).add(key)

    def settle(self) -> None:
        """Say which partitions have no rows."""
        lines = [self._comment] if self._comment else []
        if self.empty:
            lines.append(f"assetbuild: no rows in {json.dumps(sorted(self.empty), ensure_ascii=False)}")
        said = "\n".join(lines) or None
        if self._exists and said != self._said:
            self.connection.execute(f"comment on table {self.name} is {'null' if said is None else _text(said)}")
            self._said = said

    def _needed_by(self, column: str) -> str:
        """Return the partitions that have values in a column, the first few by name."""
        query = f"select distinct {_KEY} from {self.name} where {quoted(column)} is not null order by all"
        keys = [key for (key,) in self.connection.execute(query).fetchall()]
        more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
        return ", ".join(keys[:_NAMED]) + more

    def _fit(self, name: str, kind: str, published: Path, asset_key: str, key: str) -> None:
        """Make a column take values of this type."""
        known = next((known for known in self.columns if known.lower() == name.lower()), None)
        if known is None:
            self.connection.execute(f"alter table {self.name} add column {quoted(name)} {kind}")
            self.columns[name] = kind
            return
        old = self.columns[known]
        if kind in {old, _NOTHING}:
            return
        wider = _wider(self.connection, old, kind)
        using = f"{quoted(known)}::{wider}"
        if wider is None:
            if _is_null(published, name):
                return
            if self.has_rows(condition=f"{quoted(known)} is not null"):
                needed = self._needed_by(known)
                facts = (("column", name), ("in the table", old), (f"in {key!r}", kind), ("needed by", needed))
                both = f"'assetbuild clean {asset_key}', then 'assetbuild materialize {asset_key}'"
                advice = f"To give all partitions the new type: {both}."
                problem = f"partition {key!r} of {asset_key!r} has another type than the partitions in its DuckDB table"
                raise StoreError(Problem(problem, facts, advice))
            wider, using = kind, "null"
        if wider != old:
            self.connection.execute(
                f"alter table {self.name} alter column {quoted(known)} set data type {wider} using {using}"
            )
            self.columns[known] = wider


def _alike(values: Sequence[tuple[str, Path]]) -> Iterator[list[_Read]]:
    """Give the objects in order, small ones of one schema in groups; one that is large or alone is not read."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    group: list[_Read] = []
    cells = 0
    for key, published in values:
        with pa.OSFile(os.fspath(published)) as opened, pq.ParquetFile(opened) as file:
            size = file.metadata.num_rows * file.metadata.num_columns
            rows = file.read(use_threads=False) if len(values) > 1 and size < _TOGETHER_CELLS else None
        if group and (rows is None or cells + size > _TOGETHER_CELLS or not rows.schema.equals(group[0][2].schema)):
            yield group
            group, cells = [], 0
        if rows is None:
            yield [(key, published, None)]
        else:
            group.append((key, published, rows))
            cells += size
    if group:
        yield group


Known = dict[tuple[str, str], _Partitioned]


def _wider(connection: Any, one: str, other: str) -> str | None:
    """Return the type that holds the values of both types; None when there is none."""
    import duckdb  # noqa: PLC0415

    if _NOTHING in {one, other}:
        return other if one == _NOTHING else one
    # What is true, and moments with and without a zone, are not the same thing in another unit.
    if any((word in one) != (word in other) for word in ("BOOLEAN", "TIME ZONE")):
        return None
    try:
        with connection.cursor() as asking:  # of its own, since a question without an answer ends a transaction
            ((found,),) = asking.execute(f"select typeof(coalesce(null::{one}, null::{other}))").fetchall()
    except duckdb.Error:
        return None
    if decimal := _DECIMAL.search(found):
        if not _DECIMAL.fullmatch(found):
            return None
        room = [_digits(kind) for kind in (one, other)]
        whole, fraction = int(decimal[1]) - int(decimal[2]), int(decimal[2])
        holds = all(digits is not None and digits[0] <= whole and digits[1] <= fraction for digits in room)
        return found if holds else None
    if found == "FLOAT":
        return "DOUBLE"  # a whole number and a float: 24 bits hold too few of them
    return str(found)


def _digits(kind: str) -> tuple[int, int] | None:
    """Return how many digits before and after the point a type may need."""
    if decimal := _DECIMAL.fullmatch(kind):
        return int(decimal[1]) - int(decimal[2]), int(decimal[2])
    return (_INTEGER[kind], 0) if kind in _INTEGER else None


def _described(connection: Any) -> list[tuple[str, str]]:
    """Return names and types of the object's columns."""
    return [(name, kind) for name, kind, *_ in connection.execute(f"describe from {VALUE}").fetchall()]


def _is_null(published: Path, column: str) -> bool:
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(published) as file:
        values = file.read(columns=[column]).column(0)
    return bool(values.null_count == len(values))


def _is(key: str) -> str:
    return f"{_KEY} = {_text(key)}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
