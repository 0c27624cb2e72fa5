"""The machine that was measured on, in words that say nothing of whose it is."""

from __future__ import annotations

import datetime as dt
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.measure.environments import CHECKOUT, packages, python_of
from benchmarks.peers.peer import PYARROW

__all__ = ["about_machine"]


def about_machine() -> dict[str, Any]:
    """Return system, processors, memory, versions and the day."""
    names = ["assetbuild", "pyarrow", "duckdb"]
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "processor": _processor(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "versions": packages(python_of((CHECKOUT, PYARROW)), names),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
