"""A process with assetbuild's libraries imported, which forks once per command.

A fresh Python with pyarrow and pydantic takes 0.4 s; a fork of this process
takes 10 ms and still runs the command in a process of its own, with its own
environment, folder and output files. Run as a script by ``commands.py``.
Reads one JSON request per line, answers one JSON line.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

LIBRARIES = ("click", "pydantic", "pyarrow.parquet", "pyarrow.csv", "duckdb", "sqlite3", "xxhash")


def serve() -> dict[str, Any] | None:
    """Answer requests; in a forked child return the request that it is to run, at the end of input return None."""
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            return request
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"exit_code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()
    return None


def become(request: dict[str, Any]) -> None:
    """Take the folder, environment, arguments and output files that a fresh process would have."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, path in ((0, "/dev/null"), (1, request["stdout"]), (2, request["stderr"])):
        opened = os.open(path, os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, target)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  # lives as long as the process
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0] = request["cwd"]
    sys.path[1:1] = [entry for entry in request["env"].get("PYTHONPATH", "").split(os.pathsep) if entry not in sys.path]
    sys.argv = ["assetbuild", *request["arguments"]]


def prepare() -> None:
    """Import everything that a command may import, assetbuild's own modules included."""
    for library in LIBRARIES:
        importlib.import_module(library)
    package = Path(importlib.import_module("assetbuild").__path__[0])
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if parts[-1] not in {"__init__", "__main__"}:
            importlib.import_module(".".join(parts))


def leave(exit_code: int) -> None:
    """End as an interpreter does, but do not free the libraries' memory piece by piece: that takes 0.2 s."""
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter calls when it ends
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    prepare()
    gc.freeze()  # A collection in a child would write to, and so copy, every page of this process.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if (asked := serve()) is not None:
        become(asked)
        leave(importlib.import_module("assetbuild.cli").main())
