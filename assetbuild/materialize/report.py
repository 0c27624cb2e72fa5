"""What a build did: one outcome per (asset, partition), in build order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, overload

from assetbuild.dataclass import dataclass
from assetbuild.plan.model import AssetPlan, Cause, Plan
from assetbuild.record.pointers import Place

__all__ = ["Outcome", "OutcomeName", "Outcomes", "Report"]

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


class Outcomes(Sequence[Outcome]):
    """The outcome of everything that was planned, in its order. What was fresh is not kept, and made when asked for."""

    def __init__(self, plan: Plan, known: Mapping[Place, Outcome]) -> None:
        """Take the plan, and the outcomes of what was not fresh."""
        self._plan = plan
        self.known = known

    def __len__(self) -> int:
        """Return the number of outcomes."""
        return len(self._plan)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Outcome]: ...
    def __getitem__(self, index: int | slice) -> Outcome | Sequence[Outcome]:
        """Return one outcome, or some."""
        return tuple(self)[index]

    def __iter__(self) -> Iterator[Outcome]:
        """Return every outcome."""
        for part in self._plan.assets:
            for place in part.listed:
                yield self._at(part, place)

    @property
    def asset_count(self) -> int:
        """How many assets these are the outcomes of, however many partitions they have."""
        return len(self._plan.assets)

    def counts(self) -> Counter[str]:
        """Return how many assets had each outcome."""
        counted: Counter[str] = Counter()
        # A plan that was made anew on the way has what ran before as fresh: what is known goes first.
        known = {asset for asset, _ in self.known}
        for part in self._plan.assets:
            if part.asset not in known:
                if part.keys is None and not part.decisions:
                    counted["fresh"] += 1
                    continue
                counted["fresh"] += len(part.listed) - len(part.decisions)
                counted.update(self._at(part, place).outcome for place in part.decisions)
            else:
                counted.update(self._at(part, place).outcome for place in part.listed)
        return counted

    def _at(self, part: AssetPlan, place: int) -> Outcome:
        key = None if part.keys is None or part.is_open else part.keys[place]
        if (found := self.known.get((part.asset, key))) is not None:
            return found
        if place in part.decisions:
            return Outcome(part.asset, key, "skipped", (), error="something upstream of it was not built")
        return Outcome(part.asset, key, "fresh", (), part.version(place))


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one ``materialize``."""

    run_id: str | None
    status: Literal["success", "failed", "interrupted"]
    assets: Sequence[Outcome]
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def acted(self) -> Iterable[Outcome]:
        """The outcomes of what was not fresh from the start."""
        return self.assets.known.values() if isinstance(self.assets, Outcomes) else self.assets

    def counts(self) -> dict[str, int]:
        """Return how many assets had each outcome."""
        outcomes = self.assets
        counted = outcomes.counts() if isinstance(outcomes, Outcomes) else Counter(each.outcome for each in outcomes)
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
