"""A watcher that lives long: memory, threads, file descriptors and files on disk over thousands of changes.

    python -m benchmarks.watch_soak [--changes 10000] [--seconds 1800] [--json FILE]

Saves code, data, both at once, broken code and what nobody reads, each as soon as the watcher is idle again, and looks
at its process now and then. Ends after so many changes or seconds. Exits with 1 when threads or descriptors grow, or
memory, its own or its workers', by more than 2 KB a change once it has warmed up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.watch import ASSETS, CLEAN, Watcher, watched_project

LOOKS = 20
MAY_GROW_KB = 2.0
WARM_SHARE = 0.3
HEAD = " changes  seconds  memory MB  workers MB  threads  descriptors  children"
LINE = "{changes:>8} {seconds:>8.0f} {memory:>10.1f} {workers:>11.1f} {threads:>8} {descriptors:>12} {children:>9}"


def change(watcher: Watcher, number: int) -> None:
    """Make one change, of a kind that follows from its number; it is answered when the watcher is idle again."""
    root = watcher.root
    code, helper, data = root / "shop/assets.py", root / "shop/clean.py", root / "data/numbers.csv"
    match number % 8:
        case 0 | 4:
            data.write_text(f"x\n{number}\n2\n")
        case 1 | 5:
            helper.write_text(CLEAN.replace("* 1)", f"* {number})"))
        case 2:
            code.write_text(ASSETS.replace("factor = 1", f"factor = {number}"))
        case 3:
            code.write_text(ASSETS.replace("factor = 1", "factor = ("))
            watcher.until_idle()
            code.write_text(ASSETS)
        case 6:
            helper.write_text(CLEAN)
            data.write_text("x\n1\n")
        case _:
            helper.write_text(CLEAN + f"# {number}\n")
    watcher.until_idle()


def look(pid: int) -> dict[str, float]:
    """Return memory of a process and of its workers in MB, its threads, file descriptors and child processes."""
    said = status(pid)
    children = [
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]
    return {
        "memory": int(said["VmRSS"].split()[0]) / 1024,
        "workers": sum(int(status(child)["VmRSS"].split()[0]) for child in children) / 1024,
        "threads": int(said["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "children": len(children),
    }


def status(pid: int) -> dict[str, str]:
    """Return what the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines if line.count(":") == 1)


def main() -> int:
    """Change and look, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, float]] = []
    began = time.monotonic()
    print(HEAD)
    with watched_project("-j", "1", "--debounce", "1") as watcher:
        for number in range(options.changes + 1):
            share = (time.monotonic() - began) / options.seconds
            if len(rows) <= LOOKS * max(number / options.changes, share):
                rows.append({"changes": number, "seconds": time.monotonic() - began, **look(watcher.process.pid)})
                print(LINE.format(**rows[-1]), flush=True)
            if share >= 1:
                break
            change(watcher, number)
    warm = rows[max(1, int(len(rows) * WARM_SHARE)) :]
    first, last = warm[0], warm[-1]
    changes = max(last["changes"] - first["changes"], 1)
    grown_kb = {name: (last[name] - first[name]) * 1024 / changes for name in ("memory", "workers")}
    more = {name: last[name] - first[name] for name in ("threads", "descriptors", "children")}
    grown = ", ".join(f"{name} {number:.2f} KB a change" for name, number in grown_kb.items())
    print(f"after {last['changes']} changes: {grown}; more of {more}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "KB a change": grown_kb, "more": more}, indent=2))
    return int(max(grown_kb.values()) > MAY_GROW_KB or any(number > 0 for number in more.values()))


if __name__ == "__main__":
    sys.exit(main())
