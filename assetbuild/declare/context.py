"""``Context``: what an asset function can ask and say while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assetbuild.declare.metadata import as_json

if TYPE_CHECKING:
    from assetbuild.declare.partitions import Window  # assets without partitions do not pay for it

__all__ = ["Context"]


class Context:
    """The running materialization, for a parameter annotated ``Context``.

    ``asset_key``, ``run_id`` and ``attempt`` (from 1) say what runs; ``log`` is a logger
    whose lines are kept with the run; ``add_metadata`` records values with this materialization.
    ``partition_keys`` are the keys that this call builds; ``partition_key`` is the one key when it is one, else None;
    ``partition_window`` goes from the start of the first to the end of the last, for partitions by time.
    """

    def __init__(  # noqa: PLR0913  # all by keyword, and made by hand in tests alone
        self,
        *,
        asset_key: str,
        run_id: str,
        partition_key: str | None = None,
        partition_keys: Sequence[str] = (),
        partition_window: Window | tuple[datetime, datetime] | None = None,
        attempt: int = 1,
        on_progress: Callable[[float, float | None], None] | None = None,
    ) -> None:
        """Make a context by hand, as a unit test of an asset function does."""
        self.asset_key = asset_key
        self.run_id = run_id
        keys = tuple(partition_keys) or (() if partition_key is None else (partition_key,))
        self.partition_keys: tuple[str, ...] = keys
        self.partition_key: str | None = keys[0] if len(keys) == 1 else None
        self.partition_window: Window | None = None if partition_window is None else _window(*partition_window)
        self.attempt = attempt
        self.log = logging.getLogger(f"assetbuild.asset.{asset_key}")
        self.metadata: dict[str, dict[str, Any]] = {}
        self._on_progress = on_progress

    def add_metadata(self, metadata: Mapping[str, Any], *, key: str | None = None) -> None:
        """Record values with this materialization; ``key`` names the output in a ``multi_asset``.

        Raises TypeError when a value is not a number, text, list, dict, ``Markdown``, ``Url`` or ``Table``.
        """
        recorded = self.metadata.setdefault(key or self.asset_key, {})
        recorded.update({str(name): as_json(value) for name, value in metadata.items()})

    def progress(self, done: float, total: float | None = None) -> None:
        """Say how far the work is, in any unit; shown while the asset runs."""
        if self._on_progress is not None:
            self._on_progress(done, total)


def _window(start: datetime, end: datetime) -> Window:
    from assetbuild.declare.partitions import Window  # noqa: PLC0415  # as above

    return Window(start, end)
