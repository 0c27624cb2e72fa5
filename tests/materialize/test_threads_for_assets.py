"""Assets with ``executor="thread"``: at once, in one process, each with its own output."""

from __future__ import annotations

import pytest

from assetbuild import Project
from assetbuild.errors import DefinitionError

TOGETHER = """
import logging, os, sys, threading
import pyarrow as pa
from assetbuild import Context, asset

MET = threading.Barrier(2)

@asset
def ordinary() -> int:
    return os.getpid()

@asset(executor="thread")
def a(ordinary: int) -> pa.Table:
    MET.wait(30)
    print("said by a")
    MET.wait(30)
    print("and to stderr by a", file=sys.stderr)
    return pa.table({"pid": [os.getpid()]})

@asset(executor="thread")
def b(context: Context) -> pa.Table:
    MET.wait(30)
    context.log.info("logged by b")
    MET.wait(30)
    return pa.table({"pid": [os.getpid()]})

@asset(executor="thread")
def c(a: pa.Table, b: pa.Table, ordinary: int) -> list:
    return [a["pid"][0].as_py(), b["pid"][0].as_py(), os.getpid(), ordinary]
"""


def test_they_run_at_once_in_one_process_with_an_output_each(tmp_path):
    (tmp_path / "assets.py").write_text(TOGETHER)
    project = Project.open(tmp_path)
    report = project.materialize(jobs=2)
    assert report.status == "success", report
    of_a, of_b, of_c, ordinary = project.load("c")
    assert of_a == of_b == of_c != ordinary
    texts = {entry.asset: entry.text for entry in project.log()}
    assert texts["a"] == "said by a\nand to stderr by a\n"
    assert texts["b"].endswith("INFO assetbuild.asset.b: logged by b\n")
    assert texts["c"] == ""


def test_without_workers_they_run_in_the_command(tmp_path):
    (tmp_path / "assets.py").write_text(TOGETHER.replace("    MET.wait(30)\n", ""))
    assert Project.open(tmp_path).materialize(jobs=0).status == "success"


def test_an_error_fails_the_one_and_a_death_all_that_run(tmp_path):
    dying = TOGETHER.replace('    print("said by a")', "    os._exit(3)")
    (tmp_path / "assets.py").write_text(dying)
    report = Project.open(tmp_path).materialize(jobs=2, keep_going=True)
    outcomes = {outcome.asset: outcome for outcome in report.assets}
    assert {name: outcome.outcome for name, outcome in outcomes.items()} == {
        "a": "failed",
        "b": "failed",
        "c": "skipped",
        "ordinary": "built",
    }
    assert outcomes["b"].error == "the worker process died: exit code 3; in it ran, in threads, a, b"
    failing = TOGETHER.replace('    print("said by a")', '    MET.wait(30); raise ValueError("no")')
    (tmp_path / "assets.py").write_text(failing)
    report = Project.open(tmp_path).materialize(jobs=2, keep_going=True)
    assert {outcome.asset: outcome.outcome for outcome in report.assets} == {
        "a": "failed",
        "b": "built",
        "c": "skipped",
        "ordinary": "fresh",
    }


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('executor="threads"', "executor='threads'"),
        ('executor="thread", timeout=3', "a thread cannot be ended"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, said, problem):
    (tmp_path / "assets.py").write_text(
        f"from assetbuild import asset\n\n@asset({said})\ndef a() -> int:\n    return 1\n"
    )
    with pytest.raises(DefinitionError, match=problem):
        Project.open(tmp_path).plan()


def test_a_relation_of_duckdb_is_refused(tmp_path):
    (tmp_path / "assets.py").write_text("""
import duckdb
from assetbuild import asset

@asset
def a() -> dict:
    return {}

@asset(executor="thread")
def b(a: duckdb.DuckDBPyRelation) -> int:
    return 1
""")
    with pytest.raises(DefinitionError, match="threads cannot share"):
        Project.open(tmp_path).plan()
