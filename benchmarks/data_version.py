"""How fast a table's data version is computed, on one core, by kind of column.

    python benchmarks/data_version.py [--rows N] [--json FILE]

Prints a table: bytes as they lie in memory, the best of several runs, and GB/s.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assetbuild.fingerprint.data import file_version, table_version

RUNS = 5


def columns(rows: int) -> dict[str, pa.Array]:
    """Return one column of each kind, from pyarrow's generator of random numbers with a fixed seed."""
    uniform = pc.random(rows, initializer=7)
    whole = pc.cast(pc.multiply(uniform, 1e9), "int64", safe=False)
    holes = pc.if_else(pc.less(uniform, 0.1), pa.scalar(None, "float64"), uniform)
    words = pa.array([f"carrier {i}" for i in range(1000)])
    text = words.take(pc.cast(pc.multiply(uniform, 999), "int64", safe=False))
    return {
        "int64": whole,
        "int32": pc.cast(whole, "int32"),
        "float64": uniform,
        "float32": pc.cast(uniform, "float32"),
        "float64, 10 % null": holes,
        "float64, 10 % NaN": pc.if_else(pc.less(uniform, 0.1), float("nan"), uniform),
        "timestamp": pc.cast(whole, pa.timestamp("us")),
        "bool": pc.less(uniform, 0.5),
        "string": text,
        "large_string": pc.cast(text, "large_string"),
        "string, 10 % null": pc.if_else(pc.is_null(holes), pa.scalar(None, "string"), text),
        "dictionary": text.dictionary_encode(),
        "list<int64>": pa.ListArray.from_arrays(pa.array(range(0, rows + 1, 4), "int32"), whole),
    }


def best_of(runs: int, work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(rows: int) -> list[dict[str, Any]]:
    """Return one row of results for each kind of column, one for a table of 100 rows, and one for a file."""
    pa.set_cpu_count(1)
    measured = []
    for kind, array in columns(rows).items():
        table = pa.table({"x": array})
        seconds = best_of(RUNS, partial(table_version, table))
        measured.append({"what": kind, "bytes": table.nbytes, "seconds": seconds})
    mixed = pa.table({kind: array for kind, array in columns(rows).items() if kind != "list<int64>"})
    unordered = mixed.slice(0, rows // 10)
    seconds = best_of(2, lambda: table_version(unordered, unordered=True))
    measured.append({"what": "12 columns, unordered", "bytes": unordered.nbytes, "seconds": seconds})
    small = mixed.slice(0, 100)
    measured.append(
        {"what": "12 columns, 100 rows", "bytes": small.nbytes, "seconds": best_of(50, lambda: table_version(small))}
    )
    file = Path(__file__).with_name(".file.tmp")
    try:
        file.write_bytes(bytes(rows * 8))
        measured.append({"what": "a file", "bytes": rows * 8, "seconds": best_of(RUNS, lambda: file_version(file))})
    finally:
        file.unlink(missing_ok=True)
    for row in measured:
        row["gb_per_s"] = row["bytes"] / row["seconds"] / 1e9
    return measured


def main() -> None:
    """Measure, print, and write JSON where asked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    measured = measure(asked.rows)
    print(f"{'what':<24}{'MB':>10}{'ms':>10}{'GB/s':>8}")
    for row in measured:
        print(f"{row['what']:<24}{row['bytes'] / 1e6:>10.1f}{row['seconds'] * 1e3:>10.2f}{row['gb_per_s']:>8.2f}")
    if asked.json:
        asked.json.write_text(json.dumps({"rows": asked.rows, "results": measured}, indent=2) + "\n")


if __name__ == "__main__":
    main()
