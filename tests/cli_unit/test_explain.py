"""``why`` and ``show``."""

from __future__ import annotations

import time

import pytest

from assetbuild.cli.details import details_lines
from assetbuild.cli.why import explanation_lines
from assetbuild.fingerprint.code.model import Widened
from assetbuild.plan.details import AssetDetails, CurrentValue
from assetbuild.plan.explain import AcceptNote, ChainLink, Explanation
from assetbuild.plan.model import Cause, Step
from assetbuild.record.model import Materialization

DIFF = "--- before\n+++ now\n@@ -1,2 +1,2 @@\n def clean(x):\n-    return x\n+    return x.strip()\n"
CODE = Cause("code", "clean", "def clean", "def clean", "code of clean changed", "shop/helpers.py:14", DIFF)
DATA = Cause("data", "flights", "a" * 32, "b" * 32, "data of flights changed: carrier; new tail")
CONFIG = Cause("config", "minutes", "15", "30", "config minutes: 15 -> 30")
AT = 1_700_000_000.0


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: AT + 7_300)
    yield
    monkeypatch.undo()
    time.tzset()


def explanation(status, action, causes, *chain, **more):
    step = Step("late_flights", None, status, action, tuple(causes), more.pop("problem", ""))
    given = {"accepted": None, "widened": (), "built": ("run-1", AT), **more}
    return Explanation("late_flights", None, step, chain, **given)


def test_every_cause_is_told_with_before_and_after(pipe, narrow, golden):
    told = explanation("stale", "run", [CODE, DATA, CONFIG], ChainLink("late_flights", (CODE, DATA, CONFIG)))
    golden("why", explanation_lines(pipe, told))
    golden("why_narrow", explanation_lines(narrow, told))


def test_the_chain_leads_to_the_root(pipe, golden):
    after = Cause("upstream", "clean_flights", message="after clean_flights")
    chain = (ChainLink("late_flights", (after,)), ChainLink("clean_flights", (CODE,)))
    golden("why_pending", explanation_lines(pipe, explanation("pending", "check", [after], *chain)))


def test_a_fresh_asset_tells_what_its_value_rests_on(pipe, golden):
    note = AcceptNote("a rename", "ann", AT)
    widened = Widened("late_flights", "getattr with a computed name", "shop/assets.py", 9)
    told = explanation("fresh", "none", [], ChainLink("late_flights", (CONFIG,)), accepted=note, widened=(widened,))
    golden("why_fresh", explanation_lines(pipe, told))


def test_what_stands_in_the_way_is_told(pipe):
    never = Cause("missing", "late_flights", message="never built")
    told = explanation("missing", "run", [never], problem="data/flights.csv is missing", built=None)
    assert explanation_lines(pipe, told) == [
        "late_flights is missing: it would run",
        "",
        "  never built",
        "",
        "  data/flights.csv is missing",
    ]


def test_show_tells_everything(pipe, golden):
    metadata = {
        "rows": 12_345,
        "note": {"markdown": "# Late\n\nReally."},
        "page": {"url": "https://example.com"},
        "worst": {"table": [{"carrier": "UA", "minutes": 1234}, {"carrier": "B6", "minutes": 9.5}]},
        "nested": {"url": "x", "more": [1]},
    }
    built = Materialization(
        "run-1",
        "late_flights",
        None,
        "built",
        AT,
        0.8,
        "v",
        336_776,
        4_200_000,
        [{"message": "never built"}],
        None,
        {},
        1,
    )
    failed = Materialization(
        "run-2", "late_flights", None, "failed", AT + 60, 75.0, None, None, None, [], "Traceback\nValueError: no", {}, 2
    )
    details = AssetDetails(
        "late_flights",
        "asset",
        "Late ones.\n\n    With more to say.\n    ",
        "delays",
        {"tier": "gold", "flag": ""},
        ["ann"],
        {"sla": "daily"},
        "assets.py",
        12,
        ["flights"],
        ["report"],
        None,
        config={"minutes": "15", "token": None},
        env=["MODE"],
        packages={"polars": "1.2"},
        code={"clean": "helpers.py:14"},
        step=Step("late_flights", None, "stale", "run", (CONFIG,)),
        current=CurrentValue(
            "v" * 32,
            "warehouse/late_flights.parquet",
            "parquet",
            336_776,
            4_200_000,
            {"a": "", "b": ""},
            AT,
            "run-1",
            metadata,
        ),
        history=[failed, built],
    )
    golden("show", details_lines(pipe, details))


def test_show_of_a_source(pipe, golden):
    details = AssetDetails(
        "flights", "source", None, None, {}, [], {}, "assets.py", 3, [], ["late_flights"], None, "data/flights.csv",
        problem="data/flights.csv is missing",
    )  # fmt: skip
    golden("show_source", details_lines(pipe, details))
