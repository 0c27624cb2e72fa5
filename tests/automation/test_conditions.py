"""``on=``: which assets a change builds, and which wait for their own time; sources that are polled."""

from __future__ import annotations

from tests.automation.conftest import shown

SHOP = """
source("orders", "orders.txt")

@asset
def clean(orders: str) -> str:
    return orders.strip()

@asset(on="eager")
def largest(clean: str) -> str:
    return max(clean)

@asset(on=cron("0 6 * * *", timezone="Europe/Berlin"))
def report(clean: str) -> str:
    return f"report of {clean}"

@asset
def page(report: str, largest: str) -> str:
    return f"{report}, {largest}"

@asset(on="missing")
def once(orders: str) -> str:
    return orders.strip()
"""


def test_a_change_builds_what_does_not_wait_for_its_own_time(shop):
    shop.declare(SHOP)
    shop.write("orders.txt", "ab")
    shop.start()
    assert shop.change() == ["clean", "largest", "once"]  # the report is missing, so the page waits for it
    shop.build()
    shop.write("orders.txt", "abc")
    assert shop.change() == ["clean", "largest", "page"]  # the page on the report that there is
    assert shop.project.load("page") == "report of ab, c"
    assert shop.project.load("once") == "ab"
    assert shop.change() == []


def test_a_missing_asset_is_built_again_when_its_value_is_gone(shop):
    shop.declare(SHOP)
    shop.write("orders.txt", "ab")
    shop.start()
    shop.build()
    shop.write("orders.txt", "abc")
    shop.project.clean("once")
    assert "once" in shop.change()
    assert shop.project.load("once") == "abc"


def test_without_conditions_a_change_builds_the_selection_as_it_is(shop):
    shop.declare("""
        @asset
        def report() -> int:
            return 1

        @asset(on="eager")
        def page(report: int) -> int:
            return 1
    """)
    assert shop.start("+page").on_change(shop.project) == (("+page",), False)


def test_nothing_is_left_to_build_when_all_waits(shop):
    shop.declare("""
        @asset(on=cron("0 6 * * *"))
        def report() -> int:
            return 1

        @asset
        def page(report: int) -> int:
            return 1
    """)
    assert shop.start().on_change(shop.project) is None


def test_an_asset_with_cron_is_built_at_its_ticks_when_it_is_stale(shop):
    shop.declare(SHOP)
    shop.write("orders.txt", "ab")
    shop.start()
    shop.change()
    assert shown(shop.watching.next_due(shop.now), "Europe/Berlin") == "2026-03-02 06:00"
    shop.sleep_until("2026-03-02 06:00", "Europe/Berlin")
    assert shop.serve() == [("report",)]
    assert shop.project.load("report") == "report of ab"
    assert shop.change() == ["page"]
    shop.sleep_until("2026-03-03 06:00", "Europe/Berlin")
    shop.serve()
    assert shop.outcomes("condition", "report") == ["requested", "skipped"]
    assert shop.ticks("condition", "report")[0].message == "all fresh"


def test_what_is_stale_upstream_is_built_at_the_tick_but_not_what_waits_for_its_own(shop):
    shop.declare("""
        source("orders", "orders.txt")

        @asset(on=cron("0 0 1 * *"))
        def monthly(orders: str) -> str:
            return orders

        @asset
        def clean(orders: str) -> str:
            return orders.upper()

        @asset(on=cron("0 6 * * *"))
        def daily(monthly: str, clean: str) -> str:
            return f"{monthly} {clean}"
    """)
    shop.write("orders.txt", "a")
    shop.start()
    shop.sleep_until("2026-03-02 06:00")
    assert shop.due() == []  # what it needs was never built
    assert shop.ticks("condition", "daily")[0].message == "waits for what is upstream"
    shop.build()
    shop.write("orders.txt", "b")
    shop.sleep_until("2026-03-03 06:00")
    assert shop.serve() == [("clean", "daily")]
    assert shop.project.load("daily") == "a B"


def test_assets_of_one_time_are_built_together(shop):
    shop.declare("""
        for name in ("north", "south"):
            @asset(key=name, on=cron("0 6 * * *"))
            def region() -> int:
                return 1
    """)
    shop.start()
    shop.sleep_until("2026-03-02 06:00")
    assert shop.serve() == [("north", "south")]
    assert shop.outcomes("condition", "north") == shop.outcomes("condition", "south") == ["requested"]


def test_freshness_looks_at_once_and_then_every_so_often(shop):
    shop.declare("""
        source("orders", "orders.txt")

        @asset(on=freshness("6h"))
        def report(orders: str) -> str:
            return orders
    """)
    shop.write("orders.txt", "a")
    shop.start()
    assert shop.serve() == [("report",)]
    shop.write("orders.txt", "b")
    assert shop.change() == []
    shop.now += 6 * 3600 - 1
    assert shop.due() == []
    shop.now += 1
    shop.serve()
    assert shop.project.load("report") == "b"
    shop.start()
    assert shop.watching.next_due(shop.now) == shop.now + 6 * 3600


