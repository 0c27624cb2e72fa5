"""The plan: for each asset of a selection and each of its partitions, the status, what a build would do, and why.

status   fresh     the value materialized now is one that was traced for today's build key
         stale     something it depends on changed, or its stored value did
         missing   never built, or its stored value is gone
         pending   nothing of its own changed, but something upstream will run
action   run, restore (an earlier value is still in the store), check (decided when upstream is done), none
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Final, Literal

from assetbuild.dataclass import dataclass, field

if TYPE_CHECKING:
    from assetbuild.fingerprint.recipe import InputVersion
    from assetbuild.record.model import Pointer, Trace

__all__ = ["FRESH", "Action", "AssetPlan", "Cause", "CauseKind", "Decision", "Plan", "Status", "Step"]

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
class Decision:
    """The verdict on one (asset, partition), with what a build needs to carry it out.

    ``build_key`` and ``inputs`` are set when all inputs are known. ``data_version`` is the version that
    the asset has, or will have after ``restore``. One decision may stand for many partitions, as long as it says
    nothing that differs between them.
    """

    status: Status
    action: Action
    causes: tuple[Cause, ...] = ()
    build_key: str | None = None
    inputs: tuple[InputVersion, ...] = ()
    data_version: str | None = None
    restore: Trace | Pointer | None = None
    problem: str = ""

    @property
    def version(self) -> str | None:
        """The data version that downstream may count on now; None when it is decided by a run."""
        return self.data_version if self.action in {"none", "restore"} else None


FRESH: Final = Decision("fresh", "none")
"""Nothing to do. Most verdicts are this one, whose data version stands beside it."""


@dataclass(frozen=True, slots=True)
class AssetPlan:
    """The part of a plan that is about one asset.

    ``keys`` are all its partition keys, or None; ``listed`` the places in them that the plan is about (0 without
    partitions), ascending; ``decisions`` has those that are not fresh. ``versions`` gives the data version of a place.
    """

    asset: str
    keys: Sequence[str] | None
    listed: Sequence[int]
    decisions: Mapping[int, Decision]
    version: Callable[[int], str | None]
    is_open: bool = False
    """Which partitions there are is told by something upstream that has yet to run; it has one step for all of them."""

    def __iter__(self) -> Iterator[Step]:
        """Return the steps, in the order of the keys."""
        for place in self.listed:
            decision = self.decisions.get(place, FRESH)
            key = None if self.keys is None or self.is_open else self.keys[place]
            yield Step(self.asset, key, decision.status, decision.action, decision.causes, decision.problem)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.listed)

    def counts(self) -> Counter[str]:
        """Return how many steps have each status."""
        counted: Counter[str] = Counter(decision.status for decision in self.decisions.values())
        counted["fresh"] += len(self.listed) - len(self.decisions)
        return counted


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a selection and everything upstream of it, in build order."""

    assets: tuple[AssetPlan, ...]
    warnings: tuple[str, ...] = field(default=())
    orphans: tuple[str, ...] = field(default=())
    """Assets that have a value but are no longer declared; their data is kept until ``gc``."""
    widened: tuple[str, ...] = field(default=())
    """Assets that are not fresh, and whose code cannot be followed exactly: more counts than they use."""

    @classmethod
    def of(cls, steps: Iterable[Step], warnings: tuple[str, ...] = (), orphans: tuple[str, ...] = ()) -> Plan:
        """Make a plan from its steps; those of one asset stand together."""
        parts = []
        for asset, group in groupby(steps, key=lambda step: step.asset):
            listed = list(group)
            keys = None if listed[0].partition is None else [step.partition or "" for step in listed]
            decisions = {
                place: Decision(step.status, step.action, step.causes, problem=step.problem)
                for place, step in enumerate(listed)
                if step.status != "fresh" or step.action != "none"
            }
            parts.append(AssetPlan(asset, keys, range(len(listed)), decisions, lambda _place: None))
        return cls(tuple(parts), warnings, orphans)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step."""
        return tuple(self)

    def __iter__(self) -> Iterator[Step]:  # noqa: D105
        return chain.from_iterable(self.assets)

    def __len__(self) -> int:  # noqa: D105
        return sum(map(len, self.assets))

    @property
    def is_fresh(self) -> bool:
        """Return whether there is nothing to do."""
        return not any(part.decisions for part in self.assets)

    def counts(self) -> dict[str, int]:
        """Return how many steps have each status, in the order fresh, stale, missing, pending."""
        counted: Counter[str] = Counter()
        for part in self.assets:
            counted += part.counts()
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
