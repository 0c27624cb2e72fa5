"""More of what people do with partitions: options of the command, other forms of values, definitions that move."""

from __future__ import annotations

import pytest

from tests.harness.project_folder import kill_group
from tests.partitions.test_builds import DAILY, DAYS, JANUARY, MULTI

ONE = """
@asset(partitions=Static(["a", "b", "c"]))
def part(context: Context) -> str:
    executed(f"part@{context.partition_key}")
    return context.partition_key

@asset
def joined(part: dict[str, str]) -> str:
    executed("joined")
    return "".join(part.values())
"""


def test_a_partition_is_its_key_and_not_its_place(parts):
    parts.assets(ONE)
    parts.build()
    parts.project.edit('Static(["a", "b", "c"])', 'Static(["x", "c", "b", "a"])')
    assert parts.build() == {"part": ["x"], "joined": [None]}
    assert parts.value("joined") == "xcba"


def test_a_key_that_comes_back_is_not_built_again(parts):
    parts.assets(ONE)
    parts.build()
    parts.project.edit('Static(["a", "b", "c"])', 'Static(["a", "c"])')
    assert parts.build() == {"joined": [None]}
    parts.project.edit('Static(["a", "c"])', 'Static(["a", "b", "c"])')
    assert parts.build() == {}
    assert parts.value("joined") == "abc"


def test_a_definition_that_says_the_same_in_other_words_changes_nothing(parts):
    parts.assets(
        """
        @asset(partitions=Daily("2024-01-01", end="2024-01-04"))
        def part(context: Context) -> str:
            executed(f"part@{context.partition_key}")
            return context.partition_key
        """
    )
    parts.build()
    parts.project.edit('Daily("2024-01-01", end="2024-01-04")', 'Static(["2024-01-03", "2024-01-01", "2024-01-02"])')
    assert parts.build() == {}


