"""Schedules: ticks, sleeps, failures."""

from __future__ import annotations

from tests.automation.conftest import shown

NIGHTLY = """
@asset(group="reports")
def report() -> int:
    return 1

schedule("nightly", "0 6 * * *", selection="group:reports", catch_up="{catch_up}")
"""


def test_a_schedule_asks_for_its_selection_at_each_tick(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    automation = shop.start()
    assert shown(automation.next_due(shop.now)) == "2026-03-02 06:00"
    shop.sleep_until("2026-03-02 05:59")
    assert shop.due() == []
    shop.sleep_until("2026-03-02 06:00")
    (request,) = shop.due()
    assert (request.selection, request.reason) == (("group:reports",), "schedule 'nightly', 2026-03-02 06:00 UTC")
    assert automation.next_due(shop.now) is None  # its build goes on
    shop.done([request])
    assert shown(automation.next_due(shop.now)) == "2026-03-03 06:00"
    assert shop.outcomes("schedule", "nightly") == ["requested"]


def test_what_is_fresh_at_a_tick_is_not_built(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    shop.start()
    assert shop.build() == ["report"]
    shop.sleep_until("2026-03-02 06:00")
    assert shop.serve() == [("group:reports",)]
    assert shop.project.runs(1)[0].counts == {"fresh": 1}


def test_ticks_missed_in_a_sleep_are_made_up_for_once(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    shop.start()
    shop.sleep_until("2026-03-09 09:30")
    (request,) = shop.due()
    assert request.reason == "schedule 'nightly', 2026-03-09 06:00 UTC"
    shop.done([request])
    assert shop.ticks("schedule", "nightly")[0].message == "7 ticks before it missed"
    assert shop.due() == []
    assert shown(shop.watching.next_due(shop.now)) == "2026-03-10 06:00"


def test_ticks_missed_in_a_sleep_are_skipped_where_that_is_declared(shop):
    shop.declare(NIGHTLY.format(catch_up="skip"))
    shop.start()
    shop.sleep_until("2026-03-09 09:30")
    assert shop.due() == []
    assert shop.watching.notices() == ["schedule 'nightly': 8 ticks missed, not made up for"]
    assert shop.outcomes("schedule", "nightly") == ["missed"]
    shop.sleep_until("2026-03-10 06:00")
    assert len(shop.due()) == 1


def test_a_tick_that_is_a_little_late_is_not_skipped(shop):
    shop.declare(NIGHTLY.format(catch_up="skip"))
    shop.start()
    shop.sleep_until("2026-03-02 06:04")
    assert len(shop.due()) == 1


def test_a_watcher_that_starts_again_makes_up_for_what_it_missed(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    shop.start().close()
    shop.sleep_until("2026-03-02 09:00")
    shop.start()
    shop.done(shop.due())
    shop.start()
    assert shop.due() == []


def test_a_schedule_that_is_new_has_missed_nothing(shop):
    shop.declare(NIGHTLY.format(catch_up="once").replace("0 6", "* *"))
    shop.start()
    assert shop.due() == []


def test_new_times_do_not_make_up_for_ticks_of_the_past(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    shop.start()
    shop.sleep_until("2026-03-01 18:00")
    shop.declare(NIGHTLY.format(catch_up="once").replace("0 6 *", "0 15 *"))
    shop.reload()
    assert shop.due() == []
    assert shown(shop.watching.next_due(shop.now)) == "2026-03-02 15:00"


def test_a_function_gets_the_tick_in_its_time_zone_and_asks(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @schedule("30 6 * * MON-FRI", timezone="Europe/Berlin", selection="report")
        def weekdays(context):
            context.log.info("tick")
            yield RunRequest(run_key=f"{context.scheduled_at:%Y-%m-%d %H:%M %z}")
    """)
    shop.start()
    shop.sleep_until("2026-03-02 06:30", "Europe/Berlin")
    (request,) = shop.due()
    assert (request.selection, request.run_key) == (("report",), "2026-03-02 06:30 +0100")
    assert request.reason == "schedule 'weekdays', 2026-03-02 06:30 CET"
    shop.done([request])
    assert shop.ticks("schedule", "weekdays")[0].log == "INFO tick"


def test_a_tick_at_a_time_that_does_not_exist_comes_once(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        schedule("nightly", "30 2 * * *", timezone="Europe/Berlin")
    """)
    shop.sleep_until("2026-03-28 12:00", "Europe/Berlin")
    automation = shop.start()
    seen: list[str] = []
    while len(seen) < 3:
        shop.now = automation.next_due(shop.now)
        seen.append(shown(shop.now, "Europe/Berlin"))
        shop.done(shop.due())
    assert seen == ["2026-03-29 03:00", "2026-03-30 02:30", "2026-03-31 02:30"]


def test_a_function_that_raises_is_tried_again_until_the_next_tick(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @schedule("0 * * * *", catch_up="skip")
        def hourly(context):
            if not (HERE / "mended").exists():
                raise ConnectionError("no route to host")
            return RunRequest("report", run_key=str(context.scheduled_at))
    """)
    automation = shop.start()
    times = []
    for _ in range(7):
        shop.now = automation.next_due(shop.now)
        times.append(shown(shop.now)[-5:])
        assert shop.due() == []
    assert times == ["13:00", "13:02", "13:06", "13:14", "13:30", "14:00", "15:00"]
    shop.write("mended", "")
    shop.now = automation.next_due(shop.now)
    (request,) = shop.due()
    assert request.run_key == "2026-03-01 16:00:00+00:00"


def test_a_build_that_cannot_begin_is_tried_again(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    automation = shop.start()
    shop.sleep_until("2026-03-02 06:00")
    (request,) = shop.due()
    automation.finished(request, None, now=shop.now, error="the project folder cannot be written")
    assert automation.notices() == ["schedule 'nightly': the project folder cannot be written"]
    shop.now += 120
    assert len(shop.due()) == 1


def test_lines_for_the_live_view(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    automation = shop.start()
    assert automation.lines(shop.now) == ["schedule 'nightly'  in 18h"]
    shop.sleep_until("2026-03-02 06:00")
    requests = shop.due()
    assert automation.lines(shop.now) == ["schedule 'nightly'  now"]
    shop.done(requests)
    shop.sleep_until("2026-03-02 06:01")
    assert automation.lines(shop.now) == ["schedule 'nightly'  in 23h59m  last: requested 1m ago"]


def test_a_record_that_cannot_be_written_stops_nothing(shop):
    shop.declare(NIGHTLY.format(catch_up="once"))
    automation = shop.start()
    folder = shop.root / ".assetbuild"
    for path in [folder / "state.db", folder / "state.db-wal", folder / "state.db-shm"]:
        path.unlink(missing_ok=True)
    (folder / "state.db").mkdir()
    shop.sleep_until("2026-03-02 06:00")
    shop.done(shop.due())
    assert any("ticks are not recorded" in notice for notice in automation.notices())
    assert shop.due() == []
    assert shown(automation.next_due(shop.now)) == "2026-03-03 06:00"
