"""Definitions of partitions: keys, windows, daylight saving, what is wrong with them, and how keys are asked for."""

from __future__ import annotations

import pickle
import time
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetbuild import (
    Context,
    Cron,
    Daily,
    Dynamic,
    Hourly,
    Input,
    Monthly,
    Multi,
    Static,
    Weekly,
    Yearly,
    asset,
    source,
)
from assetbuild.declare.partitions import KeySet, key_problems, ranges_text
from assetbuild.errors import UsageError

NOW = datetime(2024, 3, 15, 10, 30, tzinfo=UTC)
DAYS = Daily("2013-01-01", end="2014-01-01")
CARRIERS = Static(["AA", "UA", "WN"])
BOTH = Multi(date=DAYS, carrier=CARRIERS)


@pytest.mark.parametrize(
    ("definition", "count", "first", "last"),
    [
        (Hourly("2013-01-01", end="2013-01-02"), 24, "2013-01-01T00", "2013-01-01T23"),
        (Daily("2013-01-01", end="2014-01-01"), 365, "2013-01-01", "2013-12-31"),
        (Weekly("2013-01-07", end="2014-01-01"), 51, "2013-01-07", "2013-12-23"),
        (Monthly("2013-01", end="2014-01"), 12, "2013-01", "2013-12"),
        (Yearly("2011", end="2014"), 3, "2011", "2013"),
        (Cron("0 6 * * *", "2013-01-01", end="2013-01-04"), 2, "2013-01-01T0600", "2013-01-02T0600"),
        (CARRIERS, 3, "AA", "WN"),
        (BOTH, 1095, "2013-01-01|AA", "2013-12-31|WN"),
    ],
    ids=lambda value: value.describe() if hasattr(value, "describe") else None,
)
def test_the_keys_have_one_form(definition, count, first, last):
    keys = definition.key_set(NOW)
    assert (len(keys), keys[0], keys[-1]) == (count, first, last)
    assert definition.problems() == ()


@pytest.mark.parametrize(
    ("definition", "last"),
    [
        (Hourly("2024-03-01"), "2024-03-15T09"),
        (Daily("2024-03-01"), "2024-03-14"),
        (Weekly("2024-03-04"), "2024-03-04"),
        (Monthly("2024-01"), "2024-02"),
        (Yearly("2020"), "2023"),
        (Cron("0 6,12 * * *", "2024-03-01"), "2024-03-14T1200"),
        (Daily("2024-03-01", timezone="Asia/Tokyo"), "2024-03-14"),
        (Daily("2024-03-01", timezone="Pacific/Kiritimati"), "2024-03-15"),
    ],
    ids=lambda value: value.describe() if hasattr(value, "describe") else None,
)
def test_without_an_end_the_last_window_is_the_last_that_is_over(definition, last):
    at = NOW if definition.timezone != "Pacific/Kiritimati" else NOW + timedelta(hours=2)
    assert definition.key_set(at)[-1] == last


def test_a_definition_that_starts_later_has_no_keys_yet():
    assert len(Daily("2030-01-01").key_set(NOW)) == 0
    assert Daily("2030-01-01").problems() == ()


def test_only_whole_windows_are_partitions():
    assert list(Monthly("2013-01-15", end="2013-04-15").key_set(NOW)) == ["2013-02", "2013-03"]
    assert list(Daily("2013-01-01T06:00", end="2013-01-03T06:00").key_set(NOW)) == ["2013-01-02"]


def test_weeks_begin_on_the_weekday_of_the_start():
    assert list(Weekly("2013-01-02", end="2013-01-23").key_set(NOW)) == ["2013-01-02", "2013-01-09", "2013-01-16"]
    assert Weekly("2013-01-02").window("2013-01-03") is None


def test_a_start_may_be_text_a_date_or_a_moment():
    said: list[str | date] = [
        "2013-01-01",
        date(2013, 1, 1),
        datetime(2013, 1, 1, tzinfo=UTC),
        "2013-01-01T00:00+00:00",
        "2013",
        "2013-01",
    ]
    assert {Daily(start, end="2014") for start in said} == {DAYS}


def test_a_moment_with_a_zone_is_read_in_the_zone_of_the_definition():
    start = datetime(2012, 12, 31, 23, tzinfo=UTC)
    assert Daily(start, timezone="Europe/Berlin") == Daily("2013-01-01", timezone="Europe/Berlin")


@pytest.mark.parametrize("definition", [DAYS, CARRIERS, BOTH, Cron("0 6 * * *", "2013"), Dynamic("raw/shops")])
def test_definitions_are_values(definition):
    copy = pickle.loads(pickle.dumps(definition))
    assert copy == definition
    assert hash(copy) == hash(definition)
    assert copy.describe() == definition.describe()
    with pytest.raises(FrozenInstanceError):
        setattr(definition, fields(definition)[0].name, "2000")


