"""What runs when one key of many changes; which keys a key reads; and what is refused."""

from __future__ import annotations

import shutil

import pytest

from tests.harness.project_folder import ProjectFolder
from tests.partitions.conftest import Parts

JANUARY = [f"2024-01-{day:02}" for day in range(1, 32)]

DAILY = """
DAYS = Daily("2024-01-01", end="2024-02-03")

source("raw", "data/{date}.csv", partitions=DAYS)

@asset(partitions=DAYS)
def daily(raw, context: Context) -> int:
    executed(f"daily@{context.partition_key}")
    return sum(raw["n"].to_pylist())

@asset(partitions=Monthly("2024-01", end="2024-02"))
def monthly(daily: dict[str, int], context: Context) -> int:
    executed(f"monthly@{context.partition_key}")
    return sum(daily.values())

@asset(partitions=DAYS)
def rolling(daily: Annotated[dict[str, int], Input(partitions=Offset(-3, 0))], context: Context) -> list[str]:
    executed(f"rolling@{context.partition_key}")
    return [f"{key}={number}" for key, number in daily.items()]

@asset
def total(daily: dict[str, int]) -> int:
    executed("total")
    return sum(daily.values())
"""
DAYS = [*JANUARY, "2024-02-01", "2024-02-02"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Thirty-three days, their month, a rolling window and a total; all built."""
    parts = Parts(ProjectFolder(tmp_path_factory.mktemp("built") / "shop"))
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    assert parts.build() == {"daily": DAYS, "monthly": ["2024-01"], "rolling": DAYS, "total": [None]}
    return parts.project


@pytest.fixture
def daily(built, request):
    """A copy of it for each test; left built, it must equal a clean build."""
    parts = Parts(built.copy(f"copy-{request.node.name[:40]}"))
    yield parts
    if parts.project.settled:
        parts.project.check_equals_clean_build()
    shutil.rmtree(parts.project.root)


def test_a_second_build_runs_nothing(daily):
    assert daily.build() == {}
    assert set(daily.status("daily").values()) == {"fresh"}
    assert daily.value("monthly", "2024-01") == 31
    assert daily.value("rolling", "2024-01-02") == ["2024-01-01=1", "2024-01-02=1"]
    assert daily.value("total") == 33


def test_one_day_changes_and_its_month_and_the_windows_that_see_it_follow(daily):
    daily.days({"2024-01-10": 5})
    assert daily.build() == {
        "daily": ["2024-01-10"],
        "monthly": ["2024-01"],
        "rolling": ["2024-01-10", "2024-01-11", "2024-01-12", "2024-01-13"],
        "total": [None],
    }
    assert daily.causes("daily", "2024-01-10") == ["data"]
    assert daily.value("monthly", "2024-01") == 35


def test_an_equal_day_stops_the_wave(daily):
    daily.project.write("data/2024-01-10.csv", "n\n0\n1\n")
    assert daily.build() == {"daily": ["2024-01-10"]}


def test_a_plan_says_pending_downstream_of_one_day(daily):
    daily.days({"2024-01-10": 5})
    assert {key for key, status in daily.status("daily").items() if status != "fresh"} == {"2024-01-10"}
    assert daily.status("monthly") == {"2024-01": "pending"}
    rolling = daily.status("rolling")
    assert [key for key, status in rolling.items() if status == "pending"] == [
        f"2024-01-{day}" for day in range(10, 14)
    ]
    assert set(rolling.values()) == {"fresh", "pending"}
    assert daily.status("total") == {None: "pending"}


def test_a_day_that_is_put_back_is_restored(daily):
    daily.days({"2024-01-10": 5})
    daily.build()
    daily.days({"2024-01-10": 1})
    assert daily.build() == {}
    assert {key for key, outcome in daily.outcomes("daily").items() if outcome == "restored"} == {"2024-01-10"}
    assert daily.outcomes("monthly") == {"2024-01": "restored"}


def test_code_that_changes_makes_every_key_stale(daily):
    daily.project.edit("return sum(raw", "return 0 + sum(raw")
    assert set(daily.status("daily").values()) == {"stale"}
    assert daily.build() == {"daily": DAYS}


def test_a_comment_makes_no_key_stale(daily):
    daily.project.edit("DAYS = Daily(", "# Up to the day before yesterday.\nDAYS = Daily(")
    assert set(daily.status("daily").values()) == {"fresh"}
    assert set(daily.status("rolling").values()) == {"fresh"}
    assert daily.build() == {}


def test_one_partition_of_changed_code_is_built_alone(daily):
    daily.project.edit("return sum(raw", "return 0 + sum(raw")
    assert daily.build("daily", "--partition", "2024-01-05") == {"daily": ["2024-01-05"]}
    statuses = daily.status("daily")
    assert statuses.pop("2024-01-05") == "fresh"
    assert set(statuses.values()) == {"stale"}


def test_a_range_is_built_and_the_rest_goes_on_from_there(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    assert parts.build("daily", "--partition", "2024-01-30..2024-02-01") == {"daily": DAYS[29:32]}
    assert parts.build("daily") == {"daily": [*DAYS[:29], DAYS[32]]}


def test_a_month_brings_its_days_along(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    assert parts.build("monthly", "--partition", "2024-01") == {"daily": JANUARY, "monthly": ["2024-01"]}


def test_a_definition_that_grows_at_either_end_builds_only_the_new_keys(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(
        DAILY.replace('DAYS = Daily("2024-01-01", end="2024-02-03")', 'DAYS = Daily("2024-01-02", end="2024-02-02")')
    )
    parts.build()
    parts.assets(DAILY)
    assert parts.build() == {
        "daily": ["2024-01-01", "2024-02-02"],
        "monthly": ["2024-01"],
        "rolling": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-02-02"],
        "total": [None],
    }
    assert parts.causes("monthly", "2024-01") in (["data"], ["dependencies"], ["partitions"], ["data", "partitions"])


def test_a_definition_that_shrinks_drops_its_keys_from_what_reads_them(daily):
    daily.project.edit('DAYS = Daily("2024-01-01", end="2024-02-03")', 'DAYS = Daily("2024-01-01", end="2024-02-02")')
    assert daily.build() == {"total": [None]}
    assert daily.value("total") == 32
    assert "2024-02-02" not in daily.status("daily")


def test_a_published_key_that_is_deleted_is_put_back(daily):
    daily.project.path("warehouse/daily/2024-01-10.json").unlink()
    statuses = daily.status("daily")
    assert statuses.pop("2024-01-10") == "missing"
    assert set(statuses.values()) == {"fresh"}
    assert daily.build() == {}
    assert daily.value("daily", "2024-01-10") == 1


def test_a_key_that_fails_leaves_the_others_and_is_all_that_is_left(daily):
    daily.days(dict.fromkeys(["2024-01-10", "2024-01-20"], 7))
    daily.project.write("data/2024-01-10.csv", "m\n7\n")
    assert daily.build("-k", exit_code=1)["daily"] == ["2024-01-20"]
    assert daily.outcomes("daily")["2024-01-10"] == "failed"
    assert daily.outcomes("monthly") == {"2024-01": "skipped"}
    assert daily.value("daily", "2024-01-10") == 1
    daily.days({"2024-01-10": 7})
    assert daily.build()["daily"] == ["2024-01-10"]
    assert daily.value("monthly", "2024-01") == 43


def test_the_latest_and_the_missing_can_be_built_alone(parts):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    assert parts.build("daily", "--latest", "2") == {"daily": DAYS[-2:]}
    parts.project.edit("return sum(raw", "return 0 + sum(raw")
    assert parts.build("daily", "--missing-only") == {"daily": DAYS[:-2]}
    assert [key for key, status in parts.status("daily").items() if status == "stale"] == DAYS[-2:]


def test_a_roll_up_is_shown_to_people(daily):
    daily.days({"2024-01-10": 5})
    daily.project.path("warehouse/daily/2024-01-20.json").unlink()
    shown = daily.project.run("status").stdout
    (line,) = [line for line in shown.splitlines() if " daily" in f" {line.strip()}" and "31 of 33" in line]
    assert "31 of 33 fresh" in line
    assert "1 stale" in line
    assert "1 missing" in line
    assert len(shown.splitlines()) < 20


FILES = """
source("raw", "data/{date}.csv")

@asset(partitions=Dynamic("raw"))
def daily(raw, context: Context) -> int:
    executed(f"daily@{context.partition_key}")
    return sum(raw["n"].to_pylist())

@asset
def total(daily: dict[str, int]) -> int:
    executed("total")
    return sum(daily.values())
"""


def test_a_new_file_is_a_new_key(parts):
    parts.days(dict.fromkeys(JANUARY[:30], 1))
    parts.assets(FILES)
    assert parts.build() == {"daily": JANUARY[:30], "total": [None]}
    parts.days({"2024-01-31": 1})
    assert parts.build() == {"daily": ["2024-01-31"], "total": [None]}
    assert parts.value("total") == 31


def test_a_file_that_goes_takes_its_key_along(parts):
    parts.days(dict.fromkeys(JANUARY[:3], 1))
    parts.assets(FILES)
    parts.build()
    parts.project.delete("data/2024-01-02.csv")
    assert parts.build() == {"total": [None]}
    assert list(parts.status("daily")) == ["2024-01-01", "2024-01-03"]
    assert parts.value("total") == 2


def test_an_unpartitioned_asset_may_read_all_files_of_a_partitioned_source(parts):
    parts.days(dict.fromkeys(JANUARY[:3], 1))
    parts.assets(
        """
        source("raw", "data/{date}.csv")

        @asset
        def rows(raw: Annotated[pa.Table, Input(key_column="date")]) -> dict[str, int]:
            executed("rows")
            return dict(zip(raw["date"].to_pylist(), raw["n"].to_pylist()))
        """
    )
    parts.build()
    assert parts.value("rows") == dict.fromkeys(JANUARY[:3], 1)
    parts.days({"2024-01-02": 4})
    assert parts.build() == {"rows": [None]}


CHAIN = """
DAYS = Daily("2024-01-01", end="2024-01-08")

source("raw", "data/{date}.csv", partitions=DAYS)

@asset(partitions=DAYS)
def highest(
    raw, context: Context, highest: Annotated[int | None, Input(partitions=Offset(-1))]
) -> int:
    executed(f"highest@{context.partition_key}")
    return max(raw["n"].to_pylist()[0], highest or 0)
"""


def test_today_reads_yesterday_and_an_equal_day_stops_the_chain(parts):
    parts.days(dict(zip(JANUARY[:7], [1, 2, 3, 9, 5, 6, 7], strict=True)))
    parts.assets(CHAIN)
    assert parts.build() == {"highest": JANUARY[:7]}
    assert [parts.value("highest", key) for key in JANUARY[:7]] == [1, 2, 3, 9, 9, 9, 9]
    parts.days({"2024-01-02": 4})
    assert parts.build() == {"highest": ["2024-01-02", "2024-01-03", "2024-01-04"]}
    assert [parts.value("highest", key) for key in JANUARY[:7]] == [1, 4, 4, 9, 9, 9, 9]


def test_a_chain_says_pending_after_the_day_that_changed(parts):
    parts.days(dict.fromkeys(JANUARY[:7], 1))
    parts.assets(CHAIN)
    parts.build()
    parts.days({"2024-01-05": 4})
    assert list(parts.status("highest").values()) == ["fresh"] * 4 + ["stale", "pending", "pending"]


LISTED = """
source("names", "names.txt")

@asset
def shops(names: str) -> list[str]:
    executed("shops")
    return names.split()

@asset(partitions=Dynamic("shops"))
def shop(context: Context) -> str:
    executed(f"shop@{context.partition_key}")
    return context.partition_key.upper()

@asset
def report(shop: dict[str, str]) -> str:
    executed("report")
    return ",".join(shop.values())
"""


def test_keys_come_from_the_value_of_an_asset(parts):
    parts.project.write("names.txt", "north south")
    parts.assets(LISTED)
    assert parts.build() == {"shops": [None], "shop": ["north", "south"], "report": [None]}
    parts.project.write("names.txt", "north west")
    assert parts.status("report") == {None: "pending"}
    assert parts.build() == {"shops": [None], "shop": ["west"], "report": [None]}
    assert parts.value("report") == "NORTH,WEST"
    assert list(parts.status("shop")) == ["north", "west"]


def test_keys_come_from_a_function(parts):
    parts.project.write("names.txt", "a b")
    parts.assets(
        """
        from pathlib import Path

        def listed():
            return Path(__file__).with_name("names.txt").read_text().split()

        @asset(partitions=Dynamic(listed))
        def part(context: Context) -> str:
            executed(f"part@{context.partition_key}")
            return context.partition_key
        """
    )
    assert parts.build() == {"part": ["a", "b"]}
    parts.project.write("names.txt", "c b")
    assert parts.build() == {"part": ["c"]}
    assert parts.build() == {}


MULTI = """
DAYS = Daily("2024-01-01", end="2024-01-04")
BOTH = Multi(date=DAYS, shop=Static(["north", "south"]))

source("raw", "data/{date}.csv", partitions=DAYS)

@asset(partitions=BOTH)
def sales(raw, context: Context) -> int:
    executed(f"sales@{context.partition_key}")
    return sum(raw["n"].to_pylist()) * (10 if context.partition_key.endswith("north") else 1)

@asset(partitions=Static(["north", "south"]))
def by_shop(sales: dict[str, int], context: Context) -> dict[str, int]:
    executed(f"by_shop@{context.partition_key}")
    return sales

@asset(partitions=BOTH)
def change(
    sales: int, before: Annotated[int | None, Input("sales", partitions={"date": Offset(-1)})], context: Context
) -> int:
    executed(f"change@{context.partition_key}")
    return sales - (before or 0)
"""


def test_two_dimensions_map_each_by_its_own(parts):
    parts.days({"2024-01-01": 1, "2024-01-02": 3, "2024-01-03": 6})
    parts.assets(MULTI)
    keys = [f"2024-01-0{day}|{shop}" for day in (1, 2, 3) for shop in ("north", "south")]
    assert parts.build() == {"sales": keys, "by_shop": ["north", "south"], "change": keys}
    assert parts.build() == {}
    parts.days({"2024-01-02": 4})
    assert parts.build() == {"sales": keys[2:4], "by_shop": ["north", "south"], "change": keys[2:]}
    assert parts.build("change", "--partition", "*|north", "--force")["change"] == keys[::2]


def test_a_dimension_that_grows_builds_only_the_new_combinations(parts):
    parts.days({"2024-01-01": 1, "2024-01-02": 3, "2024-01-03": 6})
    parts.assets(MULTI)
    parts.build()
    parts.assets(MULTI.replace('["north", "south"]', '["east", "north", "south"]'))
    new = [f"2024-01-0{day}|east" for day in (1, 2, 3)]
    assert parts.build() == {"sales": new, "by_shop": ["east"], "change": new}


BATCH = """
DAYS = Daily("2024-01-01", end="2024-01-11")

source("raw", "data/{date}.csv", partitions=DAYS)

@asset(partitions=DAYS, batch=4)
def some(raw: dict[str, pa.Table], context: Context) -> dict[str, int]:
    executed(*[f"some@{key}" for key in context.partition_keys])
    print("CALL", len(context.partition_keys), context.partition_window)
    return {key: table["n"].to_pylist()[0] for key, table in raw.items()}

@asset(partitions=DAYS, batch=True, split_by="date")
def split(raw: Annotated[pa.Table, Input(key_column="date")], context: Context) -> pa.Table:
    executed(*[f"split@{key}" for key in context.partition_keys])
    return raw

@asset(partitions=DAYS)
def after(split: pa.Table, context: Context) -> int:
    executed(f"after@{context.partition_key}")
    return split.num_rows
"""


def test_a_batch_builds_several_keys_in_one_call(parts):
    parts.days(dict.fromkeys(JANUARY[:10], 1))
    parts.assets(BATCH)
    assert parts.build() == {"some": JANUARY[:10], "split": JANUARY[:10], "after": JANUARY[:10]}
    assert parts.value("split", "2024-01-03")["n"] == [1]
    parts.days({"2024-01-03": 3, "2024-01-09": 9})
    changed = ["2024-01-03", "2024-01-09"]
    assert parts.build() == {"some": changed, "split": changed, "after": changed}
    assert parts.build() == {}


def test_functions_lists_and_names_say_which_keys_are_read(parts):
    parts.assets(
        """
        @asset(partitions=Static(["a", "b", "c"]))
        def part(context: Context) -> str:
            executed(f"part@{context.partition_key}")
            return context.partition_key

        @asset
        def listed(part: Annotated[dict, Input(partitions=["a", "c"])]) -> dict:
            executed("listed")
            return part

        @asset(partitions=Static(["x", "y"]))
        def named(
            part: Annotated[dict, Input(partitions=Keys({"x": ["a"], "y": ["b", "c"]}))], context: Context
        ) -> dict:
            executed(f"named@{context.partition_key}")
            return part

        def of(key):
            return {"x": "a", "y": "c"}[key]

        @asset(partitions=Static(["x", "y"]))
        def called(part: Annotated[str, Input(partitions=of)], context: Context) -> str:
            executed(f"called@{context.partition_key}")
            return part

        @asset
        def newest(part: Annotated[str, Input(partitions="last")]) -> str:
            executed("newest")
            return part
        """
    )
    parts.build()
    assert parts.value("listed") == {"a": "a", "c": "c"}
    assert parts.value("named", "y") == {"b": "b", "c": "c"}
    assert parts.value("called", "y") == "c"
    assert parts.value("newest") == "c"
    parts.project.edit('{"x": ["a"], "y": ["b", "c"]}', '{"x": ["a"], "y": ["b"]}')
    assert parts.build() == {"named": ["y"]}
    parts.project.edit('{"x": "a", "y": "c"}[key]', '{"x": "a", "y": "b"}[key]')
    assert parts.build() == {"called": ["y"]}


def test_a_mapping_that_is_put_another_way_reads_the_same_keys(parts):
    parts.assets(
        """
        @asset(partitions=Static(["a", "b"]))
        def part(context: Context) -> str:
            return context.partition_key

        @asset
        def listed(part: Annotated[dict, Input(partitions="all")]) -> dict:
            executed("listed")
            return part
        """
    )
    parts.build()
    parts.project.edit('partitions="all"', 'partitions=["a", "b"]')
    assert set(parts.build()) <= {"listed"}
    assert parts.value("listed") == {"a": "a", "b": "b"}


def test_the_context_knows_key_and_window(parts):
    parts.assets(
        """
        @asset(partitions=Daily("2024-03-30", end="2024-04-01", timezone="Europe/Berlin"))
        def window(context: Context) -> list:
            start, end = context.partition_window
            return [context.partition_key, list(context.partition_keys), start.isoformat(), end.isoformat()]
        """
    )
    parts.build()
    assert parts.value("window", "2024-03-31") == [
        "2024-03-31",
        ["2024-03-31"],
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
    ]


def test_parquet_and_duckdb_keep_each_key(parts):
    parts.assets(
        """
        DAYS = Daily("2024-01-01", end="2024-01-04")

        @asset(partitions=DAYS)
        def table(context: Context) -> pa.Table:
            executed(f"table@{context.partition_key}")
            return pa.table({"day": [int(context.partition_key[-1])]})

        @asset(partitions=DAYS, io_manager="duckdb")
        def rows(table: pa.Table, context: Context) -> pa.Table:
            executed(f"rows@{context.partition_key}")
            return table

        @asset
        def count(rows: pa.Table) -> int:
            return rows.num_rows
        """
    )
    parts.build()
    assert sorted(path.name for path in parts.project.path("warehouse/table").iterdir()) == [
        f"2024-01-0{day}.parquet" for day in (1, 2, 3)
    ]
    assert sorted(parts.value("rows")["day"]) == [1, 2, 3]
    assert parts.value("count") == 3
    parts.project.edit("int(context.partition_key[-1])", "int(context.partition_key[-1]) % 2")
    assert parts.build()["rows"] == ["2024-01-02", "2024-01-03"]
    assert sorted(parts.value("rows")["day"]) == [0, 1, 1]


def asset_of(partitions, more="", body="return context.partition_key"):
    return f"""
@asset(partitions={partitions}{more})
def part(context: Context):
    {body}
"""


READER = """
@asset(partitions=Static(["a", "b"]))
def up(context: Context) -> str:
    return context.partition_key

@asset(partitions={partitions})
def down(up: Annotated[{annotation}, Input(partitions={said})]) -> str:
    return str(up)
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (asset_of("Static([])"), "Static has no keys"),
        (asset_of('Static(["a", "a"])'), "the partition key 'a' is there 2 times"),
        (asset_of('Static(["../a"])'), "the partition key '../a' cannot be used"),
        (asset_of('"daily"'), "'daily'"),
        (asset_of('Daily("2024-01-01", end="2023-01-01")'), "the end 2023-01-01 is not after the start 2024-01-01"),
        (asset_of('Daily("2024-01-01", timezone="Mars")'), "there is no time zone 'Mars'"),
        (asset_of('Dynamic("nowhere")'), "'nowhere'"),
        (asset_of('Dynamic("part")'), "part"),
        (asset_of('Static(["a"])', ", batch=0"), "batch=0 is no number of partitions"),
        (READER.format(partitions='Static(["x"])', said=None, annotation="str"), "these are keys of another kind"),
        (READER.format(partitions='Static(["a"])', said="'sme'", annotation="str"), "closest: 'same'"),
        (READER.format(partitions='Static(["a"])', said="['zz']", annotation="dict"), "'zz'"),
        (READER.format(partitions='Static(["a"])', said="Keys({'a': ['zz']})", annotation="dict"), "'zz'"),
        (READER.format(partitions='Static(["a"])', said="Keys({'q': ['a']})", annotation="dict"), "'q'"),
        (READER.format(partitions='Static(["a"])', said="lambda key: 1 / 0", annotation="dict"), "ZeroDivisionError"),
        (READER.format(partitions="None", said="Offset(-1)", annotation="str"), "needs a key to count from"),
        (
            """
            @asset(partitions=Static(["a", "b"]))
            def part(part: Annotated[str | None, Input(partitions="same")]) -> str:
                return "x"
            """,
            "part",
        ),
    ],
    ids=lambda value: value if len(value) < 70 else "",
)
def test_bad_partitions_are_refused(parts, body, message):
    parts.assets(body)
    said = parts.refused("materialize")
    assert message in said
    assert "assets.py:" in said