def test_a_shorter_window_rebuilds_the_keys_that_read_less(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    parts.build("rolling")
    parts.project.edit("Offset(-3, 0)", "Offset(-2, 0)")
    assert parts.build("rolling") == {"rolling": DAYS[3:]}
    assert "partitions" in parts.causes("rolling", DAYS[3])


def test_force_runs_what_was_asked_for_alone(parts):
    parts.assets(ONE)
    parts.build()
    assert parts.build("part", "--partition", "b", "--force") == {"part": ["b"]}


def test_only_builds_nothing_upstream(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    parts.build()
    parts.days({"2024-01-10": 5})
    assert parts.build("monthly", "--only", "--partition", "2024-01") == {}
    parts.build()
    assert parts.value("monthly", "2024-01") == 35


def test_a_range_of_a_mixed_selection_means_the_assets_that_have_it(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    assert parts.build("monthly", "daily", "--partition", "2024-02-01..2024-02-02") == {"daily": DAYS[31:]}


def test_workers_build_partitions_side_by_side(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    parts.project.run("materialize", "-j", "2")
    assert parts.value("monthly", "2024-01") == 31
    assert sorted(parts.project.log()) == sorted(
        [*(f"{asset}@{day}" for asset in ("daily", "rolling") for day in DAYS), "monthly@2024-01", "total"]
    )
    assert parts.build() == {}


def test_a_killed_backfill_goes_on_where_it_was(parts):
    parts.assets(
        """
        @asset(partitions=Static([f"k{number:02}" for number in range(20)]))
        def part(context: Context) -> str:
            if context.partition_key == "k15":
                pause("late")
            return context.partition_key
        """
    )
    gate = parts.project.gate("late")
    process = parts.project.start("materialize", "-j", "1")
    gate.wait()
    kill_group(process)
    process.communicate()
    for pipe in ("reached", "release"):
        (parts.project.channel / f"late.{pipe}").unlink()
    keys = [f"k{number:02}" for number in range(20)]
    built = parts.build()["part"]
    assert built == keys[-len(built) :]
    assert 5 <= len(built) < 15
    assert parts.build() == {}


def test_every_form_of_value_has_partitions(parts):
    parts.assets(
        """
        import pickle
        from pathlib import Path

        PARTS = Static(["a", "b"])

        @asset(partitions=PARTS)
        def text(context: Context) -> str:
            return context.partition_key

        @asset(partitions=PARTS)
        def raw(text: str) -> bytes:
            return text.encode()

        @asset(partitions=PARTS)
        def file(text: str, context: Context) -> Path:
            path = Path("made.md")
            path.write_text(text)
            return path

        @asset(partitions=PARTS, io_manager="pickle")
        def picked(raw: bytes):
            return {raw}

        @asset
        def together(
            text: dict[str, str],
            raw: dict[str, bytes],
            file: dict[str, Path],
            files: Annotated[list[Path], Input("file")],
            picked,
        ) -> list:
            decoded = {key: value.decode() for key, value in raw.items()}
            read = {key: path.read_text() for key, path in file.items()}
            return [text, decoded, read, len(files), {key: sorted(found)[0].decode() for key, found in picked.items()}]
        """
    )
    parts.build()
    letters = {"a": "a", "b": "b"}
    assert parts.value("together") == [letters, letters, letters, 2, letters]
    assert parts.project.path("warehouse/file/a.md").read_text() == "a"
    assert parts.build() == {}


def test_many_partitions_are_one_table_of_any_library(parts):
    parts.assets(
        """
        import duckdb, pandas as pd, polars as pl, pyarrow.dataset as ds

        DAYS = Daily("2024-01-01", end="2024-01-04")

        @asset(partitions=DAYS)
        def day(context: Context) -> pa.Table:
            return pa.table({"n": [int(context.partition_key[-1])], "x": ["u"]})

        @asset
        def sums(
            a: Annotated[pa.Table, Input("day", key_column="key")],
            b: Annotated[pl.LazyFrame, Input("day", key_column="key")],
            c: Annotated[pd.DataFrame, Input("day", columns=["n"])],
            d: Annotated[duckdb.DuckDBPyRelation, Input("day", key_column="key")],
            e: Annotated[ds.Dataset, Input("day")],
            f: Annotated[dict[str, pl.DataFrame], Input("day")],
            g: Annotated[pl.DataFrame, Input("day", partitions=["2024-01-03", "2024-01-01"])],
        ) -> list:
            return [
                dict(zip(a["key"].to_pylist(), a["n"].to_pylist())),
                b.select("key", "n").sort("n").collect().rows()[-1],
                [list(c.columns), int(c["n"].sum())],
                d.aggregate("max(key), sum(n)").fetchall()[0][0],
                e.to_table()["n"].to_pylist(),
                {key: frame.height for key, frame in f.items()},
                g["n"].to_list(),
            ]
        """
    )
    parts.project.deterministic = False
    parts.build()
    keys = ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert parts.value("sums")[0] == dict(zip(keys, [1, 2, 3], strict=True))
    assert list(parts.value("sums")[1]) == ["2024-01-03", 3]
    assert parts.value("sums")[2:] == [[["n"], 6], "2024-01-03", [1, 2, 3], dict.fromkeys(keys, 1), [1, 3]]


def test_one_function_of_several_assets_has_partitions(parts):
    parts.assets(
        """
        @multi_asset(outs=["low", "high"], partitions=Static(["a", "b"]))
        def both(context: Context):
            executed(f"low@{context.partition_key}")
            return {"low": context.partition_key, "high": context.partition_key.upper()}

        @asset(partitions=Static(["a", "b"]))
        def after(high: str, context: Context) -> str:
            executed(f"after@{context.partition_key}")
            return high * 2
        """
    )
    parts.build()
    assert parts.value("after", "b") == "BB"
    assert parts.build() == {}


def test_an_upstream_that_is_only_waited_for_has_partitions_too(parts):
    parts.assets(
        """
        source("raw", "data/{date}.csv")

        @asset(partitions=Dynamic("raw"))
        def day(context: Context, raw) -> int:
            executed(f"day@{context.partition_key}")
            return raw["n"].to_pylist()[0]

        @asset(partitions=Dynamic("raw"), deps=["day"])
        def beside(context: Context) -> str:
            executed(f"beside@{context.partition_key}")
            return context.partition_key

        @asset(deps=["day"])
        def whole() -> int:
            executed("whole")
            return 1
        """
    )
    parts.days(dict.fromkeys(JANUARY[:3], 1))
    parts.build()
    parts.days({"2024-01-02": 4})
    assert parts.build() == {"day": ["2024-01-02"], "beside": ["2024-01-02"], "whole": [None]}


def test_days_of_a_zone_with_daylight_saving_have_their_hours(parts):
    parts.assets(
        """
        @asset(partitions=Hourly("2024-10-27", end="2024-10-28", timezone="Europe/Berlin"))
        def hour(context: Context) -> str:
            return context.partition_window.start.isoformat()

        @asset(partitions=Daily("2024-10-27", end="2024-10-28", timezone="Europe/Berlin"))
        def day(hour: dict[str, str]) -> list[str]:
            return list(hour.values())
        """
    )
    parts.build()
    hours = parts.value("day", "2024-10-27")
    assert len(set(hours)) == 25
    assert hours[2:4] == ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]


def test_a_chain_of_two_dimensions_reads_its_own_day_before(parts):
    parts.assets(
        """
        BOTH = Multi(date=Daily("2024-01-01", end="2024-01-04"), shop=Static(["n", "s"]))

        @asset(partitions=BOTH)
        def run(context: Context, run: Annotated[int | None, Input(partitions={"date": Offset(-1)})]) -> int:
            executed(f"run@{context.partition_key}")
            return (run or 0) + 1
        """
    )
    parts.build()
    assert [parts.value("run", f"2024-01-0{day}%7Cs") for day in (1, 2, 3)] == [1, 2, 3]


def test_a_source_of_two_names_is_read_by_both(parts):
    for shop in ("north", "south"):
        for day in (1, 2):
            parts.project.write(f"data/{shop}/2024-01-0{day}.csv", f"n\n{day}\n")
    parts.assets(
        """
        source("raw", "data/{shop}/{date}.csv")

        @asset(partitions=Dynamic("raw"))
        def clean(raw: pa.Table, context: Context) -> int:
            executed(f"clean@{context.partition_key}")
            return raw["n"].to_pylist()[0]
        """
    )
    assert parts.build()["clean"] == ["north|2024-01-01", "north|2024-01-02", "south|2024-01-01", "south|2024-01-02"]
    parts.project.write("data/south/2024-01-02.csv", "n\n7\n")
    assert parts.build() == {"clean": ["south|2024-01-02"]}


def test_config_and_environment_make_every_key_stale(parts):
    parts.assets(
        """
        from assetbuild import Config

        class Times(Config):
            times: int = 1

        @asset(partitions=Static(["a", "b"]))
        def part(context: Context, config: Times) -> str:
            executed(f"part@{context.partition_key}")
            return context.partition_key * config.times
        """
    )
    parts.build()
    assert parts.build("--set", "part.times=2") == {"part": ["a", "b"]}
    assert parts.causes("part", "a") == ["config"]


def test_an_asset_that_was_whole_gets_partitions_and_loses_them_again(parts):
    parts.assets("@asset\ndef part() -> str:\n    executed('part')\n    return 'x'\n")
    parts.build()
    parts.assets(
        "@asset(partitions=Static(['a', 'b']))\ndef part(context: Context) -> str:\n"
        "    executed(f'part@{context.partition_key}')\n    return context.partition_key\n"
    )
    assert parts.build() == {"part": ["a", "b"]}
    parts.assets("@asset\ndef part() -> str:\n    executed('part')\n    return 'x'\n")
    assert parts.build() == {}
    assert parts.value("part") == "x"


def test_a_source_that_grows_partitions_while_nothing_else_does(parts):
    parts.days(dict.fromkeys(JANUARY[:2], 1))
    parts.assets(
        """
        source("raw", "data/{date}.csv")

        @asset
        def newest(raw: Annotated[pa.Table, Input(partitions="last")]) -> int:
            executed("newest")
            return raw["n"].to_pylist()[0]
        """
    )
    parts.build()
    parts.days({"2024-01-01": 9})
    assert parts.build() == {}
    parts.days({"2024-01-03": 3})
    assert parts.build() == {"newest": [None]}
    assert parts.value("newest") == 3


def test_the_python_interface_knows_partitions(parts):
    from assetbuild import Project

    parts.project.write(
        "assets.py",
        """
        from assetbuild import Context, Static, asset

        @asset(partitions=Static(["a", "b", "c"]))
        def part(context: Context) -> str:
            return context.partition_key
        """,
    )
    parts.project.run("materialize")
    project = Project.open(parts.project.root)
    steps = {(step.asset, step.partition): step.status for step in project.status()}
    assert steps["part", "b"] == "fresh"
    assert project.load("part", partition="b") == "b"
    report = project.materialize("part", partition="b", force=True, jobs=0)
    assert [(row.asset, row.partition) for row in report.assets if row.outcome == "built"] == [("part", "b")]


def test_values_of_keys_that_are_gone_are_collected(parts):
    parts.assets(ONE)
    parts.build()
    parts.project.edit('Static(["a", "b", "c"])', 'Static(["a", "c"])')
    parts.build()
    parts.project.run("gc", "--keep-days", "0", "--keep-last", "1")
    assert sorted(path.name for path in parts.project.path("warehouse/part").iterdir()) == ["a.txt", "c.txt"]
    assert parts.build() == {}


def test_accept_and_clean_know_partitions(parts):
    parts.assets(ONE)
    parts.build()
    parts.project.edit("return context.partition_key", "return context.partition_key + ''")
    parts.project.run("accept", "part", "--reason", "adds nothing")
    assert parts.build() == {}
    parts.project.run("clean", "part")
    assert parts.build()["part"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            """
            @asset(key="a", partitions=Static(["b"]))
            def first(context: Context) -> str:
                return "x"

            @asset(key="a/b")
            def second() -> str:
                return "y"
            """,
            ["'a'", "'a/b'"],
        ),
        (
            """
            def listed():
                return ["x", "x"]

            @asset(partitions=Dynamic(listed))
            def part(context: Context) -> str:
                return "x"
            """,
            ["'x' is there 2 times", "assets.py:"],
        ),
        (
            """
            def listed():
                return "north"

            @asset(partitions=Dynamic(listed))
            def part(context: Context) -> str:
                return "x"
            """,
            ["part", "assets.py:"],
        ),
        (
            """
            @asset(partitions=Static(["a"]))
            def up(context: Context) -> str:
                return "x"

            @asset(partitions=Static(["a"]))
            def down(up: Annotated[str, Input(partitions=Offset(-1))]) -> str:
                return up
            """,
            ["down", "before a", "None"],
        ),
    ],
)
def test_bad_partitions_are_told_by_name(parts, body, words):
    parts.assets(body)
    said = parts.refused("materialize")
    assert [word for word in words if word not in said] == []


def test_a_function_of_keys_that_fails_is_shown_with_its_own_frames(parts):
    parts.assets(
        """
        def listed():
            raise ValueError("no network")

        @asset(partitions=Dynamic(listed))
        def part(context: Context) -> str:
            return "x"
        """
    )
    said = parts.project.run("status", exit_code=2).text
    assert "the function that gives the partitions of asset 'part' failed: ValueError: no network" in said
    assert "in listed" in said
    assert "assetbuild/plan" not in said


def test_a_mapping_by_function_holds_in_the_next_command(parts):
    parts.assets(
        """
        @asset(partitions=Static(["a", "b"]))
        def up(context: Context) -> str:
            executed(f"up@{context.partition_key}")
            return context.partition_key

        @asset(partitions=Static(["x", "y"]))
        def down(up: Annotated[str, Input(partitions=lambda key: {"x": "a", "y": "b"}[key])], context: Context) -> str:
            executed(f"down@{context.partition_key}")
            return up
        """
    )
    parts.build()
    assert parts.value("down", "y") == "b"
    assert parts.build() == {}
    assert parts.status("down") == {"x": "fresh", "y": "fresh"}


def test_an_asset_that_has_no_partitions_yet_is_no_error(parts):
    parts.assets(
        """
        source("raw", "data/{date}.csv")

        @asset(partitions=Dynamic("raw"))
        def day(raw) -> int:
            return 1

        @asset
        def total(day: dict[str, int]) -> int:
            executed("total")
            return len(day)
        """
    )
    assert parts.build() == {"total": [None]}
    assert parts.value("total") == 0
    assert parts.status("day") == {}
    assert "raw" in parts.project.run("show", "day").stdout
    assert "asset 'day' has no partitions now" in parts.refused("why", "day")
    assert "there are no partitions yet" in parts.refused("materialize", "day", "--partition", "2024-01-01")


def test_two_dimensions_are_asked_for_by_key_and_by_range(parts):
    parts.days({"2024-01-01": 1, "2024-01-02": 3, "2024-01-03": 6})
    parts.assets(MULTI)
    assert parts.build("sales", "--partition", "2024-01-02..2024-01-03|south") == {
        "sales": ["2024-01-02|south", "2024-01-03|south"]
    }
    assert parts.build("sales", "--partition", "2024-01-01|*") == {"sales": ["2024-01-01|north", "2024-01-01|south"]}
    assert "partition 'west' does not exist" in parts.refused("materialize", "sales", "--partition", "2024-01-01|west")


def test_objects_that_are_gone_are_made_anew_below_keys_that_come_from_a_value(parts):
    parts.assets("""
    names = source("names_file", "names.txt")

    @asset
    def names(names_file: str) -> list[str]:
        executed("names")
        return names_file.split()

    @asset(partitions=Dynamic("names"))
    def each(context: Context) -> str:
        executed(f"each@{context.partition_key}")
        return context.partition_key

    @asset
    def whole(each: dict[str, str]) -> int:
        executed("whole")
        return len(each)
    """)
    parts.project.write("names.txt", "a b")
    parts.build()
    parts.project.delete(".assetbuild/objects")
    parts.project.write("names.txt", "a b c")
    parts.build()
    assert parts.project.value("whole") == 3


@pytest.mark.parametrize(
    "partitions",
    [
        'Monthly("2999-02")',
        'Daily("2999-02-03")',
        'Cron("0 6 * * 1", "2999-02-03")',
        'Multi(date=Hourly("2999-02-03"), place=Static(["north"]))',
    ],
)
def test_an_asset_whose_first_window_lies_in_the_future_has_nothing_to_build(parts, partitions):
    parts.assets(
        f"""
        @asset(partitions={partitions})
        def part() -> int:
            return 1

        @asset(partitions={partitions})
        def next_part(part: int) -> int:
            return 1

        @asset
        def total(part: dict[str, int]) -> int:
            executed("total")
            return len(part)
        """
    )
    run = parts.project.run
    assert run("status", "next_part").stdout == "nothing to do: there are no partitions yet\n"
    assert run("materialize", "-n", "part").stdout == "nothing to do: there are no partitions yet\n"
    assert run("materialize", "part", "--latest", "2").stdout == "nothing to do: there are no partitions yet\n"
    assert parts.build() == {"total": [None]}
    assert parts.build() == {}
    assert parts.status("part") == {}
    assert "0 keys" in run("list", "part").stdout
    assert "partitions" in run("show", "part").stdout
    assert f"asset 'part' has no partitions now\n  partitions  {partitions[:5]}" in parts.refused("why", "part")
    assert "nothing is missing" in run("materialize", "--missing-only").stdout


def test_what_reads_windows_that_are_not_over_yet_is_built_without_them(parts):
    parts.assets(
        """
        @asset(partitions=Daily("2999-02-03"))
        def day() -> int:
            return 1

        @asset(partitions=Monthly("2024-01", end="2024-03"))
        def month(day: dict[str, int], context: Context) -> int:
            executed(f"month@{context.partition_key}")
            return len(day)
        """
    )
    assert parts.build() == {"month": ["2024-01", "2024-02"]}
    assert parts.build() == {}


def test_the_doctor_looks_at_the_files_of_a_source_with_partitions(parts):
    parts.days(dict.fromkeys(JANUARY[:2], 1))
    parts.assets(
        """
        source("raw", "data/{date}.csv")
        source("fixed", "data/{date}.csv", partitions=Static(["2024-01-01", "2024-01-02", "2024-01-03"]))

        @asset
        def rows(raw: pa.Table) -> int:
            return raw.num_rows
        """
    )
    said = parts.project.run("doctor", exit_code=1).stdout
    assert "raw" not in said
    assert "source 'fixed': file 'data/2024-01-03.csv' does not exist" in said
    parts.days(dict.fromkeys(JANUARY[:3], 1))
    assert "error" not in parts.project.run("doctor").stdout
