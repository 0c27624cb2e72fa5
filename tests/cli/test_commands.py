"""The smaller commands: list, graph, show, runs, logs, accept, clean, gc, doctor, init."""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.harness.commands import run_cold
from tests.harness.project_folder import HEADER, ProjectFolder, user_version

PROJECT = """
source("feed", "data/feed.csv", description="What arrives.")

@asset(group="raw", tags={"tier": "gold"}, owners=["ann@example.com"], description="All rows.")
def a(feed) -> list:
    executed("a")
    print("reading")
    return feed["n"].to_pylist()

@asset
def b(a: list) -> int:
    executed("b")
    return len(a)
"""


@pytest.fixture
def built(project):
    project.write("data/feed.csv", "n\n1\n2\n")
    project.assets(PROJECT)
    project.build()
    return project


def test_list_names_assets_and_sources(built):
    text = built.run("list").stdout
    assert [word for word in ("a", "b", "feed", "raw") if word not in text] == []
    built.run("list", "group:raw")
    listed = built.run("list", "--json").stdout
    assert '"a"' in listed
    assert '"feed"' in listed


def test_graph_is_drawn_in_every_form(built):
    assert "feed" in built.run("graph").stdout
    mermaid = built.run("graph", "--format", "mermaid").stdout
    assert "-->" in mermaid
    svg = built.run("graph", "--format", "svg").stdout
    assert ET.fromstring(svg).tag.endswith("svg")
    document = built.run("graph", "--format", "json").json
    assert "feed" in str(document)


def test_show_tells_everything_about_an_asset(built):
    text = built.run("show", "a").stdout
    for part in ("raw", "tier", "gold", "ann@example.com", "All rows.", "feed", "b", "assets.py", "warehouse/a.json"):
        assert part in text, part
    assert built.run("show", "a", "--json").json
    assert "data/feed.csv" in built.run("show", "feed").stdout
    assert "closest  a" in built.refuse("show", "aa")


def test_runs_and_logs_tell_the_history(built):
    built.edit("len(a)", "len(a) + 1")
    built.build(plan=False)
    run_id = built.report["run_id"]
    assert run_id in built.run("runs").stdout
    assert run_id in built.run("runs", "--json").stdout
    assert "reading" not in built.run("logs", run_id).stdout
    first = built.run("runs", "--json").json["runs"][-1]["run_id"]
    assert "reading" in built.run("logs", first).stdout
    assert "reading" in built.run("logs", first, "a").stdout
    assert "reading" not in built.run("logs", first, "b").stdout
    built.refuse("logs", "no-such-run")
    assert "asset 'nobody' has not run yet" in built.refuse("logs", "last", "nobody")


def test_runs_and_logs_tell_the_history_of_code_that_does_not_load(built):
    built.edit("len(a)", "len(a")
    built.refuse("status")
    assert "success" in built.run("runs").stdout
    assert "reading" in built.run("logs", "last", "a").stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_build_goes_on_when_its_events_cannot_be_written(built):
    built.edit("len(a)", "len(a) + 1")
    ran = built.run("materialize", "--events", "/dev/full", exit_code=1)
    assert "cannot write the events: No space left on device" in ran.stderr
    assert "1 built" in ran.stdout
    assert built.build() == {}


def test_a_no_op_leaves_the_store_alone(built):
    objects = built.stamps(".assetbuild/objects")
    built.build()
    assert built.stamps(".assetbuild/objects") == objects


def test_accept_adopts_the_stored_value_and_is_on_record(built):
    built.deterministic = False
    built.edit("return len(a)", "return int(len(a))")
    assert "2" in str(built.value("b"))
    built.run("accept", "b", "--reason", "only a cast")
    assert built.build() == {}
    assert "only a cast" in built.why("b")
    built.edit("int(len(a))", "len(a) * 100")
    assert built.build() == {"b": ["code"]}
    assert built.value("b") == 200


def test_accept_needs_a_reason_and_a_stored_value(built):
    built.edit("return len(a)", "return int(len(a))")
    assert "--reason" in built.refuse("accept", "b")
    built.delete("warehouse")
    built.delete(".assetbuild/objects")
    built.run("accept", "b", "--reason", "nothing there", exit_code=None)
    assert built.status()["b"] != "fresh"


