"""The JSON contract that scripts and CI rely on; every other test checks its shape as well."""

from __future__ import annotations

import json

PROJECT = """
source("numbers", "data/numbers.csv")

@asset
def a(numbers) -> list:
    executed("a")
    print("noise on stdout")
    return numbers["n"].to_pylist()

@asset
def b(a: list) -> int:
    executed("b")
    return len(a)

@asset
def other() -> int:
    executed("other")
    return 1
"""


def made(project):
    project.write("data/numbers.csv", "n\n1\n2\n")
    project.assets(PROJECT)


def test_status_lists_assets_in_order_without_sources(project):
    made(project)
    ran = project.run("status", "--json", cold=True)
    missing = {"kind": "missing", "subject": "a", "before": None, "after": None, "message": "never built"}
    first = ran.json["assets"][0]
    assert first == {"asset": "a", "partition": None, "status": "missing", "action": "run", "causes": [missing]}
    assert [entry["asset"] for entry in ran.json["assets"]] == ["a", "b", "other"]
    assert ran.stderr == ""


def test_materialize_prints_one_document_and_nothing_else_on_stdout(project):
    made(project)
    ran = project.run("materialize", "--json", cold=True)
    document = json.loads(ran.stdout)
    assert list(document) == ["run_id", "status", "assets"]
    assert document["status"] == "success"
    assert "noise" not in ran.stdout
    entry = document["assets"][0]
    assert {key: entry[key] for key in ("asset", "partition", "outcome", "error", "attempts")} == {
        "asset": "a",
        "partition": None,
        "outcome": "built",
        "error": None,
        "attempts": 1,
    }


def test_pending_is_told_apart_from_what_will_run(project):
    made(project)
    project.build()
    project.edit('numbers["n"]', 'numbers["n"][:1]')
    entries = {entry["asset"]: entry for entry in project.plan()}
    assert (entries["a"]["status"], entries["a"]["action"]) == ("stale", "run")
    assert (entries["b"]["status"], entries["b"]["action"]) == ("pending", "check")
    (cause,) = entries["b"]["causes"]
    assert (cause["kind"], cause["subject"]) == ("upstream", "a")
    assert (entries["other"]["status"], entries["other"]["action"]) == ("fresh", "none")


def test_a_selection_lists_itself_and_its_upstream(project):
    made(project)
    assert list(project.status("b")) == ["a", "b"]
    assert list(project.build("b")) == ["a", "b"]
    assert list(project.status("other")) == ["other"]


def test_errors_are_a_document_too(project):
    project.assets("@asset\ndef a(nowhere: int) -> int:\n    return 1\n")
    for command in ("status", "materialize", "list"):
        ran = project.run(command, "--json", exit_code=2)
        (error,) = ran.json["errors"]
        assert "nowhere" in error["message"]
        assert (error["file"], error["line"]) == ("assets.py", 4)


def test_exit_codes(project):
    made(project)
    assert project.run("status", "--exit-code", exit_code=None).exit_code == 3
    assert project.run("materialize", exit_code=None).exit_code == 0
    assert project.run("status", "--exit-code", exit_code=None).exit_code == 0
    project.edit('numbers["n"]', 'numbers["m"]')
    assert project.run("materialize", exit_code=None).exit_code == 1
    assert project.run("materialize", "nothing_named_so", exit_code=None).exit_code == 2
    assert project.run("materialize", "--no-such-flag", exit_code=None).exit_code == 2
    assert project.run("no-such-command", exit_code=None).exit_code == 2


def test_exit_code_flag_prints_the_same_document(project):
    made(project)
    assert project.run("status", "--json", "--exit-code", exit_code=3).stdout == project.run("status", "--json").stdout


def test_data_versions_are_equal_for_equal_values(project):
    project.assets("""
        @asset
        def a() -> list:
            return [1, 2]

        @asset
        def b() -> list:
            return [1] + [2]

        @asset
        def c() -> list:
            return [1, 3]
    """)
    project.build()
    versions = {key: project.entry(key)["data_version"] for key in "abc"}
    assert versions["a"] == versions["b"] != versions["c"]
    project.build()
    assert {key: project.entry(key)["data_version"] for key in "abc"} == versions


def test_a_dry_run_with_frozen_or_exit_code_needs_no_store(project):
    made(project)
    project.run("materialize", "--frozen", "--json", exit_code=3)
    assert not project.path("warehouse").exists()
    assert project.log() == []


def test_whatever_is_printed_stays_out_of_the_document(project):
    project.assets("""
        import os
        import subprocess

        print("printed while loading")

        @asset
        def a() -> int:
            executed("a")
            print("printed")
            os.write(1, b"written to the descriptor")
            subprocess.run(["echo", "from a child"])
            return 1
    """)
    for arguments in (["status"], ["materialize"], ["materialize", "-f", "-j", "0"], ["list"], ["show", "a"]):
        assert project.run(*arguments, "--json").json
    logs = project.run("logs", project.run("runs", "--json").json["runs"][-1]["run_id"], "a").stdout
    assert [text for text in ("printed", "written to the descriptor", "from a child") if text not in logs] == []
