"""A watcher that lives long: memory, threads, file descriptors and files on disk over thousands of changes.

    python benchmarks/watch_soak.py [--changes 10000] [--seconds 1800] [--json FILE]

Saves code, data, both at once, broken code and what nobody reads, each as soon as the watcher is idle again, and looks
at its process now and then. Ends after so many changes or seconds. Exits with 1 when threads or descriptors grow, or
memory by more than 2 KB a change once it has warmed up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from watch import ASSETS, CLEAN, Watcher, watched_project

LOOKS = 20
MAY_GROW_KB = 2.0
WARM_SHARE = 0.2


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
    """Return memory in MB, threads, file descriptors and child processes of a process."""
    said = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.count(":") == 1
    )
    return {
        "memory": int(said["VmRSS"].split()[0]) / 1024,
        "threads": int(said["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "children": len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()),
    }


def main() -> int:
    """Change and look, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, float]] = []
    began = time.monotonic()
    print(f"{'changes':>8} {'seconds':>8} {'memory MB':>10} {'threads':>8} {'descriptors':>12} {'children':>9}")
    with watched_project("-j", "1", "--debounce", "1") as watcher:
        for number in range(options.changes + 1):
            share = (time.monotonic() - began) / options.seconds
            if len(rows) <= LOOKS * max(number / options.changes, share):
                rows.append({"changes": number, "seconds": time.monotonic() - began, **look(watcher.process.pid)})
                print(
                    "{changes:>8} {seconds:>8.0f} {memory:>10.1f} {threads:>8} {descriptors:>12} {children:>9}".format(
                        **rows[-1]
                    ),
                    flush=True,
                )
            if share >= 1:
                break
            change(watcher, number)
    warm = rows[max(1, int(len(rows) * WARM_SHARE)) :]
    first, last = warm[0], warm[-1]
    grown_kb = (last["memory"] - first["memory"]) * 1024 / max(last["changes"] - first["changes"], 1)
    more = {name: last[name] - first[name] for name in ("threads", "descriptors", "children")}
    print(f"after {last['changes']} changes: {grown_kb:.2f} KB a change; more of {more}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "KB a change": grown_kb, "more": more}, indent=2))
    return int(grown_kb > MAY_GROW_KB or any(number > 0 for number in more.values()))


if __name__ == "__main__":
    sys.exit(main())
