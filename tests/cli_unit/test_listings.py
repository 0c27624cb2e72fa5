"""``runs``, ``logs``, ``gc`` and ``doctor``."""

from __future__ import annotations

import time

import pytest

from assetbuild.cli.diagnosis import finding_lines
from assetbuild.cli.history import print_logs, run_lines
from assetbuild.cli.upkeep import gc_lines
from assetbuild.materialize.upkeep import GcItem, GcReport
from assetbuild.plan.doctor import Finding
from assetbuild.project.history import AssetLog
from assetbuild.record.model import RunRow


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_runs_are_aligned(pipe, golden):
    runs = [
        RunRow("run-2", "assetbuild materialize -k", "failed", 1_700_000_100, 1_700_000_400, {"built": 1, "failed": 1}),
        RunRow("run-1", "assetbuild materialize", "success", 1_700_000_000, 1_700_000_001.5, {"built": 5000}),
        RunRow("run-0", "assetbuild materialize", "running", 1_600_000_000, None, {}),
    ]
    golden("runs", run_lines(pipe, runs))
    assert run_lines(pipe, []) == ["no run yet"]


def test_logs_stand_under_the_names_of_their_assets(pipe):
    logs = [
        AssetLog("a", None, "built", None, "reading\n"),
        AssetLog("b", "2024", "failed", "ValueError: no", "before the end"),
        AssetLog("quiet", None, "built", None, ""),
        AssetLog("c", None, "skipped", "upstream 'b' failed", ""),
    ]
    print_logs(pipe, logs, is_one=False)
    assert pipe.stdout.getvalue() == (
        "a  built\nreading\n\nb[2024]  failed\nbefore the end\nValueError: no\n\nc  skipped\nupstream 'b' failed\n"
    )


def test_one_log_is_the_text_alone(pipe):
    print_logs(pipe, [AssetLog("a", None, "built", None, "reading\n")], is_one=True)
    print_logs(pipe, [AssetLog("a", None, "built", None, "")], is_one=True)
    assert pipe.stdout.getvalue() == "reading\nnothing was printed\n"


def test_gc_adds_up(pipe, golden):
    report = GcReport([GcItem("object", "ab/cdef.parquet", 34_000_000), GcItem("orphan", "warehouse/old.json", 12)])
    golden("gc", gc_lines(pipe, report, dry_run=True))
    assert gc_lines(pipe, report, dry_run=False)[-1] == "removed 2 items, 34 MB"
    assert gc_lines(pipe, GcReport([]), dry_run=False) == ["nothing to remove"]


def test_doctor_marks_its_findings(pipe, golden):
    findings = [
        Finding("ok", "objects", "12 objects are whole", ""),
        Finding("warning", "late_flights", "getattr with a computed name\nthe whole module counts", "assets.py:12"),
        Finding("error", "report", "its stored object is damaged", ""),
    ]
    golden("doctor", finding_lines(pipe, findings))
