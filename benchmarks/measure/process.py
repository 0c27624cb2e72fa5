"""Run a command and measure it from outside: wall time, processor time, peak memory.

In: an argument vector. Out: a ``Run``. The measuring process imports the standard library alone, because a child
begins with the peak memory of the process that started it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CommandFailedError", "Run", "measured"]

TIMEOUT_S = 3600.0


class CommandFailedError(Exception):
    """A measured command did not end as it should."""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished command. ``peak_mb`` is that of the largest process in it, not of all together."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    output: str


def measured(
    command: Sequence[str], folder: Path, *, env: Mapping[str, str] | None = None, allowed: Sequence[int] = (0,)
) -> Run:
    """Run a command to its end in a folder, and return what it took. Raises CommandFailedError with its last lines."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=folder, env=environment(env or {}), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode(errors="replace")
    if child.returncode not in allowed:
        message = f"{' '.join(command)}: exit code {child.returncode}\n{output[-1500:]}"
        raise CommandFailedError(message)
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode, output)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every command: little of the developer's own, no colours, no telemetry."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {"COLUMNS": "100", "DO_NOT_TRACK": "1", "HAMILTON_TELEMETRY_ENABLED": "false", **kept, **extra}
