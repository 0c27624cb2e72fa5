"""redun: one task function for each asset in one workflow; values are files, compared by content."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import function

__all__ = ["REDUN"]

HEAD = """import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from redun import task
from redun.file import ContentFile

from helper import base
from tally import ran

redun_namespace = "bench"


def load(file):
    return pq.read_table(file.path)


def save(name, table):
    pq.write_table(table, f"warehouse/{name}.tmp")
    os.rename(f"warehouse/{name}.tmp", f"warehouse/{name}.parquet")
    return ContentFile(f"warehouse/{name}.parquet")
"""
CONFIG = """
[backend]
db_uri = sqlite:///redun.db

[executors.default]
type = local
max_workers = 2
"""


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    parts = [HEAD]
    main = ["import json", 'limit = json.load(open("config.json"))["limit"]']
    for n in graph.numbers:
        parts.append(_task(graph, n))
        inputs = "limit" if n == 0 else ", ".join(f"v{each}" for each in graph.inputs(n))
        main.append(f"v{n} = a{n}({inputs})")
    main.append(f"return [{', '.join(f'v{n}' for n in graph.leaves)}]")
    parts.append(function("@task(cache=False)\ndef main():", iter(main)))
    return {"workflow.py": "\n\n".join(parts), ".redun/redun.ini": CONFIG}


def _task(graph: Layered, n: int) -> str:
    lines = list(graph.body(n, "limit"))
    lines[-1] = f'return save("a{n}", {lines[-1].removeprefix("return ")})'
    if graph.inputs(n):
        lines.insert(0, "left, right = load(left), load(right)")
    parameters = "limit" if n == 0 else ", ".join(("left", "right")[: len(graph.inputs(n))])
    return function(f"@task()\ndef a{n}({parameters}):", iter(lines))


REDUN = Peer(
    key="redun",
    name="redun",
    files=files,
    requirements=("redun==0.44.1", PYARROW),
    build=("{bin}/redun", "--log-level", "WARN", "run", "workflow.py", "main"),
    help=("{bin}/redun", "--help"),
    imports=("{python}", "-c", "import redun"),
    slow=True,
    note="Two threads, `ContentFile` values. No command that only asks what is stale.",
)
