"""Random lives of a watcher: sleeps, failures, kills. Nothing asked for is lost, and nothing done is repeated."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetbuild.project import Project
from assetbuild.watch.automation import Automation
from tests.automation.conftest import Shop

BODY = """
@asset
def report() -> int:
    return 1

@sensor(every="10s")
def inbox(context):
    if (HERE / "broken").exists():
        raise OSError("no")
    seen = int(context.cursor or 0)
    arrived = int((HERE / "arrived").read_text())
    context.cursor = str(arrived)
    return [RunRequest("report", run_key=str(number)) for number in range(seen + 1, arrived + 1)]

schedule("hourly", "0 * * * *", selection="report", catch_up="{catch_up}")
"""

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sleep"), st.sampled_from([1, 10, 60, 290, 3600, 5400, 90000])),
        st.tuples(st.just("arrive"), st.integers(1, 3)),
        st.tuples(
            st.just("finish"), st.sampled_from(["success", "success", "failed", "interrupted", "refused", "killed"])
        ),
        st.tuples(st.just("break"), st.booleans()),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=25,
)


class Life:
    """A watcher, what it was asked for and what was carried out."""

    def __init__(self, shop, project):
        self.shop = shop
        self.taken: list[str] = []
        self.hours: list[float] = []
        shutil.rmtree(shop.root / ".assetbuild", ignore_errors=True)
        (shop.root / "broken").unlink(missing_ok=True)
        self.arrived = 0
        shop.write("arrived", "0")
        shop.now = 1_772_366_400.0
        shop.project = project
        self.restart()

    def restart(self):
        if self.shop.automation is not None:
            self.shop.automation.close()
        self.shop.automation = Automation(self.shop.project, now=self.shop.now)

    def finish(self, how):
        requests = self.shop.due()
        if how == "killed":
            self.restart()
        elif how == "refused":
            for request in requests:
                self.shop.watching.finished(request, None, now=self.shop.now, error="no")
        else:
            self.shop.done(requests, how)
        if how in {"success", "failed"}:
            self.taken += [request.run_key for request in requests if request.kind == "sensor"]
            self.hours += [self.shop.now for request in requests if request.kind == "schedule"]


@pytest.fixture(scope="module", params=["once", "skip"])
def world(request, tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("life") / "shop")
    shop.declare(BODY.format(catch_up=request.param))
    return shop, Project.open(shop.root), request.param


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_request_is_carried_out_once_in_order_and_every_hour_has_its_tick(world, steps):
    shop, project, catch_up = world
    life = Life(shop, project)
    for what, value in steps:
        if what == "sleep":
            shop.now += value
        elif what == "arrive":
            life.arrived += value
            shop.write("arrived", str(life.arrived))
        elif what == "finish":
            life.finish(value)
        elif what == "restart":
            life.restart()
        elif value:
            shop.write("broken", "")
        else:
            (shop.root / "broken").unlink(missing_ok=True)
    (shop.root / "broken").unlink(missing_ok=True)
    for _ in range(3):  # in the end all is well, and there is time
        shop.now += 2 * 3600
        life.finish("success")
    assert life.taken == [str(number) for number in range(1, life.arrived + 1)]
    assert shop.state("sensor", "inbox").cursor == str(life.arrived)
    assert len(life.hours) == len({hour // 3600 for hour in life.hours})  # no hour twice
    if catch_up == "once":
        assert life.hours[-1:] == [shop.now]
    state = shop.state("schedule", "hourly")
    assert state.scheduled_at == shop.now // 3600 * 3600
