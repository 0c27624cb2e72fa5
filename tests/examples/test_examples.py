"""Each example builds from a copy, and a second build runs nothing."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.docs.pages import edited
from tests.examples.sample_flights import write_sample
from tests.harness.commands import base_environment, run_cold
from tests.harness.contract import check_report
from tests.harness.warehouse import tables_in

EXAMPLES = Path(__file__).parents[2] / "examples"
IGNORED = shutil.ignore_patterns(".assetbuild", "warehouse", "data", ".demo", "__pycache__")


class Example:
    """A copy of one example in a temporary folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.root = folder / name
        self.home = folder
        shutil.copytree(EXAMPLES / name, self.root, ignore=IGNORED)

    def build(self, *arguments: str) -> dict[str, list[str]]:
        """Materialize; return the assets that were built, each with the kinds of its causes."""
        return {asset: kinds for (asset, _), kinds in self.partitions(*arguments).items()}

    def partitions(self, *arguments: str) -> dict[tuple[str, str | None], list[str]]:
        """Materialize; return what was built by asset and partition."""
        ran = run_cold(["materialize", *arguments, "--json"], cwd=self.root, env=base_environment(self.home))
        assert ran.exit_code == 0, ran
        check_report(ran.json)
        return {
            (entry["asset"], entry["partition"]): sorted({cause["kind"] for cause in entry["causes"]})
            for entry in ran.json["assets"]
            if entry["outcome"] == "built"
        }

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        path.write_text(edited(path.read_text(), f"-{old}\n+{new}\n"))

    def path(self, name: str) -> Path:
        return self.root / "warehouse" / name

    def rows(self, key: str) -> list[dict[str, object]]:
        """Return the rows of a table that is stored as Parquet, in one file or in one for each partition."""
        whole = self.path(f"{key}.parquet")
        files = [whole] if whole.exists() else sorted(self.path(key).glob("*.parquet"))
        return [row for file in files for row in pq.ParquetFile(file).read(use_threads=False).to_pylist()]


def test_hello(tmp_path):
    hello = Example("hello", tmp_path)
    assert hello.build() == {"numbers": ["missing"], "total": ["missing"]}
    assert hello.path("total.json").read_text().strip() == "6"
    assert hello.build() == {}
    hello.edit("assets.py", "    return [3, 1, 2]", "    return [3, 1, 2, 0]")
    assert hello.build() == {"numbers": ["code"], "total": ["data"]}


def test_files(tmp_path):
    files = Example("files", tmp_path)
    assert list(files.build()) == ["words", "counts", "chart", "page", "packed"]
    assert json.loads(files.path("words.json").read_text())[:3] == ["the", "owl", "and"]
    assert pickle.loads(files.path("counts.pkl").read_bytes())["a"] == 2
    assert files.path("page.txt").read_text().startswith("  2 the\n")
    assert files.path("packed.bin").read_bytes()[:2] == b"\x1f\x8b"
    assert files.path("chart.svg").read_text().startswith("<svg")
    assert files.build() == {}


def test_own_io_manager(tmp_path):
    own = Example("own_io_manager", tmp_path)
    assert own.build() == {"orders": ["missing"], "dear": ["missing"]}
    assert own.path("dear.csv").read_text() == "item;pounds\nhoney;3\nboat;120\n"
    assert own.build() == {}
    own.edit("pyproject.toml", 'delimiter = ";"', 'delimiter = "|"')
    assert own.build() == {"orders": ["io_manager"], "dear": ["data", "io_manager"]}
    assert own.path("dear.csv").read_text() == "item|pounds\nhoney|3\nboat|120\n"


@pytest.fixture(scope="module")
def built_flights(tmp_path_factory):
    flights = Example("flights", tmp_path_factory.mktemp("flights"))
    write_sample(flights.root / "data")
    flights.edit(
        "flights/days.py", 'FIRST, AFTER = "2013-01-01", "2014-01-01"', 'FIRST, AFTER = "2013-11-01", "2013-12-01"'
    )
    assert len(flights.build()) == 22
    return flights


@pytest.fixture
def flights(built_flights, tmp_path):
    """The flights example, built; each test gets a copy."""
    shutil.copytree(built_flights.root, tmp_path / "flights", dirs_exist_ok=True)
    copy = Example.__new__(Example)
    copy.root, copy.home = tmp_path / "flights", tmp_path
    return copy


def test_flights_runs_nothing_twice(flights):
    assert flights.build() == {}


def test_flights_runs_what_a_threshold_decides(flights):
    flights.edit("pyproject.toml", "minutes = 15", "minutes = 30")
    assert flights.build() == {
        "late_flights": ["config"],
        "carrier_ranking": ["data"],
        "summary": ["data"],
        "report": ["data"],
    }
    flights.edit("pyproject.toml", "minutes = 30", "minutes = 15")
    assert flights.build() == {}


