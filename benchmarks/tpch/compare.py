"""Real work: the 22 queries of TPC-H as assets in DuckDB, against a plain script that runs the same queries.

The data comes from ``tpchgen-cli``, once for each scale factor, and lies in the cache folder of the benchmark. Both
sides run the same text over the same Parquet files, through the same view of them, and write the same Parquet files;
the script knows nothing and computes everything every time. Both use DuckDB with its default number of threads.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure.environments import CHECKOUT, cache_folder, python_of
from benchmarks.measure.process import CommandFailedError, Run, measured
from benchmarks.peers.peer import PYARROW

__all__ = ["compare_tpch"]

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
GENERATOR = ("tpchgen-cli==4.0.0",)

ASKING = """import duckdb
import pyarrow as pa


def ask(query: str, **tables: object) -> pa.Table:
    with duckdb.connect() as connection:
        for name, path in tables.items():
            connection.sql(f"create view {name} as from read_parquet('{path}')")
        return connection.sql(query).to_arrow_table()
"""

ASSETS = """from pathlib import Path

import pyarrow as pa

from asking import ask
from assetbuild import asset, source

for table in {tables}:
    source(table, f"data/{{table}}.parquet")
"""

ASSET = '''
@asset
def q{number}({parameters}) -> pa.Table:
    return ask(
        """{text}""",
        {arguments},
    )
'''

SCRIPT = """import os

import pyarrow.parquet as pq

from asking import ask
from queries import QUERIES

os.makedirs("plain", exist_ok=True)
for name, (query, tables) in QUERIES.items():
    value = ask(query, **{table: f"data/{table}.parquet" for table in tables})
    pq.write_table(value, f"plain/{name}.tmp")
    os.rename(f"plain/{name}.tmp", f"plain/{name}.parquet")
"""

CHANGE = """import os, sys
import pyarrow.parquet as pq
path = f"data/{sys.argv[1]}.parquet"
table = pq.read_table(path)
pq.write_table(table.slice(0, table.num_rows - int(sys.argv[2])), path + ".new")
os.rename(path + ".new", path)
"""

SAME = """import glob, sys
import pyarrow.parquet as pq
for path in sorted(glob.glob("plain/*.parquet")):
    one, other = pq.read_table(path), pq.read_table(path.replace("plain", "warehouse"))
    assert one.num_rows == other.num_rows and one.column_names == other.column_names, path
print(len(glob.glob("plain/*.parquet")))
"""


def compare_tpch(scale: float, rounds: int, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure cold, nothing to do, and after one table changed, in rounds that alternate with the plain script."""
    python = python_of((CHECKOUT, PYARROW))
    queries = _queries()
    folder.mkdir(parents=True)
    _write(folder, queries)
    runs: dict[str, list[Run]] = {}

    def take(name: str, command: tuple[str, ...]) -> Run:
        run = measured((str(python), *command), folder)
        runs.setdefault(name, []).append(run)
        return run

    try:
        built = {}
        for _ in range(rounds):
            _place_data(scale, folder)
            shutil.rmtree(folder / ".assetbuild", ignore_errors=True)
            shutil.rmtree(folder / "warehouse", ignore_errors=True)
            take("plain", ("script.py",))
            take("cold", ("-m", "assetbuild", "materialize"))
            measured((str(python), "same.py"), folder)
            for _ in range(3):
                take("noop", ("-m", "assetbuild", "materialize"))
            for table, rows in (("region", 1), ("orders", 1000)):
                measured((str(python), "change.py", table, str(rows)), folder)
                run = take(table, ("-m", "assetbuild", "materialize"))
                built[table] = sum(line.split()[:1] == ["built"] for line in run.output.splitlines())
            take("plain", ("script.py",))
    except CommandFailedError as error:
        say(f"  failed: {error}")
        return {"scale": scale, "missing": str(error).strip().splitlines()[-1][:200]}
    found: dict[str, dict[str, Any]] = {
        name: {
            "wall_s": round(statistics.median(run.wall_s for run in each), 4),
            "cpu_s": round(statistics.median(run.cpu_s for run in each), 4),
            "peak_mb": round(max(run.peak_mb for run in each), 1),
            "all_wall_s": [round(run.wall_s, 4) for run in each],
        }
        for name, each in runs.items()
    }
    for name, case in found.items():
        say(f"  {name:<10} {case['wall_s']:8.3f} s  {case['wall_s'] / found['plain']['wall_s']:6.2f} of the script")
    return {"scale": scale, "rounds": rounds, "queries": len(queries), "built": built, "cases": found}


def _queries() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the text of each query, and the tables that it reads."""
    found = {}
    for path in sorted((Path(__file__).parent / "queries").glob("*.sql")):
        text = path.read_text()
        words = set(re.findall(r"[a-z]+", text.partition("\n")[2]))
        found[path.stem] = (text.strip(), tuple(table for table in TABLES if table in words))
    return found


def _write(folder: Path, queries: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    assets = [ASSETS.format(tables=TABLES)]
    for name, (text, tables) in queries.items():
        parameters = ", ".join(f"{table}: Path" for table in tables)
        arguments = ", ".join(f"{table}={table}" for table in tables)
        assets.append(ASSET.format(number=name[1:], parameters=parameters, text=text, arguments=arguments))
    (folder / "assets.py").write_text("\n".join(assets))
    (folder / "queries.py").write_text(f"QUERIES = {queries!r}\n")
    for name, text in (("asking", ASKING), ("script", SCRIPT), ("change", CHANGE), ("same", SAME)):
        (folder / f"{name}.py").write_text(text)


def _place_data(scale: float, folder: Path) -> None:
    """Copy the tables into the project; generate them when this scale factor was never wanted before."""
    kept = cache_folder() / f"tpch-{scale:g}"
    if not (kept / "complete").exists():
        program = python_of(GENERATOR).parent / "tpchgen-cli"
        subprocess.run([program, "parquet", "-s", f"{scale:g}", "-o", kept], check=True, capture_output=True)
        (kept / "complete").touch()
    (folder / "data").mkdir(exist_ok=True)
    for table in TABLES:
        there, here = kept / f"{table}.parquet", folder / "data" / f"{table}.parquet"
        if not here.exists() or here.stat().st_size != there.stat().st_size:
            shutil.copyfile(there, here)