def test_different_kinds_with_equal_arguments_differ():
    assert len({Daily("2013-01-01"), Monthly("2013-01-01"), Yearly("2013-01-01")}) == 3


def test_key_sets_are_made_once():
    assert Daily("2013-01-01").key_set(NOW) is Daily(date(2013, 1, 1)).key_set(NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("day", "hours", "notable"),
    [
        ("2024-03-31", 23, ["2024-03-31T01", "2024-03-31T03"]),
        ("2024-10-27", 25, ["2024-10-27T01", "2024-10-27T02", "2024-10-27T02b", "2024-10-27T03"]),
        ("2024-06-01", 24, ["2024-06-01T01", "2024-06-01T02", "2024-06-01T03"]),
    ],
)
def test_the_hours_of_a_day_are_those_of_its_zone(day, hours, notable):
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    hourly = Hourly(day, end=after, timezone="Europe/Berlin").key_set(NOW)
    window = window_of(Daily("2020-01-01", timezone="Europe/Berlin"), day)
    assert len(hourly) == hours
    assert list(hourly)[1 : 1 + len(notable)] == notable
    assert list(hourly) == sorted(hourly)
    assert (window.end.astimezone(UTC) - window.start.astimezone(UTC)) == timedelta(hours=hours)


def window_of(definition, key):
    window = definition.window(key)
    assert window is not None
    return window


def test_a_repeated_hour_has_two_windows():
    hourly = Hourly("2024-01-01", timezone="America/New_York")
    first, second = window_of(hourly, "2024-11-03T01"), window_of(hourly, "2024-11-03T01b")
    assert first.end == second.start
    assert (second.end.astimezone(UTC) - first.start.astimezone(UTC)) == timedelta(hours=2)
    assert hourly.window("2024-11-04T01b") is None
    assert hourly.window("2024-03-10T02") is None


def test_a_day_that_a_zone_left_out_has_no_key():
    keys = Daily("2011-12-29", end="2012-01-02", timezone="Pacific/Apia").key_set(NOW)
    assert list(keys) == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert Daily("2011-12-29", timezone="Pacific/Apia").window("2011-12-30") is None


def test_a_day_whose_midnight_is_skipped_starts_at_the_change():
    window = window_of(Daily("2018-01-01", timezone="America/Sao_Paulo"), "2018-11-04")
    assert window.start.isoformat() == "2018-11-04T01:00:00-02:00"


def test_cron_in_a_zone_does_as_cron_does():
    fixed = Cron("30 2 * * *", "2024-10-26", end="2024-10-29", timezone="Europe/Berlin").key_set(NOW)
    often = Cron("*/30 * * * *", "2024-10-27T02:00", end="2024-10-27T03:30", timezone="Europe/Berlin").key_set(NOW)
    assert list(fixed) == ["2024-10-26T0230", "2024-10-27T0230"]
    assert list(often) == [
        "2024-10-27T0200",
        "2024-10-27T0230",
        "2024-10-27T0200b",
        "2024-10-27T0230b",
        "2024-10-27T0300",
    ]


@pytest.mark.parametrize(
    "schedule", ["17 4 * * *", "*/20 * * * *", "0 0 1 * *", "0 9 * * 1-5", "0 0 L * *", "0 12 13 * 5"]
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_cron_ticks_are_those_of_cronsim(schedule, zone):
    from cronsim import CronSim

    start = datetime(2024, 3, 25, tzinfo=ZoneInfo(zone))
    ticks = CronSim(schedule, start - timedelta(seconds=1))
    expected = sorted({int(next(ticks).timestamp()) for _ in range(200)})[:150]
    end = datetime.fromtimestamp(expected[-1], UTC)
    keys = Cron(schedule, start, end=end, timezone=zone).key_set(NOW)
    assert list(keys.bounds) == expected


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]
KINDS = [Hourly, Daily, Weekly, Monthly, Yearly]