def test_accept_of_a_helper_that_many_use(project):
    project.write("shared.py", "def one():\n    return 1\n")
    body = "import shared\n\n" + "".join(
        f'@asset\ndef a{number}() -> int:\n    executed("a{number}")\n    return shared.one()\n\n'
        for number in range(40)
    )
    project.assets(body)
    project.build()
    project.edit("return 1", "value = 1\n    return value", "shared.py")
    assert set(project.status().values()) == {"stale"}
    project.run("accept", "*", "--reason", "a refactoring")
    assert project.build() == {}
    project.edit("value = 1", "value = 2", "shared.py")
    assert len(project.build()) == 40


def test_clean_forgets_an_asset_and_nothing_else(built):
    built.run("clean", "b", "-y")
    assert list(built.values()) == ["a"]
    assert built.status() == {"a": "fresh", "b": "missing"}
    assert built.build() == {"b": ["missing"]}


def test_gc_dry_run_deletes_nothing(built):
    built.edit("len(a)", "len(a) + 1")
    built.build()
    before = built.stamps(".assetbuild/objects")
    built.run("gc", "-n", "--keep-days", "0", "--keep-last", "0")
    assert built.stamps(".assetbuild/objects") == before


def builds(project):
    """Return the ids of the recorded builds, newest first."""
    return [run["run_id"] for run in project.run("runs", "--json").json["runs"] if run["command"] != "gc"]


def test_gc_forgets_old_runs_that_are_the_last_of_nothing(built):
    for number in range(3):
        built.write("assets.py", HEADER + PROJECT.replace("len(a)", f"len(a) + {number}"))
        built.build()
    made = builds(built)
    built.run("gc", "--keep-days", "1")
    assert builds(built) == made
    with sqlite3.connect(built.database()) as database:
        database.execute("UPDATE runs SET started_at = started_at - 5 * 86400")
    database.close()
    assert made[1] in built.run("gc", "-n", "--keep-days", "3").text
    built.run("gc", "--keep-days", "3")
    assert builds(built) == [made[0], made[-1]], "'a' was built in the first run, and never again"
    assert {path.name for path in built.path(".assetbuild/logs").iterdir()} == {made[0], made[-1]}
    assert len(built.run("show", "b", "--json").json["history"]) == 2
    assert built.build() == {}


def test_doctor_finds_nothing_wrong_in_a_good_project(built):
    assert built.run("doctor", exit_code=None).exit_code == 0


def test_init_makes_a_project_that_works_at_once(tmp_path):
    folder = tmp_path / "fresh"
    project = ProjectFolder(tmp_path / "holder")
    made = run_cold(["init", str(folder)], cwd=tmp_path, env=project.env)
    assert made.exit_code == 0, str(made)
    built = run_cold(["--project", str(folder), "materialize"], cwd=tmp_path, env=project.env)
    assert built.exit_code == 0, str(built)
    again = run_cold(["materialize"], cwd=folder, env=project.env)
    assert "nothing to do" in again.stdout.lower()
    assert run_cold(["init", str(folder)], cwd=tmp_path, env=project.env).exit_code in {0, 2}, "never writes over files"
    assert run_cold(["status", "--exit-code"], cwd=folder, env=project.env).exit_code == 0


def test_the_state_folder_ignores_itself_in_git(built):
    assert built.path(".assetbuild/.gitignore").read_text().split()[-1] == "*"


def test_a_project_is_found_from_a_folder_inside_it(built):
    inside = built.path("data")
    ran = run_cold(["status", "--exit-code"], cwd=inside, env=built.env)
    assert ran.exit_code == 0, str(ran)


def test_an_assets_module_alone_is_a_project(built):
    assert not built.path("pyproject.toml").exists()
    assert not built.path("assetbuild.toml").exists()


def test_the_schema_version_lies_in_user_version(built):
    assert user_version(built.database()) > 0


def test_a_newer_schema_is_refused(built):
    with sqlite3.connect(built.database()) as connection:
        connection.execute("pragma user_version = 9999")
    connection.close()
    before = built.values()
    for command in ("materialize", "status"):
        assert "newer" in built.refuse(command)
    assert built.values() == before


def test_a_damaged_state_database_is_set_aside_and_rebuilt(built):
    database = built.database()
    for path in database.parent.glob(f"{database.name}-*"):
        path.unlink()
    database.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    ran = built.run("materialize", "--json")
    assert "set aside" in ran.stderr
    assert built.values() == {"a": [1, 2], "b": 2}
    assert built.build() == {}


def test_help_and_version_work_without_a_project(tmp_path):
    project = ProjectFolder(tmp_path / "none")
    for arguments in (["--help"], ["--version"], ["materialize", "--help"], ["status", "--help"]):
        ran = run_cold(arguments, cwd=tmp_path, env=project.env)
        assert ran.exit_code == 0
        assert ran.stdout
