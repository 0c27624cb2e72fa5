"""A signal at the very moment when the scheduler gives out work, between two looks at whether to go on."""

from __future__ import annotations

import os
import signal

from assetbuild import Project
from assetbuild.materialize.events import AssetStarted, Event

WAITING = """
import threading
from assetbuild import asset

@asset
def a() -> int:
    return 1

@asset
def b(a: int) -> int:
    threading.Event().wait(30)  # nothing ends it but the end of its worker
    return 1
"""


def test_a_signal_while_work_is_given_out_ends_the_wait_for_it(tmp_path):
    (tmp_path / "assets.py").write_text(WAITING)

    def interrupt(event: Event) -> None:
        if isinstance(event, AssetStarted) and event.asset == "b":
            os.kill(os.getpid(), signal.SIGINT)

    report = Project.open(tmp_path).materialize(jobs=1, on_event=interrupt)
    assert report.status == "interrupted"
    assert [(outcome.asset, outcome.outcome) for outcome in report.assets] == [("a", "built"), ("b", "skipped")]
