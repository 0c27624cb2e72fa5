from __future__ import annotations

from assetbuild.cli.plans import cause_text, plan_lines, prediction_lines
from assetbuild.plan.model import Cause, Plan, Step

CONFIG = Cause("config", "minutes", "15", "30", "config minutes: 15 -> 30")
CODE = Cause("code", "clean", "a", "b", "code of clean changed", "helpers.py:14")
STALE = Step("late_flights", None, "stale", "run", (CONFIG,))
PENDING = Step("report", None, "pending", "check", (Cause("upstream", "late_flights", message="after late_flights"),))
GONE = Step("daily", "2024-01-05", "missing", "restore", (Cause("output", "daily", message="output daily is gone"),))
FRESH = tuple(Step(f"raw/{number}", None, "fresh", "none") for number in range(40))
MIXED = Plan.of((*FRESH[:2], STALE, GONE, PENDING))


def test_a_few_fresh_assets_are_listed_with_the_rest(pipe, golden):
    golden("status", plan_lines(pipe, MIXED))


def test_a_terminal_shows_colours_and_cuts_at_its_width(narrow, golden):
    many = Step("wide", None, "stale", "run", (CODE, Cause("config", "key", "x", "y", "config key: " + "long " * 20)))
    golden("status_narrow", plan_lines(narrow, Plan.of((*MIXED.steps, many))))


def test_many_fresh_assets_are_counted(pipe, golden):
    golden("status_many", plan_lines(pipe, Plan.of((*FRESH, STALE, PENDING))))


def test_all_shows_every_asset(pipe):
    lines = plan_lines(pipe, Plan.of((*FRESH, STALE)), everything=True)
    assert (len(lines), lines[-1]) == (42, "1 stale, 40 fresh")


def test_all_fresh_is_one_line(pipe):
    assert plan_lines(pipe, Plan.of(FRESH)) == ["nothing to do: 40 assets are fresh"]
    assert plan_lines(pipe, Plan.of(FRESH[:1])) == ["nothing to do: 1 asset is fresh"]
    assert plan_lines(pipe, Plan.of(())) == ["nothing to do: there are no assets"]


def test_more_than_three_causes_are_left_to_why(pipe, golden):
    causes = tuple(Cause("code", name, message=f"code of {name} changed") for name in "abcde")
    golden("status_causes", plan_lines(pipe, Plan.of((Step("model", None, "stale", "run", causes),))))


def test_what_stands_in_the_way_is_said_once(pipe):
    problem = "source 'x' is missing: data/x.csv"
    step = Step("a", None, "missing", "run", (Cause("missing", "a", message="never built"),), problem)
    assert plan_lines(pipe, Plan.of((step,)))[:2] == ["  missing  a  never built", "              " + problem]
    told = Step("a", None, "stale", "run", (Cause("data", "x", message=problem),), problem)
    assert sum(problem in line for line in plan_lines(pipe, Plan.of((told,)))) == 1


def test_orphans_are_named(pipe):
    assert plan_lines(pipe, Plan.of((STALE,), orphans=("old",)))[-1] == (
        "no longer declared, and kept until 'assetbuild gc': old"
    )


def test_code_that_cannot_be_followed_is_named(pipe):
    (part,) = Plan.of((STALE,)).assets
    assert plan_lines(pipe, Plan((part,), widened=("model",)))[-1] == (
        "code that cannot be followed exactly, see 'assetbuild doctor': model"
    )


def test_a_dry_run_says_what_would_happen(golden):
    golden("dry_run", prediction_lines(MIXED))
    steps = tuple(Step(f"a{number}", None, "missing", "run") for number in range(12))
    assert prediction_lines(Plan.of(steps)) == ["would run 12 assets: a0, a1, a2, a3, a4, a5, a6, a7 and 4 more"]


def test_a_cause_is_one_line():
    assert cause_text(Cause("config", "text", "a\nb", "c", "config text: a\nb -> c")) == "config text: a\\nb -> c"
    assert cause_text(Cause("env", "MODE", "x", "y")) == "env MODE: x -> y"
    assert cause_text(Cause("missing", "a")) == "missing a"
