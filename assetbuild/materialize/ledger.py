"""Write down what happened, in short transactions, after the values are published."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from assetbuild.errors import RecordError
from assetbuild.fingerprint.recipe import Recipe
from assetbuild.materialize.report import Outcome
from assetbuild.materialize.task import OutputResult
from assetbuild.plan.model import Decision
from assetbuild.record.faults import reach
from assetbuild.record.model import Materialization, Pointer, Trace, ValueInfo
from assetbuild.record.state import Record

__all__ = ["Built", "Ledger"]


class Built(NamedTuple):
    """A value that was built and published; untraced when an input changed meanwhile."""

    outcome: Outcome
    decision: Decision
    recipe: Recipe
    result: OutputResult
    traced: bool
    metadata: Mapping[str, Any]


class Ledger:
    """Records the outcomes of one run."""

    def __init__(self, record: Record, run_id: str) -> None:
        """Record under this run."""
        self.record = record
        self.run_id = run_id

    def prepare(self, recipes: Mapping[str, Recipe]) -> None:
        """Record what the build keys of assets have in common: together, which takes half as long as one by one."""
        with suppress(RecordError), self.record.transaction():  # whoever needs it tries again, and tells
            for asset, recipe in recipes.items():
                self.record.add_recipe(asset, recipe)

    def built(self, values: Sequence[Built]) -> list[Pointer]:
        """Record what was built, all of it or nothing; raises RecordError."""
        for value in values:
            reach("before-record", value.outcome.asset)
        with self.record.transaction():
            pointers = [self._built(value) for value in values]
        for value in values:
            reach("after-record", value.outcome.asset)
        return pointers

    def _built(self, value: Built) -> Pointer:
        outcome, decision, recipe, result, traced, metadata = value
        assert decision.build_key is not None  # noqa: S101  # all inputs were known when it ran
        assert outcome.data_version is not None  # noqa: S101
        now = time.time()
        components_id = self.record.add_components(outcome.asset, recipe, decision.inputs)
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
        return pointer

    def restored(
        self, outcome: Outcome, decision: Decision, recipe: Recipe, location: str, stamp: str | None
    ) -> Pointer:
        """Record a value that was published again from the store."""
        restored = decision.restore
        assert restored is not None  # noqa: S101  # the action was 'restore'
        assert decision.build_key is not None  # noqa: S101
        with self.record.transaction():
            components_id = self.record.add_components(outcome.asset, recipe, decision.inputs)
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
