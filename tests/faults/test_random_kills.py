"""Builds killed at random moments, again and again: nothing finished is lost, nothing half-written is ever seen."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.faults.shop import GRAPH, check_whole, expected, published, set_seed

BUDGET_S = float(os.environ.get("ASSETBUILD_TESTS_KILLS_S", "18"))
"""How long each of the two loops goes on; hours find more."""

TABLES = sum(kind == "duckdb" for kind, _ in GRAPH.values())


@pytest.mark.parametrize("jobs", [0, 2])
def test_random_kills_lose_nothing_that_was_finished(shop, launcher, jobs):
    chance = random.Random(f"kills {jobs}")
    launcher.run(shop, "materialize", "-j", str(jobs))
    end = time.monotonic() + BUDGET_S
    whole_s, seed, killed = 0.3, 1, 0
    while time.monotonic() < end:
        seed += 1
        set_seed(shop, seed)
        log_before, killed_before = len(shop.log()), killed
        for _ in range(chance.randint(4, 12)):
            build = launcher.start(shop, "materialize", "-j", str(jobs))
            time.sleep(chance.uniform(0, whole_s * 1.1))  # the one place where a random moment is the point
            build.send(signal.SIGKILL, workers=chance.random() < 0.5)
            killed += build.finish().exit_code == -signal.SIGKILL
            for name, value in published(shop, tables=chance.random() < 0.2).items():
                assert value in {expected(earlier)[name] for earlier in range(1, seed + 1)}
        began = time.monotonic()
        launcher.run(shop, "materialize", "-j", str(jobs))
        whole_s = 0.7 * whole_s + 0.3 * (time.monotonic() - began)
        check_whole(launcher, shop, seed)
        repeated = len(shop.log()) - log_before - len(GRAPH)
        assert repeated <= (killed - killed_before) * (max(jobs, 1) + TABLES)
