"""Sensors: cursors, run keys, failures, deadlines."""

from __future__ import annotations

import sys

import pytest

INBOX = """
@asset
def report() -> int:
    return 1

@sensor(every="30s")
def inbox(context):
    names = sorted(path.name for path in HERE.glob("*.txt") if path.name > (context.cursor or ""))
    if not names:
        return SkipReason("nothing new")
    context.log.info("found %d", len(names))
    context.cursor = names[-1]
    return [RunRequest("report", run_key=name) for name in names]
"""


def test_a_sensor_is_asked_at_once_and_then_every_so_often(shop):
    shop.declare(INBOX)
    automation = shop.start()
    assert automation.next_due(shop.now) == shop.now
    assert shop.due() == []
    assert automation.next_due(shop.now) == shop.now + 30
    shop.now += 29
    assert automation.due(shop.now, shop.project) == []
    assert shop.outcomes("sensor", "inbox") == ["skipped"]
    assert shop.ticks("sensor", "inbox")[0].message == "nothing new"


def test_ticks_that_skip_for_the_same_reason_are_kept_as_one(shop):
    shop.declare(INBOX)
    shop.start()
    for _ in range(5):
        shop.due()
        shop.now += 30
    (tick,) = shop.ticks("sensor", "inbox")
    assert (tick.times, tick.at) == (5, shop.now - 30)


def test_the_cursor_is_written_when_the_requests_were_carried_out(shop):
    shop.declare(INBOX)
    shop.write("a.txt", "")
    shop.write("b.txt", "")
    shop.start()
    first, second = shop.due()
    assert [request.run_key for request in (first, second)] == ["a.txt", "b.txt"]
    shop.done([first])
    assert shop.state("sensor", "inbox").cursor is None
    shop.now += 300
    assert shop.due() == []  # not asked again while its builds go on
    shop.done([second])
    state = shop.state("sensor", "inbox")
    assert (state.cursor, state.last_run_key) == ("b.txt", "b.txt")
    (tick,) = shop.ticks("sensor", "inbox")
    assert (tick.outcome, tick.log, [run["status"] for run in tick.runs]) == (
        "requested",
        "INFO found 2",
        ["success", "success"],
    )


def test_a_build_that_was_interrupted_is_asked_for_again(shop):
    shop.declare(INBOX)
    shop.write("a.txt", "")
    shop.start()
    shop.done(shop.due(), "interrupted")
    assert shop.state("sensor", "inbox").cursor is None
    shop.start()  # the watcher was ended, and starts again
    assert [request.run_key for request in shop.due()] == ["a.txt"]


def test_a_watcher_that_dies_during_the_build_asks_again(shop):
    shop.declare(INBOX)
    shop.write("a.txt", "")
    shop.start()
    assert len(shop.due()) == 1
    shop.watching.close()  # as the kernel does for a dead process
    shop.start()
    assert [request.run_key for request in shop.due()] == ["a.txt"]


def test_a_failed_asset_does_not_hold_the_cursor(shop):
    shop.declare(INBOX)
    shop.write("a.txt", "")
    shop.start()
    shop.done(shop.due(), "failed")
    assert shop.state("sensor", "inbox").cursor == "a.txt"
    assert shop.ticks("sensor", "inbox")[0].runs[0]["status"] == "failed"


def test_a_run_key_is_asked_for_once(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @sensor(every=10)
        def twice():
            yield RunRequest("report", run_key="monday")
            yield RunRequest("report", run_key="monday")
            yield RunRequest("report")
    """)
    shop.start()
    first = shop.due()
    assert [request.run_key for request in first] == ["monday", None]
    shop.done(first)
    shop.now += 10
    second = shop.due()
    assert [request.run_key for request in second] == [None]
    shop.done(second)


def test_a_run_key_that_was_asked_for_alone_is_said_in_the_tick(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @sensor
        def always():
            return RunRequest("report", run_key="monday")
    """)
    shop.start()
    shop.done(shop.due())
    shop.now += 30
    assert shop.due() == []
    assert shop.ticks("sensor", "always")[0].message == "asked for before: monday"


