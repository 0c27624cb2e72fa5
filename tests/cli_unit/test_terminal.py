from __future__ import annotations

import errno
import io
import json

import pytest

from assetbuild.cli.terminal import Terminal
from tests.cli_unit.conftest import Screen, written


@pytest.mark.parametrize(
    ("is_terminal", "environment", "coloured"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_follows_the_stream_and_the_environment(is_terminal, environment, coloured):
    terminal = Terminal(Screen(is_terminal=is_terminal), Screen(), environment=environment)
    assert terminal.colour is coloured
    assert (terminal.style("x", "stale") != "x") is coloured


def test_a_table_is_aligned_and_only_cut_in_a_terminal(pipe, narrow):
    rows = [[("stale", "stale"), "a", "x" * 60], ["fresh", "日本", "y"], ["", "", "z"]]
    assert pipe.table(rows) == ["stale  a     " + "x" * 60, "fresh  日本  y", "             z"]
    assert [line.rstrip() for line in narrow.table(rows)] == [
        "\x1b[33mstale\x1b[0m  a     " + "x" * 44 + "...",
        "fresh  日本  y",
        "             z",
    ]


def test_results_go_to_stdout_and_warnings_to_stderr_once(pipe):
    pipe.print("result")
    pipe.warn(["w", "w"])
    pipe.warn(["w"])
    assert (pipe.stdout.getvalue(), pipe.stderr.getvalue()) == ("result\n", "warning: w\n")


def test_json_alone_goes_to_stdout():
    terminal = Terminal(Screen(), Screen(), environment={}, as_json=True)
    terminal.print("for people")
    terminal.text("for people")
    terminal.json({"key": "raw/ü", "broken": "\udcff"})
    assert written(terminal).startswith('{"key": "raw/ü"')


def test_json_is_valid_in_every_encoding():
    document = {"key": "é日😀", "broken": "\udcff"}
    for encoding in ("utf-8", "ascii", "latin-1"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace")
        Terminal(stream, Screen(), environment={}, as_json=True).json(document)
        assert json.loads(raw.getvalue().decode(encoding)) == document


def test_captured_text_keeps_its_colours_only_where_colours_show(pipe, narrow):
    for terminal in (pipe, narrow):
        terminal.text("\x1b[31mred\x1b[0m\n")
    assert (pipe.stdout.getvalue(), narrow.stdout.getvalue()) == ("red\n", "\x1b[31mred\x1b[0m\n")


@pytest.mark.parametrize(("number", "lost"), [(errno.EPIPE, ""), (errno.ENOSPC, "No space left on device")])
def test_a_reader_that_went_away_stops_nothing(number, lost):
    class Closed(Screen):
        def write(self, text):
            raise OSError(number, "No space left on device")

    terminal = Terminal(Closed(), Screen(), environment={})
    terminal.print("one")
    terminal.print("two")
    assert terminal.output_lost == lost
