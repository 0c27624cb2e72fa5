"""Write down what happened: one short transaction per finished asset, after its value is published."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from assetbuild.fingerprint.recipe import Recipe
from assetbuild.materialize.report import Outcome
from assetbuild.materialize.task import OutputResult
from assetbuild.plan.model import Decision
from assetbuild.record.faults import reach
from assetbuild.record.model import Materialization, Pointer, Trace, ValueInfo
from assetbuild.record.state import Record

__all__ = ["Ledger"]


class Ledger:
    """Records the outcomes of one run."""

    def __init__(self, record: Record, run_id: str) -> None:
        """Record under this run."""
        self.record = record
        self.run_id = run_id

    def built(
        self,
        outcome: Outcome,
        decision: Decision,
        recipe: Recipe,
        result: OutputResult,
        *,
        traced: bool,
        metadata: Mapping[str, Any],
    ) -> Pointer:
        """Record a value that was built and published; untraced when an input changed meanwhile."""
        assert decision.build_key is not None  # noqa: S101  # all inputs were known when it ran
        assert outcome.data_version is not None  # noqa: S101
        now = time.time()
        reach("before-record", outcome.asset)
        with self.record.transaction():
            components_id = self.record.add_components(decision.components)
            self.record.add_texts(recipe.texts)
            for given in decision.inputs:
                if given.parts and self.record.value(given.version) is None:
                    self.record.add_value(ValueInfo(given.version, dict(given.parts)))
            self.record.add_value(ValueInfo(outcome.data_version, dict(result.columns), result.rows, result.size_bytes))
            if traced:
                trace = Trace(
                    outcome.asset,
                    outcome.partition,
                    decision.build_key,
                    outcome.data_version,
                    result.object,
                    result.io_manager,
                    self.run_id,
                    now,
                    outcome.seconds,
                )
                self.record.add_trace(trace, components_id)
            pointer = Pointer(
                outcome.asset,
                outcome.partition,
                decision.build_key,
                outcome.data_version,
                result.object,
                result.io_manager,
                result.location or "",
                result.stamp,
                components_id,
                self.run_id,
                now,
                outcome.seconds,
                traced,
            )
            self.record.set_pointer(pointer)
            self._history(outcome, metadata)
            reach("in-record", outcome.asset)
        reach("after-record", outcome.asset)
        return pointer

    def restored(self, outcome: Outcome, decision: Decision, location: str, stamp: str | None) -> Pointer:
        """Record a value that was published again from the store."""
        restored = decision.restore
        assert restored is not None  # noqa: S101  # the action was 'restore'
        assert decision.build_key is not None  # noqa: S101
        with self.record.transaction():
            components_id = self.record.add_components(decision.components)
            pointer = Pointer(
                outcome.asset,
                outcome.partition,
                decision.build_key,
                restored.data_version,
                restored.object,
                restored.io_manager,
                location,
                stamp,
                components_id,
                self.run_id,
                time.time(),
                restored.duration_s,
            )
            self.record.set_pointer(pointer)
            self._history(outcome, {})
        return pointer

    def ended(self, outcome: Outcome) -> None:
        """Record a failure."""
        with self.record.transaction():
            self._history(outcome, {})

    def _history(self, outcome: Outcome, metadata: Mapping[str, Any]) -> None:
        self.record.add_materialization(
            Materialization(
                self.run_id,
                outcome.asset,
                outcome.partition,
                outcome.outcome,
                time.time(),
                outcome.seconds,
                outcome.data_version,
                outcome.rows,
                outcome.size_bytes,
                [cause.as_json() for cause in outcome.causes],
                outcome.error,
                dict(metadata),
                outcome.attempts,
            )
        )
