"""Hamilton with its cache: one function for each asset in one module, results kept as Parquet."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import function

__all__ = ["HAMILTON"]

HEAD = """import pandas as pd
from hamilton.function_modifiers import cache

from helper import base
from tally import ran
"""

RUN = """
import json

import assets
from hamilton import driver

with open("config.json") as file:
    limit = json.load(file)["limit"]
graph = driver.Builder().with_modules(assets).with_cache().build()
graph.execute({leaves}, inputs={{"limit": limit}})
with open("versions.json", "w") as file:
    json.dump(graph.cache.data_versions[graph.cache.last_run_id], file)
"""

WHERE = '''
import json


def where(name):
    """Look the result of a node up in the last run: the cache names its files after the values."""
    with open("versions.json") as file:
        return f".hamilton_cache/{json.load(file)[name]}.parquet"
'''


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    parts = [HEAD, *(_node(graph, n) for n in graph.numbers)]
    leaves = [f"a{n}" for n in graph.leaves]
    return {"assets.py": "\n\n".join(parts), "run.py": RUN.format(leaves=leaves)}


def _node(graph: Layered, n: int) -> str:
    parameters = "limit: int" if n == 0 else ""
    lines = list(graph.body(n, "limit", pandas=True))
    if inputs := graph.inputs(n):
        parameters = ", ".join(f"a{each}: pd.DataFrame" for each in dict.fromkeys(inputs))
        lines.insert(0, f"left, right = a{inputs[0]}, a{inputs[1]}")
    return function(f'@cache(format="parquet")\ndef a{n}({parameters}) -> pd.DataFrame:', iter(lines))


HAMILTON = Peer(
    key="hamilton",
    name="Hamilton, cache",
    files=files,
    requirements=("apache-hamilton==1.90.0", PYARROW, "pandas==3.1.1", "packaging"),
    build=("{python}", "run.py"),
    imports=("{python}", "-c", "from hamilton import driver"),
    where=WHERE,
    slow=True,
    note="pandas frames, for its cache has no fingerprint for Arrow tables. One process, no command line.",
)
