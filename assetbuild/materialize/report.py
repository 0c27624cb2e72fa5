"""What a build did: one outcome per (asset, partition), in build order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from assetbuild.plan.model import Cause

__all__ = ["Outcome", "OutcomeName", "Report"]

OutcomeName = Literal["built", "restored", "fresh", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one (asset, partition).

    Causes are final: ``data``, never ``upstream``. ``error`` is text, set when failed or skipped.
    """

    asset: str
    partition: str | None
    outcome: OutcomeName
    causes: tuple[Cause, ...] = ()
    data_version: str | None = None
    seconds: float = 0.0
    error: str | None = None
    attempts: int = 0
    rows: int | None = None
    size_bytes: int | None = None
    location: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the contract."""
        return {
            "asset": self.asset,
            "partition": self.partition,
            "outcome": self.outcome,
            "causes": [cause.as_json() for cause in self.causes],
            "data_version": self.data_version,
            "seconds": round(self.seconds, 4),
            "error": self.error,
            "attempts": self.attempts,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one ``materialize``."""

    run_id: str | None
    status: Literal["success", "failed", "interrupted"]
    assets: tuple[Outcome, ...]
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many assets had each outcome."""
        counted = Counter(outcome.outcome for outcome in self.assets)
        names: tuple[OutcomeName, ...] = ("built", "restored", "fresh", "failed", "skipped")
        return {name: counted[name] for name in names if counted[name]}

    @property
    def exit_code(self) -> int:
        """Return 0 when all is done, 1 when something failed, 130 when interrupted."""
        return {"success": 0, "failed": 1, "interrupted": 130}[self.status]

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``materialize --json``."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "assets": [outcome.as_json() for outcome in self.assets],
        }