@given(
    kind=st.sampled_from(KINDS),
    zone=st.sampled_from(ZONES),
    start=st.dates(date(1995, 1, 1), date(2035, 1, 1)),
    days=st.integers(1, 400),
)
@settings(max_examples=80, deadline=None)
def test_windows_tile_the_time_line(kind, zone, start, days):
    days = days if kind is not Hourly else days % 40 + 1
    definition = kind(start, end=start + timedelta(days=days), timezone=zone)
    keys = definition.key_set(NOW)
    windows = [definition.window(key) for key in keys]
    assert len(set(keys)) == len(keys)
    assert all(before.end.timestamp() == after.start.timestamp() for before, after in pairwise(windows))
    assert [window.start.timestamp() for window in windows] == list(keys.bounds[:-1])
    assert [window.end.timestamp() for window in windows] == list(keys.bounds[1:])
    assert all(keys.index_of(key) == index for index, key in enumerate(keys))
    if windows:
        zoned = datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(zone))
        assert windows[0].start.timestamp() >= zoned.timestamp()
        assert windows[-1].end.timestamp() <= (zoned + timedelta(days=days)).timestamp() + 3600


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_every_key_of_several_dimensions_has_its_index(sizes):
    definition = Multi(**{f"d{n}": Static([f"k{n}{at}" for at in range(size)]) for n, size in enumerate(sizes)})
    keys = definition.key_set(NOW)
    assert list(keys) == [keys[index] for index in range(len(keys))]
    assert all(keys.index_of(key) == index for index, key in enumerate(keys))
    assert keys[-1] == keys[len(keys) - 1]
    assert keys[:2] == tuple(list(keys)[:2])
    with pytest.raises(IndexError):
        keys[len(keys)]


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (Static([]), "Static has no keys"),
        (Static("AA"), "the keys of Static are a list, not text: write Static(['AA'])"),
        (Static(["a", "b", "a"]), "the partition key 'a' is there 2 times"),
        (Static(["UA", "ua"]), "the partition keys 'UA' and 'ua' share a file on disks that fold case"),
        (Static(["a", ""]), "a partition key is empty"),
        (Static([1]), "a partition key is text, not int: 1"),  # type: ignore[list-item]
        (Static(["../x"]), "the partition key '../x' cannot be used: '.', '*' and '..' have another meaning"),
        (Static(["a/b"]), "the partition key 'a/b' cannot be used: a slash would be a folder"),
        (Static([" a"]), "the partition key ' a' begins or ends with a space"),
        (Static(["a\nb"]), "the partition key 'a\\nb' has a control character"),
        (Static(["x" * 300]), "the partition key 'xxxxxxxxxxxxxxxxxxxxxxxx...' is too long for a file name"),
        (Daily("yesterday"), "Daily: start: 'yesterday' is no date: write 2013-01-31 or 2013-01-31T06:00"),
        (Daily("2013-02-30"), "Daily: start: '2013-02-30' is no date: write 2013-01-31 or 2013-01-31T06:00"),
        (Daily("2013", end="2012"), "Daily: the end 2012-01-01 is not after the start 2013-01-01"),
        (
            Monthly("2013-01-05", end="2013-02-10"),
            "Monthly: there is no whole window between 2013-01-05 and 2013-02-10",
        ),
        (
            Daily("2013", timezone="Europe/Berln"),
            "Daily: there is no time zone 'Europe/Berln' (closest: 'Europe/Berlin')",
        ),
        (Cron("daily", "2013"), "Cron: 'daily' has not five fields: minute, hour, day, month, weekday"),
        (Cron("0 25 * * *", "2013"), "Cron: '0 25 * * *' is no schedule: bad hour"),
        (Multi(date=DAYS), "Multi needs two dimensions or more, and has 1"),
        (Multi(date=DAYS, x="abc"), "dimension 'x' of Multi is no definition of partitions: 'abc'"),  # type: ignore[arg-type]
        (Multi(date=DAYS, x=BOTH), "dimension 'x' of Multi is a Multi: name its dimensions here"),
        (Multi(date=DAYS, x=Static([])), "dimension 'x': Static has no keys"),
        (Multi(date=DAYS, x=Static(["a|b"])), "dimension 'x': the key 'a|b' has a '|', which joins the dimensions"),
        (Dynamic(42), "Dynamic takes a function or the key of an asset, not int"),
        (Dynamic("a//b"), "Dynamic is given the key 'a//b', which cannot be used: a part of a key must not be empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_with_a_definition_is_said_without_raising(definition, problem):
    assert definition.problems() == (problem,)


def test_all_problems_of_keys_are_reported_up_to_a_few():
    found = key_problems(["", " a", "b/c", "d\\e", "..", "x", "x", 7])
    assert len(found) == 6
    assert found[-1] == "2 more keys like these"


def shops():
    return ["north", "south"]


def test_dynamic_says_where_its_keys_come_from():
    @asset
    def listed():
        return []

    files = source("raw/files", "data/{date}.csv")
    assert (Dynamic(shops).key, Dynamic(shops).function, Dynamic(shops).name) == (None, shops, "shops()")
    assert Dynamic(listed).key == "listed"
    assert Dynamic(files) == Dynamic("raw/files") == Dynamic(["raw", "files"])
    with pytest.raises(TypeError, match="known only to a plan"):
        Dynamic(shops).key_set(NOW)


def test_a_pickled_dynamic_has_no_function():
    kept = pickle.loads(pickle.dumps(Dynamic(lambda: ["a"])))
    assert kept.function is None
    assert kept.name.endswith("<lambda>()")


@pytest.mark.parametrize(
    ("definition", "text", "expected"),
    [
        (DAYS, "2013-01-03", range(2, 3)),
        (DAYS, "2013-01-03..2013-01-05", range(2, 5)),
        (DAYS, " 2013-12-30.. ", range(363, 365)),
        (DAYS, "..2013-01-02", range(2)),
        (CARRIERS, "AA..UA", range(2)),
        (BOTH, "2013-01-02|UA", range(4, 5)),
        (BOTH, "2013-01-01..2013-01-02|*", range(6)),
        (BOTH, "2013-01-01..2013-01-02|UA", range(1, 5, 3)),
        (BOTH, "2013-01-01..2013-01-02|AA..UA", (0, 1, 3, 4)),
        (BOTH, "*|WN", range(2, 1095, 3)),
    ],
)
def test_keys_and_ranges_are_asked_for_as_text(definition, text, expected):
    assert definition.key_set(NOW).parse(text, definition) == expected


@pytest.mark.parametrize(
    ("definition", "text", "message"),
    [
        (
            DAYS,
            "2013-1-3",
            (
                "'2013-1-3' is no key of Daily(2013-01-01..2014-01-01, UTC)\n  form        YYYY-MM-DD\n"
                "  partitions  2013-01-01..2013-12-31\n  closest     2013-01-03\nSay '2013-01-03'."
            ),
        ),
        (
            DAYS,
            "2013-12-30..2014-01-02",
            (
                "partition '2014-01-02' lies outside Daily(2013-01-01..2014-01-01, UTC)\n"
                "  partitions  2013-01-01..2013-12-31\n  closest     2013-12-31\n"
                "Say '2013-12-31', or change the definition."
            ),
        ),
        (
            DAYS,
            "2013-02-01..2013-01-01",
            "the range '2013-02-01..2013-01-01' ends before it starts\nWrite 2013-01-01..2013-02-01.",
        ),
        (
            DAYS,
            "2013-01-01...2013-02-01",
            (
                "'2013-01-01...2013-02-01' is no range of partitions\n"
                "  forms  KEY, FIRST..LAST, FIRST.. or ..LAST\nBoth ends are keys, and both are included."
            ),
        ),
        (CARRIERS, "UAL", "partition 'UAL' does not exist\n  keys     AA, UA, WN\n  closest  UA\nSay 'UA'."),
        (
            BOTH,
            "2013-01-01",
            (
                "'2013-01-01' is no key of 2 dimensions\n  form     date|carrier\n  example  2013-01-01|AA\n"
                "Say one key for each dimension, joined by '|'; '*' stands for all of them."
            ),
        ),
        (
            BOTH,
            "2013-01-01|UAL",
            "partition 'UAL' does not exist\n  dimension  carrier\n  keys       AA, UA, WN\n  closest    UA\nSay 'UA'.",
        ),
        (
            Daily("2024-03-01"),
            "2024-03-15",
            (
                "partition '2024-03-15' lies outside Daily(2024-03-01.., UTC)\n  partitions  2024-03-01..2024-03-14\n"
                "  closest     2024-03-14\nA window becomes a partition when it is over."
            ),
        ),
        (
            Daily("2030-01-01"),
            "2030-01-01",
            (
                "partition '2030-01-01' does not exist: there are no partitions yet\n  of  Daily(2030-01-01.., UTC)\n"
                "A window becomes a partition when it is over."
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else None,
)
def test_a_key_that_is_not_there_is_explained(definition, text, message):
    with pytest.raises(UsageError) as caught:
        definition.key_set(NOW).parse(text, definition)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("definition", "indices", "text"),
    [
        (DAYS, range(365), "2013-01-01..2013-12-31"),
        (DAYS, [0], "2013-01-01"),
        (DAYS, [1, 0], "2013-01-01, 2013-01-02"),
        (
            DAYS,
            [*range(90), 91, 100, 200, 300, 301],
            "2013-01-01..2013-03-31, 2013-04-02, 2013-04-11, 2013-07-20 and 2 more",
        ),
        (DAYS, [], ""),
        (CARRIERS, range(3), "AA..WN"),
        (BOTH, range(1, 10), "2013-01-01|UA, 2013-01-01|WN, 2013-01-02..2013-01-03|*, 2013-01-04|AA"),
        (BOTH, [*range(6), 9], "2013-01-01..2013-01-02|*, 2013-01-04|AA"),
        (BOTH, range(1095), "2013-01-01..2013-12-31|*"),
        (BOTH, range(1, 1094, 3), "2013-01-01..2013-12-31|UA"),
        (BOTH, [1, 4, 7, 11], "2013-01-01..2013-01-03|UA, 2013-01-04|WN"),
    ],
)
def test_indices_are_shown_as_ranges(definition, indices, text):
    assert ranges_text(definition.key_set(NOW), indices) == text


@given(st.sets(st.integers(0, 364)), st.integers(1, 500))
def test_ranges_name_every_index_once(indices, limit):
    keys = DAYS.key_set(NOW)
    text = ranges_text(keys, indices, limit=limit)
    shown, _, more = text.partition(" and ")
    named = [index for part in shown.split(", ") if part for index in keys.parse(part, DAYS)]
    assert named == sorted(indices)[: len(named)]
    assert len(indices) - len(named) == int(more.split(" ")[0] if more else 0)


@pytest.mark.parametrize(
    "definition",
    [Daily("1753-01-01"), Hourly("2012-10-20"), Static([f"shop-{n}" for n in range(100_000)])],
    ids=lambda definition: type(definition).__name__,
)
def test_a_hundred_thousand_keys_cost_little(definition):
    began = time.process_time()
    keys = definition.key_set(NOW)
    assert definition.problems() == ()
    assert keys.index_of(keys[-1]) == len(keys) - 1
    # On the machine of the figures in the documentation, 0.13 s; here a bound that catches a quadratic step.
    assert time.process_time() - began < 2
    assert len(keys) > 98_000


def test_a_product_of_dimensions_is_never_made():
    keys = Multi(hour=Hourly("2013", end="2024"), shop=Static([f"s{n}" for n in range(50_000)])).key_set(NOW)
    assert len(keys) == 96_408 * 50_000
    assert keys.index_of(keys[-1]) == len(keys) - 1


def test_an_empty_key_set_has_nothing():
    keys = KeySet([])
    assert (len(keys), list(keys), keys.index_of("a"), "a" in keys) == (0, [], None, False)


def test_an_asset_says_how_many_partitions_a_call_takes():
    def made(**said):
        return asset(partitions=DAYS, **said)(shops)

    assert [made(batch=said).batch for said in (False, True, 1, 10)] == [None, 0, 1, 10]
    assert (made(split_by="date").batch, made(split_by="date").split_by) == (0, "date")
    assert made(batch=0).problems == ("batch=0 is no number of partitions: write True for all of them, or 1 or more",)
    assert made(split_by=3).problems == ("split_by=3 names no column",)
    assert asset(batch=True)(shops).problems == ("batch is for assets with partitions",)
    assert asset(split_by="date")(shops).problems == ("split_by is for assets with partitions",)


def test_a_source_is_partitioned_by_the_names_in_its_path():
    assert source("a", "data/{date}.csv").dimensions == ("date",)
    assert source("a", "data/{year}/{shop}-{year}.csv").dimensions == ("year", "shop")
    assert source("a", "data/*.csv").dimensions == ()
    assert source("a", "data/{date}.csv", partitions=DAYS).problems == ()
    assert source("a", "data/{date}/{carrier}.csv", partitions=BOTH).problems == ()
    assert source("a", "{carrier}/{date}.csv", partitions=BOTH).problems == (
        "the path '{carrier}/{date}.csv' names carrier, date, and the dimensions of 'partitions' are date, carrier",
    )
    assert source("a", "{x}/{y}.csv", partitions=DAYS).problems == (
        "the path '{x}/{y}.csv' names x, y, and 'partitions' has one dimension",
    )


def test_a_context_made_by_hand_knows_its_partitions():
    one = Context(asset_key="a", run_id="r", partition_key="2013-01-01", partition_window=DAYS.window("2013-01-01"))
    many = Context(asset_key="a", run_id="r", partition_keys=["x", "y"])
    assert (one.partition_key, one.partition_keys) == ("2013-01-01", ("2013-01-01",))
    assert one.partition_window is not None
    assert one.partition_window.end == datetime(2013, 1, 2, tzinfo=UTC)
    assert (many.partition_key, many.partition_keys, many.partition_window) == (None, ("x", "y"), None)


def test_an_input_shows_what_was_said():
    assert repr(Input("a", partitions="last", key_column="day")) == "Input('a', partitions='last', key_column='day')"
