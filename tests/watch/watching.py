"""``Watching``: a real watcher in a process of its own, followed by the events that it prints."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.commands import Ran
from tests.harness.project_folder import ProjectFolder, kill_group

TIMEOUT_S = 25.0
Event = dict[str, Any]


class Watching:
    """A watcher; ``until`` reads its events up to the one that is waited for."""

    def __init__(self, project: ProjectFolder, *arguments: str) -> None:
        jobs = () if "-j" in arguments else ("-j", "1")
        self.project = project
        self.process = project.start("watch", "--headless", *jobs, *arguments)
        self.events: list[Event] = []
        self._rest = b""

    def until(self, name: str, **fields: Any) -> Event:
        """Return the next event of this name with these fields; it must come."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            event = self._next(deadline, f"{name} {fields}")
            self.events.append(event)
            if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                return event

    def idle(self, state: str = "fresh") -> None:
        """Wait until there is nothing left to do."""
        self.until("WatchIdle", state=state)

    def forget(self) -> None:
        """Look only at what happens from now on."""
        self.events.clear()

    def named(self, name: str) -> list[Event]:
        """Return the events of this name since the last ``forget``."""
        return [event for event in self.events if event["event"] == name]

    @property
    def built(self) -> list[str]:
        """Return the assets that were built since the last ``forget``, in order."""
        return [event["asset"] for event in self.named("AssetFinished") if event["outcome"] == "built"]

    def stop(self, number: int = signal.SIGTERM) -> Ran:
        """Send a signal, and return how the watcher ended."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> Ran:
        """Wait for the end, and return it."""
        stdout, stderr = self.process.communicate(timeout=TIMEOUT_S)
        for line in stdout.splitlines():
            self.events.append(json.loads(line))
        return Ran(("watch",), self.process.returncode, stdout, stderr)

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            kill_group(self.process)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _next(self, deadline: float, what: str) -> Event:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(descriptor, 65536) if ready else b""
            if not data:
                message = f"no {what}; so far:\n{self._story()}\n{self._errors()}"
                raise AssertionError(message)
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        event: Event = json.loads(line)
        return event

    def _story(self) -> str:
        return "\n".join(json.dumps(event) for event in self.events[-40:])

    def _errors(self) -> str:
        if self.process.poll() is None:
            kill_group(self.process)
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def watching(project: ProjectFolder, *arguments: str, state: str = "fresh") -> Iterator[Watching]:
    """Watch a project while the block runs; begin when the build at the start is done."""
    watcher = Watching(project, *arguments)
    try:
        watcher.idle(state)
        watcher.forget()
        yield watcher
        if watcher.process.poll() is None:
            ended = watcher.stop()
            assert ended.exit_code == 0, str(ended)
            assert "Traceback" not in ended.stderr, ended.stderr
    except subprocess.TimeoutExpired:
        message = "the watcher does not end"
        raise AssertionError(message) from None
    finally:
        watcher.close()
