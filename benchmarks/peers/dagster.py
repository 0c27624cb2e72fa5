"""Dagster in three ways: a run of everything in the process, the same by its command line, and only what is stale.

Its assets carry a code version, bumped by hand with every edit that the benchmark makes, and a data version that is a
hash of the value: without these two, its staleness would say that nothing, or everything, has changed.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.measure.graph import Layered
from benchmarks.peers.peer import PYARROW, Peer
from benchmarks.peers.source import function

__all__ = ["DAGSTER", "DAGSTER_ALL", "DAGSTER_CLI"]

HEAD = """import hashlib
import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dagster import (
    AssetIn, Config, ConfigurableIOManager, DataVersion, Definitions, Output, asset, in_process_executor
)

from helper import base
from tally import ran


class Limits(Config):
    limit: int = 0


class Parquet(ConfigurableIOManager):
    def handle_output(self, context, value):
        path = f"warehouse/{context.asset_key.path[-1]}"
        pq.write_table(value, path + ".tmp")
        os.rename(path + ".tmp", path + ".parquet")

    def load_input(self, context):
        return pq.read_table(f"warehouse/{context.asset_key.path[-1]}.parquet")


def versioned(table):
    digest = hashlib.md5(usedforsecurity=False)
    for column in table.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                digest.update(buffer or b"")
    return Output(table, data_version=DataVersion(digest.hexdigest()))
"""

TAIL = """
defs = Definitions(
    assets=[{names}],
    resources={{"io_manager": Parquet()}},
    executor=in_process_executor,
)
"""

ALL = """
import json

from dagster import DagsterInstance, materialize

import definitions

with open("config.json") as file:
    run_config = {"ops": {"a0": {"config": json.load(file)}}}
with DagsterInstance.get() as instance:
    materialize(
        definitions.defs.assets,
        instance=instance,
        resources={"io_manager": definitions.Parquet()},
        run_config=run_config,
    )
"""

STALE = """
import json
import sys

from dagster import AssetSelection, DagsterInstance, materialize
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

import definitions

with open("config.json") as file:
    config = json.load(file)
with DagsterInstance.get() as instance:
    graph = definitions.defs.resolve_asset_graph()
    suspects = set(graph.materializable_asset_keys)
    while suspects:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        stale = [key for key in suspects if resolver.get_status(key) != StaleStatus.FRESH]
        if not stale or sys.argv[1:] == ["status"]:
            break
        materialize(
            definitions.defs.assets,
            selection=AssetSelection.assets(*stale),
            instance=instance,
            resources={"io_manager": definitions.Parquet()},
            run_config={"ops": {"a0": {"config": config}}} if "a0" in {key.path[-1] for key in stale} else None,
        )
        suspects = {child for key in stale for child in graph.get(key).child_keys}
"""

INSTANCE = "telemetry:\n  enabled: false\n"


def files(graph: Layered) -> dict[str, str]:
    """Return the project."""
    names = ", ".join(f"a{n}" for n in graph.numbers)
    parts = [HEAD, *(_asset(graph, n) for n in graph.numbers), TAIL.format(names=names)]
    return {
        "definitions.py": "\n\n".join(parts),
        "all.py": ALL,
        "stale.py": STALE,
        "home/dagster.yaml": INSTANCE,
        "cli.sh": '"$1" asset materialize --select "*" -m definitions --config-json "{\\"ops\\": {\\"a0\\": '
        '{\\"config\\": $(cat config.json)}}}"\n',
    }


def _asset(graph: Layered, n: int) -> str:
    lines = list(graph.body(n, "config.limit"))
    lines[-1] = f"return versioned({lines[-1].removeprefix('return ')})"
    version = graph.bumps[1] if n == 0 else graph.bumps[0] if n == graph.count - 1 else 0
    ins, parameters = "", "config: Limits" if n == 0 else ""
    if inputs := graph.inputs(n):
        same = inputs[0] == inputs[1]
        wired = {"left": inputs[0]} if same else dict(zip(("left", "right"), inputs, strict=True))
        ins = ", ins={" + ", ".join(f'"{name}": AssetIn("a{each}")' for name, each in wired.items()) + "}"
        parameters = ", ".join(wired)
        lines = ["right = left", *lines] if same else lines
    return function(f'@asset(code_version="{version}"{ins})\ndef a{n}({parameters}):', iter(lines))


DAGSTER = Peer(
    key="dagster",
    name="Dagster, stale only",
    files=files,
    requirements=("dagster==1.13.28", PYARROW),
    build=("{python}", "stale.py"),
    status=("{python}", "stale.py", "status"),
    help=("{bin}/dagster", "--help"),
    imports=("{python}", "-c", "import dagster"),
    env={"DAGSTER_HOME": "{folder}/home"},
    slow=True,
    note="`CachingStaleStatusResolver`, then `materialize` of what it calls stale, and again for what that made stale. "
    "Code versions are bumped by hand, data versions are a hash in each asset.",
)

DAGSTER_ALL = replace(
    DAGSTER,
    key="dagster-all",
    name="Dagster, in-process",
    build=("{python}", "all.py"),
    status=(),
    help=(),
    imports=(),
    cases=("cold", "noop"),
    note="`materialize` of everything: it does not skip what is fresh.",
)

DAGSTER_CLI = replace(
    DAGSTER_ALL,
    key="dagster-cli",
    name="Dagster, command line",
    build=("sh", "cli.sh", "{bin}/dagster"),
    largest=200,
    cases=("cold",),
    note="`dagster asset materialize --select '*'` in one process; its usual executor starts one for each step.",
)
