"""A save of what the graph reads builds what depends on it, once; every other save builds nothing."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.watch.watching import watching

pytestmark = pytest.mark.usefixtures("values_equal_clean_build")


def test_saved_code_runs_at_once_and_is_the_new_code(shop):
    with watching(shop) as watch:
        shop.edit("return 2", "return 5", "helper.py")
        watch.idle()
        assert watch.built == ["scaled", "total"]
        assert len(watch.named("RunStarted")) == 1
    assert shop.value("total") == 30


def test_saved_data_runs_what_reads_it(shop):
    with watching(shop) as watch:
        shop.write("data/numbers.json", "[1, 2]")
        watch.idle()
        assert watch.built == ["scaled", "total"]
    assert shop.value("total") == 6


def test_a_save_that_changes_no_value_stops_early(shop):
    with watching(shop) as watch:
        shop.edit("return 2", "return len('ab')", "helper.py")
        watch.idle()
        assert watch.built == ["scaled"]


def test_what_nobody_reads_and_what_is_equal_builds_nothing(shop):
    with watching(shop) as watch:
        shop.write("notes.txt", "for later")
        shop.write("data/other.json", "[4]")
        shop.write("unused.py", "x = 1\n")
        os.utime(shop.path("helper.py"))
        os.chmod(shop.path("data/numbers.json"), 0o600)
        shop.write("data/numbers.json", "[1, 2, 3]")
        shop.write("helper.py", "# with a comment now\ndef factor():\n    return 2\n")
        os.utime(next(shop.path("warehouse").glob("total.*")))
        shop.write(".helper.py.swp", "vim")
        shop.write("helper.py~", "a copy")
        shop.edit("return 7", "return 8")
        watch.until("RunFinished")
        watch.idle()
        assert watch.built == ["alone"]
        assert len(watch.named("RunStarted")) == 1
        assert {path for event in watch.named("SomethingChanged") for path in event["paths"]} >= {"assets.py"}


def test_the_outputs_of_a_build_start_no_other(shop):
    with watching(shop) as watch:
        for number in (3, 4, 5):
            shop.write("helper.py", f"def factor():\n    return {number}\n")
            watch.until("RunFinished")
            watch.idle()
        assert len(watch.named("RunStarted")) == 3


def test_a_file_that_is_moved_into_place_is_a_save(shop):
    with watching(shop) as watch:
        shop.write("data/.numbers.new", "[5]")
        shop.path("data/.numbers.new").replace(shop.path("data/numbers.json"))
        watch.idle()
        shop.write(".helper.new", "def factor():\n    return 9\n")
        shop.path(".helper.new").replace(shop.path("helper.py"))
        watch.until("RunFinished")
        watch.idle()
    assert shop.value("total") == 45


def test_a_file_that_is_deleted_and_made_anew_is_a_save(shop):
    with watching(shop) as watch:
        shop.delete("data/numbers.json")
        watch.idle("failing")
        assert watch.named("WatchIdle")[-1]["failing"] == ["scaled"]
        shop.write("data/numbers.json", "[1, 1]")
        watch.idle()
        shop.delete("helper.py")
        watch.idle("broken")
        shop.write("helper.py", "def factor():\n    return 3\n")
        watch.idle()
    assert shop.value("total") == 6


def test_settings_and_config_are_watched(shop):
    shop.assets(
        """
        class Size(Config):
            rows: int = 1

        @asset
        def sized(config: Size) -> int:
            return config.rows
    """.replace("class", "from assetbuild import Config\n\n        class", 1)
    )
    with watching(shop) as watch:
        shop.write("assetbuild.toml", "[config.sized]\nrows = 4\n")
        watch.idle()
        assert shop.value("sized") == 4
        shop.write("assetbuild.toml", "[config.sized]\nrows = 5\n")
        watch.until("RunFinished")
        watch.idle()
        shop.write("assetbuild.toml", "[config.sized]\nrow = 5\n")
        watch.idle("broken")
        shop.write("assetbuild.toml", "[config.sized]\nrows = 6\n")
        watch.idle()
    assert shop.value("sized") == 6


def test_data_that_loading_reads_is_watched(shop):
    shop.write("names.txt", "a")
    shop.assets("""
        from pathlib import Path

        NAMES = Path(__file__).with_name("names.txt").read_text().split()

        @asset
        def names() -> list:
            return NAMES
    """)
    with watching(shop) as watch:
        shop.write("names.txt", "a b")
        watch.idle()
        assert watch.built == ["names"]


def test_a_new_module_and_a_new_asset_are_found(shop):
    with watching(shop) as watch:
        shop.write("more.py", "from assetbuild import asset\n\n@asset\ndef extra() -> int:\n    return 1\n")
        shop.write("assets.py", shop.path("assets.py").read_text() + "\nimport more\n")
        watch.idle()
        assert watch.built == ["extra"]
        shop.edit("return 1", "return 2", "more.py")
        watch.until("RunFinished")
        watch.idle()
    assert shop.value("extra") == 2


def test_a_syntax_error_is_shown_and_mended(shop):
    with watching(shop) as watch:
        shop.edit("return 2", "return (2", "helper.py")
        (problem,) = watch.until("DefinitionsBroken")["problems"]
        assert (problem["file"], problem["line"]) == ("helper.py", 2)
        watch.idle("broken")
        shop.write("data/numbers.json", "[10]")  # not lost, though nothing can be built now
        shop.edit("return (2", "return 3", "helper.py")
        watch.until("DefinitionsMended")
        watch.idle()
    assert shop.value("total") == 30


def test_a_cycle_is_shown_and_mended(shop):
    with watching(shop) as watch:
        shop.edit("def alone()", "def alone(total: int)")
        shop.edit("def scaled(numbers: str)", "def scaled(numbers: str, alone: int)")
        watch.idle("broken")
        shop.edit("def scaled(numbers: str, alone: int)", "def scaled(numbers: str)")
        watch.idle()
    assert shop.value("alone") == 7


def test_a_project_that_does_not_load_at_the_start_is_waited_for(shop):
    shop.edit("from helper", "from helpers")
    with watching(shop, state="broken") as watch:
        shop.write("helpers.py", "def factor():\n    return 1\n")
        watch.idle()
        assert sorted(watch.built) == ["alone", "scaled", "total"]


def test_a_failure_is_not_tried_again_by_a_save_of_something_else(shop):
    with watching(shop) as watch:
        shop.edit("return sum(scaled)", 'raise ValueError("no")')
        watch.idle("failing")
        watch.forget()
        shop.edit("return 7", "return 8")
        watch.idle("failing")
        assert watch.built == ["alone"]
        assert [event["asset"] for event in watch.named("AssetStarted")] == ["alone"]
        shop.edit('raise ValueError("no")', "return sum(scaled)")
        watch.idle()
    assert shop.value("total") == 12


def test_folders_that_come_go_and_move(shop):
    shop.assets(
        """
        files = source("files", "inbox/**/*.txt", optional=True)

        @asset
        def read(files: list[Path]) -> list:
            return [path.read_text() for path in files]
    """.replace("files =", "from pathlib import Path\n\n        files =", 1)
    )
    with watching(shop) as watch:
        shop.write("inbox/a/b/one.txt", "1")
        watch.idle()
        assert shop.value("read") == ["1"]
        shop.path("inbox/a").rename(shop.path("inbox/c"))
        shop.write("inbox/c/b/two.txt", "2")
        watch.until("RunFinished")
        watch.idle()
        assert shop.value("read") == ["1", "2"]
        shutil.rmtree(shop.path("inbox"))
        watch.until("RunFinished")
        watch.idle()
        assert shop.value("read") == []
        shop.write("ready/d/three.txt", "3")
        shop.path("ready").rename(shop.path("inbox"))
        watch.until("RunFinished")
        watch.idle()
        assert shop.value("read") == ["3"]
        shop.write("inbox/d/four.txt", "4")
        watch.until("RunFinished")
        watch.idle()
    assert shop.value("read") == ["4", "3"]


def test_files_behind_links(shop, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "numbers.json").write_text("[1]")
    (elsewhere / "helper.py").write_text("def factor():\n    return 2\n")
    for name in ("data/numbers.json", "helper.py"):
        shop.delete(name)
    shop.path("data").rmdir()
    shop.path("data").symlink_to(elsewhere)
    shop.path("helper.py").symlink_to(elsewhere / "helper.py")
    with watching(shop) as watch:
        (elsewhere / "numbers.json").write_text("[2]")
        watch.idle()
        assert shop.value("total") == 4
        (elsewhere / "helper.py").write_text("def factor():\n    return 3\n")
        watch.until("RunFinished")
        watch.idle()
        assert shop.value("total") == 6
        other = tmp_path / "other"
        other.mkdir()
        (other / "numbers.json").write_text("[5]")
        shop.path("data").unlink()
        shop.path("data").symlink_to(other)
        while shop.value("total") != 15:
            watch.until("RunFinished")
        watch.idle()
