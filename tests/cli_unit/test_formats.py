from __future__ import annotations

import pytest

from assetbuild.cli.formats import (
    ago,
    all_fresh,
    cell_width,
    clip,
    counted,
    counts_text,
    duration,
    enumerated,
    last_line,
    one_line,
    padded,
    size,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.1, "0.00 s"),
        (0, "0.00 s"),
        (0.036, "0.04 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (7530, "2 h 05 min"),
        (360_000, "4 d 04 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (34_400_000, "34 MB"), (999_900, "1.0 MB"), (3e15, "3,000 TB")],
)
def test_sizes(size_bytes, text):
    assert size(size_bytes) == text


@pytest.mark.parametrize(
    ("passed_s", "text"),
    [
        (5, "just now"),
        (-5, "just now"),
        (300, "5 min ago"),
        (7300, "2 h ago"),
        (86_400, "1 day ago"),
        (1e6, "11 days ago"),
    ],
)
def test_times_gone_by(passed_s, text):
    assert ago(1_000_000, 1_000_000 + passed_s) == text


def test_counts_have_their_plural():
    assert [counted(number, "asset") for number in (0, 1, 5000)] == ["0 assets", "1 asset", "5,000 assets"]


def test_widths_are_those_of_a_terminal():
    assert [cell_width(text) for text in ("abc", "日本", "é", "e\u0301")] == [3, 4, 1, 1]
    assert padded("日本", 6) == "日本  "


def test_clipping_keeps_what_fits():
    assert clip("abcdefgh", 8) == "abcdefgh"
    assert clip("abcdefghi", 8) == "abcde..."
    assert clip("日本日本日本", 8) == "日本..."


def test_line_breaks_are_shown():
    assert one_line("a\nb") == "a\\nb"


def test_names_are_enumerated_up_to_a_number():
    assert enumerated(["a", "b"], 2) == "a, b"
    assert enumerated(iter(["a", "b", "c"]), 2) == "a, b and 1 more"
    assert enumerated([], 2) == ""


def test_counts_stand_in_the_style_of_their_names():
    assert counts_text({"built": 1234, "failed": 1}) == "1,234 built, 1 failed"
    assert counts_text({"built": 2}, lambda text, name: f"<{name}>{text}") == "<built>2 built"


def test_partitions_are_told_where_there_are_some():
    assert all_fresh(1, 1) == "nothing to do: 1 asset is fresh"
    assert all_fresh(2, 1001) == "nothing to do: 2 assets, with 1,001 partitions, are fresh"


def test_the_last_line_has_something_on_it():
    assert last_line("Traceback\n  ValueError: no \n\n") == "ValueError: no"
    assert last_line("\n") == ""
