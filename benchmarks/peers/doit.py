"""doit: one task for each asset, with its step file and its inputs as file_dep, compared by content."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import steps

__all__ = ["DOIT"]

DODO = """
import json
import os
import runpy

from doit.tools import config_changed
from graph import GRAPH

DOIT_CONFIG = {"default_tasks": ["build"], "verbosity": 0, "reporter": "zero"}


def build(name, inputs):
    import pyarrow.parquet as pq

    tables = [pq.read_table(f"warehouse/{key}.parquet") for key in inputs]
    value = runpy.run_path(f"steps/{name}.py")["build"](*tables)
    pq.write_table(value, f"warehouse/{name}.tmp")
    os.rename(f"warehouse/{name}.tmp", f"warehouse/{name}.parquet")


def task_build():
    with open("config.json") as file:
        config = json.load(file)
    for name, inputs in GRAPH.items():
        yield {
            "name": name,
            "actions": [(build, [name, inputs])],
            "file_dep": [f"steps/{name}.py", *(f"warehouse/{key}.parquet" for key in inputs)],
            "targets": [f"warehouse/{name}.parquet"],
            "uptodate": [config_changed(config)] if name == "a0" else [],
        }
"""


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    wires = {f"a{n}": [f"a{each}" for each in graph.inputs(n)] for n in graph.numbers}
    return {"dodo.py": DODO, "graph.py": f"GRAPH = {wires!r}\n", **steps(graph)}


DOIT = Peer(
    key="doit",
    name="doit",
    files=files,
    requirements=("doit==0.37.0", PYARROW),
    build=("{bin}/doit", "-n", "2"),
    status=("{bin}/doit", "list", "--all", "--status"),
    help=("{bin}/doit", "help"),
    imports=("{python}", "-c", "import doit"),
    note="`doit -n 2`. Dependencies are compared by content.",
)
