"""From save to the first asset: how long a running watcher takes, and where the time goes.

    python benchmarks/watch.py [--saves 40] [--debounce 30] [--json FILE]

A project of three modules that import pandas and polars is watched in a process of its own. Its code, a helper module
and its source are saved in turn, and some files that nobody reads. Measured from the moment before the save: the batch
is complete and compared (``SomethingChanged``), the plan is made, the asset is given to a worker (``AssetStarted``),
its function is entered (its own clock), the build is over.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ASSETS = """
import os
import time

import pandas as pd
import polars as pl

from assetbuild import asset, source
from shop.clean import scaled

numbers = source("numbers", "data/numbers.csv")


def entered():
    fd = os.open(os.environ["ENTERED"], os.O_WRONLY | os.O_APPEND)
    os.write(fd, f"{time.time()}\\n".encode())
    os.close(fd)


@asset
def cleaned(numbers: pd.DataFrame) -> pd.DataFrame:
    entered()
    return scaled(numbers)


@asset
def summed(cleaned: pl.DataFrame) -> int:
    factor = 1
    return int(cleaned["x"].sum()) * factor
"""
CLEAN = """
import pandas as pd


def scaled(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(x=table["x"] * 1)
"""
STAGES = ("SomethingChanged", "RunPlanned", "AssetStarted", "entered", "RunFinished")


class Watcher:
    """A watcher in a process of its own, and when each of its events arrived."""

    def __init__(self, root: Path, *arguments: str) -> None:
        """Start it, and wait until it is idle."""
        self.root = root
        self.entered = root.with_name("entered")
        self.entered.touch()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assetbuild", "--project", str(root), "watch", "--headless", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "ENTERED": str(self.entered)},
        )
        self.until_idle()

    def until_idle(self) -> dict[str, float]:
        """Return when each kind of event first arrived, up to the next idle one."""
        arrived: dict[str, float] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            arrived.setdefault(event["event"], time.time())
            if event["event"] == "WatchIdle":
                return arrived
        message = "the watcher has ended"
        raise RuntimeError(message)

    def last_entered(self) -> float:
        """Return when the asset's function was last entered."""
        return float(self.entered.read_text().split()[-1])

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate(timeout=30)


@contextmanager
def watched_project(*arguments: str) -> Iterator[Watcher]:
    """Give a watcher of a new project."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "project")
        for file, text in (
            ("assetbuild.toml", 'definitions = ["shop.assets"]\n'),
            ("shop/__init__.py", ""),
            ("shop/assets.py", ASSETS),
            ("shop/clean.py", CLEAN),
            ("data/numbers.csv", "x\n0\n2\n"),
        ):
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        watcher = Watcher(root, *arguments)
        try:
            yield watcher
        finally:
            watcher.close()


def measure(watcher: Watcher, saves: int) -> dict[str, list[dict[str, float]]]:
    """Save code, a helper and data in turn; return seconds from the save to each stage, for every save."""
    found: dict[str, list[dict[str, float]]] = {"asset module": [], "helper module": [], "source": []}
    for number in range(1, saves + 1):
        for what, file, text in (
            (
                "asset module",
                "shop/assets.py",
                ASSETS.replace("    entered()\n", f"    entered()\n    mark = {number}\n"),
            ),
            ("helper module", "shop/clean.py", CLEAN.replace("* 1)", f"* {number + 1})")),
            ("source", "data/numbers.csv", f"x\n{number}\n2\n"),
        ):
            time.sleep(0.15)
            path = watcher.root / file
            began = time.time()
            staged = path.with_name(f".{path.name}.tmp")
            staged.write_text(text)
            staged.replace(path)
            arrived = watcher.until_idle()
            arrived["entered"] = watcher.last_entered()
            found[what].append({stage: arrived[stage] - began for stage in STAGES})
    return found


def irrelevant(watcher: Watcher, saves: int) -> int:
    """Save what nobody reads, and what is equal; return how many builds that led to."""
    builds = 0
    for number in range(saves):
        (watcher.root / f"note{number}.txt").write_text("x")
        (watcher.root / "shop/clean.py").write_bytes((watcher.root / "shop/clean.py").read_bytes())
        builds += "RunStarted" in watcher.until_idle()
    return builds


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--saves", type=int, default=40)
    parser.add_argument("--debounce", default="30")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with watched_project("--debounce", options.debounce) as watcher:
        found = measure(watcher, options.saves)
        builds = irrelevant(watcher, 10)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(
        f"milliseconds from save, median and 90 % of {options.saves} saves, {options.debounce} ms of quiet; {machine}"
    )
    print(f"  {'':<14}" + "".join(f"{stage:>22}" for stage in STAGES))
    table: dict[str, Any] = {}
    for what, rows in found.items():
        table[what] = {stage: _spread([row[stage] for row in rows]) for stage in STAGES}
        cells = "".join(f"{median:>14.0f} {most:>7.0f}" for median, most in table[what].values())
        print(f"  {what:<14}{cells}")
    print(f"  builds after 20 saves of what nobody reads or is equal: {builds}")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "ms": table, "needless builds": builds}, indent=2))


def _spread(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=10)[-1] * 1000


if __name__ == "__main__":
    main()