def test_flights_stops_at_an_equal_table(flights):
    flights.edit("flights/raw.py", "MAX_WIND_MPH = 200", "MAX_WIND_MPH = 250")
    assert flights.build() == {"weather": ["code"]}


def test_flights_follows_a_helper_across_modules(flights):
    flights.edit(
        "flights/clock.py",
        "    return moment.dt.convert_time_zone(NEW_YORK).dt.hour()",
        "    return moment.dt.convert_time_zone(NEW_YORK).dt.hour() + 0",
    )
    assert flights.build() == {"delays/hour": ["code"], "features/flights": ["code"]}


def test_flights_follow_one_day_to_its_month_and_the_days_that_look_back_at_it(flights):
    day = flights.root / "data/flights/2013-11-03.csv"
    text = day.read_text()
    day.write_text(text.replace(",620,600,20,905,900,5,", ",630,600,30,915,900,15,"))
    built = flights.partitions()
    week = [("delays/week", f"2013-11-{number:02}") for number in range(3, 10)]
    november = [("delays/carrier_month", f"2013-11|{carrier}") for carrier in ("AA", "B6", "DL", "EV", "MQ", "UA")]
    assert [place for place in built if place[1]] == [
        ("flights", "2013-11-03"),
        ("delays/day", "2013-11-03"),
        ("delays/month", "2013-11"),
        *november,
        *week,
    ]
    assert ("delays/carrier", None) in built
    assert ("features/congestion", None) not in built
    day.write_text(text)
    assert flights.partitions() == {}


def test_flights_are_built_as_far_as_is_asked_for(flights):
    flights.edit(
        "flights/reports.py",
        '    left = int(sums["flights"].sum()) - int(sums["cancelled"].sum())',
        '    left = int((sums["flights"] - sums["cancelled"]).sum())',
    )
    assert flights.build("delays/week", "--partition", "2013-11-03") == {"delays/week": ["code"]}
    assert set(flights.partitions("delays/carrier_month", "--partition", "2013-11|*")) == {
        ("delays/carrier_month", f"2013-11|{carrier}") for carrier in ("AA", "B6", "DL", "EV", "MQ", "UA")
    }


def test_flights_leave_and_land_on_the_right_day(built_flights):
    moments = {
        row["flight"]: [
            row[name] and row[name].strftime("%m-%dT%H:%M") for name in ("scheduled_at", "departed_at", "arrived_at")
        ]
        for row in built_flights.rows("flights")
    }
    assert moments[1545] == ["11-04T10:15", "11-04T10:17", "11-04T14:30"]
    assert moments[707] == [
        "11-05T04:59",
        "11-05T05:42",
        "11-05T09:18",
    ]  # printed 42, 518: after midnight, in Puerto Rico
    assert moments[100] == ["11-05T04:45", "11-05T05:00", "11-05T07:35"]  # printed 2400
    assert moments[4308] == ["11-04T21:30", None, None]  # cancelled
    assert moments[4525] == ["11-04T20:30", "11-04T20:25", None]  # diverted
    assert moments[301] == ["11-01T10:00", "11-01T10:00", "11-01T12:21"]  # summer time


def test_flights_meet_the_weather_of_their_hour_once(built_flights):
    rows = {row["flight_id"]: row for row in built_flights.rows("features/flights")}
    assert len(rows) == 12
    by_flight = {row["flight"]: rows[row["flight_id"]] for row in built_flights.rows("flights")}
    assert by_flight[745]["temperature_f"] == 53.96  # the first of two local hours 1
    assert by_flight[4308]["wind_mph"] is None  # the broken sensor
    assert by_flight[303]["temperature_f"] is None  # nobody measured
    assert by_flight[100]["previous_delay"] == 2
    assert by_flight[4525]["previous_delay"] is None  # no plane is named
    assert by_flight[200]["plane_age"] == 14


def test_flights_reports(built_flights):
    tables = tables_in(built_flights.path("warehouse.duckdb"))
    assert tables["delays/weather"]["weather"] == ["rain", "wind", "fog", "unknown", "fair", "heavy rain"]
    assert tables["delays/carrier"]["cancelled"] == [0, 0, 0, 1, 0, 0]
    assert json.loads(built_flights.path("summary.json").read_text()) == {
        "flights": 12,
        "carriers": 6,
        "destinations": 6,
        "cancelled": 1,
        "diverted": 1,
        "late": 5,
        "mean_dep_delay": 14.0,
    }
    ranking = [(row["carrier"], row["late_percent"]) for row in built_flights.rows("carrier_ranking")]
    assert ranking == [("EV", 100.0), ("UA", 66.7), ("AA", 50.0), ("B6", 33.3), ("DL", 0.0), ("MQ", 0.0)]
    assert "ExpressJet Airlines Inc." in built_flights.path("report.html").read_text()
