"""Small tables that this process wrote or read a moment ago, handed on in memory.

What is kept is the bytes of the object, and the table that reading gives for these very bytes: so a value that is
handed on is what it would be if it were read again, whatever the asset function that made it still does with its own.
Only whole Parquet objects up to 16 MB, at most 64 MB together, those that were used last.
"""

from __future__ import annotations

import threading
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
    """The tables of one process, by the name of their object. Threads may share it."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """Begin with none."""
        self._most_bytes = most_bytes
        self._kept: dict[str, tuple[Any, int]] = {}
        self._bytes = 0
        self._guard = threading.Lock()

    def wrote(self, name: str, data: memoryview | None) -> None:
        """Keep the bytes of an object that was just written; None says that they are not in memory."""
        if data is not None:
            with self._guard:
                self._keep(name, data, data.nbytes)

    def table(self, name: str, manager: IOManager, objects: Objects, load: str | None) -> Any:
        """Return the table of an object, or None where it must be read from its file."""
        if load not in _FROM_TABLE:
            return None
        with self._guard:
            kept, size_bytes = self._kept.pop(name, (None, 0))
            if kept is not None:
                self._kept[name] = kept, size_bytes  # behind the others, so the last to go
        if kept is None and manager.holds_tables:
            kept = objects.read(name, _READ_WHOLE_BYTES)
        if kept is None:
            return None
        if isinstance(kept, memoryview):
            kept = manager.table_in(kept)
            if kept is None:
                return None
            with self._guard:
                self._keep(name, kept, kept.nbytes)
        return kept.slice(0)  # its own: ``to_pandas(self_destruct=True)`` empties the table that it is given

    def _keep(self, name: str, value: Any, size_bytes: int) -> None:
        self._bytes -= self._kept.pop(name, (None, 0))[1]
        if size_bytes > _LARGEST_BYTES:
            return
        self._kept[name] = value, size_bytes
        self._bytes += size_bytes
        while self._bytes > self._most_bytes:
            self._bytes -= self._kept.pop(next(iter(self._kept)))[1]
