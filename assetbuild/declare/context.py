"""``Context``: what an asset function can ask and say while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from assetbuild.declare.metadata import as_json

__all__ = ["Context"]


class Context:
    """The running materialization, for a parameter annotated ``Context``.

    ``asset_key``, ``run_id``, ``attempt`` (from 1) and ``partition_key`` say what runs; ``log`` is a logger
    whose lines are kept with the run; ``add_metadata`` records values with this materialization.
    """

    def __init__(
        self,
        *,
        asset_key: str,
        run_id: str,
        partition_key: str | None = None,
        attempt: int = 1,
        on_progress: Callable[[float, float | None], None] | None = None,
    ) -> None:
        """Make a context by hand, as a unit test of an asset function does."""
        self.asset_key = asset_key
        self.run_id = run_id
        self.partition_key = partition_key
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
