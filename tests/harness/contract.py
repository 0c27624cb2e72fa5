"""The JSON contract, checked on every document that a test receives."""

from __future__ import annotations

from typing import Any

STATUSES = {"fresh", "stale", "missing", "pending"}
ACTIONS = {"run", "restore", "check", "none"}
OUTCOMES = {"built", "restored", "fresh", "failed", "skipped"}
CAUSE_KINDS = {
    "missing", "code", "config", "env", "data", "dependencies", "packages", "io_manager", "partitions", "output",
    "upstream", "forced",
}  # fmt: skip
CAUSE_KEYS = ["kind", "subject", "before", "after", "message"]
PLANNED_KEYS = ["asset", "partition", "status", "action", "causes"]
REPORTED_KEYS = ["asset", "partition", "outcome", "causes", "data_version", "seconds", "error", "attempts"]


def check_plan(document: Any) -> None:
    """Check a document of ``status`` or ``materialize -n``."""
    assert list(document) == ["assets"]
    for entry in document["assets"]:
        assert list(entry) == PLANNED_KEYS
        assert entry["partition"] is None or isinstance(entry["partition"], str)
        assert entry["status"] in STATUSES
        assert entry["action"] in ACTIONS
        _check_causes(entry["causes"])
        if entry["status"] == "fresh":
            assert (entry["action"], entry["causes"]) == ("none", [])
        else:
            assert entry["action"] != "none"
            assert entry["causes"], f"{entry['asset']} is {entry['status']} without a cause"
        if entry["status"] == "pending":
            assert entry["action"] == "check"
            assert {cause["kind"] for cause in entry["causes"]} == {"upstream"}


def check_report(document: Any) -> None:
    """Check a document of ``materialize``."""
    assert list(document) == ["run_id", "status", "assets"]
    assert document["status"] in {"success", "failed", "interrupted"}
    for entry in document["assets"]:
        assert list(entry) == REPORTED_KEYS
        assert entry["partition"] is None or isinstance(entry["partition"], str)
        assert entry["outcome"] in OUTCOMES
        assert entry["seconds"] is None or entry["seconds"] >= 0
        _check_causes(entry["causes"])
        assert "upstream" not in {cause["kind"] for cause in entry["causes"]} or entry["outcome"] == "skipped"
        _check_outcome(entry)


def check_errors(document: Any) -> None:
    """Check the document of a command that ended with exit code 2."""
    assert list(document) == ["errors"]
    assert document["errors"]
    for error in document["errors"]:
        assert list(error) == ["message", "file", "line"]
        assert error["message"]
        assert "Traceback" not in error["message"]


def _check_outcome(entry: Any) -> None:
    outcome = entry["outcome"]
    if outcome == "built":
        assert entry["causes"], f"{entry['asset']} was built without a cause"
        assert entry["data_version"]
        assert entry["attempts"] >= 1
    elif outcome == "fresh":
        assert entry["causes"] == []
        assert entry["data_version"]
    elif outcome == "restored":
        assert entry["data_version"]
    elif outcome == "failed":
        assert isinstance(entry["error"], str)
        assert entry["error"]
    else:
        assert entry["error"] or entry["causes"], f"{entry['asset']} was skipped without a word"
    if outcome in {"built", "fresh", "restored"}:
        assert entry["error"] is None


def _check_causes(causes: Any) -> None:
    for cause in causes:
        assert list(cause) == CAUSE_KEYS
        assert cause["kind"] in CAUSE_KINDS
        assert isinstance(cause["message"], str)
        assert cause["message"]
        for side in ("subject", "before", "after"):
            assert cause[side] is None or isinstance(cause[side], str)
