"""The rows of the record: traces, pointers, values, runs.

A *trace* says: this build key once gave this data version. Traces are only added. A *pointer* says
what is materialized now at an asset's place. ``partition`` is None where there is none.
"""

from __future__ import annotations

from typing import Any

from assetbuild.dataclass import dataclass, field

__all__ = ["Components", "Materialization", "Pointer", "RunRow", "Standing", "Trace", "ValueInfo"]

Components = dict[str, Any]
"""The parts of a build key, for explaining: see ``fingerprint/recipe.py``."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One build key and the data version that it gave; ``object`` is None for an asset without a value."""

    asset: str
    partition: str | None
    build_key: str
    data_version: str
    object: str | None
    io_manager: str
    run_id: str
    created_at: float
    duration_s: float
    reason: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is materialized now: data version, object, place and stamp.

    ``traced`` is False when a source changed while the asset ran: the value is kept, but it is no proof of
    anything. ``components_id`` leads to the parts of the key under which it was built.
    """

    asset: str
    partition: str | None
    build_key: str
    data_version: str
    object: str | None
    io_manager: str
    location: str
    stamp: str | None
    components_id: str
    run_id: str
    materialized_at: float
    duration_s: float
    traced: bool = True


Standing = tuple[str, str, str, str | None, str, str, str | None]
"""Of a pointer: partition key, build key, data version, object, IO manager, location and stamp.

A tuple and no class: a plan reads one for each of a million partitions.
"""


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """What is known of a data version: its size, and the versions of its columns, or files for a source."""

    data_version: str
    parts: dict[str, str] = field(default_factory=dict)
    rows: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of ``materialize``, ``accept`` or another command that changed the state."""

    run_id: str
    command: str
    status: str
    started_at: float
    ended_at: float | None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs, or when it was killed."""
        return None if self.ended_at is None else self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class Materialization:
    """One entry of an asset's history, whatever its outcome."""

    run_id: str
    asset: str
    partition: str | None
    outcome: str
    at: float
    seconds: float
    data_version: str | None
    rows: int | None
    size_bytes: int | None
    causes: list[dict[str, Any]]
    error: str | None
    metadata: dict[str, Any]
    attempts: int
