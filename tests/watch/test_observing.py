"""Where no events arrive, or too many: polling, a full queue, and what a path means."""

from __future__ import annotations

import os
import signal

import pytest

from tests.watch.watching import watching

QUEUE = "/proc/sys/fs/inotify/max_queued_events"


def test_polling_finds_what_events_would_tell(shop):
    with watching(shop, "--poll", "0.1") as watch:
        shop.edit("return 2", "return 4", "helper.py")
        watch.idle()
        assert watch.built == ["scaled", "total"]
        shop.write("data/.new", "[1]")
        shop.path("data/.new").replace(shop.path("data/numbers.json"))
        watch.until("RunFinished")
        watch.idle()
        shop.write("notes.txt", "for later")
        shop.delete("data/numbers.json")
        watch.idle("failing")
        shop.write("data/numbers.json", "[2]")
        watch.idle()
        assert shop.value("total") == 8
        assert len(watch.named("RunStarted")) == 4


@pytest.mark.skipif(not os.path.exists(QUEUE), reason="the queue is Linux's")
def test_when_events_are_lost_everything_is_looked_at(shop):
    with open(QUEUE) as file:
        files = int(file.read()) // 2 + 1000  # two events each
    with watching(shop) as watch:
        watch.process.send_signal(signal.SIGSTOP)
        folder = shop.path("data")
        for number in range(files):
            os.close(os.open(folder / f"{number}.txt", os.O_CREAT | os.O_WRONLY))
        shop.write("data/numbers.json", "[7]")
        shop.edit("return 2", "return 3", "helper.py")
        watch.process.send_signal(signal.SIGCONT)
        watch.until("SomethingChanged", everything=True)
        watch.idle()
    assert shop.value("total") == 21


def test_new_packages_make_it_a_new_process(shop, tmp_path):
    packages = tmp_path / "site-packages"
    (packages / "rates-1.0.dist-info").mkdir(parents=True)
    (packages / "rates.py").write_text("RATE = 2\n")
    record = packages / "rates-1.0.dist-info"
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: rates\nVersion: 1.0\n")
    (record / "RECORD").write_text("rates.py,,\n")
    shop.env["PYTHONPATH"] += f"{os.pathsep}{packages}"
    shop.edit("from helper import factor", "import rates\n\ndef factor():\n    return rates.RATE")
    with watching(shop) as watch:
        assert shop.value("total") == 12
        # Of another length: for Python's own cache a file of the same second and length is the same.
        (packages / "rates.py").write_text("RATE = 2 + 3\n")
        record.rename(packages / "rates-2.0.dist-info")
        (packages / "rates-2.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: rates\nVersion: 2.0\n")
        pid = watch.process.pid
        assert watch.until("WatchStarted")["pid"] == pid
        watch.idle()
        assert watch.built == ["scaled", "total"]
    assert shop.value("total") == 30
