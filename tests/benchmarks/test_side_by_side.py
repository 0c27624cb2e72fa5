"""The benchmark itself: its graph, its counts of what ran, and the page that is written from its results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.measure import environments
from benchmarks.measure.detects import EXPERIMENTS
from benchmarks.measure.graph import Layered
from benchmarks.measure.rounds import compare
from benchmarks.peers import peer
from benchmarks.peers.every import EVERY
from benchmarks.peers.ours import OURS
from benchmarks.peers.plain import PLAIN

ROOT = Path(__file__).parents[2]
CASE = {"wall_s": 0.2, "cpu_s": 0.2, "peak_mb": 30.0, "ran": 0, "must": 0, "all_wall_s": [0.2]}
RESULTS = {
    "profile": "quick",
    "machine": {
        "date": "2026-01-01",
        "system": "Linux x86_64",
        "processor": "some processor",
        "cores": 2,
        "memory_gb": 8,
        "python": "3.11.7",
        "load_at_start": 0.0,
        "versions": {"assetbuild": "0.1.0"},
    },
    "floors": {
        name: {"wall_s": 0.1, "cpu_s": 0.1} for name in ("python", "click, sqlite3", "import assetbuild", "--help")
    },
    "detects": {"assetbuild": {name: {"verdict": "runs", "ran": 1} for name in EXPERIMENTS}},
    "peers": [
        {
            "assets": 1000,
            "values_agree": True,
            "tools": {
                "assetbuild": {"name": "assetbuild", "note": "", "cases": dict.fromkeys(report.CASES, CASE)},
                "plain": {"name": "plain loop", "note": "", "cases": dict.fromkeys(("cold", "noop", "leaf"), CASE)},
                "make": {"name": "GNU make", "note": "", "missing": "make is not on this machine"},
            },
        }
    ],
    "tpch": {
        "scale": 1,
        "queries": 22,
        "built": {"region": 3, "orders": 12},
        "cases": dict.fromkeys(("plain", "cold", "noop", "region", "orders"), CASE),
    },
    "scaling": {
        "assets": [
            {"assets": size, **dict.fromkeys(("load", "cold", "first", "noop", "status", "leaf"), CASE)}
            for size in (10, 100)
        ],
        "partitions": [{"pairs": 100, "missing": "no such thing"}],
    },
}


@pytest.fixture
def no_environments(monkeypatch):
    """Let the tools run in the environment of the tests: nothing is installed."""
    monkeypatch.setattr(peer, "python_of", lambda *_: Path(sys.executable))
    monkeypatch.setattr(peer, "packages", lambda _, names: dict.fromkeys(names, "0"))


def test_every_case_of_a_small_graph_is_measured_and_counted(tmp_path, no_environments):
    table = compare([OURS, PLAIN], 5, 1, tmp_path, lambda _line: None, repeats=1)
    ran = {key: {case: found["ran"] for case, found in tool["cases"].items()} for key, tool in table["tools"].items()}
    assert ran["assetbuild"] == {
        "cold": 5, "noop": 0, "leaf": 0, "equal": 1, "root": 1, "status": 0, "help": 0, "import": 0,
    }  # fmt: skip  # five assets are one layer: none reads another, and a leaf cannot be told from a root
    assert ran["plain"] == {"cold": 5, "noop": 5, "leaf": 5, "equal": 5, "root": 5}
    assert table["values_agree"]


def test_a_tool_that_does_not_install_is_named_with_its_reason(tmp_path, monkeypatch):
    reason = "no such distribution"

    def fail(*_):
        raise environments.NotInstalledError(reason)

    monkeypatch.setattr(peer, "python_of", fail)
    table = compare([PLAIN], 5, 1, tmp_path, lambda _line: None)
    assert table["tools"]["plain"]["missing"] == reason


def test_edits_are_counted_as_they_spread():
    graph = Layered(30, width=5)
    assert [graph.must_run(edit) for edit in ("leaf", "equal", "comment")] == [1, 1, 0]
    assert graph.must_run("root") == sum(1 for n in graph.numbers if n == 0 or _reads(graph, n, 0))


def _reads(graph: Layered, n: int, root: int) -> bool:
    return any(each == root or _reads(graph, each, root) for each in graph.inputs(n))


def test_one_edit_rewrites_only_the_files_that_it_concerns(tmp_path, no_environments):
    make = next(each for each in EVERY if each.key == "make")
    place = peer.Place(make, tmp_path)
    graph = Layered(6, width=2)
    place.write(graph)
    before = {path: path.read_text() for path in tmp_path.rglob("*.py")}
    place.write(graph.edited("leaf"))
    assert [path.name for path, text in before.items() if path.read_text() != text] == ["a5.py"]


def test_the_page_is_the_same_for_the_same_results():
    page = report.PAGE.read_text()
    once = report.rewritten(page, report.regions(RESULTS))
    assert once == report.rewritten(once, report.regions(json.loads(json.dumps(RESULTS))))
    assert once.count("<!-- bench:") == len(report.regions(RESULTS))


def test_what_is_written_says_what_was_not_measured():
    tables = report.regions(RESULTS)
    assert "| GNU make | not measured: make is not on this machine |" in tables["large"]
    assert tables["partitions"] == "Not measured in this run."


@pytest.mark.skipif(not report.PUBLISHED.exists(), reason="no run has been published yet")
def test_the_published_page_tells_the_published_results():
    results = json.loads(report.PUBLISHED.read_text())
    assert report.rewritten(report.PAGE.read_text(), report.regions(results)) == report.PAGE.read_text()
    for text in (report.PUBLISHED.read_text(), report.PAGE.read_text()):
        assert str(ROOT) not in text
        assert "/home" not in text
