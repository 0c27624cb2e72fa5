"""A process with assetbuild's libraries imported, which forks commands and goes on: many at once, unlike the harness's.

Run as a script by ``commands.py``. Reads one JSON request per line, answers one JSON line: ``start`` gives a pid,
``wait`` the status with which it ended, or stopped.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "harness"))
warm_server = importlib.import_module("warm_server")


def serve() -> dict[str, Any] | None:
    """Answer requests; in a forked child return the command that it is to run, at the end of input return None."""
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            child = os.fork()
            if child == 0:
                return dict(request)
            answer: dict[str, Any] = {"pid": child}
        else:
            _, status = os.waitpid(request["pid"], os.WUNTRACED)
            ended = not os.WIFSTOPPED(status)
            answer = {"exit_code": os.waitstatus_to_exitcode(status) if ended else None}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def arm() -> None:
    """Read the variable with the fault now, as a fresh process would: the modules are imported already."""
    faults = importlib.import_module("assetbuild.record.faults")
    idle, armed = faults.reach, importlib.reload(faults).reach
    for module in list(sys.modules.values()):
        if getattr(module, "reach", None) is idle:
            vars(module)["reach"] = armed


if __name__ == "__main__":
    warm_server.prepare()
    for name in ("duckdb", "parquet", "files"):
        importlib.import_module(f"assetbuild_stores.{name}")
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if (asked := serve()) is not None:
        warm_server.become(asked)
        arm()
        faulthandler.dump_traceback_later(float(asked["limit_s"]) * 0.8)  # where it hangs, if it does
        warm_server.leave(importlib.import_module("assetbuild.cli").main())
