"""ninja: one edge for each asset, ``restat``, and steps that leave an equal output alone."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import steps
from benchmarks.peers.worker import CLIENT, SERVER, wrapped

__all__ = ["NINJA"]

RULE = """rule step
  command = $python -I -S step.py $python $asset keep $inputs
  restat = 1
"""


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    edges = ["include python.ninja", RULE]
    for n in graph.numbers:
        inputs = graph.inputs(n)
        needs = " ".join([f"steps/a{n}.py", *(f"warehouse/a{each}.parquet" for each in inputs)])
        config = " config.json" if n == 0 else ""
        edges.append(
            f"build warehouse/a{n}.parquet: step {needs}{config}\n"
            f"  asset = a{n}\n  inputs = {' '.join(f'a{each}' for each in inputs)}\n"
        )
    return {
        "build.ninja": "\n".join(edges),
        "step.py": CLIENT,
        "server.py": SERVER,
        "build.sh": '[ -f python.ninja ] || echo "python = $1" > python.ninja\n' + wrapped("ninja --quiet -j2"),
        **steps(graph),
    }


NINJA = Peer(
    key="ninja",
    name="ninja",
    files=files,
    program="ninja",
    requirements=(PYARROW,),
    build=("sh", "build.sh", "{python}"),
    status=("ninja", "-n"),
    help=("ninja", "--version"),
    once_from=1000,
    note="`ninja -j2`, `restat = 1`. Steps run in two warm workers; the recipe is a small client.",
)
