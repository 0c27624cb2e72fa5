"""pytask: one task for each asset, generated in a loop, with its step file and its inputs as dependencies."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import steps

__all__ = ["PYTASK"]

TASKS = """
import json
import runpy
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
from pytask import Product, PythonNode, task

from graph import GRAPH

HERE = Path(__file__).parent
LIMIT = json.loads((HERE / "config.json").read_text())["limit"]


def path(name):
    return HERE / "warehouse" / f"{name}.parquet"


for name, inputs in GRAPH.items():

    @task(id=name)
    def task_build(
        limit: Annotated[int, PythonNode(value=LIMIT if name == "a0" else 0, hash=True)],
        step: Path = HERE / "steps" / f"{name}.py",
        inputs: list[Path] = [path(key) for key in inputs],
        produces: Annotated[Path, Product] = path(name),
    ) -> None:
        value = runpy.run_path(str(step))["build"](*(pq.read_table(key) for key in inputs))
        pq.write_table(value, produces)
"""


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    wires = {f"a{n}": [f"a{each}" for each in graph.inputs(n)] for n in graph.numbers}
    return {
        "task_all.py": TASKS,
        "graph.py": f"GRAPH = {wires!r}\n",
        "pyproject.toml": "[tool.pytask.ini_options]\n",
        **steps(graph),
    }


PYTASK = Peer(
    key="pytask",
    name="pytask",
    files=files,
    requirements=("pytask==0.6.0", PYARROW),
    build=("{bin}/pytask", "--verbose", "0"),
    status=("{bin}/pytask", "--dry-run", "--verbose", "0"),
    help=("{bin}/pytask", "--help"),
    imports=("{python}", "-c", "import pytask"),
    env={"PYTHONPATH": "."},
    slow=True,
    note="One process; its plug-in for parallel tasks is not used.",
)
