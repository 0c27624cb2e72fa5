"""Whoever reads the warehouse while builds replace values sees whole values, old or new."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROJECT = """
import pyarrow as pa

SIZE = 200_000
VALUE = 0

@asset
def rows() -> list:
    return [VALUE] * SIZE

@asset
def table() -> pa.Table:
    return pa.table({"n": [VALUE] * SIZE})
"""

READER = """
import json, sys
from pathlib import Path
import pyarrow.parquet as pq

warehouse = Path(sys.argv[1])
print("reading", flush=True)
times = 0
while not (warehouse.parent / "stop").exists():
    rows = json.loads((warehouse / "rows.json").read_text())
    table = pq.ParquetFile(warehouse / "table.parquet").read()["n"].to_pylist()
    for values in (rows, table):
        assert len(values) == 200_000 and len(set(values)) == 1, "half a value"
    times += 1
print(times)
"""


@pytest.mark.parametrize("jobs", ["0", "2"])
def test_a_reader_sees_whole_values_only(project, jobs):
    project.assets(PROJECT)
    project.run("materialize")
    warehouse = str(project.path("warehouse"))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, warehouse], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for value in range(6):
        project.edit(f"VALUE = {value}\n", f"VALUE = {value + 1}\n")
        project.run("materialize", "-j", jobs)
    project.write("stop", "")
    out, error = reader.communicate(timeout=60)
    assert (error, reader.returncode) == ("", 0)
    assert int(out) > 0
