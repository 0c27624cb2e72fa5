"""Small tables that this process wrote or read a moment ago, handed on in memory.

What is kept is the bytes of the object, and the table that reading gives for these very bytes: so a value that is
handed on is what it would be if it were read again, whatever the asset function that made it still does with its own.
Only whole Parquet objects up to 16 MB, at most 64 MB together, those that were used last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from assetbuild.store.io import IOManager
    from assetbuild.store.objects import Objects

__all__ = ["HandedOn"]

_MOST_BYTES: Final = 64 << 20
_LARGEST_BYTES: Final = 16 << 20
_READ_WHOLE_BYTES: Final = 1 << 20
"""Up to this size an object is read whole, also where few columns are wanted."""

_FROM_TABLE: Final = frozenset(
    {None, "value", "arrow.Table", "pandas.DataFrame", "polars.DataFrame", "duckdb.Relation"}
)


class HandedOn:
    """The tables of one process, by the name of their object."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """Begin with none."""
        self._most_bytes = most_bytes
        self._kept: dict[str, Any] = {}
        self._bytes = 0

    def wrote(self, name: str, data: Any) -> None:
        """Keep the bytes of an object that was just written; None says that they are not in memory."""
        if data is not None and name not in self._kept:
            self._keep(name, data)

    def table(self, name: str, manager: IOManager, objects: Objects, load: str | None) -> Any:
        """Return the table of an object, or None where it must be read from its file."""
        if load not in _FROM_TABLE:
            return None
        kept = self._kept.get(name)
        if kept is None:
            if not manager.holds_tables:
                return None
            kept = objects.read(name, _READ_WHOLE_BYTES)
            if kept is None:
                return None
        elif hasattr(kept, "schema"):
            self._kept[name] = self._kept.pop(name)  # the last to go
            return kept.slice(0)  # its own: ``to_pandas(self_destruct=True)`` empties the table that it is given
        table = manager.table_in(kept)
        if table is None:
            return None
        self._drop(name)
        self._keep(name, table)
        return table.slice(0)

    def _keep(self, name: str, value: Any) -> None:
        if value.nbytes > _LARGEST_BYTES:
            return
        self._kept[name] = value
        self._bytes += value.nbytes
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, name: str) -> None:
        value = self._kept.pop(name, None)
        if value is not None:
            self._bytes -= value.nbytes
