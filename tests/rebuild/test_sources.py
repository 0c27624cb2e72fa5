"""Files, globs and folders that are built outside."""

from __future__ import annotations

import os
import time

from tests.harness.commands import run_cold
from tests.harness.project_folder import opened_files, without_privileges

FILE = """
source("numbers", "data/numbers.csv")

@asset
def total(numbers) -> int:
    executed("total")
    return sum(numbers["n"].to_pylist())

@asset
def apart() -> int:
    executed("apart")
    return 1
"""


def test_changed_content_of_the_same_size_counts(project):
    project.write("data/numbers.csv", "n\n1\n2\n")
    project.assets(FILE)
    project.build()
    project.write("data/numbers.csv", "n\n1\n3\n")
    (cause,) = project.causes("total")
    assert (cause["kind"], cause["subject"]) == ("data", "numbers")
    assert project.build() == {"total": ["data"]}
    assert project.value("total") == 4


def test_changed_content_under_the_old_size_and_mtime_counts(project):
    path = project.write("data/numbers.csv", "n\n1\n2\n")
    project.assets(FILE)
    project.build()
    stat = path.stat()
    project.write("data/numbers.csv", "n\n1\n3\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert project.build() == {"total": ["data"]}


def test_a_touched_source_runs_nothing_and_is_read_only_once_more(project):
    path = project.write("data/numbers.csv", "n\n1\n2\n")
    project.assets(FILE)
    project.build()
    os.utime(path, ns=(1_600_000_000_000_000_000, 1_600_000_000_000_000_000))
    time.sleep(0.2)  # A stamp that is younger than the ticks of the file system's clock proves nothing.
    assert project.build(plan=False) == {}
    with opened_files(path.parent) as opened:
        assert project.build() == {}
    assert opened == set()


def test_a_source_is_put_back_and_the_value_is_restored(project):
    project.write("data/numbers.csv", "n\n1\n2\n")
    project.assets(FILE)
    project.build()
    project.write("data/numbers.csv", "n\n7\n")
    project.build()
    project.write("data/numbers.csv", "n\n1\n2\n")
    assert project.build() == {}
    assert project.outcomes == {"apart": "fresh", "total": "restored"}
    assert project.value("total") == 3


GLOB = """
source("parts", "data/*.csv")

@asset
def total(parts) -> int:
    executed("total")
    return sum(parts["n"].to_pylist())
"""


def test_the_files_of_a_glob_count_by_name_and_content(project):
    project.write("data/a.csv", "n\n1\n")
    project.write("data/b.csv", "n\n2\n")
    project.assets(GLOB)
    project.build()
    project.write("data/notes.txt", "not matched")
    assert project.build() == {}
    project.write("data/c.csv", "n\n3\n")
    assert project.build() == {"total": ["data"]}
    assert project.value("total") == 6
    project.path("data/c.csv").rename(project.path("data/d.csv"))
    assert project.build() == {"total": ["data"]}
    project.delete("data/a.csv")
    assert project.build() == {"total": ["data"]}
    assert project.value("total") == 5


def test_a_folder_counts_by_all_of_its_files(project):
    project.write("data/deep/a.txt", "1")
    project.assets("""
        from pathlib import Path

        source("folder", "data")

        @asset
        def names(folder: Path) -> list:
            executed("names")
            return sorted(path.name for path in folder.rglob("*.txt"))
    """)
    project.build()
    project.write("data/deep/b.txt", "2")
    assert project.build() == {"names": ["data"]}
    assert project.value("names") == ["a.txt", "b.txt"]
    project.write("data/deep/b.txt", "3")
    assert project.build() == {"names": ["data"]}


def test_an_optional_file_counts_from_its_absence_on(project):
    project.assets("""
        from pathlib import Path

        source("extra", "data/extra.txt", optional=True)

        @asset(deps=["extra"])
        def a() -> int:
            executed("a")
            return 1
    """)
    project.build()
    assert project.build() == {}
    project.write("data/extra.txt", "here")
    assert project.build() == {"a": ["data"]}
    project.delete("data/extra.txt")
    assert project.build() == {}, "restored"


def test_a_missing_source_fails_what_needs_it_and_other_branches_build(project):
    project.assets(FILE + '\n@asset\ndef after(total: int) -> int:\n    executed("after")\n    return total\n')
    (entry,) = (entry for entry in project.plan() if entry["asset"] == "total")
    assert "data/numbers.csv" in str(entry["causes"])
    project.build("-k", exit_code=1)
    assert project.outcomes == {"apart": "built", "total": "failed", "after": "skipped"}
    assert "data/numbers.csv" in project.entry("total")["error"]
    project.write("data/numbers.csv", "n\n1\n")
    assert list(project.build()) == ["total", "after"]


def test_a_source_that_goes_missing_is_never_fresh(project):
    project.write("data/numbers.csv", "n\n1\n")
    project.assets(FILE)
    project.build()
    project.delete("data/numbers.csv")
    assert project.status()["total"] != "fresh"
    project.build("-k", exit_code=1)
    assert project.outcomes == {"apart": "fresh", "total": "failed"}
    assert project.value("total") == 1, "the last good value is kept"


def test_symlinks_that_lead_nowhere_fail_their_asset_alone(project):
    project.assets(FILE)
    for target in ("nowhere.csv", "numbers.csv"):
        path = project.path("data/numbers.csv")
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        project.build("-k", exit_code=1)
        assert project.outcomes["total"] == "failed"
        assert project.outcomes["apart"] in {"built", "fresh"}
        assert "data/numbers.csv" in project.entry("total")["error"]


def test_an_unreadable_source_is_an_error_and_not_fresh(project):
    path = project.write("data/numbers.csv", "n\n1\n")
    project.assets(FILE)
    project.build()
    project.write("data/numbers.csv", "n\n2\n")
    path.chmod(0)
    arguments = ["--project", str(project.root), "materialize", "-k", "--json"]
    ran = run_cold(arguments, cwd=project.channel, env=project.env, preexec_fn=without_privileges)
    path.chmod(0o644)
    assert ran.exit_code == 1, str(ran)
    outcomes = {entry["asset"]: (entry["outcome"], entry["error"]) for entry in ran.json["assets"]}
    assert outcomes["apart"] == ("fresh", None)
    assert outcomes["total"][0] == "failed"
    assert "data/numbers.csv" in outcomes["total"][1]


def test_line_ends_of_data_count(project):
    project.write("data/numbers.csv", "n\n1\n")
    project.assets(FILE)
    project.build()
    project.write("data/numbers.csv", b"n\r\n1\r\n")
    assert project.build() == {"total": ["data"]}


def test_a_source_that_changes_while_its_reader_runs_is_read_again_by_the_next_build(project):
    project.deterministic = False
    project.write("data/numbers.csv", "n\n1\n")
    project.assets("""
        from pathlib import Path

        source("numbers", "data/numbers.csv")

        @asset
        def total(numbers) -> int:
            executed("total")
            if once("edit"):
                (Path(__file__).parent / "data/numbers.csv").write_text("n\\n5\\n")
            return sum(numbers["n"].to_pylist())
    """)
    project.build()
    assert project.value("total") == 1
    assert project.status() == {"total": "stale"}
    project.build()
    assert project.value("total") == 5
    assert project.build() == {}


def test_an_observed_source_is_polled_by_every_plan(project):
    project.deterministic = False
    project.write("version.txt", "1")
    project.assets("""
        from pathlib import Path

        from assetbuild import DataVersion

        @source
        def upstream_table():
            return DataVersion((Path(__file__).parent / "version.txt").read_text())

        @asset(deps=["upstream_table"])
        def a() -> int:
            executed("a")
            return 1
    """)
    project.build()
    assert project.build() == {}
    project.write("version.txt", "2")
    assert project.build() == {"a": ["data"]}
