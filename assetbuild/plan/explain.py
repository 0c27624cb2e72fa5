"""Explain one asset: its causes with diffs, the chain down to the root, and what was accepted by hand.

Nothing is decided here: the causes are those of the plan.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass, field, replace
from assetbuild.errors import Problem, UsageError
from assetbuild.plan.facts import Facts
from assetbuild.plan.model import AssetPlan, Cause, Step
from assetbuild.plan.planner import Planned
from assetbuild.record.pointers import Place

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.model import Widened

__all__ = ["AcceptNote", "ChainLink", "Explanation", "explain"]

_CONTEXT_LINES = 3
_ORDER = ("stale", "missing", "pending", "fresh")


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One asset on the way from the explained one to the root of the change, and its causes."""

    asset: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class AcceptNote:
    """Who adopted the current value by hand, when and why."""

    reason: str
    author: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known about one asset's staleness. ``chain`` begins with the asset itself."""

    asset: str
    partition: str | None
    step: Step
    chain: tuple[ChainLink, ...]
    accepted: AcceptNote | None
    widened: tuple[Widened, ...]
    built: tuple[str, float] | None
    failed: tuple[str, str] | None = None
    """Run and first line of the error, when the last attempt to build it failed."""
    partitions: Mapping[str, int] = field(default_factory=dict)
    """How many partitions have each status; empty without partitions."""

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``why --json``: the step as in ``status``, with place and diff for each cause."""
        return {
            **self.step.as_json(),
            **({"partitions": dict(self.partitions)} if self.partitions else {}),
            "causes": [
                {**cause.as_json(), "place": cause.place or None, "diff": cause.diff or None}
                for cause in self.step.causes
            ],
            "problem": self.step.problem or None,
            "chain": [
                {
                    "asset": link.asset,
                    "causes": [{**cause.as_json(), "place": cause.place or None} for cause in link.causes],
                }
                for link in self.chain
            ],
            "accepted": None
            if self.accepted is None
            else {"reason": self.accepted.reason, "author": self.accepted.author, "at": self.accepted.at},
            "widened": [
                {"subject": widened.subject, "reason": widened.reason, "file": widened.file, "line": widened.line}
                for widened in self.widened
            ],
            "failed": None if self.failed is None else {"run_id": self.failed[0], "error": self.failed[1]},
            "built": None if self.built is None else {"run_id": self.built[0], "at": self.built[1]},
        }


def explain(
    asset: str, partition: str | None, planned: Planned, facts: Facts, widened: tuple[Widened, ...]
) -> Explanation:
    """Explain an asset of a plan that was made over its closure.

    Of an asset with partitions one is explained: ``partition``, or the first that is not fresh.
    """
    part = next((part for part in planned.plan.assets if part.asset == asset), None)
    if part is None:
        definition = facts.graph.assets[asset].partitions
        known = (("partitions", definition.describe()),) if definition is not None else ()
        raise UsageError(Problem(f"asset {asset!r} has no partitions now", known, "Look at what tells which it has."))
    step = _representative(part, partition)
    place = (asset, step.partition)
    pointer = facts.pointers.get(place)
    step = replace(step, causes=tuple(_with_diff(cause, place, facts) for cause in step.causes))
    steps = {part.asset: _representative(part, None) for part in planned.plan.assets if part.asset != asset}
    note = facts.record.accepted(*place)
    accepted = None
    if note is not None and pointer is not None and note.data_version == pointer.data_version:
        accepted = AcceptNote(note.reason or "", note.author, note.created_at)
    return Explanation(
        asset,
        step.partition,
        step,
        _chain(asset, {**steps, asset: step}, facts),
        accepted,
        widened,
        None if pointer is None else (pointer.run_id, pointer.materialized_at),
        _last_failure(place, facts),
        {status: number for status, number in sorted(part.counts().items()) if number} if part.keys is not None else {},
    )


def _representative(part: AssetPlan, partition: str | None) -> Step:
    """Return the step of a partition; without one, the first that is not fresh, else the first."""
    if part.keys is None or part.is_open:
        return next(iter(part))
    keys = [partition] if partition is not None else None
    chosen = [step for step in part if keys is None or step.partition in keys]
    return min(chosen, key=lambda step: _ORDER.index(step.status))


def _chain(asset: str, steps: Mapping[str, Step], facts: Facts) -> tuple[ChainLink, ...]:
    """Follow the causes upstream to an asset whose cause is its own, or a source."""
    links: list[ChainLink] = []
    seen: set[str] = set()
    at: str | None = asset
    while at is not None and at not in seen:
        seen.add(at)
        causes = steps[at].causes or _last_causes(at, facts)
        links.append(ChainLink(at, causes))
        own = [cause for cause in causes if cause.kind not in {"upstream", "data"}]
        leads = [cause.subject for cause in causes if cause.kind in {"upstream", "data"} and cause.subject in steps]
        at = None if (own and at != asset) or not leads else leads[0]
    return tuple(links)


def _last_failure(place: Place, facts: Facts) -> tuple[str, str] | None:
    history = facts.record.materializations(asset=place[0], partition=place[1], limit=1)
    if not history or history[0].outcome != "failed":
        return None
    lines = [line for line in (history[0].error or "").split("\n") if line.strip()]
    # Of a traceback the last line says what happened, of a problem the first.
    return history[0].run_id, (lines[-1] if lines and lines[0].startswith("Traceback") else lines[0] if lines else "")


def _last_causes(asset: str, facts: Facts) -> tuple[Cause, ...]:
    """Return why an asset that is fresh now was built the last time: its new data made others stale."""
    history = facts.record.materializations(asset=asset, limit=1)
    return tuple(Cause(**cause) for cause in history[0].causes) if history else ()


def _with_diff(cause: Cause, place: Place, facts: Facts) -> Cause:
    if cause.kind != "code":
        return cause
    pointer = facts.pointers.get(place)
    before = facts.record.components(pointer.components_id).get("code", {}) if pointer is not None else {}
    recipe = facts.recipe(place[0])
    old_version = before.get(cause.subject, [None])[0]
    new = recipe.code.get(cause.subject)
    old_text = facts.record.text(old_version) if old_version is not None else None
    new_text = recipe.texts.get(new.version) if new is not None else None
    if old_text is None and new_text is None:
        return cause
    lines = difflib.unified_diff(
        (old_text or "").splitlines(), (new_text or "").splitlines(), "before", "now", n=_CONTEXT_LINES, lineterm=""
    )
    return replace(cause, diff="\n".join(lines))
