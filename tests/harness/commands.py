"""Run the command line as a user does: in a process of its own, seen from outside.

``run_cold`` starts ``python -m assetbuild``. ``run_warm`` forks a prepared process
instead and is otherwise the same; ``ASSETBUILD_TESTS_COLD=1`` makes every command cold.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HARNESS = Path(__file__).parent
THIRD_PARTY = HARNESS / "third_party"
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command: its exit code and what it printed."""

    arguments: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Return the one document on stdout."""
        try:
            return json.loads(self.stdout)
        except ValueError:
            message = f"no JSON document on stdout of {self}"
            raise AssertionError(message) from None

    @property
    def text(self) -> str:
        """Return everything that a person would see."""
        return self.stdout + self.stderr

    def __str__(self) -> str:
        command = " ".join(("assetbuild", *self.arguments))
        return f"$ {command}\nexit code {self.exit_code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def base_environment(home: Path) -> dict[str, str]:
    """Return the environment of every command: nothing of the developer's own, and the module ``executions``."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "PYTHONPATH": str(THIRD_PARTY),
    }


def cold_command(arguments: Sequence[str]) -> list[str]:
    """Return the argument vector of a fresh process."""
    return [sys.executable, "-m", "assetbuild", *arguments]


def run_cold(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], **options: Any) -> Ran:
    """Run one command in a fresh interpreter."""
    done = subprocess.run(
        cold_command(arguments),
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        **options,
    )
    return Ran(tuple(arguments), done.returncode, done.stdout, done.stderr)


def run_warm(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ran:
    """Run one command in a fork of the prepared process."""
    if os.environ.get("ASSETBUILD_TESTS_COLD"):
        return run_cold(arguments, cwd=cwd, env=env)
    with tempfile.TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        files = {"stdout": str(stdout), "stderr": str(stderr)}
        answer = _Server.of_this_process().ask(
            {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)} | files
        )
        return Ran(tuple(arguments), answer["exit_code"], stdout.read_text(), stderr.read_text())


class _Server:
    """The prepared process of this test process."""

    _only: _Server | None = None

    def __init__(self) -> None:
        path = os.pathsep.join((str(THIRD_PARTY), *sys.path))
        self._process = subprocess.Popen(
            [sys.executable, str(HARNESS / "warm_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        if self._process.stdout is None or self._process.stdout.readline() != "ready\n":
            pytest.exit("assetbuild itself cannot be imported; the traceback is above", returncode=3)

    @classmethod
    def of_this_process(cls) -> _Server:
        if cls._only is None:
            cls._only = cls()
        return cls._only

    @classmethod
    def stop(cls) -> None:
        """End the prepared process, if there is one."""
        if cls._only is not None:
            process = cls._only._process
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.kill()
            process.wait()
            cls._only = None

    def ask(self, request: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], TIMEOUT_S)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.stop()
            message = "the command did not end" if not ready else "the prepared process is gone"
            raise AssertionError(message)
        return line


stop_warm_server = _Server.stop
