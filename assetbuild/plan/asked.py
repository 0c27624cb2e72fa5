"""Which partitions a command is about: one, a range, the missing ones, the latest ones, or all."""

from __future__ import annotations

from collections.abc import Mapping

from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem, UsageError
from assetbuild.plan.facts import Facts
from assetbuild.plan.states import AssetState, places_in

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """``partition`` is a key or a range of keys; ``latest`` counts from the end of each key set."""

    partition: str | None = None
    missing_only: bool = False
    latest: int | None = None

    def mark(self, states: Mapping[str, AssetState], facts: Facts) -> None:
        """Mark what is asked for in the states of the selected assets.

        A key that only some of them have means those. Raises UsageError when none has it.
        """
        refused: list[Problem] = []
        is_found = False
        for key, state in states.items():
            if self.partition is None:
                state.asked[:] = b"\1" * state.size
                is_found = True
            elif state.is_open:
                state.asked[0] = 1
                is_found = True
            elif state.keys is not None:
                definition = facts.graph.assets[key].partitions
                assert definition is not None  # noqa: S101  # it has keys
                try:
                    for place in state.keys.parse(self.partition, definition):
                        state.asked[place] = 1
                except UsageError as error:
                    refused.extend(error.problems)
                else:
                    is_found = True
            self._narrow(state, facts)
            state.wanted[:] = state.asked
        if self.partition is not None and not is_found:
            raise UsageError(*(list(dict.fromkeys(refused)) or [self._without(states)]))

    def _narrow(self, state: AssetState, facts: Facts) -> None:
        if state.keys is None:
            if self.missing_only and (state.asset, None) in facts.pointers:
                state.asked[0] = 0
            return
        if self.latest is not None:
            for place in places_in(state.asked)[: -self.latest]:
                state.asked[place] = 0
        if self.missing_only:
            there = facts.pointers.keys(state.asset)
            for place in places_in(state.asked):
                if state.keys[place] in there:
                    state.asked[place] = 0

    def _without(self, states: Mapping[str, AssetState]) -> Problem:
        if len(states) == 1:
            headline = f"asset {next(iter(states))!r} has no partitions, and {self.partition!r} was asked for"
        else:
            headline = f"no asset of the selection has partitions, and {self.partition!r} was asked for"
        return Problem(headline, (), "Drop --partition, or select an asset with partitions.")
