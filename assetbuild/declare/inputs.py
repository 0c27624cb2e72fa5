"""``Input``: what a parameter's annotation says about a dependency beyond its type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["Input"]


class Input:
    """Details of a dependency, written ``Annotated[T, Input("raw/flights", columns=["carrier"])]``.

    ``key`` names the upstream asset when the parameter's own name does not.
    With ``columns``, only those columns are loaded, and only they make the asset stale.
    ``partitions`` says which keys of a partitioned upstream are read: ``"same"``, ``"all"``, ``"last"``, ``Offset``,
    a list of keys, ``Keys``, a function from a key to keys, or for ``Multi`` a dict of these by dimension.
    ``key_column`` adds the partition key as a column of this name when many partitions are loaded as one table.
    """

    __slots__ = ("columns", "key", "key_column", "partitions")

    def __init__(
        self,
        key: str | Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        partitions: Any = None,
        key_column: str | None = None,
    ) -> None:
        """Take what is said; the graph stage checks it."""
        self.key = key
        self.columns = tuple(columns) if columns is not None and not isinstance(columns, str) else columns
        self.partitions = partitions
        self.key_column = key_column

    def __repr__(self) -> str:
        """Show the call that makes an equal object."""
        said = [repr(self.key)] if self.key is not None else []
        said += [
            f"{name}={value!r}"
            for name in ("columns", "partitions", "key_column")
            if (value := getattr(self, name)) is not None
        ]
        return f"Input({', '.join(said)})"
