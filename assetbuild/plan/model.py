"""The plan: for each asset of a selection its status, what a build would do, and every cause.

status   fresh     the value materialized now is one that was traced for today's build key
         stale     something it depends on changed, or its stored value did
         missing   never built, or its stored value is gone
         pending   nothing of its own changed, but something upstream will run
action   run, restore (an earlier value is still in the store), check (decided when upstream is done), none
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Action", "Cause", "CauseKind", "Plan", "Status", "Step"]

Status = Literal["fresh", "stale", "missing", "pending"]
Action = Literal["run", "restore", "check", "none"]
CauseKind = Literal[
    "missing",
    "code",
    "config",
    "env",
    "data",
    "dependencies",
    "packages",
    "io_manager",
    "partitions",
    "output",
    "upstream",
    "forced",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason to rebuild: which component moved, and from what to what.

    ``subject`` is the symbol, config key, variable, upstream key or distribution. ``place`` is the
    ``file:line`` and ``diff`` the unified diff of changed code; both are empty for other kinds.
    """

    kind: CauseKind
    subject: str
    before: str | None = None
    after: str | None = None
    message: str = ""
    place: str = ""
    diff: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the five fields of the contract."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One (asset, partition) of a plan."""

    asset: str
    partition: str | None
    status: Status
    action: Action
    causes: tuple[Cause, ...] = ()
    problem: str = ""
    """Why it cannot be built now, such as a missing source file; empty when it can."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the contract."""
        return {
            "asset": self.asset,
            "partition": self.partition,
            "status": self.status,
            "action": self.action,
            "causes": [cause.as_json() for cause in self.causes],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a selection and everything upstream of it, in build order."""

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = field(default=())
    orphans: tuple[str, ...] = field(default=())
    """Assets that have a value but are no longer declared; their data is kept until ``gc``."""

    def __iter__(self) -> Iterator[Step]:  # noqa: D105
        return iter(self.steps)

    def __len__(self) -> int:  # noqa: D105
        return len(self.steps)

    @property
    def is_fresh(self) -> bool:
        """Return whether there is nothing to do."""
        return all(step.status == "fresh" for step in self.steps)

    def counts(self) -> dict[str, int]:
        """Return how many steps have each status, in the order fresh, stale, missing, pending."""
        counted = Counter(step.status for step in self.steps)
        return {status: counted[status] for status in ("fresh", "stale", "missing", "pending") if counted[status]}

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``status --json`` and ``materialize -n --json``."""
        return {"assets": [step.as_json() for step in self.steps]}

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415  # notebooks only

        rows = "".join(
            f"<tr><td>{escape(step.asset)}</td><td>{escape(step.partition or '')}</td><td>{step.status}</td>"
            f"<td>{step.action}</td><td>{escape('; '.join(cause.message for cause in step.causes))}</td></tr>"
            for step in self.steps
        )
        heads = "".join(f"<th>{name}</th>" for name in ("asset", "partition", "status", "action", "causes"))
        return f"<table><tr>{heads}</tr>{rows}</table>"
