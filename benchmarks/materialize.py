"""What a build costs beyond its work: cold builds against a plain loop, processor time per asset, speed-up, memory.

The plain loop is what somebody would write without a build system: one process, one thread, the same functions,
reading and writing the same Parquet files. Everything is measured in one run on one machine, as ratios of medians.

    python benchmarks/materialize.py [--assets 1000] [--repeat 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTH = 50
"""Assets in a layer; each reads two of the layer before."""

MODULE = """
import pyarrow as pa
from assetbuild import asset

{body}
"""
FIRST = """
@asset
def a{n}() -> pa.Table:
    return pa.table({{"x": list(range({n}, {n} + 100)), "y": [float(i) for i in range(100)]}})
"""
LATER = """
@asset
def a{n}(a{left}: pa.Table, a{right}: pa.Table) -> pa.Table:
    return pa.table({{"x": a{left}["x"], "y": a{right}["y"]}})
"""
BUSY = """
@asset
def a{n}() -> int:
    total = 0
    for i in range(6_000_000):
        total = (total * 31 + i) % 1_000_003
    return total + {n}
"""
BUSY_COUNT = 24
"""So many that the start of the workers, half a second, does not count; a build of four seconds is another question."""

LOOP = """
import inspect, os, sys, types
import pyarrow.parquet as pq
out = sys.argv[1]
os.makedirs(out)
plain = types.ModuleType("assetbuild")
plain.asset = lambda function: function
sys.modules["assetbuild"] = plain
import assets
for name, function in vars(assets).items():
    if inspect.isfunction(function) and name != "asset":
        inputs = [pq.read_table(f"{out}/{key}.parquet") for key in inspect.signature(function).parameters]
        pq.write_table(function(*inputs), f"{out}/{name}.tmp")
        os.rename(f"{out}/{name}.tmp", f"{out}/{name}.parquet")
"""


def layered(count: int) -> str:
    """Return a module with a layered graph of trivial assets."""
    parts = []
    for n in range(count):
        if n < WIDTH:
            parts.append(FIRST.format(n=n))
        else:
            before = (n // WIDTH - 1) * WIDTH
            parts.append(LATER.format(n=n, left=before + n % WIDTH, right=before + (n * 7 + 3) % WIDTH))
    return MODULE.format(body="".join(parts))


def project(folder: Path, text: str) -> Path:
    """Write a project."""
    folder.mkdir(parents=True)
    (folder / "assets.py").write_text(text)
    return folder


def copied(folder: Path) -> Path:
    """Return a copy of a project that nothing was built in.

    A new folder each time, and nothing deleted before the end: for some seconds after a deletion ext4 looks for inodes
    that were not used of late, which makes each new file cost ten times as much, and the more the more there are.
    """
    copy = Path(tempfile.mkdtemp(dir=folder.parent))
    shutil.copy(folder / "assets.py", copy)
    return copy


def build(project: Path, *arguments: str) -> dict[str, float]:
    """Build a project cold; return wall seconds, processor seconds of all and of the main process, its peak memory.

    ``run_s`` and ``run_cpu_s`` are those of the main process from plan to end, without loading and planning.
    """
    folder = copied(project)
    code = (
        "import resource, sys, json, time\n"
        "from assetbuild.project import Project\n"
        "cpu_s = {}\n"
        "hear = lambda event: cpu_s.setdefault(type(event).__name__, time.process_time())\n"
        f"project = Project.open({str(folder)!r})\n"
        f"report = project.materialize(jobs={arguments[0] if arguments else None}, on_event=hear)\n"
        "assert report.status == 'success', report\n"
        "own = resource.getrusage(resource.RUSAGE_SELF)\n"
        "found = {'cpu_s': own.ru_utime + own.ru_stime, 'peak_mb': own.ru_maxrss / 1024, 'run_s': report.seconds}\n"
        "found['run_cpu_s'] = cpu_s['RunFinished'] - cpu_s['RunPlanned']\n"
        "print(json.dumps(found))\n"
    )
    seconds, all_cpu_s, said = timed([sys.executable, "-c", code])
    return {"wall_s": seconds, "all_cpu_s": all_cpu_s, **json.loads(said.splitlines()[-1])}


def loop(project: Path) -> tuple[float, float]:
    """Run the plain loop over a project's functions, and return wall seconds and processor seconds."""
    folder = copied(project)
    return timed([sys.executable, "-c", LOOP, str(folder / "plain")], cwd=folder)[:2]


def timed(command: list[str], cwd: Path | None = None) -> tuple[float, float, str]:
    """Run a command; return wall seconds, processor seconds with those of its own processes, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, check=True, cwd=cwd, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        cold = project(root / "cold", layered(options.assets))
        small = project(root / "small", layered(WIDTH))
        busy = project(root / "busy", MODULE.format(body="".join(BUSY.format(n=n) for n in range(BUSY_COUNT))))
        rounds = [
            (loop(cold), build(cold), build(small), build(busy, "1"), build(busy, "2")) for _ in range(options.repeat)
        ]
    median = statistics.median
    found["plain loop, s"] = median(each[0][0] for each in rounds)
    found["cold build, s"] = median(each[1]["wall_s"] for each in rounds)
    found["cold build / plain loop"] = median(each[1]["wall_s"] / each[0][0] for each in rounds)
    found["plain loop, CPU s"] = median(each[0][1] for each in rounds)
    found["cold build, CPU s with workers"] = median(each[1]["all_cpu_s"] for each in rounds)
    extra = options.assets - WIDTH
    found["main process, CPU ms per asset"] = median(
        (each[1]["cpu_s"] - each[2]["cpu_s"]) / extra * 1000 for each in rounds
    )
    found["of it scheduling and recording"] = median(
        (each[1]["run_cpu_s"] - each[2]["run_cpu_s"]) / extra * 1000 for each in rounds
    )
    found["peak memory of the main process, MB"] = median(each[1]["peak_mb"] for each in rounds)
    found[f"peak memory with {WIDTH} assets, MB"] = median(each[2]["peak_mb"] for each in rounds)
    found[f"{BUSY_COUNT} busy assets, 1 worker, s"] = median(each[3]["run_s"] for each in rounds)
    found[f"{BUSY_COUNT} busy assets, 2 workers, s"] = median(each[4]["run_s"] for each in rounds)
    found["speed-up on 2 workers"] = median(each[3]["run_s"] / each[4]["run_s"] for each in rounds)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    sys.stdout.write(f"{options.assets} trivial Parquet assets, median of {options.repeat}, {machine}\n")
    for name, value in found.items():
        sys.stdout.write(f"  {name:<40} {value:10.3f}\n")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, **found}, indent=2))


if __name__ == "__main__":
    main()
