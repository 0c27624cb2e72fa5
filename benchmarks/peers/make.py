"""GNU make: one rule for each asset, with its step file and its inputs as prerequisites."""

from __future__ import annotations

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import steps
from benchmarks.peers.worker import CLIENT, SERVER, wrapped

__all__ = ["MAKE"]


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    leaves = " ".join(f"warehouse/a{n}.parquet" for n in graph.leaves)
    lines = [f"all: {leaves}", ""]
    for n in graph.numbers:
        inputs = graph.inputs(n)
        needs = " ".join([f"steps/a{n}.py", *(f"warehouse/a{each}.parquet" for each in inputs)])
        config = " config.json" if n == 0 else ""
        lines += [
            f"warehouse/a{n}.parquet: {needs}{config}",
            f"\t@$(PYTHON) -I -S step.py $(PYTHON) a{n} - {' '.join(f'a{each}' for each in inputs)}",
            "",
        ]
    return {
        "Makefile": "\n".join(lines),
        "step.py": CLIENT,
        "server.py": SERVER,
        "build.sh": wrapped('make -s -j2 PYTHON="$1"'),
        **steps(graph),
    }


MAKE = Peer(
    key="make",
    name="GNU make",
    files=files,
    program="make",
    requirements=(PYARROW,),
    build=("sh", "build.sh", "{python}"),
    status=("make", "-q", "PYTHON={python}"),
    help=("make", "--help"),
    once_from=1000,
    note="`make -j2`. Steps run in two warm workers; the recipe is a small client. Compares times, not contents.",
)
