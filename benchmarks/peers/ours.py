"""assetbuild: asset functions in modules of a hundred, where tools that watch files have a file for each step."""

from __future__ import annotations

from benchmarks.measure.environments import CHECKOUT
from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import function

__all__ = ["OURS"]

HEAD = """import pyarrow as pa
import pyarrow.compute as pc

from assetbuild import asset
from tally import ran
"""
FIRST = """import pyarrow as pa
import pyarrow.compute as pc

from assetbuild import Config, asset
from helper import base
from tally import ran


class Limits(Config):
    limit: int = 0
"""
IN_ONE_MODULE = 100


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    modules: dict[str, list[str]] = {}
    for n in graph.numbers:
        name = "assets.py" if graph.count <= IN_ONE_MODULE else f"assets_{n // IN_ONE_MODULE}.py"
        modules.setdefault(name, [HEAD if n else FIRST]).append(_asset(graph, n))
    names = ", ".join(f'"{name[:-3]}"' for name in modules)
    settings = f"definitions = [{names}]\n\n[config.a0]\nlimit = {graph.limit}\n"
    return {"assetbuild.toml": settings, **{name: "\n\n".join(parts) for name, parts in modules.items()}}


def _asset(graph: Layered, n: int) -> str:
    parameters = "config: Limits" if n == 0 else ""
    names = []
    if inputs := graph.inputs(n):
        left, right = inputs
        same = left == right
        parameters = f"a{left}: pa.Table" if same else f"a{left}: pa.Table, a{right}: pa.Table"
        names = [f"left, right = a{left}, a{right}"]
    head = f"@asset\ndef a{n}({parameters}) -> pa.Table:"
    return function(head, iter([*names, *graph.body(n, "config.limit")]))


OURS = Peer(
    key="assetbuild",
    name="assetbuild",
    files=files,
    requirements=(CHECKOUT, PYARROW),
    build=("{bin}/assetbuild", "materialize"),
    status=("{bin}/assetbuild", "status"),
    help=("{bin}/assetbuild", "--help"),
    imports=("{python}", "-c", "import assetbuild"),
    note="Two worker processes.",
)