def test_all_problems_are_reported_at_once(parts):
    parts.assets(asset_of("Static([])") + asset_of('Daily("x")').replace("def part", "def other"))
    said = parts.project.run("status", "--json", exit_code=2).json
    assert len(said["errors"]) == 2


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ("2024-1-5", "'2024-1-5' is no key of Daily(2024-01-01..2024-02-03, UTC)"),
        ("2024-03-01", "partition '2024-03-01' lies outside Daily(2024-01-01..2024-02-03, UTC)"),
        ("2024-01-05..2024-01-01", "the range '2024-01-05..2024-01-01' ends before it starts"),
        ("2024-01-01..2024-01-05..", "is no range of partitions"),
    ],
)
def test_a_partition_that_does_not_exist_is_refused(parts, partition, message):
    parts.days(dict.fromkeys(DAYS, 1))
    parts.assets(DAILY)
    assert message in parts.refused("materialize", "daily", "--partition", partition)


def test_a_partition_of_assets_without_any_is_refused(parts):
    parts.assets("@asset\ndef plain() -> int:\n    return 1\n")
    assert "partition" in parts.refused("materialize", "--partition", "2024-01-01")


def test_a_first_key_without_a_key_before_it_is_an_error_unless_none_is_allowed(parts):
    parts.days(dict.fromkeys(JANUARY[:7], 1))
    parts.assets(CHAIN.replace("int | None", "int"))
    said = parts.project.run("materialize", exit_code=None)
    assert said.exit_code in {1, 2}
    assert "before 2024-01-01" in said.text
    assert "None" in said.text


def test_a_source_without_the_file_of_a_key_is_an_error_that_names_it(parts):
    parts.days(dict.fromkeys(DAYS[:-1], 1))
    parts.assets(DAILY)
    said = parts.project.run("materialize", exit_code=None)
    assert said.exit_code in {1, 2}
    assert "2024-02-02" in said.text
