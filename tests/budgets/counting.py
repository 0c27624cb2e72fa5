"""Run the command line in a process of its own, and count what it asks of the machine.

In: a project folder and arguments. Out: a ``Count``: modules, files opened, stats, folders listed, SQL statements
and rows, and threads and processes that were started. Counts, unlike seconds, are the same on every machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Count", "counted"]

RUNNER = r"""
import json, os, sys

out, project, *arguments = sys.argv[1:]
before = set(sys.modules)
opened, stats, listed, started, statements, rows = [], [], [], [], [], [0]
BEGUN = ("_thread.start_new_thread", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "subprocess.Popen")

def hook(event, args):
    if event == "open":
        opened.append(str(args[0]))
    elif event in ("os.scandir", "os.listdir"):
        listed.append(str(args[0]))
    elif event in BEGUN:
        started.append(event)

def wrapped(function):
    def counting(path, *rest, **named):
        stats.append(str(path))
        return function(path, *rest, **named)
    return counting

def watch_sqlite():
    import sqlite3

    class Cursor(sqlite3.Cursor):
        def __next__(self):
            row = super().__next__()
            rows[0] += 1
            return row

        def fetchone(self):
            row = super().fetchone()
            rows[0] += row is not None
            return row

        def fetchall(self):
            found = super().fetchall()
            rows[0] += len(found)
            return found

    class Connection(sqlite3.Connection):
        def __init__(self, *rest, **named):
            super().__init__(*rest, **named)
            self.set_trace_callback(statements.append)

        def cursor(self, factory=Cursor):
            return super().cursor(factory)

        def execute(self, *rest):
            return self.cursor().execute(*rest)

    connect = sqlite3.connect
    sqlite3.connect = lambda *rest, **named: connect(*rest, **{"factory": Connection, **named})

if os.environ.get("COUNT_ROWS"):
    watch_sqlite()
for name in ("stat", "lstat"):
    setattr(os, name, wrapped(getattr(os, name)))
sys.addaudithook(hook)

from assetbuild.cli import main

code = main(["--project", project, *arguments])
modules = sorted(set(sys.modules) - before)
found = {"code": code, "modules": modules, "opened": opened, "stats": stats, "listed": listed, "started": started}
with open(out, "w") as file:
    json.dump({**found, "statements": statements, "rows": rows[0]}, file)
"""


@dataclass(frozen=True, slots=True)
class Count:
    """What one command did. Files, stats and folders are those of the project; the imports' own do not count."""

    code: int
    modules: tuple[str, ...]
    opened: tuple[str, ...]
    stats: tuple[str, ...]
    listed: tuple[str, ...]
    statements: tuple[str, ...]
    started: tuple[str, ...]
    rows: int


def counted(project: Path, arguments: Sequence[str], out: Path, *, before: Path | None = None) -> Count:
    """Run ``assetbuild`` twice with the same arguments and count: its imports, and then what it reads of its record.

    ``before`` is a file to delete before each.
    """
    if before is not None:
        before.unlink(missing_ok=True)
    plain = _run(project, arguments, out, {})
    if before is not None:
        before.unlink(missing_ok=True)
    watched = _run(project, arguments, out, {"COUNT_ROWS": "1"})

    def own(paths: list[str]) -> tuple[str, ...]:
        return tuple(path for path in paths if f"{path}/".startswith(f"{project}/"))

    return Count(
        plain["code"],
        tuple(plain["modules"]),
        own(plain["opened"]),
        own(plain["stats"]),
        own(plain["listed"]),
        tuple(watched["statements"]),
        tuple(plain["started"]),
        watched["rows"],
    )


def _run(project: Path, arguments: Sequence[str], out: Path, env: Mapping[str, str]) -> Any:
    command = [sys.executable, "-c", RUNNER, str(out), str(project), *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **env})
    return json.loads(out.read_text())
