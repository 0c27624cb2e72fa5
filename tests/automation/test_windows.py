"""Partitions that come into being while a watcher stays: nothing changes but the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from assetbuild import Cron, Daily, Hourly, Monthly, Weekly, Yearly
from assetbuild.materialize.events import AssetFinished, Event
from assetbuild.project import Project
from assetbuild.watch import loop
from assetbuild.watch.events import BuildRequested
from assetbuild.watch.options import WatchOptions
from tests.automation.conftest import HEADER, at, shown

DAYS = """
    from assetbuild import Daily, Monthly, Multi

    @asset(partitions=Daily("{start}", timezone="{zone}"))
    def day(context: Context) -> str:
        return context.partition_key

    @asset
    def days(day: dict[str, str]) -> list[str]:
        return list(day)

    @asset(partitions=Monthly("2025-01", end="2026-06"))
    def ended() -> int:
        return 1
"""


@pytest.mark.parametrize(
    ("definition", "now", "over"),
    [
        (Daily("2026-01-01"), "2026-03-01 12:00", "2026-03-02 00:00"),
        (Daily("2026-01-01"), "2026-03-01 00:00", "2026-03-02 00:00"),
        (Daily("2026-01-01", timezone="America/New_York"), "2026-03-07 12:00", "2026-03-08 05:00"),
        (Daily("2026-01-01", timezone="America/New_York"), "2026-03-08 12:00", "2026-03-09 04:00"),
        (Daily("2026-03-05"), "2026-03-01 12:00", "2026-03-06 00:00"),
        (Hourly("2026-01-01"), "2026-03-01 12:10", "2026-03-01 13:00"),
        (Weekly("2026-01-05"), "2026-03-01 12:00", "2026-03-02 00:00"),
        (Monthly("2026-01"), "2026-03-01 12:00", "2026-04-01 00:00"),
        (Monthly("2027-02"), "2026-03-01 12:00", "2027-03-01 00:00"),
        (Monthly("2026-02-15"), "2026-02-20 12:00", "2026-04-01 00:00"),
        (Yearly("2020"), "2026-03-01 12:00", "2027-01-01 00:00"),
        (Cron("0 0 29 2 *", "2020-01-01"), "2026-03-01 12:00", "2028-02-29 00:00"),
    ],
)
def test_the_next_key_comes_when_its_window_is_over(definition, now, over):
    moment = datetime.fromtimestamp(at(now), UTC)
    found = definition.next_key_s(moment)
    assert shown(found) == over
    before, after = (definition.key_set(datetime.fromtimestamp(found + shift, UTC)) for shift in (-1, 0))
    assert len(before) == len(definition.key_set(moment))
    assert len(after) == len(before) + 1


@pytest.mark.parametrize("definition", [Daily("2026-01-01", end="2027-01-01"), Yearly("9998")])
def test_no_further_key_may_come(definition):
    assert definition.next_key_s(datetime(2026, 3, 1, tzinfo=UTC)) is None


def test_a_watcher_is_due_when_a_window_is_over(shop):
    shop.declare(DAYS.format(start="2026-02-27", zone="UTC"))
    watching = shop.start()
    assert shown(watching.next_due(shop.now)) == shown(watching.next_tick()) == "2026-03-02 00:00"
    assert watching.new_keys(shop.now) == frozenset()
    shop.sleep_until("2026-03-02 00:00")
    assert watching.next_due(shop.now) <= shop.now
    assert watching.new_keys(shop.now) == {"day"}
    assert watching.new_keys(shop.now) == frozenset()
    assert shown(watching.next_due(shop.now)) == "2026-03-03 00:00"
    shop.sleep_until("2026-03-07 08:00")  # the machine slept: one build for all of them
    assert watching.new_keys(shop.now) == {"day"}
    assert shown(watching.next_due(shop.now)) == "2026-03-08 00:00"
    shop.sleep_until("2026-03-05 08:00")  # the clock was set back
    assert shown(watching.next_due(shop.now)) == "2026-03-06 00:00"


class Clock:
    """The clock of a loop: to wait is to let the time pass, until the moment at which the watcher is told to end."""

    def __init__(self, monkeypatch, now, end):
        self.now, self.end = at(now), at(end)
        self.watcher: Any = None
        self.longest_s = 0.0
        self._monkeypatch = monkeypatch
        self._show()

    def time(self):
        return self.now

    def wait(self, _ready, timeout_s):
        if timeout_s is None or self.now + timeout_s > self.end:
            self.watcher._leave = loop._Stop("end", 0)
        else:
            self.longest_s = max(self.longest_s, timeout_s)
            self.now += timeout_s
            self._show()
        return []

    def _show(self):
        moment = datetime.fromtimestamp(self.now, UTC).isoformat()
        self._monkeypatch.setenv("ASSETBUILD_NOW", moment)


@pytest.mark.parametrize("is_failing", [False, True])
def test_a_watcher_builds_each_day_when_it_is_over(shop, monkeypatch, is_failing):
    shop.declare(DAYS.format(start="2026-02-28", zone="Europe/Berlin"))
    if is_failing:
        with (shop.root / "assets.py").open("a") as file:
            file.write("\n@asset\ndef bad() -> int:\n    raise ValueError\n")
    clock = Clock(monkeypatch, "2026-03-01 12:00", end="2026-03-03 12:00")
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(loop, "wait", clock.wait)
    events: list[Event] = []
    watcher = loop.Watcher(Project.open(shop.root), WatchOptions(jobs=0, poll_s=3600.0, on_event=events.append))
    clock.watcher = watcher
    assert watcher.run() == 0
    assert [event.reason for event in events if isinstance(event, BuildRequested)] == [
        "start",
        "new partitions of day",
        "new partitions of day",
    ]
    built = [event.outcome.partition or event.outcome.asset for event in events if isinstance(event, AssetFinished)]
    expected = ["2026-02-28", "days", "2026-03-01", "days", "2026-03-02", "days"]
    assert [name for name in built if name in expected] == expected
    assert built.count("bad") == is_failing


def test_a_tick_that_is_far_is_waited_for_an_hour_at_a_time(shop, monkeypatch):
    shop.root.mkdir()
    shop.write("assets.py", HEADER + '\n@asset(on=cron("0 6 1 1 *"))\ndef yearly() -> int:\n    return 1\n')
    clock = Clock(monkeypatch, "2026-03-01 12:00", end="2026-03-01 13:30")
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(loop, "wait", clock.wait)
    clock.watcher = loop.Watcher(Project.open(shop.root), WatchOptions(jobs=0, poll_s=3600.0))
    assert clock.watcher.run() == 0
    assert clock.longest_s == 3600


def test_a_source_that_moved_builds_only_what_is_missing_where_that_is_asked_for(shop, monkeypatch):
    shop.declare("""
        @source(every="1m")
        def ledger() -> DataVersion:
            return DataVersion((HERE / "version.txt").read_text())

        @asset(deps=["ledger"])
        def page() -> int:
            return 1

        @asset(deps=["ledger"], on=cron("0 6 1 1 *"))
        def yearly() -> int:
            return 1
    """)
    shop.write("version.txt", "1")
    clock = Clock(monkeypatch, "2026-03-01 12:00", end="2026-03-01 12:05")
    monkeypatch.setattr(loop, "time", clock)
    reasons: list[str] = []

    def wait(ready: Any, timeout_s: Any) -> Any:
        if clock.watcher.automation is not None:
            clock.watcher.automation.settle()
        if clock.now >= at("2026-03-01 12:02"):
            shop.write("version.txt", "2")
        return clock.wait(ready, timeout_s)

    def listen(event: Event) -> None:
        if isinstance(event, BuildRequested):
            reasons.append(event.reason)
        if isinstance(event, AssetFinished) and event.outcome.outcome == "built":
            reasons.append(f"built {event.outcome.asset}")

    monkeypatch.setattr(loop, "wait", wait)
    options = WatchOptions(jobs=0, poll_s=3600.0, missing_only=True, on_event=listen)
    clock.watcher = loop.Watcher(Project.open(shop.root), options)
    assert clock.watcher.run() == 0
    assert "source ledger moved" in reasons
    assert reasons.count("built page") == 1
    assert "built yearly" not in reasons
