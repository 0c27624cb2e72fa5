"""What no Python tool can go below: the interpreter, and the two libraries that a command line with a record needs."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure.environments import CHECKOUT, python_of
from benchmarks.measure.process import measured
from benchmarks.peers.peer import PYARROW

__all__ = ["floors"]

ROUNDS = 11
COMMANDS = {
    "python": ("-c", "pass"),
    "click, sqlite3": ("-c", "import click, sqlite3"),
    "import assetbuild": ("-c", "import assetbuild"),
    "--help": ("-m", "assetbuild", "--help"),
}


def floors(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Return wall and processor seconds of each, all in the environment of assetbuild."""
    python = str(python_of((CHECKOUT, PYARROW)))
    runs = [{name: measured((python, *rest), folder) for name, rest in COMMANDS.items()} for _ in range(ROUNDS)]
    result = {}
    for name in COMMANDS:
        wall_s = statistics.median(run[name].wall_s for run in runs)
        cpu_s = statistics.median(run[name].cpu_s for run in runs)
        result[name] = {"wall_s": round(wall_s, 4), "cpu_s": round(cpu_s, 4)}
        say(f"  {name:<22} {wall_s:.3f} s, {cpu_s:.3f} s of processor time")
    return result
