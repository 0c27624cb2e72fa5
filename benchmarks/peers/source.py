"""Text of the functions that the tools share: one function, one file with one function, one file with all."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure.graph import Layered

__all__ = ["IMPORTS", "READ_LIMIT", "function", "steps"]

IMPORTS = """import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from helper import base
from tally import ran
"""

READ_LIMIT = 'json.load(open("config.json"))["limit"]'
"""How the first asset reads its setting where the tool has no notion of settings."""


def function(head: str, body: Iterator[str]) -> str:
    """Return the text of a function."""
    return "\n    ".join([head, *body]) + "\n"


def steps(graph: Layered) -> dict[str, str]:
    """Return one file for each asset, ``steps/a7.py`` with a function ``build``: for tools that watch files."""
    files = {}
    for n in graph.numbers:
        parameters = "left, right" if graph.inputs(n) else ""
        limit = READ_LIMIT if n == 0 else "0"
        files[f"steps/a{n}.py"] = IMPORTS + "\n\n" + function(f"def build({parameters}):", graph.body(n, limit))
    return files
