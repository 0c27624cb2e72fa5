from __future__ import annotations

import pytest

from assetbuild.cli.progress import BuildLines, summary_lines
from assetbuild.materialize.events import AssetFinished, AssetRetried, AssetStarted, RunPlanned, RunStarted, Waiting
from assetbuild.materialize.report import Outcome, Report
from assetbuild.plan.model import Cause, Plan, Step

NEVER = (Cause("missing", "x", message="never built"),)
PLAN = Plan.of(
    (
        Step("raw/flights", None, "fresh", "none"),
        Step("late_flights", None, "missing", "run", NEVER),
        Step("report", None, "pending", "check"),
        Step("model", None, "missing", "run", NEVER),
        Step("page", None, "missing", "run", NEVER),
    )
)
TRACEBACK = """\
Traceback (most recent call last):
  File "assets.py", line 3, in model
    1 / 0
ZeroDivisionError: division by zero"""
OUTCOMES = (
    Outcome("raw/flights", None, "fresh", data_version="1"),
    Outcome("late_flights", None, "built", NEVER * 3, "2", 0.81, rows=336_776, attempts=1),
    Outcome("report", None, "fresh", data_version="3"),
    Outcome("model", None, "failed", NEVER, None, 75.2, TRACEBACK, 2),
    Outcome("page", None, "skipped", NEVER, error="upstream 'model' failed"),
)


def finished(terminal, outcomes, plan=PLAN):
    lines = BuildLines(terminal)
    lines(RunStarted("run-1"))
    lines(RunPlanned(plan))
    for outcome in outcomes:
        lines(AssetFinished(outcome))
    lines.close()
    return terminal.stdout.getvalue().splitlines()


def test_each_asset_that_did_something_has_a_line(pipe, golden):
    golden("build", finished(pipe, OUTCOMES))


def test_lines_fit_a_terminal(narrow, golden):
    golden("build_narrow", finished(narrow, OUTCOMES))


def test_a_retry_and_a_wait_are_told(pipe):
    lines = BuildLines(pipe)
    lines(Waiting("pid 12"))
    lines(RunPlanned(PLAN))
    lines(AssetStarted("model", None))
    lines(AssetRetried("model", None, 1, TRACEBACK))
    assert pipe.stderr.getvalue() == "waiting for another build: pid 12\n"
    assert pipe.stdout.getvalue() == "  retry     model         attempt 1 failed: ZeroDivisionError: division by zero\n"


def test_thousands_of_skipped_assets_are_counted(pipe):
    skipped = [Outcome(f"a{number}", None, "skipped", error="upstream 'model' failed") for number in range(5000)]
    lines = finished(pipe, skipped)
    assert len(lines) == 11
    assert lines[-1].split() == ["skipped", "4,990", "more"]


def test_after_many_failures_only_their_last_lines_are_told(pipe):
    errors = [f"{TRACEBACK} {number}" for number in range(25)]
    lines = finished(pipe, [Outcome(f"a{n}", None, "failed", NEVER, error=error) for n, error in enumerate(errors)])
    assert sum("Traceback" in line for line in lines) == 20
    assert sum("ZeroDivisionError" in line for line in lines) == 25


def test_what_fails_as_the_one_before_is_told_by_the_last_line(pipe):
    outcomes = [Outcome(name, None, "failed", NEVER, error=TRACEBACK) for name in ("left", "right")]
    lines = finished(pipe, outcomes)
    assert sum("Traceback" in line for line in lines) == 1
    assert sum("ZeroDivisionError" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("report", "lines"),
    [
        (
            Report("run-1", "failed", OUTCOMES, 3.21),
            [
                "failed: model",
                "more: assetbuild logs run-1 model",
                "1 built, 2 fresh, 1 failed, 1 skipped in 3.2 s",
            ],
        ),
        (Report("run-1", "success", OUTCOMES[:1], 0.1), ["nothing to do: 1 asset is fresh"]),
        (Report("run-1", "success", OUTCOMES[:2], 75), ["1 built, 1 fresh in 1 min 15 s"]),
        (Report("run-1", "success", (), 0.1), ["nothing to do: there are no assets"]),
        (Report("run-1", "interrupted", OUTCOMES[4:], 2), ["interrupted: 1 skipped in 2.0 s"]),
    ],
)
def test_the_summary_adds_up(pipe, report, lines):
    assert summary_lines(pipe, report) == lines
    assert sum(report.counts().values()) == len(report.assets)
