"""The order in which jobs come, also past those whose pool is full or whose memory is taken."""

from __future__ import annotations

import pytest

from assetbuild.materialize.jobs import Job, Need, ReadyQueue
from assetbuild.plan.states import AssetState

PLAIN: Need = (None, 0)
API: Need = ("api", 0)
BIG: Need = (None, 8_000_000_000)


@pytest.fixture
def job():
    """Make jobs, in the order of the graph."""
    made: list[Job] = []

    def make(name: str, need: Need = PLAIN, *, urgency: float = 0.0, priority: float = 0.0) -> Job:
        state = AssetState(name, None)
        made.append(Job((name,), (0,), state, len(made), need, priority=priority, urgency=urgency))
        return made[-1]

    return make


def names(queue: ReadyQueue, passed: frozenset[Need] = frozenset()) -> list[str]:
    found = []
    while (popped := queue.pop(passed)) is not None:
        found.append(popped.group[0])
    return found


def test_priority_comes_first_then_the_longest_way_then_the_graph(job):
    queue = ReadyQueue([job("a"), job("b", API), job("long", BIG, urgency=9), job("first", priority=1)])
    assert names(queue) == ["first", "long", "a", "b"]
    assert not queue


def test_all_of_one_need_are_passed_over_at_once(job):
    queue = ReadyQueue([job(f"api{n}", API, urgency=5) for n in range(3)] + [job("big", BIG), job("a")])
    assert names(queue, frozenset({API})) == ["big", "a"]
    assert names(queue) == ["api0", "api1", "api2"]


def test_what_is_put_back_keeps_its_turn(job):
    queue = ReadyQueue([job("a", urgency=2), job("b", urgency=1)])
    first = queue.pop()
    assert first is not None
    queue.put(first)
    assert names(queue) == ["a", "b"]
