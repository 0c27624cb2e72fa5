"""What a person sees: plain lines in a pipe, a live view with keys in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

from tests.harness.commands import cold_command
from tests.harness.project_folder import kill_group

TIMEOUT_S = 25.0


class Screen:
    """A watcher in a terminal of its own, or with its output in a pipe; ``until`` reads up to some text."""

    def __init__(self, project, *, terminal):
        command = cold_command(["--project", str(project.root), "watch", "-j", "1"])
        options = {"cwd": project.channel, "env": {**project.env, "TERM": "xterm"}, "start_new_session": True}
        if terminal:
            self.descriptor, inside = pty.openpty()
            options["preexec_fn"] = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            self.process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, **options)
            os.close(inside)
        else:
            self.descriptor, inside = os.pipe()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=inside, stderr=subprocess.STDOUT, **options
            )
            os.close(inside)
        self.text = ""

    def until(self, pattern):
        """Return the match of what appears next."""
        deadline = time.monotonic() + TIMEOUT_S
        while (found := re.search(pattern, self.text)) is None:
            ready, _, _ = select.select([self.descriptor], [], [], max(deadline - time.monotonic(), 0))
            try:
                data = os.read(self.descriptor, 65536) if ready else b""
            except OSError:  # the terminal is closed
                data = b""
            assert data, f"{pattern!r} does not appear in:\n{self.text}"
            self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode(errors="replace"))
        self.text = self.text[found.end() :]
        return found

    def press(self, key):
        os.write(self.descriptor, key.encode())

    def close(self):
        if self.process.poll() is None:
            kill_group(self.process)
        os.close(self.descriptor)


@pytest.fixture
def screen(shop):
    screens = []

    def show(*, terminal):
        screens.append(Screen(shop, terminal=terminal))
        return screens[-1]

    yield show
    for one in screens:
        one.close()


def test_a_pipe_gets_plain_lines(shop, screen):
    shown = screen(terminal=False)
    shown.until(r"watching .*/shop  3 assets")
    shown.until(r"built     total")
    shown.until(r"built     3 built in")
    shop.edit("return 7", "return (7")
    shown.until(r"broken\n  error: module 'assets' does not load")
    shop.edit("return (7", "return 8")
    shown.until(r"mended")
    shown.until(r"changed   assets.py\n  built     alone .*code of alone changed")
    shop.write("assets.py", shop.path("assets.py").read_text())
    shown.until(r"no effect  assets.py")
    shown.process.send_signal(signal.SIGTERM)
    shown.until(r"stopped   terminated")
    assert shown.process.wait(TIMEOUT_S) == 0


def test_a_terminal_gets_a_live_view_and_keys(shop, screen):
    shown = screen(terminal=True)
    shown.until(r"3 built in")
    shown.until(r"fresh +last build: 3 built")
    shown.until(r"r rebuild +f force +w why +q quit")
    shop.edit("return sum(scaled)", 'raise ValueError("too many")')
    shown.until(r"failed    total")
    shown.until(r"failing +failing: total")
    shown.until(r"error +total: ValueError: too many")
    shown.press("w")
    shown.until(r"total is stale: it would run")
    shown.press("r")
    shown.until(r"failed    total")
    shop.edit('raise ValueError("too many")', "return sum(scaled)")
    shown.until(r"fresh +nothing to do")
    shown.press("f")
    shown.until(r"built +alone .*forced")
    shown.until(r"fresh +last build: 3 built")
    shown.press("q")
    shown.until(r"stopped   quit")
    assert shown.process.wait(TIMEOUT_S) == 0
