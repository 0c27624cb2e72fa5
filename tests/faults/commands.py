"""Commands that run while the test goes on: started warm, many at once, each with a hard limit on its time."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.harness.commands import THIRD_PARTY, Ran

LAUNCHER = Path(__file__).parent / "launcher.py"
LIMIT_S = float(os.environ.get("ASSETBUILD_TESTS_LIMIT_S", "60"))


class Launcher:
    """The prepared process that forks commands."""

    def __init__(self) -> None:
        path = os.pathsep.join((str(THIRD_PARTY), *filter(None, sys.path)))
        self._process = subprocess.Popen(
            [sys.executable, str(LAUNCHER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._line(LIMIT_S)
        self._count = 0
        self.faults = 0
        """How many faults were tried: signals sent to commands, and commands started with one in their way."""

    def start(self, project: Any, *arguments: str, **env: str) -> Command:
        """Start a command in a project."""
        self._count += 1
        self.faults += "ASSETBUILD_FAULT" in env
        outputs = [project.channel / f"command-{self._count}.{name}" for name in ("stdout", "stderr")]
        request = {
            "do": "start",
            "limit_s": LIMIT_S,
            "arguments": ["--project", str(project.root), *arguments],
            "cwd": str(project.channel),
            "env": {**project.env, **env},
            "stdout": str(outputs[0]),
            "stderr": str(outputs[1]),
        }
        return Command(self, self.ask(request, LIMIT_S)["pid"], arguments, outputs)

    def run(self, project: Any, *arguments: str, exit_code: int = 0, **env: str) -> Ran:
        """Run a command to its end."""
        ran = self.start(project, *arguments, **env).finish()
        assert ran.exit_code == exit_code, str(ran)
        return ran

    def ask(self, request: Mapping[str, Any], limit_s: float) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line(limit_s))

    def _line(self, limit_s: float) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit_s)
        if not ready:
            raise TimeoutError
        return self._process.stdout.readline()

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()


class Command:
    """A command that runs."""

    def __init__(self, launcher: Launcher, pid: int, arguments: tuple[str, ...], outputs: list[Path]) -> None:
        self.pid = pid
        self._launcher = launcher
        self._arguments = arguments
        self._outputs = outputs
        self._ended: Ran | None = None

    def send(self, number: int, *, workers: bool = False) -> None:
        """Send a signal to the main process, and to its workers at the same moment."""
        if self._ended is not None:
            return
        self._launcher.faults += 1
        groups = workers_of(self.pid) if workers else []
        os.kill(self.pid, number)
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, number)

    def said(self) -> str:
        """Return what it has written to stderr so far."""
        return self._outputs[1].read_text()

    def finish(self, limit_s: float = LIMIT_S) -> Ran:
        """Wait for its end, and return what it printed; one that hangs is killed, and that is a failure."""
        if self._ended is None:
            code = self._wait(limit_s)
            assert code is not None, f"stopped: {self._arguments}"
            texts = [path.read_text() if path.exists() else "" for path in self._outputs]
            self._ended = Ran(self._arguments, code, *texts)
        return self._ended

    def wait_until_stopped(self) -> None:
        """Return when it has stopped at a fault of the kind ``stop``."""
        code = self._wait(LIMIT_S)
        assert code is None, f"ended with {code} and did not stop: {[path.read_text() for path in self._outputs]}"

    def _wait(self, limit_s: float) -> Any:
        try:
            return self._launcher.ask({"do": "wait", "pid": self.pid}, limit_s)["exit_code"]
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            said = [path.read_text() for path in self._outputs]
            message = f"hung for {limit_s:g} s: {self._arguments}\n{said}"
            raise AssertionError(message) from None


def workers_of(pid: int) -> list[int]:
    """Return the process ids of the workers of a command; each leads a process group."""
    with suppress(ProcessLookupError, FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; one that nobody waited for has, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that gives no sign, such as the end of somebody else's process."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
