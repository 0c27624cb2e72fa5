"""The plain loop: what somebody writes without a build system. One process, one thread, everything every time."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import IMPORTS, READ_LIMIT, function

__all__ = ["PLAIN"]

LOOP = """
import inspect
import os
import sys

import pyarrow.parquet as pq

import assets
from graph import GRAPH

for name, inputs in GRAPH.items():
    tables = [pq.read_table(f"warehouse/{key}.parquet") for key in inputs]
    pq.write_table(getattr(assets, name)(*tables), f"warehouse/{name}.tmp")
    os.rename(f"warehouse/{name}.tmp", f"warehouse/{name}.parquet")
"""


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    parts = [IMPORTS]
    for n in graph.numbers:
        parameters = "left, right" if graph.inputs(n) else ""
        parts.append(function(f"def a{n}({parameters}):", graph.body(n, READ_LIMIT)))
    wires = {f"a{n}": [f"a{each}" for each in graph.inputs(n)] for n in graph.numbers}
    return {"assets.py": "\n\n".join(parts), "graph.py": f"GRAPH = {wires!r}\n", "loop.py": LOOP}


PLAIN = Peer(
    key="plain",
    name="plain loop",
    files=files,
    requirements=(PYARROW,),
    build=("{python}", "loop.py"),
    skips=False,
    note="Knows nothing: every run computes everything.",
)
