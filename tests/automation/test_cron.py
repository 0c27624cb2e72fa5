"""Cron ticks, through the hours that come twice or not at all; lengths of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetbuild.declare.cron import cron_problem, latest_tick, next_tick, ticks_after
from assetbuild.declare.durations import duration_s, duration_text
from tests.automation.conftest import at

BERLIN = "Europe/Berlin"


def ticks(text, zone, start, number):
    """Return the next ticks as local times with their offsets."""
    moments = islice(ticks_after(text, zone, at(start, zone)), number)
    return [f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%m-%d %H:%M %z}" for moment in moments]


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("30 2 * * *", "2026-03-28 12:00", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("0,30 2 * * *", "2026-03-28 12:00", ["03-29 03:00 +0200", "03-30 02:00 +0200"]),
        ("0 2,3 * * *", "2026-03-28 12:00", ["03-29 03:00 +0200", "03-30 02:00 +0200"]),
        ("0 * * * *", "2026-03-29 00:30", ["03-29 01:00 +0100", "03-29 03:00 +0200", "03-29 04:00 +0200"]),
    ],
)
def test_a_tick_in_the_hour_that_is_missing_comes_once_right_after_it(text, start, expected):
    assert ticks(text, BERLIN, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("30 2 * * *", "2026-10-24 12:00", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("0 2,3 * * *", "2026-10-24 12:00", ["10-25 02:00 +0200", "10-25 03:00 +0100", "10-26 02:00 +0100"]),
        # An hour has passed, so what runs each hour runs.
        ("0 * * * *", "2026-10-25 01:30", ["10-25 02:00 +0200", "10-25 02:00 +0100", "10-25 03:00 +0100"]),
    ],
)
def test_a_tick_in_the_hour_that_comes_twice_comes_once(text, start, expected):
    assert ticks(text, BERLIN, start, len(expected)) == expected


def test_within_the_second_of_two_equal_hours_the_tick_of_the_first_is_past():
    inside = datetime(2026, 10, 25, 2, 15, tzinfo=ZoneInfo(BERLIN), fold=1).timestamp()
    assert next_tick("30 2 * * *", BERLIN, inside) == at("2026-10-26 02:30", BERLIN)
    assert latest_tick("30 2 * * *", BERLIN, 0, inside) == at("2026-10-25 02:30", BERLIN)


TEXTS = st.sampled_from(["0 6 * * *", "*/7 * * * *", "30 2 * * *", "15 2,3 * * MON", "0 0 29 2 *", "0 12 1 */2 *"])
ZONES = st.sampled_from(["UTC", BERLIN, "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata"])
MOMENTS = st.integers(int(at("2024-01-01 00:00")), int(at("2027-01-01 00:00")))


@given(TEXTS, ZONES, MOMENTS)
def test_the_latest_tick_is_the_one_before_the_next(text, zone, moment):
    following = next_tick(text, zone, moment)
    assert following is not None
    assert following > moment
    latest = latest_tick(text, zone, 0, following)
    assert latest == following
    before = latest_tick(text, zone, 0, following - 1)
    assert before is not None
    assert before <= moment
    assert next_tick(text, zone, before) == following


def test_the_latest_tick_is_looked_for_no_further_back_than_asked():
    assert latest_tick("0 6 * * *", "UTC", at("2026-03-01 06:00"), at("2026-03-02 05:59")) is None
    assert latest_tick("0 6 * * *", "UTC", at("2026-03-01 06:00"), at("2026-03-02 06:00")) == at("2026-03-02 06:00")


def test_names_of_common_times():
    assert ticks("@hourly", "UTC", "2026-03-01 12:10", 1) == ["03-01 13:00 +0000"]
    assert ticks("@weekly", "UTC", "2026-03-02 12:10", 1) == ["03-08 00:00 +0000"]


@pytest.mark.parametrize(
    ("text", "zone", "problem"),
    [
        ("0 6 * * *", "UTC", ""),
        ("30 6 * * mon-fri", BERLIN, ""),
        ("0 6 * *", "UTC", "needs five fields"),
        ("0 0 6 * * *", "UTC", "needs five fields"),
        ("61 * * * *", "UTC", "bad minute"),
        ("* * * * MOO", "UTC", "bad day-of-week"),
        ("0 0 31 2 *", "UTC", "bad day-of-month"),
        ("", "UTC", "needs five fields"),
        (6, "UTC", "is text"),
        ("0 6 * * *", "Europe/Bärlin", "'Europe/Bärlin' is not known"),
        ("0 6 * * *", "Europe", "'Europe' is not known"),
        ("0 6 * * *", "../etc/passwd", "is not known"),
        ("0 6 * * *", None, "None is not known"),
    ],
)
def test_a_cron_text_that_cannot_be_meant_is_told(text, zone, problem):
    assert (problem in cron_problem(text, zone)) if problem else cron_problem(text, zone) == ""


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("30s", 30), ("5m", 300), ("5 min", 300), ("6h", 21600), ("1d", 86400), ("1h30m", 5400), ("500ms", 0.5),
     ("1.5h", 5400), (90, 90), (0.5, 0.5), (timedelta(minutes=2), 120), ("2w", 1209600)],
)  # fmt: skip
def test_lengths_of_time(said, seconds):
    assert duration_s(said) == seconds
    assert duration_s(duration_text(seconds)) == seconds


@pytest.mark.parametrize("said", ["", "soon", "5", "5 parsecs", "-5m", 0, -1, True, None, [5], float("inf"), "0s"])
def test_no_length_of_time(said):
    with pytest.raises(ValueError, match="is no length of time"):
        duration_s(said)