def test_a_sensor_that_raises_is_asked_again_each_time_later(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @sensor(every="30s")
        def flaky(context):
            context.cursor = "moved"
            raise ConnectionError("no route to host")
    """)
    automation = shop.start()
    waits = []
    for _ in range(9):
        shop.now = automation.next_due(shop.now)
        assert shop.due() == []
        waits.append(automation.next_due(shop.now) - shop.now)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert automation.notices()[0] == "sensor 'flaky': ConnectionError: no route to host"
    tick = shop.ticks("sensor", "flaky")[0]
    assert (tick.outcome, tick.cursor, tick.message.splitlines()[-1]) == (
        "failed",
        None,
        "ConnectionError: no route to host",
    )
    assert "assets.py" in tick.message


def test_backoff_outlives_the_watcher_and_ends_with_success(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @sensor(every="30s")
        def flaky():
            if not (HERE / "mended").exists():
                raise ConnectionError("no route to host")
    """)
    shop.start()
    shop.due()
    automation = shop.start()
    assert automation.next_due(shop.now) == shop.now + 60
    shop.write("mended", "")
    shop.now += 60
    shop.due()
    assert automation.next_due(shop.now) == shop.now + 30
    assert shop.state("sensor", "flaky").failures == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 5", "it gave int"),
        ("return 'report'", "it gave str"),
        ("yield RunRequest('reprot')", "'reprot'"),
        ("yield RunRequest('report', run_key=5)", "a run key is text"),
        ("yield RunRequest('report', config={'reprot': {'top': 1}})", "'reprot', which is no asset"),
        ("yield RunRequest('report', config={'report': {'top': object()}})", "cannot be said in TOML"),
        ("yield RunRequest('report', config={'report': 5})", "config maps asset keys"),
        ("yield RunRequest('report', partitions=[5])", "partitions=[5]"),
        ("context.cursor = 5", "the cursor is text, not int"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_what_cannot_be_meant_is_a_failed_tick(shop, body, message):
    shop.declare(f"""
        class Settings(Config):
            top: int = 1

        @asset
        def report(config: Settings) -> int:
            return 1

        @sensor
        def wrong(context):
            {body}
    """)
    shop.start()
    assert shop.due() == []
    (tick,) = shop.ticks("sensor", "wrong")
    assert tick.outcome == "failed"
    assert message in tick.message
    assert len(shop.watching.notices()) == 1


def test_a_sensor_that_hangs_is_given_up_and_not_called_twice_at_once(shop):
    shop.declare("""
        import threading

        @asset
        def report() -> int:
            return 1

        gate = threading.Event()
        calls = []

        @sensor(every="10s", timeout="5s")
        def slow(context):
            calls.append(1)
            (HERE / "calls").write_text(str(len(calls)))
            context.cursor = "late"
            gate.wait(30)
            return RunRequest("report")

        @sensor(every="10s")
        def opener():
            if (HERE / "open").exists():
                gate.set()
    """)
    automation = shop.start()
    automation.due(shop.now, shop.project)
    assert automation.next_due(shop.now) <= shop.now + 5
    shop.now += 5
    assert automation.due(shop.now, shop.project) == []
    assert shop.ticks("sensor", "slow")[0].message == "it did not answer within 5s"
    shop.now += 600
    shop.due()  # due again, but it has not come back
    assert shop.read("calls") == "1"
    assert shop.outcomes("sensor", "slow") == ["failed"]
    shop.write("open", "")
    slow = automation._entries["sensor", "slow"].overdue
    shop.now += 600
    shop.due()  # the other sensor opens the gate
    slow.settle(30)
    assert shop.state("sensor", "slow").cursor is None  # what it said too late is thrown away
    shop.now += 600
    shop.due()
    assert shop.read("calls") == "2"


def test_one_of_two_watchers_runs_a_tick(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @sensor(every="30s")
        def counting(context):
            context.cursor = str(int(context.cursor or 0) + 1)
            return RunRequest("report")
    """)
    one, two = shop.start(), shop.start()
    shop.automation = one
    requests = shop.due()
    shop.automation = two
    assert (len(requests), shop.due()) == (1, [])  # the other one is at it
    shop.automation = one
    shop.done(requests)
    shop.now += 6
    shop.automation = two
    assert shop.due() == []  # it was done meanwhile
    assert two.next_due(shop.now) == shop.now + 24
    shop.now += 24
    assert len(shop.due()) == 1
    assert shop.state("sensor", "counting").cursor == "1"


def test_config_and_selection_of_a_request_go_into_the_build(shop):
    shop.declare("""
        class Settings(Config):
            title: str = "plain"
            tops: list[int] = []
            more: dict[str, float] = {}

        @asset
        def report(config: Settings) -> str:
            return f"{config.title} {config.tops} {config.more}"

        @asset
        def other() -> int:
            return 1

        @sensor(selection="report")
        def asking():
            return RunRequest(config={"report": {"title": 'a "quoted" = 5', "tops": [1, 2], "more": {"x": 1.5}}})
    """)
    shop.start()
    assert shop.serve() == [("report",)]
    assert shop.project.load("report") == """a "quoted" = 5 [1, 2] {'x': 1.5}"""
    assert {step.asset for step in shop.project.status() if step.status == "missing"} == {"other"}
    assert shop.ticks("sensor", "asking")[0].requests[0]["config"] == ["report.title", "report.tops", "report.more"]


def test_a_watcher_of_a_selection_runs_what_lies_within_it(shop):
    shop.declare("""
        @asset
        def raw() -> int:
            return 1

        @asset
        def report(raw: int) -> int:
            return 1

        @asset
        def other() -> int:
            return 1

        @sensor(selection="raw")
        def inside(): ...

        @sensor(selection="other")
        def outside(): ...

        @sensor
        def anything(): ...
    """)
    assert [entry.name for entry in shop.start("report").entries()] == ["inside"]
    assert [entry.name for entry in shop.start().entries()] == ["anything", "inside", "outside"]


def test_a_sensor_that_is_edited_goes_on_from_its_cursor(shop):
    shop.declare(INBOX)
    shop.write("a.txt", "")
    shop.start()
    shop.done(shop.due())
    shop.declare(INBOX.replace('every="30s"', 'every="10s"').replace("nothing new", "all known"))
    shop.reload()
    assert shop.watching.next_due(shop.now) == shop.now + 10
    shop.now += 10
    assert shop.due() == []
    assert shop.ticks("sensor", "inbox")[0].message == "all known"


def test_a_clock_that_is_set_back_silences_nothing(shop):
    shop.declare(INBOX)
    automation = shop.start()
    shop.due()
    shop.now -= 86400
    assert automation.next_due(shop.now) == shop.now + 30
    shop.now += 30
    shop.due()
    assert shop.ticks("sensor", "inbox")[0].times == 2


def test_a_sensor_that_was_dropped_a_moment_ago_is_left_alone(shop):
    shop.declare(INBOX)
    shop.start()
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        schedule("inbox", "0 6 * * *")
    """)
    assert shop.due() == []  # before the loop has looked at what was saved
    shop.reload()
    assert [entry.title for entry in shop.watching.entries()] == ["schedule 'inbox'"]
    assert shop.ticks("sensor", "inbox") == []


def test_broken_definitions_leave_the_automation_as_it_was(shop):
    shop.declare(INBOX)
    shop.start()
    shop.due()
    shop.declare("def broken(:\n")
    shop.reload()
    shop.now += 30
    assert shop.due() == []
    assert shop.watching.notices() == []
    assert shop.outcomes("sensor", "inbox") == ["skipped"]
    shop.declare(INBOX)
    shop.write("a.txt", "")
    shop.reload()
    shop.now += 60
    assert len(shop.due()) == 1


def test_what_a_sensor_prints_is_kept_with_the_tick(shop, capsys):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @sensor
        def noisy(context):
            print("looking")
            context.log.info("found %s", "nothing")
            print("x" * 100_000)
    """)
    shop.start()
    sys.stdout.write("before\n")
    shop.due()
    sys.stdout.write("after\n")
    log = shop.ticks("sensor", "noisy")[0].log
    assert log.startswith("looking\nINFO found nothing\nxxx")
    assert (log.endswith("x..."), len(log) < 10_000) == (True, True)
    assert capsys.readouterr().out == "before\nafter\n"


def test_calling_a_sensor_calls_its_function():
    from assetbuild import RunRequest, SensorContext, sensor

    @sensor(every="1m")
    def counting(context):
        context.cursor = str(int(context.cursor or 0) + 1)
        return RunRequest("report", run_key=context.cursor)

    context = SensorContext(cursor="4")
    assert counting(context) == RunRequest("report", run_key="5")
    assert (counting.name, counting.every_s, context.cursor) == ("counting", 60, "5")