def test_the_outputs_of_one_function_share_their_condition(shop):
    shop.declare("""
        @multi_asset(outs=["good", "bad"], on=cron("0 6 * * *"))
        def split():
            return {"good": 1, "bad": 2}
    """)
    shop.start()
    assert shop.change() == []
    shop.sleep_until("2026-03-02 06:00")
    assert shop.serve() == [("bad", "good")]


def test_a_watcher_of_a_selection_leaves_other_assets_to_others(shop):
    shop.declare(SHOP)
    shop.write("orders.txt", "ab")
    assert [entry.name for entry in shop.start("largest").entries()] == []
    assert [entry.name for entry in shop.start("page").entries()] == ["report"]


def test_a_condition_is_in_no_version(shop):
    shop.declare(SHOP)
    shop.write("orders.txt", "ab")
    shop.start()
    shop.build()
    shop.declare(SHOP.replace('on="eager"', 'on="missing"').replace("0 6 * * *", "0 7 * * *"))
    shop.reload()
    assert shop.project.status().is_fresh


def test_of_an_asset_with_partitions_those_are_built_that_are_missing(shop):
    body = """
        DAYS = Static([{days}])
        FACTOR = {factor}

        @asset(partitions=DAYS)
        def clean(context: Context) -> str:
            return context.partition_key

        @asset(partitions=DAYS, on="missing")
        def sales(clean: str) -> str:
            return clean * FACTOR
    """
    shop.declare(body.format(days='"a", "b"', factor=1))
    shop.start()
    assert shop.change() == ["clean", "clean", "sales", "sales"]
    shop.declare(body.format(days='"a", "b", "c"', factor=2))
    assert shop.change() == ["clean"]
    assert shop.watching.next_due(shop.now) == shop.now
    shop.serve()
    assert [shop.project.load("sales", partition=day) for day in "abc"] == ["a", "b", "cc"]
    assert shop.due() == []


def test_a_sensor_asks_for_partitions(shop):
    shop.declare("""
        @asset(partitions=Static(["a", "b", "c", "d"]))
        def sales(context: Context) -> str:
            return context.partition_key

        @sensor
        def arrived():
            yield RunRequest("sales", partitions="b")
            yield RunRequest("sales", partitions=["c", "d..d"])
    """)
    shop.start()
    shop.serve()
    missing = [step.partition for step in shop.project.status() if step.status == "missing"]
    assert missing == ["a"]
    assert [request["partitions"] for request in shop.ticks("sensor", "arrived")[0].requests] == [["b"], ["c", "d..d"]]


POLLED = """
@source{every}
def orders_in_shop():
    with (HERE / "polls").open("a") as polls:
        polls.write(".")
    return DataVersion((HERE / "version.txt").read_text())

@asset(deps=["orders_in_shop"])
def orders() -> str:
    return (HERE / "version.txt").read_text()

@asset
def other() -> int:
    return 1
"""


def test_a_source_is_polled_and_what_depends_on_it_is_built_when_it_moved(shop):
    shop.declare(POLLED.format(every='(every="5m")'))
    shop.write("version.txt", "1")
    automation = shop.start()
    shop.change()
    assert automation.next_due(shop.now) == shop.now + 300
    shop.now += 300
    shop.serve()  # the first poll has nothing to compare with
    shop.now += 300
    assert shop.due() == []
    shop.write("version.txt", "2")
    shop.now += 300
    (request,) = shop.due()
    assert (request.selection, request.reason) == (("orders",), "source orders_in_shop moved")
    assert shop.build(request.selection) == ["orders"]
    assert automation.next_due(shop.now) == shop.now + 300


def test_a_source_is_polled_every_minute_unless_said_otherwise(shop):
    shop.declare(POLLED.format(every=""))
    shop.write("version.txt", "1")
    automation = shop.start()
    assert automation.next_due(shop.now) == shop.now + 60
    shop.now += 60
    polls = len(shop.read("polls"))
    shop.due()
    assert len(shop.read("polls")) == polls + 1


def test_a_source_that_cannot_be_polled_is_told_once_and_asked_again(shop):
    shop.declare(POLLED.format(every='(every="5m")'))
    shop.write("version.txt", "1")
    automation = shop.start()
    shop.change()
    shop.now += 300
    shop.serve()
    (shop.root / "version.txt").unlink()
    asked = []
    for _ in range(2):
        shop.now += 300
        asked += [request.selection for request in shop.due()]
    assert asked == [("orders",)]  # its build says what is wrong
    assert automation.next_due(shop.now) == shop.now + 300
